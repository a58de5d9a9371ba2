package steps

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	dns "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// Certificate is the TLS certificate: the manifest's own, or one of ACM's for the domain, which a record in DNS proves to
// be ours. Where Route 53 has the zone the record is written and the certificate awaited; elsewhere the record is
// shown, and HTTPS follows with a later up.
type Certificate struct {
	*App

	ARN    deploy.Out[string]
	Domain deploy.Out[string]
	ZoneID deploy.Out[string] // of the domain; none where no zone of this account owns it

	live  *siteCertificate   // the one for the domain
	old   []*siteCertificate // for another domain, or useless
	place *dnsDomain
	began time.Time // of the wait
}

func (s *Certificate) Name() string { return "certificate" }

// Wanted says whether HTTPS is: once there is a certificate, only destroy and `ssl_certificate: false` end it.
func (s *Certificate) Wanted() bool { return s.wantsTLS() }

// Read finds our certificates and the domain.
func (s *Certificate) Read(ctx context.Context) error {
	st, err := s.site(ctx)
	if err != nil {
		return err
	}
	s.Domain.SetNone()
	s.ZoneID.SetNone()
	if st.domain != "" {
		s.Domain.Set(st.domain)
		s.place = st.places[st.domain]
		if s.place.zone != "" {
			s.ZoneID.Set(s.place.zone)
		}
	}
	given := s.Manifest.ALB.CertificateARN
	s.choose(st, given == "")
	switch {
	case !s.Wanted():
		s.ARN.SetNone()
	case given != "":
		s.ARN.Set(given)
	case s.live != nil:
		s.ARN.Set(*s.live.CertificateArn)
	}
	return nil
}

// choose takes the best certificate for the domain: an issued one before one that is pending, then the oldest. All others
// of ours are old.
func (s *Certificate) choose(st *site, wanted bool) {
	rank := func(c *siteCertificate) int {
		if c.Status == types.CertificateStatusIssued {
			return 0
		}
		return 1
	}
	all := slices.Clone(st.certificates)
	slices.SortStableFunc(all, func(a, b *siteCertificate) int { return rank(a) - rank(b) })
	for _, c := range all {
		useful := c.Status == types.CertificateStatusIssued || c.Status == types.CertificateStatusPendingValidation
		if wanted && s.live == nil && useful && c.domain == st.domain {
			s.live = c
		} else {
			s.old = append(s.old, c)
		}
	}
}

// Check refuses a certificate that a listener would, a domain that nobody gave, and records of others.
func (s *Certificate) Check() error {
	want := s.Manifest.ALB
	if arn := want.CertificateARN; arn != "" {
		return s.checkGiven(arn)
	}
	if _, known := s.Domain.Known(); !known {
		if d := s.Manifest.TLSWithoutDomain(); d != nil {
			return d
		}
		return nil
	}
	if v := s.foreign(); v != nil && !s.Options.TakeDNS {
		return fmt.Errorf("%s has a record that is not fargatectl's: %s; ACM needs its own there: delete it, or replace it with --take-dns", bareName(*v.Name), recordText(*v))
	}
	return nil
}

func (s *Certificate) checkGiven(arn string) error {
	given := s.seen().given
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[3] != s.Region {
		return fmt.Errorf("certificate %s is in region %s, and a load balancer in %s needs one of its own region", arn, parts[3], s.Region)
	}
	switch {
	case given == nil:
		return fmt.Errorf("certificate %s does not exist: correct `certificate_arn:`", arn)
	case given.Status != types.CertificateStatusIssued:
		return fmt.Errorf("certificate %s is %s, and a load balancer needs one that is ISSUED", arn, given.Status)
	}
	return nil
}

// foreign is the record of somebody else at the name of our validation record.
func (s *Certificate) foreign() *dns.ResourceRecordSet {
	if s.live == nil || s.live.validation() == nil {
		return nil
	}
	for _, r := range s.place.validation {
		if !proves(r, s.live.validation()) {
			return &r
		}
	}
	return nil
}

// proves says whether a record set is a validation record.
func proves(r dns.ResourceRecordSet, v *types.ResourceRecord) bool {
	return r.Type == dns.RRTypeCname && len(r.ResourceRecords) == 1 && bareName(val(r.ResourceRecords[0].Value)) == bareName(val(v.Value))
}

