package steps

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

func (w *world) dns() *route53.Client { return route53.NewFromConfig(w.Config("us-east-1")) }

// zone makes a hosted zone and returns its id.
func (w *world) zone(name string) string {
	w.t.Helper()
	out, err := w.dns().CreateHostedZone(w.t.Context(), &route53.CreateHostedZoneInput{Name: &name, CallerReference: new(time.Now().String())})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.HostedZone.Id
}

// record writes a record of one value, as somebody else would.
func (w *world) record(zone, name string, kind types.RRType, value string) {
	w.t.Helper()
	_, err := w.dns().ChangeResourceRecordSets(w.t.Context(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: &zone, ChangeBatch: &types.ChangeBatch{
		Changes: []types.Change{{Action: "UPSERT", ResourceRecordSet: &types.ResourceRecordSet{Name: &name, Type: kind, TTL: new(int64(60)), ResourceRecords: []types.ResourceRecord{{Value: &value}}}}},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// names looks behind the steps: every certificate and every record of the account but those of the zones themselves. The
// hash of a validation record is left out.
func (w *world) names() string {
	w.t.Helper()
	var lines []string
	err := w.Do(func(st *sandbox.State) {
		for _, r := range st.Regions {
			for _, c := range r.ACM.Certificates {
				lines = append(lines, fmt.Sprintf("%s %s", *c.DomainName, c.Status))
			}
		}
		slices.Sort(lines)
		for _, z := range st.Route53.Zones {
			for _, r := range z.Records {
				if r.Type == types.RRTypeNs || r.Type == types.RRTypeSoa {
					continue
				}
				name := *r.Name
				if strings.HasPrefix(name, "_") {
					_, rest, _ := strings.Cut(name, ".")
					name = "_." + rest
				}
				how := string(r.Type)
				if r.AliasTarget != nil {
					how += " alias"
				}
				lines = append(lines, name+" "+how)
			}
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

const (
	withDomain = "domain: api.example.com"
	httpsEdge  = `
:443 listener/443 forward to app-tg ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09
:80 listener/80 redirect to https:443
app-alb internet-facing alb idle 60, drop true, protected false
app-tg target-group ip HTTP traffic-port:8080/health every 30 within 5, 2/10, 200, drains 30
`
	apiNames = "api.example.com ISSUED\napi.example.com. A alias\n_.api.example.com. CNAME\n"
)

// With the zone in the account one up leads to HTTPS; afterwards nobody needs to say the domain again.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.zone("com")
		w.zone("example.com")
		w.zone("example.org")
		same(t, changes(w.plan(albWith(withDomain))), `
+ certificate: certificate api.example.com
+ certificate: validation record of api.example.com
+ alb: load balancer app-alb
+ alb: target group app-tg
+ alb: listener :80
+ https: listener :443
~ https: listener :80
    action: forward to app-tg -> redirect to https:443
+ dns: record api.example.com A
`)
		w.settled(albWith(withDomain))
		same(t, w.edge(), httpsEdge)
		same(t, w.names(), apiNames)
		w.settled(albWith("")) // the certificate's tag keeps the domain
		w.settled(albWith("ssl_certificate: true"))
		same(t, w.edge(), httpsEdge)
		if got, want := w.plan(albWith("ssl_certificate: false")), "error: alb: HTTPS is in use"; !strings.HasPrefix(got, want) {
			t.Error(got)
		}
		before := len(w.Calls())
		w.plan(albWith(withDomain))
		calls := map[string]int{}
		for _, c := range w.Calls()[before:] {
			calls[c.Service]++
		}
		if calls["acm"]+calls["route53"] > 8 || calls["elasticloadbalancing"] > 6 {
			t.Errorf("a plan made %v calls", calls)
		}
		w.destroy(albWith(""))
		same(t, w.edge()+w.names(), "\n")
	})
}

// HTTPS ends only by hand: then port 80 serves again, and nothing of it is left.
func TestHTTPSEnds(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.zone("example.com")
		w.settled(albWith(withDomain))
		if err := w.Do(func(st *sandbox.State) {
			listeners := st.Regions["us-east-1"].ELB.Listeners
			for arn, l := range listeners {
				if *l.Port == 443 {
					delete(listeners, arn)
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		same(t, changes(w.plan(albWith(""))), "+ https: listener :443\n")
		w.settled(albWith("ssl_certificate: false"))
		same(t, w.edge(), defaultEdge)
		same(t, w.names(), "")
	})
}

// Elsewhere is the zone: up ends at once, on HTTP, and says which records to set; a later one goes on.
func TestHTTPSElsewhere(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.settled(albWith(withDomain))
		same(t, w.edge(), defaultEdge)
		plan := w.plan(albWith(withDomain))
		for _, want := range []string{
			"waiting for the certificate of api.example.com: no hosted zone of this account owns the name, so set at your DNS provider _", ".acm-validations.aws., and run up again",
			"HTTP only, until the certificate is issued", "api.example.com CNAME app-alb-",
		} {
			if !strings.Contains(plan, want) {
				t.Errorf("%q is not in\n%s", want, plan)
			}
		}
		if err := w.Do(func(st *sandbox.State) { // as if the records had been set
			for _, c := range st.Regions["us-east-1"].ACM.Certificates {
				c.Status = acmtypes.CertificateStatusIssued
			}
		}); err != nil {
			t.Fatal(err)
		}
		w.settled(albWith(""))
		same(t, w.edge(), httpsEdge)
		w.destroy(albWith(""))
		same(t, w.edge()+w.names(), "\n")
	})
}

// Another domain: the new certificate first, then the listener, and only then the old one goes with its records.
func TestDomainChanges(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.zone("example.com")
		w.settled(albWith(withDomain))
		m := albWith("domain: www.example.com")
		plan := changes(w.plan(m))
		for _, want := range []string{
			"+ certificate: certificate www.example.com\n+ certificate: validation record of www.example.com\n",
			"- certificate: validation record of api.example.com, once the new release serves\n- certificate: certificate api.example.com, once the new release serves\n",
			"~ https: listener :443\n    certificate: arn:aws:acm:", " -> (known after apply)\n",
			"+ dns: record www.example.com A\n- dns: record api.example.com A, once the new release serves\n",
		} {
			if !strings.Contains(plan, want) {
				t.Errorf("%q is not in\n%s", want, plan)
			}
		}
		w.settled(m)
		same(t, w.edge(), httpsEdge)
		same(t, w.names(), strings.ReplaceAll(apiNames, "api", "www"))
	})
}

// Another domain came to nothing: without it the plan is to go on with the one in use.
func TestDomainStays(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.zone("example.com")
		w.settled(albWith(withDomain))
		w.Inject(sandbox.Fault{Service: "route53", Op: "ChangeResourceRecordSets", Code: "AccessDenied"})
		if r := w.up(albWith("domain: www.example.com")); r.err == nil {
			t.Error("the fault was not met")
		}
		w.Heal()
		same(t, changes(w.plan(albWith(""))), "- certificate: certificate www.example.com, once the new release serves\n")
		w.settled(albWith(""))
		same(t, w.names(), apiNames)
	})
}

// The zone of the new domain is elsewhere: the old name serves until the new certificate is issued.
func TestDomainLeaves(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.zone("example.com")
		w.settled(albWith(withDomain))
		w.settled(albWith("domain: api.example.org"))
		same(t, w.edge(), httpsEdge)
		same(t, w.names(), strings.Replace(apiNames, "\n", "\napi.example.org PENDING_VALIDATION\n", 1))
	})
}

