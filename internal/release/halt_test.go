package release_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// However the wait for a deployment ends, nothing is stopped and nothing rolled back by that: not by a time-out, not by a
// context that somebody has ended, not by a look that fails, whether the deployment is a deploy's, a rollback's or up's.
func TestNoEndOfAWaitRollsBack(t *testing.T) {
	ended := errors.New("the wait has ended")
	verbs := map[string]func(w *world, ctx context.Context) error{
		"deploy": func(w *world, ctx context.Context) error { _, err := w.deploy(ctx, first); return err },
		"restart": func(w *world, ctx context.Context) error {
			_, err := w.deploy(ctx, other, func(d *release.Deployment) { d.Force = true })
			return err
		},
		"rollback": func(w *world, ctx context.Context) error { _, err := w.rollback(ctx); return err },
		"up":       func(w *world, ctx context.Context) error { return w.upWithin(ctx, first) },
	}
	ends := map[string]func(w *world) (context.Context, context.CancelFunc){
		"time-out": func(w *world) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(w.t.Context(), 40*time.Second, ended)
		},
		"cancelled": func(w *world) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(w.t.Context())
			time.AfterFunc(40*time.Second, func() { cancel(ended) })
			return ctx, func() { cancel(nil) }
		},
		"a look fails": func(w *world) (context.Context, context.CancelFunc) {
			time.AfterFunc(40*time.Second, func() {
				w.Inject(sandbox.Fault{Service: "ecs", Op: "ListServiceDeployments", Code: "AccessDeniedException", Message: "no"})
			})
			return context.WithCancel(w.t.Context())
		},
	}
	for verb, do := range verbs {
		for end, within := range ends {
			t.Run(verb+", "+end, func(t *testing.T) {
				inWorld(t, "", func(t *testing.T, w *world) {
					if _, err := w.deploy(t.Context(), other); err != nil {
						t.Fatal(err)
					}
					ctx, cancel := within(w)
					defer cancel()
					var err error
					ops := w.changing(func() { err = do(w, ctx) })
					if !errors.Is(err, ended) && !aws.Is(err, "AccessDeniedException") {
						t.Errorf("ended with %v", err)
					}
					if !slices.Contains(ops, "ecs.UpdateService") || slices.Contains(ops, "ecs.StopServiceDeployment") {
						t.Errorf("calls %v", ops)
					}
					w.Heal()
					time.Sleep(10 * time.Minute)
					last, err := w.calls().ECS.LatestDeployment(t.Context(), "app-cluster", "app")
					if err != nil || last.Status != types.ServiceDeploymentStatusSuccessful {
						t.Errorf("left to itself it ended as %+v, %v", last, err)
					}
				})
			})
		}
	}
}

// What a person asks for is stopped and rolled back, once, and the wait ends with the end of that.
func TestHalt(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		ref := &given{ref: other}
		d := &release.Deployment{Service: w.service(), Image: ref, By: me}
		stack := w.stack(ref, d)
		if err := stack.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		asked := errors.New("nobody has asked")
		var again error
		time.AfterFunc(30*time.Second, func() {
			asked = d.Halt(t.Context())
			again = d.Halt(t.Context())
		})
		ops := w.changing(func() {
			err := stack.Apply(t.Context())
			if !as[*aws.RolledBackError](err) || !strings.HasSuffix(err.Error(), ": you stopped it") {
				t.Error(err)
			}
		})
		if n := len(ops); asked != nil || again == nil || again.Error() != "the deployment is being rolled back already" || ops[n-1] != "ecs.StopServiceDeployment" {
			t.Errorf("%v, %v, calls %v", asked, again, ops)
		}
		if err := d.Halt(t.Context()); err == nil || err.Error() != "the deployment is over" || w.runs() != "app:1" {
			t.Error(err, w.runs())
		}
	})
}
