package steps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// planListener makes the listener on port 80, and attaches a new target group to what forwards to an old one.
func (s *ALB) planListener() (plan []deploy.Change) {
	l, live := s.listening.at(80)
	if s.lb == nil || s.failed() || !live {
		plan = append(plan, deploy.Change{Op: deploy.Create, What: "listener :80", Do: func(ctx context.Context) error {
			return s.listen(ctx, 80, &elb.CreateListenerInput{Protocol: types.ProtocolEnumHttp, DefaultActions: s.action80()})
		}})
	} else if len(forwards(l)) == 0 && !s.wantsTLS() { // HTTPS was taken away by hand
		plan = append(plan, deploy.Change{
			Op: deploy.Update, What: "listener :80", Diff: deploy.Diff(deploy.F("action", show(l), "forward to "+s.groupName())),
			Do: func(ctx context.Context) error { return s.act(ctx, 80, s.forward()) },
		})
	}
	for _, port := range s.forwarding() {
		if tg, made := s.TargetGroup.Known(); made && slices.Contains(tuples(s.on(port)), tg) {
			continue
		}
		plan = append(plan, deploy.Change{Op: deploy.Update, What: fmt.Sprintf("listener :%d attaches %s", port, s.groupName()), Do: func(ctx context.Context) error {
			return s.attach(ctx, port)
		}})
	}
	return plan
}

// action80 is what a new listener on port 80 does: with HTTPS in use it never serves in clear.
func (s *ALB) action80() []types.Action {
	if _, https := s.listening.at(443); https {
		return redirectToHTTPS()
	}
	return s.forward()
}

// forward sends all requests to the wanted group.
func (s *ALB) forward() []types.Action {
	return forwardTo(types.TargetGroupTuple{TargetGroupArn: new(s.TargetGroup.Get()), Weight: new(int32(1))})
}

func forwardTo(groups ...types.TargetGroupTuple) []types.Action {
	return []types.Action{{Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{TargetGroups: groups}}}
}

// redirectToHTTPS keeps host, path and query.
func redirectToHTTPS() []types.Action {
	return []types.Action{{Type: types.ActionTypeEnumRedirect, RedirectConfig: &types.RedirectActionConfig{
		Protocol: new("HTTPS"), Port: new("443"), Host: new("#{host}"), Path: new("/#{path}"), Query: new("#{query}"), StatusCode: types.RedirectActionStatusCodeEnumHttp301,
	}}}
}

func (s *ALB) listen(ctx context.Context, port int32, in *elb.CreateListenerInput) error {
	in.LoadBalancerArn, in.Port = new(s.ARN.Get()), &port
	in.Tags = aws.Convert(s.tags(fmt.Sprintf("listener/%d", port)), elbTag)
	return s.known(ctx, func() error {
		out, err := s.AWS.ELB.CreateListener(ctx, in)
		if err == nil {
			s.setListener(out.Listeners[0])
		}
		return err
	})
}

func (s *ALB) setListener(l types.Listener) {
	s.listening.set(l)
	if *l.Port == 80 {
		s.HTTPListener.Set(*l.ListenerArn)
	}
}

// on is the listener on a port, a zero one without.
func (s *ALB) on(port int32) types.Listener {
	l, _ := s.listening.at(port)
	return l
}

// act gives the listener of a port another default action.
func (s *ALB) act(ctx context.Context, port int32, actions []types.Action) error {
	return s.modifyListener(ctx, port, &elb.ModifyListenerInput{DefaultActions: actions})
}

func (s *ALB) modifyListener(ctx context.Context, port int32, in *elb.ModifyListenerInput) error {
	in.ListenerArn = s.on(port).ListenerArn
	out, err := s.AWS.ELB.ModifyListener(ctx, in)
	if err == nil {
		s.setListener(out.Listeners[0])
	}
	return err
}

