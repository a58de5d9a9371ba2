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

// HTTPS is the listener on port 443, made as soon as the certificate is issued. Only then the listener on port 80 becomes
// a redirect, so that the API is reachable all the time.
type HTTPS struct {
	*App
	ALB         *ALB
	Certificate *Certificate

	offered string // the policy that this region has instead of the wanted one
}

// policies are the default one and those that stand in where a region has it not yet.
var policies = []string{"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "ELBSecurityPolicy-TLS13-1-2-2021-06"}

func (s *HTTPS) Name() string { return "https" }

func (s *HTTPS) Wanted() bool { return s.wantsTLS() }

// Read looks at the listener, and, where it has a policy that stands in for the default one, whether that is still needed.
func (s *HTTPS) Read(ctx context.Context) error {
	listeners, err := s.listeners(ctx)
	if err != nil {
		return err
	}
	live := val(listeners[443].SslPolicy)
	if s.Manifest.ALB.SSLPolicy != policies[0] || !slices.Contains(policies[1:], live) {
		return nil
	}
	_, err = s.AWS.ELB.DescribeSSLPolicies(ctx, &elb.DescribeSSLPoliciesInput{Names: policies[:1]})
	if aws.Is(err, "SSLPolicyNotFound") {
		s.offered = live
		return nil
	}
	return err
}

// policy is the TLS policy that is wanted, or stands in for it.
func (s *HTTPS) policy() string {
	if s.offered != "" {
		return s.offered
	}
	return s.Manifest.ALB.SSLPolicy
}

func (s *HTTPS) listener() (types.Listener, bool) {
	l, ok := s.ALB.listening.at(443)
	return l, ok && s.ALB.lb != nil && !s.ALB.failed()
}

// Plan makes the listener, or brings it to what the manifest says, and then the redirect.
func (s *HTTPS) Plan() (plan []deploy.Change) {
	live, listening := s.listener()
	waiting := s.Certificate.Waiting()
	switch {
	case waiting && !listening:
		return nil
	case !listening:
		plan = append(plan, deploy.Change{Op: deploy.Create, What: "listener :443", Await: []deploy.Slow{s.Certificate}, Do: s.listen})
	default:
		plan = append(plan, s.planListener(live, waiting)...)
	}
	if l, ok := s.ALB.listening.at(80); !ok || s.ALB.lb == nil || s.ALB.failed() || !redirects(l) {
		if !ok && listening { // alb makes it a redirect
			return plan
		}
		plan = append(plan, deploy.Change{
			Op: deploy.Update, What: "listener :80", Diff: deploy.Diff(deploy.Field{Name: "action", From: "forward to " + s.ALB.groupName(), To: "redirect to https:443"}),
			Do: func(ctx context.Context) error { return s.ALB.act(ctx, 80, redirectToHTTPS()) },
		})
	}
	return plan
}

// planListener changes certificate and policy in place. An unfinished certificate leaves the old one where it is.
func (s *HTTPS) planListener(live types.Listener, waiting bool) (plan []deploy.Change) {
	policy := deploy.F("tls policy", val(live.SslPolicy), s.policy())
	var certificate deploy.Field
	var await []deploy.Slow
	if !waiting {
		if certificate = deploy.FOut("certificate", certificateOf(live), s.Certificate.ARN); certificate != (deploy.Field{}) {
			await = []deploy.Slow{s.Certificate}
		}
	}
	if diff := deploy.Diff(certificate, policy); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: "listener :443", Diff: diff, Await: await, Do: func(ctx context.Context) error {
			in := &elb.ModifyListenerInput{}
			if certificate != (deploy.Field{}) {
				in.Certificates = s.certificates()
			}
			return s.withPolicy(ctx, func(policy string) error {
				in.SslPolicy = &policy
				return s.ALB.modifyListener(ctx, 443, in)
			})
		}})
	}
	if len(forwards(live)) == 0 {
		plan = append(plan, deploy.Change{
			Op: deploy.Update, What: "listener :443 action", Diff: deploy.Diff(deploy.F("action", show(live), "forward to "+s.ALB.groupName())),
			Do: func(ctx context.Context) error { return s.ALB.act(ctx, 443, s.ALB.forward()) },
		})
	}
	return plan
}

func (s *HTTPS) certificates() []types.Certificate {
	return []types.Certificate{{CertificateArn: new(s.Certificate.ARN.Get())}}
}

// listen makes the listener; it sends requests to where that on port 80 did, which may still be an old group.
func (s *HTTPS) listen(ctx context.Context) error {
	actions := s.ALB.forward()
	if groups := forwards(s.ALB.on(80)); len(groups) > 0 {
		actions = forwardTo(groups...)
	}
	return s.withPolicy(ctx, func(policy string) error {
		return s.ALB.listen(ctx, 443, &elb.CreateListenerInput{
			Protocol: types.ProtocolEnumHttps, SslPolicy: &policy, Certificates: s.certificates(), DefaultActions: actions,
		})
	})
}

// withPolicy tries the policies that stand in for the default one where a region does not have it.
func (s *HTTPS) withPolicy(ctx context.Context, do func(policy string) error) error {
	err := do(s.policy())
	if !aws.Is(err, "SSLPolicyNotFound") || s.Manifest.ALB.SSLPolicy != policies[0] {
		return err
	}
	for _, p := range policies[1:] {
		if err = do(p); !aws.Is(err, "SSLPolicyNotFound") {
			break
		}
	}
	if err == nil {
		s.offered = val(s.ALB.on(443).SslPolicy)
		deploy.Say(ctx, "this region has no %s yet: %s stands in", policies[0], s.offered)
	}
	return err
}

func redirects(l types.Listener) bool {
	a := first(l.DefaultActions)
	return a != nil && a.Type == types.ActionTypeEnumRedirect && a.RedirectConfig != nil && val(a.RedirectConfig.Protocol) == "HTTPS" &&
		a.RedirectConfig.StatusCode == types.RedirectActionStatusCodeEnumHttp301
}

// Notes says loudly what is not encrypted.
func (s *HTTPS) Notes() []string {
	if _, listening := s.listener(); s.Certificate.Waiting() && !listening {
		return []string{"HTTP only, until the certificate is issued"}
	}
	if s.offered != "" {
		return []string{fmt.Sprintf("this region has no %s yet: %s stands in", policies[0], s.offered)}
	}
	if given := s.seen().given; given != nil && s.seen().domain == "" {
		return []string{fmt.Sprintf("the certificate is for %s: let that name lead to the balancer, or say `domain:`", strings.Join(given.SubjectAlternativeNames, ", "))}
	}
	return nil
}

// Remove deletes the listener before the balancer, so that the certificate is free.
func (s *HTTPS) Remove() []deploy.Change {
	l, listening := s.listener()
	if !listening {
		return nil
	}
	return []deploy.Change{{Op: deploy.Delete, What: "listener :443", Do: func(ctx context.Context) error {
		_, err := s.AWS.ELB.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: l.ListenerArn})
		return aws.Ignore(err, "ListenerNotFound")
	}}}
}

var _ deploy.Noter = (*HTTPS)(nil)
