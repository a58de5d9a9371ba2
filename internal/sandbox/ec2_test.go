package sandbox

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// A network is what most tests begin with: a VPC with an internet gateway and a subnet in two zones.
type network struct {
	*ec2.Client
	s        *Sandbox
	t        *testing.T
	vpc, igw string
	subnets  []string
}

func tagSpec(kind types.ResourceType, kv ...string) []types.TagSpecification {
	spec := types.TagSpecification{ResourceType: kind}
	for i := 0; i < len(kv); i += 2 {
		spec.Tags = append(spec.Tags, types.Tag{Key: &kv[i], Value: &kv[i+1]})
	}
	return []types.TagSpecification{spec}
}

// inNetwork runs a test in a bubble, on a sandbox with AWS's own waits.
func inNetwork(t *testing.T, test func(t *testing.T, n *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Options{Speed: 1})
		if err != nil {
			t.Fatal(err)
		}
		n := &network{Client: ec2.NewFromConfig(s.Config("us-east-1")), s: s, t: t}
		n.vpc = *ok(n.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16"), TagSpecifications: tagSpec("vpc", "Name", "test")})).Vpc.VpcId
		n.igw = *ok(n.CreateInternetGateway(t.Context(), nil)).InternetGateway.InternetGatewayId
		ok(n.AttachInternetGateway(t.Context(), &ec2.AttachInternetGatewayInput{InternetGatewayId: &n.igw, VpcId: &n.vpc}))
		for i, cidr := range []string{"10.0.1.0/24", "10.0.2.0/28"} {
			out := ok(n.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: &cidr, AvailabilityZoneId: new([]string{"use1-az1", "use1-az2"}[i])}))
			n.subnets = append(n.subnets, *out.Subnet.SubnetId)
		}
		test(t, n)
	})
}

// ok is what a call returned that is to succeed.
func ok[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// codeOf is the code of a call's error.
func codeOf[T any](_ T, err error) string {
	return code(err)
}

func (n *network) nat() types.NatGateway {
	return ok(n.DescribeNatGateways(n.t.Context(), &ec2.DescribeNatGatewaysInput{})).NatGateways[0]
}

func (n *network) free(subnet string) int32 {
	return *ok(n.DescribeSubnets(n.t.Context(), &ec2.DescribeSubnetsInput{SubnetIds: []string{subnet}})).Subnets[0].AvailableIpAddressCount
}

// A NAT gateway is pending, available, deleting, deleted, forgotten; while it is there, its subnet, its address and
// the internet gateway can't go.
func TestNatGateway(t *testing.T) {
	t.Parallel()
	inNetwork(t, func(t *testing.T, n *network) {
		ctx := t.Context()
		eip := ok(n.AllocateAddress(ctx, &ec2.AllocateAddressInput{})).AllocationId
		in := &ec2.CreateNatGatewayInput{SubnetId: &n.subnets[0], AllocationId: eip, ClientToken: new("once")}
		gw := ok(n.CreateNatGateway(ctx, in)).NatGateway
		if again := ok(n.CreateNatGateway(ctx, in)).NatGateway; *again.NatGatewayId != *gw.NatGatewayId {
			t.Error("the same token made another gateway")
		}
		if c := codeOf(n.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &n.subnets[1], AllocationId: eip, ClientToken: new("once")})); c != "IdempotentParameterMismatch" {
			t.Error(c)
		}
		table := ok(n.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &n.vpc})).RouteTable.RouteTableId
		ok(n.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: table, DestinationCidrBlock: new("0.0.0.0/0"), NatGatewayId: gw.NatGatewayId}))
		time.Sleep(natReady - time.Second)
		if s := n.nat().State; s != types.NatGatewayStatePending {
			t.Error("before", s)
		}
		time.Sleep(time.Second)
		if g := n.nat(); g.State != types.NatGatewayStateAvailable || *g.NatGatewayAddresses[0].AllocationId != *eip || *g.NatGatewayAddresses[0].PrivateIp != "10.0.1.4" {
			t.Error("ready", g)
		}
		if free := n.free(n.subnets[0]); free != 250 {
			t.Error("free addresses", free)
		}
		for what, got := range map[string]string{
			"subnet":  codeOf(n.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &n.subnets[0]})),
			"gateway": codeOf(n.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &n.igw, VpcId: &n.vpc})),
			"vpc":     codeOf(n.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &n.vpc})),
		} {
			if got != "DependencyViolation" {
				t.Error(what, got)
			}
		}
		if c := codeOf(n.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: eip})); c != "InvalidIPAddress.InUse" {
			t.Error(c)
		}
		ok(n.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: gw.NatGatewayId}))
		if r := ok(n.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{*table}})).RouteTables[0].Routes; r[1].State != types.RouteStateBlackhole {
			t.Error("route", r)
		}
		time.Sleep(natDeleted)
		if s := n.nat().State; s != types.NatGatewayStateDeleted || n.free(n.subnets[0]) != 251 {
			t.Error("after", s, n.free(n.subnets[0]))
		}
		ok(n.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: eip}))
		if c := codeOf(n.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: eip})); c != "InvalidAllocationID.NotFound" {
			t.Error(c)
		}
		if again := ok(n.CreateNatGateway(ctx, in)).NatGateway; again.State != types.NatGatewayStateDeleted {
			t.Error("the token of a deleted gateway made", again.State)
		}
		time.Sleep(natRemembered)
		if c := codeOf(n.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{*gw.NatGatewayId}})); c != "NatGatewayNotFound" {
			t.Error(c)
		}
	})
}

