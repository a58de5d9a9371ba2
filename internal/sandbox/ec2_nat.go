package sandbox

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var nats = kind[types.NatGateway]{
	prefix: "nat-", param: "natGatewayId", code: "NatGatewayNotFound", message: "NAT gateway %s was not found",
	tags: func(n *types.NatGateway) *[]types.Tag { return &n.Tags },
	filters: map[string]func(*types.NatGateway) []string{
		"nat-gateway-id": text(func(n *types.NatGateway) *string { return n.NatGatewayId }),
		"vpc-id":         text(func(n *types.NatGateway) *string { return n.VpcId }),
		"subnet-id":      text(func(n *types.NatGateway) *string { return n.SubnetId }),
		"state":          word(func(n *types.NatGateway) types.NatGatewayState { return n.State }),
	},
}

// natFails is how long a NAT gateway that can't be made is pending.
const natFails = 10 * time.Second

// CreateNatGateway accepts the gateway as pending. The same client token returns the same gateway, even one that has
// failed or is deleted since. What is wrong with the network shows later, as the state failed.
func (s *ec2Service) CreateNatGateway(ctx context.Context, in *ec2.CreateNatGatewayInput) (*ec2.CreateNatGatewayOutput, error) {
	r := s.region(ctx)
	tags, err := tagsFor(in.TagSpecifications, types.ResourceTypeNatgateway)
	if err != nil {
		return nil, err
	}
	if id, err := idempotent(r, "CreateNatGateway", in.ClientToken, in); err != nil || r.EC2.NATs[id] != nil {
		return &ec2.CreateNatGatewayOutput{NatGateway: r.EC2.NATs[id], ClientToken: in.ClientToken}, err
	}
	if in.AvailabilityMode == types.AvailabilityModeRegional {
		return nil, fail("InvalidParameterValue", "the sandbox has no regional NAT gateways")
	}
	net, err := subnets.get(r.EC2.Subnets, in.SubnetId)
	if err != nil {
		return nil, err
	}
	public := in.ConnectivityType != types.ConnectivityTypePrivate
	if err := needed("AllocationId", in.AllocationId); public && err != nil {
		return nil, err
	}
	if r.EC2.natsIn(*net.AvailabilityZoneId) >= maxNATs {
		return nil, fail("NatGatewayLimitExceeded", "The maximum number of NAT gateways has been reached.")
	}
	n := &types.NatGateway{
		NatGatewayId: new(s.id("nat")), SubnetId: net.SubnetId, VpcId: net.VpcId, State: types.NatGatewayStatePending, CreateTime: new(s.clock),
		ConnectivityType: cmpOr(in.ConnectivityType, types.ConnectivityTypePublic), AvailabilityMode: types.AvailabilityModeZonal, Tags: tags,
		NatGatewayAddresses: []types.NatGatewayAddress{{AllocationId: in.AllocationId, IsPrimary: new(true)}},
	}
	put(&r.EC2.NATs, *n.NatGatewayId, n)
	remember(r, "CreateNatGateway", in.ClientToken, in, *n.NatGatewayId)
	wait := natReady
	if n.FailureCode, n.FailureMessage = s.connect(r, n, public); n.FailureCode != nil {
		wait = natFails
	}
	s.after(wait, "nat.settle", ref(r, *n.NatGatewayId))
	shown := *n // the failure does not show yet
	shown.FailureCode, shown.FailureMessage = nil, nil
	return &ec2.CreateNatGatewayOutput{NatGateway: &shown, ClientToken: in.ClientToken}, nil
}

func (e *ec2State) natsIn(zone string) (count int) {
	for _, n := range e.NATs {
		net := e.Subnets[*n.SubnetId]
		if net != nil && *net.AvailabilityZoneId == zone && n.State != types.NatGatewayStateDeleted && n.State != types.NatGatewayStateFailed {
			count++
		}
	}
	return count
}

