package steps

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// onlyEdge is the steps from the network to the name.
func onlyEdge(app *App) []deploy.Step {
	vpc := &VPC{App: app}
	subnets := &Subnets{App: app, VPC: vpc}
	groups := &Groups{App: app, VPC: vpc}
	certificate := &Certificate{App: app}
	alb := &ALB{App: app, VPC: vpc, Subnets: subnets, Groups: groups}
	https := &HTTPS{App: app, ALB: alb, Certificate: certificate}
	dns := &DNS{App: app, ALB: alb, Certificate: certificate}
	return []deploy.Step{vpc, subnets, groups, certificate, alb, https, dns}
}

// albWith is a manifest whose aws_alb has the config.
func albWith(config string) string {
	return "project_name: app\nresources:\n  - {id: alb, type: aws_alb, config: {" + config + "}}\n"
}

// changes are the lines of a plan that are about changes of the steps at the edge, without notes.
func changes(plan string) string {
	var kept strings.Builder
	keep := false
	for line := range strings.Lines(plan) {
		if f := strings.Fields(line); !strings.HasPrefix(line, " ") && len(f) > 1 {
			keep = slices.Contains([]string{"certificate:", "alb:", "https:", "dns:"}, f[1]) || strings.HasPrefix(line, "error")
		} else if !strings.HasPrefix(line, "    ") {
			keep = false
		}
		if keep {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func (w *world) elb() *elb.Client { return elb.NewFromConfig(w.Config("us-east-1")) }

// edge looks behind the steps: every balancer, group and listener of the account in a line each.
func (w *world) edge() string {
	w.t.Helper()
	var lines []string
	err := w.Do(func(st *sandbox.State) {
		for _, r := range st.Regions {
			for _, lb := range r.ELB.Balancers {
				lines = append(lines, fmt.Sprintf("%s %s %s idle %s, drop %s, protected %s", *lb.LoadBalancerName, lb.Scheme, lb.Tags[aws.TagResource],
					lb.Attributes["idle_timeout.timeout_seconds"], lb.Attributes["routing.http.drop_invalid_header_fields.enabled"], lb.Attributes["deletion_protection.enabled"]))
			}
			for _, g := range r.ELB.Groups {
				lines = append(lines, fmt.Sprintf("%s %s %s %s %s:%d%s every %d within %d, %d/%d, %s, drains %s", *g.TargetGroupName, g.Tags[aws.TagResource], g.TargetType, g.Protocol, *g.HealthCheckPort, *g.Port, *g.HealthCheckPath,
					*g.HealthCheckIntervalSeconds, *g.HealthCheckTimeoutSeconds, *g.HealthyThresholdCount, *g.UnhealthyThresholdCount, *g.Matcher.HttpCode, g.Attributes["deregistration_delay.timeout_seconds"]))
			}
			for _, l := range r.ELB.Listeners {
				lines = append(lines, strings.TrimSpace(fmt.Sprintf(":%d %s %s %s", *l.Port, l.Tags[aws.TagResource], show(l.Listener), val(l.SslPolicy))))
			}
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.Join(append(lines, ""), "\n")
}

const defaultEdge = `
:80 listener/80 forward to app-tg
app-alb internet-facing alb idle 60, drop true, protected false
app-tg target-group ip HTTP traffic-port:8080/health every 30 within 5, 2/10, 200, drains 30
`

func TestALBCreates(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		same(t, changes(w.plan(albWith(""))), `
+ alb: load balancer app-alb
+ alb: target group app-tg
+ alb: listener :80
`)
		if p := w.plan(albWith("")); !strings.Contains(p, "  alb: HTTP only") {
			t.Errorf("no loud note:\n%s", p)
		}
		began := time.Now()
		r := w.settled(albWith(""))
		same(t, w.edge(), defaultEdge)
		for _, c := range r.calls {
			if c.Op == "CreateListener" && c.At.Sub(began) > 10*time.Second {
				t.Errorf("the listener was made after %v: it waits for nobody", c.At.Sub(began))
			}
		}
		if r.took < 150*time.Second {
			t.Errorf("up ended after %v, before the balancer was active", r.took)
		}
		w.destroy(albWith(""))
		same(t, w.edge(), "\n")
	})
}

// One thing changed in the manifest is one change in the plan, and after it nothing is left to do.
func TestALBChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, plan, edge string }{
		{"idle_timeout: 75", "~ alb: load balancer app-alb\n    idle timeout: 60 -> 75\n", "idle 75, drop true, protected false"},
		{"drop_invalid_header_fields: false", "~ alb: load balancer app-alb\n    drop invalid header fields: true -> false\n", "drop false"},
		{"deletion_protection: true", "~ alb: load balancer app-alb\n    deletion protection: false -> true\n", "protected true"},
		{"deregistration_delay: 5", "~ alb: target group app-tg\n    deregistration delay: 30 -> 5\n", "drains 5"},
		{"health_check: {interval: 10, healthy_threshold: 3}", "~ alb: target group app-tg health check\n    interval: 30 -> 10\n    healthy threshold: 2 -> 3\n", "every 10 within 5, 3/10"},
		{"health_check: {path: /ready, matcher: 200-299}", "~ alb: target group app-tg health check answer\n    health check path: /health -> /ready\n    matcher: 200 -> 200-299\n", "8080/ready every 30 within 5, 2/10, 200-299"},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			w.pick = onlyEdge
			w.up(albWith(""))
			same(t, changes(w.plan(albWith(c.config))), c.plan)
			w.settled(albWith(c.config))
			if got := w.edge(); !strings.Contains(got, c.edge) {
				t.Errorf("%s is not in\n%s", c.edge, got)
			}
		})
	}
}

