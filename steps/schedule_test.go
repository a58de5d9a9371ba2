package steps

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// latency is what one request takes in the sandbox at AWS's own speed.
const latency = 250 * time.Millisecond

// when is the moment at which a run first asked for something; it must have.
func (r *run) when(t *testing.T, op string) time.Time {
	t.Helper()
	i := slices.IndexFunc(r.calls, func(c sandbox.Call) bool { return c.Service+"."+c.Op == op })
	if i < 0 {
		t.Fatalf("%s was never called", op)
	}
	return r.calls[i].At
}

// What takes AWS minutes is asked for at once, and nothing waits for it that AWS lets go on.
func TestSchedule(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.opts = Options{Image: "public.ecr.aws/docker/library/nginx:1.27", Offline: true}
		began := time.Now()
		r := w.up("project_name: app\n")
		if r.err != nil {
			t.Fatal(r.err)
		}
		for _, op := range []string{"elasticloadbalancing.CreateLoadBalancer", "ec2.CreateNatGateway"} {
			if at := r.when(t, op).Sub(began); at > 12*latency {
				t.Errorf("%s is asked for after %v, want at most %v", op, at, 12*latency)
			}
		}
		active := r.when(t, "elasticloadbalancing.CreateLoadBalancer").Add(150 * time.Second)
		for _, op := range []string{"elasticloadbalancing.CreateListener", "ecs.CreateService"} {
			if at := r.when(t, op); !at.Before(active) {
				t.Errorf("%s comes %v after the load balancer is active", op, at.Sub(active))
			}
		}
		t.Logf("up took %v in %d calls", r.took, len(r.calls))
	})
}

// frugal reads what is live for a settled manifest, and says with how many calls in how many rounds.
func (w *world) frugal(yaml string) (calls, rounds int) {
	w.t.Helper()
	before := len(w.Calls())
	r := w.read(w.t.Context(), w.app(yaml))
	if r.err != nil {
		w.t.Fatal(r.err)
	}
	if p := r.stack.Plan(); !p.Empty() {
		w.t.Fatalf("plan:\n%s", p)
	}
	made := w.Calls()[before:]
	moments := map[time.Time]bool{}
	count := map[string]int{}
	for _, c := range made {
		moments[c.At] = true
		count[c.Service]++
	}
	w.t.Logf("%d calls in %d rounds: %v", len(made), len(moments), count)
	return len(made), len(moments)
}

// A plan that finds nothing to do is quick and cheap; secrets cost no calls of their own.
func TestFrugal(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.opts = Options{Image: "public.ecr.aws/docker/library/nginx:1.27", Offline: true}
		const plain = "project_name: app\n"
		if r := w.up(plain); r.err != nil {
			t.Fatal(r.err)
		}
		calls, rounds := w.frugal(plain)
		if calls > 45 || rounds > 3 {
			t.Errorf("a plan makes %d calls in %d rounds, want at most 45 in 3", calls, rounds)
		}
		var n [2]int
		for i := range n {
			yaml := plain + "resources:\n"
			for _, id := range []string{"one", "two", "three", "four"}[:1+3*i] {
				yaml += "  - { id: " + id + ", type: aws_secretsmanager_secret, config: { env: " + strings.ToUpper(id) + ", generate: { length: 32 } } }\n"
			}
			if r := w.up(yaml); r.err != nil {
				t.Fatal(r.err)
			}
			n[i], _ = w.frugal(yaml)
		}
		if n[0] != n[1] {
			t.Errorf("one secret takes %d calls, four take %d", n[0], n[1])
		}
		zone := &route53.CreateHostedZoneInput{Name: new("example.com"), CallerReference: new("1")}
		if _, err := route53.NewFromConfig(w.Config("us-east-1")).CreateHostedZone(t.Context(), zone); err != nil {
			t.Fatal(err)
		}
		const domain = plain + "resources: [{ id: alb, type: aws_alb, config: { domain: api.example.com } }]\n"
		if r := w.up(domain); r.err != nil {
			t.Fatal(r.err)
		}
		if n, _ := w.frugal(domain); n > calls+8 {
			t.Errorf("certificate and DNS add %d calls, want at most 8", n-calls)
		}
	})
}
