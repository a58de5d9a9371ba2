package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/rogpeppe/go-internal/testscript"
)

// theirs makes a whole service that works, as somebody does with another tool, without a tag and with names of his own:
// "theirs CLUSTER SERVICE".
func theirs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: theirs CLUSTER SERVICE")
	}
	t := theirService{ts, args[0], args[1]}
	vpc, subnets := t.network()
	group := t.balancer(vpc, subnets)
	t.service(subnets, t.door(vpc), group, t.definition())
}

type theirService struct {
	*testscript.TestScript
	cluster, name string
}

func (t theirService) network() (vpc string, subnets []string) {
	ctx, net := context.Background(), ec2.NewFromConfig(boxOf(t.TestScript).Config("us-east-1"))
	v, err := net.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.8.0.0/16")})
	t.Check(err)
	igw, err := net.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})
	t.Check(err)
	_, err = net.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{VpcId: v.Vpc.VpcId, InternetGatewayId: igw.InternetGateway.InternetGatewayId})
	t.Check(err)
	tables, err := net.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []ec2types.Filter{{Name: new("vpc-id"), Values: []string{*v.Vpc.VpcId}}}})
	t.Check(err)
	_, err = net.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: tables.RouteTables[0].RouteTableId, DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: igw.InternetGateway.InternetGatewayId})
	t.Check(err)
	for i, zone := range []string{"us-east-1a", "us-east-1b"} {
		sn, err := net.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: v.Vpc.VpcId, AvailabilityZone: &zone, CidrBlock: new(fmt.Sprintf("10.8.%d.0/24", i))})
		t.Check(err)
		subnets = append(subnets, *sn.Subnet.SubnetId)
	}
	return *v.Vpc.VpcId, subnets
}

// door is a security group that lets port 80 in.
func (t theirService) door(vpc string) string {
	ctx, net := context.Background(), ec2.NewFromConfig(boxOf(t.TestScript).Config("us-east-1"))
	sg, err := net.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: &t.name, Description: new("web"), VpcId: &vpc})
	t.Check(err)
	_, err = net.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: sg.GroupId, IpPermissions: []ec2types.IpPermission{{
		IpProtocol: new("tcp"), FromPort: new(int32(80)), ToPort: new(int32(80)), IpRanges: []ec2types.IpRange{{CidrIp: new("0.0.0.0/0")}},
	}}})
	t.Check(err)
	return *sg.GroupId
}

// balancer returns the target group behind it.
func (t theirService) balancer(vpc string, subnets []string) string {
	ctx, c := context.Background(), elb.NewFromConfig(boxOf(t.TestScript).Config("us-east-1"))
	lb, err := c.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: &t.name, Subnets: subnets})
	t.Check(err)
	tg, err := c.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: &t.name, VpcId: &vpc, Port: new(int32(80)), Protocol: elbtypes.ProtocolEnumHttp, TargetType: elbtypes.TargetTypeEnumIp})
	t.Check(err)
	_, err = c.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Port: new(int32(80)), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: tg.TargetGroups[0].TargetGroupArn}},
	})
	t.Check(err)
	return *tg.TargetGroups[0].TargetGroupArn
}

// definition has two containers, of which the second is the one behind the balancer, and a log group.
func (t theirService) definition() string {
	ctx, cfg := context.Background(), boxOf(t.TestScript).Config("us-east-1")
	_, err := cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &t.name})
	t.Check(err)
	role, err := iam.NewFromConfig(cfg).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 new(t.name + "-execution"),
		AssumeRolePolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	t.Check(err)
	_, err = iam.NewFromConfig(cfg).AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role.Role.RoleName, PolicyArn: new("arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")})
	t.Check(err)
	log := &ecstypes.LogConfiguration{LogDriver: ecstypes.LogDriverAwslogs, Options: map[string]string{
		"awslogs-group": t.name, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web",
	}}
	out, err := ecs.NewFromConfig(cfg).RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: new(t.name + "-family"), NetworkMode: ecstypes.NetworkModeAwsvpc, Cpu: new("512"), Memory: new("1024"),
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate}, ExecutionRoleArn: role.Role.Arn,
		ContainerDefinitions: []ecstypes.ContainerDefinition{
			{Name: new("agent"), Image: new("public.ecr.aws/x/agent:7"), Essential: new(false), LogConfiguration: log},
			{Name: new("web"), Image: new("public.ecr.aws/x/web:1"), PortMappings: []ecstypes.PortMapping{{ContainerPort: new(int32(80))}}, LogConfiguration: log},
		},
	})
	t.Check(err)
	return *out.TaskDefinition.TaskDefinitionArn
}

func (t theirService) service(subnets []string, sg, group, definition string) {
	ctx, c := context.Background(), ecs.NewFromConfig(boxOf(t.TestScript).Config("us-east-1"))
	_, err := c.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &t.cluster})
	t.Check(err)
	_, err = c.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: &t.cluster, ServiceName: &t.name, TaskDefinition: &definition, DesiredCount: new(int32(3)), LaunchType: ecstypes.LaunchTypeFargate,
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: subnets, SecurityGroups: []string{sg}, AssignPublicIp: ecstypes.AssignPublicIpEnabled}},
		LoadBalancers:        []ecstypes.LoadBalancer{{TargetGroupArn: &group, ContainerName: new("web"), ContainerPort: new(int32(80))}},
	})
	t.Check(err)
}

// unmarked holds that nothing in the sandbox bears a tag of ours.
func unmarked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: unmarked")
	}
	ctx, cfg := context.Background(), boxOf(ts).Config("us-east-1")
	c := ecs.NewFromConfig(cfg)
	all, err := tagging.NewFromConfig(cfg).GetResources(ctx, &tagging.GetResourcesInput{})
	ts.Check(err)
	var marks []string
	for _, r := range all.ResourceTagMappingList {
		for _, tag := range r.Tags {
			marks = append(marks, *r.ResourceARN+" "+*tag.Key)
		}
	}
	definitions, err := c.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{})
	ts.Check(err)
	for _, arn := range definitions.TaskDefinitionArns {
		out, err := c.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}})
		ts.Check(err)
		for _, tag := range out.Tags {
			marks = append(marks, arn+" "+*tag.Key)
		}
	}
	if marks = slices.DeleteFunc(marks, func(m string) bool { return !strings.Contains(m, " fargatectl:") }); len(marks) > 0 {
		ts.Fatalf("tags of ours:\n%s", strings.Join(marks, "\n"))
	}
}
