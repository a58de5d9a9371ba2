package steps

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/deploy"
)

// NAT is the NAT gateways, and the private subnets' way to them: one gateway for all, or one in every zone.
type NAT struct {
	*App
	VPC     *VPC
	Subnets *Subnets
	EIP     *EIP

	Gateways deploy.Out[[]string] // ids in the zones' order

	zones []string // that have a gateway
	mu    sync.Mutex
	live  map[string]*types.NatGateway  // by word: those that work or will
	dead  map[string][]types.NatGateway // by word: those that failed or go
}

func (s *NAT) Name() string { return "nat" }

// Wanted says whether there are NAT gateways of ours.
func (s *NAT) Wanted() bool { return s.hasNAT() }

func natWord(zone string) string { return "nat/" + zone }
func natWhat(zone string) string { return "NAT gateway in " + zone }

// readNATs lists our NAT gateways, also those that failed or were deleted within the hour.
func (a *App) readNATs(ctx context.Context) ([]types.NatGateway, error) {
	return a.network.nats.get(func() ([]types.NatGateway, error) {
		return pages(func(token *string) ([]types.NatGateway, *string, error) {
			out, err := a.AWS.EC2.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{Filter: a.our(), NextToken: token}, patient)
			if err != nil {
				return nil, nil, err
			}
			return out.NatGateways, out.NextToken, nil
		})
	})
}

// natZones are the zones that have a gateway: every one, or the one that has it already, or the first.
func (a *App) natZones(ctx context.Context) (ids []string, err error) {
	if !a.hasNAT() {
		return nil, nil
	}
	zones, _, err := a.layout(ctx)
	if err != nil {
		return nil, err
	}
	for _, z := range zones {
		ids = append(ids, z.id)
	}
	if a.Manifest.VPC.NAT != "single" || len(ids) == 0 {
		return ids, nil
	}
	live, err := a.readNATs(ctx)
	for _, z := range ids {
		if slices.ContainsFunc(live, func(n types.NatGateway) bool { return works(&n) && word(n.Tags) == natWord(z) }) {
			return []string{z}, err
		}
	}
	return ids[:1], err
}

// works says whether a gateway is one to be used, now or soon.
func works(n *types.NatGateway) bool {
	return n.State == types.NatGatewayStatePending || n.State == types.NatGatewayStateAvailable
}

// Read finds our gateways by their tags.
func (s *NAT) Read(ctx context.Context) error {
	var all []types.NatGateway
	err := together(
		func() (err error) { s.zones, err = s.natZones(ctx); return err },
		func() (err error) { all, err = s.readNATs(ctx); return err },
	)
	if err != nil {
		return err
	}
	var working []types.NatGateway
	s.dead = map[string][]types.NatGateway{}
	for _, n := range all {
		if works(&n) {
			working = append(working, n)
		} else {
			s.dead[word(n.Tags)] = append(s.dead[word(n.Tags)], n)
		}
	}
	s.live, err = byWord("NAT gateway", working, func(n *types.NatGateway) string { return *n.NatGatewayId }, func(n *types.NatGateway) []types.Tag { return n.Tags })
	s.publish()
	return err
}

func (s *NAT) publish() {
	if !s.Wanted() {
		s.Gateways.SetNone()
		return
	}
	var ids []string
	for _, z := range s.zones {
		if n := s.live[natWord(z)]; n != nil {
			ids = append(ids, *n.NatGatewayId)
		}
	}
	if s.Gateways.Forget(); len(ids) == len(s.zones) {
		s.Gateways.Set(ids)
	}
}

// failed is why a zone's gateway failed, "" when none did.
func (s *NAT) failed(zone string) string {
	for _, n := range s.dead[natWord(zone)] {
		if n.State == types.NatGatewayStateFailed {
			return fmt.Sprintf("%s failed: %s", *n.NatGatewayId, failure(&n))
		}
	}
	return ""
}

func failure(n *types.NatGateway) string {
	return strings.TrimPrefix(val(n.FailureCode)+": "+val(n.FailureMessage), ": ")
}

// Plan makes the gateways, then leads the private subnets to them. Those of other zones go when nothing leads there.
func (s *NAT) Plan() (plan []deploy.Change) {
	for _, z := range s.zones {
		why, n := s.failed(z), s.live[natWord(z)]
		switch {
		case n == nil && why != "":
			plan = append(plan, deploy.Change{Op: deploy.Replace, What: natWhat(z), Why: why, Group: "create", Do: func(ctx context.Context) error { return s.create(ctx, z) }})
		case n == nil:
			plan = append(plan, deploy.Change{Op: deploy.Create, What: natWhat(z), Group: "create", Do: func(ctx context.Context) error { return s.create(ctx, z) }})
		default:
			plan = append(plan, s.retagEC2(natWhat(z), *n.NatGatewayId, n.Tags, s.natTags(z))...)
		}
	}
	plan = append(plan, s.planRoutes()...)
	for _, c := range s.remove(s.zones) {
		c.After = true
		plan = append(plan, c)
	}
	return plan
}

