package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// A targetGroup is one for an application load balancer. Which balancers use it follows from listeners and rules.
type targetGroup struct {
	types.TargetGroup
	Tags       map[string]string
	Attributes map[string]string
	Targets    []*target
}

// groupAttributes are a target group's, with their defaults (ELB API reference, TargetGroupAttribute).
var groupAttributes = map[string]attribute{
	"deregistration_delay.timeout_seconds":                                           {"300", "0-3600"},
	"stickiness.enabled":                                                             {"false", yesNo},
	"stickiness.type":                                                                {"lb_cookie", "^(lb_cookie|app_cookie)$"},
	"stickiness.lb_cookie.duration_seconds":                                          {"86400", "1-604800"},
	"stickiness.app_cookie.cookie_name":                                              {"", anything},
	"stickiness.app_cookie.duration_seconds":                                         {"86400", "1-604800"},
	"slow_start.duration_seconds":                                                    {"0", `^(0|3\d|[4-9]\d|[1-8]\d\d|900)$`},
	"load_balancing.algorithm.type":                                                  {"round_robin", "^(round_robin|least_outstanding_requests|weighted_random)$"},
	"load_balancing.algorithm.anomaly_mitigation":                                    {"off", "^(on|off)$"},
	"load_balancing.cross_zone.enabled":                                              {"use_load_balancer_configuration", "^(true|false|use_load_balancer_configuration)$"},
	"target_group_health.dns_failover.minimum_healthy_targets.count":                 {"1", `^(off|[1-9]\d*)$`},
	"target_group_health.dns_failover.minimum_healthy_targets.percentage":            {"off", `^(off|[1-9]\d?|100)$`},
	"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count":      {"1", `^[1-9]\d*$`},
	"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": {"off", `^(off|[1-9]\d?|100)$`},
}

func (s *elbService) CreateTargetGroup(ctx context.Context, in *elb.CreateTargetGroupInput) (*elb.CreateTargetGroupOutput, error) {
	r, name := s.region(ctx), val(in.Name)
	if err := nameELB("Target group", name); err != nil {
		return nil, err
	}
	tags, err := tagsELB(in.Tags)
	if err != nil {
		return nil, err
	}
	want, err := s.newGroup(r, in)
	if err != nil {
		return nil, err
	}
	for _, g := range r.ELB.Groups {
		if *g.TargetGroupName != name {
			continue
		}
		if !sameGroup(g.TargetGroup, want) {
			return nil, fail("DuplicateTargetGroupName", "A target group with the same name '%s' exists, but with different settings", name)
		}
		return &elb.CreateTargetGroupOutput{TargetGroups: []types.TargetGroup{s.view(g)}}, nil
	}
	want.TargetGroupArn = new(s.arn("elasticloadbalancing", r.Name, "targetgroup/"+name+"/"+s.hex(16)))
	g := &targetGroup{TargetGroup: want, Tags: tags, Attributes: defaults(groupAttributes)}
	put(&r.ELB.Groups, *want.TargetGroupArn, g)
	return &elb.CreateTargetGroupOutput{TargetGroups: []types.TargetGroup{s.view(g)}}, nil
}

// newGroup is the group that a request describes, with ELB's defaults.
func (s *elbService) newGroup(r *Region, in *elb.CreateTargetGroupInput) (g types.TargetGroup, err error) {
	g = types.TargetGroup{
		TargetGroupName: in.Name, TargetType: cmp.Or(in.TargetType, types.TargetTypeEnumInstance), IpAddressType: cmp.Or(in.IpAddressType, types.TargetGroupIpAddressTypeEnumIpv4),
		Protocol: in.Protocol, ProtocolVersion: new(or(in.ProtocolVersion, "HTTP1")), Port: in.Port, VpcId: in.VpcId,
		HealthCheckEnabled: new(true), HealthCheckProtocol: types.ProtocolEnumHttp, HealthCheckPort: new("traffic-port"), HealthCheckPath: new("/"),
		HealthCheckIntervalSeconds: new(int32(30)), HealthCheckTimeoutSeconds: new(int32(5)),
		HealthyThresholdCount: new(int32(5)), UnhealthyThresholdCount: new(int32(2)), Matcher: &types.Matcher{HttpCode: new("200")},
	}
	switch {
	case g.TargetType != types.TargetTypeEnumIp && g.TargetType != types.TargetTypeEnumInstance:
		return g, fail("NotImplemented", "the sandbox has target groups of IP addresses and instances only, no %s", g.TargetType)
	case g.Protocol != types.ProtocolEnumHttp && g.Protocol != types.ProtocolEnumHttps:
		return g, fail("ValidationError", "Protocol '%s' is not supported by application load balancers", g.Protocol)
	case g.Port == nil:
		return g, fail("ValidationError", "A port must be specified")
	case *g.Port < 1 || *g.Port > 65535:
		return g, fail("ValidationError", "Port '%d' is not valid. It must be between 1 and 65535", *g.Port)
	case !slices.Contains([]string{"HTTP1", "HTTP2", "GRPC"}, *g.ProtocolVersion):
		return g, fail("ValidationError", "Protocol version '%s' is not valid", *g.ProtocolVersion)
	case val(g.VpcId) == "":
		return g, fail("ValidationError", "A VPC ID must be specified")
	case !s.vpcExists(r, *g.VpcId):
		return g, fail("ValidationError", "The VPC ID '%s' is not found", *g.VpcId)
	}
	if *g.ProtocolVersion == "GRPC" {
		g.HealthCheckPath, g.Matcher = new("/AWS.ALB/healthcheck"), &types.Matcher{GrpcCode: new("12")}
	}
	return g, s.setHealthCheck(&g, &elb.ModifyTargetGroupInput{
		HealthCheckEnabled: in.HealthCheckEnabled, HealthCheckIntervalSeconds: in.HealthCheckIntervalSeconds, HealthCheckPath: in.HealthCheckPath,
		HealthCheckPort: in.HealthCheckPort, HealthCheckProtocol: in.HealthCheckProtocol, HealthCheckTimeoutSeconds: in.HealthCheckTimeoutSeconds,
		HealthyThresholdCount: in.HealthyThresholdCount, UnhealthyThresholdCount: in.UnhealthyThresholdCount, Matcher: in.Matcher,
	})
}

