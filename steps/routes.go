package steps

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// everywhere is where a default route goes.
const everywhere = "0.0.0.0/0"

// createTable makes one route table. The SDK gives the call a client token of its own, so it can be repeated.
func (s *Subnets) createTable(ctx context.Context, word string) error {
	in := &ec2.CreateRouteTableInput{VpcId: new(s.VPC.ID.Get()), TagSpecifications: tagSpec(types.ResourceTypeRouteTable, s.tableTags(word))}
	return s.soon(ctx, func() error {
		out, err := s.AWS.EC2.CreateRouteTable(ctx, in, patient)
		if err != nil {
			return err
		}
		id := *out.RouteTable.RouteTableId
		err = alone("route table", id, func() ([]string, error) {
			list, err := s.listTables(ctx, s.wordIs(word))
			return idsOf(list, func(t *types.RouteTable) string { return *t.RouteTableId }), err
		}, func() error {
			_, err := s.AWS.EC2.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &id}, patient)
			return aws.Ignore(err, "InvalidRouteTableID.NotFound")
		})
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tables[word] = out.RouteTable
		s.publish()
		return nil
	})
}

// associated says whether a subnet has the table that it is to have.
func (s *Subnets) associated(p place) bool {
	n, t := s.live[p.word()], s.tables[p.table()]
	return n != nil && t != nil && slices.ContainsFunc(t.Associations, func(a types.RouteTableAssociation) bool { return val(a.SubnetId) == *n.SubnetId })
}

// associate gives a subnet its table; one that it has already is replaced, without a moment between.
func (s *Subnets) associate(ctx context.Context, p place) error {
	s.mu.Lock()
	n, t := s.live[p.word()], s.tables[p.table()]
	s.mu.Unlock()
	err := s.soon(ctx, func() error {
		_, err := s.AWS.EC2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{SubnetId: n.SubnetId, RouteTableId: t.RouteTableId}, patient)
		return err
	})
	if aws.Is(err, "Resource.AlreadyAssociated") {
		err = s.reassociate(ctx, *n.SubnetId, *t.RouteTableId)
	}
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		t.Associations = append(t.Associations, types.RouteTableAssociation{SubnetId: n.SubnetId})
	}
	return err
}

func (s *Subnets) reassociate(ctx context.Context, subnet, table string) error {
	out, err := s.AWS.EC2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{{Name: new("association.subnet-id"), Values: []string{subnet}}}}, patient)
	if err != nil {
		return err
	}
	for _, t := range out.RouteTables {
		for _, a := range t.Associations {
			if val(a.SubnetId) == subnet && *t.RouteTableId != table {
				_, err = s.AWS.EC2.ReplaceRouteTableAssociation(ctx, &ec2.ReplaceRouteTableAssociationInput{AssociationId: a.RouteTableAssociationId, RouteTableId: &table}, patient)
				return err
			}
		}
	}
	return nil
}

// privateTable is the table of a zone's private subnet, nil before it is made.
func (s *Subnets) privateTable(zone string) *types.RouteTable {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tables["route-table/private/"+zone]
}

// publicIn is the id of a zone's public subnet.
func (s *Subnets) publicIn(zone string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.live["subnet/public/"+zone].SubnetId
}

// defaultRoute is a table's, nil without one.
func defaultRoute(t *types.RouteTable) *types.Route {
	if t == nil {
		return nil
	}
	for i := range t.Routes {
		if val(t.Routes[i].DestinationCidrBlock) == everywhere {
			return &t.Routes[i]
		}
	}
	return nil
}

// planInternet gives the public subnets their way to the internet gateway.
func (s *Subnets) planInternet() []deploy.Change {
	const what = "public default route"
	t := s.tables["route-table/public"]
	do := func(ctx context.Context) error {
		s.mu.Lock()
		t := s.tables["route-table/public"]
		s.mu.Unlock()
		gateway := s.VPC.Gateway.Get()
		return s.route(ctx, t, types.Route{GatewayId: &gateway})
	}
	live := defaultRoute(t)
	if live == nil {
		return []deploy.Change{{Op: deploy.Create, What: what, Group: "connect", Do: do}}
	}
	if diff := deploy.Diff(deploy.FOut("target", target(live), s.VPC.Gateway), deploy.F("state", state(live), "active")); diff != nil {
		return []deploy.Change{{Op: deploy.Update, What: what, Diff: diff, Group: "connect", Do: do}}
	}
	return nil
}

