package release_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fargatectl/fargatectl/internal/oneoff"
	"github.com/fargatectl/fargatectl/internal/release"
)

// The release command runs between the new revision and the service's move to it. One that fails stops the release, one
// that an interrupted deploy has left is joined by the next, and a restart does not run it.
func TestReleaseCommand(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		var lines []string
		with := func(command ...string) func(*release.Deployment) {
			return func(d *release.Deployment) {
				d.Command, d.Log = command, func(line string) { lines = append(lines, line) }
			}
		}
		deploys := func(ctx context.Context, change ...func(*release.Deployment)) (ops []string, err error) {
			ops = w.changing(func() { _, err = w.deploy(ctx, other, change...) })
			return ops, err
		}
		ops, err := deploys(t.Context(), with("sh", "-c", "echo no; exit 3"))
		if failed := (*oneoff.ReleaseError)(nil); !errors.As(err, &failed) || !slices.Equal(ops, []string{"ecs.RegisterTaskDefinition", "ecs.RunTask"}) || w.runs() != "app:1" {
			t.Error(err, ops, w.runs())
		}
		soon, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		command := with("sh", "-c", "echo begun; sleep 300; echo done")
		if ops, err := deploys(soon, command); err == nil || !slices.Contains(ops, "ecs.RunTask") || w.runs() != "app:1" {
			t.Error(err, ops, w.runs())
		}
		lines = nil
		ops, err = deploys(t.Context(), command)
		if err != nil || !slices.Equal(ops, []string{"ecs.RegisterTaskDefinition", "ecs.UpdateService"}) || strings.Join(lines, " ") != "begun done" {
			t.Error(err, ops, lines)
		}
		if ops, err := deploys(t.Context(), command, func(d *release.Deployment) { d.Force = true }); err != nil || !slices.Equal(ops, []string{"ecs.UpdateService"}) {
			t.Error("a restart:", err, ops)
		}
	})
}