// connect gives a gateway its network interface and public address, or says with AWS's failure code why it can't
// (API reference of the type NatGateway).
func (s *Sandbox) connect(r *Region, n *types.NatGateway, public bool) (code, message *string) {
	a := r.EC2.Addresses[val(n.NatGatewayAddresses[0].AllocationId)]
	switch {
	case public && r.EC2.gatewayOf(*n.VpcId) == nil:
		return new("Gateway.NotAttached"), new("Network " + *n.VpcId + " has no Internet gateway attached")
	case public && a == nil:
		return new("InvalidAllocationID.NotFound"), new("Elastic IP address " + *n.NatGatewayAddresses[0].AllocationId + " could not be associated with this NAT gateway")
	case public && a.AssociationId != nil:
		return new("Resource.AlreadyAssociated"), new("Elastic IP address " + *a.AllocationId + " is already associated")
	}
	eni, ip, err := s.attachENI(r, *n.SubnetId, nil, ownedByEC2, "Interface for NAT Gateway "+*n.NatGatewayId)
	if err != nil {
		return new("InsufficientFreeAddressesInSubnet"), new("Subnet has insufficient free addresses to create this NAT gateway")
	}
	r.EC2.ENIs[eni].InterfaceType = natInterface
	address := &n.NatGatewayAddresses[0]
	address.NetworkInterfaceId, address.PrivateIp, address.Status = &eni, &ip, types.NatGatewayAddressStatusSucceeded
	if public {
		address.AssociationId, address.PublicIp = new(s.associate(r, a, eni)), a.PublicIp
	}
	return nil, nil
}

// settleNAT makes a pending gateway available, or failed.
func (s *ec2Service) settleNAT(ref string) {
	r, id := s.byRef(ref)
	n := r.EC2.NATs[id]
	if n == nil || n.State != types.NatGatewayStatePending {
		return
	}
	n.State = types.NatGatewayStateAvailable
	if n.FailureCode != nil {
		n.State = types.NatGatewayStateFailed
		s.after(natRemembered, "nat.forget", ref)
	}
}

func (s *ec2Service) DescribeNatGateways(ctx context.Context, in *ec2.DescribeNatGatewaysInput) (*ec2.DescribeNatGatewaysOutput, error) {
	found, err := nats.list(s.region(ctx).EC2.NATs, in.NatGatewayIds, in.Filter)
	if err != nil {
		return nil, err
	}
	all := values(found)
	for i := range all {
		if all[i].State == types.NatGatewayStatePending {
			all[i].FailureCode, all[i].FailureMessage = nil, nil
		}
	}
	out := &ec2.DescribeNatGatewaysOutput{}
	out.NatGateways, out.NextToken, err = page(all, in.NextToken, in.MaxResults, 1000)
	return out, err
}

// DeleteNatGateway begins the end of a gateway; routes to it become blackholes. It is listed as deleted for an hour.
func (s *ec2Service) DeleteNatGateway(ctx context.Context, in *ec2.DeleteNatGatewayInput) (*ec2.DeleteNatGatewayOutput, error) {
	r := s.region(ctx)
	n, err := nats.get(r.EC2.NATs, in.NatGatewayId)
	if err != nil {
		return nil, err
	}
	if n.State != types.NatGatewayStateDeleting && n.State != types.NatGatewayStateDeleted {
		wait := natDeleted
		if n.State == types.NatGatewayStateFailed {
			wait = time.Second // it has nothing to take down
		}
		n.State = types.NatGatewayStateDeleting
		r.EC2.blackhole(func(route types.Route) bool { return val(route.NatGatewayId) == *n.NatGatewayId })
		s.after(wait, "nat.deleted", ref(r, *n.NatGatewayId))
	}
	return &ec2.DeleteNatGatewayOutput{NatGatewayId: n.NatGatewayId}, nil
}

func (s *ec2Service) deletedNAT(ref string) {
	r, id := s.byRef(ref)
	n := r.EC2.NATs[id]
	if n == nil {
		return
	}
	if eni := n.NatGatewayAddresses[0].NetworkInterfaceId; eni != nil {
		s.detachENI(r, *eni)
	}
	n.State, n.DeleteTime = types.NatGatewayStateDeleted, new(s.clock)
	s.after(natRemembered, "nat.forget", ref)
}
