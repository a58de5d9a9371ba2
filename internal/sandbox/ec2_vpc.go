package sandbox

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// A vpc has its DNS attributes beside it: only DescribeVpcAttribute shows them.
type vpc struct {
	types.Vpc
	DNSSupport, DNSHostnames, AddressMetrics bool
}

var vpcs = kind[vpc]{
	prefix: "vpc-", param: "vpcId", code: "InvalidVpcID.NotFound", message: "The vpc ID '%s' does not exist",
	tags: func(v *vpc) *[]types.Tag { return &v.Tags },
	filters: map[string]func(*vpc) []string{
		"vpc-id":                            text(func(v *vpc) *string { return v.VpcId }),
		"cidr":                              text(func(v *vpc) *string { return v.CidrBlock }),
		"cidr-block-association.cidr-block": text(func(v *vpc) *string { return v.CidrBlock }),
		"owner-id":                          text(func(v *vpc) *string { return v.OwnerId }),
		"dhcp-options-id":                   text(func(v *vpc) *string { return v.DhcpOptionsId }),
		"state":                             word(func(v *vpc) types.VpcState { return v.State }),
		"is-default":                        flag(func(v *vpc) *bool { return v.IsDefault }),
		"isDefault":                         flag(func(v *vpc) *bool { return v.IsDefault }),
	},
}

// CreateVpc makes a VPC with its main route table, default network ACL and default security group.
func (s *ec2Service) CreateVpc(ctx context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) {
	r := s.region(ctx)
	cidr, err := block("cidrBlock", in.CidrBlock)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor(in.TagSpecifications, types.ResourceTypeVpc)
	switch {
	case err != nil:
		return nil, err
	case cidr.Bits() < 16 || cidr.Bits() > 28:
		return nil, fail("InvalidVpc.Range", "The CIDR '%s' is invalid.", *in.CidrBlock)
	case len(r.EC2.VPCs) >= maxVPCs:
		return nil, fail("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
	}
	id := s.id("vpc")
	v := &vpc{DNSSupport: true, Vpc: types.Vpc{
		VpcId: &id, CidrBlock: new(cidr.String()), State: types.VpcStateAvailable, OwnerId: new(Account), IsDefault: new(false),
		DhcpOptionsId: new("dopt-0a1b2c3d4e5f60718"), InstanceTenancy: cmpOr(in.InstanceTenancy, types.TenancyDefault), Tags: tags,
		CidrBlockAssociationSet: []types.VpcCidrBlockAssociation{{
			AssociationId: new(s.id("vpc-cidr-assoc")), CidrBlock: new(cidr.String()),
			CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated},
		}},
	}}
	put(&r.EC2.VPCs, id, v)
	s.makeTable(r, v, nil, true)
	s.makeACL(r, v)
	s.makeSecurityGroup(r, &types.SecurityGroup{GroupName: new("default"), Description: new("default VPC security group"), VpcId: &id})
	return &ec2.CreateVpcOutput{Vpc: &v.Vpc}, nil
}

// cmpOr is a, or def when a is empty.
func cmpOr[T ~string](a, def T) T {
	if a == "" {
		return def
	}
	return a
}

