// Command fargatectl takes a folder with a Dockerfile to a production HTTPS API on AWS ECS Fargate and operates it.
package main

func main() {}