// While tasks serve, what they answer is asked anew only once the release serves; all other changes are made at once.
func TestALBHealthPathWhileServing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.up(albWith(""))
		groups, err := w.elb().DescribeTargetGroups(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.elb().RegisterTargets(t.Context(), &elb.RegisterTargetsInput{
			TargetGroupArn: groups.TargetGroups[0].TargetGroupArn,
			Targets:        []types.TargetDescription{{Id: new("10.0.2.9")}},
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		m := albWith("health_check: {path: /ready, interval: 10}")
		same(t, changes(w.plan(m)), `
~ alb: target group app-tg health check
    interval: 30 -> 10
~ alb: target group app-tg health check answer (what runs then must answer /ready; until then /health is asked), once the new release serves
    health check path: /health -> /ready
`)
		w.settled(m)
	})
}

func TestALBDrift(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.up(albWith(""))
		if err := w.Do(func(st *sandbox.State) {
			e := st.Regions["us-east-1"].ELB
			for _, lb := range e.Balancers {
				delete(lb.Tags, aws.TagResource)
			}
			clear(e.Listeners)
		}); err != nil {
			t.Fatal(err)
		}
		m := albWith("") + "tags: {team: edge}\n"
		same(t, changes(w.plan(m)), `
~ alb: load balancer app-alb tags
    tag fargatectl:resource: none -> alb
    tag team: none -> edge
~ alb: target group app-tg tags
    tag team: none -> edge
+ alb: listener :80
`)
		w.settled(m)
		same(t, w.edge(), defaultEdge)
	})
}

func TestALBRefuses(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.up(albWith("deletion_protection: true"))
		if got, want := w.plan(albWith("deletion_protection: true, internal: true, allowed_cidrs: [10.0.0.0/8]")), "error: alb: load balancer app-alb is internet-facing, and AWS can't change that: set `internal: false`"; !strings.HasPrefix(got, want) {
			t.Error(got)
		}
		r := w.destroy(albWith("deletion_protection: true"))
		if len(r.changing()) > 0 || r.err == nil || r.err.Error() != "alb: load balancer app-alb is protected from deletion: set `deletion_protection: false` first" {
			t.Error(r.err, r.changing())
		}
		r = w.destroy(albWith(""))
		done := slices.DeleteFunc(r.done, func(d string) bool { return !strings.HasPrefix(d, "alb ") })
		same(t, strings.Join(done, "\n")+"\n", "alb ~ load balancer app-alb\nalb - load balancer app-alb\nalb - target group app-tg\n")
		same(t, w.edge(), "\n")
	})
}

