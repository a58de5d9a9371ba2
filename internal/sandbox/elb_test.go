package sandbox

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// An edge is a balancer with a target group and a listener, in a network of its own, on a bubble's clock.
type edge struct {
	*Sandbox
	t       *testing.T
	elb     *elb.Client
	subnets []string // in two zones
	vpc, sg string
	lb, tg  string
	http    string // the listener's ARN
}

func inEdge(t *testing.T, test func(t *testing.T, e *edge)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Options{Speed: 1})
		if err != nil {
			t.Fatal(err)
		}
		e := &edge{Sandbox: s, t: t, elb: elb.NewFromConfig(s.Config("eu-west-1"))}
		e.network()
		e.lb = *must(e.elb.CreateLoadBalancer(t.Context(), e.balancer("web")))(t).LoadBalancers[0].LoadBalancerArn
		e.tg = *must(e.elb.CreateTargetGroup(t.Context(), e.group("web")))(t).TargetGroups[0].TargetGroupArn
		e.http = *must(e.elb.CreateListener(t.Context(), e.listener(80, e.tg)))(t).Listeners[0].ListenerArn
		test(t, e)
	})
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (e *edge) network() {
	ctx, c := e.t.Context(), ec2.NewFromConfig(e.Config("eu-west-1"))
	e.vpc = *must(c.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")}))(e.t).Vpc.VpcId
	igw := must(c.CreateInternetGateway(ctx, nil))(e.t).InternetGateway.InternetGatewayId
	must(c.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{VpcId: &e.vpc, InternetGatewayId: igw}))(e.t)
	e.sg = *must(c.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: &e.vpc, GroupName: new("web"), Description: new("web")}))(e.t).GroupId
	for i, cidr := range []string{"10.0.1.0/24", "10.0.2.0/24"} {
		in := &ec2.CreateSubnetInput{VpcId: &e.vpc, CidrBlock: &cidr, AvailabilityZoneId: new(fmt.Sprintf("euw1-az%d", i+1))}
		e.subnets = append(e.subnets, *must(c.CreateSubnet(ctx, in))(e.t).Subnet.SubnetId)
	}
}

func (e *edge) balancer(name string) *elb.CreateLoadBalancerInput {
	return &elb.CreateLoadBalancerInput{Name: &name, Subnets: e.subnets, SecurityGroups: []string{e.sg}}
}

func (e *edge) group(name string) *elb.CreateTargetGroupInput {
	return &elb.CreateTargetGroupInput{
		Name: &name, VpcId: &e.vpc, Port: new(int32(8080)), Protocol: types.ProtocolEnumHttp, TargetType: types.TargetTypeEnumIp,
		HealthCheckIntervalSeconds: new(int32(10)), HealthyThresholdCount: new(int32(3)), UnhealthyThresholdCount: new(int32(2)),
	}
}

func (e *edge) listener(port int32, groups ...string) *elb.CreateListenerInput {
	c := &types.ForwardActionConfig{}
	for i, g := range groups {
		c.TargetGroups = append(c.TargetGroups, types.TargetGroupTuple{TargetGroupArn: &g, Weight: new(int32(min(1, len(groups)-1-i)))})
	}
	if len(groups) == 1 {
		c.TargetGroups[0].Weight = nil
	}
	return &elb.CreateListenerInput{
		LoadBalancerArn: &e.lb, Port: &port, Protocol: types.ProtocolEnumHttp,
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, ForwardConfig: c}},
	}
}

// health is the state of the only target, with its reason.
func (e *edge) health() string {
	out := must(e.elb.DescribeTargetHealth(e.t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &e.tg}))(e.t)
	var all []string
	for _, d := range out.TargetHealthDescriptions {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s", d.TargetHealth.State, d.TargetHealth.Reason)))
	}
	return strings.Join(all, ",")
}

