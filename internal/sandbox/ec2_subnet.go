package sandbox

import (
	"context"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var subnets = kind[types.Subnet]{
	prefix: "subnet-", param: "subnetId", code: "InvalidSubnetID.NotFound", message: "The subnet ID '%s' does not exist",
	tags: func(n *types.Subnet) *[]types.Tag { return &n.Tags },
	filters: map[string]func(*types.Subnet) []string{
		"subnet-id":               text(func(n *types.Subnet) *string { return n.SubnetId }),
		"subnet-arn":              text(func(n *types.Subnet) *string { return n.SubnetArn }),
		"vpc-id":                  text(func(n *types.Subnet) *string { return n.VpcId }),
		"owner-id":                text(func(n *types.Subnet) *string { return n.OwnerId }),
		"cidr":                    text(func(n *types.Subnet) *string { return n.CidrBlock }),
		"cidrBlock":               text(func(n *types.Subnet) *string { return n.CidrBlock }),
		"cidr-block":              text(func(n *types.Subnet) *string { return n.CidrBlock }),
		"availability-zone":       text(func(n *types.Subnet) *string { return n.AvailabilityZone }),
		"availabilityZone":        text(func(n *types.Subnet) *string { return n.AvailabilityZone }),
		"availability-zone-id":    text(func(n *types.Subnet) *string { return n.AvailabilityZoneId }),
		"state":                   word(func(n *types.Subnet) types.SubnetState { return n.State }),
		"default-for-az":          flag(func(n *types.Subnet) *bool { return n.DefaultForAz }),
		"defaultForAz":            flag(func(n *types.Subnet) *bool { return n.DefaultForAz }),
		"map-public-ip-on-launch": flag(func(n *types.Subnet) *bool { return n.MapPublicIpOnLaunch }),
	},
}

func (s *ec2Service) CreateSubnet(ctx context.Context, in *ec2.CreateSubnetInput) (*ec2.CreateSubnetOutput, error) {
	r := s.region(ctx)
	v, err := vpcs.get(r.EC2.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	cidr, err := r.EC2.room(v, in.CidrBlock)
	if err != nil {
		return nil, err
	}
	z, err := zone(r.Name, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor(in.TagSpecifications, types.ResourceTypeSubnet)
	if err != nil {
		return nil, err
	}
	id := s.id("subnet")
	n := &types.Subnet{
		SubnetId: &id, SubnetArn: new(s.arn("ec2", r.Name, "subnet/"+id)), VpcId: v.VpcId, OwnerId: new(Account), Tags: tags,
		CidrBlock: new(cidr.String()), AvailabilityZone: z.ZoneName, AvailabilityZoneId: z.ZoneId, State: types.SubnetStateAvailable,
		DefaultForAz: new(false), MapPublicIpOnLaunch: new(false), AssignIpv6AddressOnCreation: new(false), EnableDns64: new(false),
		Ipv6Native: new(false), MapCustomerOwnedIpOnLaunch: new(false),
		PrivateDnsNameOptionsOnLaunch: &types.PrivateDnsNameOptionsOnLaunch{
			HostnameType: types.HostnameTypeIpName, EnableResourceNameDnsARecord: new(false), EnableResourceNameDnsAAAARecord: new(false),
		},
	}
	put(&r.EC2.Subnets, id, n)
	return &ec2.CreateSubnetOutput{Subnet: new(r.EC2.counted(n))}, nil
}

// room is a new subnet's range: in the VPC's, /16 to /28, apart from all others.
func (e *ec2State) room(v *vpc, cidrBlock *string) (netip.Prefix, error) {
	cidr, err := block("cidrBlock", cidrBlock)
	if err != nil {
		return cidr, err
	}
	in := netip.MustParsePrefix(*v.CidrBlock)
	if cidr.Bits() > 28 || cidr.Bits() < in.Bits() || !in.Contains(cidr.Addr()) {
		return cidr, fail("InvalidSubnet.Range", "The CIDR '%s' is invalid.", *cidrBlock)
	}
	count := 0
	for _, n := range e.Subnets {
		if *n.VpcId != *v.VpcId {
			continue
		}
		count++
		if cidr.Overlaps(netip.MustParsePrefix(*n.CidrBlock)) {
			return cidr, fail("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", *cidrBlock)
		}
	}
	if count >= maxSubnets {
		return cidr, fail("SubnetLimitExceeded", "The maximum number of subnets has been reached.")
	}
	return cidr, nil
}

// counted is a subnet with the addresses it has left: AWS keeps the first four and the last (user guide, "Subnet sizing").
func (e *ec2State) counted(n *types.Subnet) types.Subnet {
	free := 1<<(32-netip.MustParsePrefix(*n.CidrBlock).Bits()) - 5
	for _, i := range e.ENIs {
		if *i.SubnetId == *n.SubnetId {
			free--
		}
	}
	c := *n
	c.AvailableIpAddressCount = new(int32(free))
	return c
}

func (s *ec2Service) DescribeSubnets(ctx context.Context, in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	e := &s.region(ctx).EC2
	found, err := subnets.list(e.Subnets, in.SubnetIds, in.Filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSubnetsOutput{}
	for _, n := range found {
		out.Subnets = append(out.Subnets, e.counted(n))
	}
	out.Subnets, out.NextToken, err = page(out.Subnets, in.NextToken, in.MaxResults, 1000)
	return out, err
}

func (s *ec2Service) ModifySubnetAttribute(ctx context.Context, in *ec2.ModifySubnetAttributeInput) (*ec2.ModifySubnetAttributeOutput, error) {
	n, err := subnets.get(s.region(ctx).EC2.Subnets, in.SubnetId)
	switch {
	case err != nil:
		return nil, err
	case in.MapPublicIpOnLaunch != nil:
		n.MapPublicIpOnLaunch = new(val(in.MapPublicIpOnLaunch.Value))
	case in.EnableResourceNameDnsARecordOnLaunch != nil:
		n.PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord = new(val(in.EnableResourceNameDnsARecordOnLaunch.Value))
	case in.PrivateDnsHostnameTypeOnLaunch != "":
		n.PrivateDnsNameOptionsOnLaunch.HostnameType = in.PrivateDnsHostnameTypeOnLaunch
	default:
		return nil, fail("InvalidParameterCombination", "the sandbox knows MapPublicIpOnLaunch, EnableResourceNameDnsARecordOnLaunch and PrivateDnsHostnameTypeOnLaunch")
	}
	return &ec2.ModifySubnetAttributeOutput{}, nil
}

// DeleteSubnet is refused while a network interface is in the subnet. Its route table association goes with it.
func (s *ec2Service) DeleteSubnet(ctx context.Context, in *ec2.DeleteSubnetInput) (*ec2.DeleteSubnetOutput, error) {
	e := &s.region(ctx).EC2
	n, err := subnets.get(e.Subnets, in.SubnetId)
	if err != nil {
		return nil, err
	}
	for _, i := range e.ENIs {
		if *i.SubnetId == *n.SubnetId {
			return nil, fail("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted.", *n.SubnetId)
		}
	}
	for _, t := range e.Tables {
		t.Associations = dissociated(t.Associations, func(a types.RouteTableAssociation) bool { return val(a.SubnetId) == *n.SubnetId })
	}
	delete(e.Subnets, *n.SubnetId)
	return &ec2.DeleteSubnetOutput{}, nil
}