func (s *ec2Service) DescribeVpcs(ctx context.Context, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	found, err := vpcs.list(s.region(ctx).EC2.VPCs, in.VpcIds, in.Filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcsOutput{}
	for _, v := range found {
		out.Vpcs = append(out.Vpcs, v.Vpc)
	}
	out.Vpcs, out.NextToken, err = page(out.Vpcs, in.NextToken, in.MaxResults, 1000)
	return out, err
}

func (s *ec2Service) DescribeVpcAttribute(ctx context.Context, in *ec2.DescribeVpcAttributeInput) (*ec2.DescribeVpcAttributeOutput, error) {
	v, err := vpcs.get(s.region(ctx).EC2.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcAttributeOutput{VpcId: v.VpcId}
	switch in.Attribute {
	case types.VpcAttributeNameEnableDnsSupport:
		out.EnableDnsSupport = &types.AttributeBooleanValue{Value: &v.DNSSupport}
	case types.VpcAttributeNameEnableDnsHostnames:
		out.EnableDnsHostnames = &types.AttributeBooleanValue{Value: &v.DNSHostnames}
	case types.VpcAttributeNameEnableNetworkAddressUsageMetrics:
		out.EnableNetworkAddressUsageMetrics = &types.AttributeBooleanValue{Value: &v.AddressMetrics}
	default:
		return nil, fail("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

// ModifyVpcAttribute takes one attribute a call, and host names only with DNS support (API reference).
func (s *ec2Service) ModifyVpcAttribute(ctx context.Context, in *ec2.ModifyVpcAttributeInput) (*ec2.ModifyVpcAttributeOutput, error) {
	v, err := vpcs.get(s.region(ctx).EC2.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	given := 0
	for _, a := range []*types.AttributeBooleanValue{in.EnableDnsSupport, in.EnableDnsHostnames, in.EnableNetworkAddressUsageMetrics} {
		if a != nil {
			given++
		}
	}
	switch {
	case given == 0:
		return nil, fail("MissingParameter", "The request must contain one of the parameters enableDnsSupport, enableDnsHostnames, enableNetworkAddressUsageMetrics")
	case given > 1:
		return nil, fail("InvalidParameterCombination", "Fields for multiple attribute types specified")
	case in.EnableDnsSupport != nil:
		v.DNSSupport = val(in.EnableDnsSupport.Value)
	case in.EnableDnsHostnames != nil:
		if val(in.EnableDnsHostnames.Value) && !v.DNSSupport {
			return nil, fail("InvalidParameterValue", "DNS support must be enabled to enable DNS hostnames.")
		}
		v.DNSHostnames = val(in.EnableDnsHostnames.Value)
	default:
		v.AddressMetrics = val(in.EnableNetworkAddressUsageMetrics.Value)
	}
	return &ec2.ModifyVpcAttributeOutput{}, nil
}

// DeleteVpc takes the main route table, the default ACL and group along, and nothing else.
func (s *ec2Service) DeleteVpc(ctx context.Context, in *ec2.DeleteVpcInput) (*ec2.DeleteVpcOutput, error) {
	e := &s.region(ctx).EC2
	v, err := vpcs.get(e.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	id := *v.VpcId
	if e.gatewayOf(id) != nil ||
		slices.ContainsFunc(slices.Collect(maps.Values(e.Subnets)), func(n *types.Subnet) bool { return *n.VpcId == id }) ||
		slices.ContainsFunc(slices.Collect(maps.Values(e.Tables)), func(t *types.RouteTable) bool { return *t.VpcId == id && !isMain(t) }) ||
		slices.ContainsFunc(slices.Collect(maps.Values(e.Groups)), func(g *types.SecurityGroup) bool { return *g.VpcId == id && *g.GroupName != "default" }) ||
		slices.ContainsFunc(slices.Collect(maps.Values(e.Endpoints)), func(p *types.VpcEndpoint) bool { return *p.VpcId == id }) {
		return nil, fail("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted.", id)
	}
	maps.DeleteFunc(e.Tables, func(_ string, t *types.RouteTable) bool { return *t.VpcId == id })
	maps.DeleteFunc(e.ACLs, func(_ string, a *types.NetworkAcl) bool { return *a.VpcId == id })
	for gid, g := range e.Groups {
		if *g.VpcId == id {
			e.dropGroup(gid)
		}
	}
	delete(e.VPCs, id)
	return &ec2.DeleteVpcOutput{}, nil
}

var acls = kind[types.NetworkAcl]{
	prefix: "acl-", param: "networkAclId", code: "InvalidNetworkAclID.NotFound", message: "The networkAcl ID '%s' does not exist",
	tags: func(a *types.NetworkAcl) *[]types.Tag { return &a.Tags },
	filters: map[string]func(*types.NetworkAcl) []string{
		"network-acl-id": text(func(a *types.NetworkAcl) *string { return a.NetworkAclId }),
		"vpc-id":         text(func(a *types.NetworkAcl) *string { return a.VpcId }),
		"default":        flag(func(a *types.NetworkAcl) *bool { return a.IsDefault }),
		"association.subnet-id": each(func(a *types.NetworkAcl) []types.NetworkAclAssociation { return a.Associations },
			func(a types.NetworkAclAssociation) *string { return a.SubnetId }),
	},
}

// makeACL is a VPC's default one: everything may pass.
func (s *Sandbox) makeACL(r *Region, v *vpc) {
	a := &types.NetworkAcl{NetworkAclId: new(s.id("acl")), VpcId: v.VpcId, IsDefault: new(true), OwnerId: new(Account)}
	for _, egress := range []bool{true, false} {
		a.Entries = append(a.Entries,
			types.NetworkAclEntry{CidrBlock: new("0.0.0.0/0"), Egress: &egress, Protocol: new("-1"), RuleAction: types.RuleActionAllow, RuleNumber: new(int32(100))},
			types.NetworkAclEntry{CidrBlock: new("0.0.0.0/0"), Egress: &egress, Protocol: new("-1"), RuleAction: types.RuleActionDeny, RuleNumber: new(int32(32767))})
	}
	put(&r.EC2.ACLs, *a.NetworkAclId, a)
}

func (s *ec2Service) DescribeNetworkAcls(ctx context.Context, in *ec2.DescribeNetworkAclsInput) (*ec2.DescribeNetworkAclsOutput, error) {
	found, err := acls.list(s.region(ctx).EC2.ACLs, in.NetworkAclIds, in.Filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkAclsOutput{}
	out.NetworkAcls, out.NextToken, err = page(values(found), in.NextToken, in.MaxResults, 1000)
	return out, err
}