func TestCertificateGiven(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		zone := w.zone("example.com")
		c := acm.NewFromConfig(w.Config("us-east-1"))
		made, err := c.RequestCertificate(t.Context(), &acm.RequestCertificateInput{
			DomainName: new("api.example.com"), ValidationMethod: "DNS",
			KeyAlgorithm: acmtypes.KeyAlgorithmEcPrime256v1,
		}) // which ACM does not list unless it is asked to
		if err != nil {
			t.Fatal(err)
		}
		given := "certificate_arn: '" + *made.CertificateArn + "', " + withDomain
		if got, want := w.plan(albWith(given)), "is PENDING_VALIDATION, and a load balancer needs one that is ISSUED"; !strings.Contains(got, want) {
			t.Error(got)
		}
		if got, want := w.plan(albWith(strings.Replace(given, "us-east-1", "eu-west-1", 1))), "is in region eu-west-1, and a load balancer in us-east-1 needs one of its own region"; !strings.Contains(got, want) {
			t.Error(got)
		}
		time.Sleep(time.Minute)
		d, err := c.DescribeCertificate(t.Context(), &acm.DescribeCertificateInput{CertificateArn: made.CertificateArn})
		if err != nil {
			t.Fatal(err)
		}
		r := d.Certificate.DomainValidationOptions[0].ResourceRecord
		w.record(zone, *r.Name, "CNAME", *r.Value)
		time.Sleep(3 * time.Minute)
		w.settled(albWith(withDomain)) // with a certificate of our own first, which shares the record
		same(t, changes(w.plan(albWith(given))), `
- certificate: certificate api.example.com, once the new release serves
~ https: listener :443
    certificate: `+w.ourCertificate(*made.CertificateArn)+" -> "+*made.CertificateArn+"\n")
		w.settled(albWith(given))
		same(t, w.edge(), httpsEdge)
		w.destroy(albWith(given))
		same(t, w.edge()+w.names(), "\napi.example.com ISSUED\n_.api.example.com. CNAME\n")
	})
}

