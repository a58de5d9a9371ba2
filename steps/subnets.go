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

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// Subnets are a public and a private subnet in every zone, one route table for all public ones, one for each private
// one, and S3's gateway endpoint, which costs nothing. In a VPC that exists they are those that the manifest names.
type Subnets struct {
	*App
	VPC *VPC

	Public        deploy.Out[[]string]          // ids in the zones' order
	Private       deploy.Out[[]string]          // ids in the zones' order
	PrivateTables deploy.Out[map[string]string] // route table ids by zone id; none in a VPC that exists

	zones   []zone
	refusal error // of the zones

	mu     sync.Mutex // of what follows: subnets and tables are made at once
	live   map[string]*types.Subnet
	tables map[string]*types.RouteTable
	s3     *types.VpcEndpoint

	given *givenSubnets
}

// A place is one subnet that is wanted.
type place struct {
	kind, zone, cidr string // "public", "use1-az1", "10.0.101.0/24"
}

func (p place) word() string { return "subnet/" + p.kind + "/" + p.zone }
func (p place) what() string { return fmt.Sprintf("%s subnet %s in %s", p.kind, p.cidr, p.zone) }

// table is the word of the subnet's route table.
func (p place) table() string {
	if p.kind == "public" {
		return "route-table/public"
	}
	return "route-table/private/" + p.zone
}

func (s *Subnets) Name() string { return "subnets" }

// Wanted is always true: those of a VPC that exists are at least looked at.
func (s *Subnets) Wanted() bool { return true }

func (s *Subnets) places() (list []place) {
	for _, kind := range []string{"public", "private"} {
		for _, z := range s.zones {
			list = append(list, place{kind, z.id, map[string]string{"public": z.public, "private": z.private}[kind]})
		}
	}
	return list
}

// wantedTables are the words of the route tables.
func (s *Subnets) wantedTables() []string {
	words := []string{"route-table/public"}
	for _, z := range s.zones {
		words = append(words, "route-table/private/"+z.id)
	}
	return words
}

// Read finds ours by their tags.
func (s *Subnets) Read(ctx context.Context) error {
	err := together(
		func() (err error) { s.zones, s.refusal, err = s.layout(ctx); return err },
		func() error { return s.readLive(ctx) },
		func() error { return s.readTables(ctx) },
		func() (err error) { s.s3, err = s.endpoint(ctx, "endpoint/s3"); return err },
		func() error { return s.readGiven(ctx) },
	)
	if err != nil {
		return err
	}
	s.publish()
	return nil
}

func (s *Subnets) readLive(ctx context.Context) error {
	list, err := s.readSubnets(ctx)
	if err != nil {
		return err
	}
	s.live, err = byWord("subnet", list, func(n *types.Subnet) string { return *n.SubnetId }, func(n *types.Subnet) []types.Tag { return n.Tags })
	return err
}

func (s *Subnets) listTables(ctx context.Context, filters []types.Filter) ([]types.RouteTable, error) {
	return pages(func(token *string) ([]types.RouteTable, *string, error) {
		out, err := s.AWS.EC2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: filters, NextToken: token}, patient)
		if err != nil {
			return nil, nil, err
		}
		return out.RouteTables, out.NextToken, nil
	})
}

func (s *Subnets) readTables(ctx context.Context) error {
	list, err := s.listTables(ctx, s.our())
	if err != nil {
		return err
	}
	s.tables, err = byWord("route table", list, func(t *types.RouteTable) string { return *t.RouteTableId }, func(t *types.RouteTable) []types.Tag { return t.Tags })
	return err
}

// publish sets what others need as soon as all of it is known.
func (s *Subnets) publish() {
	if s.VPC.existing() {
		s.Public.Set(s.Manifest.VPC.Subnets.Public)
		s.Private.Set(s.Manifest.VPC.Subnets.Private)
		s.PrivateTables.SetNone()
		return
	}
	s.Public.Forget()
	s.Private.Forget()
	s.PrivateTables.Forget()
	ids, tables := map[string][]string{}, map[string]string{}
	for _, p := range s.places() {
		if n := s.live[p.word()]; n != nil {
			ids[p.kind] = append(ids[p.kind], *n.SubnetId)
		}
		if t := s.tables[p.table()]; t != nil && p.kind == "private" {
			tables[p.zone] = *t.RouteTableId
		}
	}
	if len(ids["public"]) == len(s.zones) {
		s.Public.Set(ids["public"])
	}
	if len(ids["private"]) == len(s.zones) {
		s.Private.Set(ids["private"])
	}
	if len(tables) == len(s.zones) {
		s.PrivateTables.Set(tables)
	}
}

// Check refuses zones that are not there, and another range or zone for a subnet that is: AWS changes neither.
func (s *Subnets) Check() error {
	if s.VPC.existing() {
		return s.checkGiven()
	}
	if s.refusal != nil {
		return s.refusal
	}
	for _, p := range s.places() {
		for _, w := range slices.Sorted(maps.Keys(s.live)) {
			n := s.live[w]
			const out = "write `%s` back, take another project_name, or destroy first"
			switch {
			case w == p.word() && *n.CidrBlock != p.cidr:
				return fmt.Errorf("the %s subnet in %s has %s, and AWS can't change it to %s: "+out, p.kind, p.zone, *n.CidrBlock, p.cidr, s.asItIs(p.kind))
			case w != p.word() && *n.CidrBlock == p.cidr:
				kind, at, _ := strings.Cut(strings.TrimPrefix(w, "subnet/"), "/")
				return fmt.Errorf("the %s subnet %s is in %s, and AWS can't move it to %s: "+out, kind, p.cidr, at, p.zone, s.asItIs(kind))
			}
		}
	}
	return nil
}

