package steps

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// A rule of a security group lets one peer in, or out to it.
type rule struct {
	egress   bool
	protocol string // "tcp"; "-1" is all
	from, to int32  // ports; 0 for all protocols
	peer     string // a range, a group's or a prefix list's id
	of       *group // the peer where it is one of ours: its id may not be known yet
}

// to is a rule that lets the members of a group in.
func (g *group) to(protocol string, port int32) rule {
	r := rule{protocol: protocol, from: port, to: port, of: g}
	r.peer, _ = g.id.Known()
	return r
}

// key is what makes a rule different from another to AWS.
func (r rule) key() string {
	return fmt.Sprint(r.egress, r.protocol, r.from, r.to, r.peer)
}

// String is the rule as a plan shows it: "TCP 80 from 0.0.0.0/0".
func (r rule) String() string {
	name := strings.ToUpper(r.protocol)
	switch {
	case r.protocol == "-1":
		name = "all"
	case r.from == r.to:
		name += fmt.Sprintf(" %d", r.from)
	default:
		name += fmt.Sprintf(" %d-%d", r.from, r.to)
	}
	peer, way := r.peer, " from "
	if r.of != nil {
		peer = r.of.name
	}
	if r.egress {
		way = " to "
	}
	return name + way + peer
}

// allOut are the permissions that AWS gives every new group.
var allOut = []types.IpPermission{{IpProtocol: new("-1"), IpRanges: []types.IpRange{{CidrIp: new(everywhere)}}}}

// liveRules takes a group's permissions apart.
func liveRules(g *types.SecurityGroup) (rules []rule) {
	for egress, perms := range map[bool][]types.IpPermission{false: g.IpPermissions, true: g.IpPermissionsEgress} {
		for _, p := range perms {
			r := rule{egress: egress, protocol: val(p.IpProtocol)}
			if r.protocol != "-1" {
				r.from, r.to = val(p.FromPort), val(p.ToPort)
			}
			var peers []string
			for _, to := range p.IpRanges {
				peers = append(peers, val(to.CidrIp))
			}
			for _, to := range p.Ipv6Ranges {
				peers = append(peers, val(to.CidrIpv6))
			}
			for _, to := range p.PrefixListIds {
				peers = append(peers, val(to.PrefixListId))
			}
			for _, to := range p.UserIdGroupPairs {
				peers = append(peers, val(to.GroupId))
			}
			for _, peer := range peers {
				one := r
				one.peer = peer
				rules = append(rules, one)
			}
		}
	}
	sort.Slice(rules, func(i, j int) bool { return rules[i].key() < rules[j].key() })
	return rules
}

// planRules adds what a group lacks, and takes away what it has besides. A new group may go out already.
func (s *Groups) planRules(g *group) (plan []deploy.Change) {
	want := g.ingress()
	if g.live != nil {
		want = append(want, rule{egress: true, protocol: "-1", peer: everywhere})
	}
	wanted := map[string]bool{}
	for _, r := range want {
		wanted[r.key()] = true
		if !slices.ContainsFunc(g.rules, func(live rule) bool { return live.key() == r.key() }) {
			plan = append(plan, deploy.Change{Op: deploy.Create, What: g.name + ": " + r.String(), Group: "rules", Do: func(ctx context.Context) error {
				return s.authorize(ctx, g, r)
			}})
		}
	}
	for _, r := range g.rules {
		if wanted[r.key()] {
			continue
		}
		for _, other := range s.groups() {
			if other.live != nil && *other.live.GroupId == r.peer {
				r.of = other
			}
		}
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: g.name + ": " + r.String(), Why: "not in the manifest", Group: "revoke", After: true, Do: func(ctx context.Context) error {
			return s.revoke(ctx, g, r)
		}})
	}
	return plan
}

// permission is the rule as a request has it.
func (r rule) permission() []types.IpPermission {
	p := types.IpPermission{IpProtocol: &r.protocol}
	if r.protocol != "-1" {
		p.FromPort, p.ToPort = &r.from, &r.to
	}
	if r.of != nil {
		r.peer = r.of.id.Get()
	}
	switch cidr, err := netip.ParsePrefix(r.peer); {
	case strings.HasPrefix(r.peer, "sg-"):
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: &r.peer}}
	case strings.HasPrefix(r.peer, "pl-"):
		p.PrefixListIds = []types.PrefixListId{{PrefixListId: &r.peer}}
	case err == nil && cidr.Addr().Is6():
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: &r.peer}}
	default:
		p.IpRanges = []types.IpRange{{CidrIp: &r.peer}}
	}
	return []types.IpPermission{p}
}

// authorize adds one rule; one that is there is as good. One call a rule: a duplicate would refuse all of a call.
func (s *Groups) authorize(ctx context.Context, g *group, r rule) error {
	id, perms := g.id.Get(), r.permission()
	err := s.soon(ctx, func() (err error) {
		if r.egress {
			_, err = s.AWS.EC2.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &id, IpPermissions: perms}, patient)
		} else {
			_, err = s.AWS.EC2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: perms}, patient)
		}
		return aws.Ignore(err, "InvalidPermission.Duplicate")
	})
	if err == nil {
		s.keep(g, func(rules []rule) []rule {
			if r.of != nil {
				r.peer = r.of.id.Get()
			}
			return append(rules, r)
		})
	}
	return err
}

func (s *Groups) revoke(ctx context.Context, g *group, r rule) (err error) {
	id, perms := g.id.Get(), r.permission()
	if r.egress {
		_, err = s.AWS.EC2.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &id, IpPermissions: perms}, patient)
	} else {
		_, err = s.AWS.EC2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &id, IpPermissions: perms}, patient)
	}
	return aws.Ignore(err, "InvalidPermission.NotFound")
}

// keep notes what the group has now: rules are added at once.
func (s *Groups) keep(g *group, edit func([]rule) []rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.rules = edit(g.rules)
}

// members finds what has a group: interfaces, else the groups whose rules name it.
func (s *Groups) members(id string) func(context.Context) (dependents, error) {
	return func(ctx context.Context) (dependents, error) {
		d, err := s.interfaces("group-id", id)(ctx)
		if err != nil || len(d.names) > 0 {
			return d, err
		}
		out, err := s.AWS.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{{Name: new("ip-permission.group-id"), Values: []string{id}}}}, patient)
		if err != nil {
			return d, err
		}
		for _, g := range out.SecurityGroups {
			d.names = append(d.names, fmt.Sprintf("a rule of security group %s (%s)", *g.GroupId, *g.GroupName))
		}
		return d, nil
	}
}
