package sandbox

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	dns "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/fargatectl/fargatectl/internal/sandbox/wire"
)

func (e *edge) acm() *acm.Client     { return acm.NewFromConfig(e.Config("eu-west-1")) }
func (e *edge) dns() *route53.Client { return route53.NewFromConfig(e.Config("us-east-1")) }

// zone makes a hosted zone and returns its id.
func (e *edge) zone(name string) string {
	e.t.Helper()
	out := must(e.dns().CreateHostedZone(e.t.Context(), &route53.CreateHostedZoneInput{Name: &name, CallerReference: new(name + e.Now().String())}))(e.t)
	return *out.HostedZone.Id
}

// change makes one change of a record with one value.
func (e *edge) change(zone string, action dns.ChangeAction, name string, kind dns.RRType, value string) error {
	_, err := e.dns().ChangeResourceRecordSets(e.t.Context(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: &zone, ChangeBatch: &dns.ChangeBatch{
		Changes: []dns.Change{{Action: action, ResourceRecordSet: &dns.ResourceRecordSet{Name: &name, Type: kind, TTL: new(int64(300)), ResourceRecords: []dns.ResourceRecord{{Value: &value}}}}},
	}})
	return err
}

func (e *edge) request(domain string, edit ...func(*acm.RequestCertificateInput)) string {
	e.t.Helper()
	in := &acm.RequestCertificateInput{DomainName: &domain, ValidationMethod: types.ValidationMethodDns}
	for _, f := range edit {
		f(in)
	}
	return *must(e.acm().RequestCertificate(e.t.Context(), in))(e.t).CertificateArn
}

func (e *edge) certificate(arn string) *types.CertificateDetail {
	e.t.Helper()
	return must(e.acm().DescribeCertificate(e.t.Context(), &acm.DescribeCertificateInput{CertificateArn: &arn}))(e.t).Certificate
}

// A certificate's life: its record becomes known, stands in the zone that the world sees, and it is issued; only then
// a listener takes it, and while one has it, it can't be deleted.
func TestCertificate(t *testing.T) {
	inEdge(t, func(t *testing.T, e *edge) {
		outer, inner := e.zone("example.com"), e.zone("api.example.com")
		arn := e.request("v1.api.example.com")
		if r := e.certificate(arn).DomainValidationOptions[0].ResourceRecord; r != nil {
			t.Error("the record is known at once:", *r.Name)
		}
		listen := e.listener(443, e.tg)
		listen.Protocol, listen.Certificates = elbtypes.ProtocolEnumHttps, []elbtypes.Certificate{{CertificateArn: &arn}}
		_, err := e.elb.CreateListener(t.Context(), listen)
		refused(t, err, "UnsupportedCertificate", "must have a fully-qualified domain name")
		time.Sleep(certRecords)
		r := e.certificate(arn).DomainValidationOptions[0].ResourceRecord
		must(0, e.change(outer, "CREATE", *r.Name, "CNAME", *r.Value))(t) // shadowed by the inner zone
		time.Sleep(2 * certIssued)
		if got := e.certificate(arn).Status; got != types.CertificateStatusPendingValidation {
			t.Error("issued by a record that the world does not see:", got)
		}
		must(0, e.change(inner, "UPSERT", strings.ToUpper(*r.Name), "CNAME", *r.Value))(t)
		time.Sleep(certIssued - time.Second)
		if got := e.certificate(arn).Status; got != types.CertificateStatusPendingValidation {
			t.Error(got)
		}
		time.Sleep(time.Second)
		if got := e.certificate(arn); got.Status != types.CertificateStatusIssued || got.DomainValidationOptions[0].ValidationStatus != types.DomainStatusSuccess {
			t.Error(got.Status)
		}
		listen.SslPolicy = new("none")
		_, err = e.elb.CreateListener(t.Context(), listen)
		refused(t, err, "SSLPolicyNotFound", "SSL policy 'none' not found")
		listen.SslPolicy = nil
		l := must(e.elb.CreateListener(t.Context(), listen))(t).Listeners[0]
		if *l.SslPolicy != "ELBSecurityPolicy-2016-08" || e.certificate(arn).InUseBy[0] != e.lb {
			t.Error(*l.SslPolicy, e.certificate(arn).InUseBy)
		}
		_, err = e.acm().DeleteCertificate(t.Context(), &acm.DeleteCertificateInput{CertificateArn: &arn})
		refused(t, err, "ResourceInUseException", "in use")
		must(e.elb.DeleteListener(t.Context(), &elb.DeleteListenerInput{ListenerArn: l.ListenerArn}))(t)
		must(e.acm().DeleteCertificate(t.Context(), &acm.DeleteCertificateInput{CertificateArn: &arn}))(t)
	})
}

