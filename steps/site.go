package steps

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"

	"github.com/fargatectl/fargatectl/aws"
)

// tagDomain keeps the domain in the certificate's tags, so that only `plan` and `up` ever ask for it.
const tagDomain = "fargatectl:domain"

// A site is under what name the API is found: our certificates, and what DNS has of their names. It is read once, for
// the steps certificate, https and dns.
type site struct {
	domain       string // the manifest's, else that of the certificate's tag; "" without
	given        *types.CertificateDetail
	certificates []*siteCertificate
	all          []types.CertificateSummary // of everybody
	places       map[string]*dnsDomain      // by domain: the wanted one, and those of our certificates
}

// A siteCertificate is one of ours.
type siteCertificate struct {
	types.CertificateDetail
	domain string
	tags   map[string]string
}

// validation is the record that proves the domain, nil until ACM has made it.
func (c *siteCertificate) validation() *types.ResourceRecord {
	for _, v := range c.DomainValidationOptions {
		if v.ResourceRecord != nil {
			return v.ResourceRecord
		}
	}
	return nil
}

// site reads it: at most three rounds, and two where the manifest has the domain.
func (a *App) site(ctx context.Context) (*site, error) {
	return a.liveSite.get(func() (*site, error) {
		st := &site{domain: a.Manifest.ALB.Domain, places: map[string]*dnsDomain{}}
		var ours []string
		var used string
		var blind error
		wanted := &dnsDomain{domain: st.domain}
		err := together(
			func() (err error) { st.all, err = a.listCertificates(ctx); return err },
			func() error { ours, blind = a.find(ctx, "certificate"); return nil },
			func() (err error) { used, err = a.usedCertificate(ctx); return err },
			func() (err error) { st.given, err = a.givenCertificate(ctx); return err },
			func() error { return a.locate(ctx, wanted) },
		)
		if err != nil {
			return nil, err
		}
		var candidates []string
		for _, c := range st.all {
			arn := val(c.CertificateArn)
			// The tagging API lags behind, and may not be served: then all that is young, or all, is looked at.
			young := c.CreatedAt == nil || time.Since(*c.CreatedAt) < 24*time.Hour
			if blind != nil || young || arn == used || slices.Contains(ours, arn) || val(c.DomainName) == st.domain {
				candidates = append(candidates, arn)
			}
		}
		if st.certificates, err = a.ownCertificates(ctx, candidates); err != nil {
			return nil, err
		}
		if st.domain == "" && !a.Manifest.ALB.HTTPOnly && a.Manifest.ALB.CertificateARN == "" {
			st.domain = st.tagged(used)
		}
		if wanted.domain != "" {
			st.places[wanted.domain] = wanted
		}
		return st, a.visit(ctx, st)
	})
}

// tagged is the domain of our certificates: that of the one in use, else of the youngest.
func (st *site) tagged(used string) (domain string) {
	youngest := time.Time{}
	for _, c := range st.certificates {
		if *c.CertificateArn == used {
			return c.domain
		}
		if at := val(c.CreatedAt); domain == "" || at.After(youngest) {
			domain, youngest = c.domain, at
		}
	}
	return domain
}

// seen is the site as far as it was read.
func (a *App) seen() *site {
	if a.liveSite.v == nil {
		return &site{domain: a.Manifest.ALB.Domain}
	}
	return a.liveSite.v
}

// wantsTLS says whether HTTPS is wanted: the manifest says so, or there is a certificate for it from an earlier run.
func (a *App) wantsTLS() bool {
	want := a.Manifest.ALB
	return want.SSLCertificate || !want.HTTPOnly && len(a.seen().certificates) > 0
}

// listCertificates lists those of all key types: by default ACM leaves out all but RSA up to 2048 bits.
func (a *App) listCertificates(ctx context.Context) (all []types.CertificateSummary, err error) {
	in := &acm.ListCertificatesInput{Includes: &types.Filters{KeyTypes: types.KeyAlgorithm("").Values()}, MaxItems: new(int32(1000))}
	for {
		page, err := a.AWS.ACM.ListCertificates(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.CertificateSummaryList...)
		if in.NextToken = page.NextToken; val(in.NextToken) == "" {
			return all, nil
		}
	}
}