// gatewayFor is the zone whose gateway a private subnet uses: its own, or the only one.
func (s *NAT) gatewayFor(zone string) string {
	if slices.Contains(s.zones, zone) {
		return zone
	}
	return s.zones[0]
}

// planRoutes leads every private table to its gateway. A new route need not wait for the gateway; a route that works
// is turned only when the new gateway does.
func (s *NAT) planRoutes() (plan []deploy.Change) {
	for _, z := range s.Subnets.zones {
		at := s.gatewayFor(z.id)
		var want deploy.Out[string]
		if n := s.live[natWord(at)]; n != nil {
			want.Set(*n.NatGatewayId)
		}
		what := "private default route of " + z.id
		lead := func(ctx context.Context, wait bool) error {
			if wait {
				if err := deploy.Until(ctx, s.Ready); err != nil {
					return err
				}
			}
			s.mu.Lock()
			id := s.live[natWord(at)].NatGatewayId
			s.mu.Unlock()
			return s.Subnets.route(ctx, s.Subnets.privateTable(z.id), types.Route{NatGatewayId: id})
		}
		live := defaultRoute(s.Subnets.privateTable(z.id))
		if live == nil {
			plan = append(plan, deploy.Change{Op: deploy.Create, What: what, Group: "routes", Do: func(ctx context.Context) error { return lead(ctx, false) }})
		} else if diff := deploy.Diff(deploy.FOut("target", target(live), want), deploy.F("state", state(live), "active")); diff != nil {
			serves := state(live) == "active"
			plan = append(plan, deploy.Change{Op: deploy.Update, What: what, Diff: diff, Group: "routes", Do: func(ctx context.Context) error { return lead(ctx, serves) }})
		}
	}
	return plan
}

// Ready is so when all gateways are available.
func (s *NAT) Ready(ctx context.Context) (string, error) {
	var ids []string
	s.mu.Lock()
	for _, z := range s.zones {
		if n := s.live[natWord(z)]; n != nil && n.State != types.NatGatewayStateAvailable {
			ids = append(ids, *n.NatGatewayId)
		}
	}
	s.mu.Unlock()
	if len(ids) == 0 {
		return "", nil
	}
	list, err := s.byID(ctx, ids)
	if err != nil {
		return "", err
	}
	var missing []string
	for i, n := range list {
		switch {
		case n.State == types.NatGatewayStateAvailable:
			s.mu.Lock()
			s.live[word(n.Tags)] = &list[i]
			s.mu.Unlock()
		case n.State == types.NatGatewayStatePending:
			missing = append(missing, fmt.Sprintf("NAT gateway %s is pending", *n.NatGatewayId))
		default:
			return "", fmt.Errorf("NAT gateway %s is %s: %s; the next up makes another", *n.NatGatewayId, n.State, failure(&n))
		}
	}
	if len(list) < len(ids) {
		missing = append(missing, "a NAT gateway does not show yet")
	}
	return strings.Join(missing, ", "), nil
}

// byID looks at gateways; what EC2 does not know (any more, or yet) is left out.
func (s *NAT) byID(ctx context.Context, ids []string) ([]types.NatGateway, error) {
	out, err := s.AWS.EC2.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{Filter: []types.Filter{{Name: new("nat-gateway-id"), Values: ids}}}, patient)
	if err != nil {
		return nil, err
	}
	return out.NatGateways, nil
}

// Remove takes the routes and the gateways away, also those that go already, and waits: they hold subnets and addresses.
func (s *NAT) Remove() (plan []deploy.Change) {
	for _, w := range slices.Sorted(maps.Keys(s.Subnets.tables)) {
		t := s.Subnets.tables[w]
		if r := defaultRoute(t); r != nil && r.NatGatewayId != nil {
			what := "private default route of " + strings.TrimPrefix(w, "route-table/private/")
			plan = append(plan, deploy.Change{Op: deploy.Delete, What: what, Group: "routes", Do: func(ctx context.Context) error { return s.Subnets.unroute(ctx, t) }})
		}
	}
	return append(plan, s.remove(nil)...)
}

// remove deletes gateways of other zones than those.
func (s *NAT) remove(keep []string) (plan []deploy.Change) {
	add := func(w string, n *types.NatGateway) {
		zone := strings.TrimPrefix(w, "nat/")
		if n.State != types.NatGatewayStateDeleted && !slices.Contains(keep, zone) {
			plan = append(plan, deploy.Change{Op: deploy.Delete, What: fmt.Sprintf("%s, %s", natWhat(zone), *n.NatGatewayId), Group: "delete", Do: func(ctx context.Context) error {
				return s.delete(ctx, *n)
			}})
		}
	}
	for _, w := range slices.Sorted(maps.Keys(s.live)) {
		add(w, s.live[w])
	}
	for _, w := range slices.Sorted(maps.Keys(s.dead)) {
		for i := range s.dead[w] {
			add(w, &s.dead[w][i])
		}
	}
	return plan
}

var _ deploy.Slow = (*NAT)(nil)
