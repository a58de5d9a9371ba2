// Command fargatectl takes a folder with a Dockerfile to a production HTTPS API on AWS ECS Fargate and operates it.
package main

import (
	"os"

	"github.com/fargatectl/fargatectl/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args)) }
