package steps

import "github.com/fargatectl/fargatectl/deploy"

// All is the whole architecture, in the order one would take by hand.
func All(app *App) []deploy.Step {
	vpc := &VPC{App: app}
	subnets := &Subnets{App: app, VPC: vpc}
	groups := &Groups{App: app, VPC: vpc}
	eip := &EIP{App: app}
	nat := &NAT{App: app, VPC: vpc, Subnets: subnets, EIP: eip}
	endpoints := &Endpoints{App: app, VPC: vpc, Subnets: subnets, Groups: groups}
	flowLogs := &FlowLogs{App: app, VPC: vpc}
	ecr := &ECR{App: app}
	image := &Image{App: app, ECR: ecr, Asked: true}
	scan := &Scan{App: app, Image: image}
	iam := &IAM{App: app}
	secrets := &Secrets{App: app, IAM: iam}
	logs := &Logs{App: app}
	cluster := &Cluster{App: app}
	taskdef := &TaskDef{App: app, Images: image, Scan: scan, IAM: iam, Secrets: secrets, Logs: logs}
	certificate := &Certificate{App: app}
	alb := &ALB{App: app, VPC: vpc, Subnets: subnets, Groups: groups}
	https := &HTTPS{App: app, ALB: alb, Certificate: certificate}
	dns := &DNS{App: app, ALB: alb, Certificate: certificate}
	service := &Service{App: app, Cluster: cluster, TaskDef: taskdef, Subnets: subnets, Groups: groups, NAT: nat, Endpoints: endpoints, IAM: iam, ALB: alb}
	scaling := &Scaling{App: app, ALB: alb, Service: service}
	rollout := &Rollout{App: app, Service: service, ALB: alb}
	keep := &Keep{App: app, Image: image, TaskDef: taskdef, Rollout: rollout}
	traffic := &Traffic{App: app, ALB: alb, Rollout: rollout}
	return []deploy.Step{
		vpc, subnets, groups, eip, nat, endpoints, flowLogs,
		ecr, image, scan, iam, secrets, logs, cluster, taskdef,
		certificate, alb, https, dns,
		service, scaling, rollout, keep, traffic,
	}
}
