package steps

import (
	"slices"
	"strings"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// unserved says which listeners send requests to a group without a healthy target.
func unserved(t *testing.T, w *world) (ports []int32) {
	c := w.elb()
	lbs, err := c.DescribeLoadBalancers(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ls, err := c.DescribeListeners(t.Context(), &elb.DescribeListenersInput{LoadBalancerArn: lbs.LoadBalancers[0].LoadBalancerArn})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range ls.Listeners {
		for _, f := range forwards(l) {
			health, err := c.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: f.TargetGroupArn})
			if err != nil { // switched and deleted in between
				continue
			}
			healthy := 0
			for _, h := range health.TargetHealthDescriptions {
				if h.TargetHealth.State == "healthy" {
					healthy++
				}
			}
			if *f.Weight > 0 && healthy == 0 {
				ports = append(ports, *l.Port)
			}
		}
	}
	return ports
}

// Law 8, where a target group is replaced: at every second each request finds a task. The new group is attached without
// weight, the service registers in both, the requests move once the rollout is done, the service leaves, the old one goes.
func TestTrafficMoves(t *testing.T) {
	inService(t, func(t *testing.T, w *world) {
		w.settled(serviceOf(""))
		for i, name := range []string{"app-tg-2", "app-tg"} {
			old := []string{"app-tg", "app-tg-2"}[i]
			w.state(func(r *sandbox.Region) {
				for _, g := range r.ELB.Groups {
					g.ProtocolVersion = new("GRPC")
				}
			})
			done, watched := make(chan bool), make(chan bool)
			go func() {
				defer close(watched)
				for {
					select {
					case <-done:
						return
					case <-time.After(500 * time.Millisecond):
						if ports := unserved(t, w); ports != nil {
							t.Errorf("at %v nobody answers on %v", time.Now(), ports)
						}
					}
				}
			}()
			r := w.up(serviceOf(""))
			close(done)
			<-watched
			if r.err != nil {
				t.Fatal(r.err)
			}
			order := r.done
			want := []string{"alb + target group " + name, "alb ~ listener :80 attaches " + name, "service ~ service app", "traffic ~ requests", "service ~ service app: leave the replaced target group", "alb - target group " + old}
			if !slices.Equal(order, want) {
				t.Errorf("done\n%s\nwant\n%s", strings.Join(order, "\n"), strings.Join(want, "\n"))
			}
			w.settled(serviceOf(""))
			same(t, w.edge(), strings.ReplaceAll(defaultEdge, "app-tg", name))
		}
	})
}

// Where the rollout is not awaited, nobody knows whether the new group can serve: the requests stay.
func TestTrafficStays(t *testing.T) {
	inService(t, func(t *testing.T, w *world) {
		w.settled(serviceOf(""))
		w.state(func(r *sandbox.Region) {
			for _, g := range r.ELB.Groups {
				g.ProtocolVersion = new("GRPC")
			}
		})
		w.opts.Wait = "accepted"
		r := w.read(t.Context(), w.app(serviceOf("")))
		if err := r.stack.Grow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.edge(); !strings.Contains(got, ":80 listener/80 forward to app-tg, forward to app-tg-2") {
			t.Error(got)
		}
		if ports := unserved(t, w); ports != nil {
			t.Error("nobody answers on", ports)
		}
		w.opts.Wait = ""
		w.settled(serviceOf(""))
		same(t, w.edge(), strings.ReplaceAll(defaultEdge, "app-tg", "app-tg-2"))
	})
}
