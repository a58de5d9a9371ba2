package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// route53State is what Route 53 holds, in no region.
type route53State struct {
	Zones   map[string]*hostedZone       // by id, "Z…"
	Changes map[string]*types.ChangeInfo // by id, "C…"
}

type hostedZone struct {
	types.HostedZone
	NameServers []string
	Records     []types.ResourceRecordSet
	Tags        map[string]string
}

type route53Service struct{ *Sandbox }

func newRoute53(s *Sandbox) *route53Service {
	s.on["change in sync"] = func(id string) { s.state.Route53.Changes[id].Status = types.ChangeStatusInsync }
	return &route53Service{s}
}

// bare is an id without "/hostedzone/" or "/change/" before it.
func bare(id *string) string { return val(id)[strings.LastIndex(val(id), "/")+1:] }

func (s *route53Service) zone(id *string) (*hostedZone, error) {
	z := s.state.Route53.Zones[bare(id)]
	if z == nil {
		return nil, fail("NoSuchHostedZone", "No hosted zone found with ID: %s", bare(id))
	}
	return z, nil
}

var (
	dnsLabel = regexp.MustCompile(`^(\*|\\052|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)$`)
	dnsOther = regexp.MustCompile(`[^a-z0-9_.\\-]`)
)

// dnsName is a name as Route 53 keeps it: lower case, with a dot at the end, other characters in octal.
func dnsName(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, ".")) + "."
	return dnsOther.ReplaceAllStringFunc(name, func(c string) string { return fmt.Sprintf(`\%03o`, c[0]) })
}

// reversed is what Route 53 sorts names by: "com.example.www.".
func reversed(name string) string {
	labels := strings.Split(strings.TrimSuffix(dnsName(name), "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "."
}

func (s *route53Service) CreateHostedZone(_ context.Context, in *route53.CreateHostedZoneInput) (*route53.CreateHostedZoneOutput, error) {
	name := dnsName(val(in.Name))
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if !dnsLabel.MatchString(label) || len(name) > 255 {
			return nil, fail("InvalidDomainName", "%s is not a valid domain name", val(in.Name))
		}
	}
	if val(in.CallerReference) == "" {
		return nil, fail("InvalidInput", "CallerReference is required")
	}
	for _, z := range s.state.Route53.Zones {
		if *z.CallerReference == *in.CallerReference {
			return nil, fail("HostedZoneAlreadyExists", "A hosted zone has already been created with the specified caller reference.")
		}
	}
	config := types.HostedZoneConfig{}
	if in.HostedZoneConfig != nil {
		config = *in.HostedZoneConfig
	}
	config.PrivateZone = in.VPC != nil
	id := "Z" + strings.ToUpper(s.hex(19))
	z := &hostedZone{HostedZone: types.HostedZone{Id: new("/hostedzone/" + id), Name: &name, CallerReference: in.CallerReference, Config: &config}}
	for i, tld := range []string{"com", "net", "org", "co.uk"} {
		z.NameServers = append(z.NameServers, fmt.Sprintf("ns-%d.awsdns-%02d.%s", 512*i+7, 11*i, tld))
	}
	values := func(all ...string) (list []types.ResourceRecord) {
		for _, v := range all {
			list = append(list, types.ResourceRecord{Value: &v})
		}
		return list
	}
	var servers []string
	for _, ns := range z.NameServers {
		servers = append(servers, ns+".")
	}
	z.Records = []types.ResourceRecordSet{
		{Name: &name, Type: types.RRTypeNs, TTL: new(int64(172800)), ResourceRecords: values(servers...)},
		{Name: &name, Type: types.RRTypeSoa, TTL: new(int64(900)), ResourceRecords: values(servers[0] + " awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400")},
	}
	put(&s.state.Route53.Zones, id, z)
	out := &route53.CreateHostedZoneOutput{HostedZone: z.view(), ChangeInfo: s.change(""), Location: new("https://route53.amazonaws.com/2013-04-01/hostedzone/" + id)}
	if !config.PrivateZone {
		out.DelegationSet = &types.DelegationSet{NameServers: z.NameServers}
	}
	return out, nil
}

func (z *hostedZone) view() *types.HostedZone {
	v := z.HostedZone
	v.ResourceRecordSetCount = new(int64(len(z.Records)))
	return &v
}

// change is a new change, which reaches all name servers in a while.
func (s *route53Service) change(comment string) *types.ChangeInfo {
	id := "C" + strings.ToUpper(s.hex(20))
	c := &types.ChangeInfo{Id: new("/change/" + id), Status: types.ChangeStatusPending, SubmittedAt: new(s.clock)}
	if comment != "" {
		c.Comment = &comment
	}
	put(&s.state.Route53.Changes, id, c)
	s.after(route53InSync, "change in sync", id)
	return c
}

func (s *route53Service) GetChange(_ context.Context, in *route53.GetChangeInput) (*route53.GetChangeOutput, error) {
	c := s.state.Route53.Changes[bare(in.Id)]
	if c == nil {
		return nil, fail("NoSuchChange", "A change with the specified change ID does not exist: %s", bare(in.Id))
	}
	return &route53.GetChangeOutput{ChangeInfo: c}, nil
}

func (s *route53Service) GetHostedZone(_ context.Context, in *route53.GetHostedZoneInput) (*route53.GetHostedZoneOutput, error) {
	z, err := s.zone(in.Id)
	if err != nil {
		return nil, err
	}
	out := &route53.GetHostedZoneOutput{HostedZone: z.view()}
	if !z.Config.PrivateZone {
		out.DelegationSet = &types.DelegationSet{NameServers: z.NameServers}
	}
	return out, nil
}

func (s *route53Service) DeleteHostedZone(_ context.Context, in *route53.DeleteHostedZoneInput) (*route53.DeleteHostedZoneOutput, error) {
	z, err := s.zone(in.Id)
	if err != nil {
		return nil, err
	}
	if len(z.Records) > 2 {
		return nil, fail("HostedZoneNotEmpty", "The specified hosted zone contains non-required resource record sets and so cannot be deleted.")
	}
	delete(s.state.Route53.Zones, bare(z.Id))
	return &route53.DeleteHostedZoneOutput{ChangeInfo: s.change("")}, nil
}

func (s *route53Service) ListHostedZones(_ context.Context, in *route53.ListHostedZonesInput) (*route53.ListHostedZonesOutput, error) {
	all := s.byName()
	cut, next, err := page(all, in.Marker, in.MaxItems, 100)
	return &route53.ListHostedZonesOutput{HostedZones: cut, Marker: in.Marker, NextMarker: next, IsTruncated: next != nil, MaxItems: new(or(in.MaxItems, 100))}, err
}

// byName are the zones in the order of their reversed names.
func (s *route53Service) byName() (all []types.HostedZone) {
	for _, z := range sorted(s.state.Route53.Zones) {
		all = append(all, *z.view())
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		return cmp.Or(cmp.Compare(reversed(*a.Name), reversed(*b.Name)), cmp.Compare(*a.Id, *b.Id)) < 0
	})
	return all
}

