package session_test

import (
	"cmp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/session"
	"github.com/fargatectl/fargatectl/internal/witness"
)

// channels is the policy that the agent needs.
const channels = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssmmessages:*","Resource":"*"}]}`

// A place is a VPC with a public subnet, a role and a cluster, in a sandbox without waits.
type place struct {
	*testing.T
	box                *sandbox.Sandbox
	calls              *aws.Calls
	vpc, subnet, table string
	role               string
}

func must[O any](out O, err error) func(*testing.T) O {
	return func(t *testing.T) O {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func newPlace(t *testing.T) *place {
	box := must(sandbox.Open(sandbox.Options{}))(t)
	p := &place{T: t, box: box, calls: aws.Connect(witness.Recorded(box.Config("us-east-1")))}
	ctx, net := t.Context(), p.net()
	p.vpc = *must(net.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.8.0.0/16")}))(t).Vpc.VpcId
	for _, on := range []*ec2.ModifyVpcAttributeInput{
		{EnableDnsSupport: &ec2types.AttributeBooleanValue{Value: new(true)}}, {EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: new(true)}},
	} {
		on.VpcId = &p.vpc
		must(net.ModifyVpcAttribute(ctx, on))(t)
	}
	igw := must(net.CreateInternetGateway(ctx, nil))(t).InternetGateway.InternetGatewayId
	must(net.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{VpcId: &p.vpc, InternetGatewayId: igw}))(t)
	tables := must(net.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []ec2types.Filter{{Name: new("vpc-id"), Values: []string{p.vpc}}}}))(t)
	p.table = *tables.RouteTables[0].RouteTableId
	must(net.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: &p.table, DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: igw}))(t)
	p.subnet = *must(net.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &p.vpc, CidrBlock: new("10.8.1.0/24")}))(t).Subnet.SubnetId
	p.role = *must(p.iam().CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 new("task"),
		AssumeRolePolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	}))(t).Role.Arn
	must(p.iam().PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("task"), PolicyName: new("exec"), PolicyDocument: new(channels)}))(t)
	must(p.ecs().CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: new("c")}))(t)
	return p
}

func (p *place) net() *ec2.Client { return ec2.NewFromConfig(p.box.Config("us-east-1")) }

func (p *place) iam() *iam.Client { return iam.NewFromConfig(p.box.Config("us-east-1")) }

func (p *place) ecs() *ecs.Client { return ecs.NewFromConfig(p.box.Config("us-east-1")) }

// run runs a task of a definition that differs by change from one in which sessions begin.
func (p *place) run(change func(*ecs.RegisterTaskDefinitionInput)) *session.Target {
	p.Helper()
	in := &ecs.RegisterTaskDefinitionInput{
		Family: new("web"), Cpu: new("256"), Memory: new("512"), NetworkMode: types.NetworkModeAwsvpc, TaskRoleArn: &p.role,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions:    []types.ContainerDefinition{{Name: new("web"), Image: new("public.ecr.aws/x/web:1"), PortMappings: []types.PortMapping{{ContainerPort: new(int32(80))}}}},
	}
	if change != nil {
		change(in)
	}
	ctx := p.Context()
	d := must(p.ecs().RegisterTaskDefinition(ctx, in))(p.T)
	made := must(p.ecs().RunTask(ctx, &ecs.RunTaskInput{
		Cluster: new("c"), TaskDefinition: d.TaskDefinition.TaskDefinitionArn, EnableExecuteCommand: true, LaunchType: types.LaunchTypeFargate,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{p.subnet}, AssignPublicIp: types.AssignPublicIpEnabled}},
	}))(p.T)
	tasks := must(p.ecs().DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: new("c"), Tasks: []string{*made.Tasks[0].TaskArn}}))(p.T).Tasks
	if *tasks[0].LastStatus != "RUNNING" {
		p.Fatalf("%s: %s", *tasks[0].LastStatus, *cmp.Or(tasks[0].StoppedReason, new("")))
	}
	return &session.Target{
		Calls: p.calls, Task: tasks[0], Container: tasks[0].Containers[0],
		Service: &release.Service{Calls: p.calls, Cluster: "c", Name: "web", Foreign: true, Live: &types.Service{}},
	}
}

