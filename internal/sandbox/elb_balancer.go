package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"sort"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// A loadBalancer is an application load balancer.
type loadBalancer struct {
	types.LoadBalancer
	Tags       map[string]string
	Attributes map[string]string
	ENIs       map[string]string // by subnet
}

// balancerAttributes are an application load balancer's, with their defaults (ELB API reference, LoadBalancerAttribute).
var balancerAttributes = map[string]attribute{
	"deletion_protection.enabled":                              {"false", yesNo},
	"access_logs.s3.enabled":                                   {"false", yesNo},
	"access_logs.s3.bucket":                                    {"", anything},
	"access_logs.s3.prefix":                                    {"", anything},
	"connection_logs.s3.enabled":                               {"false", yesNo},
	"connection_logs.s3.bucket":                                {"", anything},
	"connection_logs.s3.prefix":                                {"", anything},
	"health_check_logs.s3.enabled":                             {"false", yesNo},
	"health_check_logs.s3.bucket":                              {"", anything},
	"health_check_logs.s3.prefix":                              {"", anything},
	"idle_timeout.timeout_seconds":                             {"60", "1-4000"},
	"client_keep_alive.seconds":                                {"3600", "60-604800"},
	"ipv6.deny_all_igw_traffic":                                {"false", yesNo},
	"load_balancing.cross_zone.enabled":                        {"true", "^true$"}, // can't be turned off here
	"routing.http.desync_mitigation_mode":                      {"defensive", "^(monitor|defensive|strictest)$"},
	"routing.http.drop_invalid_header_fields.enabled":          {"false", yesNo},
	"routing.http.preserve_host_header.enabled":                {"false", yesNo},
	"routing.http.x_amzn_tls_version_and_cipher_suite.enabled": {"false", yesNo},
	"routing.http.xff_client_port.enabled":                     {"false", yesNo},
	"routing.http.xff_header_processing.mode":                  {"append", "^(append|preserve|remove)$"},
	"routing.http2.enabled":                                    {"true", yesNo},
	"waf.fail_open.enabled":                                    {"false", yesNo},
	"zonal_shift.config.enabled":                               {"false", yesNo},
}

// albZones are the hosted zones of the balancers' DNS names (AWS General Reference, ELB endpoints).
var albZones = map[string]string{
	"us-east-1": "Z35SXDOTRQ7X7K", "us-east-2": "Z3AADJGX6KTTL2", "us-west-1": "Z368ELLRRE2KJ0", "us-west-2": "Z1H1FL5HABSF5",
	"eu-west-1": "Z32O12XQLNTSW2", "eu-west-2": "ZHURV8PSTC4K8", "eu-west-3": "Z3Q77PNBQS71R4", "eu-central-1": "Z215JYRZR1TBD5",
	"eu-north-1": "Z23TAZ6LKFMNIO", "ap-southeast-1": "Z1LMS91P8CMLE5", "ap-southeast-2": "Z1GM3OXH4ZPM65",
	"ap-northeast-1": "Z14GRHDCWA56QT", "ap-south-1": "ZP97RAFLXTNZK", "sa-east-1": "Z2P70J7HTTTPLU", "ca-central-1": "ZQSVJUPU6J1EY",
}