// ListHostedZonesByName begins at a name; it does not filter by it.
func (s *route53Service) ListHostedZonesByName(_ context.Context, in *route53.ListHostedZonesByNameInput) (*route53.ListHostedZonesByNameOutput, error) {
	if in.HostedZoneId != nil && in.DNSName == nil {
		return nil, fail("InvalidInput", "The input is not valid: DNSName is required with HostedZoneId")
	}
	most := int(or(in.MaxItems, 100))
	out := &route53.ListHostedZonesByNameOutput{DNSName: in.DNSName, HostedZoneId: in.HostedZoneId, MaxItems: new(int32(most)), HostedZones: []types.HostedZone{}}
	for _, z := range s.byName() {
		order := cmp.Or(cmp.Compare(reversed(*z.Name), reversed(or(in.DNSName, *z.Name))), cmp.Compare(bare(z.Id), cmp.Or(bare(in.HostedZoneId), bare(z.Id))))
		switch {
		case order < 0:
		case len(out.HostedZones) == most:
			out.IsTruncated, out.NextDNSName, out.NextHostedZoneId = true, z.Name, new(bare(z.Id))
			return out, nil
		default:
			out.HostedZones = append(out.HostedZones, z)
		}
	}
	return out, nil
}

func (s *route53Service) GetHostedZoneCount(context.Context, *route53.GetHostedZoneCountInput) (*route53.GetHostedZoneCountOutput, error) {
	return &route53.GetHostedZoneCountOutput{HostedZoneCount: new(int64(len(s.state.Route53.Zones)))}, nil
}