func sameGroup(a, b types.TargetGroup) bool {
	key := func(g types.TargetGroup) string {
		return fmt.Sprint(g.TargetType, g.Protocol, val(g.ProtocolVersion), val(g.Port), val(g.VpcId), g.HealthCheckProtocol, val(g.HealthCheckPort), val(g.HealthCheckPath),
			val(g.HealthCheckIntervalSeconds), val(g.HealthCheckTimeoutSeconds), val(g.HealthyThresholdCount), val(g.UnhealthyThresholdCount), val(val(g.Matcher).HttpCode))
	}
	return key(a) == key(b)
}

var httpCodes = regexp.MustCompile(`^[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*$`)

// setHealthCheck takes over what a request says of the health check, within the ranges of the API reference.
func (s *elbService) setHealthCheck(g *types.TargetGroup, in *elb.ModifyTargetGroupInput) error {
	c := *g
	for _, n := range []struct {
		to         **int32
		from       *int32
		name       string
		least, max int32
	}{
		{&c.HealthCheckIntervalSeconds, in.HealthCheckIntervalSeconds, "Health check interval", 5, 300},
		{&c.HealthCheckTimeoutSeconds, in.HealthCheckTimeoutSeconds, "Health check timeout", 2, 120},
		{&c.HealthyThresholdCount, in.HealthyThresholdCount, "Healthy threshold count", 2, 10},
		{&c.UnhealthyThresholdCount, in.UnhealthyThresholdCount, "Unhealthy threshold count", 2, 10},
	} {
		if n.from == nil {
			continue
		}
		if *n.from < n.least || *n.from > n.max {
			return fail("ValidationError", "%s '%d' is not valid. It must be between %d and %d", n.name, *n.from, n.least, n.max)
		}
		*n.to = new(*n.from)
	}
	if *c.HealthCheckTimeoutSeconds >= *c.HealthCheckIntervalSeconds {
		return fail("ValidationError", "Health check interval must be greater than the timeout.")
	}
	if p := in.HealthCheckPath; p != nil {
		if len(*p) > 1024 || *p == "" || (*p)[0] != '/' {
			return fail("ValidationError", "Health check path '%s' must begin with a '/' and have at most 1024 characters", *p)
		}
		c.HealthCheckPath = p
	}
	if p := in.HealthCheckPort; p != nil {
		if *p != "traffic-port" && !between(*p, 1, 65535) {
			return fail("ValidationError", "Health check port '%s' is not valid", *p)
		}
		c.HealthCheckPort = p
	}
	if m := in.Matcher; m != nil {
		if m.HttpCode != nil && !httpCodes.MatchString(*m.HttpCode) {
			return fail("ValidationError", "Health check matcher HTTP code '%s' must be within '200-499' inclusive", *m.HttpCode)
		}
		c.Matcher = m
	}
	c.HealthCheckProtocol = cmp.Or(in.HealthCheckProtocol, c.HealthCheckProtocol)
	if e := in.HealthCheckEnabled; e != nil && !*e {
		return fail("ValidationError", "Health check enabled must be true for target groups with target type '%s'", c.TargetType)
	}
	*g = c
	return nil
}