// What has our names and is not ours is left alone.
func TestALBForeign(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.up(albWith(""))
		disown := func(balancer bool) {
			if err := w.Do(func(st *sandbox.State) {
				e := st.Regions["us-east-1"].ELB
				for _, lb := range e.Balancers {
					if balancer {
						clear(lb.Tags)
					}
				}
				for _, g := range e.Groups {
					clear(g.Tags)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		disown(false)
		same(t, w.plan(albWith("")), "error: alb: read: target group app-tg exists and is not fargatectl's: it lacks the tag fargatectl:project")
		disown(true)
		same(t, w.plan(albWith("")), "error: alb: read: load balancer app-alb exists and is not fargatectl's: it lacks the tag fargatectl:project")
		if r := w.destroy(albWith("")); r.err == nil || len(r.changing()) > 0 {
			t.Error("destroyed what is not ours:", r.err, r.changing())
		}
		w.opts.Adopt = true
		w.settled(albWith(""))
		same(t, w.edge(), defaultEdge)
	})
}

// A group that can't be changed in place is replaced by one beside it, which is attached without weight.
func TestALBReplacesGroup(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.up(albWith(""))
		if err := w.Do(func(st *sandbox.State) {
			for g := range maps.Values(st.Regions["us-east-1"].ELB.Groups) {
				g.ProtocolVersion = new("GRPC")
			}
		}); err != nil {
			t.Fatal(err)
		}
		same(t, changes(w.plan(albWith(""))), `
+ alb: target group app-tg-2 (beside app-tg, whose protocol, kind or VPC AWS can't change)
~ alb: listener :80 attaches app-tg-2
- alb: target group app-tg, once the new release serves
`)
		if err := w.read(t.Context(), w.app(albWith(""))).stack.Grow(t.Context()); err != nil { // what comes after is the service's part
			t.Fatal(err)
		}
		same(t, changes(w.plan(albWith(""))), "- alb: target group app-tg, once the new release serves\n")
		if got := w.edge(); !strings.Contains(got, ":80 listener/80 forward to app-tg, forward to app-tg-2") {
			t.Error(got)
		}
	})
}

// Without a balancer a group must be of the VPC that everything stands in.
func TestALBGroupElsewhere(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		yaml := albWith("internal: false")
		w.settled(yaml)
		lb := ok(w.elb().DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{})).LoadBalancers[0]
		ok(w.elb().DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn}))
		time.Sleep(5 * time.Minute)
		if got := changes(w.plan(yaml)); strings.Contains(got, "target group") {
			t.Errorf("the group is there, and is of our VPC:\n%s", got)
		}
		if err := w.Do(func(st *sandbox.State) {
			for _, g := range st.Regions["us-east-1"].ELB.Groups {
				g.VpcId = new("vpc-0123456789abcdef0")
			}
		}); err != nil {
			t.Fatal(err)
		}
		if got := changes(w.plan(yaml)); !strings.Contains(got, "+ alb: target group app-tg-2") {
			t.Errorf("a group of another VPC is used:\n%s", got)
		}
	})
}

