package steps

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// One change of the manifest is one of the network, and nothing else; what the running release may use goes at the end.
func TestNetworkChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, from, to, plan string }{
		{"allowed_cidrs", plainManifest, with("aws_alb", "allowed_cidrs: [203.0.113.0/24]"), `
+ groups: app-alb-sg: TCP 80 from 203.0.113.0/24
+ groups: app-alb-sg: TCP 443 from 203.0.113.0/24
- groups: app-alb-sg: TCP 443 from 0.0.0.0/0 (not in the manifest), once the new release serves
- groups: app-alb-sg: TCP 80 from 0.0.0.0/0 (not in the manifest), once the new release serves
`},
		{"container_port", plainManifest, with("aws_ecs_service", "container_port: 8081"), `
+ groups: app-ecs-sg: TCP 8081 from app-alb-sg
- groups: app-ecs-sg: TCP 8080 from app-alb-sg (not in the manifest), once the new release serves
`},
		{"IPv6", plainManifest, with("aws_alb", "allowed_cidrs: [0.0.0.0/0, 2001:db8::/32]"), `
+ groups: app-alb-sg: TCP 80 from 2001:db8::/32
+ groups: app-alb-sg: TCP 443 from 2001:db8::/32
`},
		{"a tag", plainManifest, "project_name: app\ntags: {team: a}\n", `
~ vpc: VPC app-vpc 10.0.0.0/16 tags
    tag team: none -> a
~ vpc: internet gateway app-igw tags
    tag team: none -> a
~ subnets: S3 gateway endpoint tags
    tag team: none -> a
~ subnets: public subnet 10.0.101.0/24 in use1-az1 tags
    tag team: none -> a
~ subnets: public subnet 10.0.102.0/24 in use1-az2 tags
    tag team: none -> a
~ subnets: private subnet 10.0.1.0/24 in use1-az1 tags
    tag team: none -> a
~ subnets: private subnet 10.0.2.0/24 in use1-az2 tags
    tag team: none -> a
~ subnets: route table public tags
    tag team: none -> a
~ subnets: route table private use1-az1 tags
    tag team: none -> a
~ subnets: route table private use1-az2 tags
    tag team: none -> a
~ groups: security group app-ecs-sg tags
    tag team: none -> a
~ groups: security group app-alb-sg tags
    tag team: none -> a
`},
		{"a zone more", plainManifest, vpcWith("public_subnets: [10.0.101.0/24, 10.0.102.0/24, 10.0.103.0/24], private_subnets: [10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24]"), `
+ subnets: public subnet 10.0.103.0/24 in use1-az4
+ subnets: private subnet 10.0.3.0/24 in use1-az4
+ subnets: route table private use1-az4
+ subnets: association of the public subnet 10.0.103.0/24 in use1-az4
+ subnets: association of the private subnet 10.0.3.0/24 in use1-az4
~ subnets: S3 gateway endpoint
    route tables: private/use1-az1, private/use1-az2, public -> private/use1-az1, private/use1-az2, private/use1-az4, public
`},
		{
			"a zone less, the first", // the others stay where they are
			vpcWith("azs: [us-east-1b, use1-az2, use1-az4], public_subnets: [10.0.101.0/24, 10.0.102.0/24, 10.0.103.0/24], private_subnets: [10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24]"),
			vpcWith("public_subnets: [10.0.102.0/24, 10.0.103.0/24], private_subnets: [10.0.2.0/24, 10.0.3.0/24]"), `
- subnets: private subnet 10.0.1.0/24 in use1-az1, once the new release serves
- subnets: public subnet 10.0.101.0/24 in use1-az1, once the new release serves
- subnets: route table private use1-az1, once the new release serves
`,
		},
		{"another range", plainManifest, vpcWith("cidr: 10.1.0.0/16"), "error: vpc: VPC VPC has 10.0.0.0/16, and AWS can't change it to 10.1.0.0/16: " +
			"write `cidr: 10.0.0.0/16`, take another project_name, or destroy first\n" +
			"subnets: the public subnet in use1-az1 has 10.0.101.0/24, and AWS can't change it to 10.1.101.0/24: " +
			"write `azs: [use1-az1, use1-az2], public_subnets: [10.0.101.0/24, 10.0.102.0/24]` back, take another project_name, or destroy first"},
		{"another subnet", plainManifest, vpcWith("private_subnets: [10.0.1.0/24, 10.0.9.0/24]"), "error: subnets: the private subnet in use1-az2 has 10.0.2.0/24, " +
			"and AWS can't change it to 10.0.9.0/24: write `azs: [use1-az1, use1-az2], private_subnets: [10.0.1.0/24, 10.0.2.0/24]` back, take another project_name, or destroy first"},
		{"other zones", plainManifest, vpcWith("azs: [use1-az2, use1-az1]"), "error: subnets: the public subnet 10.0.101.0/24 is in use1-az1, and AWS can't move it to use1-az2: " +
			"write `azs: [use1-az1, use1-az2], public_subnets: [10.0.101.0/24, 10.0.102.0/24]` back, take another project_name, or destroy first"},
		{"a zone elsewhere", plainManifest, vpcWith("azs: [use1-az1, euw1-az1]"), "error: subnets: us-east-1 has no availability zone euw1-az1: it has use1-az1, use1-az2, use1-az3, use1-az4, use1-az5, use1-az6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(t *testing.T, w *world) {
				w.pick = onlyNetwork
				w.settled(c.from)
				plan := w.plan(c.to)
				for _, v := range ok(w.ec2().DescribeVpcs(t.Context(), nil)).Vpcs {
					plan = strings.ReplaceAll(plan, *v.VpcId, "VPC")
				}
				same(t, plan, c.plan)
				if !strings.HasPrefix(plan, "error") {
					w.settled(c.to)
					after := w.ours()
					w.destroy(c.to)
					w.settled(c.to)
					if !strings.Contains(c.name, "first") { // law 2; a new network takes the first zones
						same(t, w.ours(), "\n"+after)
					}
				}
			})
		})
	}
}

