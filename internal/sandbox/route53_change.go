package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// ChangeResourceRecordSets does all of a batch or nothing.
func (s *route53Service) ChangeResourceRecordSets(_ context.Context, in *route53.ChangeResourceRecordSetsInput) (*route53.ChangeResourceRecordSetsOutput, error) {
	z, err := s.zone(in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	if in.ChangeBatch == nil || len(in.ChangeBatch.Changes) == 0 {
		return nil, fail("InvalidInput", "The batch has no changes")
	}
	records, seen := slices.Clone(z.Records), map[string]bool{}
	var wrong []string
	for _, c := range in.ChangeBatch.Changes {
		if c.ResourceRecordSet == nil {
			return nil, fail("InvalidInput", "A change has no resource record set")
		}
		r := *c.ResourceRecordSet
		r.Name = new(dnsName(val(r.Name)))
		if err := shape(c.Action, &r); err != nil {
			return nil, err
		}
		key := position(r)
		if seen[key+string(c.Action)] {
			wrong = append(wrong, fmt.Sprintf("The request contains an invalid set of changes for a resource record set '%s %s'", r.Type, *r.Name))
		}
		seen[key+string(c.Action)] = true
		var problem string
		if records, problem = s.apply(z, records, c.Action, r); problem != "" {
			wrong = append(wrong, problem)
		}
	}
	wrong = append(wrong, conflicts(*z.Name, records)...)
	if len(wrong) > 0 {
		return nil, fail("InvalidChangeBatch", "[%s]", strings.Join(wrong, ", "))
	}
	sort.Slice(records, func(i, j int) bool { return position(records[i]) < position(records[j]) })
	z.Records = records
	s.validate() // certificates that wait for a record
	return &route53.ChangeResourceRecordSetsOutput{ChangeInfo: s.change(val(in.ChangeBatch.Comment))}, nil
}

// shape checks a record set's form: an alias, or values with a TTL.
func shape(action types.ChangeAction, r *types.ResourceRecordSet) error {
	if !slices.Contains(action.Values(), action) || !slices.Contains(r.Type.Values(), r.Type) {
		return fail("InvalidInput", "Invalid XML ; cvc-enumeration-valid: Value '%s %s' is not facet-valid", action, r.Type)
	}
	switch values := len(r.ResourceRecords) > 0 && r.TTL != nil; {
	case r.AliasTarget != nil && (len(r.ResourceRecords) > 0 || r.TTL != nil), r.AliasTarget == nil && !values:
		found := "none"
		if r.AliasTarget != nil || r.TTL != nil || len(r.ResourceRecords) > 0 {
			found = "more than one, or a part"
		}
		return fail("InvalidInput", "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found %s in Change with [Action=%s, Name=%s, Type=%s, SetIdentifier=%s]",
			found, action, *r.Name, r.Type, cmp.Or(val(r.SetIdentifier), "null"))
	case r.AliasTarget != nil:
		r.AliasTarget = new(*r.AliasTarget)
		r.AliasTarget.DNSName = new(dnsName(val(r.AliasTarget.DNSName)))
	}
	return nil
}

// apply does one change to a copy of a zone's records, and says what is wrong with it.
func (s *route53Service) apply(z *hostedZone, records []types.ResourceRecordSet, action types.ChangeAction, r types.ResourceRecordSet) ([]types.ResourceRecordSet, string) {
	at := slices.IndexFunc(records, func(o types.ResourceRecordSet) bool { return position(o) == position(r) })
	if !within(*r.Name, *z.Name) {
		return records, fmt.Sprintf("RRSet with DNS name %s is not permitted in zone %s", *r.Name, *z.Name)
	}
	if action != types.ChangeActionDelete {
		if problem := s.aliasProblem(z, records, r); problem != "" {
			return records, problem
		}
	}
	switch action {
	case types.ChangeActionCreate:
		if at >= 0 {
			return records, "Tried to create resource record set " + recordText(r) + " but it already exists"
		}
		return append(records, r), ""
	case types.ChangeActionDelete:
		switch {
		case at < 0:
			return records, "Tried to delete resource record set " + recordText(r) + " but it was not found"
		case !sameRecord(records[at], r):
			return records, "Tried to delete resource record set " + recordText(r) + " but the values provided do not match the current values"
		case *r.Name == *z.Name && r.Type == types.RRTypeSoa:
			return records, "A HostedZone must contain exactly one SOA record."
		case *r.Name == *z.Name && r.Type == types.RRTypeNs:
			return records, "A HostedZone must contain at least one NS record for the zone itself."
		}
		return slices.Delete(records, at, at+1), ""
	}
	if at >= 0 {
		records[at] = r
		return records, ""
	}
	return append(records, r), ""
}

// aliasProblem says why an alias can't be: its target lies in another zone than it names, or is not there. Route 53
// looks for targets in its own zones only; a balancer's name it takes as it is.
func (s *route53Service) aliasProblem(z *hostedZone, records []types.ResourceRecordSet, r types.ResourceRecordSet) string {
	t := r.AliasTarget
	if t == nil {
		return ""
	}
	text := fmt.Sprintf("Tried to create an alias that targets %s, type %s in zone %s, but ", *t.DNSName, r.Type, val(t.HostedZoneId))
	for region, id := range albZones {
		if id == val(t.HostedZoneId) {
			if !strings.HasSuffix(*t.DNSName, "."+region+".elb.amazonaws.com.") {
				return text + "the alias target name does not lie within the target zone"
			}
			return ""
		}
	}
	own := s.state.Route53.Zones[val(t.HostedZoneId)]
	switch {
	case own == nil: // a zone of another service
		return ""
	case !within(*t.DNSName, *own.Name):
		return text + "the alias target name does not lie within the target zone"
	case own != z:
		records = own.Records
	}
	if !slices.ContainsFunc(records, func(o types.ResourceRecordSet) bool { return *o.Name == *t.DNSName && o.Type == r.Type }) {
		return text + "that target was not found"
	}
	return ""
}

// conflicts are what a zone can't have: a CNAME at its apex or beside other records of the name.
func conflicts(zone string, records []types.ResourceRecordSet) (wrong []string) {
	byName := map[string]map[types.RRType]bool{}
	for _, r := range records {
		if byName[*r.Name] == nil {
			byName[*r.Name] = map[types.RRType]bool{}
		}
		byName[*r.Name][r.Type] = true
	}
	for name, kinds := range sorted(byName) {
		switch {
		case !kinds[types.RRTypeCname]:
		case name == zone:
			wrong = append(wrong, fmt.Sprintf("RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s", name, zone))
		case len(kinds) > 1:
			wrong = append(wrong, fmt.Sprintf("RRSet of type CNAME with DNS name %s is not permitted as it conflicts with other records with the same DNS name in zone %s", name, zone))
		}
	}
	return wrong
}
