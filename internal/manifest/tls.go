package manifest

import "fmt"

// TLSWithoutDomain is the mistake of an HTTPS that neither a domain nor a certificate is given for, nil without it.
// Load doesn't report it, since the certificate that is live may keep the domain in its tag; who has looked does.
func (m *Manifest) TLSWithoutDomain() *Diagnostic {
	if !m.ALB.SSLCertificate || m.ALB.Domain != "" || m.ALB.CertificateARN != "" {
		return nil
	}
	return m.Diagnostic("ssl_certificate is true, but there is no domain for a certificate",
		fmt.Sprintf("give the domain (`domain: api.example.com` in the config of %s, or --domain), or a certificate of ACM (`certificate_arn:`); or `ssl_certificate: false` for HTTP alone", wordALB),
		wordALB, "config", "ssl_certificate")
}