// A target's life: nothing is checked while the balancer is being made; one passed check is enough for a new target,
// later it takes as many in a row as the thresholds say; it drains before it is gone.
func TestTargetHealth(t *testing.T) {
	inEdge(t, func(t *testing.T, e *edge) {
		const ip = "10.0.1.7"
		must(e.elb.ModifyTargetGroupAttributes(t.Context(), &elb.ModifyTargetGroupAttributesInput{
			TargetGroupArn: &e.tg,
			Attributes:     []types.TargetGroupAttribute{{Key: new("deregistration_delay.timeout_seconds"), Value: new("40")}},
		}))(t)
		must(e.elb.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &e.tg, Targets: []types.TargetDescription{{Id: new(ip)}}}))(t)
		fails := func(reason types.TargetHealthReasonEnum) func() {
			return func() {
				if err := e.Do(func(st *State) { e.targetFails(st.Regions["eu-west-1"], e.tg, ip, 8080, reason, "no") }); err != nil {
					t.Error(err)
				}
			}
		}
		for i, step := range []struct {
			do   func()
			wait time.Duration
			want string
		}{
			{nil, albActive - time.Second, "initial Elb.RegistrationInProgress"},
			{nil, 5 * time.Second, "initial Elb.RegistrationInProgress"},
			{nil, time.Second, "healthy"},
			{fails("Target.Timeout"), 19 * time.Second, "healthy"},
			{nil, time.Second, "unhealthy Target.Timeout"},
			{fails(""), 29 * time.Second, "unhealthy Target.FailedHealthChecks"},
			{nil, time.Second, "healthy"},
			{func() {
				must(e.elb.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: &e.tg, Targets: []types.TargetDescription{{Id: new(ip)}}}))(t)
			}, 39 * time.Second, "draining Target.DeregistrationInProgress"},
			{nil, time.Second, ""},
		} {
			if step.do != nil {
				step.do()
			}
			time.Sleep(step.wait)
			if got := e.health(); got != step.want {
				t.Errorf("step %d: %q, want %q", i, got, step.want)
			}
		}
	})
}

// A group that no listener forwards to has unused targets; at weight 0 it counts as used.
func TestUnusedTargets(t *testing.T) {
	inEdge(t, func(t *testing.T, e *edge) {
		first := e.tg
		e.tg = *must(e.elb.CreateTargetGroup(t.Context(), e.group("second")))(t).TargetGroups[0].TargetGroupArn
		must(e.elb.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &e.tg, Targets: []types.TargetDescription{{Id: new("10.0.1.7"), Port: new(int32(9000))}}}))(t)
		time.Sleep(albActive)
		if got := e.health(); got != "unused Target.NotInUse" {
			t.Error(got)
		}
		l := e.listener(80, first, e.tg)
		must(e.elb.ModifyListener(t.Context(), &elb.ModifyListenerInput{ListenerArn: &e.http, DefaultActions: l.DefaultActions}))(t)
		time.Sleep(5 * time.Second)
		if got := e.health(); got != "healthy" {
			t.Error(got)
		}
		groups := must(e.elb.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{Names: []string{"second"}}))(t).TargetGroups
		if len(groups[0].LoadBalancerArns) != 1 {
			t.Error("attached at weight 0, yet no balancer uses it")
		}
		_, err := e.elb.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: &e.tg})
		refused(t, err, "ResourceInUse", "Target group '"+e.tg+"' is currently in use")
	})
}

