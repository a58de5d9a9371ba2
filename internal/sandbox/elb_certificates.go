package sandbox

import (
	"context"
	"slices"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// sslPolicies are those of application load balancers (ELB user guide, "Security policies").
var sslPolicies = []string{
	"ELBSecurityPolicy-TLS13-1-3-2021-06", "ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
	"ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", "ELBSecurityPolicy-TLS13-1-1-2021-06",
	"ELBSecurityPolicy-TLS13-1-0-2021-06",
	"ELBSecurityPolicy-TLS13-1-3-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
	"ELBSecurityPolicy-TLS13-1-2-Ext1-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-Ext2-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-0-PQ-2025-09",
	"ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
	"ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-2-Ext1-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-2-Ext2-FIPS-2023-04",
	"ELBSecurityPolicy-TLS13-1-1-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-0-FIPS-2023-04",
	"ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-FIPS-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09",
	"ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-Ext1-FIPS-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-Ext2-FIPS-PQ-2025-09",
	"ELBSecurityPolicy-TLS13-1-0-FIPS-PQ-2025-09",
	"ELBSecurityPolicy-FS-1-2-Res-2020-10", "ELBSecurityPolicy-FS-1-2-Res-2019-08", "ELBSecurityPolicy-FS-1-2-2019-08",
	"ELBSecurityPolicy-FS-1-1-2019-08", "ELBSecurityPolicy-FS-2018-06", "ELBSecurityPolicy-TLS-1-2-Ext-2018-06",
	"ELBSecurityPolicy-TLS-1-2-2017-01", "ELBSecurityPolicy-TLS-1-1-2017-01", "ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-2015-05",
}

// DescribeSSLPolicies names the policies, without their ciphers.
func (s *elbService) DescribeSSLPolicies(_ context.Context, in *elb.DescribeSSLPoliciesInput) (*elb.DescribeSSLPoliciesOutput, error) {
	var all []types.SslPolicy
	for _, name := range sslPolicies {
		all = append(all, types.SslPolicy{Name: &name, SupportedLoadBalancerTypes: []string{"application", "network"}})
	}
	all, err := pickELB(all, func(p types.SslPolicy) *string { return p.Name }, in.Names, fail("SSLPolicyNotFound", "One or more SSL policies not found"))
	out := &elb.DescribeSSLPoliciesOutput{}
	if err == nil {
		out.SslPolicies, out.NextMarker, err = page(all, in.Marker, in.PageSize, 400)
	}
	return out, err
}

func (s *elbService) AddListenerCertificates(ctx context.Context, in *elb.AddListenerCertificatesInput) (*elb.AddListenerCertificatesOutput, error) {
	l, err := s.listener(ctx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	for _, c := range in.Certificates {
		if err := s.usable(ctx, val(c.CertificateArn)); err != nil {
			return nil, err
		}
	}
	for _, c := range in.Certificates {
		if !slices.Contains(l.Extra, *c.CertificateArn) {
			l.Extra = append(l.Extra, *c.CertificateArn)
		}
	}
	return &elb.AddListenerCertificatesOutput{Certificates: in.Certificates}, nil
}

func (s *elbService) RemoveListenerCertificates(ctx context.Context, in *elb.RemoveListenerCertificatesInput) (*elb.RemoveListenerCertificatesOutput, error) {
	l, err := s.listener(ctx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	for _, c := range in.Certificates {
		if len(l.Certificates) > 0 && *l.Certificates[0].CertificateArn == val(c.CertificateArn) {
			return nil, fail("OperationNotPermitted", "The default certificate cannot be removed")
		}
		l.Extra = slices.DeleteFunc(l.Extra, func(arn string) bool { return arn == val(c.CertificateArn) })
	}
	return &elb.RemoveListenerCertificatesOutput{}, nil
}

func (s *elbService) DescribeListenerCertificates(ctx context.Context, in *elb.DescribeListenerCertificatesInput) (*elb.DescribeListenerCertificatesOutput, error) {
	l, err := s.listener(ctx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	var all []types.Certificate
	for _, c := range l.Certificates {
		all = append(all, types.Certificate{CertificateArn: c.CertificateArn, IsDefault: new(true)})
	}
	for _, arn := range l.Extra {
		all = append(all, types.Certificate{CertificateArn: &arn, IsDefault: new(false)})
	}
	out := &elb.DescribeListenerCertificatesOutput{}
	out.Certificates, out.NextMarker, err = page(all, in.Marker, in.PageSize, 400)
	return out, err
}

func (s *elbService) DescribeListenerAttributes(ctx context.Context, in *elb.DescribeListenerAttributesInput) (*elb.DescribeListenerAttributesOutput, error) {
	l, err := s.listener(ctx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	return &elb.DescribeListenerAttributesOutput{Attributes: l.attributes()}, nil
}

func (l *listener) attributes() (list []types.ListenerAttribute) {
	for k, v := range sorted(l.Attributes) {
		list = append(list, types.ListenerAttribute{Key: &k, Value: &v})
	}
	return list
}

func (s *elbService) ModifyListenerAttributes(ctx context.Context, in *elb.ModifyListenerAttributesInput) (*elb.ModifyListenerAttributesOutput, error) {
	l, err := s.listener(ctx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	wishes := map[string]string{}
	for _, a := range in.Attributes {
		wishes[val(a.Key)] = val(a.Value)
	}
	if err := setAttributes(listenerAttributes, l.Attributes, wishes); err != nil {
		return nil, err
	}
	return &elb.ModifyListenerAttributesOutput{Attributes: l.attributes()}, nil
}

// DescribeCapacityReservation shows that there is none.
func (s *elbService) DescribeCapacityReservation(ctx context.Context, in *elb.DescribeCapacityReservationInput) (*elb.DescribeCapacityReservationOutput, error) {
	if _, err := s.balancer(ctx, in.LoadBalancerArn); err != nil {
		return nil, err
	}
	return &elb.DescribeCapacityReservationOutput{}, nil
}

// DescribeAccountLimits are the quotas of a new account (ELB user guide, "Quotas").
func (s *elbService) DescribeAccountLimits(_ context.Context, in *elb.DescribeAccountLimitsInput) (*elb.DescribeAccountLimitsOutput, error) {
	var all []types.Limit
	for name, n := range sorted(map[string]string{
		"application-load-balancers": "50", "listeners-per-application-load-balancer": "50", "rules-per-application-load-balancer": "100",
		"target-groups": "3000", "targets-per-application-load-balancer": "1000", "target-groups-per-application-load-balancer": "100",
		"target-groups-per-action-on-application-load-balancer": "5",
	}) {
		all = append(all, types.Limit{Name: &name, Max: &n})
	}
	out := &elb.DescribeAccountLimitsOutput{}
	var err error
	out.Limits, out.NextMarker, err = page(all, in.Marker, in.PageSize, 400)
	return out, err
}