func (s *elbService) CreateLoadBalancer(ctx context.Context, in *elb.CreateLoadBalancerInput) (*elb.CreateLoadBalancerOutput, error) {
	r, name := s.region(ctx), val(in.Name)
	if err := nameELB("Load balancer", name); err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, "internal-") {
		return nil, fail("ValidationError", "Load balancer name '%s' cannot begin with 'internal-'", name)
	}
	if in.Type != "" && in.Type != types.LoadBalancerTypeEnumApplication {
		return nil, fail("NotImplemented", "the sandbox has application load balancers only, no %s", in.Type)
	}
	tags, err := tagsELB(in.Tags)
	if err != nil {
		return nil, err
	}
	want := types.LoadBalancer{
		LoadBalancerName: &name, Type: types.LoadBalancerTypeEnumApplication,
		Scheme:        cmp.Or(in.Scheme, types.LoadBalancerSchemeEnumInternetFacing),
		IpAddressType: cmp.Or(in.IpAddressType, types.IpAddressTypeIpv4),
	}
	subnets := slices.Clone(in.Subnets)
	for _, m := range in.SubnetMappings {
		subnets = append(subnets, val(m.SubnetId))
	}
	if want.AvailabilityZones, want.VpcId, err = s.zones(r, subnets, want.Scheme); err != nil {
		return nil, err
	}
	if want.SecurityGroups, err = s.securityGroups(r, in.SecurityGroups, *want.VpcId); err != nil {
		return nil, err
	}
	for _, lb := range r.ELB.Balancers {
		if *lb.LoadBalancerName != name {
			continue
		}
		if !sameBalancer(lb.LoadBalancer, want) { // the same settings make no second one, and no error
			return nil, fail("DuplicateLoadBalancerName", "A load balancer with the same name '%s' exists, but with different settings", name)
		}
		return &elb.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{lb.LoadBalancer}}, nil
	}
	lb, err := s.makeBalancer(r, want, tags)
	if err != nil {
		return nil, err
	}
	return &elb.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{lb.LoadBalancer}}, nil
}

func sameBalancer(a, b types.LoadBalancer) bool {
	return a.Scheme == b.Scheme && a.IpAddressType == b.IpAddressType && slices.Equal(subnetIDs(a), subnetIDs(b)) &&
		slices.Equal(a.SecurityGroups, b.SecurityGroups)
}

func subnetIDs(lb types.LoadBalancer) (ids []string) {
	for _, z := range lb.AvailabilityZones {
		ids = append(ids, *z.SubnetId)
	}
	return ids
}

func (s *elbService) makeBalancer(r *Region, lb types.LoadBalancer, tags map[string]string) (*loadBalancer, error) {
	name, number := *lb.LoadBalancerName, fnv.New32a()
	id := s.hex(16)
	fmt.Fprint(number, id)
	dns := fmt.Sprintf("%s-%d.%s.elb.amazonaws.com", name, number.Sum32(), r.Name)
	if lb.Scheme == types.LoadBalancerSchemeEnumInternal {
		dns = "internal-" + dns
	}
	lb.LoadBalancerArn = new(s.arn("elasticloadbalancing", r.Name, "loadbalancer/app/"+name+"/"+id))
	lb.DNSName, lb.CreatedTime = &dns, new(s.clock)
	lb.CanonicalHostedZoneId = new(cmp.Or(albZones[r.Name], "Z"+strings.ToUpper(fmt.Sprintf("%x", number.Sum32()))+"SANDBOX"))
	lb.State = &types.LoadBalancerState{Code: types.LoadBalancerStateEnumProvisioning}
	made := &loadBalancer{LoadBalancer: lb, Tags: tags, Attributes: defaults(balancerAttributes), ENIs: map[string]string{}}
	if lb.Scheme == types.LoadBalancerSchemeEnumInternal {
		made.Attributes["ipv6.deny_all_igw_traffic"] = "true"
	}
	if err := s.placeENIs(r, made); err != nil {
		return nil, err
	}
	put(&r.ELB.Balancers, *lb.LoadBalancerArn, made)
	s.after(albActive, "balancer active", *lb.LoadBalancerArn)
	return made, nil
}

// zones finds a balancer's zones: subnets of one VPC in at least two zones, one a zone, and with a way to the
// internet where clients come from there.
func (s *elbService) zones(r *Region, subnets []string, scheme types.LoadBalancerSchemeEnum) (zones []types.AvailabilityZone, vpc *string, err error) {
	seen := map[string]bool{}
	for _, id := range subnets {
		sub, ok := s.subnetFacts(r, id)
		switch {
		case !ok:
			return nil, nil, fail("SubnetNotFound", "The subnet ID '%s' does not exist", id)
		case seen[sub.zone]:
			return nil, nil, fail("InvalidConfigurationRequest", "A load balancer cannot be attached to multiple subnets in the same Availability Zone")
		case vpc != nil && *vpc != sub.vpc:
			return nil, nil, fail("InvalidSubnet", "All subnets must belong to the same VPC: '%s'", *vpc)
		case scheme == types.LoadBalancerSchemeEnumInternetFacing && !sub.internet:
			return nil, nil, fail("InvalidSubnet", "VPC %s has no internet gateway", sub.vpc)
		}
		seen[sub.zone], vpc = true, &sub.vpc
		zones = append(zones, types.AvailabilityZone{SubnetId: &id, ZoneName: &sub.zone})
	}
	if len(zones) < 2 {
		return nil, nil, fail("ValidationError", "At least two subnets in two different Availability Zones must be specified")
	}
	sort.Slice(zones, func(i, j int) bool { return *zones[i].ZoneName < *zones[j].ZoneName })
	return zones, vpc, nil
}