// failed are the checks that are not passed, by their names.
func failed(t *testing.T, to *session.Target) map[string]session.Check {
	checks := map[string]session.Check{}
	for _, c := range to.Preflight(t.Context()) {
		if c.State != session.OK {
			checks[c.Name] = c
		}
	}
	return checks
}

// fails holds that one check, and no other, fails with these words and this way out.
func fails(t *testing.T, checks map[string]session.Check, name, detail, fix string) {
	t.Helper()
	c := checks[name]
	if len(checks) != 1 || c.State != session.Failed || !strings.Contains(c.Detail, detail) || !strings.Contains(c.Fix, fix) {
		t.Errorf("%+v, want %s to fail alone: %q, %q", checks, name, detail, fix)
	}
}

// TestPreflight holds that each thing that ECS Exec needs is missed by its name.
func TestPreflight(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	to := p.run(nil)
	if checks := failed(t, to); len(checks) > 0 {
		t.Fatalf("nothing is missing: %+v", checks)
	}

	shut := failed(t, p.run(func(d *ecs.RegisterTaskDefinitionInput) { d.ContainerDefinitions[0].ReadonlyRootFilesystem = new(true) }))
	if c := shut["agent"]; c.State != session.Failed {
		t.Errorf("the agent of a container that is read-only: %+v", c)
	}
	delete(shut, "agent") // which can't start there
	fails(t, shut, "file_system", "the root file system of the container is read-only", "readonlyRootFilesystem")

	shared := failed(t, p.run(func(d *ecs.RegisterTaskDefinitionInput) {
		d.PidMode = types.PidModeTask
		d.ContainerDefinitions = append(d.ContainerDefinitions, types.ContainerDefinition{Name: new("side"), Image: new("public.ecr.aws/x/side:1")})
	}))
	fails(t, shared, "file_system", "pidMode task", "leave pidMode out")

	allow := func(policy string) {
		must(p.iam().PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("task"), PolicyName: new("exec"), PolicyDocument: &policy}))(t)
	}
	allow(strings.ReplaceAll(channels, "ssmmessages:*", "ssmmessages:Create*"))
	fails(t, failed(t, to), "task_role", "does not allow ssmmessages:OpenControlChannel, ssmmessages:OpenDataChannel", "add a policy to the task role")
	allow(channels)

	must(p.net().DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: &p.table, DestinationCidrBlock: new("0.0.0.0/0")}))(t)
	fails(t, failed(t, to), "network", "its subnet has no route out, its VPC no endpoint for ssmmessages", "add an interface endpoint for ssmmessages to VPC "+p.vpc)
	must(p.net().CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &p.vpc, ServiceName: new("com.amazonaws.us-east-1.ssmmessages"), VpcEndpointType: ec2types.VpcEndpointTypeInterface, SubnetIds: []string{p.subnet},
	}))(t)
	if checks := failed(t, to); len(checks) > 0 {
		t.Errorf("with an endpoint: %+v", checks)
	}

	encryption := func(key string) session.Check {
		must(p.ecs().UpdateCluster(ctx, &ecs.UpdateClusterInput{Cluster: new("c"), Configuration: &types.ClusterConfiguration{
			ExecuteCommandConfiguration: &types.ExecuteCommandConfiguration{KmsKeyId: &key, Logging: types.ExecuteCommandLoggingDefault},
		}}))(t)
		checks := to.Preflight(ctx)
		return checks[len(checks)-1]
	}
	const id = "1234abcd-12ab-34cd-56ef-1234567890ab"
	for _, key := range []string{"alias/exec", id, "arn:aws:kms:us-east-1:123456789012:key/" + id} {
		if c := encryption(key); c.State != session.Unknown || !strings.Contains(c.Detail, "KMS key "+key+", and the task role") || !strings.Contains(c.Fix, "kms:Decrypt") {
			t.Errorf("%s: %+v", key, c)
		}
	}
	allow(strings.ReplaceAll(channels, `"ssmmessages:*"`, `["ssmmessages:*","kms:Decrypt"]`))
	if c := encryption(id); c.State != session.OK || !strings.Contains(c.Detail, "encrypted with KMS key "+id) {
		t.Errorf("%+v", c)
	}
}