// asItIs is what the manifest has to say for the live subnets of a kind.
func (s *Subnets) asItIs(kind string) string {
	var zones, cidrs []string
	for _, w := range slices.Sorted(maps.Keys(s.live)) {
		if z, ok := strings.CutPrefix(w, "subnet/"+kind+"/"); ok {
			zones, cidrs = append(zones, z), append(cidrs, *s.live[w].CidrBlock)
		}
	}
	return fmt.Sprintf("azs: [%s], %s_subnets: [%s]", strings.Join(zones, ", "), kind, strings.Join(cidrs, ", "))
}

// Plan makes subnets and tables at once, then puts them together. What a zone less leaves goes once no task is in it.
func (s *Subnets) Plan() (plan []deploy.Change) {
	if s.VPC.existing() {
		return nil
	}
	s.publish()
	for _, p := range s.places() {
		if s.live[p.word()] == nil {
			plan = append(plan, deploy.Change{Op: deploy.Create, What: p.what(), Group: "create", Do: func(ctx context.Context) error { return s.create(ctx, p) }})
		}
	}
	for _, w := range s.wantedTables() {
		if s.tables[w] == nil {
			plan = append(plan, deploy.Change{Op: deploy.Create, What: tableWhat(w), Group: "create", Do: func(ctx context.Context) error { return s.createTable(ctx, w) }})
		}
	}
	for _, p := range s.places() {
		if !s.associated(p) {
			plan = append(plan, deploy.Change{Op: deploy.Create, What: "association of the " + p.what(), Group: "connect", Do: func(ctx context.Context) error { return s.associate(ctx, p) }})
		}
	}
	plan = append(plan, s.planInternet()...)
	plan = append(plan, s.planS3()...)
	for _, p := range s.places() {
		if n := s.live[p.word()]; n != nil {
			plan = append(plan, s.retagEC2(p.what(), *n.SubnetId, n.Tags, s.placeTags(p))...)
		}
	}
	for _, w := range s.wantedTables() {
		if t := s.tables[w]; t != nil {
			plan = append(plan, s.retagEC2(tableWhat(w), *t.RouteTableId, t.Tags, s.tableTags(w))...)
		}
	}
	return append(plan, s.planShrink()...)
}

// planShrink takes away what no zone of the manifest has.
func (s *Subnets) planShrink() (plan []deploy.Change) {
	var words []string
	for _, p := range s.places() {
		words = append(words, p.word())
	}
	plan = append(s.deleteSubnets(words), s.deleteTables(s.wantedTables())...)
	for i := range plan {
		plan[i].After = true
	}
	return plan
}

func tableWhat(word string) string {
	return strings.ReplaceAll(strings.Replace(word, "route-table/", "route table ", 1), "/", " ")
}

func (s *Subnets) placeTags(p place) map[string]string {
	return s.named(p.word(), fmt.Sprintf("%s-%s-%s", s.Manifest.Stack(), p.kind, p.zone))
}

func (s *Subnets) tableTags(word string) map[string]string {
	return s.named(word, s.Manifest.Stack()+strings.ReplaceAll(strings.TrimPrefix(word, "route-table"), "/", "-"))
}

// create makes one subnet. A conflict may be with the one that a repeated call has made already.
func (s *Subnets) create(ctx context.Context, p place) error {
	in := &ec2.CreateSubnetInput{
		VpcId: new(s.VPC.ID.Get()), CidrBlock: &p.cidr, AvailabilityZoneId: &p.zone, TagSpecifications: tagSpec(types.ResourceTypeSubnet, s.placeTags(p)),
	}
	var made *types.Subnet
	err := s.soon(ctx, func() error {
		out, err := s.AWS.EC2.CreateSubnet(ctx, in, patient)
		if err == nil {
			made = out.Subnet
		}
		return err
	})
	if aws.Is(err, "InvalidSubnet.Conflict") {
		out, readErr := s.AWS.EC2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: append(s.our(),
			types.Filter{Name: new("vpc-id"), Values: []string{*in.VpcId}}, types.Filter{Name: new("cidr-block"), Values: []string{p.cidr}})}, patient)
		if readErr != nil {
			return readErr
		}
		if len(out.Subnets) != 1 || word(out.Subnets[0].Tags) != p.word() {
			return err
		}
		made, err = &out.Subnets[0], nil
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[p.word()] = made
	s.publish()
	return nil
}

// Remove takes all of ours away: the endpoint with the subnets, then the tables.
func (s *Subnets) Remove() (plan []deploy.Change) {
	if s.s3 != nil {
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: s3What, Group: "delete", Do: func(ctx context.Context) error {
			return s.deleteEndpoint(ctx, *s.s3.VpcEndpointId)
		}})
	}
	return append(append(plan, s.deleteSubnets(nil)...), s.deleteTables(nil)...)
}

// deleteSubnets deletes those that are not to be kept, which waits for the interfaces in them.
func (s *Subnets) deleteSubnets(keep []string) (plan []deploy.Change) {
	for _, w := range slices.Sorted(maps.Keys(s.live)) {
		if n := s.live[w]; !slices.Contains(keep, w) {
			kind, _, _ := strings.Cut(strings.TrimPrefix(w, "subnet/"), "/")
			p := place{kind, *n.AvailabilityZoneId, *n.CidrBlock}
			plan = append(plan, deploy.Change{Op: deploy.Delete, What: p.what(), Group: "delete", Do: func(ctx context.Context) error {
				return s.whenFree(ctx, s.interfaces("subnet-id", *n.SubnetId), func() error {
					_, err := s.AWS.EC2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: n.SubnetId}, patient)
					return err
				})
			}})
		}
	}
	return plan
}

var (
	_ deploy.Step    = (*Subnets)(nil)
	_ deploy.Checker = (*Subnets)(nil)
)
