package steps

import (
	"cmp"
	"context"
	"maps"
	"slices"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// Plan asks for the balancer first, since it takes longest, and for the target group at once with it.
func (s *ALB) Plan() (plan []deploy.Change) {
	s.choose(s.groups()) // the VPC may be another than when it was read
	what := "load balancer " + s.Manifest.ALB.Name
	switch {
	case s.lb == nil:
		plan = append(plan, deploy.Change{Op: deploy.Create, What: what, Group: "balancer", Do: s.createBalancer})
	case s.failed():
		plan = append(plan, deploy.Change{Op: deploy.Replace, What: what, Why: "AWS could not make it: " + val(s.lb.State.Reason), Group: "balancer", Do: s.remakeBalancer})
	default:
		plan = append(plan, s.planBalancer("load balancer "+*s.lb.LoadBalancerName)...)
	}
	plan = append(plan, s.planGroup()...)
	plan = append(plan, s.planListener()...)
	for _, g := range s.old {
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: "target group " + g.name(), After: true, Do: func(ctx context.Context) error {
			if err := s.detach(ctx, g.arn()); err != nil {
				return err
			}
			return s.deleteGroup(g)(ctx)
		}})
	}
	return plan
}

func (s *ALB) groups() []*targetGroup {
	all := slices.Clone(s.old)
	if s.tg != nil {
		all = append(all, s.tg)
	}
	slices.SortFunc(all, func(a, b *targetGroup) int { return cmp.Compare(a.name(), b.name()) })
	return all
}

// planBalancer brings a live balancer to what the manifest says.
func (s *ALB) planBalancer(what string) (plan []deploy.Change) {
	live, want := s.attributes, s.wantedAttributes()
	if diff := deploy.Diff(
		deploy.F("drop invalid header fields", live["routing.http.drop_invalid_header_fields.enabled"], want["routing.http.drop_invalid_header_fields.enabled"]),
		deploy.F("idle timeout", live["idle_timeout.timeout_seconds"], want["idle_timeout.timeout_seconds"]),
		deploy.F("deletion protection", live["deletion_protection.enabled"], want["deletion_protection.enabled"]),
	); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what, Diff: diff, Do: func(ctx context.Context) error { return s.setAttributes(ctx, want) }})
	}
	if diff := deploy.Diff(setDiff("security groups", s.lb.SecurityGroups, one(s.Groups.ALB))); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what + " security groups", Diff: diff, Do: func(ctx context.Context) error {
			_, err := s.AWS.ELB.SetSecurityGroups(ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: s.lb.LoadBalancerArn, SecurityGroups: []string{s.Groups.ALB.Get()}})
			return err
		}})
	}
	var subnets []string
	for _, z := range s.lb.AvailabilityZones {
		subnets = append(subnets, val(z.SubnetId))
	}
	if diff := deploy.Diff(setDiff("subnets", subnets, s.subnets())); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what + " subnets", Diff: diff, Do: func(ctx context.Context) error {
			_, err := s.AWS.ELB.SetSubnets(ctx, &elb.SetSubnetsInput{LoadBalancerArn: s.lb.LoadBalancerArn, Subnets: s.subnets().Get()})
			return err
		}})
	}
	return append(plan, retag(what, s.liveTags[*s.lb.LoadBalancerArn], s.tags("alb"), s.addTags(*s.lb.LoadBalancerArn))...)
}

// setDiff is FSet for wanted values of another step.
func setDiff(name string, live []string, want deploy.Out[[]string]) deploy.Field {
	v, known := want.Known()
	if f := deploy.FSet(name, live, v); known || want.None() {
		return f
	}
	return deploy.Field{Name: name, From: deploy.FSet(name, live, nil).From, To: want.String()}
}

// one is the list of one value.
func one(v deploy.Out[string]) (list deploy.Out[[]string]) {
	if v, ok := v.Known(); ok {
		list.Set([]string{v})
	}
	return list
}

// createBalancer sets the attributes in a second call: a crash between the two leaves AWS's, which the next plan shows.
func (s *ALB) createBalancer(ctx context.Context) error {
	out, err := s.AWS.ELB.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
		Name: &s.Manifest.ALB.Name, Scheme: s.scheme(), Type: types.LoadBalancerTypeEnumApplication, IpAddressType: types.IpAddressTypeIpv4,
		Subnets: s.subnets().Get(), SecurityGroups: []string{s.Groups.ALB.Get()}, Tags: aws.Convert(s.tags("alb"), elbTag),
	})
	if err != nil {
		return err
	}
	s.setBalancer(&out.LoadBalancers[0])
	return s.known(ctx, func() error { return s.setAttributes(ctx, s.wantedAttributes()) })
}

// remakeBalancer deletes one that AWS could not make. Nothing was ever served by it.
func (s *ALB) remakeBalancer(ctx context.Context) error {
	if err := s.deleteBalancer(ctx); err != nil {
		return err
	}
	s.listening.clear()
	s.HTTPListener.Forget()
	return s.createBalancer(ctx)
}

func (s *ALB) setAttributes(ctx context.Context, want map[string]string) error {
	_, err := s.AWS.ELB.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: s.lb.LoadBalancerArn, Attributes: aws.Convert(want, func(k, v string) types.LoadBalancerAttribute {
			return types.LoadBalancerAttribute{Key: &k, Value: &v}
		}),
	})
	if err == nil {
		s.attributes = maps.Clone(s.attributes)
		if s.attributes == nil {
			s.attributes = map[string]string{}
		}
		maps.Copy(s.attributes, want)
	}
	return err
}

// addTags adds tags to one thing. Those of the user on the balancer reach its listeners first, whose tags nobody reads:
// after a crash between the two the balancer still lacks them, and the next run does both.
func (s *ALB) addTags(arn string) func(context.Context, map[string]string) error {
	return func(ctx context.Context, tags map[string]string) error {
		listeners := maps.Clone(tags)
		delete(listeners, aws.TagResource)
		var arns []string
		if s.lb != nil && arn == *s.lb.LoadBalancerArn && len(listeners) > 0 {
			for _, port := range s.listening.numbers() {
				l, _ := s.listening.at(port)
				arns = append(arns, *l.ListenerArn)
			}
		}
		if len(arns) > 0 {
			if _, err := s.AWS.ELB.AddTags(ctx, &elb.AddTagsInput{ResourceArns: arns, Tags: aws.Convert(listeners, elbTag)}); err != nil {
				return err
			}
		}
		_, err := s.AWS.ELB.AddTags(ctx, &elb.AddTagsInput{ResourceArns: []string{arn}, Tags: aws.Convert(tags, elbTag)})
		return err
	}
}