// What was made a moment ago is not known everywhere at once.
func TestALBLags(t *testing.T) {
	t.Parallel()
	for _, f := range []sandbox.Fault{
		{Op: "ModifyLoadBalancerAttributes", Code: "LoadBalancerNotFound"},
		{Op: "ModifyTargetGroupAttributes", Code: "TargetGroupNotFound"},
		{Op: "CreateListener", Code: "TargetGroupNotFound"},
		{Op: "DescribeLoadBalancers", Nth: 2, Code: "LoadBalancerNotFound"}, // 1 is Read
	} {
		inWorld(t, func(t *testing.T, w *world) {
			w.pick = onlyEdge
			f.Service, f.Nth = "elasticloadbalancing", max(f.Nth, 1)
			w.Inject(f)
			if r := w.up(albWith("")); r.err != nil {
				t.Error(f.Op, r.err)
			}
			same(t, w.edge(), defaultEdge)
			w.settled(albWith(""))
		})
	}
	inWorld(t, func(t *testing.T, w *world) { // and not for ever
		w.pick = onlyEdge
		w.Inject(sandbox.Fault{Op: "CreateListener", Code: "TargetGroupNotFound"})
		if r := w.up(albWith("")); aws.Code(r.err) != "TargetGroupNotFound" || r.took > 5*time.Minute {
			t.Error(r.err, r.took)
		}
	})
}

// A balancer that the manifest calls otherwise is used under its old name, and destroyed under it.
func TestALBRenamed(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyEdge
		w.up(albWith(""))
		m := strings.Replace(albWith(""), "config:", "name: web, config:", 1)
		r := w.settled(m)
		if p := w.plan(m); len(r.changing()) > 0 || !strings.Contains(p, "load balancer app-alb is used under its old name, since AWS can't rename it") {
			t.Error(r.changing(), p)
		}
		same(t, w.edge(), defaultEdge)
		w.destroy(m)
		same(t, w.edge(), "\n")
	})
}

// impatient brings a manifest up, or destroys it, in a process that tries nothing twice.
func (w *world) impatient(yaml string, destroy bool) {
	app, cfg := w.app(yaml), w.Config("us-east-1")
	cfg.RetryMaxAttempts = 1
	app.AWS = aws.Connect(cfg)
	w.apply(w.t.Context(), app, destroy)
}

// Law 5: an up or destroy that fails, or loses an answer, at any changing call is completed by the next one.
func TestEdgeFails(t *testing.T) {
	t.Parallel()
	first, second := albWith("domain: api.example.com"), albWith("domain: www.example.com, idle_timeout: 70, health_check: {path: /ready}")
	var faults []sandbox.Fault
	for _, service := range []string{"elasticloadbalancing", "acm", "route53"} {
		faults = append(faults, sandbox.Fault{Service: service, Cut: true}, sandbox.Fault{Service: service, Lost: true})
	}
	for _, fault := range faults {
		for n := 1; ; n += stride {
			met := false
			inWorld(t, func(t *testing.T, w *world) {
				w.pick, w.poll = onlyEdge, 20*time.Second
				w.zone("example.com")
				f := fault
				f.Changing, f.Nth = true, n
				w.Inject(f)
				began := len(w.Calls())
				w.impatient(first, false)
				w.impatient(second, false)
				w.impatient(second, true)
				count := 0
				for _, c := range w.Calls()[began:] {
					if c.Changing() && c.Service == fault.Service {
						count++
					}
				}
				met = count >= n
				w.Heal()
				w.settled(second)
				same(t, w.edge(), `
:443 listener/443 forward to app-tg ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09
:80 listener/80 redirect to https:443
app-alb internet-facing alb idle 70, drop true, protected false
app-tg target-group ip HTTP traffic-port:8080/ready every 30 within 5, 2/10, 200, drains 30
`)
				same(t, w.names(), "www.example.com ISSUED\nwww.example.com. A alias\n_.www.example.com. CNAME\n")
				if r := w.destroy(albWith("")); r.err != nil {
					t.Error(r.err)
				}
				same(t, w.edge()+w.names(), "\n")
			})
			if !met {
				break
			}
			if n > 60 {
				t.Fatal("the faults never end")
			}
		}
	}
}