// What is wrong with the network shows as a failed gateway, not as a refused call.
func TestNatGatewayFails(t *testing.T) {
	t.Parallel()
	inNetwork(t, func(t *testing.T, n *network) {
		ctx := t.Context()
		eip := ok(n.AllocateAddress(ctx, nil)).AllocationId
		ok(n.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &n.igw, VpcId: &n.vpc}))
		gw := ok(n.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &n.subnets[0], AllocationId: eip})).NatGateway
		if gw.State != types.NatGatewayStatePending || gw.FailureCode != nil || n.nat().FailureCode != nil {
			t.Error("at first", gw.State, gw.FailureCode)
		}
		time.Sleep(natFails)
		if g := n.nat(); g.State != types.NatGatewayStateFailed || *g.FailureCode != "Gateway.NotAttached" || *g.FailureMessage != "Network "+n.vpc+" has no Internet gateway attached" {
			t.Error(g.State, *g.FailureCode, *g.FailureMessage)
		}
		ok(n.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: gw.NatGatewayId}))
		ok(n.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &n.igw, VpcId: &n.vpc}))
		one := ok(n.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &n.subnets[0], AllocationId: eip})).NatGateway
		two := ok(n.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &n.subnets[1], AllocationId: eip})).NatGateway
		time.Sleep(natReady)
		list := ok(n.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{Filter: []types.Filter{{Name: new("state"), Values: []string{"available", "failed"}}}})).NatGateways
		for _, g := range list {
			if fine := g.State == types.NatGatewayStateAvailable; fine != (*g.NatGatewayId == *one.NatGatewayId) || !fine && (*g.NatGatewayId != *two.NatGatewayId || *g.FailureCode != "Resource.AlreadyAssociated") {
				t.Error(*g.NatGatewayId, g.State, g.FailureCode)
			}
		}
		if len(list) != 2 {
			t.Error(len(list))
		}
	})
}

