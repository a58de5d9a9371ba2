package manifest

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// checkVPC holds what is to be made, or what is said of an existing VPC.
func (r *reading) checkVPC() {
	v := &r.m.VPC
	r.twice(wordVPC, "azs", v.AZs)
	r.twice(wordVPC, "endpoints", v.Endpoints)
	r.checkZones()
	switch {
	case !r.sound(wordVPC, "id", "subnets"):
	case v.ID != "":
		r.checkExisting()
	case r.has(wordVPC, "subnets"):
		r.bad(conf(wordVPC, "subnets"), "give its id, too; the subnets of a new VPC are public_subnets and private_subnets", "subnets are those of an existing VPC, and there is no id")
	default:
		r.checkSubnets()
	}
}

// checkZones sees that zones given by name lie in the region.
func (r *reading) checkZones() {
	for i, zone := range r.m.VPC.AZs {
		path := conf(wordVPC, "azs", strconv.Itoa(i))
		if r.m.Region == "" || strings.Contains(zone, "-az") || r.broken(path...) || r.broken("region") {
			continue
		}
		if !strings.HasPrefix(zone, r.m.Region) {
			r.bad(path, "", "the zone %s is not in the region %s", r.say(zone, path...), r.say(r.m.Region, "region"))
		}
	}
}

// checkExisting holds an existing VPC: nothing of it is ours to make, and a balancer wants two zones.
func (r *reading) checkExisting() {
	v := &r.m.VPC
	for _, key := range []string{"cidr", "azs", "public_subnets", "private_subnets", "nat", "flow_logs", "endpoints"} {
		if r.has(wordVPC, key) {
			r.bad(conf(wordVPC, key), "drop it, or drop id for a VPC of this project's own", "%s would change the existing VPC, which is never changed", key)
		}
	}
	s := &r.m.Service
	needs := func(list string, ids []string, why string) {
		if len(ids) < 2 {
			r.bad(conf(wordVPC, "subnets", list), fmt.Sprintf("subnets: {%s: [subnet-…, subnet-…]}", list), "an existing VPC needs two %s subnets at least, %s", list, why)
		}
		seen := map[string]bool{}
		for i, id := range ids {
			path := conf(wordVPC, "subnets", list, strconv.Itoa(i))
			if seen[id] {
				r.bad(path, "", "subnets.%s has %s a second time", list, r.say(id, path...))
			}
			seen[id] = true
		}
	}
	if !r.m.ALB.Internal {
		needs("public", v.Subnets.Public, "in two zones, for the balancer")
	} else if s.AssignPublicIP {
		needs("public", v.Subnets.Public, "for tasks with public addresses")
	}
	if r.m.ALB.Internal || !s.AssignPublicIP {
		needs("private", v.Subnets.Private, "in two zones, for the tasks")
	}
}

// A block is a subnet to be made, with where it stands in the file.
type block struct {
	prefix netip.Prefix
	path   []string
}

// checkSubnets holds the subnets to be made: one a zone in each list, two zones at least, in the VPC, apart.
func (r *reading) checkSubnets() {
	v := &r.m.VPC
	if !r.sound(wordVPC, "cidr", "azs", "public_subnets", "private_subnets") {
		return
	}
	if v.PublicSubnets == nil && !r.has(wordVPC, "public_subnets") || v.PrivateSubnets == nil && !r.has(wordVPC, "private_subnets") {
		r.bad(conf(wordVPC, "cidr"), "give public_subnets and private_subnets, one of each a zone", "%s has no room for the default subnets", r.say(v.CIDR, conf(wordVPC, "cidr")...))
		return
	}
	public, private := len(v.PublicSubnets), len(v.PrivateSubnets)
	switch {
	case public > 16 || private > 16:
		r.bad(r.nearer(wordVPC, "public_subnets", "private_subnets"), "", "there are %d public_subnets and %d private_subnets; no region has so many zones", public, private)
		return
	case public < 2:
		r.bad(conf(wordVPC, "public_subnets"), "", "a balancer needs two zones: two public_subnets at least, not %d", public)
	case public != private:
		r.bad(r.nearer(wordVPC, "private_subnets", "public_subnets"), "", "there are %d public_subnets and %d private_subnets; a zone has one of each", public, private)
	case len(v.AZs) > 0 && len(v.AZs) != public:
		r.bad(conf(wordVPC, "azs"), "", "there are %d azs and %d subnets of each kind; a zone has one of each", len(v.AZs), public)
	}
	r.checkBlocks(append(r.blocks("private_subnets", v.PrivateSubnets), r.blocks("public_subnets", v.PublicSubnets)...))
}

