package sandbox

import (
	"cmp"
	"context"
	"slices"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// A listener takes the requests of one port.
type listener struct {
	types.Listener
	Tags       map[string]string
	Attributes map[string]string
	Extra      []string // certificates besides the default one
}

// listenerAttributes are an application load balancer's (ELB API reference, ListenerAttribute).
var listenerAttributes = func() map[string]attribute {
	t := map[string]attribute{"routing.http.response.server.enabled": {"true", yesNo}}
	for name := range strings.FieldsSeq("strict_transport_security access_control_allow_origin access_control_allow_methods access_control_allow_headers access_control_allow_credentials " +
		"access_control_expose_headers access_control_max_age content_security_policy x_content_type_options x_frame_options") {
		t["routing.http.response."+name+".header_value"] = attribute{}
	}
	for name := range strings.FieldsSeq("mtls_clientcert_serial_number mtls_clientcert_issuer mtls_clientcert_subject mtls_clientcert_validity mtls_clientcert_leaf mtls_clientcert tls_version tls_cipher_suite") {
		t["routing.http.request.x_amzn_"+name+".header_name"] = attribute{}
	}
	return t
}()

func (s *elbService) CreateListener(ctx context.Context, in *elb.CreateListenerInput) (*elb.CreateListenerOutput, error) {
	lb, err := s.balancer(ctx, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	tags, err := tagsELB(in.Tags)
	if err != nil {
		return nil, err
	}
	l := types.Listener{LoadBalancerArn: lb.LoadBalancerArn, Port: in.Port, Protocol: in.Protocol, MutualAuthentication: in.MutualAuthentication}
	if err := s.listen(ctx, lb, &l, in.Certificates, in.SslPolicy, in.DefaultActions); err != nil {
		return nil, err
	}
	e := &s.region(ctx).ELB
	for _, o := range e.Listeners {
		if *o.LoadBalancerArn == *lb.LoadBalancerArn && *o.Port == *l.Port {
			if sameListener(o.Listener, l) {
				return &elb.CreateListenerOutput{Listeners: []types.Listener{o.Listener}}, nil
			}
			return nil, fail("DuplicateListener", "A listener already exists on this port for this load balancer '%s'", *lb.LoadBalancerArn)
		}
	}
	l.ListenerArn = new(strings.Replace(*lb.LoadBalancerArn, ":loadbalancer/", ":listener/", 1) + "/" + s.hex(16))
	put(&e.Listeners, *l.ListenerArn, &listener{Listener: l, Tags: tags, Attributes: defaults(listenerAttributes)})
	s.recheck(e)
	return &elb.CreateListenerOutput{Listeners: []types.Listener{l}}, nil
}

func sameListener(a, b types.Listener) bool {
	certificates := func(l types.Listener) (arns []string) {
		for _, c := range l.Certificates {
			arns = append(arns, *c.CertificateArn)
		}
		return arns
	}
	return a.Protocol == b.Protocol && val(a.SslPolicy) == val(b.SslPolicy) && slices.Equal(certificates(a), certificates(b)) &&
		slices.EqualFunc(a.DefaultActions, b.DefaultActions, func(a, b types.Action) bool {
			return a.Type == b.Type && slices.Equal(forwardsTo([]types.Action{a}), forwardsTo([]types.Action{b}))
		})
}

// listen checks what a listener is to be, and fills in what it leaves out.
func (s *elbService) listen(ctx context.Context, lb *loadBalancer, l *types.Listener, certificates []types.Certificate, policy *string, actions []types.Action) (err error) {
	switch {
	case l.Port == nil || *l.Port < 1 || *l.Port > 65535:
		return fail("ValidationError", "Port must be between 1 and 65535")
	case l.Protocol != types.ProtocolEnumHttp && l.Protocol != types.ProtocolEnumHttps:
		return fail("ValidationError", "Listener protocol '%s' must be one of 'HTTP, HTTPS'", l.Protocol)
	case l.Protocol == types.ProtocolEnumHttp && (len(certificates) > 0 || val(policy) != ""):
		return fail("InvalidConfigurationRequest", "Certificates and SSL policy cannot be specified for HTTP listeners")
	}
	if l.Protocol == types.ProtocolEnumHttps {
		if err := s.certificates(ctx, l, certificates); err != nil {
			return err
		}
		// Without a word the policy is an old one (API reference, CreateListener).
		l.SslPolicy = new(cmp.Or(val(policy), val(l.SslPolicy), "ELBSecurityPolicy-2016-08"))
		if !slices.Contains(sslPolicies, *l.SslPolicy) {
			return fail("SSLPolicyNotFound", "SSL policy '%s' not found", *l.SslPolicy)
		}
	} else {
		l.Certificates, l.SslPolicy = nil, nil
	}
	if actions != nil {
		l.DefaultActions, err = s.actions(ctx, lb, actions)
	}
	if err == nil && len(l.DefaultActions) == 0 {
		err = fail("ValidationError", "A default action must be specified")
	}
	return err
}

// certificates sets the default certificate of an HTTPS listener, which must be issued.
func (s *elbService) certificates(ctx context.Context, l *types.Listener, certificates []types.Certificate) error {
	if len(certificates) == 0 && len(l.Certificates) == 0 {
		return fail("ValidationError", "A certificate must be specified for HTTPS listeners")
	}
	if len(certificates) > 1 { // more are added by AddListenerCertificates
		return fail("TooManyCertificates", "You can specify only one certificate")
	}
	for _, c := range certificates {
		if err := s.usable(ctx, val(c.CertificateArn)); err != nil {
			return err
		}
		l.Certificates = []types.Certificate{{CertificateArn: c.CertificateArn}}
	}
	return nil
}

// usable says why a listener can't have a certificate.
func (s *elbService) usable(ctx context.Context, arn string) error {
	exists, issued := s.certificateIssued(s.region(ctx), arn)
	switch {
	case !exists:
		return fail("CertificateNotFound", "Certificate '%s' not found", arn)
	case !issued:
		return fail("UnsupportedCertificate", "The certificate '%s' must have a fully-qualified domain name, a supported signature, and a supported key size.", arn)
	}
	return nil
}

// actions checks those of a listener or rule, and writes them as ELB shows them.
func (s *elbService) actions(ctx context.Context, lb *loadBalancer, in []types.Action) (list []types.Action, err error) {
	for i, a := range in {
		switch a.Type {
		case types.ActionTypeEnumForward:
			a, err = s.forward(ctx, lb, a)
		case types.ActionTypeEnumRedirect:
			err = redirect(&a)
		case types.ActionTypeEnumFixedResponse:
			if c := val(a.FixedResponseConfig); len(val(c.StatusCode)) != 3 || !strings.ContainsAny((*c.StatusCode)[:1], "245") {
				err = fail("InvalidLoadBalancerAction", "The status code of a fixed response must be 2XX, 4XX or 5XX")
			}
		default:
			err = fail("InvalidLoadBalancerAction", "Action type '%s' is not supported by the sandbox", a.Type)
		}
		if err != nil {
			return nil, err
		}
		if a.Order == nil && len(in) > 1 {
			a.Order = new(int32(i + 1))
		}
		list = append(list, a)
	}
	return list, nil
}

// forward fills in a forward action: one group may be given in either form, and is shown in both.
func (s *elbService) forward(ctx context.Context, lb *loadBalancer, a types.Action) (types.Action, error) {
	c := types.ForwardActionConfig{}
	if a.ForwardConfig != nil {
		c = *a.ForwardConfig
	}
	if len(c.TargetGroups) == 0 && a.TargetGroupArn != nil {
		c.TargetGroups = []types.TargetGroupTuple{{TargetGroupArn: a.TargetGroupArn}}
	}
	if len(c.TargetGroups) == 0 || len(c.TargetGroups) > 5 {
		return a, fail("InvalidLoadBalancerAction", "A forward action must have between one and five target groups")
	}
	c.TargetGroups = slices.Clone(c.TargetGroups)
	for i, t := range c.TargetGroups {
		g, err := s.group(ctx, t.TargetGroupArn)
		if err != nil {
			return a, err
		}
		users := s.region(ctx).ELB.users(*g.TargetGroupArn)
		if slices.ContainsFunc(users, func(arn string) bool { return arn != *lb.LoadBalancerArn }) {
			return a, fail("TargetGroupAssociationLimit", "The following target groups cannot be associated with more than one load balancer: %s", *g.TargetGroupArn)
		}
		if *g.VpcId != *lb.VpcId {
			return a, fail("InvalidConfigurationRequest", "The target group '%s' is not in the load balancer's VPC", *g.TargetGroupArn)
		}
		if w := or(t.Weight, 1); w < 0 || w > 999 {
			return a, fail("ValidationError", "Weight '%d' must be between 0 and 999", w)
		}
		c.TargetGroups[i].Weight = new(or(t.Weight, 1))
	}
	if c.TargetGroupStickinessConfig == nil {
		c.TargetGroupStickinessConfig = &types.TargetGroupStickinessConfig{Enabled: new(false)}
	}
	a.ForwardConfig, a.TargetGroupArn = &c, nil
	if len(c.TargetGroups) == 1 {
		a.TargetGroupArn = c.TargetGroups[0].TargetGroupArn
	}
	return a, nil
}

func redirect(a *types.Action) error {
	if a.RedirectConfig == nil || a.RedirectConfig.StatusCode == "" {
		return fail("InvalidLoadBalancerAction", "A redirect action must have a status code")
	}
	c := *a.RedirectConfig
	c.Protocol, c.Port = new(or(c.Protocol, "#{protocol}")), new(or(c.Port, "#{port}"))
	c.Host, c.Path, c.Query = new(or(c.Host, "#{host}")), new(or(c.Path, "/#{path}")), new(or(c.Query, "#{query}"))
	if *c.Protocol == "#{protocol}" && *c.Port == "#{port}" && *c.Host == "#{host}" && *c.Path == "/#{path}" {
		return fail("InvalidLoadBalancerAction", "The redirect configuration is not valid because it creates a loop.")
	}
	a.RedirectConfig = &c
	return nil
}

func (s *elbService) ModifyListener(ctx context.Context, in *elb.ModifyListenerInput) (*elb.ModifyListenerOutput, error) {
	l, err := s.listener(ctx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	e := &s.region(ctx).ELB
	want := l.Listener
	want.Port, want.Protocol = cmp.Or(in.Port, want.Port), cmp.Or(in.Protocol, want.Protocol)
	for arn, o := range e.Listeners {
		if arn != *l.ListenerArn && *o.LoadBalancerArn == *l.LoadBalancerArn && *o.Port == *want.Port {
			return nil, fail("DuplicateListener", "A listener already exists on this port for this load balancer '%s'", *l.LoadBalancerArn)
		}
	}
	if err := s.listen(ctx, e.Balancers[*l.LoadBalancerArn], &want, in.Certificates, in.SslPolicy, in.DefaultActions); err != nil {
		return nil, err
	}
	l.Listener = want
	s.recheck(e)
	return &elb.ModifyListenerOutput{Listeners: []types.Listener{want}}, nil
}

func (s *elbService) DeleteListener(ctx context.Context, in *elb.DeleteListenerInput) (*elb.DeleteListenerOutput, error) {
	l, err := s.listener(ctx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	s.dropListener(&s.region(ctx).ELB, *l.ListenerArn)
	return &elb.DeleteListenerOutput{}, nil
}

// dropListener deletes a listener with its rules.
func (s *elbService) dropListener(e *elbState, arn string) {
	delete(e.Listeners, arn)
	for id, r := range e.Rules {
		if r.Listener == arn {
			delete(e.Rules, id)
		}
	}
	s.recheck(e)
}

func (s *elbService) DescribeListeners(ctx context.Context, in *elb.DescribeListenersInput) (*elb.DescribeListenersOutput, error) {
	if in.LoadBalancerArn != nil {
		if _, err := s.balancer(ctx, in.LoadBalancerArn); err != nil {
			return nil, err
		}
	} else if len(in.ListenerArns) == 0 {
		return nil, fail("ValidationError", "You must specify either listener ARNs or a load balancer ARN")
	}
	var all []types.Listener
	for _, l := range sorted(s.region(ctx).ELB.Listeners) {
		if in.LoadBalancerArn == nil || *l.LoadBalancerArn == *in.LoadBalancerArn {
			all = append(all, l.Listener)
		}
	}
	all, err := pickELB(all, func(l types.Listener) *string { return l.ListenerArn }, in.ListenerArns, fail("ListenerNotFound", "One or more listeners not found"))
	out := &elb.DescribeListenersOutput{}
	if err == nil {
		out.Listeners, out.NextMarker, err = page(all, in.Marker, in.PageSize, 400)
	}
	return out, err
}