// Interfaces of services hold groups and subnets until they are gone.
func TestInterfaces(t *testing.T) {
	t.Parallel()
	inNetwork(t, func(t *testing.T, n *network) {
		ctx := t.Context()
		sg := ok(n.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: &n.vpc, GroupName: new("app-alb-sg"), Description: new("d")})).GroupId
		var eni, ip string
		if err := n.s.Do(func(st *State) {
			eni, ip, _ = n.s.attachENI(st.Regions["us-east-1"], n.subnets[1], []string{*sg}, ownedByELB, "ELB app/app-alb/0123")
			n.s.mapPublicIP(st.Regions["us-east-1"], eni)
		}); err != nil {
			t.Fatal(err)
		}
		if ip != "10.0.2.4" || n.free(n.subnets[1]) != 10 {
			t.Error(ip, n.free(n.subnets[1]))
		}
		found := ok(n.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{
			{Name: new("group-id"), Values: []string{*sg}}, {Name: new("description"), Values: []string{"ELB app/app-alb/*"}},
		}})).NetworkInterfaces
		if len(found) != 1 || *found[0].NetworkInterfaceId != eni || *found[0].RequesterId != "amazon-elb" || found[0].Association == nil {
			t.Error(found)
		}
		if c := codeOf(n.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: sg})); c != "DependencyViolation" {
			t.Error(c)
		}
		if c := codeOf(n.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &n.igw, VpcId: &n.vpc})); c != "DependencyViolation" {
			t.Error(c)
		}
		var last string
		for n.free(n.subnets[1]) > 0 {
			last = *ok(n.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &n.subnets[1]})).NetworkInterface.PrivateIpAddress
		}
		if last != "10.0.2.14" {
			t.Error("last address", last)
		}
		if c := codeOf(n.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &n.subnets[1]})); c != "InsufficientFreeAddressesInSubnet" {
			t.Error(c)
		}
		if err := n.s.Do(func(st *State) { n.s.detachENI(st.Regions["us-east-1"], eni) }); err != nil {
			t.Fatal(err)
		}
		ok(n.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: sg}))
		ok(n.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &n.igw, VpcId: &n.vpc}))
	})
}

// Every refusal has AWS's own code.
func TestNetworkRefusals(t *testing.T) {
	t.Parallel()
	inNetwork(t, func(t *testing.T, n *network) {
		ctx := t.Context()
		main := ok(n.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{{Name: new("association.main"), Values: []string{"true"}}}})).RouteTables[0]
		subnet := func(cidr string, zone *string) func() string {
			return func() string {
				return codeOf(n.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: &cidr, AvailabilityZone: zone}))
			}
		}
		route := func(in *ec2.CreateRouteInput) func() string {
			in.RouteTableId = main.RouteTableId
			return func() string { return codeOf(n.CreateRoute(ctx, in)) }
		}
		for _, c := range []struct {
			want string
			call func() string
		}{
			{"InvalidVpc.Range", func() string { return codeOf(n.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/8")})) }},
			{"InvalidParameterValue", func() string { return codeOf(n.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0")})) }},
			{"DryRunOperation", func() string {
				return codeOf(n.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16"), DryRun: new(true)}))
			}},
			{"InvalidSubnet.Range", subnet("10.1.0.0/24", nil)},
			{"InvalidSubnet.Range", subnet("10.0.9.0/29", nil)},
			{"InvalidSubnet.Conflict", subnet("10.0.1.128/25", nil)},
			{"InvalidParameterValue", subnet("10.0.9.0/24", new("us-east-1q"))},
			{"InvalidVpcID.NotFound", func() string { return codeOf(n.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: new("vpc-0123")})) }},
			{"InvalidVpcID.Malformed", func() string { return codeOf(n.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &n.igw})) }},
			{"Resource.AlreadyAssociated", func() string {
				return codeOf(n.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &n.igw, VpcId: &n.vpc}))
			}},
			{"DependencyViolation", func() string {
				return codeOf(n.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &n.igw}))
			}},
			{"", route(&ec2.CreateRouteInput{DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &n.igw})},
			{"RouteAlreadyExists", route(&ec2.CreateRouteInput{DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &n.igw})},
			{"InvalidNatGatewayID.NotFound", route(&ec2.CreateRouteInput{DestinationCidrBlock: new("1.0.0.0/8"), NatGatewayId: new("nat-01")})},
			{"InvalidParameterValue", func() string {
				return codeOf(n.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: main.Associations[0].RouteTableAssociationId}))
			}},
			{"InvalidParameterValue", func() string {
				return codeOf(n.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: new("colour"), Values: []string{"blue"}}}}))
			}},
			{"InvalidParameterValue", func() string {
				return codeOf(n.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16"), TagSpecifications: tagSpec("subnet", "a", "b")}))
			}},
			{"InvalidServiceName", func() string {
				return codeOf(n.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{VpcId: &n.vpc, ServiceName: new("com.amazonaws.us-east-1.nothing")}))
			}},
			{"InvalidParameter", func() string { // without DNS host names
				return codeOf(n.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{VpcId: &n.vpc, VpcEndpointType: "Interface", ServiceName: new("com.amazonaws.us-east-1.logs")}))
			}},
		} {
			if got := c.call(); got != c.want {
				t.Errorf("got %q want %q", got, c.want)
			}
		}
		quota := func(want string, most int, create func() string) {
			for range most {
				if c := create(); c == want {
					return
				} else if c != "" {
					t.Error(want, c)
				}
			}
			t.Error("no", want)
		}
		quota("VpcLimitExceeded", maxVPCs, func() string { return codeOf(n.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.9.0.0/16")})) })
		quota("AddressLimitExceeded", maxAddresses+1, func() string { return codeOf(n.AllocateAddress(ctx, nil)) })
	})
}