// The same token is the same certificate for an hour; certificates of a name share their record; a wildcard's is
// that of the name below it.
func TestCertificateRequests(t *testing.T) {
	inEdge(t, func(t *testing.T, e *edge) {
		token := func(in *acm.RequestCertificateInput) { in.IdempotencyToken = new("up_1") }
		ec := func(in *acm.RequestCertificateInput) { in.KeyAlgorithm = types.KeyAlgorithmEcPrime256v1 }
		a, b := e.request("example.com", token), e.request("example.com", token)
		time.Sleep(time.Hour)
		c, d := e.request("example.com", token), e.request("*.example.com", ec)
		if a != b || a == c {
			t.Error(a, b, c)
		}
		time.Sleep(certRecords)
		if x, y := e.certificate(a), e.certificate(d); *x.DomainValidationOptions[0].ResourceRecord.Name != *y.DomainValidationOptions[0].ResourceRecord.Name {
			t.Error("two records for one name")
		}
		list := must(e.acm().ListCertificates(t.Context(), nil))(t).CertificateSummaryList
		all := must(e.acm().ListCertificates(t.Context(), &acm.ListCertificatesInput{Includes: &types.Filters{KeyTypes: types.KeyAlgorithm("").Values()}}))(t).CertificateSummaryList
		if len(list) != 2 || len(all) != 3 {
			t.Errorf("%d certificates by default, %d of all key types; want 2 and 3", len(list), len(all))
		}
		time.Sleep(72 * time.Hour)
		if got := e.certificate(a).Status; got != types.CertificateStatusValidationTimedOut {
			t.Error(got)
		}
	})
}

// Where waits take no time, a certificate still waits for its record.
func TestCertificateInstant(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := &edge{Sandbox: s, t: t}
	zone, arn := e.zone("example.com"), e.request("example.com")
	c := e.certificate(arn)
	if c.Status != types.CertificateStatusPendingValidation {
		t.Error(c.Status)
	}
	record := c.DomainValidationOptions[0].ResourceRecord
	if err := e.change(zone, dns.ChangeActionUpsert, *record.Name, dns.RRTypeCname, *record.Value); err != nil {
		t.Error(err)
	}
	if got := e.certificate(arn).Status; got != types.CertificateStatusIssued {
		t.Error(got)
	}
}

// A CAA record of another authority makes the certificate fail.
func TestCAA(t *testing.T) {
	inEdge(t, func(t *testing.T, e *edge) {
		zone := e.zone("example.com")
		must(0, e.change(zone, "CREATE", "example.com", "CAA", `0 issue "letsencrypt.org"`))(t)
		arn := e.request("api.example.com")
		time.Sleep(certRecords)
		r := e.certificate(arn).DomainValidationOptions[0].ResourceRecord
		must(0, e.change(zone, "CREATE", *r.Name, "CNAME", *r.Value))(t)
		time.Sleep(certIssued)
		if c := e.certificate(arn); c.Status != types.CertificateStatusFailed || c.FailureReason != types.FailureReasonCaaError {
			t.Error(c.Status, c.FailureReason)
		}
	})
}

func TestHostedZones(t *testing.T) {
	inEdge(t, func(t *testing.T, e *edge) {
		for _, name := range []string{"b.org", "api.example.com", "example.com", "a.net"} {
			e.zone(name)
		}
		page := must(e.dns().ListHostedZonesByName(t.Context(), &route53.ListHostedZonesByNameInput{DNSName: new("example.com"), MaxItems: new(int32(2))}))(t)
		var names []string
		for _, z := range page.HostedZones {
			names = append(names, *z.Name)
		}
		if got := fmt.Sprintf("%v %v %s", names, page.IsTruncated, *page.NextDNSName); got != "[example.com. api.example.com.] true a.net." {
			t.Error(got)
		}
		zone := *page.HostedZones[0].Id
		must(0, e.change(zone, "CREATE", "www.example.com", "A", "192.0.2.1"))(t)
		_, err := e.dns().DeleteHostedZone(t.Context(), &route53.DeleteHostedZoneInput{Id: &zone})
		refused(t, err, "HostedZoneNotEmpty", "")
		must(0, e.change(zone, "DELETE", "www.example.com", "A", "192.0.2.1"))(t)
		change := must(e.dns().DeleteHostedZone(t.Context(), &route53.DeleteHostedZoneInput{Id: &zone}))(t).ChangeInfo
		if got := must(e.dns().GetChange(t.Context(), &route53.GetChangeInput{Id: change.Id}))(t).ChangeInfo.Status; got != "PENDING" {
			t.Error(got)
		}
		time.Sleep(route53InSync)
		if got := must(e.dns().GetChange(t.Context(), &route53.GetChangeInput{Id: change.Id}))(t).ChangeInfo.Status; got != "INSYNC" {
			t.Error(got)
		}
	})
}

