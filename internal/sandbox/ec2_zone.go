package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// regionNames are those that an account has without asking for more.
var regionNames = strings.Fields(`ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 ap-southeast-2 ca-central-1
	eu-central-1 eu-north-1 eu-west-1 eu-west-2 eu-west-3 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2`)

// zoneNumbers are the ids' numbers of zones a, b, c, …: an account's letters and the ids are in no order together.
var zoneNumbers = map[string][]int{"us-east-1": {6, 1, 2, 4, 3, 5}}

// zones are a region's availability zones, by name.
func zones(region string) (list []types.AvailabilityZone) {
	numbers := zoneNumbers[region]
	if numbers == nil {
		numbers = []int{3, 1, 2}
	}
	for i, n := range numbers {
		list = append(list, types.AvailabilityZone{
			RegionName: &region, ZoneName: new(region + string(rune('a'+i))), ZoneId: new(fmt.Sprintf("%s-az%d", zonePrefix(region), n)),
			State: types.AvailabilityZoneStateAvailable, OptInStatus: types.AvailabilityZoneOptInStatusOptInNotRequired,
			ZoneType: new("availability-zone"), GroupName: new(region + "-zg-1"), NetworkBorderGroup: &region,
		})
	}
	return list
}

// zonePrefix is how a region begins its zone ids: us-east-1 use1, ap-northeast-1 apne1, us-gov-west-1 usgw1.
func zonePrefix(region string) string {
	short := strings.NewReplacer("north", "n", "south", "s", "east", "e", "west", "w", "central", "c", "gov", "g", "-", "")
	return short.Replace(region)
}

// zone is the one of a name or id.
func zone(region string, name, id *string) (*types.AvailabilityZone, error) {
	all := zones(region)
	if name == nil && id == nil {
		return &all[0], nil
	}
	var names []string
	for _, z := range all {
		if val(name) == *z.ZoneName || val(id) == *z.ZoneId {
			return &z, nil
		}
		names = append(names, *z.ZoneName)
	}
	return nil, fail("InvalidParameterValue", "Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.",
		val(name)+val(id), strings.Join(names, ", "))
}

var zoneKind = kind[types.AvailabilityZone]{filters: map[string]func(*types.AvailabilityZone) []string{
	"zone-name":     text(func(z *types.AvailabilityZone) *string { return z.ZoneName }),
	"zone-id":       text(func(z *types.AvailabilityZone) *string { return z.ZoneId }),
	"zone-type":     text(func(z *types.AvailabilityZone) *string { return z.ZoneType }),
	"group-name":    text(func(z *types.AvailabilityZone) *string { return z.GroupName }),
	"region-name":   text(func(z *types.AvailabilityZone) *string { return z.RegionName }),
	"state":         word(func(z *types.AvailabilityZone) types.AvailabilityZoneState { return z.State }),
	"opt-in-status": word(func(z *types.AvailabilityZone) types.AvailabilityZoneOptInStatus { return z.OptInStatus }),
}}

func (s *ec2Service) DescribeAvailabilityZones(ctx context.Context, in *ec2.DescribeAvailabilityZonesInput) (*ec2.DescribeAvailabilityZonesOutput, error) {
	all := map[string]*types.AvailabilityZone{}
	for _, z := range zones(s.region(ctx).Name) {
		asked := len(in.ZoneNames)+len(in.ZoneIds) == 0
		if asked || slices.Contains(in.ZoneNames, *z.ZoneName) || slices.Contains(in.ZoneIds, *z.ZoneId) {
			all[*z.ZoneName] = &z
		}
	}
	for _, name := range append(slices.Clone(in.ZoneNames), in.ZoneIds...) {
		if !slices.ContainsFunc(zones(s.region(ctx).Name), func(z types.AvailabilityZone) bool { return *z.ZoneName == name || *z.ZoneId == name }) {
			return nil, fail("InvalidParameterValue", "Invalid availability zone: [%s]", name)
		}
	}
	found, err := zoneKind.list(all, nil, in.Filters)
	return &ec2.DescribeAvailabilityZonesOutput{AvailabilityZones: values(found)}, err
}

var regionKind = kind[types.Region]{filters: map[string]func(*types.Region) []string{
	"region-name":   text(func(r *types.Region) *string { return r.RegionName }),
	"endpoint":      text(func(r *types.Region) *string { return r.Endpoint }),
	"opt-in-status": text(func(r *types.Region) *string { return r.OptInStatus }),
}}