// target is the id of what a route leads to.
func target(r *types.Route) string {
	for _, id := range []*string{r.GatewayId, r.NatGatewayId, r.NetworkInterfaceId, r.TransitGatewayId, r.VpcPeeringConnectionId, r.EgressOnlyInternetGatewayId} {
		if id != nil {
			return *id
		}
	}
	return ""
}

// state is "active", or "blackhole" where the target is gone. An endpoint that shows no state has only active routes.
func state(r *types.Route) string {
	if r.State == types.RouteStateBlackhole {
		return "blackhole"
	}
	return "active"
}

// route makes a table's default route, or turns the one that is there: a route that a repeated call finds is the
// one that it has made, or one to be turned.
func (s *Subnets) route(ctx context.Context, t *types.RouteTable, to types.Route) error {
	create := &ec2.CreateRouteInput{RouteTableId: t.RouteTableId, DestinationCidrBlock: new(everywhere), GatewayId: to.GatewayId, NatGatewayId: to.NatGatewayId}
	replace := &ec2.ReplaceRouteInput{RouteTableId: t.RouteTableId, DestinationCidrBlock: new(everywhere), GatewayId: to.GatewayId, NatGatewayId: to.NatGatewayId}
	s.mu.Lock()
	exists := defaultRoute(t) != nil
	s.mu.Unlock()
	err := s.soon(ctx, func() error {
		if !exists {
			_, err := s.AWS.EC2.CreateRoute(ctx, create, patient)
			if !aws.Is(err, "RouteAlreadyExists") {
				return err
			}
		}
		_, err := s.AWS.EC2.ReplaceRoute(ctx, replace, patient)
		return err
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	to.DestinationCidrBlock, to.State = new(everywhere), types.RouteStateActive
	t.Routes = append(slices.DeleteFunc(t.Routes, func(r types.Route) bool { return val(r.DestinationCidrBlock) == everywhere }), to)
	return nil
}

// unroute deletes a table's default route.
func (s *Subnets) unroute(ctx context.Context, t *types.RouteTable) error {
	_, err := s.AWS.EC2.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: t.RouteTableId, DestinationCidrBlock: new(everywhere)}, patient)
	if aws.Is(err, "InvalidRoute.NotFound", "InvalidRouteTableID.NotFound") {
		err = nil
	}
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		t.Routes = slices.DeleteFunc(t.Routes, func(r types.Route) bool { return val(r.DestinationCidrBlock) == everywhere })
	}
	return err
}

// deleteTables deletes those that are not to be kept.
func (s *Subnets) deleteTables(keep []string) (plan []deploy.Change) {
	for _, w := range slices.Sorted(maps.Keys(s.tables)) {
		if t := s.tables[w]; !slices.Contains(keep, w) {
			plan = append(plan, deploy.Change{Op: deploy.Delete, What: tableWhat(w), Group: "delete tables", Do: func(ctx context.Context) error {
				return s.deleteTable(ctx, *t.RouteTableId)
			}})
		}
	}
	return plan
}

// deleteTable deletes a table once no subnet has it. Associations of our own subnets, which are gone, are to be gone
// with them; where they are not they are taken away. One with a subnet of others is theirs, and stops it.
func (s *Subnets) deleteTable(ctx context.Context, id string) error {
	var left []types.RouteTableAssociation
	return s.whenFree(ctx, func(context.Context) (dependents, error) {
		d := dependents{patience: time.Minute}
		for _, a := range left {
			d.names = append(d.names, fmt.Sprintf("the association of route table %s with subnet %s", id, val(a.SubnetId)))
		}
		return d, nil
	}, func() error {
		_, err := s.AWS.EC2.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &id}, patient)
		if !aws.Is(err, "DependencyViolation") {
			return err
		}
		out, readErr := s.AWS.EC2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{id}}, patient)
		if readErr != nil {
			return readErr
		}
		left = out.RouteTables[0].Associations
		for _, a := range left {
			if !slices.ContainsFunc(slices.Collect(maps.Values(s.live)), func(n *types.Subnet) bool { return *n.SubnetId == val(a.SubnetId) }) {
				continue
			}
			_, gone := s.AWS.EC2.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: a.RouteTableAssociationId}, patient)
			if gone := aws.Ignore(gone, "InvalidAssociationID.NotFound"); gone != nil {
				return gone
			}
		}
		return err
	})
}
