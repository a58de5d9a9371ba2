package steps

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// Groups are the security groups: the balancer's, open to the world, the tasks', open to the balancer's only, and
// where there are interface endpoints theirs, open to the tasks'. They are ours in a VPC that exists, too.
type Groups struct {
	*App
	VPC *VPC

	ALB       deploy.Out[string] // the balancer's group id
	ECS       deploy.Out[string] // the tasks'
	Endpoints deploy.Out[string] // the interface endpoints'; none without them

	mu                         sync.Mutex
	balancer, tasks, endpoints *group
	all                        []types.SecurityGroup // that have our names, in any VPC
}

// A group is one security group that we make.
type group struct {
	id                *deploy.Out[string]
	word, name, about string
	wanted            bool
	ingress           func() []rule // what may come in; out may all
	live              *types.SecurityGroup
	rules             []rule // live ones
}

func (g *group) what() string { return "security group " + g.name }

func (s *Groups) Name() string { return "groups" }

// Wanted is always true.
func (s *Groups) Wanted() bool { return true }

// groups lists the tasks' and the endpoints' before those that their rules name: so they can be deleted.
func (s *Groups) groups() []*group { return []*group{s.endpoints, s.tasks, s.balancer} }

func (s *Groups) describe() {
	p := s.Manifest.Stack()
	s.balancer = &group{id: &s.ALB, word: "group/alb", name: p + "-alb-sg", about: "balancer of " + p, wanted: true, ingress: s.fromClients}
	s.tasks = &group{id: &s.ECS, word: "group/ecs", name: p + "-ecs-sg", about: "tasks of " + p, wanted: true, ingress: func() []rule {
		return []rule{s.balancer.to("tcp", s.port())}
	}}
	s.endpoints = &group{
		id: &s.Endpoints, word: "group/endpoints", name: p + "-endpoints-sg", about: "VPC endpoints of " + p,
		wanted:  len(s.Manifest.VPC.Endpoints) > 0 && s.Manifest.VPC.ID == "",
		ingress: func() []rule { return []rule{s.tasks.to("tcp", 443)} },
	}
}

// fromClients are the balancer's ports 80 and 443, open to the allowed ranges; by default to the world, or to the
// VPC for an internal balancer.
func (s *Groups) fromClients() (rules []rule) {
	cidrs := s.Manifest.ALB.AllowedCIDRs
	switch {
	case cidrs != nil:
	case s.Manifest.ALB.Internal:
		cidrs = []string{s.VPC.CIDR.Get()}
	default:
		cidrs = []string{everywhere}
	}
	for _, port := range []int32{80, 443} {
		for _, cidr := range cidrs {
			rules = append(rules, rule{protocol: "tcp", from: port, to: port, peer: cidr})
		}
	}
	return rules
}

// Read finds all groups with our names, and which of them are ours.
func (s *Groups) Read(ctx context.Context) (err error) {
	s.describe()
	var names []string
	for _, g := range s.groups() {
		names = append(names, g.name)
	}
	s.all, err = pages(func(token *string) ([]types.SecurityGroup, *string, error) {
		out, err := s.AWS.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
			Filters: []types.Filter{{Name: new("group-name"), Values: names}}, NextToken: token,
		}, patient)
		if err != nil {
			return nil, nil, err
		}
		return out.SecurityGroups, out.NextToken, nil
	})
	if err != nil {
		return err
	}
	ours := slices.DeleteFunc(slices.Clone(s.all), func(g types.SecurityGroup) bool { return !s.owner().Owns(tagMap(g.Tags)) })
	found, err := byWord("security group", ours, func(g *types.SecurityGroup) string { return *g.GroupId }, func(g *types.SecurityGroup) []types.Tag { return g.Tags })
	for _, g := range s.groups() {
		if live := found[g.word]; live != nil {
			g.found(live)
		} else if !g.wanted {
			g.id.SetNone()
		}
	}
	return err
}

