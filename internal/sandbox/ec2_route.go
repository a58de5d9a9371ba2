package sandbox

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var tables = kind[types.RouteTable]{
	prefix: "rtb-", param: "routeTableId", code: "InvalidRouteTableID.NotFound", message: "The routeTable ID '%s' does not exist",
	tags: func(t *types.RouteTable) *[]types.Tag { return &t.Tags },
	filters: map[string]func(*types.RouteTable) []string{
		"route-table-id": text(func(t *types.RouteTable) *string { return t.RouteTableId }),
		"vpc-id":         text(func(t *types.RouteTable) *string { return t.VpcId }),
		"owner-id":       text(func(t *types.RouteTable) *string { return t.OwnerId }),
		"association.route-table-association-id": each(associations,
			func(a types.RouteTableAssociation) *string { return a.RouteTableAssociationId }),
		"association.route-table-id": each(associations, func(a types.RouteTableAssociation) *string { return a.RouteTableId }),
		"association.subnet-id":      each(associations, func(a types.RouteTableAssociation) *string { return a.SubnetId }),
		"association.main":           flag(func(t *types.RouteTable) *bool { return new(isMain(t)) }),
		"route.destination-cidr-block": each(routes, func(r types.Route) *string {
			return r.DestinationCidrBlock
		}),
		"route.destination-prefix-list-id": each(routes, func(r types.Route) *string { return r.DestinationPrefixListId }),
		"route.gateway-id":                 each(routes, func(r types.Route) *string { return r.GatewayId }),
		"route.nat-gateway-id":             each(routes, func(r types.Route) *string { return r.NatGatewayId }),
		"route.state":                      each(routes, func(r types.Route) *string { return new(string(r.State)) }),
	},
}

func associations(t *types.RouteTable) []types.RouteTableAssociation { return t.Associations }
func routes(t *types.RouteTable) []types.Route                       { return t.Routes }

func isMain(t *types.RouteTable) bool {
	return slices.ContainsFunc(t.Associations, func(a types.RouteTableAssociation) bool { return val(a.Main) })
}

// blackhole marks the routes whose target is gone.
func (e *ec2State) blackhole(gone func(types.Route) bool) {
	for _, t := range e.Tables {
		for i := range t.Routes {
			if gone(t.Routes[i]) {
				t.Routes[i].State = types.RouteStateBlackhole
			}
		}
	}
}

func (s *Sandbox) makeTable(r *Region, v *vpc, tags []types.Tag, main bool) *types.RouteTable {
	t := &types.RouteTable{RouteTableId: new(s.id("rtb")), VpcId: v.VpcId, OwnerId: new(Account), Tags: tags, Routes: []types.Route{{
		DestinationCidrBlock: v.CidrBlock, GatewayId: new("local"), Origin: types.RouteOriginCreateRouteTable, State: types.RouteStateActive,
	}}}
	if main {
		t.Associations = []types.RouteTableAssociation{s.association(t, nil)}
	}
	put(&r.EC2.Tables, *t.RouteTableId, t)
	return t
}

// association is one with a subnet, or the main one.
func (s *Sandbox) association(t *types.RouteTable, subnet *string) types.RouteTableAssociation {
	return types.RouteTableAssociation{
		RouteTableAssociationId: new(s.id("rtbassoc")), RouteTableId: t.RouteTableId, SubnetId: subnet, Main: new(subnet == nil),
		AssociationState: &types.RouteTableAssociationState{State: types.RouteTableAssociationStateCodeAssociated},
	}
}

