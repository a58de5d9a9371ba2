package sandbox

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var addresses = kind[types.Address]{
	prefix: "eipalloc-", param: "AllocationId", code: "InvalidAllocationID.NotFound", message: "The allocation ID '%s' does not exist",
	tags: func(a *types.Address) *[]types.Tag { return &a.Tags },
	filters: map[string]func(*types.Address) []string{
		"allocation-id":              text(func(a *types.Address) *string { return a.AllocationId }),
		"association-id":             text(func(a *types.Address) *string { return a.AssociationId }),
		"public-ip":                  text(func(a *types.Address) *string { return a.PublicIp }),
		"private-ip-address":         text(func(a *types.Address) *string { return a.PrivateIpAddress }),
		"network-interface-id":       text(func(a *types.Address) *string { return a.NetworkInterfaceId }),
		"network-interface-owner-id": text(func(a *types.Address) *string { return a.NetworkInterfaceOwnerId }),
		"network-border-group":       text(func(a *types.Address) *string { return a.NetworkBorderGroup }),
		"instance-id":                text(func(a *types.Address) *string { return a.InstanceId }),
		"domain":                     word(func(a *types.Address) types.DomainType { return a.Domain }),
	},
}

// publicIP is a new public address, of those that documentation may use (RFC 5737): nobody is at the other end.
func (s *Sandbox) publicIP(e *ec2State) string {
	taken := map[string]bool{}
	for _, a := range e.Addresses {
		taken[*a.PublicIp] = true
	}
	for _, n := range e.ENIs {
		if n.Association != nil {
			taken[*n.Association.PublicIp] = true
		}
	}
	for n := s.nextSeq(); ; n++ {
		net := []string{"203.0.113", "198.51.100", "192.0.2"}[n/253%3]
		if ip := fmt.Sprintf("%s.%d", net, n%253+1); !taken[ip] {
			return ip
		}
	}
}

// privateName and publicName are the DNS names of addresses in a VPC.
func privateName(region, ip string) string {
	if region == "us-east-1" {
		return "ip-" + strings.ReplaceAll(ip, ".", "-") + ".ec2.internal"
	}
	return "ip-" + strings.ReplaceAll(ip, ".", "-") + "." + region + ".compute.internal"
}

func publicName(region, ip string) string {
	if region == "us-east-1" {
		return "ec2-" + strings.ReplaceAll(ip, ".", "-") + ".compute-1.amazonaws.com"
	}
	return "ec2-" + strings.ReplaceAll(ip, ".", "-") + "." + region + ".compute.amazonaws.com"
}

func (s *ec2Service) AllocateAddress(ctx context.Context, in *ec2.AllocateAddressInput) (*ec2.AllocateAddressOutput, error) {
	r := s.region(ctx)
	tags, err := tagsFor(in.TagSpecifications, types.ResourceTypeElasticIp)
	if err != nil {
		return nil, err
	}
	if len(r.EC2.Addresses) >= maxAddresses {
		return nil, fail("AddressLimitExceeded", "The maximum number of addresses has been reached.")
	}
	a := &types.Address{
		AllocationId: new(s.id("eipalloc")), PublicIp: new(s.publicIP(&r.EC2)), Domain: types.DomainTypeVpc,
		NetworkBorderGroup: &r.Name, PublicIpv4Pool: new("amazon"), Tags: tags,
	}
	put(&r.EC2.Addresses, *a.AllocationId, a)
	return &ec2.AllocateAddressOutput{
		AllocationId: a.AllocationId, PublicIp: a.PublicIp, Domain: a.Domain, NetworkBorderGroup: a.NetworkBorderGroup, PublicIpv4Pool: a.PublicIpv4Pool,
	}, nil
}

func (s *ec2Service) DescribeAddresses(ctx context.Context, in *ec2.DescribeAddressesInput) (*ec2.DescribeAddressesOutput, error) {
	filters := in.Filters
	for _, ip := range in.PublicIps {
		if _, err := netip.ParseAddr(ip); err != nil {
			return nil, fail("InvalidAddress.NotFound", "Address '%s' not found.", ip)
		}
	}
	if len(in.PublicIps) > 0 {
		filters = append(filters, types.Filter{Name: new("public-ip"), Values: in.PublicIps})
	}
	found, err := addresses.list(s.region(ctx).EC2.Addresses, in.AllocationIds, filters)
	return &ec2.DescribeAddressesOutput{Addresses: values(found)}, err
}