// attach adds the wanted group to a listener without weight.
func (s *ALB) attach(ctx context.Context, port int32) error {
	return s.act(ctx, port, forwardTo(append(slices.Clone(forwards(s.on(port))), types.TargetGroupTuple{TargetGroupArn: new(s.TargetGroup.Get()), Weight: new(int32(0))})...))
}

// forwarding are the ports whose listeners forward to target groups.
func (s *ALB) forwarding() (ports []int32) {
	for _, port := range s.listening.numbers() {
		if (port == 80 || port == 443) && len(forwards(s.on(port))) > 0 {
			ports = append(ports, port)
		}
	}
	return ports
}

// inUse are the target groups that get requests.
func (s *ALB) inUse() (arns []string) {
	for _, port := range s.forwarding() {
		for _, t := range forwards(s.on(port)) {
			if weight(t) > 0 {
				arns = append(arns, *t.TargetGroupArn)
			}
		}
	}
	return arns
}

// TargetGroups are those that the service's tasks are to be in: the wanted one, and any that still gets requests.
func (s *ALB) TargetGroups() (groups deploy.Out[[]string]) {
	tg, made := s.TargetGroup.Known()
	if !made {
		return groups
	}
	arns := []string{tg}
	for _, g := range s.old {
		if slices.Contains(s.inUse(), g.arn()) {
			arns = append(arns, g.arn())
		}
	}
	groups.Set(arns)
	return groups
}

// Replaced are the target groups that the service leaves once the new release serves, before they are deleted.
func (s *ALB) Replaced() (arns []string) {
	for _, g := range s.old {
		arns = append(arns, g.arn())
	}
	return arns
}

// forwards are the target groups of a listener, with their weights.
func forwards(l types.Listener) []types.TargetGroupTuple {
	for _, a := range l.DefaultActions {
		switch {
		case a.Type != types.ActionTypeEnumForward:
		case a.ForwardConfig != nil && len(a.ForwardConfig.TargetGroups) > 0:
			return a.ForwardConfig.TargetGroups
		case a.TargetGroupArn != nil:
			return []types.TargetGroupTuple{{TargetGroupArn: a.TargetGroupArn, Weight: new(int32(1))}}
		}
	}
	return nil
}

// weight is 1 where none is said.
func weight(t types.TargetGroupTuple) int32 {
	if t.Weight == nil {
		return 1
	}
	return *t.Weight
}

// detach lets the listeners forget a target group.
func (s *ALB) detach(ctx context.Context, group string) error {
	for _, port := range s.forwarding() {
		rest := slices.DeleteFunc(slices.Clone(forwards(s.on(port))), func(t types.TargetGroupTuple) bool { return *t.TargetGroupArn == group })
		if len(rest) == len(forwards(s.on(port))) {
			continue
		}
		if err := s.act(ctx, port, forwardTo(rest...)); err != nil {
			return err
		}
	}
	return nil
}

func tuples(l types.Listener) (arns []string) {
	for _, t := range forwards(l) {
		arns = append(arns, *t.TargetGroupArn)
	}
	return arns
}

// show is what a listener does, as a plan shows it.
func show(l types.Listener) string {
	var does []string
	for _, a := range l.DefaultActions {
		switch {
		case a.Type == types.ActionTypeEnumForward:
			for _, t := range forwards(l) {
				does = append(does, "forward to "+groupOf(*t.TargetGroupArn))
			}
		case a.RedirectConfig != nil:
			does = append(does, fmt.Sprintf("redirect to %s:%s", strings.ToLower(val(a.RedirectConfig.Protocol)), val(a.RedirectConfig.Port)))
		default:
			does = append(does, string(a.Type))
		}
	}
	return strings.Join(does, ", ")
}

// groupOf is the name in a target group's ARN, …:targetgroup/NAME/ID.
func groupOf(arn string) string {
	if parts := strings.Split(arn, "/"); len(parts) == 3 {
		return parts[1]
	}
	return arn
}