func TestBalancer(t *testing.T) {
	inEdge(t, func(t *testing.T, e *edge) {
		again := must(e.elb.CreateLoadBalancer(t.Context(), e.balancer("web")))(t)
		if *again.LoadBalancers[0].LoadBalancerArn != e.lb || again.LoadBalancers[0].State.Code != "provisioning" {
			t.Error("the same settings must return the same balancer", again.LoadBalancers)
		}
		time.Sleep(albActive)
		if lb := must(e.elb.DescribeLoadBalancers(t.Context(), nil))(t).LoadBalancers[0]; lb.State.Code != "active" {
			t.Error(lb.State)
		}
		protect := func(on string) {
			must(e.elb.ModifyLoadBalancerAttributes(t.Context(), &elb.ModifyLoadBalancerAttributesInput{
				LoadBalancerArn: &e.lb,
				Attributes:      []types.LoadBalancerAttribute{{Key: new("deletion_protection.enabled"), Value: &on}},
			}))(t)
		}
		protect("true")
		_, err := e.elb.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: &e.lb})
		refused(t, err, "OperationNotPermitted", "")
		protect("false")
		c, held := ec2.NewFromConfig(e.Config("eu-west-1")), &ec2.DescribeNetworkInterfacesInput{Filters: []ec2types.Filter{
			{Name: new("description"), Values: []string{"ELB app/web/*"}}, {Name: new("requester-id"), Values: []string{"amazon-elb"}},
		}}
		must(e.elb.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: &e.lb}))(t)
		if n := len(must(c.DescribeNetworkInterfaces(t.Context(), held))(t).NetworkInterfaces); n != 2 {
			t.Errorf("%d interfaces, want one a subnet, for a while yet", n)
		}
		time.Sleep(albENIsGone)
		if n := len(must(c.DescribeNetworkInterfaces(t.Context(), held))(t).NetworkInterfaces); n != 0 {
			t.Errorf("%d interfaces are left", n)
		}
		_, err = e.elb.DescribeListeners(t.Context(), &elb.DescribeListenersInput{ListenerArns: []string{e.http}})
		refused(t, err, "ListenerNotFound", "")
		must(e.elb.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: &e.tg}))(t)
	})
}

func TestRefusals(t *testing.T) {
	inEdge(t, func(t *testing.T, e *edge) {
		ctx, c := t.Context(), e.elb
		create := func(edit func(*elb.CreateLoadBalancerInput)) error {
			in := e.balancer("other")
			edit(in)
			_, err := c.CreateLoadBalancer(ctx, in)
			return err
		}
		group := func(edit func(*elb.CreateTargetGroupInput)) error {
			in := e.group("other")
			edit(in)
			_, err := c.CreateTargetGroup(ctx, in)
			return err
		}
		listener := func(port int32, edit func(*elb.CreateListenerInput)) error {
			in := e.listener(port, e.tg)
			edit(in)
			_, err := c.CreateListener(ctx, in)
			return err
		}
		https := func(l *elb.CreateListenerInput) {
			l.Protocol, l.Certificates = types.ProtocolEnumHttps, []types.Certificate{{CertificateArn: new("arn:aws:acm:eu-west-1:123456789012:certificate/none")}}
		}
		for want, err := range map[string]error{
			"ValidationError: At least two subnets":                                          create(func(in *elb.CreateLoadBalancerInput) { in.Subnets = in.Subnets[:1] }),
			"InvalidConfigurationRequest: A load balancer cannot be attached to multiple":    create(func(in *elb.CreateLoadBalancerInput) { in.Subnets = []string{in.Subnets[0], in.Subnets[0]} }),
			"ValidationError: Load balancer name 'internal-x' cannot begin with 'internal-'": create(func(in *elb.CreateLoadBalancerInput) { in.Name = new("internal-x") }),
			"ValidationError: cannot be longer than '32' characters":                         create(func(in *elb.CreateLoadBalancerInput) { in.Name = new(strings.Repeat("x", 33)) }),
			"ValidationError: cannot begin or end with '-'":                                  group(func(in *elb.CreateTargetGroupInput) { in.Name = new("x-") }),
			"ValidationError: can only contain characters":                                   group(func(in *elb.CreateTargetGroupInput) { in.Name = new("x_y") }),
			"DuplicateLoadBalancerName":                                                      create(func(in *elb.CreateLoadBalancerInput) { in.Name, in.Scheme = new("web"), "internal" }),
			"DuplicateTargetGroupName":                                                       group(func(in *elb.CreateTargetGroupInput) { in.Name, in.Port = new("web"), new(int32(1)) }),
			"ValidationError: Health check interval must be greater than the timeout":        group(func(in *elb.CreateTargetGroupInput) { in.HealthCheckTimeoutSeconds = new(int32(10)) }),
			"ValidationError: Health check path 'x' must begin":                              group(func(in *elb.CreateTargetGroupInput) { in.HealthCheckPath = new("x") }),
			"ValidationError: Healthy threshold count '1' is not valid":                      group(func(in *elb.CreateTargetGroupInput) { in.HealthyThresholdCount = new(int32(1)) }),
			"DuplicateListener":    listener(80, func(in *elb.CreateListenerInput) { in.DefaultActions = found() }),
			"LoadBalancerNotFound": listener(81, func(in *elb.CreateListenerInput) { in.LoadBalancerArn = new(e.lb + "x") }),
			"TargetGroupNotFound": listener(81, func(in *elb.CreateListenerInput) {
				in.DefaultActions[0].ForwardConfig.TargetGroups[0].TargetGroupArn = new("x")
			}),
			"ValidationError: A certificate must be specified for HTTPS listeners": listener(443, func(in *elb.CreateListenerInput) { in.Protocol = "HTTPS" }),
			"CertificateNotFound: Certificate 'arn:aws:acm":                        listener(443, https),
		} {
			code, words, _ := strings.Cut(want, ": ")
			refused(t, err, code, words)
		}
		_, err := c.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: &e.lb,
			Attributes:      []types.LoadBalancerAttribute{{Key: new("idle_timeout.timeout_seconds"), Value: new("4001")}},
		})
		refused(t, err, "ValidationError", "'4001' is not a valid value for 'idle_timeout.timeout_seconds'")
		_, err = c.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"web", "none"}})
		refused(t, err, "LoadBalancerNotFound", "One or more load balancers not found")
	})
}