func TestRecords(t *testing.T) {
	inEdge(t, func(t *testing.T, e *edge) {
		zone := e.zone("example.com")
		must(0, e.change(zone, "CREATE", "www.example.com", "A", "192.0.2.1"))(t)
		for _, c := range []struct {
			action            dns.ChangeAction
			name, kind, value string
			want              string
		}{
			{"CREATE", "www.example.com", "A", "192.0.2.2", "[Tried to create resource record set [name='www.example.com.', type='A'] but it already exists]"},
			{"DELETE", "old.example.com", "A", "192.0.2.1", "[Tried to delete resource record set [name='old.example.com.', type='A'] but it was not found]"},
			{"DELETE", "www.example.com", "A", "192.0.2.2", "[Tried to delete resource record set [name='www.example.com.', type='A'] but the values provided do not match the current values]"},
			{"CREATE", "www.example.com", "CNAME", "x.org", "RRSet of type CNAME with DNS name www.example.com. is not permitted as it conflicts with other records"},
			{"CREATE", "example.com", "CNAME", "x.org", "RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone example.com."},
			{"CREATE", "example.org", "A", "192.0.2.1", "RRSet with DNS name example.org. is not permitted in zone example.com."},
		} {
			refused(t, e.change(zone, c.action, c.name, dns.RRType(c.kind), c.value), "InvalidChangeBatch", c.want)
		}
		alias := func(target string) dns.Change {
			return dns.Change{Action: "UPSERT", ResourceRecordSet: &dns.ResourceRecordSet{
				Name: new("example.com"), Type: "A",
				AliasTarget: &dns.AliasTarget{DNSName: &target, HostedZoneId: new(albZones["eu-west-1"])},
			}}
		}
		batch := func(changes ...dns.Change) error {
			_, err := e.dns().ChangeResourceRecordSets(t.Context(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: &zone, ChangeBatch: &dns.ChangeBatch{Changes: changes}})
			return err
		}
		refused(t, batch(alias("web-1.us-east-1.elb.amazonaws.com")), "InvalidChangeBatch", "does not lie within the target zone")
		refused(t, batch(dns.Change{Action: "CREATE", ResourceRecordSet: &dns.ResourceRecordSet{Name: new("example.com"), Type: "A"}}), "InvalidInput", "Expected exactly one of")
		// One wrong change undoes the batch.
		wrong := dns.Change{Action: "DELETE", ResourceRecordSet: &dns.ResourceRecordSet{Name: new("none.example.com"), Type: "A", TTL: new(int64(1)), ResourceRecords: []dns.ResourceRecord{{Value: new("192.0.2.1")}}}}
		refused(t, batch(alias("web-1.eu-west-1.elb.amazonaws.com"), wrong), "InvalidChangeBatch", "was not found")
		must(0, batch(alias("web-1.eu-west-1.elb.amazonaws.com")))(t)
		must(0, e.change(zone, "CREATE", "_x.www.example.com", "CNAME", "y"))(t)
		list := must(e.dns().ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: &zone, StartRecordName: new("www.example.com"), MaxItems: new(int32(1))}))(t)
		if len(list.ResourceRecordSets) != 1 || *list.ResourceRecordSets[0].Name != "www.example.com." || *list.NextRecordName != "_x.www.example.com." {
			t.Error(list.ResourceRecordSets, list.NextRecordName)
		}
		all := must(e.dns().ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: &zone}))(t).ResourceRecordSets
		var order []string
		for _, r := range all {
			order = append(order, *r.Name+string(r.Type))
		}
		if got := strings.Join(order, " "); got != "example.com.A example.com.NS example.com.SOA www.example.com.A _x.www.example.com.CNAME" {
			t.Error(got)
		}
	})
}

// What is kept of balancers, certificates and zones is all there is to them.
func TestEdgeKept(t *testing.T) {
	inEdge(t, func(t *testing.T, e *edge) {
		zone := e.zone("example.com")
		arn := e.request("api.example.com")
		must(e.elb.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &e.tg, Targets: []elbtypes.TargetDescription{{Id: new("10.0.1.7")}}}))(t)
		time.Sleep(certRecords)
		r := e.certificate(arn).DomainValidationOptions[0].ResourceRecord
		must(0, e.change(zone, "CREATE", *r.Name, "CNAME", *r.Value))(t)
		must(0, e.Do(func(*State) {
			kept, err := json.Marshal(wire.Tree(e.state))
			if err != nil {
				t.Fatal(err)
			}
			var tree any
			must(0, json.Unmarshal(kept, &tree))(t)
			e.state = newState()
			must(0, wire.FromTree(e.state, tree))(t)
		}))(t)
		time.Sleep(albActive + certRecords)
		if got := e.health(); got != "healthy" {
			t.Error(got)
		}
		if got := e.certificate(arn).Status; got != types.CertificateStatusIssued {
			t.Error(got)
		}
		must(0, e.change(zone, "DELETE", *r.Name, "CNAME", *r.Value))(t)
		must(e.elb.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: &e.lb}))(t)
	})
}