func TestGroupRules(t *testing.T) {
	t.Parallel()
	inNetwork(t, func(t *testing.T, n *network) {
		ctx := t.Context()
		group := func(name string) *string {
			return ok(n.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: &n.vpc, GroupName: &name, Description: &name})).GroupId
		}
		alb, task := group("alb"), group("task")
		if c := codeOf(n.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: &n.vpc, GroupName: new("alb"), Description: new("d")})); c != "InvalidGroup.Duplicate" {
			t.Error(c)
		}
		tcp := func(port int32, cidrs ...string) []types.IpPermission {
			p := types.IpPermission{IpProtocol: new("tcp"), FromPort: &port, ToPort: &port}
			for _, cidr := range cidrs {
				p.IpRanges = append(p.IpRanges, types.IpRange{CidrIp: &cidr})
			}
			return []types.IpPermission{p}
		}
		in := &ec2.AuthorizeSecurityGroupIngressInput{GroupId: alb, IpPermissions: tcp(80, "0.0.0.0/0", "10.1.2.3/8")}
		added := ok(n.AuthorizeSecurityGroupIngress(ctx, in)).SecurityGroupRules
		if len(added) != 2 || *added[1].CidrIpv4 != "10.0.0.0/8" {
			t.Error(added)
		}
		if c := codeOf(n.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: alb, IpPermissions: tcp(80, "10.0.0.0/8", "1.0.0.0/8")})); c != "InvalidPermission.Duplicate" {
			t.Error(c)
		}
		from := []types.IpPermission{{IpProtocol: new("tcp"), FromPort: new(int32(8080)), ToPort: new(int32(8080)), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: alb}}}}
		ok(n.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: task, IpPermissions: from}))
		if c := codeOf(n.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: alb})); c != "DependencyViolation" {
			t.Error(c)
		}
		shown := ok(n.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*alb, *task}, Filters: []types.Filter{{Name: new("group-name"), Values: []string{"a*"}}}})).SecurityGroups
		if len(shown) != 1 || len(shown[0].IpPermissions) != 1 || len(shown[0].IpPermissions[0].IpRanges) != 2 || *shown[0].IpPermissionsEgress[0].IpProtocol != "-1" {
			t.Error(shown)
		}
		if shown[0].IpPermissions[0].UserIdGroupPairs == nil { // boto3's users read it without asking
			t.Error("an empty list of a permission is left out")
		}
		ok(n.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: task, IpPermissions: from}))
		if c := codeOf(n.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: task, IpPermissions: from})); c != "InvalidPermission.NotFound" {
			t.Error(c)
		}
		ok(n.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: alb, SecurityGroupRuleIds: []string{*added[0].SecurityGroupRuleId}}))
		ok(n.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{*added[1].SecurityGroupRuleId}, Tags: []types.Tag{{Key: new("k"), Value: new("v")}}}))
		left := ok(n.DescribeSecurityGroupRules(ctx, &ec2.DescribeSecurityGroupRulesInput{Filters: []types.Filter{{Name: new("group-id"), Values: []string{*alb}}, {Name: new("tag:k"), Values: []string{"v"}}}})).SecurityGroupRules
		if len(left) != 1 || *left[0].SecurityGroupRuleId != *added[1].SecurityGroupRuleId {
			t.Error(left)
		}
		for port := int32(1); port < maxRules; port++ {
			ok(n.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: alb, IpPermissions: tcp(port, "0.0.0.0/0")}))
		}
		if c := codeOf(n.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: alb, IpPermissions: tcp(1000, "0.0.0.0/0")})); c != "RulesPerSecurityGroupLimitExceeded" {
			t.Error(c)
		}
		ok(n.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: alb}))
	})
}