// securityGroups checks a balancer's: they are its VPC's; without any it gets the VPC's default one.
func (s *elbService) securityGroups(r *Region, ids []string, vpc string) ([]string, error) {
	if len(ids) == 0 {
		ids = []string{s.defaultGroup(r, vpc)}
	}
	for _, id := range ids {
		if of, ok := s.groupVPC(r, id); !ok || of != vpc {
			return nil, fail("InvalidSecurityGroup", "One or more security groups are invalid: '%s'", id)
		}
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// placeENIs gives a balancer an interface in each of its subnets, with its groups, and takes those of others away.
func (s *elbService) placeENIs(r *Region, lb *loadBalancer) error {
	_, resource, _ := strings.Cut(*lb.LoadBalancerArn, "loadbalancer/")
	for subnet, eni := range sorted(lb.ENIs) {
		s.detachENI(r, eni)
		delete(lb.ENIs, subnet)
	}
	for _, z := range lb.AvailabilityZones {
		eni, _, err := s.attachENI(r, *z.SubnetId, lb.SecurityGroups, ownedByELB, "ELB "+resource)
		if err != nil {
			return err
		}
		if lb.Scheme == types.LoadBalancerSchemeEnumInternetFacing {
			s.mapPublicIP(r, eni)
		}
		put(&lb.ENIs, *z.SubnetId, eni)
	}
	return nil
}

// activate ends a balancer's provisioning: from now on it checks the targets of its groups.
func (s *elbService) activate(arn string) {
	e := s.elb(arn)
	if lb := e.Balancers[arn]; lb != nil && lb.State.Code == types.LoadBalancerStateEnumProvisioning {
		lb.State = &types.LoadBalancerState{Code: types.LoadBalancerStateEnumActive}
		s.recheck(e)
	}
}

func (s *elbService) DescribeLoadBalancers(ctx context.Context, in *elb.DescribeLoadBalancersInput) (*elb.DescribeLoadBalancersOutput, error) {
	var all []types.LoadBalancer
	for _, lb := range sorted(s.region(ctx).ELB.Balancers) {
		all = append(all, lb.LoadBalancer)
	}
	missing := fail("LoadBalancerNotFound", "One or more load balancers not found")
	all, err := pickELB(all, func(lb types.LoadBalancer) *string { return lb.LoadBalancerName }, in.Names, missing)
	if err == nil {
		all, err = pickELB(all, func(lb types.LoadBalancer) *string { return lb.LoadBalancerArn }, in.LoadBalancerArns, missing)
	}
	out := &elb.DescribeLoadBalancersOutput{}
	if err == nil {
		out.LoadBalancers, out.NextMarker, err = page(all, in.Marker, in.PageSize, 400)
	}
	return out, err
}

// DeleteLoadBalancer takes the listeners along at once; the interfaces go later, and hold subnets and groups till then.
func (s *elbService) DeleteLoadBalancer(ctx context.Context, in *elb.DeleteLoadBalancerInput) (*elb.DeleteLoadBalancerOutput, error) {
	r := s.region(ctx)
	lb := r.ELB.Balancers[val(in.LoadBalancerArn)]
	if lb == nil { // deleting what is not there succeeds (API reference, DeleteLoadBalancer)
		return &elb.DeleteLoadBalancerOutput{}, nil
	}
	if lb.Attributes["deletion_protection.enabled"] == "true" {
		return nil, fail("OperationNotPermitted", "Load balancer '%s' cannot be deleted because deletion protection is enabled", *lb.LoadBalancerArn)
	}
	for arn, l := range r.ELB.Listeners {
		if *l.LoadBalancerArn == *lb.LoadBalancerArn {
			s.dropListener(&r.ELB, arn)
		}
	}
	delete(r.ELB.Balancers, *lb.LoadBalancerArn)
	for _, eni := range sorted(lb.ENIs) {
		s.after(albENIsGone, "balancer gone", r.Name+" "+eni)
	}
	return &elb.DeleteLoadBalancerOutput{}, nil
}

func (s *elbService) leaveNetwork(id string) {
	region, eni, _ := strings.Cut(id, " ")
	s.detachENI(s.regionNamed(region), eni)
}

func (s *elbService) SetSecurityGroups(ctx context.Context, in *elb.SetSecurityGroupsInput) (*elb.SetSecurityGroupsOutput, error) {
	lb, err := s.balancer(ctx, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if len(in.SecurityGroups) == 0 {
		return nil, fail("InvalidConfigurationRequest", "At least one security group must be specified")
	}
	groups, err := s.securityGroups(s.region(ctx), in.SecurityGroups, *lb.VpcId)
	if err != nil {
		return nil, err
	}
	lb.SecurityGroups = groups
	return &elb.SetSecurityGroupsOutput{SecurityGroupIds: groups}, s.placeENIs(s.region(ctx), lb)
}

func (s *elbService) SetSubnets(ctx context.Context, in *elb.SetSubnetsInput) (*elb.SetSubnetsOutput, error) {
	lb, err := s.balancer(ctx, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	subnets := slices.Clone(in.Subnets)
	for _, m := range in.SubnetMappings {
		subnets = append(subnets, val(m.SubnetId))
	}
	zones, vpc, err := s.zones(s.region(ctx), subnets, lb.Scheme)
	if err != nil {
		return nil, err
	}
	if *vpc != *lb.VpcId {
		return nil, fail("InvalidSubnet", "The subnets are not in the load balancer's VPC '%s'", *lb.VpcId)
	}
	lb.AvailabilityZones = zones
	return &elb.SetSubnetsOutput{AvailabilityZones: zones, IpAddressType: lb.IpAddressType}, s.placeENIs(s.region(ctx), lb)
}

func (s *elbService) SetIpAddressType(ctx context.Context, in *elb.SetIpAddressTypeInput) (*elb.SetIpAddressTypeOutput, error) {
	lb, err := s.balancer(ctx, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if in.IpAddressType != types.IpAddressTypeIpv4 {
		return nil, fail("InvalidSubnet", "You must specify subnets with an associated IPv6 CIDR block.")
	}
	lb.IpAddressType = in.IpAddressType
	return &elb.SetIpAddressTypeOutput{IpAddressType: in.IpAddressType}, nil
}

func (s *elbService) DescribeLoadBalancerAttributes(ctx context.Context, in *elb.DescribeLoadBalancerAttributesInput) (*elb.DescribeLoadBalancerAttributesOutput, error) {
	lb, err := s.balancer(ctx, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	return &elb.DescribeLoadBalancerAttributesOutput{Attributes: lb.attributes()}, nil
}

func (lb *loadBalancer) attributes() (list []types.LoadBalancerAttribute) {
	for k, v := range sorted(lb.Attributes) {
		list = append(list, types.LoadBalancerAttribute{Key: &k, Value: &v})
	}
	return list
}

func (s *elbService) ModifyLoadBalancerAttributes(ctx context.Context, in *elb.ModifyLoadBalancerAttributesInput) (*elb.ModifyLoadBalancerAttributesOutput, error) {
	lb, err := s.balancer(ctx, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	wishes := map[string]string{}
	for _, a := range in.Attributes {
		wishes[val(a.Key)] = val(a.Value)
	}
	if wishes["access_logs.s3.enabled"] == "true" && cmp.Or(wishes["access_logs.s3.bucket"], lb.Attributes["access_logs.s3.bucket"]) == "" {
		return nil, fail("InvalidConfigurationRequest", "Bucket name cannot be empty")
	}
	if err := setAttributes(balancerAttributes, lb.Attributes, wishes); err != nil {
		return nil, err
	}
	return &elb.ModifyLoadBalancerAttributesOutput{Attributes: lb.attributes()}, nil
}
