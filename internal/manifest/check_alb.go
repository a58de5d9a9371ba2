package manifest

import "strings"

// checkALB holds certificate, domain and health check.
func (r *reading) checkALB() {
	a := &r.m.ALB
	r.twice(wordALB, "allowed_cidrs", a.AllowedCIDRs)
	if len(a.AllowedCIDRs) == 0 && r.has(wordALB, "allowed_cidrs") && r.sound(wordALB, "allowed_cidrs") {
		r.bad(conf(wordALB, "allowed_cidrs"), "drop the key for everybody", "allowed_cidrs is empty: nobody could reach the balancer")
	}
	r.checkCertificate()
	if zone := strings.TrimSuffix(a.HostedZone, "."); strings.Contains(zone, ".") && a.Domain != "" && r.sound(wordALB, "hosted_zone", "domain") &&
		a.Domain != zone && !strings.HasSuffix(a.Domain, "."+zone) {
		r.bad(conf(wordALB, "hosted_zone"), "leave it away: the zone that owns the domain is found", "the domain %s is not in the zone %s",
			r.say(a.Domain, conf(wordALB, "domain")...), r.say(zone, conf(wordALB, "hosted_zone")...))
	}
	h := a.HealthCheck
	if h.Timeout >= h.Interval && r.sound(wordALB, "health_check") {
		path := conf(wordALB, "health_check", "timeout")
		if !r.given(path...) {
			path = conf(wordALB, "health_check", "interval")
		}
		r.bad(path, "", "the timeout of health_check (%s) must be less than its interval (%s)",
			r.say(h.Timeout, conf(wordALB, "health_check", "timeout")...), r.say(h.Interval, conf(wordALB, "health_check", "interval")...))
	}
}

// checkCertificate holds a certificate that is given: a balancer takes those of its own region and account.
func (r *reading) checkCertificate() {
	a := &r.m.ALB
	path := conf(wordALB, "certificate_arn")
	if a.CertificateARN == "" || r.broken(path...) {
		return
	}
	if !a.SSLCertificate && r.sound(wordALB, "ssl_certificate") {
		r.bad(conf(wordALB, "ssl_certificate"), "drop one of them", "ssl_certificate is false, and there is a certificate_arn")
	}
	parts := strings.Split(a.CertificateARN, ":")
	if r.m.Region != "" && parts[3] != r.m.Region {
		r.bad(path, "a balancer takes certificates of its own region", "the certificate is in %s, the region is %s", r.say(parts[3], path...), r.say(r.m.Region, "region"))
	}
	if r.m.Account != "" && parts[4] != r.m.Account {
		r.bad(path, "a balancer takes certificates of its own account", "the certificate is in the account %s, the manifest is for %s", r.say(parts[4], path...), r.say(r.m.Account, "account"))
	}
}