// Waiting says that the certificate is not issued and that it isn't in our hands when it will be: the zone is elsewhere.
func (s *Certificate) Waiting() bool {
	return s.Wanted() && s.Manifest.ALB.CertificateARN == "" && s.ZoneID.None() && (s.live == nil || s.live.Status != types.CertificateStatusIssued)
}

// Plan asks for the certificate and writes its record. What is replaced goes once the listener has the new one.
func (s *Certificate) Plan() (plan []deploy.Change) {
	domain, known := s.Domain.Known()
	if s.Manifest.ALB.CertificateARN == "" && known {
		if s.live == nil {
			plan = append(plan, deploy.Change{Op: deploy.Create, What: "certificate " + domain, Do: s.request})
		} else {
			plan = append(plan, retag("certificate "+domain, s.live.tags, s.wantedTags(), s.retag)...)
		}
		if _, here := s.ZoneID.Known(); here && !s.proved() {
			c := deploy.Change{Op: deploy.Create, What: "validation record of " + domain, Do: s.prove}
			if v := s.foreign(); v != nil {
				c.Op, c.Diff = deploy.Update, deploy.Diff(deploy.F("record", recordText(*v), "CNAME "+*s.live.validation().Value))
			}
			plan = append(plan, c)
		}
	}
	if s.Waiting() { // the old one serves
		return plan
	}
	kept := ""
	if s.Manifest.ALB.CertificateARN == "" {
		kept = domain
	}
	for _, c := range s.removeAll(s.old, kept) {
		c.After = true
		plan = append(plan, c)
	}
	return plan
}

func (s *Certificate) wantedTags() map[string]string {
	tags := s.tags("certificate")
	tags[tagDomain] = s.Domain.Get()
	return tags
}

func (s *Certificate) retag(ctx context.Context, tags map[string]string) error {
	_, err := s.AWS.ACM.AddTagsToCertificate(ctx, &acm.AddTagsToCertificateInput{CertificateArn: s.live.CertificateArn, Tags: aws.Convert(tags, acmTag)})
	return err
}

func acmTag(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }

// proved says whether the validation record stands. It stays as long as the certificate, which ACM renews by it.
func (s *Certificate) proved() bool {
	return s.live != nil && s.live.validation() != nil && s.foreign() == nil && len(s.place.validation) > 0
}

// request asks for the certificate and waits, some seconds, for the record that ACM wants to see.
func (s *Certificate) request(ctx context.Context) error {
	domain := s.Domain.Get()
	out, err := s.AWS.ACM.RequestCertificate(ctx, &acm.RequestCertificateInput{
		DomainName: &domain, ValidationMethod: types.ValidationMethodDns, IdempotencyToken: new(s.token()), Tags: aws.Convert(s.wantedTags(), acmTag),
	})
	if err != nil {
		return err
	}
	s.live = &siteCertificate{domain: domain, tags: s.wantedTags()}
	s.live.CertificateArn = out.CertificateArn
	s.ARN.Set(*out.CertificateArn)
	if err := deploy.Until(ctx, s.describe); err != nil {
		return err
	}
	if s.Waiting() {
		deploy.Say(ctx, "set at your DNS provider: %s", s.wish())
	}
	return nil
}

// describe looks at the certificate until ACM has made its record.
func (s *Certificate) describe(ctx context.Context) (missing string, err error) {
	out, err := s.AWS.ACM.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: s.live.CertificateArn})
	if err != nil && !aws.Is(err, "ResourceNotFoundException") { // it was made a moment ago
		return "", err
	}
	if err == nil {
		s.live.CertificateDetail = *out.Certificate
	}
	if s.live.validation() == nil && s.live.Status != types.CertificateStatusFailed {
		return "ACM makes the validation record", nil
	}
	return "", nil
}

// token makes a repeated request the same certificate, unless it was to replace one that has come to nothing.
func (s *Certificate) token() string {
	parts := []string{s.Manifest.Stack(), s.Region, s.Domain.Get()}
	for _, c := range s.old {
		parts = append(parts, *c.CertificateArn)
	}
	slices.Sort(parts[3:])
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(parts, "\n"))))[:32]
}

