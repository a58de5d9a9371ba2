package steps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// givenSubnets are those of a VPC that exists, with its route tables. They are looked at, never changed.
type givenSubnets struct {
	subnets []types.Subnet
	tables  []types.RouteTable
}

func (s *Subnets) readGiven(ctx context.Context) error {
	want := s.Manifest.VPC
	if want.ID == "" {
		return nil
	}
	s.given = &givenSubnets{}
	return together(
		func() (err error) {
			in := []types.Filter{{Name: new("subnet-id"), Values: slices.Concat(want.Subnets.Public, want.Subnets.Private)}}
			s.given.subnets, err = pages(func(token *string) ([]types.Subnet, *string, error) {
				out, err := s.AWS.EC2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: in, NextToken: token}, patient)
				if err != nil {
					return nil, nil, err
				}
				return out.Subnets, out.NextToken, nil
			})
			return err
		},
		func() (err error) {
			in := []types.Filter{{Name: new("vpc-id"), Values: []string{want.ID}}}
			s.given.tables, err = pages(func(token *string) ([]types.RouteTable, *string, error) {
				out, err := s.AWS.EC2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: in, NextToken: token}, patient)
				if err != nil {
					return nil, nil, err
				}
				return out.RouteTables, out.NextToken, nil
			})
			return err
		},
	)
}

// checkGiven refuses subnets that can't bear a balancer or tasks.
func (s *Subnets) checkGiven() error {
	want := s.Manifest.VPC
	for _, id := range slices.Concat(want.Subnets.Public, want.Subnets.Private) {
		n := s.given.subnet(id)
		if n == nil {
			return fmt.Errorf("there is no subnet %s in %s", id, s.Region)
		}
		if *n.VpcId != want.ID {
			return fmt.Errorf("subnet %s is in %s, not in %s", id, *n.VpcId, want.ID)
		}
	}
	for _, kind := range []string{"public", "private"} {
		if err := s.checkKind(kind); err != nil {
			return err
		}
	}
	return nil
}

// checkKind holds the zones, the routes and the room of one list: a balancer needs two zones and eight free addresses
// in each subnet, the internet a gateway, and tasks a way out.
func (s *Subnets) checkKind(kind string) error {
	ids, public := s.Manifest.VPC.Subnets.Private, kind == "public"
	balancer := s.Manifest.ALB.Internal
	if public {
		ids, balancer = s.Manifest.VPC.Subnets.Public, !s.Manifest.ALB.Internal
	}
	zones := map[string]bool{}
	for _, id := range ids {
		n := s.given.subnet(id)
		zones[*n.AvailabilityZoneId] = true
		way := defaultRoute(s.given.table(n))
		switch {
		case public && (way == nil || !strings.HasPrefix(target(way), "igw-") || state(way) != "active"):
			return fmt.Errorf("subnet %s is no public one: its route table has no default route to an internet gateway", id)
		case !public && way == nil && !s.Manifest.Service.AssignPublicIP && !s.given.hasEndpoints():
			return fmt.Errorf("tasks in subnet %s could not start: its route table has no default route, to a NAT gateway for example", id)
		case !public && way != nil && state(way) != "active":
			return fmt.Errorf("tasks in subnet %s could not start: its default route leads to %s, which is gone", id, target(way))
		case balancer && n.AvailableIpAddressCount != nil && *n.AvailableIpAddressCount < 8:
			return fmt.Errorf("subnet %s has %d free addresses left, and a balancer needs 8", id, *n.AvailableIpAddressCount)
		}
	}
	if balancer && len(zones) < 2 {
		return fmt.Errorf("a balancer needs %s subnets in two zones, and %s are all in one", kind, strings.Join(ids, ", "))
	}
	return nil
}

func (g *givenSubnets) subnet(id string) *types.Subnet {
	i := slices.IndexFunc(g.subnets, func(n types.Subnet) bool { return *n.SubnetId == id })
	if i < 0 {
		return nil
	}
	return &g.subnets[i]
}

// table is a subnet's route table: its own, else the VPC's main one.
func (g *givenSubnets) table(n *types.Subnet) (main *types.RouteTable) {
	for i := range g.tables {
		for _, a := range g.tables[i].Associations {
			if val(a.SubnetId) == *n.SubnetId {
				return &g.tables[i]
			}
			if val(a.Main) {
				main = &g.tables[i]
			}
		}
	}
	return main
}

// hasEndpoints says whether the VPC has endpoints to be reached without a default route, as S3's gateway in a route
// table shows: such a network is built on purpose.
func (g *givenSubnets) hasEndpoints() bool {
	return slices.ContainsFunc(g.tables, func(t types.RouteTable) bool {
		return slices.ContainsFunc(t.Routes, func(r types.Route) bool { return strings.HasPrefix(val(r.GatewayId), "vpce-") })
	})
}