// DescribeAddressesAttribute shows the addresses' reverse DNS, which none has here.
func (s *ec2Service) DescribeAddressesAttribute(ctx context.Context, in *ec2.DescribeAddressesAttributeInput) (*ec2.DescribeAddressesAttributeOutput, error) {
	found, err := addresses.list(s.region(ctx).EC2.Addresses, in.AllocationIds, nil)
	out := &ec2.DescribeAddressesAttributeOutput{}
	for _, a := range found {
		out.Addresses = append(out.Addresses, types.AddressAttribute{AllocationId: a.AllocationId, PublicIp: a.PublicIp})
	}
	return out, err
}

// ReleaseAddress is refused while the address is in use.
func (s *ec2Service) ReleaseAddress(ctx context.Context, in *ec2.ReleaseAddressInput) (*ec2.ReleaseAddressOutput, error) {
	e := &s.region(ctx).EC2
	a, err := addresses.get(e.Addresses, in.AllocationId)
	if err != nil {
		return nil, err
	}
	if a.AssociationId != nil {
		return nil, fail("InvalidIPAddress.InUse", "Address '%s' is in use.", *a.PublicIp)
	}
	delete(e.Addresses, *a.AllocationId)
	return &ec2.ReleaseAddressOutput{}, nil
}

// DisassociateAddress can't take the address of a NAT gateway away, which has it until it is deleted.
func (s *ec2Service) DisassociateAddress(ctx context.Context, in *ec2.DisassociateAddressInput) (*ec2.DisassociateAddressOutput, error) {
	e := &s.region(ctx).EC2
	for _, a := range e.Addresses {
		if in.AssociationId == nil || val(a.AssociationId) != *in.AssociationId {
			continue
		}
		if n := e.ENIs[*a.NetworkInterfaceId]; n != nil {
			if val(n.RequesterManaged) {
				return nil, fail("AuthFailure", "You do not have permission to access the specified resource.")
			}
			n.Association = nil
		}
		a.AssociationId, a.NetworkInterfaceId, a.NetworkInterfaceOwnerId, a.PrivateIpAddress = nil, nil, nil, nil
		return &ec2.DisassociateAddressOutput{}, nil
	}
	return nil, fail("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", val(in.AssociationId))
}

// associate maps an address to an interface and returns the association's id.
func (s *Sandbox) associate(r *Region, a *types.Address, eni string) string {
	if old := r.EC2.ENIs[val(a.NetworkInterfaceId)]; old != nil {
		old.Association = nil
	}
	n, id := r.EC2.ENIs[eni], s.id("eipassoc")
	a.AssociationId, a.NetworkInterfaceId, a.NetworkInterfaceOwnerId, a.PrivateIpAddress = &id, &eni, new(Account), n.PrivateIpAddress
	n.Association = &types.NetworkInterfaceAssociation{
		AllocationId: a.AllocationId, AssociationId: &id, IpOwnerId: new(Account), PublicIp: a.PublicIp, PublicDnsName: new(publicName(r.Name, *a.PublicIp)),
	}
	return id
}

func (s *ec2Service) AssociateAddress(ctx context.Context, in *ec2.AssociateAddressInput) (*ec2.AssociateAddressOutput, error) {
	r := s.region(ctx)
	a, err := addresses.get(r.EC2.Addresses, in.AllocationId)
	if err != nil {
		return nil, err
	}
	n, err := enis.get(r.EC2.ENIs, in.NetworkInterfaceId)
	switch {
	case err != nil:
		return nil, err
	case a.AssociationId != nil && val(a.NetworkInterfaceId) != *n.NetworkInterfaceId && !val(in.AllowReassociation):
		return nil, fail("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", *a.AllocationId, *a.AssociationId)
	case r.EC2.gatewayOf(*n.VpcId) == nil:
		return nil, fail("Gateway.NotAttached", "Network %s is not attached to any internet gateway", *n.VpcId)
	}
	return &ec2.AssociateAddressOutput{AssociationId: new(s.associate(r, a, *n.NetworkInterfaceId))}, nil
}