// ourCertificate is the ARN of the certificate that is not the other.
func (w *world) ourCertificate(other string) (arn string) {
	if err := w.Do(func(st *sandbox.State) {
		for a := range st.Regions["us-east-1"].ACM.Certificates {
			if a != other {
				arn = a
			}
		}
	}); err != nil {
		w.t.Error(err)
	}
	return arn
}

// Records of others are refused, and taken over only when that is said, once the release serves.
func TestForeignRecord(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		zone := w.zone("example.com")
		w.record(zone, "api.example.com", "CNAME", "elsewhere.example.org")
		w.record(zone, "example.com", "MX", "10 mail.example.org")
		same(t, w.plan(albWith(withDomain)), "error: dns: api.example.com has a record that is not fargatectl's: CNAME elsewhere.example.org; choose another domain, delete it, or replace it with --take-dns")
		if r := w.up(albWith(withDomain)); r.err == nil || len(r.changing()) > 0 {
			t.Error(r.err, r.changing())
		}
		w.opts.TakeDNS = true
		if got, want := changes(w.plan(albWith(withDomain))), "± dns: record api.example.com A, once the new release serves\n    record: CNAME elsewhere.example.org -> A alias (known after apply)\n"; !strings.HasSuffix(got, want) {
			t.Error(got)
		}
		w.opts.TakeDNS = true
		if r := w.up(albWith(withDomain)); r.err != nil {
			t.Fatal(r.err)
		}
		w.opts.TakeDNS = false
		w.settled(albWith(withDomain))
		w.destroy(albWith(withDomain))
		same(t, w.names(), "example.com. MX\n")
	})
}

// A certificate that ACM refuses is one error with the way out; the next up asks for a new one.
func TestCertificateRefused(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		zone := w.zone("example.com")
		w.record(zone, "example.com", "CAA", `0 issue "letsencrypt.org"`)
		r := w.up(albWith(withDomain))
		if want := "certificate: wait until ready: ACM refused the certificate for api.example.com: FAILED CAA_ERROR; a CAA record"; r.err == nil || !strings.HasPrefix(r.err.Error(), want) || strings.Contains(r.err.Error(), "\n") {
			t.Error(r.err)
		}
		w.record(zone, "example.com", "CAA", `0 issue "amazon.com"`)
		w.settled(albWith(withDomain))
		same(t, w.edge(), httpsEdge)
		same(t, w.names(), strings.Replace(apiNames, "api.example.com. A", "example.com. CAA\napi.example.com. A", 1))
	})
}

