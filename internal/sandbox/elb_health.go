package sandbox

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// A target is what a group sends requests to. Nothing behind it runs: whoever registers it says what its health checks
// find. Its state is initial (the zero value of State), healthy, unhealthy or draining; one that no balancer uses is
// shown as unused.
type target struct {
	ID    string // IP address
	Port  int32
	State types.TargetHealthStateEnum
	Fails *types.TargetHealth // what its checks find; nil: they pass
}

// registerTarget registers a task's address, as ECS does. Its checks pass, unless targetFails says otherwise.
func (s *Sandbox) registerTarget(r *Region, group, ip string, port int32) {
	g := r.ELB.Groups[group]
	if g == nil {
		return
	}
	t := g.target(ip, port)
	if t == nil {
		t = &target{ID: ip, Port: port}
		g.Targets = append(g.Targets, t)
	}
	if t.State == types.TargetHealthStateEnumDraining { // it comes back
		s.forget("target drained", g.event(t))
		t.State = ""
	}
	s.check(&r.ELB, g, t)
}

// deregisterTarget lets a target go: one that got requests drains for the group's deregistration delay first.
func (s *Sandbox) deregisterTarget(r *Region, group, ip string, port int32) {
	g := r.ELB.Groups[group]
	if g == nil {
		return
	}
	t := g.target(ip, port)
	if t == nil || t.State == types.TargetHealthStateEnumDraining {
		return
	}
	s.forget("target checked", g.event(t))
	if len(r.ELB.users(group)) == 0 || t.State == "" {
		g.Targets = slices.DeleteFunc(g.Targets, func(o *target) bool { return o == t })
		return
	}
	t.State = types.TargetHealthStateEnumDraining
	delay, _ := strconv.Atoi(g.Attributes["deregistration_delay.timeout_seconds"])
	s.after(time.Duration(delay)*time.Second, "target drained", g.event(t))
}

// targetFails says what a target's health checks find from now on: a reason, or "" for success.
func (s *Sandbox) targetFails(r *Region, group, ip string, port int32, reason types.TargetHealthReasonEnum, description string) {
	g := r.ELB.Groups[group]
	if g == nil || g.target(ip, port) == nil {
		return
	}
	t := g.target(ip, port)
	t.Fails = nil
	if reason != "" {
		t.Fails = &types.TargetHealth{State: types.TargetHealthStateEnumUnhealthy, Reason: reason, Description: &description}
	}
	s.check(&r.ELB, g, t)
}

// targetWaits has a new target's first check pass after a while.
func (s *Sandbox) targetWaits(r *Region, group, ip string, port int32, d time.Duration) {
	id := r.targetEvent(group, ip, port)
	s.forget("target checked", id)
	s.after(d, "target checked", id)
}

// targetEvent is the id of what time does to a target, "" where there is none.
func (r *Region) targetEvent(group, ip string, port int32) string {
	g := r.ELB.Groups[group]
	if g == nil || g.target(ip, port) == nil {
		return ""
	}
	return g.event(g.target(ip, port))
}

// targetHealth is the state of a target as DescribeTargetHealth shows it; unused where there is none.
func (s *Sandbox) targetHealth(r *Region, group, ip string, port int32) types.TargetHealth {
	g := r.ELB.Groups[group]
	if g == nil || g.target(ip, port) == nil {
		return types.TargetHealth{State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumNotRegistered, Description: new("Target is not registered to the target group")}
	}
	return r.ELB.health(g, g.target(ip, port))
}

// grouped says whether a target group is there, and whether a balancer uses it: without one ECS refuses it.
func (s *Sandbox) grouped(r *Region, group string) (exists, used bool) {
	return r.ELB.Groups[group] != nil, len(r.ELB.users(group)) > 0
}

func (g *targetGroup) target(ip string, port int32) *target {
	for _, t := range g.Targets {
		if t.ID == ip && t.Port == port {
			return t
		}
	}
	return nil
}

// event is the id of what time does to a target.
func (g *targetGroup) event(t *target) string {
	return fmt.Sprintf("%s %s %d", *g.TargetGroupArn, t.ID, t.Port)
}

// findTarget is the target of an event, nil once it is gone.
func (s *elbService) findTarget(event string) (*targetGroup, *target) {
	if event == "" {
		return nil, nil
	}
	f := strings.Fields(event)
	e, port := s.elb(f[0]), 0
	if _, err := fmt.Sscan(f[2], &port); err != nil || e.Groups[f[0]] == nil {
		return nil, nil
	}
	g := e.Groups[f[0]]
	return g, g.target(f[1], int32(port))
}

// active says whether a balancer that works uses a group.
func (e *elbState) active(group string) bool {
	return slices.ContainsFunc(e.users(group), func(lb string) bool {
		return e.Balancers[lb] != nil && e.Balancers[lb].State.Code == types.LoadBalancerStateEnumActive
	})
}

