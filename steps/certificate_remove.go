package steps

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	dns "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// removeAll deletes certificates, each after its record: the record's name is known only as long as the certificate is.
// A record that another certificate of the name needs stays, be it yet to be made for the domain that is kept.
func (s *Certificate) removeAll(certificates []*siteCertificate, kept string) (plan []deploy.Change) {
	st, seen := s.seen(), map[string]bool{}
	for _, c := range certificates {
		if records := s.provers(c); len(records) > 0 && !seen[c.domain] && c.domain != kept && !st.sharedName(c.domain, certificates) {
			seen[c.domain] = true
			plan = append(plan, deploy.Change{Op: deploy.Delete, What: "validation record of " + c.domain, Do: func(ctx context.Context) error {
				return s.dropRecords(ctx, st.places[c.domain].zone, records)
			}})
		}
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: "certificate " + c.domain, Do: func(ctx context.Context) error {
			return s.delete(ctx, c)
		}})
	}
	return plan
}

// provers are a certificate's records in our zone.
func (s *Certificate) provers(c *siteCertificate) (records []dns.ResourceRecordSet) {
	v, p := c.validation(), s.seen().places[c.domain]
	if v == nil || p == nil {
		return nil
	}
	for _, r := range p.validation {
		if proves(r, v) {
			records = append(records, r)
		}
	}
	return records
}

// delete waits while ACM still counts a listener that is gone, up to some minutes.
func (s *Certificate) delete(ctx context.Context, c *siteCertificate) error {
	return deploy.Until(ctx, func(ctx context.Context) (string, error) {
		_, err := s.AWS.ACM.DeleteCertificate(ctx, &acm.DeleteCertificateInput{CertificateArn: c.CertificateArn})
		if aws.Is(err, "ResourceInUseException") {
			return "a listener still uses the certificate of " + c.domain, nil
		}
		return "", aws.Ignore(err, "ResourceNotFoundException")
	})
}
