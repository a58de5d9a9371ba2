package sandbox

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var enis = kind[types.NetworkInterface]{
	prefix: "eni-", param: "networkInterfaceId", code: "InvalidNetworkInterfaceID.NotFound", message: "The networkInterface ID '%s' does not exist",
	tags: func(n *types.NetworkInterface) *[]types.Tag { return &n.TagSet },
	filters: map[string]func(*types.NetworkInterface) []string{
		"network-interface-id": text(func(n *types.NetworkInterface) *string { return n.NetworkInterfaceId }),
		"vpc-id":               text(func(n *types.NetworkInterface) *string { return n.VpcId }),
		"subnet-id":            text(func(n *types.NetworkInterface) *string { return n.SubnetId }),
		"availability-zone":    text(func(n *types.NetworkInterface) *string { return n.AvailabilityZone }),
		"description":          text(func(n *types.NetworkInterface) *string { return n.Description }),
		"owner-id":             text(func(n *types.NetworkInterface) *string { return n.OwnerId }),
		"requester-id":         text(func(n *types.NetworkInterface) *string { return n.RequesterId }),
		"requester-managed":    flag(func(n *types.NetworkInterface) *bool { return n.RequesterManaged }),
		"private-ip-address":   text(func(n *types.NetworkInterface) *string { return n.PrivateIpAddress }),
		"status":               word(func(n *types.NetworkInterface) types.NetworkInterfaceStatus { return n.Status }),
		"interface-type":       word(func(n *types.NetworkInterface) types.NetworkInterfaceType { return n.InterfaceType }),
		"group-id": each(func(n *types.NetworkInterface) []types.GroupIdentifier { return n.Groups },
			func(g types.GroupIdentifier) *string { return g.GroupId }),
		"group-name": each(func(n *types.NetworkInterface) []types.GroupIdentifier { return n.Groups },
			func(g types.GroupIdentifier) *string { return g.GroupName }),
		"addresses.private-ip-address": text(func(n *types.NetworkInterface) *string { return n.PrivateIpAddress }),
		"association.public-ip":        publicIPs,
		"attachment.instance-owner-id": func(n *types.NetworkInterface) []string {
			if n.Attachment == nil {
				return nil
			}
			return []string{val(n.Attachment.InstanceOwnerId)}
		},
	},
}

func publicIPs(n *types.NetworkInterface) []string {
	if n.Association == nil {
		return nil
	}
	return []string{*n.Association.PublicIp}
}

// Owners of network interfaces that services make for themselves, as RequesterId has them.
const (
	ownedByELB = "amazon-elb"
	ownedByECS = "578734482556" // an account of AWS's: tasks' interfaces
	ownedByEC2 = "amazon-aws"   // NAT gateways and endpoints
)

// attachENI makes the network interface of a service in a subnet and returns its id and its private address, the
// first that is free. The groups, which may be none for a NAT gateway, and the subnet are those of one VPC.
func (s *Sandbox) attachENI(r *Region, subnet string, groupIDs []string, owner, description string) (id, ip string, err error) {
	n, err := s.makeENI(r, subnet, groupIDs, description)
	if err != nil {
		return "", "", err
	}
	n.RequesterId, n.RequesterManaged, n.Status = &owner, new(true), types.NetworkInterfaceStatusInUse
	n.Attachment = &types.NetworkInterfaceAttachment{
		AttachmentId: new(s.id("eni-attach")), AttachTime: new(s.clock), DeleteOnTermination: new(false), DeviceIndex: new(int32(1)),
		InstanceOwnerId: &owner, Status: types.AttachmentStatusAttached,
	}
	return *n.NetworkInterfaceId, *n.PrivateIpAddress, nil
}

// detachENI takes a service's network interface away, its public address included.
func (s *Sandbox) detachENI(r *Region, id string) {
	for _, a := range r.EC2.Addresses {
		if val(a.NetworkInterfaceId) == id {
			a.AssociationId, a.NetworkInterfaceId, a.NetworkInterfaceOwnerId, a.PrivateIpAddress = nil, nil, nil, nil
		}
	}
	delete(r.EC2.ENIs, id)
}

// mapPublicIP gives an interface a public address of AWS's own. The VPC's internet gateway can't be
// detached while there is one.
func (s *Sandbox) mapPublicIP(r *Region, eni string) {
	ip := s.publicIP(&r.EC2)
	r.EC2.ENIs[eni].Association = &types.NetworkInterfaceAssociation{IpOwnerId: new("amazon"), PublicIp: &ip, PublicDnsName: new(publicName(r.Name, ip))}
}