// usedCertificate is the certificate of the HTTPS listener.
func (a *App) usedCertificate(ctx context.Context) (string, error) {
	listeners, err := a.listeners(ctx)
	return certificateOf(listeners[443]), err
}

func certificateOf(l elb.Listener) string {
	if c := first(l.Certificates); c != nil {
		return val(c.CertificateArn)
	}
	return ""
}

// givenCertificate is the manifest's own, nil where it has none or ACM does not know it.
func (a *App) givenCertificate(ctx context.Context) (*types.CertificateDetail, error) {
	if a.Manifest.ALB.CertificateARN == "" {
		return nil, nil
	}
	out, err := a.AWS.ACM.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: &a.Manifest.ALB.CertificateARN})
	if err != nil {
		return nil, aws.Ignore(err, "ResourceNotFoundException")
	}
	return out.Certificate, nil
}

// ownCertificates are those of the candidates that have our tags. Certificates of others for the same name are no
// mistake: they have no name of their own that ours could collide with.
func (a *App) ownCertificates(ctx context.Context, candidates []string) (ours []*siteCertificate, err error) {
	found := make([]*siteCertificate, len(candidates))
	var g errgroup.Group
	g.SetLimit(10)
	for i, arn := range candidates {
		g.Go(func() error {
			c := &siteCertificate{}
			err := together(func() error {
				out, err := a.AWS.ACM.ListTagsForCertificate(ctx, &acm.ListTagsForCertificateInput{CertificateArn: &arn})
				if err == nil {
					c.tags = aws.TagMap(out.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
				}
				return err
			}, func() error {
				out, err := a.AWS.ACM.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: &arn})
				if err == nil {
					c.CertificateDetail = *out.Certificate
				}
				return err
			})
			if err == nil && a.owner().Owns(c.tags) {
				if c.domain = c.tags[tagDomain]; c.domain == "" {
					c.domain = val(c.DomainName)
				}
				found[i] = c
			}
			return aws.Ignore(err, "ResourceNotFoundException") // it went in between
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(c *siteCertificate) bool { return c == nil }), nil
}

// visit looks into DNS for the names of the site that were not known before, and for the validation records.
func (a *App) visit(ctx context.Context, st *site) error {
	domains := []string{st.domain}
	for _, c := range st.certificates {
		domains = append(domains, c.domain)
	}
	slices.Sort(domains)
	var reads []func() error
	for _, domain := range slices.Compact(domains) {
		if domain == "" {
			continue
		}
		p, known := st.places[domain]
		if !known {
			p = &dnsDomain{domain: domain}
			st.places[domain] = p
		}
		reads = append(reads, func() error {
			if !known {
				if err := a.locate(ctx, p); err != nil {
					return err
				}
			}
			return a.visitValidation(ctx, st, p)
		})
	}
	return together(reads...)
}

// visitValidation looks for the record that validates the certificates of a domain.
func (a *App) visitValidation(ctx context.Context, st *site, p *dnsDomain) (err error) {
	for _, c := range st.certificates {
		if v := c.validation(); v != nil && c.domain == p.domain && p.zone != "" && p.validation == nil && err == nil {
			p.validation, err = a.recordsAt(ctx, p.zone, *v.Name)
		}
	}
	return err
}

// sharedName says whether a certificate of somebody else stands for a domain, too: it needs the same validation record.
func (st *site) sharedName(domain string, ours []*siteCertificate) bool {
	return slices.ContainsFunc(st.all, func(c types.CertificateSummary) bool {
		if slices.ContainsFunc(ours, func(o *siteCertificate) bool { return *o.CertificateArn == val(c.CertificateArn) }) {
			return false
		}
		names := append([]string{val(c.DomainName)}, c.SubjectAlternativeNameSummaries...)
		return slices.ContainsFunc(names, func(n string) bool { return strings.TrimPrefix(n, "*.") == domain })
	})
}
