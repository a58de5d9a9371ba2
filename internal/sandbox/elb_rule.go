package sandbox

import (
	"context"
	"slices"
	"sort"
	"strconv"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// A rule sends some of a listener's requests elsewhere. The default rule, which a listener's own actions are, is not
// kept: it is made when it is shown.
type rule struct {
	types.Rule
	Listener string // its ARN
	Tags     map[string]string
}

func (s *elbService) CreateRule(ctx context.Context, in *elb.CreateRuleInput) (*elb.CreateRuleOutput, error) {
	l, err := s.listener(ctx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	tags, err := tagsELB(in.Tags)
	if err != nil {
		return nil, err
	}
	e := &s.region(ctx).ELB
	if err := e.freePriority(*l.ListenerArn, val(in.Priority), ""); err != nil {
		return nil, err
	}
	if err := conditions(in.Conditions); err != nil {
		return nil, err
	}
	actions, err := s.actions(ctx, e.Balancers[*l.LoadBalancerArn], in.Actions)
	if err != nil {
		return nil, err
	}
	if len(actions) == 0 {
		return nil, fail("ValidationError", "An action must be specified")
	}
	r := &rule{Listener: *l.ListenerArn, Tags: tags, Rule: types.Rule{
		RuleArn: new(ruleARN(*l.ListenerArn, s.hex(16))), Priority: new(strconv.Itoa(int(val(in.Priority)))),
		Conditions: in.Conditions, Actions: actions, IsDefault: new(false),
	}}
	put(&e.Rules, *r.RuleArn, r)
	s.recheck(e)
	return &elb.CreateRuleOutput{Rules: []types.Rule{r.Rule}}, nil
}

func ruleARN(listener, id string) string {
	return strings.Replace(listener, ":listener/", ":listener-rule/", 1) + "/" + id
}

// freePriority holds a priority to its range, and to one rule of a listener.
func (e *elbState) freePriority(listener string, n int32, but string) error {
	if n < 1 || n > 50000 {
		return fail("ValidationError", "Priority '%d' must be between 1 and 50000", n)
	}
	for arn, r := range e.Rules {
		if arn != but && r.Listener == listener && *r.Priority == strconv.Itoa(int(n)) {
			return fail("PriorityInUse", "Priority '%d' is currently in use", n)
		}
	}
	return nil
}

func conditions(list []types.RuleCondition) error {
	if len(list) == 0 {
		return fail("ValidationError", "A condition must be specified")
	}
	known := []string{"http-header", "http-request-method", "host-header", "path-pattern", "query-string", "source-ip"}
	for _, c := range list {
		if !slices.Contains(known, val(c.Field)) {
			return fail("ValidationError", "Condition field '%s' must be one of '[%s]'", val(c.Field), strings.Join(known, ", "))
		}
	}
	return nil
}

func (s *elbService) DescribeRules(ctx context.Context, in *elb.DescribeRulesInput) (*elb.DescribeRulesOutput, error) {
	e := &s.region(ctx).ELB
	var all []types.Rule
	switch {
	case in.ListenerArn != nil:
		l, err := s.listener(ctx, in.ListenerArn)
		if err != nil {
			return nil, err
		}
		for _, r := range sorted(e.Rules) {
			if r.Listener == *l.ListenerArn {
				all = append(all, r.Rule)
			}
		}
		sort.Slice(all, func(i, j int) bool { return number(all[i]) < number(all[j]) })
		id := *l.ListenerArn
		all = append(all, types.Rule{
			RuleArn: new(ruleARN(id, id[len(id)-16:])), Priority: new("default"), IsDefault: new(true),
			Conditions: []types.RuleCondition{}, Actions: l.DefaultActions,
		})
	case len(in.RuleArns) > 0:
		for _, arn := range in.RuleArns {
			r, err := s.rule(ctx, &arn)
			if err != nil {
				return nil, err
			}
			all = append(all, r.Rule)
		}
	default:
		return nil, fail("ValidationError", "You must specify either listener ARNs or rule ARNs")
	}
	out := &elb.DescribeRulesOutput{}
	var err error
	out.Rules, out.NextMarker, err = page(all, in.Marker, in.PageSize, 400)
	return out, err
}

func number(r types.Rule) int {
	n, _ := strconv.Atoi(*r.Priority)
	return n
}

func (s *elbService) ModifyRule(ctx context.Context, in *elb.ModifyRuleInput) (*elb.ModifyRuleOutput, error) {
	r, err := s.rule(ctx, in.RuleArn)
	if err != nil {
		return nil, err
	}
	e := &s.region(ctx).ELB
	want := r.Rule
	if in.Conditions != nil {
		if err := conditions(in.Conditions); err != nil {
			return nil, err
		}
		want.Conditions = in.Conditions
	}
	if in.Actions != nil {
		if want.Actions, err = s.actions(ctx, e.Balancers[*e.Listeners[r.Listener].LoadBalancerArn], in.Actions); err != nil {
			return nil, err
		}
	}
	r.Rule = want
	s.recheck(e)
	return &elb.ModifyRuleOutput{Rules: []types.Rule{r.Rule}}, nil
}

func (s *elbService) DeleteRule(ctx context.Context, in *elb.DeleteRuleInput) (*elb.DeleteRuleOutput, error) {
	r, err := s.rule(ctx, in.RuleArn)
	if err != nil {
		return nil, err
	}
	e := &s.region(ctx).ELB
	delete(e.Rules, *r.RuleArn)
	s.recheck(e)
	return &elb.DeleteRuleOutput{}, nil
}

func (s *elbService) SetRulePriorities(ctx context.Context, in *elb.SetRulePrioritiesInput) (*elb.SetRulePrioritiesOutput, error) {
	e := &s.region(ctx).ELB
	old := map[string]*string{}
	restore := func(err error) (*elb.SetRulePrioritiesOutput, error) {
		for arn, p := range old {
			e.Rules[arn].Priority = p
		}
		return nil, err
	}
	for _, p := range in.RulePriorities { // they may change places
		r, err := s.rule(ctx, p.RuleArn)
		if err != nil {
			return restore(err)
		}
		old[*r.RuleArn], r.Priority = r.Priority, new("")
	}
	out := &elb.SetRulePrioritiesOutput{}
	for _, p := range in.RulePriorities {
		r := e.Rules[*p.RuleArn]
		if err := e.freePriority(r.Listener, val(p.Priority), *p.RuleArn); err != nil {
			return restore(err)
		}
		r.Priority = new(strconv.Itoa(int(*p.Priority)))
		out.Rules = append(out.Rules, r.Rule)
	}
	return out, nil
}