func (s *ec2Service) CreateRouteTable(ctx context.Context, in *ec2.CreateRouteTableInput) (*ec2.CreateRouteTableOutput, error) {
	r := s.region(ctx)
	v, err := vpcs.get(r.EC2.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor(in.TagSpecifications, types.ResourceTypeRouteTable)
	if err != nil {
		return nil, err
	}
	if id, err := idempotent(r, "CreateRouteTable", in.ClientToken, in); err != nil || r.EC2.Tables[id] != nil {
		return &ec2.CreateRouteTableOutput{RouteTable: r.EC2.Tables[id], ClientToken: in.ClientToken}, err
	}
	count := 0
	for _, t := range r.EC2.Tables {
		if *t.VpcId == *v.VpcId {
			count++
		}
	}
	if count >= maxTables {
		return nil, fail("RouteTableLimitExceeded", "The maximum number of route tables has been reached.")
	}
	t := s.makeTable(r, v, tags, false)
	remember(r, "CreateRouteTable", in.ClientToken, in, *t.RouteTableId)
	return &ec2.CreateRouteTableOutput{RouteTable: t, ClientToken: in.ClientToken}, nil
}

func (s *ec2Service) DescribeRouteTables(ctx context.Context, in *ec2.DescribeRouteTablesInput) (*ec2.DescribeRouteTablesOutput, error) {
	found, err := tables.list(s.region(ctx).EC2.Tables, in.RouteTableIds, in.Filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeRouteTablesOutput{}
	out.RouteTables, out.NextToken, err = page(values(found), in.NextToken, in.MaxResults, 100)
	return out, err
}

func (s *ec2Service) DeleteRouteTable(ctx context.Context, in *ec2.DeleteRouteTableInput) (*ec2.DeleteRouteTableOutput, error) {
	e := &s.region(ctx).EC2
	t, err := tables.get(e.Tables, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	if len(t.Associations) > 0 {
		return nil, fail("DependencyViolation", "The routeTable '%s' has dependencies and cannot be deleted.", *t.RouteTableId)
	}
	for _, p := range e.Endpoints {
		p.RouteTableIds = slices.DeleteFunc(p.RouteTableIds, func(id string) bool { return id == *t.RouteTableId })
	}
	delete(e.Tables, *t.RouteTableId)
	return &ec2.DeleteRouteTableOutput{}, nil
}

// associated finds the association of a subnet, or of an id.
func (e *ec2State) associated(match func(types.RouteTableAssociation) bool) (*types.RouteTable, *types.RouteTableAssociation) {
	for _, t := range e.Tables {
		for i := range t.Associations {
			if match(t.Associations[i]) {
				return t, &t.Associations[i]
			}
		}
	}
	return nil, nil
}

func dissociated(list []types.RouteTableAssociation, gone func(types.RouteTableAssociation) bool) []types.RouteTableAssociation {
	return slices.DeleteFunc(slices.Clone(list), gone)
}

// AssociateRouteTable takes a subnet that has no explicit table yet.
func (s *ec2Service) AssociateRouteTable(ctx context.Context, in *ec2.AssociateRouteTableInput) (*ec2.AssociateRouteTableOutput, error) {
	e := &s.region(ctx).EC2
	t, err := tables.get(e.Tables, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	n, err := subnets.get(e.Subnets, in.SubnetId)
	if err != nil {
		return nil, err
	}
	old, _ := e.associated(func(a types.RouteTableAssociation) bool { return val(a.SubnetId) == *n.SubnetId })
	switch {
	case *n.VpcId != *t.VpcId:
		return nil, fail("InvalidParameterValue", "route table %s and subnet %s belong to different networks", *t.RouteTableId, *n.SubnetId)
	case old != nil:
		return nil, fail("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association", *t.RouteTableId)
	}
	a := s.association(t, n.SubnetId)
	t.Associations = append(t.Associations, a)
	return &ec2.AssociateRouteTableOutput{AssociationId: a.RouteTableAssociationId, AssociationState: a.AssociationState}, nil
}

func (e *ec2State) association(id *string) (*types.RouteTable, *types.RouteTableAssociation, error) {
	t, a := e.associated(func(a types.RouteTableAssociation) bool { return *a.RouteTableAssociationId == val(id) })
	if a == nil {
		return nil, nil, fail("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", val(id))
	}
	return t, a, nil
}

// ReplaceRouteTableAssociation gives a subnet, or the VPC as its main one, another table without a moment between.
func (s *ec2Service) ReplaceRouteTableAssociation(ctx context.Context, in *ec2.ReplaceRouteTableAssociationInput) (*ec2.ReplaceRouteTableAssociationOutput, error) {
	e := &s.region(ctx).EC2
	old, a, err := e.association(in.AssociationId)
	if err != nil {
		return nil, err
	}
	t, err := tables.get(e.Tables, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	if *t.VpcId != *old.VpcId {
		return nil, fail("InvalidParameterValue", "route table %s and association %s belong to different networks", *t.RouteTableId, *in.AssociationId)
	}
	moved := s.association(t, a.SubnetId)
	old.Associations = dissociated(old.Associations, func(a types.RouteTableAssociation) bool { return *a.RouteTableAssociationId == *in.AssociationId })
	t.Associations = append(t.Associations, moved)
	return &ec2.ReplaceRouteTableAssociationOutput{NewAssociationId: moved.RouteTableAssociationId, AssociationState: moved.AssociationState}, nil
}

func (s *ec2Service) DisassociateRouteTable(ctx context.Context, in *ec2.DisassociateRouteTableInput) (*ec2.DisassociateRouteTableOutput, error) {
	t, a, err := s.region(ctx).EC2.association(in.AssociationId)
	if err != nil {
		return nil, err
	}
	if val(a.Main) {
		return nil, fail("InvalidParameterValue", "cannot disassociate the main route table association %s", *in.AssociationId)
	}
	t.Associations = dissociated(t.Associations, func(a types.RouteTableAssociation) bool { return *a.RouteTableAssociationId == *in.AssociationId })
	return &ec2.DisassociateRouteTableOutput{}, nil
}

// target is a route to the one gateway or interface that is given, in the table's VPC.
func (e *ec2State) target(t *types.RouteTable, gateway, nat, eni *string) (types.Route, error) {
	route := types.Route{GatewayId: gateway, NatGatewayId: nat, NetworkInterfaceId: eni, Origin: types.RouteOriginCreateRoute, State: types.RouteStateActive}
	switch {
	case gateway != nil && nat == nil && eni == nil:
		g, err := gateways.get(e.Gateways, gateway)
		if err != nil {
			return route, fail("InvalidGatewayID.NotFound", "The gateway ID '%s' does not exist", *gateway)
		}
		if len(g.Attachments) == 0 || *g.Attachments[0].VpcId != *t.VpcId {
			return route, fail("InvalidParameterValue", "route table %s and network gateway %s belong to different networks", *t.RouteTableId, *gateway)
		}
	case nat != nil && gateway == nil && eni == nil:
		n := e.NATs[*nat]
		if n == nil || !slices.Contains([]types.NatGatewayState{types.NatGatewayStatePending, types.NatGatewayStateAvailable}, n.State) {
			return route, fail("InvalidNatGatewayID.NotFound", "The natGateway ID '%s' does not exist", *nat)
		}
		if *n.VpcId != *t.VpcId {
			return route, fail("InvalidParameterValue", "route table %s and NAT gateway %s belong to different networks", *t.RouteTableId, *nat)
		}
	case eni != nil && gateway == nil && nat == nil:
		if _, err := enis.get(e.ENIs, eni); err != nil {
			return route, err
		}
	default:
		return route, fail("InvalidParameterCombination", "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId")
	}
	return route, nil
}

// CreateRoute makes a route, to a NAT gateway that is still pending, too.
func (s *ec2Service) CreateRoute(ctx context.Context, in *ec2.CreateRouteInput) (*ec2.CreateRouteOutput, error) {
	e := &s.region(ctx).EC2
	t, err := tables.get(e.Tables, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	cidr, err := block("destinationCidrBlock", in.DestinationCidrBlock)
	if err != nil {
		return nil, err
	}
	route, err := e.target(t, in.GatewayId, in.NatGatewayId, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	route.DestinationCidrBlock = new(cidr.String())
	if routeTo(t, *route.DestinationCidrBlock) >= 0 {
		return nil, fail("RouteAlreadyExists", "The route identified by %s already exists.", cidr)
	}
	t.Routes = append(t.Routes, route)
	return &ec2.CreateRouteOutput{Return: new(true)}, nil
}

func routeTo(t *types.RouteTable, cidr string) int {
	return slices.IndexFunc(t.Routes, func(r types.Route) bool { return val(r.DestinationCidrBlock) == cidr })
}

func (s *ec2Service) ReplaceRoute(ctx context.Context, in *ec2.ReplaceRouteInput) (*ec2.ReplaceRouteOutput, error) {
	e := &s.region(ctx).EC2
	t, err := tables.get(e.Tables, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	i := routeTo(t, val(in.DestinationCidrBlock))
	if i < 0 {
		return nil, fail("InvalidParameterValue", "There is no route defined for '%s' in the route table. Use CreateRoute instead.", val(in.DestinationCidrBlock))
	}
	route, err := e.target(t, in.GatewayId, in.NatGatewayId, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	route.DestinationCidrBlock = in.DestinationCidrBlock
	t.Routes[i] = route
	return &ec2.ReplaceRouteOutput{}, nil
}

func (s *ec2Service) DeleteRoute(ctx context.Context, in *ec2.DeleteRouteInput) (*ec2.DeleteRouteOutput, error) {
	t, err := tables.get(s.region(ctx).EC2.Tables, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	cidr := val(in.DestinationCidrBlock)
	i := routeTo(t, cidr)
	switch {
	case i < 0:
		return nil, fail("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", cidr, *t.RouteTableId)
	case val(t.Routes[i].GatewayId) == "local":
		return nil, fail("InvalidParameterValue", "cannot remove local route %s in route table %s", cidr, *t.RouteTableId)
	}
	t.Routes = slices.Delete(t.Routes, i, i+1)
	return &ec2.DeleteRouteOutput{}, nil
}