// A gateway endpoint is a route in each table; an interface endpoint is an interface in each subnet.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	inNetwork(t, func(t *testing.T, n *network) {
		ctx := t.Context()
		ok(n.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: &n.vpc, EnableDnsHostnames: &types.AttributeBooleanValue{Value: new(true)}}))
		table := ok(n.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &n.vpc})).RouteTable.RouteTableId
		create := func(in *ec2.CreateVpcEndpointInput) (*ec2.CreateVpcEndpointOutput, error) {
			in.VpcId = &n.vpc
			return n.CreateVpcEndpoint(ctx, in)
		}
		s3 := ok(create(&ec2.CreateVpcEndpointInput{ServiceName: new("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{*table}})).VpcEndpoint
		if c := codeOf(create(&ec2.CreateVpcEndpointInput{ServiceName: new("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{*table}})); c != "RouteAlreadyExists" {
			t.Error(c)
		}
		routes := func() []types.Route {
			return ok(n.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{*table}})).RouteTables[0].Routes
		}
		if r := routes(); len(r) != 2 || *r[1].DestinationPrefixListId != "pl-63a5400a" || *r[1].GatewayId != *s3.VpcEndpointId {
			t.Error(r)
		}
		logs := ok(create(&ec2.CreateVpcEndpointInput{VpcEndpointType: "Interface", ServiceName: new("com.amazonaws.us-east-1.logs"), SubnetIds: n.subnets})).VpcEndpoint
		if c := codeOf(create(&ec2.CreateVpcEndpointInput{VpcEndpointType: "Interface", ServiceName: new("com.amazonaws.us-east-1.logs"), SubnetIds: n.subnets})); c != "InvalidParameter" {
			t.Error("private DNS conflict", c)
		}
		if len(logs.NetworkInterfaceIds) != 2 || logs.State != endpointPending || n.free(n.subnets[0]) != 250 {
			t.Error(logs)
		}
		ok(n.ModifyVpcEndpoint(ctx, &ec2.ModifyVpcEndpointInput{VpcEndpointId: logs.VpcEndpointId, RemoveSubnetIds: n.subnets[:1]}))
		time.Sleep(endpointUp)
		state := func() []types.VpcEndpoint {
			return ok(n.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{Filters: []types.Filter{{Name: new("vpc-endpoint-type"), Values: []string{"Interface"}}}})).VpcEndpoints
		}
		if p := state()[0]; p.State != endpointAvailable || len(p.SubnetIds) != 1 || n.free(n.subnets[0]) != 251 {
			t.Error(p)
		}
		out := ok(n.DeleteVpcEndpoints(ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*logs.VpcEndpointId, *s3.VpcEndpointId, "vpce-0"}}))
		if len(out.Unsuccessful) != 1 || len(routes()) != 1 || state()[0].State != endpointDeleting {
			t.Error(out, routes(), state())
		}
		if c := codeOf(n.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &n.subnets[1]})); c != "DependencyViolation" {
			t.Error(c)
		}
		time.Sleep(endpointGone)
		if len(state()) != 0 {
			t.Error(state())
		}
		ok(n.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &n.subnets[1]}))
	})
}

