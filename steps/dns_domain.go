package steps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/fargatectl/fargatectl/aws"
)

// A dnsDomain is what DNS has of a domain: the public zone of this account that owns it, and the records there.
type dnsDomain struct {
	domain     string
	zone       string // id; "" where no zone of this account owns it
	records    []types.ResourceRecordSet
	validation []types.ResourceRecordSet // at the name of the certificate's validation record
}

// locate finds a place's zone and its records; nothing for no domain.
func (a *App) locate(ctx context.Context, p *dnsDomain) (err error) {
	if p.domain == "" {
		return nil
	}
	if p.zone, err = a.zoneOf(ctx, p.domain); err != nil || p.zone == "" {
		return err
	}
	p.records, err = a.recordsAt(ctx, p.zone, p.domain)
	if aws.Is(err, "NoSuchHostedZone") {
		return fmt.Errorf("hosted zone %s is not in this account: correct `hosted_zone:`", p.zone)
	}
	return err
}

// zoneOf is the id of the public zone that owns a domain, which is the one with the longest name; "" without one. The
// manifest's own choice is believed: it tells zones of the same name apart.
func (a *App) zoneOf(ctx context.Context, domain string) (string, error) {
	given := strings.TrimSuffix(a.Manifest.ALB.HostedZone, ".")
	if strings.HasPrefix(given, "Z") { // an id: names are in lower case
		return given, nil
	}
	var names []string // from the domain itself to its last two labels
	for n := domain; strings.Contains(n, "."); _, n, _ = strings.Cut(n, ".") {
		names = append(names, n)
	}
	if given != "" {
		names = []string{given}
	}
	zones, err := a.zonesNamed(ctx, names)
	if err != nil {
		return "", err
	}
	for _, n := range names {
		switch ids := zones[n]; {
		case len(ids) > 1:
			return "", fmt.Errorf("there is more than one public hosted zone %s: %s; choose one with `hosted_zone:`", n, strings.Join(ids, ", "))
		case len(ids) == 1:
			return ids[0], nil
		}
	}
	if given != "" {
		return "", fmt.Errorf("there is no public hosted zone %s in this account: correct `hosted_zone:`", given)
	}
	return "", nil
}

// zonesNamed lists the public zones with one of the names. Route 53 lists zones in the order of their labels, read from
// the right: example.com is followed by all below it. So one page mostly holds them all; where it ends before, the
// next page begins at the next name.
func (a *App) zonesNamed(ctx context.Context, names []string) (map[string][]string, error) {
	zones := map[string][]string{}
	rest := slices.Clone(names)
	slices.SortFunc(rest, func(a, b string) int { return strings.Compare(fromRight(a), fromRight(b)) })
	in := &route53.ListHostedZonesByNameInput{MaxItems: new(int32(100))}
	for len(rest) > 0 {
		in.DNSName = &rest[0]
		page, err := a.AWS.Route53.ListHostedZonesByName(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, z := range page.HostedZones {
			name, id := strings.TrimSuffix(val(z.Name), "."), val(z.Id)[strings.LastIndex(val(z.Id), "/")+1:]
			if slices.Contains(names, name) && (z.Config == nil || !z.Config.PrivateZone) && !slices.Contains(zones[name], id) {
				zones[name] = append(zones[name], id)
			}
		}
		if !page.IsTruncated {
			break
		}
		next := fromRight(strings.TrimSuffix(val(page.NextDNSName), "."))
		if in.HostedZoneId = nil; fromRight(rest[0]) == next { // a hundred zones of one name
			in.HostedZoneId = page.NextHostedZoneId
		}
		rest = slices.DeleteFunc(rest, func(n string) bool { return fromRight(n) < next })
	}
	return zones, nil
}

// fromRight is a name with its labels reversed, "com.example.": what Route 53 sorts by.
func fromRight(name string) string {
	labels := strings.Split(name, ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "."
}

// recordsAt are the record sets of one name.
func (a *App) recordsAt(ctx context.Context, zone, name string) (records []types.ResourceRecordSet, err error) {
	out, err := a.AWS.Route53.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: &zone, StartRecordName: &name, MaxItems: new(int32(100))})
	if err != nil {
		return nil, err
	}
	for _, r := range out.ResourceRecordSets {
		if bareName(val(r.Name)) == bareName(name) {
			records = append(records, r)
		}
	}
	return records, nil
}

// bareName is a DNS name without case and the dot at its end.
func bareName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// changeRecords makes all the changes or none.
func (a *App) changeRecords(ctx context.Context, zone string, changes ...types.Change) error {
	_, err := a.AWS.Route53.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: &zone, ChangeBatch: &types.ChangeBatch{Comment: new("fargatectl " + a.Manifest.Stack()), Changes: changes},
	})
	return err
}

// dropRecords deletes record sets, one request each: those that somebody has deleted or changed meanwhile stay so.
func (a *App) dropRecords(ctx context.Context, zone string, records []types.ResourceRecordSet) error {
	for _, r := range records {
		err := a.changeRecords(ctx, zone, types.Change{Action: types.ChangeActionDelete, ResourceRecordSet: &r})
		if aws.Is(err, "InvalidChangeBatch") && (strings.Contains(err.Error(), "not found") || strings.Contains(err.Error(), "do not match")) {
			continue
		}
		if err := aws.Ignore(err, "NoSuchHostedZone"); err != nil {
			return err
		}
	}
	return nil
}

// recordText is a record set as people write it: "A 192.0.2.1".
func recordText(r types.ResourceRecordSet) string {
	if r.AliasTarget != nil {
		return fmt.Sprintf("%s alias %s", r.Type, bareName(val(r.AliasTarget.DNSName)))
	}
	var values []string
	for _, v := range r.ResourceRecords {
		values = append(values, val(v.Value))
	}
	return fmt.Sprintf("%s %s", r.Type, strings.Join(values, ", "))
}