// found is a redirect, to have actions that differ from forwarding.
func found() []types.Action {
	return []types.Action{{Type: types.ActionTypeEnumRedirect, RedirectConfig: &types.RedirectActionConfig{Protocol: new("HTTPS"), Port: new("443"), StatusCode: "HTTP_301"}}}
}

func TestRules(t *testing.T) {
	inEdge(t, func(t *testing.T, e *edge) {
		path := func(n int32) *elb.CreateRuleInput {
			return &elb.CreateRuleInput{ListenerArn: &e.http, Priority: &n, Actions: found(), Conditions: []types.RuleCondition{{Field: new("path-pattern"), Values: []string{"/old/*"}}}}
		}
		a := *must(e.elb.CreateRule(t.Context(), path(10)))(t).Rules[0].RuleArn
		b := *must(e.elb.CreateRule(t.Context(), path(20)))(t).Rules[0].RuleArn
		_, err := e.elb.CreateRule(t.Context(), path(10))
		refused(t, err, "PriorityInUse", "Priority '10' is currently in use")
		must(e.elb.SetRulePriorities(t.Context(), &elb.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{{RuleArn: &a, Priority: new(int32(20))}, {RuleArn: &b, Priority: new(int32(10))}}}))(t)
		rules := must(e.elb.DescribeRules(t.Context(), &elb.DescribeRulesInput{ListenerArn: &e.http}))(t).Rules
		if len(rules) != 3 || *rules[0].RuleArn != b || *rules[1].RuleArn != a || !*rules[2].IsDefault {
			t.Error(rules)
		}
		must(e.elb.DeleteListener(t.Context(), &elb.DeleteListenerInput{ListenerArn: &e.http}))(t)
		_, err = e.elb.DescribeRules(t.Context(), &elb.DescribeRulesInput{RuleArns: []string{a}})
		refused(t, err, "RuleNotFound", "")
	})
}