func TestTLSWithoutDomain(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		if got, want := w.plan(albWith("ssl_certificate: true")), "error: certificate: fargatectl.yaml:3:"; !strings.HasPrefix(got, want) || !strings.Contains(got, "--domain") {
			t.Error(got)
		}
	})
}

// Where a region has not the newest policy, an older one stands in, and that is no difference.
func TestPolicyStandsIn(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.zone("example.com")
		w.Inject(sandbox.Fault{Service: "elasticloadbalancing", Op: "DescribeSSLPolicies", Code: "SSLPolicyNotFound", Message: "none"})
		f := sandbox.Fault{Service: "elasticloadbalancing", Op: "CreateListener", Nth: 2, Code: "SSLPolicyNotFound", Message: "none"} // 1 is port 80
		w.Inject(f)
		if r := w.up(albWith(withDomain)); r.err != nil {
			t.Fatal(r.err)
		}
		older := strings.ReplaceAll(httpsEdge, "Res-PQ-2025-09", "Res-2021-06")
		same(t, w.edge(), older)
		if p := w.plan(albWith(withDomain)); changes(p) != "" || !strings.Contains(p, "stands in") {
			t.Error(p)
		}
		w.Heal()
		same(t, changes(w.plan(albWith(withDomain))), `
~ https: listener :443
    tls policy: ELBSecurityPolicy-TLS13-1-2-Res-2021-06 -> ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09
`)
		w.settled(albWith(withDomain + ", ssl_policy: ELBSecurityPolicy-TLS13-1-3-2021-06"))
		same(t, w.edge(), strings.ReplaceAll(httpsEdge, "1-2-Res-PQ-2025-09", "1-3-2021-06"))
	})
}

// The manifest tells zones of one name apart, and may name one that is not the nearest.
func TestHostedZone(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.zone("example.com")
		id := strings.TrimPrefix(w.zone("example.com"), "/hostedzone/")
		w.zone("api.example.com")
		if _, err := w.dns().CreateHostedZone(t.Context(), &route53.CreateHostedZoneInput{
			Name: new("www.example.com"), CallerReference: new("private"),
			VPC: &types.VPC{VPCId: new("vpc-0123456789abcdef0"), VPCRegion: "us-east-1"},
		}); err != nil {
			t.Fatal(err) // the world does not see it
		}
		if got, want := w.plan(albWith("domain: www.example.com")), "there is more than one public hosted zone example.com: Z"; !strings.Contains(got, want) {
			t.Error(got)
		}
		if got, want := w.plan(albWith("domain: www.old.example.com, hosted_zone: old.example.com")), "there is no public hosted zone old.example.com in this account: correct `hosted_zone:`"; !strings.Contains(got, want) {
			t.Error(got)
		}
		if got, want := w.plan(albWith("domain: www.example.com, hosted_zone: Z0NONE")), "hosted zone Z0NONE is not in this account: correct `hosted_zone:`"; !strings.Contains(got, want) {
			t.Error(got)
		}
		m := albWith("domain: www.example.com, hosted_zone: " + id)
		w.settled(m)
		if err := w.Do(func(st *sandbox.State) {
			if n := len(st.Route53.Zones[id].Records); n != 4 {
				t.Errorf("%d records in the zone that is named, want the zone's own two and ours", n)
			}
		}); err != nil {
			t.Error(err)
		}
		w.destroy(m)
		same(t, w.names(), "")
	})
}

// Two environments share an account and a zone; destroying one leaves the other whole.
func TestTwoEnvironments(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.zone("example.com")
		w.settled(albWith(withDomain))
		staging := albWith("domain: staging.example.com") + "environments: {staging: {}}\n"
		if r := w.apply(t.Context(), w.app(staging, "staging"), false); r.err != nil {
			t.Fatal(r.err)
		}
		both := w.names()
		w.settled(albWith("")) // which domain is whose stands in the tags
		same(t, w.names(), both)
		if r := w.apply(t.Context(), w.app(staging, "staging"), true); r.err != nil {
			t.Fatal(r.err)
		}
		same(t, w.edge(), httpsEdge)
		same(t, w.names(), apiNames)
	})
}
