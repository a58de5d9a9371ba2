package steps

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/fargatectl/fargatectl/deploy"
)

// DNS is the alias record by which the domain leads to the balancer. A record is ours when it is an alias to our
// balancer; any other is left alone, and refused where it stands in the way.
type DNS struct {
	*App
	ALB         *ALB
	Certificate *Certificate

	place *dnsDomain
	old   []*dnsDomain // that lead to our balancer, too
}

func (s *DNS) Name() string { return "dns" }

// Wanted says whether there is a domain.
func (s *DNS) Wanted() bool { return s.seen().domain != "" }

func (s *DNS) Read(ctx context.Context) error {
	st, err := s.site(ctx)
	if err != nil {
		return err
	}
	for _, domain := range slices.Sorted(maps.Keys(st.places)) {
		if p := st.places[domain]; domain == st.domain {
			s.place = p
		} else if p.zone != "" {
			s.old = append(s.old, p)
		}
	}
	return nil
}

// answers are the record sets that say where a name is found.
func (p *dnsDomain) answers() (records []types.ResourceRecordSet) {
	for _, r := range p.records {
		if r.Type == types.RRTypeA || r.Type == types.RRTypeAaaa || r.Type == types.RRTypeCname {
			records = append(records, r)
		}
	}
	return records
}

// leadsHere says whether a record set is an alias to our balancer, or to one of its name that is gone.
func (s *DNS) leadsHere(r types.ResourceRecordSet) bool {
	if r.AliasTarget == nil || r.SetIdentifier != nil {
		return false
	}
	target, name := aliasName(val(r.AliasTarget.DNSName)), s.Manifest.ALB.Name
	if s.ALB.lb != nil {
		name = *s.ALB.lb.LoadBalancerName
	}
	if dns, ok := s.ALB.DNSName.Known(); ok && target == aliasName(dns) {
		return true
	}
	return regexp.MustCompile(`^(internal-)?` + regexp.QuoteMeta(strings.ToLower(name)) + `-\d+\.` + regexp.QuoteMeta(s.Region) + `\.elb\.`).MatchString(target)
}

// aliasName is a balancer's name without what the console puts before it.
func aliasName(name string) string { return strings.TrimPrefix(bareName(name), "dualstack.") }

// foreign are the records of others at the domain.
func (s *DNS) foreign() []types.ResourceRecordSet {
	if s.place == nil {
		return nil
	}
	return slices.DeleteFunc(s.place.answers(), s.leadsHere)
}

// Check refuses records of others at the domain.
func (s *DNS) Check() error {
	foreign := s.foreign()
	if len(foreign) == 0 || s.Options.TakeDNS {
		return nil
	}
	return fmt.Errorf("%s has a record that is not fargatectl's: %s; choose another domain, delete it, or replace it with --take-dns", s.place.domain, recordText(foreign[0]))
}

// Plan makes the record, or leads it to the balancer. One of others is replaced, if at all, once the release serves.
func (s *DNS) Plan() (plan []deploy.Change) {
	if s.place != nil && s.place.zone != "" {
		plan = append(plan, s.planRecord()...)
	}
	if s.Certificate.Waiting() { // the old name serves
		return plan
	}
	for _, p := range s.old {
		for _, c := range s.drop(p) {
			c.After = true
			plan = append(plan, c)
		}
	}
	return plan
}

func (s *DNS) planRecord() []deploy.Change {
	c := deploy.Change{Op: deploy.Create, What: "record " + s.place.domain + " A", Do: s.lead}
	foreign := s.foreign()
	switch at := slices.IndexFunc(s.place.answers(), func(r types.ResourceRecordSet) bool { return r.Type == types.RRTypeA && s.leadsHere(r) }); {
	case len(foreign) > 0:
		var from []string
		for _, r := range foreign {
			from = append(from, recordText(r))
		}
		c.Op, c.After = deploy.Replace, true
		c.Diff = deploy.Diff(deploy.Field{Name: "record", From: strings.Join(from, ", "), To: "A alias " + s.ALB.DNSName.String()})
	case at >= 0:
		target := s.place.answers()[at].AliasTarget
		var name deploy.Out[string]
		if v, ok := s.ALB.DNSName.Known(); ok {
			name.Set(aliasName(v))
		}
		c.Op, c.Diff = deploy.Update, deploy.Diff(deploy.FOut("alias", aliasName(val(target.DNSName)), name), deploy.FOut("alias zone", val(target.HostedZoneId), s.ALB.ZoneID))
		if c.Diff == nil {
			return nil
		}
	}
	return []deploy.Change{c}
}

// lead makes the alias, in one batch with the end of what stands in its way.
func (s *DNS) lead(ctx context.Context) error {
	record := types.ResourceRecordSet{Name: &s.place.domain, Type: types.RRTypeA, AliasTarget: &types.AliasTarget{
		DNSName: new(s.ALB.DNSName.Get()), HostedZoneId: new(s.ALB.ZoneID.Get()), EvaluateTargetHealth: false,
	}}
	var changes []types.Change
	for _, r := range s.foreign() {
		changes = append(changes, types.Change{Action: types.ChangeActionDelete, ResourceRecordSet: &r})
	}
	changes = append(changes, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: &record})
	err := s.changeRecords(ctx, s.place.zone, changes...)
	if err == nil {
		s.place.records = []types.ResourceRecordSet{record}
	}
	return err
}

// drop deletes the records of a place that lead to our balancer.
func (s *DNS) drop(p *dnsDomain) (plan []deploy.Change) {
	if ours := slices.DeleteFunc(p.answers(), func(r types.ResourceRecordSet) bool { return !s.leadsHere(r) }); len(ours) > 0 {
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: "record " + p.domain + " A", Do: func(ctx context.Context) error {
			return s.dropRecords(ctx, p.zone, ours)
		}})
	}
	return plan
}

// URL is where the API is found, "" while the balancer has no name.
func (s *DNS) URL() string {
	scheme := "http://"
	if _, https := s.ALB.listening.at(443); https {
		scheme = "https://"
	}
	if domain := s.seen().domain; domain != "" {
		return scheme + domain
	}
	if name, ok := s.ALB.DNSName.Known(); ok {
		return scheme + name
	}
	return ""
}

// Notes says which record is to be set elsewhere.
func (s *DNS) Notes() []string {
	if s.place == nil || s.place.zone != "" {
		return nil
	}
	target := s.ALB.DNSName.String()
	if _, ok := s.ALB.DNSName.Known(); !ok {
		target = "the balancer's name, which up shows"
	}
	return []string{fmt.Sprintf("no hosted zone of this account owns %s: let it lead to the balancer at your DNS provider: %s CNAME %s", s.place.domain, s.place.domain, target)}
}

// Remove deletes our records, of whatever name.
func (s *DNS) Remove() (plan []deploy.Change) {
	places := s.old
	if s.place != nil && s.place.zone != "" {
		places = append([]*dnsDomain{s.place}, places...)
	}
	for _, p := range places {
		plan = append(plan, s.drop(p)...)
	}
	return plan
}

var (
	_ deploy.Checker = (*DNS)(nil)
	_ deploy.Noter   = (*DNS)(nil)
)