// view is a group with the balancers that use it.
func (s *elbService) view(g *targetGroup) types.TargetGroup {
	t := g.TargetGroup
	t.LoadBalancerArns = s.elb(*g.TargetGroupArn).users(*g.TargetGroupArn)
	return t
}

// users are the balancers with a listener or rule that forwards to a group, be it at weight 0.
func (e *elbState) users(group string) (arns []string) {
	arns = []string{}
	add := func(l *listener, actions []types.Action) {
		if l != nil && slices.Contains(forwardsTo(actions), group) && !slices.Contains(arns, *l.LoadBalancerArn) {
			arns = append(arns, *l.LoadBalancerArn)
		}
	}
	for _, l := range sorted(e.Listeners) {
		add(l, l.DefaultActions)
	}
	for _, r := range sorted(e.Rules) {
		add(e.Listeners[r.Listener], r.Actions)
	}
	return arns
}

// forwardsTo are the target groups of actions.
func forwardsTo(actions []types.Action) (arns []string) {
	for _, a := range actions {
		if a.ForwardConfig != nil {
			for _, t := range a.ForwardConfig.TargetGroups {
				arns = append(arns, *t.TargetGroupArn)
			}
		}
	}
	return arns
}

func (s *elbService) DescribeTargetGroups(ctx context.Context, in *elb.DescribeTargetGroupsInput) (*elb.DescribeTargetGroupsOutput, error) {
	e := &s.region(ctx).ELB
	if in.LoadBalancerArn != nil {
		if _, err := s.balancer(ctx, in.LoadBalancerArn); err != nil {
			return nil, err
		}
	}
	var all []types.TargetGroup
	for _, g := range sorted(e.Groups) {
		if t := s.view(g); in.LoadBalancerArn == nil || slices.Contains(t.LoadBalancerArns, *in.LoadBalancerArn) {
			all = append(all, t)
		}
	}
	missing := fail("TargetGroupNotFound", "One or more target groups not found")
	all, err := pickELB(all, func(g types.TargetGroup) *string { return g.TargetGroupName }, in.Names, missing)
	if err == nil {
		all, err = pickELB(all, func(g types.TargetGroup) *string { return g.TargetGroupArn }, in.TargetGroupArns, missing)
	}
	out := &elb.DescribeTargetGroupsOutput{}
	if err == nil {
		out.TargetGroups, out.NextMarker, err = page(all, in.Marker, in.PageSize, 400)
	}
	return out, err
}

func (s *elbService) ModifyTargetGroup(ctx context.Context, in *elb.ModifyTargetGroupInput) (*elb.ModifyTargetGroupOutput, error) {
	g, err := s.group(ctx, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	if err := s.setHealthCheck(&g.TargetGroup, in); err != nil {
		return nil, err
	}
	return &elb.ModifyTargetGroupOutput{TargetGroups: []types.TargetGroup{s.view(g)}}, nil
}

func (s *elbService) DeleteTargetGroup(ctx context.Context, in *elb.DeleteTargetGroupInput) (*elb.DeleteTargetGroupOutput, error) {
	e, arn := &s.region(ctx).ELB, val(in.TargetGroupArn)
	if e.Groups[arn] == nil { // as DeleteLoadBalancer: what is not there is deleted
		return &elb.DeleteTargetGroupOutput{}, nil
	}
	if len(e.users(arn)) > 0 {
		return nil, fail("ResourceInUse", "Target group '%s' is currently in use by a listener or a rule", arn)
	}
	delete(e.Groups, arn)
	return &elb.DeleteTargetGroupOutput{}, nil
}

func (s *elbService) DescribeTargetGroupAttributes(ctx context.Context, in *elb.DescribeTargetGroupAttributesInput) (*elb.DescribeTargetGroupAttributesOutput, error) {
	g, err := s.group(ctx, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	return &elb.DescribeTargetGroupAttributesOutput{Attributes: g.attributes()}, nil
}

func (g *targetGroup) attributes() (list []types.TargetGroupAttribute) {
	for k, v := range sorted(g.Attributes) {
		list = append(list, types.TargetGroupAttribute{Key: &k, Value: &v})
	}
	return list
}

func (s *elbService) ModifyTargetGroupAttributes(ctx context.Context, in *elb.ModifyTargetGroupAttributesInput) (*elb.ModifyTargetGroupAttributesOutput, error) {
	g, err := s.group(ctx, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	wishes := map[string]string{}
	for _, a := range in.Attributes {
		wishes[val(a.Key)] = val(a.Value)
	}
	if err := setAttributes(groupAttributes, g.Attributes, wishes); err != nil {
		return nil, err
	}
	return &elb.ModifyTargetGroupAttributesOutput{Attributes: g.attributes()}, nil
}