func (g *group) found(live *types.SecurityGroup) {
	g.live, g.rules = live, liveRules(live)
	g.id.Set(*live.GroupId)
}

// Check refuses groups of others in our VPC, unless they are nobody's and to be adopted, and ours in another VPC.
func (s *Groups) Check() error {
	vpc, known := s.VPC.ID.Known()
	for _, g := range s.groups() {
		if g.live != nil && *g.live.VpcId != vpc && g.wanted {
			return fmt.Errorf("%s is in VPC %s, and what stands there can't move: go back to that VPC with `id: %s`, take another project_name, or destroy first", g.what(), *g.live.VpcId, *g.live.VpcId)
		}
		for i, other := range s.all {
			if !known || !g.wanted || g.live != nil || *other.VpcId != vpc || *other.GroupName != g.name {
				continue
			}
			if err := s.own("security group", g.name, tagMap(other.Tags)); err != nil {
				return err
			}
			g.found(&s.all[i])
		}
	}
	return nil
}

// Plan makes the groups at once, then their rules. Rules that the manifest does not have go when the new release
// serves: the running one may use them.
func (s *Groups) Plan() (plan []deploy.Change) {
	for _, g := range s.groups() {
		if g.wanted && g.live == nil {
			plan = append(plan, deploy.Change{Op: deploy.Create, What: g.what(), Group: "create", Do: func(ctx context.Context) error { return s.create(ctx, g) }})
		}
	}
	for _, g := range s.groups() {
		if g.wanted {
			plan = append(plan, s.planRules(g)...)
		}
	}
	for _, g := range s.groups() {
		if g.wanted && g.live != nil {
			plan = append(plan, s.retagEC2(g.what(), *g.live.GroupId, g.live.Tags, s.named(g.word, g.name))...)
		}
	}
	for _, c := range s.remove(func(g *group) bool { return !g.wanted }) {
		c.After = true
		plan = append(plan, c)
	}
	return plan
}

// create makes one group. A duplicate may be the one that a repeated call has made already.
func (s *Groups) create(ctx context.Context, g *group) error {
	in := &ec2.CreateSecurityGroupInput{
		GroupName: &g.name, Description: &g.about, VpcId: new(s.VPC.ID.Get()), TagSpecifications: tagSpec(types.ResourceTypeSecurityGroup, s.named(g.word, g.name)),
	}
	live := &types.SecurityGroup{VpcId: in.VpcId, Tags: in.TagSpecifications[0].Tags, IpPermissionsEgress: allOut}
	err := s.soon(ctx, func() error {
		out, err := s.AWS.EC2.CreateSecurityGroup(ctx, in, patient)
		if err == nil {
			live.GroupId = out.GroupId
		}
		return err
	})
	if aws.Is(err, "InvalidGroup.Duplicate") {
		out, readErr := s.AWS.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: append(s.our(),
			types.Filter{Name: new("vpc-id"), Values: []string{*in.VpcId}}, types.Filter{Name: new("group-name"), Values: []string{g.name}})}, patient)
		if readErr != nil {
			return readErr
		}
		if len(out.SecurityGroups) != 1 {
			return err
		}
		live, err = &out.SecurityGroups[0], nil
	}
	if err == nil {
		g.found(live)
	}
	return err
}

// Remove deletes all of ours, which waits for the interfaces that have them.
func (s *Groups) Remove() []deploy.Change { return s.remove(func(*group) bool { return true }) }

func (s *Groups) remove(which func(*group) bool) (plan []deploy.Change) {
	for _, g := range s.groups() {
		if g.live == nil || !which(g) {
			continue
		}
		id := *g.live.GroupId
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: g.what(), Do: func(ctx context.Context) error {
			return s.whenFree(ctx, s.members(id), func() error {
				_, err := s.AWS.EC2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &id}, patient)
				return err
			})
		}})
	}
	return plan
}

var (
	_ deploy.Step    = (*Groups)(nil)
	_ deploy.Checker = (*Groups)(nil)
)
