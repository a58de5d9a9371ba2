package sandbox

import (
	"context"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	dns "github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// acmState is what ACM holds, by ARN.
type acmState struct{ Certificates map[string]*certificate }

type certificate struct {
	types.CertificateDetail
	Tags    map[string]string
	Token   string // of the request
	Issuing bool   // its record was seen
}

type acmService struct{ *Sandbox }

func newACM(s *Sandbox) *acmService {
	a := &acmService{s}
	s.on["certificate records"] = a.nameRecords
	s.on["certificate issued"] = a.issue
	s.on["certificate timed out"] = a.timeOut
	return a
}

var (
	acmDomain = regexp.MustCompile(`^(\*\.)?(((?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])|_)\.)+((?:[A-Za-z0-9-]{1,62}[A-Za-z0-9])|_)$`)
	acmToken  = regexp.MustCompile(`^\w{1,32}$`)
)

// RequestCertificate answers with the same certificate for the same token within an hour.
func (s *acmService) RequestCertificate(ctx context.Context, in *acm.RequestCertificateInput) (*acm.RequestCertificateOutput, error) {
	r, domain := s.region(ctx), val(in.DomainName)
	if !acmDomain.MatchString(domain) || len(domain) > 253 {
		return nil, fail("ValidationException", "1 validation error detected: Value '%s' at 'domainName' failed to satisfy constraint", domain)
	}
	if in.IdempotencyToken != nil && !acmToken.MatchString(*in.IdempotencyToken) {
		return nil, fail("ValidationException", "1 validation error detected: Value '%s' at 'idempotencyToken' failed to satisfy constraint: Member must satisfy regular expression pattern: \\w+", *in.IdempotencyToken)
	}
	names := []string{domain}
	for _, n := range in.SubjectAlternativeNames {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for arn, c := range sorted(r.ACM.Certificates) {
		if in.IdempotencyToken != nil && c.Token == *in.IdempotencyToken && s.clock.Sub(*c.CreatedAt) < time.Hour && slices.Equal(c.SubjectAlternativeNames, names) {
			return &acm.RequestCertificateOutput{CertificateArn: &arn}, nil
		}
	}
	tags, err := tagsACM(in.Tags)
	if err != nil {
		return nil, err
	}
	method := types.ValidationMethodEmail // unless it is said (API reference, RequestCertificate)
	if in.ValidationMethod != "" {
		method = in.ValidationMethod
	}
	c := &certificate{Tags: tags, Token: val(in.IdempotencyToken)}
	h := s.hex(32)
	arn := s.arn("acm", r.Name, fmt.Sprintf("certificate/%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:]))
	c.CertificateDetail = types.CertificateDetail{
		CertificateArn: &arn, DomainName: &domain, SubjectAlternativeNames: names, Subject: new("CN=" + domain), Issuer: new("Amazon"),
		CreatedAt: new(s.clock), Status: types.CertificateStatusPendingValidation, Type: types.CertificateTypeAmazonIssued,
		KeyAlgorithm: types.KeyAlgorithmRsa2048, SignatureAlgorithm: new("SHA256WITHRSA"), InUseBy: []string{}, RenewalEligibility: types.RenewalEligibilityIneligible,
		Options: &types.CertificateOptions{Export: types.CertificateExportDisabled},
	}
	if in.KeyAlgorithm != "" {
		c.KeyAlgorithm = in.KeyAlgorithm
	}
	for _, n := range names {
		c.DomainValidationOptions = append(c.DomainValidationOptions, types.DomainValidation{
			DomainName: &n, ValidationDomain: &n, ValidationMethod: method, ValidationStatus: types.DomainStatusPendingValidation,
		})
	}
	put(&r.ACM.Certificates, arn, c)
	if method == types.ValidationMethodDns {
		s.after(certRecords, "certificate records", arn)
	}
	if s.o.Speed != 0 { // where waits take no time a deadline would be over at once
		s.after(72*time.Hour, "certificate timed out", arn)
	}
	return &acm.RequestCertificateOutput{CertificateArn: &arn}, nil
}

func tagsACM(list []types.Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, t := range list {
		if k := val(t.Key); k == "" || len(k) > 128 || strings.HasPrefix(k, "aws:") || len(val(t.Value)) > 256 {
			return nil, fail("InvalidTagException", "The tag '%s' is not valid", k)
		}
		tags[*t.Key] = val(t.Value)
	}
	if len(tags) > 50 {
		return nil, fail("TooManyTagsException", "A certificate can have at most 50 tags")
	}
	return tags, nil
}

// certificateByARN finds a certificate of the region in its ARN.
func (s *Sandbox) certificateByARN(arn string) *certificate {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || s.state.Regions[parts[3]] == nil {
		return nil
	}
	return s.state.Regions[parts[3]].ACM.Certificates[arn]
}

// certificateIssued says whether a listener can have a certificate: one of its own region, and issued.
func (s *Sandbox) certificateIssued(r *Region, arn string) (exists, issued bool) {
	c := r.ACM.Certificates[arn]
	return c != nil, c != nil && c.Status == types.CertificateStatusIssued
}

// nameRecords makes the validation records known: of a name and an account they are always the same, which is how
// certificates of one name share them.
func (s *acmService) nameRecords(arn string) {
	c := s.certificateByARN(arn)
	if c == nil {
		return
	}
	for i := range c.DomainValidationOptions {
		v := &c.DomainValidationOptions[i]
		name := strings.TrimPrefix(*v.DomainName, "*.")
		h, g := fnv.New128a(), fnv.New128a()
		_, _ = fmt.Fprint(h, Account, name)
		_, _ = fmt.Fprint(g, name, Account)
		v.ResourceRecord = &types.ResourceRecord{
			Name: new(fmt.Sprintf("_%x.%s.", h.Sum(nil), name)), Type: types.RecordTypeCname,
			Value: new(fmt.Sprintf("_%x.%x.acm-validations.aws.", g.Sum(nil), h.Sum(nil)[:5])),
		}
	}
	s.validate()
}

// validate lets the certificates whose records stand in public zones be issued in a while.
func (s *Sandbox) validate() {
	for _, r := range sorted(s.state.Regions) {
		for arn, c := range sorted(r.ACM.Certificates) {
			if c.Status == types.CertificateStatusPendingValidation && !c.Issuing && s.stands(c) {
				c.Issuing = true
				s.after(certIssued, "certificate issued", arn)
			}
		}
	}
}

// stands says whether all of a certificate's records can be seen.
func (s *Sandbox) stands(c *certificate) bool {
	return !slices.ContainsFunc(c.DomainValidationOptions, func(v types.DomainValidation) bool {
		return v.ResourceRecord == nil ||
			!slices.Contains(s.state.Route53.lookup(*v.ResourceRecord.Name, dns.RRTypeCname), strings.TrimSuffix(*v.ResourceRecord.Value, "."))
	})
}

func (s *acmService) issue(arn string) {
	c := s.certificateByARN(arn)
	if c == nil || c.Status != types.CertificateStatusPendingValidation {
		return
	}
	if c.Issuing = s.stands(c); !c.Issuing {
		return
	}
	for i := range c.DomainValidationOptions {
		if v := &c.DomainValidationOptions[i]; !s.caaAllows(*v.DomainName) {
			c.Status, c.FailureReason, v.ValidationStatus = types.CertificateStatusFailed, types.FailureReasonCaaError, types.DomainStatusFailed
			return
		}
	}
	for i := range c.DomainValidationOptions {
		c.DomainValidationOptions[i].ValidationStatus = types.DomainStatusSuccess
	}
	c.Status, c.IssuedAt, c.NotBefore, c.NotAfter = types.CertificateStatusIssued, new(s.clock), new(s.clock), new(s.clock.AddDate(0, 13, 0))
	c.Serial, c.Issuer = new(strings.TrimSuffix(strings.Repeat("0a:", 16), ":")), new("Amazon")
	c.RenewalEligibility = types.RenewalEligibilityEligible
}

// caaAllows says whether the nearest CAA record, if any, lets Amazon issue for a name (RFC 8659; ACM user guide,
// "Configure a CAA record").
func (s *Sandbox) caaAllows(name string) bool {
	for name = strings.TrimPrefix(name, "*."); name != ""; _, name, _ = strings.Cut(name, ".") {
		records := s.state.Route53.lookup(name, dns.RRTypeCaa)
		if records == nil {
			continue
		}
		issuers := 0
		for _, r := range records {
			if f := strings.Fields(r); len(f) == 3 && strings.HasPrefix(f[1], "issue") {
				if issuers++; slices.Contains([]string{"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"}, strings.Trim(f[2], `"`)) {
					return true
				}
			}
		}
		return issuers == 0
	}
	return true
}

func (s *acmService) timeOut(arn string) {
	if c := s.certificateByARN(arn); c != nil && c.Status == types.CertificateStatusPendingValidation {
		c.Status = types.CertificateStatusValidationTimedOut
	}
}
