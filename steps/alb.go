package steps

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// ALB is the application load balancer, its target group and the listener on port 80, which forwards to the group until
// HTTPS makes it a redirect. AWS takes minutes to make a balancer; everything that needs only its ARN goes on at once.
//
// A target group that can't be changed in place is replaced by one named <p>-tg-2 (then <p>-tg again) without a moment's
// outage: the new one is attached at weight 0, so that the service can register in both; Traffic moves the requests once
// the rollout is done; then the service leaves the old one, and it goes.
type ALB struct {
	*App
	VPC     *VPC
	Subnets *Subnets
	Groups  *Groups

	ARN          deploy.Out[string]
	DNSName      deploy.Out[string]
	ZoneID       deploy.Out[string] // of DNSName, for alias records
	TargetGroup  deploy.Out[string] // ARN
	HTTPListener deploy.Out[string] // ARN

	lb         *types.LoadBalancer
	attributes map[string]string
	listening  ports
	tg         *targetGroup                 // the one that is wanted
	old        []*targetGroup               // of ours, replaced
	taken      []string                     // names of target groups
	vpc        string                       // that target groups are to be of; "" is one to be made
	liveTags   map[string]map[string]string // by ARN
}

func (s *ALB) Name() string { return "alb" }

// Wanted is always true: the balancer is how the service is reached.
func (s *ALB) Wanted() bool { return true }

// Read finds the balancer and the target groups in one round, all that hangs from them in a second.
func (s *ALB) Read(ctx context.Context) error {
	var groups []types.TargetGroup
	err := together(func() (err error) {
		s.lb, err = s.balancer(ctx)
		return err
	}, func() (err error) {
		groups, err = s.targetGroups(ctx)
		return err
	}, func() (err error) {
		s.vpc, err = s.liveVPC(ctx)
		return err
	})
	if err != nil {
		return err
	}
	var arns []string
	if s.lb != nil {
		arns = append(arns, *s.lb.LoadBalancerArn)
	}
	for _, g := range groups {
		arns = append(arns, *g.TargetGroupArn)
	}
	live := make([]*targetGroup, len(groups))
	reads := []func() error{
		func() error {
			byPort, err := s.listeners(ctx)
			s.listening.set(slices.Collect(maps.Values(byPort))...)
			return err
		},
		func() (err error) { s.attributes, err = s.balancerAttributes(ctx); return err },
		func() (err error) { s.liveTags, err = s.elbTags(ctx, arns); return err },
	}
	for i, g := range groups {
		reads = append(reads, func() (err error) { live[i], err = s.targetGroup(ctx, g); return err })
	}
	if err := together(reads...); err != nil {
		return err
	}
	return s.take(live)
}

// take holds that all is ours, and tells the group that is wanted from those that are replaced.
func (s *ALB) take(groups []*targetGroup) error {
	if s.lb != nil {
		s.setBalancer(s.lb)
		if err := s.own("load balancer", *s.lb.LoadBalancerName, s.liveTags[*s.lb.LoadBalancerArn]); err != nil {
			return err
		}
	}
	for _, g := range groups {
		if err := s.own("target group", g.name(), s.liveTags[g.arn()]); err != nil {
			return err
		}
	}
	if l, ok := s.listening.at(80); ok {
		s.HTTPListener.Set(*l.ListenerArn)
	}
	s.choose(groups)
	return nil
}

func (s *ALB) setBalancer(lb *types.LoadBalancer) {
	s.lb = lb
	s.ARN.Set(*lb.LoadBalancerArn)
	s.DNSName.Set(val(lb.DNSName))
	s.ZoneID.Set(val(lb.CanonicalHostedZoneId))
}

func (s *ALB) balancerAttributes(ctx context.Context) (map[string]string, error) {
	live := map[string]string{}
	if s.lb == nil {
		return live, nil
	}
	out, err := s.AWS.ELB.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: s.lb.LoadBalancerArn})
	if err != nil {
		return nil, err
	}
	for _, a := range out.Attributes {
		live[val(a.Key)] = val(a.Value)
	}
	return live, nil
}

// wantedAttributes are those of the manifest; all others stay as they are.
func (s *ALB) wantedAttributes() map[string]string {
	want := s.Manifest.ALB
	return map[string]string{
		"deletion_protection.enabled":                     fmt.Sprint(want.DeletionProtection),
		"idle_timeout.timeout_seconds":                    fmt.Sprint(want.IdleTimeout),
		"routing.http.drop_invalid_header_fields.enabled": fmt.Sprint(want.DropInvalidHeaderFields),
	}
}

func (s *ALB) scheme() types.LoadBalancerSchemeEnum {
	if s.Manifest.ALB.Internal {
		return types.LoadBalancerSchemeEnumInternal
	}
	return types.LoadBalancerSchemeEnumInternetFacing
}

// subnets are those that the balancer stands in, as FSet shows them.
func (s *ALB) subnets() deploy.Out[[]string] {
	if s.Manifest.ALB.Internal {
		return s.Subnets.Private
	}
	return s.Subnets.Public
}