// blocks are the subnets of a list.
func (r *reading) blocks(key string, cidrs []string) []block {
	var all []block
	for i, cidr := range cidrs {
		path := conf(wordVPC, key, strconv.Itoa(i))
		if !r.given(path...) {
			path = r.nearer(wordVPC, key, "cidr")
		}
		if p, err := netip.ParsePrefix(cidr); err == nil {
			all = append(all, block{p, path})
		}
	}
	return all
}

// checkBlocks sees that subnets lie in the VPC's range and apart from each other.
func (r *reading) checkBlocks(all []block) {
	vpc, err := netip.ParsePrefix(r.m.VPC.CIDR)
	if err != nil {
		return
	}
	say := func(b block) string { return r.say(b.prefix, b.path...) }
	for i, b := range all {
		if b.prefix.Bits() < vpc.Bits() || !vpc.Contains(b.prefix.Addr()) {
			r.bad(b.path, "", "the subnet %s is not in the VPC's range %s", say(b), r.say(vpc, conf(wordVPC, "cidr")...))
		}
		j := slices.IndexFunc(all[:i], func(other block) bool { return other.prefix.Overlaps(b.prefix) })
		if j >= 0 {
			at, other := b, all[j]
			if p, q := r.at(b.path), r.at(other.path); cmp.Or(cmp.Compare(p.line, q.line), cmp.Compare(p.column, q.column)) < 0 {
				at, other = other, b
			}
			r.bad(at.path, "", "the subnet %s overlaps the subnet %s", say(at), say(other))
		}
	}
}

// checkReach sees that tasks reach what they need to start where there is no NAT gateway: the image and its layers
// (S3 has its gateway endpoint), the log, secrets, and the shell of exec.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
func (r *reading) checkReach() {
	v, s := &r.m.VPC, &r.m.Service
	if v.NAT != "none" || s.AssignPublicIP || !r.sound(wordVPC, "nat", "endpoints", "id") || !r.sound(wordService, "assign_public_ip") {
		return
	}
	needs := []string{"ecr.api", "ecr.dkr", "logs"}
	if len(s.Secrets) > 0 {
		needs = append(needs, "secretsmanager")
	}
	if s.EnableExecuteCommand {
		needs = append(needs, "ssmmessages")
	}
	missing := slices.DeleteFunc(slices.Clone(needs), func(e string) bool { return slices.Contains(v.Endpoints, e) })
	if len(missing) > 0 {
		r.bad(conf(wordVPC, "nat"), fmt.Sprintf("`endpoints: [%s]` in the config of aws_vpc, or `assign_public_ip: true` in that of aws_ecs_service", strings.Join(union(v.Endpoints, needs), ", ")),
			"nat is none, and without the endpoints %s tasks can't start", list(missing, "and"))
	}
	if s.Image != "" && !strings.Contains(s.Image, ".dkr.ecr.") && r.sound(wordService, "image") {
		r.bad(conf(wordService, "image"), "push it to ECR, or `assign_public_ip: true`, or nat: single", "nat is none, and tasks reach no registry but ECR in this region")
	}
}

// union is a, and what b has besides.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, item := range b {
		if !slices.Contains(all, item) {
			all = append(all, item)
		}
	}
	return all
}
