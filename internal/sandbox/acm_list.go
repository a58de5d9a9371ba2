package sandbox

import (
	"context"
	"slices"
	"sort"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func (s *acmService) certificate(ctx context.Context, arn *string) (*certificate, error) {
	c := s.region(ctx).ACM.Certificates[val(arn)]
	if c == nil {
		return nil, fail("ResourceNotFoundException", "Could not find certificate %s.", val(arn))
	}
	return c, nil
}

// inUseBy are the balancers whose listeners have a certificate.
func (s *acmService) inUseBy(r *Region, arn string) []string {
	users := []string{}
	for _, l := range sorted(r.ELB.Listeners) {
		uses := slices.Contains(l.Extra, arn) || slices.ContainsFunc(l.Certificates, func(c elb.Certificate) bool { return *c.CertificateArn == arn })
		if uses && !slices.Contains(users, *l.LoadBalancerArn) {
			users = append(users, *l.LoadBalancerArn)
		}
	}
	return users
}

func (s *acmService) DescribeCertificate(ctx context.Context, in *acm.DescribeCertificateInput) (*acm.DescribeCertificateOutput, error) {
	c, err := s.certificate(ctx, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	d := c.CertificateDetail
	d.InUseBy = s.inUseBy(s.region(ctx), *d.CertificateArn)
	return &acm.DescribeCertificateOutput{Certificate: &d}, nil
}

// ListCertificates shows RSA keys up to 2048 bits only, unless the request names others (API reference,
// ListCertificates, Includes).
func (s *acmService) ListCertificates(ctx context.Context, in *acm.ListCertificatesInput) (*acm.ListCertificatesOutput, error) {
	r := s.region(ctx)
	keys := []types.KeyAlgorithm{types.KeyAlgorithmRsa1024, types.KeyAlgorithmRsa2048}
	if in.Includes != nil && len(in.Includes.KeyTypes) > 0 {
		keys = in.Includes.KeyTypes
	}
	out := &acm.ListCertificatesOutput{CertificateSummaryList: []types.CertificateSummary{}}
	for arn, c := range sorted(r.ACM.Certificates) {
		if !slices.Contains(keys, c.KeyAlgorithm) || len(in.CertificateStatuses) > 0 && !slices.Contains(in.CertificateStatuses, c.Status) {
			continue
		}
		out.CertificateSummaryList = append(out.CertificateSummaryList, types.CertificateSummary{
			CertificateArn: &arn, DomainName: c.DomainName, SubjectAlternativeNameSummaries: c.SubjectAlternativeNames, HasAdditionalSubjectAlternativeNames: new(false),
			Status: c.Status, Type: c.Type, KeyAlgorithm: c.KeyAlgorithm, InUse: new(len(s.inUseBy(r, arn)) > 0), CreatedAt: c.CreatedAt,
			IssuedAt: c.IssuedAt, NotBefore: c.NotBefore, NotAfter: c.NotAfter, RenewalEligibility: c.RenewalEligibility,
		})
	}
	sort.SliceStable(out.CertificateSummaryList, func(i, j int) bool {
		return out.CertificateSummaryList[i].CreatedAt.Before(*out.CertificateSummaryList[j].CreatedAt)
	})
	var err error
	out.CertificateSummaryList, out.NextToken, err = page(out.CertificateSummaryList, in.NextToken, in.MaxItems, 1000)
	return out, err
}

func (s *acmService) DeleteCertificate(ctx context.Context, in *acm.DeleteCertificateInput) (*acm.DeleteCertificateOutput, error) {
	c, err := s.certificate(ctx, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	if len(s.inUseBy(s.region(ctx), *c.CertificateArn)) > 0 {
		return nil, fail("ResourceInUseException", "Certificate %s in account %s is in use.", *c.CertificateArn, Account)
	}
	delete(s.region(ctx).ACM.Certificates, *c.CertificateArn)
	return &acm.DeleteCertificateOutput{}, nil
}

func (s *acmService) ListTagsForCertificate(ctx context.Context, in *acm.ListTagsForCertificateInput) (*acm.ListTagsForCertificateOutput, error) {
	c, err := s.certificate(ctx, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	out := &acm.ListTagsForCertificateOutput{Tags: []types.Tag{}}
	for k, v := range sorted(c.Tags) {
		out.Tags = append(out.Tags, types.Tag{Key: &k, Value: &v})
	}
	return out, nil
}

func (s *acmService) AddTagsToCertificate(ctx context.Context, in *acm.AddTagsToCertificateInput) (*acm.AddTagsToCertificateOutput, error) {
	c, err := s.certificate(ctx, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	tags, err := tagsACM(in.Tags)
	if err != nil {
		return nil, err
	}
	c.Tags = merge(c.Tags, tags)
	return &acm.AddTagsToCertificateOutput{}, nil
}

func (s *acmService) RemoveTagsFromCertificate(ctx context.Context, in *acm.RemoveTagsFromCertificateInput) (*acm.RemoveTagsFromCertificateOutput, error) {
	c, err := s.certificate(ctx, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		delete(c.Tags, val(t.Key))
	}
	return &acm.RemoveTagsFromCertificateOutput{}, nil
}