func (s *ec2Service) DescribeRegions(_ context.Context, in *ec2.DescribeRegionsInput) (*ec2.DescribeRegionsOutput, error) {
	all := map[string]*types.Region{}
	for _, name := range regionNames {
		if len(in.RegionNames) == 0 || slices.Contains(in.RegionNames, name) {
			all[name] = &types.Region{RegionName: &name, Endpoint: new("ec2." + name + ".amazonaws.com"), OptInStatus: new("opt-in-not-required")}
		}
	}
	for _, name := range in.RegionNames {
		if all[name] == nil {
			return nil, fail("InvalidParameterValue", "The Region '%s' does not exist.", name)
		}
	}
	found, err := regionKind.list(all, nil, in.Filters)
	return &ec2.DescribeRegionsOutput{Regions: values(found)}, err
}

func (s *ec2Service) DescribeAccountAttributes(_ context.Context, in *ec2.DescribeAccountAttributesInput) (*ec2.DescribeAccountAttributesOutput, error) {
	out := &ec2.DescribeAccountAttributesOutput{}
	for name, value := range sorted(map[string]string{
		"default-vpc": "none", "supported-platforms": "VPC", "max-instances": "20",
		"max-elastic-ips": fmt.Sprint(maxAddresses), "vpc-max-elastic-ips": fmt.Sprint(maxAddresses), "vpc-max-security-groups-per-interface": "5",
	}) {
		if len(in.AttributeNames) == 0 || slices.Contains(in.AttributeNames, types.AccountAttributeName(name)) {
			out.AccountAttributes = append(out.AccountAttributes, types.AccountAttribute{
				AttributeName: &name, AttributeValues: []types.AccountAttributeValue{{AttributeValue: &value}},
			})
		}
	}
	return out, nil
}

// prefixLists are AWS's own in a region: id by the last part of the name.
var prefixLists = map[string]string{"s3": "pl-63a5400a", "dynamodb": "pl-02cd2c6b"}

func (s *ec2Service) DescribePrefixLists(ctx context.Context, in *ec2.DescribePrefixListsInput) (*ec2.DescribePrefixListsOutput, error) {
	kind := kind[types.PrefixList]{
		prefix: "pl-", param: "PrefixListId", code: "InvalidPrefixListId.NotFound", message: "The prefix list ID '%s' does not exist",
		filters: map[string]func(*types.PrefixList) []string{
			"prefix-list-id":   text(func(l *types.PrefixList) *string { return l.PrefixListId }),
			"prefix-list-name": text(func(l *types.PrefixList) *string { return l.PrefixListName }),
		},
	}
	all := map[string]*types.PrefixList{}
	for service, id := range prefixLists {
		all[id] = &types.PrefixList{PrefixListId: &id, PrefixListName: new("com.amazonaws." + s.region(ctx).Name + "." + service), Cidrs: []string{"192.0.2.0/24"}}
	}
	found, err := kind.list(all, in.PrefixListIds, in.Filters)
	return &ec2.DescribePrefixListsOutput{PrefixLists: values(found)}, err
}

func (s *ec2Service) DescribeManagedPrefixLists(ctx context.Context, in *ec2.DescribeManagedPrefixListsInput) (*ec2.DescribeManagedPrefixListsOutput, error) {
	kind := kind[types.ManagedPrefixList]{
		prefix: "pl-", param: "PrefixListId", code: "InvalidPrefixListID.NotFound", message: "The prefix list ID '%s' does not exist",
		filters: map[string]func(*types.ManagedPrefixList) []string{
			"prefix-list-id":   text(func(l *types.ManagedPrefixList) *string { return l.PrefixListId }),
			"prefix-list-name": text(func(l *types.ManagedPrefixList) *string { return l.PrefixListName }),
			"owner-id":         text(func(l *types.ManagedPrefixList) *string { return l.OwnerId }),
		},
	}
	region := s.region(ctx).Name
	names := map[string]string{"pl-3b927c52": "com.amazonaws.global.cloudfront.origin-facing"}
	for service, id := range prefixLists {
		names[id] = "com.amazonaws." + region + "." + service
	}
	all := map[string]*types.ManagedPrefixList{}
	for id, name := range names {
		all[id] = &types.ManagedPrefixList{
			PrefixListId: &id, PrefixListName: &name, OwnerId: new("AWS"), AddressFamily: new("IPv4"), State: types.PrefixListStateCreateComplete,
			PrefixListArn: new("arn:aws:ec2:" + region + ":aws:prefix-list/" + id),
		}
	}
	found, err := kind.list(all, in.PrefixListIds, in.Filters)
	return &ec2.DescribeManagedPrefixListsOutput{PrefixLists: values(found)}, err
}