// Check refuses what AWS can't change in a balancer, and to give up HTTPS.
func (s *ALB) Check() error {
	if s.lb == nil || s.failed() {
		return nil
	}
	var errs []error
	if s.lb.Scheme != s.scheme() {
		errs = append(errs, fmt.Errorf("load balancer %s is %s, and AWS can't change that: set `internal: %t`, or `fargatectl destroy` it and bring it up anew, or give it another `name:` in another environment",
			*s.lb.LoadBalancerName, s.lb.Scheme, !s.Manifest.ALB.Internal))
	}
	if id, ok := s.VPC.ID.Known(); ok && id != *s.lb.VpcId {
		errs = append(errs, fmt.Errorf("load balancer %s is in VPC %s, and AWS can't move it to %s: keep that VPC, or `fargatectl destroy` and bring up anew", *s.lb.LoadBalancerName, *s.lb.VpcId, id))
	}
	if _, https := s.listening.at(443); https && s.Manifest.ALB.HTTPOnly {
		errs = append(errs, errors.New("HTTPS is in use, and clients may rely on it: leave `ssl_certificate: false` out; to go back to HTTP, delete the listener on port 443 by hand first"))
	}
	return errors.Join(errs...)
}

// Keep refuses to remove a balancer that is protected, while the manifest says that it should be.
func (s *ALB) Keep() error {
	if s.lb != nil && s.protected() && s.Manifest.ALB.DeletionProtection {
		return fmt.Errorf("load balancer %s is protected from deletion: set `deletion_protection: false` first", *s.lb.LoadBalancerName)
	}
	return nil
}

func (s *ALB) protected() bool { return s.attributes["deletion_protection.enabled"] == "true" }

// failed says whether AWS could not make the balancer: it counts as absent, once it is deleted.
func (s *ALB) failed() bool {
	return s.lb.State != nil && s.lb.State.Code == types.LoadBalancerStateEnumFailed
}

// Ready says what the balancer lacks. Neither listener nor service waits for it; the rollout does.
func (s *ALB) Ready(ctx context.Context) (string, error) {
	out, err := s.AWS.ELB.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{s.ARN.Get()}})
	if aws.Is(err, "LoadBalancerNotFound") {
		return "load balancer " + *s.lb.LoadBalancerName + " is not known everywhere yet", nil
	}
	if err != nil {
		return "", err
	}
	switch state := out.LoadBalancers[0].State; {
	case state == nil:
	case state.Code == types.LoadBalancerStateEnumFailed:
		return "", fmt.Errorf("AWS could not make load balancer %s: %s", *s.lb.LoadBalancerName, val(state.Reason))
	case state.Code == types.LoadBalancerStateEnumProvisioning:
		return "load balancer " + *s.lb.LoadBalancerName + " is provisioning", nil
	}
	return "", nil
}

// Notes says loudly that there is no HTTPS, and what is kept under an older name.
func (s *ALB) Notes() (notes []string) {
	if !s.wantsTLS() {
		notes = append(notes, "HTTP only: nothing is encrypted between clients and the balancer; `domain:` or `certificate_arn:` give HTTPS")
	}
	if s.lb != nil && *s.lb.LoadBalancerName != s.Manifest.ALB.Name {
		notes = append(notes, fmt.Sprintf("load balancer %s is used under its old name, since AWS can't rename it; destroy and up make %s", *s.lb.LoadBalancerName, s.Manifest.ALB.Name))
	}
	if s.tg != nil && !slices.Contains(s.groupNames(), s.tg.name()) {
		notes = append(notes, fmt.Sprintf("target group %s is used under its old name, since AWS can't rename it", s.tg.name()))
	}
	return notes
}

// Remove deletes the balancer, which takes its listeners with it, then the target groups.
func (s *ALB) Remove() (plan []deploy.Change) {
	if s.lb != nil {
		what := "load balancer " + *s.lb.LoadBalancerName
		if s.protected() {
			plan = append(plan, deploy.Change{
				Op: deploy.Update, What: what, Diff: deploy.Diff(deploy.F("deletion protection", "true", "false")),
				Do: func(ctx context.Context) error {
					return s.setAttributes(ctx, map[string]string{"deletion_protection.enabled": "false"})
				},
			})
		}
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: what, Do: s.deleteBalancer})
	}
	groups := s.old
	if s.tg != nil {
		groups = append([]*targetGroup{s.tg}, groups...)
	}
	for _, g := range groups {
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: "target group " + g.name(), Group: "target groups", Do: s.deleteGroup(g)})
	}
	return plan
}

func (s *ALB) deleteBalancer(ctx context.Context) error {
	_, err := s.AWS.ELB.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: s.lb.LoadBalancerArn})
	return aws.Ignore(err, "LoadBalancerNotFound")
}

// deleteGroup waits while ELB still counts a listener that is gone, up to 20 s.
func (s *ALB) deleteGroup(g *targetGroup) func(context.Context) error {
	return func(ctx context.Context) error {
		return deploy.Until(ctx, func(ctx context.Context) (string, error) {
			_, err := s.AWS.ELB.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: g.TargetGroupArn})
			if aws.Is(err, "ResourceInUse") {
				return "a listener still uses target group " + g.name(), nil
			}
			return "", aws.Ignore(err, "TargetGroupNotFound")
		})
	}
}

var (
	_ deploy.Slow    = (*ALB)(nil)
	_ deploy.Checker = (*ALB)(nil)
	_ deploy.Keeper  = (*ALB)(nil)
	_ deploy.Noter   = (*ALB)(nil)
)
