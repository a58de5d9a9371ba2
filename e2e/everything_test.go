package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scalingtypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// An account is what stands behind an endpoint, seen by the SDK alone.
type account struct {
	ec2     *ec2.Client
	ecr     *ecr.Client
	ecs     *ecs.Client
	elb     *elb.Client
	iam     *iam.Client
	logs    *logs.Client
	scaling *scaling.Client
	secrets *secretsmanager.Client
}

func connect(endpoint string) *account {
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "e2e", ""),
	}
	return &account{
		ec2.NewFromConfig(cfg), ecr.NewFromConfig(cfg), ecs.NewFromConfig(cfg), elb.NewFromConfig(cfg),
		iam.NewFromConfig(cfg), logs.NewFromConfig(cfg), scaling.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg),
	}
}

// everything lists all that is in the account and could be a project's: every VPC with what is in it, and what has
// the project in its name. What AWS only remembers (deleted gateways, INACTIVE clusters) is not there.
func (a *account) everything(t *testing.T, project string) []string {
	t.Helper()
	l := &lister{t: t, ctx: t.Context(), project: project}
	a.network(l)
	a.balancing(l)
	a.containers(l)
	a.rest(l)
	slices.Sort(l.all)
	return l.all
}

type lister struct {
	t       *testing.T
	ctx     context.Context
	project string
	all     []string
}

func (l *lister) add(kind string, id *string) { l.all = append(l.all, kind+" "+*id) }

// named adds what has the project in its name.
func (l *lister) named(kind string, name *string) {
	if strings.Contains(*name, l.project) {
		l.add(kind, name)
	}
}

// page makes a request that must succeed. The lists here fit on one page, but for the roles.
func page[In, Out, Option any](l *lister, do func(context.Context, *In, ...func(*Option)) (*Out, error), in *In) *Out {
	l.t.Helper()
	out, err := do(l.ctx, in)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

func (a *account) network(l *lister) {
	for _, v := range page(l, a.ec2.DescribeVpcs, &ec2.DescribeVpcsInput{}).Vpcs {
		l.add("VPC", v.VpcId)
	}
	for _, v := range page(l, a.ec2.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets {
		l.add("subnet", v.SubnetId)
	}
	for _, v := range page(l, a.ec2.DescribeRouteTables, &ec2.DescribeRouteTablesInput{}).RouteTables {
		l.add("route table", v.RouteTableId)
	}
	for _, v := range page(l, a.ec2.DescribeInternetGateways, &ec2.DescribeInternetGatewaysInput{}).InternetGateways {
		l.add("internet gateway", v.InternetGatewayId)
	}
	for _, v := range page(l, a.ec2.DescribeNatGateways, &ec2.DescribeNatGatewaysInput{}).NatGateways {
		if v.State != ec2types.NatGatewayStateDeleted && v.State != ec2types.NatGatewayStateDeleting {
			l.add("NAT gateway", v.NatGatewayId)
		}
	}
	for _, v := range page(l, a.ec2.DescribeAddresses, &ec2.DescribeAddressesInput{}).Addresses {
		l.add("address", v.AllocationId)
	}
	for _, v := range page(l, a.ec2.DescribeVpcEndpoints, &ec2.DescribeVpcEndpointsInput{}).VpcEndpoints {
		if !strings.EqualFold(string(v.State), "deleted") && !strings.EqualFold(string(v.State), "deleting") {
			l.add("VPC endpoint", v.VpcEndpointId)
		}
	}
	for _, v := range page(l, a.ec2.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{}).SecurityGroups {
		l.add("security group", v.GroupId)
	}
}

func (a *account) balancing(l *lister) {
	for _, v := range page(l, a.elb.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{}).LoadBalancers {
		l.add("load balancer", v.LoadBalancerArn)
	}
	for _, v := range page(l, a.elb.DescribeTargetGroups, &elb.DescribeTargetGroupsInput{}).TargetGroups {
		l.add("target group", v.TargetGroupArn)
	}
}

func (a *account) containers(l *lister) {
	clusters := page(l, a.ecs.ListClusters, &ecs.ListClustersInput{}).ClusterArns
	if len(clusters) > 0 {
		for _, v := range page(l, a.ecs.DescribeClusters, &ecs.DescribeClustersInput{Clusters: clusters}).Clusters {
			if *v.Status != "INACTIVE" {
				l.add("cluster", v.ClusterArn)
			}
		}
	}
	for _, v := range page(l, a.ecs.ListTaskDefinitions, &ecs.ListTaskDefinitionsInput{FamilyPrefix: &l.project}).TaskDefinitionArns {
		l.add("task definition", &v)
	}
	for _, v := range page(l, a.ecr.DescribeRepositories, &ecr.DescribeRepositoriesInput{}).Repositories {
		l.add("repository", v.RepositoryArn)
	}
	for _, v := range page(l, a.scaling.DescribeScalableTargets, &scaling.DescribeScalableTargetsInput{ServiceNamespace: scalingtypes.ServiceNamespaceEcs}).ScalableTargets {
		l.add("scalable target", v.ResourceId)
	}
}

func (a *account) rest(l *lister) {
	for in := (&iam.ListRolesInput{}); ; {
		out := page(l, a.iam.ListRoles, in)
		for _, v := range out.Roles {
			l.named("role", v.RoleName)
		}
		if in.Marker = out.Marker; !out.IsTruncated {
			break
		}
	}
	for _, v := range page(l, a.logs.DescribeLogGroups, &logs.DescribeLogGroupsInput{}).LogGroups {
		l.named("log group", v.LogGroupName)
	}
	for _, v := range page(l, a.secrets.ListSecrets, &secretsmanager.ListSecretsInput{IncludePlannedDeletion: new(true)}).SecretList {
		l.named("secret", v.Name)
	}
}

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// makeForeign makes what is somebody else's, with names near ours.
func (a *account) makeForeign(t *testing.T, project string) []string {
	t.Helper()
	l := &lister{t: t, ctx: t.Context(), project: project}
	vpc := page(l, a.ec2.CreateVpc, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16"), TagSpecifications: []ec2types.TagSpecification{{
		ResourceType: ec2types.ResourceTypeVpc, Tags: []ec2types.Tag{{Key: new("Name"), Value: new(project + "-foreign")}, {Key: new("foreign-to"), Value: &project}},
	}}}).Vpc
	l.add("VPC", vpc.VpcId)
	name := project + "-foreign"
	page(l, a.iam.CreateRole, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: new(trust)})
	l.add("role", &name)
	page(l, a.logs.CreateLogGroup, &logs.CreateLogGroupInput{LogGroupName: &name})
	l.add("log group", &name)
	return l.all
}

func (a *account) removeForeign(t *testing.T, project string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	l := &lister{t: t, ctx: ctx, project: project}
	name := project + "-foreign"
	for _, v := range page(l, a.ec2.DescribeVpcs, &ec2.DescribeVpcsInput{Filters: []ec2types.Filter{{Name: new("tag:foreign-to"), Values: []string{project}}}}).Vpcs {
		page(l, a.ec2.DeleteVpc, &ec2.DeleteVpcInput{VpcId: v.VpcId})
	}
	page(l, a.iam.DeleteRole, &iam.DeleteRoleInput{RoleName: &name})
	page(l, a.logs.DeleteLogGroup, &logs.DeleteLogGroupInput{LogGroupName: &name})
}
