package steps

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// is says whether an error is of a type.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// A run that ends at some moment of a release, by Ctrl-C or by kill -9, is taken up by the next, which ends as the
// deployment does: well, rolled back, or not restored. What has failed never ends well before its cause is gone.
func TestAgain(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4)) // the same moments every time
	for _, c := range []struct {
		name     string
		from, to resources
		broken   sandbox.Failure
		verdict  func(error) bool
	}{
		{"first", nil, start, sandbox.Failure{}, nil},
		{"next", start, start.with(takes["port and secret"]), sandbox.Failure{}, nil},
		{"first fails", nil, start, exits, is[*aws.NotRestoredError]},
		{"next fails", start, start.with(takes["port and secret"]), exits, is[*aws.RolledBackError]},
		{"next is never healthy", start, start.with(takes["port and secret"]), sandbox.Failure{Unhealthy: true}, is[*aws.RolledBackError]},
	} {
		for i := range max(1, 8/stride) {
			after, pause := time.Duration(rnd.IntN(240_000))*time.Millisecond, time.Duration(rnd.IntN(600))*time.Second
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				inWorld(t, func(t *testing.T, w *world) {
					w.poll, w.opts.Offline = 5*time.Second, true
					if c.from != nil {
						w.settled(c.from.yaml())
						defer w.guard()()
					}
					if c.verdict != nil {
						w.plan(c.to.yaml()) // makes the region
						w.state(func(r *sandbox.Region) { r.ECS.Break("app", c.broken) })
					}
					how := []func(*world, time.Duration, string){(*world).stopped, (*world).killed}[i%2]
					how(w, after, c.to.yaml())
					time.Sleep(pause)
					for range 2 {
						if r := w.up(c.to.yaml()); c.verdict != nil && !c.verdict(r.err) || c.verdict == nil && r.err != nil {
							t.Errorf("stopped after %v, again after %v: error %v", after, pause, r.err)
						}
					}
					w.state(func(r *sandbox.Region) { r.ECS.Mend("app") })
					w.settled(c.to.yaml())
					if sv := w.service(); sv.RunningCount != 2 || len(sv.Deployments) != 1 {
						t.Errorf("stopped after %v: %d tasks, %d deployments", after, sv.RunningCount, len(sv.Deployments))
					}
				})
			})
		}
	}
}

// stopped is an up that Ctrl-C ends.
func (w *world) stopped(after time.Duration, yaml string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), after)
	defer cancel()
	w.apply(ctx, w.app(yaml), false)
}

// killed is an up that dies: none of its calls arrives any more.
func (w *world) killed(after time.Duration, yaml string) {
	w.t.Helper()
	timer := time.AfterFunc(after, func() { w.Inject(sandbox.Fault{Cut: true}) })
	w.up(yaml)
	timer.Stop()
	w.Heal()
}
