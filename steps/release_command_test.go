package steps

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/oneoff"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// commanded is a manifest with a release command, and an image that it comes with.
func commanded(image, command string) string {
	return ofService("").with(resource("api", "aws_ecs_service", "image: '"+image+"', release_command: "+command)).yaml()
}

// next is the image of the second release.
const next = nginx + "-alpine"

// order is the operations of a run that a release is about, in their order.
func (r *run) order() (ops []string) {
	for _, op := range r.changing() {
		if slices.Contains([]string{"ecs.RegisterTaskDefinition", "ecs.RunTask", "ecs.CreateService", "ecs.UpdateService"}, op) {
			ops = append(ops, strings.TrimPrefix(op, "ecs."))
		}
	}
	return ops
}

// heard is an app whose release command's lines go into a list.
func (w *world) heard(yaml string) (app *App, lines *[]string) {
	lines = new([]string)
	app = w.app(yaml)
	app.Log = func(line string) { *lines = append(*lines, line) }
	return app, lines
}

// The command runs with the new image before the service is made or moved, and not when nothing is released.
func TestReleaseCommand(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.opts.Offline = true
		const command = `[sh, -c, 'echo migrating; sleep 30; echo done']`
		if p := w.plan(commanded(nginx, command)); !strings.Contains(p, `+ service: task to run sh -c "echo migrating; sleep 30; echo done" with the new image before the release`) {
			t.Error(p)
		}
		app, lines := w.heard(commanded(nginx, command))
		r := w.apply(t.Context(), app, false)
		if r.err != nil || !slices.Equal(r.order(), []string{"RegisterTaskDefinition", "RunTask", "CreateService"}) || !slices.Equal(*lines, []string{"migrating", "done"}) {
			t.Fatal(r.err, r.order(), *lines)
		}
		w.settled(commanded(nginx, command))
		if r := w.up(commanded(next, command)); r.err != nil || !slices.Equal(r.order(), []string{"RegisterTaskDefinition", "RunTask", "UpdateService"}) {
			t.Error(r.err, r.order())
		}
		w.opts.ForceNewDeployment = true
		if r := w.up(commanded(next, command)); r.err != nil || !slices.Equal(r.order(), []string{"UpdateService"}) {
			t.Error("a restart:", r.err, r.order())
		}
	})
}

// One that fails leaves the service as it was; the next up takes the revision that is there.
func TestReleaseCommandFails(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.opts.Offline = true
		w.settled(commanded(nginx, "['true']"))
		r := w.up(commanded(next, `[sh, -c, 'echo no such table; exit 3']`))
		if !is[*oneoff.ReleaseError](r.err) || !strings.Contains(r.err.Error(), "release command exited with code 3; the last it said:\nno such table") {
			t.Error(r.err)
		}
		if !slices.Equal(r.order(), []string{"RegisterTaskDefinition", "RunTask"}) {
			t.Error(r.order())
		}
		if r := w.up(commanded(next, "['true']")); r.err != nil || !slices.Equal(r.order(), []string{"RunTask", "UpdateService"}) {
			t.Error(r.err, r.order())
		}
		w.Inject(sandbox.Fault{Service: "ecs", Op: "RunTask", Code: "ClientException", Message: "no"})
		if r := w.up(commanded(nginx, "['true']")); r.err == nil || !slices.Equal(r.order(), []string{"RegisterTaskDefinition"}) {
			t.Error(r.err, r.order())
		}
	})
}

// One that an interrupted run has left is joined: it does not run twice. That of another release is in the way.
func TestReleaseCommandJoined(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.opts.Offline = true
		const command = `[sh, -c, 'echo begun; sleep 300; echo done']`
		w.settled(commanded(nginx, "['true']"))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if r := w.apply(ctx, w.app(commanded(next, command)), false); r.err == nil || !slices.Equal(r.order(), []string{"RegisterTaskDefinition", "RunTask"}) {
			t.Fatal(r.err, r.order())
		}
		if r := w.up(commanded(next, "[./other]")); !is[*aws.InProgressError](r.err) {
			t.Error("another command beside it:", r.err)
		}
		app, lines := w.heard(commanded(next, command))
		if r := w.apply(t.Context(), app, false); r.err != nil || !slices.Equal(r.order(), []string{"UpdateService"}) || !slices.Equal(*lines, []string{"begun", "done"}) {
			t.Error(r.err, r.order(), *lines)
		}
		w.settled(commanded(next, command))
	})
}

// destroy stops what still runs.
func TestReleaseCommandDestroyed(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.opts.Offline = true
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
		defer cancel()
		yaml := commanded(nginx, "[sleep, '86400']")
		if r := w.apply(ctx, w.app(yaml), false); r.err == nil || !slices.Equal(r.order(), []string{"RegisterTaskDefinition", "RunTask"}) {
			t.Fatal(r.err, r.order())
		}
		if r := w.destroy(yaml); r.err != nil || r.took > 10*time.Minute {
			t.Error(r.err, r.took)
		}
	})
}