// check plans when a target's state changes. A new one is healthy after one passed check, which comes within an
// interval: half of it here. Otherwise it takes as many checks in a row as the threshold says (ELB user guide, "Health
// checks for Application Load Balancer target groups"). Nothing is checked before a balancer that uses the group works.
func (s *Sandbox) check(e *elbState, g *targetGroup, t *target) {
	id := g.event(t)
	s.forget("target checked", id)
	if !e.active(*g.TargetGroupArn) || t.State == types.TargetHealthStateEnumDraining || t.State == t.found() {
		return
	}
	interval := time.Duration(*g.HealthCheckIntervalSeconds) * time.Second
	switch {
	case t.Fails != nil:
		s.after(time.Duration(*g.UnhealthyThresholdCount)*interval, "target checked", id)
	case t.State == "":
		s.after(interval/2, "target checked", id)
	default:
		s.after(time.Duration(*g.HealthyThresholdCount)*interval, "target checked", id)
	}
}

// found is the state that a target's checks lead to.
func (t *target) found() types.TargetHealthStateEnum {
	if t.Fails != nil {
		return types.TargetHealthStateEnumUnhealthy
	}
	return types.TargetHealthStateEnumHealthy
}

func (s *elbService) checked(event string) {
	if _, t := s.findTarget(event); t != nil && t.State != types.TargetHealthStateEnumDraining {
		t.State = t.found()
	}
}

// mended is the moment from which a target's checks pass.
func (s *elbService) mended(event string) {
	if g, t := s.findTarget(event); t != nil {
		t.Fails = nil
		s.check(s.elb(*g.TargetGroupArn), g, t)
	}
}

func (s *elbService) drained(event string) {
	if g, t := s.findTarget(event); t != nil {
		g.Targets = slices.DeleteFunc(g.Targets, func(o *target) bool { return o == t })
	}
}

// recheck plans the checks of all targets anew: a balancer works now, or a listener forwards elsewhere.
func (s *elbService) recheck(e *elbState) {
	for _, g := range sorted(e.Groups) {
		for _, t := range g.Targets {
			if len(e.users(*g.TargetGroupArn)) == 0 && t.State != types.TargetHealthStateEnumDraining {
				t.State = "" // once it is used again it is new
			}
			s.check(e, g, t)
		}
	}
}

// health is how DescribeTargetHealth shows a target.
func (e *elbState) health(g *targetGroup, t *target) types.TargetHealth {
	switch {
	case t.State == types.TargetHealthStateEnumDraining:
		return types.TargetHealth{State: t.State, Reason: types.TargetHealthReasonEnumDeregistrationInProgress, Description: new("Target deregistration is in progress")}
	case len(e.users(*g.TargetGroupArn)) == 0:
		return types.TargetHealth{
			State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumNotInUse,
			Description: new("Target group is not configured to receive traffic from the load balancer"),
		}
	case t.State == "" && e.active(*g.TargetGroupArn) && t.Fails != nil:
		return types.TargetHealth{State: types.TargetHealthStateEnumInitial, Reason: types.TargetHealthReasonEnumInitialHealthChecking, Description: new("Initial health checks in progress")}
	case t.State == "":
		return types.TargetHealth{State: types.TargetHealthStateEnumInitial, Reason: types.TargetHealthReasonEnumRegistrationInProgress, Description: new("Target registration is in progress")}
	case t.State == types.TargetHealthStateEnumUnhealthy && t.Fails != nil:
		return *t.Fails
	case t.State == types.TargetHealthStateEnumUnhealthy: // its checks pass again, not yet often enough
		return types.TargetHealth{State: t.State, Reason: types.TargetHealthReasonEnumFailedHealthChecks, Description: new("Health checks failed")}
	}
	return types.TargetHealth{State: t.State}
}

func (s *elbService) DescribeTargetHealth(ctx context.Context, in *elb.DescribeTargetHealthInput) (*elb.DescribeTargetHealthOutput, error) {
	g, err := s.group(ctx, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	r := s.region(ctx)
	out := &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{}}
	show := func(ip string, port int32) {
		h := s.targetHealth(r, *g.TargetGroupArn, ip, port)
		check := *g.HealthCheckPort
		if check == "traffic-port" {
			check = strconv.Itoa(int(port))
		}
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, types.TargetHealthDescription{
			Target: &types.TargetDescription{Id: &ip, Port: &port}, HealthCheckPort: &check, TargetHealth: &h,
		})
	}
	for _, t := range in.Targets {
		show(val(t.Id), or(t.Port, *g.Port))
	}
	if len(in.Targets) == 0 {
		for _, t := range g.Targets {
			show(t.ID, t.Port)
		}
	}
	return out, nil
}

func (s *elbService) RegisterTargets(ctx context.Context, in *elb.RegisterTargetsInput) (*elb.RegisterTargetsOutput, error) {
	g, err := s.group(ctx, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Targets {
		if ip, err := netip.ParseAddr(val(t.Id)); g.TargetType == types.TargetTypeEnumIp && (err != nil || !ip.IsPrivate()) {
			return nil, fail("ValidationError", "The IP address '%s' is not a valid IPv4 address", val(t.Id))
		}
	}
	for _, t := range in.Targets {
		s.registerTarget(s.region(ctx), *g.TargetGroupArn, *t.Id, or(t.Port, *g.Port))
	}
	return &elb.RegisterTargetsOutput{}, nil
}

func (s *elbService) DeregisterTargets(ctx context.Context, in *elb.DeregisterTargetsInput) (*elb.DeregisterTargetsOutput, error) {
	g, err := s.group(ctx, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Targets {
		s.deregisterTarget(s.region(ctx), *g.TargetGroupArn, val(t.Id), or(t.Port, *g.Port))
	}
	return &elb.DeregisterTargetsOutput{}, nil
}