// What others have changed by hand in what is ours shows in the plan, and goes.
func TestNetworkDrift(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyNetwork
		w.settled(plainManifest)
		before, ctx, c := w.network(), t.Context(), w.ec2()
		named := func(name string) []types.Filter {
			return []types.Filter{{Name: new("tag:Name"), Values: []string{name}}}
		}
		alb := ok(c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: named("app-alb-sg")})).SecurityGroups[0]
		vpc := ok(c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: named("app-vpc")})).Vpcs[0]
		public := ok(c.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: named("app-public")})).RouteTables[0]
		private := ok(c.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: named("app-private-use1-az1")})).RouteTables[0]
		ok(c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: alb.GroupId, IpProtocol: new("tcp"), FromPort: new(int32(22)), ToPort: new(int32(23)), CidrIp: new("0.0.0.0/0")}))
		ok(c.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: alb.GroupId, IpPermissions: alb.IpPermissionsEgress}))
		ok(c.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: vpc.VpcId, EnableDnsHostnames: &types.AttributeBooleanValue{Value: new(false)}}))
		ok(c.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: vpc.VpcId, EnableDnsSupport: &types.AttributeBooleanValue{Value: new(false)}}))
		ok(c.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: public.RouteTableId, DestinationCidrBlock: new("0.0.0.0/0")}))
		ok(c.ReplaceRouteTableAssociation(ctx, &ec2.ReplaceRouteTableAssociationInput{AssociationId: private.Associations[0].RouteTableAssociationId, RouteTableId: public.RouteTableId}))
		same(t, w.plan(plainManifest), `
~ vpc: VPC app-vpc 10.0.0.0/16
    DNS resolution: false -> true
    DNS host names: false -> true
+ subnets: association of the private subnet 10.0.1.0/24 in use1-az1
+ subnets: public default route
+ groups: app-alb-sg: all to 0.0.0.0/0
- groups: app-alb-sg: TCP 22-23 from 0.0.0.0/0 (not in the manifest), once the new release serves
`)
		w.settled(plainManifest)
		same(t, w.network(), "\n"+before)
	})
}

// An internal balancer is open to the VPC, unless the manifest says more.
func TestGroupsInternal(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyNetwork
		w.settled(with("aws_alb", "internal: true"))
		if got := w.network(); !strings.Contains(got, "rule app-alb-sg egress false tcp 80 10.0.0.0/16\n") || strings.Contains(got, "tcp 80 0.0.0.0/0") {
			t.Error(got)
		}
		w.settled(with("aws_alb", "internal: true, allowed_cidrs: [10.9.0.0/16]"))
		if got := w.network(); !strings.Contains(got, "rule app-alb-sg egress false tcp 80 10.9.0.0/16\n") || strings.Contains(got, "tcp 80 10.0.0.0/16") {
			t.Error(got)
		}
	})
}

// Two environments stand beside each other; destroying one leaves the other whole.
func TestNetworkEnvironments(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = wholeNetwork
		m := plainManifest + "environments: {staging: {}}\n"
		w.settled(m)
		before := w.network()
		if r := w.apply(t.Context(), w.app(m, "staging"), false); r.err != nil {
			t.Fatal(r.err)
		}
		if got := w.network(); !strings.Contains(got, "nat app-staging-nat-use1-az1 in app-staging-public-use1-az1 available\n") {
			t.Error(got)
		}
		w.settled(m)
		if r := w.apply(t.Context(), w.app(m, "staging"), true); r.err != nil {
			t.Fatal(r.err)
		}
		same(t, w.network(), before)
	})
}

// What others have put into our VPC, or on our tables, is named and left.
func TestNetworkForeignInside(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyNetwork
		w.settled(plainManifest)
		ctx, c := t.Context(), w.ec2()
		vpc := ok(c.DescribeVpcs(ctx, nil)).Vpcs[0].VpcId
		table := ok(c.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{{Name: new("tag:Name"), Values: []string{"app-public"}}}})).RouteTables[0].RouteTableId
		net := ok(c.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc, CidrBlock: new("10.0.50.0/24")})).Subnet.SubnetId
		assoc := ok(c.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: table, SubnetId: net})).AssociationId
		if r := w.destroy(plainManifest); r.err == nil || !strings.Contains(r.err.Error(), "the association of route table "+*table+" with subnet "+*net+" does not go by itself") {
			t.Error(r.err)
		}
		ok(c.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: assoc}))
		if r := w.destroy(plainManifest); r.err == nil || !strings.Contains(r.err.Error(), "vpc: VPC app-vpc 10.0.0.0/16: subnet "+*net+" does not go by itself") {
			t.Error(r.err)
		}
		ok(c.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: net}))
		if r := w.destroy(plainManifest); r.err != nil {
			t.Error(r.err)
		}
		same(t, w.network(), "")
	})
}
