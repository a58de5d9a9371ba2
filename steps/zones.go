package steps

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// A zone is an availability zone with the ranges of the two subnets that it gets.
type zone struct {
	id              string // "use1-az2": the same place for every account, as names are not
	public, private string // CIDR
}

// noFargate are zones where Fargate runs no tasks (ECS developer guide, "Amazon ECS supported Regions for AWS Fargate").
var noFargate = []string{"use1-az3", "usw1-az2", "apne1-az3", "cac1-az3", "cac1-az4", "cnn1-az3"}

// layout is where the subnets go, a zone for each pair of them. Zones that the manifest names are taken in its order.
// Without, a pair whose subnet is there stays where that is, and others get the first free zones by id: so a zone
// less never moves another. The error refuses the manifest; it is not one of reading.
func (a *App) layout(ctx context.Context) (zones []zone, refusal, err error) {
	if a.Manifest.VPC.ID != "" {
		return nil, nil, nil
	}
	err = together(
		func() error { _, err := a.readZones(ctx); return err },
		func() error { _, err := a.readSubnets(ctx); return err },
	)
	if err != nil {
		return nil, nil, err
	}
	all, _ := a.readZones(ctx)
	live, _ := a.readSubnets(ctx)
	want := a.Manifest.VPC
	zones = make([]zone, len(want.PublicSubnets))
	for i := range zones {
		zones[i] = zone{public: want.PublicSubnets[i], private: want.PrivateSubnets[i]}
	}
	if len(want.AZs) > 0 {
		refusal = nameZones(zones, want.AZs, all, a.Region)
	} else {
		refusal = fillZones(zones, live, all, a.Region)
	}
	return zones, refusal, nil
}

// nameZones gives the zones that the manifest names, by name or id.
func nameZones(zones []zone, names []string, all []types.AvailabilityZone, region string) error {
	for i, name := range names {
		at := slices.IndexFunc(all, func(z types.AvailabilityZone) bool { return name == *z.ZoneName || name == *z.ZoneId })
		if at < 0 {
			var has []string
			for _, z := range all {
				has = append(has, *z.ZoneId)
			}
			return fmt.Errorf("%s has no availability zone %s: it has %s", region, name, strings.Join(has, ", "))
		}
		zones[i].id = *all[at].ZoneId
	}
	return nil
}

// fillZones keeps live subnets where they are and fills the rest.
func fillZones(zones []zone, live []types.Subnet, all []types.AvailabilityZone, region string) error {
	taken := slices.Clone(noFargate)
	for i := range zones {
		for _, n := range live {
			if *n.CidrBlock == zones[i].public || *n.CidrBlock == zones[i].private {
				zones[i].id = *n.AvailabilityZoneId
			}
		}
		taken = append(taken, zones[i].id)
	}
	for i := range zones {
		if zones[i].id != "" {
			continue
		}
		at := slices.IndexFunc(all, func(z types.AvailabilityZone) bool {
			return z.State == types.AvailabilityZoneStateAvailable && !slices.Contains(taken, *z.ZoneId)
		})
		if at < 0 {
			return fmt.Errorf("%s has no %d zones in which Fargate runs: list fewer subnets", region, len(zones))
		}
		zones[i].id = *all[at].ZoneId
		taken = append(taken, zones[i].id)
	}
	return nil
}

// readZones lists the region's own availability zones by id: no local zones, none that an account has to ask for.
func (a *App) readZones(ctx context.Context) ([]types.AvailabilityZone, error) {
	return a.network.zones.get(func() ([]types.AvailabilityZone, error) {
		out, err := a.AWS.EC2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{
			{Name: new("zone-type"), Values: []string{"availability-zone"}},
			{Name: new("opt-in-status"), Values: []string{string(types.AvailabilityZoneOptInStatusOptInNotRequired)}},
		}}, patient)
		if err != nil {
			return nil, err
		}
		sort.Slice(out.AvailabilityZones, func(i, j int) bool { return *out.AvailabilityZones[i].ZoneId < *out.AvailabilityZones[j].ZoneId })
		return out.AvailabilityZones, nil
	})
}

// readSubnets lists our subnets.
func (a *App) readSubnets(ctx context.Context) ([]types.Subnet, error) {
	return a.network.subnets.get(func() ([]types.Subnet, error) {
		return pages(func(token *string) ([]types.Subnet, *string, error) {
			out, err := a.AWS.EC2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: a.our(), NextToken: token}, patient)
			if err != nil {
				return nil, nil, err
			}
			return out.Subnets, out.NextToken, nil
		})
	})
}