// prove writes the record: UPSERT, since certificates of one name share it.
func (s *Certificate) prove(ctx context.Context) error {
	v := s.live.validation()
	if v == nil {
		return errors.New("ACM has made no validation record")
	}
	var changes []dns.Change
	for _, r := range s.place.validation { // those that --take-dns gives up
		if r.Type != dns.RRTypeCname {
			changes = append(changes, dns.Change{Action: dns.ChangeActionDelete, ResourceRecordSet: &r})
		}
	}
	record := dns.ResourceRecordSet{Name: v.Name, Type: dns.RRTypeCname, TTL: new(int64(300)), ResourceRecords: []dns.ResourceRecord{{Value: v.Value}}}
	changes = append(changes, dns.Change{Action: dns.ChangeActionUpsert, ResourceRecordSet: &record})
	err := s.changeRecords(ctx, s.ZoneID.Get(), changes...)
	if err == nil {
		s.place.validation = []dns.ResourceRecordSet{record}
	}
	return err
}

// Ready asks ACM whether the certificate is issued. Where the zone is elsewhere nobody waits for it.
func (s *Certificate) Ready(ctx context.Context) (string, error) {
	if s.Manifest.ALB.CertificateARN != "" || s.live == nil || s.ZoneID.None() || s.live.Status == types.CertificateStatusIssued {
		return "", nil
	}
	if s.began.IsZero() {
		s.began = time.Now()
	}
	out, err := s.AWS.ACM.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: s.live.CertificateArn})
	if err != nil {
		return "", err
	}
	domain := s.Domain.Get()
	switch c := out.Certificate; c.Status {
	case types.CertificateStatusIssued:
		s.live.Status = c.Status // for the notes; Waiting looks at it only where nobody waits
		return "", nil
	case types.CertificateStatusPendingValidation:
		if time.Since(s.began) > s.pause(3*time.Minute) {
			return fmt.Sprintf("ACM does not see the validation record of %s yet: do its name servers belong to hosted zone %s?", domain, s.ZoneID.Get()), nil
		}
		return "ACM validates " + domain, nil
	default:
		return "", fmt.Errorf("ACM refused the certificate for %s: %s%s", domain, strings.TrimSpace(string(c.Status)+" "+string(c.FailureReason)), failureHint(c.FailureReason))
	}
}

// failureHint says what to do about a reason.
func failureHint(reason types.FailureReason) string {
	switch reason {
	case types.FailureReasonCaaError:
		return "; a CAA record of the domain or above names other authorities only: add `0 issue \"amazon.com\"`, then run up again"
	case types.FailureReasonAdditionalVerificationRequired, types.FailureReasonDomainNotAllowed:
		return "; AWS Support must allow this domain"
	}
	return "; run up again for a new one"
}

// wish is the record that is to be set elsewhere.
func (s *Certificate) wish() string {
	v := s.live.validation()
	return fmt.Sprintf("%s CNAME %s", val(v.Name), val(v.Value))
}

// Notes says what is awaited, and from whom.
func (s *Certificate) Notes() (notes []string) {
	switch {
	case s.Waiting() && s.live != nil && s.live.validation() != nil:
		return []string{fmt.Sprintf("waiting for the certificate of %s: no hosted zone of this account owns the name, so set at your DNS provider %s, and run up again once it is issued", s.live.domain, s.wish())}
	case s.Waiting() && s.Domain.String() != "none":
		return []string{fmt.Sprintf("no hosted zone of this account owns %s: up will show the records to set at your DNS provider, and serve HTTP until a later up finds the certificate issued", s.Domain)}
	case s.live != nil && s.live.Status == types.CertificateStatusPendingValidation:
		return []string{fmt.Sprintf("waiting for ACM to issue the certificate of %s", s.live.domain)}
	}
	return nil
}

// Remove deletes all our certificates with their records.
func (s *Certificate) Remove() []deploy.Change {
	all := s.old
	if s.live != nil {
		all = append([]*siteCertificate{s.live}, all...)
	}
	return s.removeAll(all, "")
}

var (
	_ deploy.Slow    = (*Certificate)(nil)
	_ deploy.Checker = (*Certificate)(nil)
	_ deploy.Noter   = (*Certificate)(nil)
)