func (s *Sandbox) makeENI(r *Region, subnet string, groupIDs []string, description string) (*types.NetworkInterface, error) {
	e := &r.EC2
	net, err := subnets.get(e.Subnets, &subnet)
	if err != nil {
		return nil, err
	}
	members, err := e.identifiers(groupIDs, *net.VpcId)
	if err != nil {
		return nil, err
	}
	ip, err := e.freeIP(net)
	if err != nil {
		return nil, err
	}
	mac := s.hex(10)
	n := &types.NetworkInterface{
		NetworkInterfaceId: new(s.id("eni")), SubnetId: net.SubnetId, VpcId: net.VpcId, OwnerId: new(Account), Description: &description,
		AvailabilityZone: net.AvailabilityZone, AvailabilityZoneId: net.AvailabilityZoneId, Groups: members,
		InterfaceType: types.NetworkInterfaceTypeInterface, Status: types.NetworkInterfaceStatusAvailable,
		RequesterManaged: new(false), SourceDestCheck: new(true), PrivateIpAddress: &ip, PrivateDnsName: new(privateName(r.Name, ip)),
		MacAddress:         new(fmt.Sprintf("02:%s:%s:%s:%s:%s", mac[:2], mac[2:4], mac[4:6], mac[6:8], mac[8:10])),
		PrivateIpAddresses: []types.NetworkInterfacePrivateIpAddress{{Primary: new(true), PrivateIpAddress: &ip}},
	}
	put(&e.ENIs, *n.NetworkInterfaceId, n)
	return n, nil
}

// identifiers are security groups of one VPC as interfaces name them.
func (e *ec2State) identifiers(ids []string, vpc string) (list []types.GroupIdentifier, err error) {
	for _, id := range ids {
		g, err := groups.get(e.Groups, &id)
		if err != nil {
			return nil, err
		}
		if *g.VpcId != vpc {
			return nil, fail("InvalidParameterValue", "You have specified two resources that belong to different networks.")
		}
		list = append(list, types.GroupIdentifier{GroupId: g.GroupId, GroupName: g.GroupName})
	}
	if len(list) > 5 {
		return nil, fail("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	return list, nil
}

// freeIP is a subnet's first address that is neither AWS's own (the first four and the last) nor taken.
func (e *ec2State) freeIP(n *types.Subnet) (string, error) {
	taken := map[string]bool{}
	for _, i := range e.ENIs {
		if *i.SubnetId == *n.SubnetId {
			taken[*i.PrivateIpAddress] = true
		}
	}
	cidr := netip.MustParsePrefix(*n.CidrBlock)
	for i, ip := 0, cidr.Addr(); cidr.Contains(ip.Next()); i, ip = i+1, ip.Next() { // so the last is left out
		if i >= 4 && !taken[ip.String()] {
			return ip.String(), nil
		}
	}
	return "", fail("InsufficientFreeAddressesInSubnet", "The specified subnet does not have enough free addresses to satisfy the request.")
}

func (s *ec2Service) CreateNetworkInterface(ctx context.Context, in *ec2.CreateNetworkInterfaceInput) (*ec2.CreateNetworkInterfaceOutput, error) {
	r := s.region(ctx)
	tags, err := tagsFor(in.TagSpecifications, types.ResourceTypeNetworkInterface)
	if err != nil {
		return nil, err
	}
	net, err := subnets.get(r.EC2.Subnets, in.SubnetId)
	if err != nil {
		return nil, err
	}
	members := in.Groups
	if len(members) == 0 {
		members = []string{s.defaultGroup(r, *net.VpcId)}
	}
	n, err := s.makeENI(r, *net.SubnetId, members, val(in.Description))
	if err != nil {
		return nil, err
	}
	n.TagSet = tags
	return &ec2.CreateNetworkInterfaceOutput{NetworkInterface: n}, nil
}

func (s *ec2Service) DescribeNetworkInterfaces(ctx context.Context, in *ec2.DescribeNetworkInterfacesInput) (*ec2.DescribeNetworkInterfacesOutput, error) {
	found, err := enis.list(s.region(ctx).EC2.ENIs, in.NetworkInterfaceIds, in.Filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkInterfacesOutput{}
	out.NetworkInterfaces, out.NextToken, err = page(values(found), in.NextToken, in.MaxResults, 1000)
	return out, err
}

func (s *ec2Service) DeleteNetworkInterface(ctx context.Context, in *ec2.DeleteNetworkInterfaceInput) (*ec2.DeleteNetworkInterfaceOutput, error) {
	r := s.region(ctx)
	n, err := enis.get(r.EC2.ENIs, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if n.Status == types.NetworkInterfaceStatusInUse {
		return nil, fail("InvalidParameterValue", "Network interface '%s' is currently in use.", *n.NetworkInterfaceId)
	}
	s.detachENI(r, *n.NetworkInterfaceId)
	return &ec2.DeleteNetworkInterfaceOutput{}, nil
}