func (s *route53Service) ListTagsForResource(_ context.Context, in *route53.ListTagsForResourceInput) (*route53.ListTagsForResourceOutput, error) {
	z, err := s.zone(in.ResourceId)
	if err != nil {
		return nil, err
	}
	set := &types.ResourceTagSet{ResourceType: in.ResourceType, ResourceId: in.ResourceId, Tags: []types.Tag{}}
	for k, v := range sorted(z.Tags) {
		set.Tags = append(set.Tags, types.Tag{Key: &k, Value: &v})
	}
	return &route53.ListTagsForResourceOutput{ResourceTagSet: set}, nil
}

func (s *route53Service) ChangeTagsForResource(_ context.Context, in *route53.ChangeTagsForResourceInput) (*route53.ChangeTagsForResourceOutput, error) {
	z, err := s.zone(in.ResourceId)
	if err != nil {
		return nil, err
	}
	for _, t := range in.AddTags {
		put(&z.Tags, val(t.Key), val(t.Value))
	}
	for _, k := range in.RemoveTagKeys {
		delete(z.Tags, k)
	}
	return &route53.ChangeTagsForResourceOutput{}, nil
}

// public are the zones whose records the world sees for a name: those with the longest suffix. Of several with one name
// only one is delegated to, which the sandbox can't know: any counts.
func (st *route53State) public(name string) (best []*hostedZone) {
	for _, z := range sorted(st.Zones) {
		if z.Config.PrivateZone || !within(name, *z.Name) || len(best) > 0 && len(*z.Name) < len(*best[0].Name) {
			continue
		}
		if len(best) > 0 && len(*z.Name) > len(*best[0].Name) {
			best = nil
		}
		best = append(best, z)
	}
	return best
}

// within says whether a name is a zone's own or below it.
func within(name, zone string) bool { return name == zone || strings.HasSuffix(name, "."+zone) }

// lookup is what the world sees at a name, nil for nothing.
func (st *route53State) lookup(name string, kind types.RRType) []string {
	name = dnsName(name)
	for _, z := range st.public(name) {
		for _, r := range z.Records {
			if *r.Name != name || r.Type != kind {
				continue
			}
			var values []string
			for _, v := range r.ResourceRecords {
				values = append(values, strings.TrimSuffix(val(v.Value), "."))
			}
			return values
		}
	}
	return nil
}

func (s *route53Service) ListResourceRecordSets(_ context.Context, in *route53.ListResourceRecordSetsInput) (*route53.ListResourceRecordSetsOutput, error) {
	z, err := s.zone(in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	if in.StartRecordType != "" && in.StartRecordName == nil {
		return nil, fail("InvalidInput", "StartRecordType requires StartRecordName")
	}
	most := min(int(or(in.MaxItems, 300)), 300)
	out := &route53.ListResourceRecordSetsOutput{MaxItems: new(int32(most)), ResourceRecordSets: []types.ResourceRecordSet{}}
	for _, r := range z.Records {
		if in.StartRecordName != nil && position(r) < reversed(*in.StartRecordName)+" "+string(in.StartRecordType)+" "+val(in.StartRecordIdentifier) {
			continue
		}
		if len(out.ResourceRecordSets) == most {
			out.IsTruncated, out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier = true, r.Name, r.Type, r.SetIdentifier
			break
		}
		out.ResourceRecordSets = append(out.ResourceRecordSets, r)
	}
	return out, nil
}

// position is what a zone's records are sorted by.
func position(r types.ResourceRecordSet) string {
	return reversed(*r.Name) + " " + string(r.Type) + " " + val(r.SetIdentifier)
}

// text is a record set as messages name it.
func recordText(r types.ResourceRecordSet) string {
	s := "[name='" + *r.Name + "', type='" + string(r.Type) + "'"
	if r.SetIdentifier != nil {
		s += ", set identifier='" + *r.SetIdentifier + "'"
	}
	return s + "]"
}

// sameRecord says whether two record sets are equal, as a DELETE needs it.
func sameRecord(a, b types.ResourceRecordSet) bool {
	key := func(r types.ResourceRecordSet) string {
		var values []string
		for _, v := range r.ResourceRecords {
			values = append(values, val(v.Value))
		}
		slices.Sort(values)
		alias := "none"
		if t := r.AliasTarget; t != nil {
			alias = val(t.HostedZoneId) + " " + dnsName(val(t.DNSName)) + " " + strconv.FormatBool(t.EvaluateTargetHealth)
		}
		return fmt.Sprint(position(r), val(r.TTL), values, alias, val(r.Weight), r.Region, r.Failover)
	}
	return key(a) == key(b)
}