func TestFlowLogs(t *testing.T) {
	t.Parallel()
	inNetwork(t, func(t *testing.T, n *network) {
		in := &ec2.CreateFlowLogsInput{
			ResourceIds: []string{n.vpc, "vpc-0"}, ResourceType: "VPC", TrafficType: "ALL", LogGroupName: new("/vpc/app"), DeliverLogsPermissionArn: new("arn:aws:iam::123456789012:role/r"),
			TagSpecifications: tagSpec("vpc-flow-log", "a", "b"),
		}
		out := ok(n.CreateFlowLogs(t.Context(), in))
		if len(out.FlowLogIds) != 1 || len(out.Unsuccessful) != 1 || *out.Unsuccessful[0].Error.Code != "InvalidVpcID.NotFound" {
			t.Error(out)
		}
		if c := codeOf(n.CreateFlowLogs(t.Context(), in)); c != "FlowLogAlreadyExists" {
			t.Error(c)
		}
		found := ok(n.DescribeFlowLogs(t.Context(), &ec2.DescribeFlowLogsInput{Filter: []types.Filter{{Name: new("tag:a"), Values: []string{"b"}}}})).FlowLogs
		if len(found) != 1 || *found[0].LogGroupName != "/vpc/app" || *found[0].ResourceId != n.vpc {
			t.Error(found)
		}
		if out := ok(n.DeleteFlowLogs(t.Context(), &ec2.DeleteFlowLogsInput{FlowLogIds: append(out.FlowLogIds, "fl-0")})); len(out.Unsuccessful) != 1 {
			t.Error(out)
		}
	})
}

// Zones have names and ids in no order together, and there are prefix lists and regions to be found.
func TestPlaces(t *testing.T) {
	t.Parallel()
	inNetwork(t, func(t *testing.T, n *network) {
		all := ok(n.DescribeAvailabilityZones(t.Context(), &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{{Name: new("zone-type"), Values: []string{"availability-zone"}}}})).AvailabilityZones
		if len(all) != 6 || *all[0].ZoneName != "us-east-1a" || *all[0].ZoneId != "use1-az6" {
			t.Error(all)
		}
		for region, prefix := range map[string]string{"ap-northeast-1": "apne1", "eu-central-1": "euc1", "us-gov-west-1": "usgw1", "ap-southeast-2": "apse2"} {
			if got := zonePrefix(region); got != prefix {
				t.Error(region, got)
			}
		}
		lists := ok(n.DescribePrefixLists(t.Context(), &ec2.DescribePrefixListsInput{Filters: []types.Filter{{Name: new("prefix-list-name"), Values: []string{"*.s3"}}}})).PrefixLists
		if len(lists) != 1 || *lists[0].PrefixListId != "pl-63a5400a" {
			t.Error(lists)
		}
		if c := codeOf(n.DescribeRegions(context.Background(), &ec2.DescribeRegionsInput{RegionNames: []string{"moon-1"}})); c != "InvalidParameterValue" {
			t.Error(c)
		}
	})
}

// The network is kept with its waits: another process sees what is pending, and what has become of it.
func TestNetworkKept(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Now()
	client := func() *ec2.Client {
		s, err := Open(Options{Dir: dir, Speed: 1, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		return ec2.NewFromConfig(s.Config("eu-west-1"))
	}
	ctx, c := t.Context(), client()
	vpc := ok(c.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")})).Vpc.VpcId
	ok(c.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: vpc, EnableDnsHostnames: &types.AttributeBooleanValue{Value: new(true)}}))
	igw := ok(c.CreateInternetGateway(ctx, nil)).InternetGateway.InternetGatewayId
	ok(client().AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: igw, VpcId: vpc}))
	net := ok(client().CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc, CidrBlock: new("10.0.1.0/24")})).Subnet.SubnetId
	ok(client().CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: net, AllocationId: ok(c.AllocateAddress(ctx, nil)).AllocationId}))
	now = now.Add(natReady)
	if g := ok(client().DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{})).NatGateways; len(g) != 1 || g[0].State != types.NatGatewayStateAvailable {
		t.Error(g)
	}
	if a := ok(client().DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: vpc, Attribute: "enableDnsHostnames"})); !*a.EnableDnsHostnames.Value {
		t.Error(a)
	}
}
