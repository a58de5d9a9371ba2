package release_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/manifest"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/witness"
	"github.com/fargatectl/fargatectl/steps"
)

const nginx = "public.ecr.aws/docker/library/nginx:"

// apply runs the steps of one command.
func apply(ctx context.Context, t *testing.T, list ...deploy.Step) error {
	t.Helper()
	stack, err := deploy.New(func(deploy.Event) {}, list...)
	if err != nil {
		t.Fatal(err)
	}
	if err := stack.Read(ctx); err != nil {
		return err
	}
	if err := stack.Check(); err != nil {
		return err
	}
	return stack.Apply(ctx)
}

// serving runs a test with a service that nginx 1.27 serves, on a bubble's clock.
func serving(t *testing.T, test func(t *testing.T, s *release.Service)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box, err := sandbox.Open(sandbox.Options{Speed: 1, Wait: true})
		if err != nil {
			t.Fatal(err)
		}
		m, err := manifest.Parse("fargatectl.yaml", []byte("project_name: app\n"), manifest.Options{Getenv: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		calls := aws.Connect(witness.Recorded(box.Config("us-east-1")))
		app := &steps.App{Manifest: m, AWS: calls, Account: sandbox.Account, Region: "us-east-1", Options: steps.Options{Image: nginx + "1.27", Offline: true}}
		if err := apply(t.Context(), t, steps.All(app)...); err != nil {
			t.Fatal(err)
		}
		test(t, &release.Service{Calls: calls, Cluster: "app-cluster", Name: "app"})
	})
}

// released deploys another nginx.
func released(t *testing.T, s *release.Service, version, wait string) *release.Deployment {
	t.Helper()
	image := &release.Fixed{Ref: nginx + version}
	d := &release.Deployment{Service: s, Image: image, Given: image.Ref, Wait: wait}
	if err := apply(t.Context(), t, image, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// image is what the live service runs.
func image(t *testing.T, s *release.Service) string {
	t.Helper()
	if err := s.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(s.Image(), nginx)
}

// A rollback goes back to the newest release that succeeded and is not the live one; without one it says so.
func TestRollback(t *testing.T) {
	serving(t, func(t *testing.T, s *release.Service) {
		if err := apply(t.Context(), t, &release.Rollback{Service: s}); err == nil || err.Error() != "rollback: read: service app has no earlier release that succeeded" {
			t.Error(err)
		}
		d := released(t, s, "1.28", "steady")
		if got := image(t, s); got != "1.28" || d.Finished.Status != types.ServiceDeploymentStatusSuccessful {
			t.Error(got, d.Finished.Status)
		}
		r := &release.Rollback{Service: s}
		if err := apply(t.Context(), t, r); err != nil {
			t.Fatal(err)
		}
		if got := image(t, s); got != "1.27" || r.Finished == nil || r.Finished.Status != types.ServiceDeploymentStatusSuccessful {
			t.Error(got, r.Finished)
		}
	})
}

// A deployment that is under way is stopped, and ECS goes back by itself.
func TestRollbackUnderWay(t *testing.T) {
	serving(t, func(t *testing.T, s *release.Service) {
		released(t, s, "1.28", "accepted")
		time.Sleep(10 * time.Second)
		r := &release.Rollback{Service: s}
		if err := apply(t.Context(), t, r); err != nil {
			t.Fatal(err)
		}
		if got := image(t, s); got != "1.27" || r.Finished == nil || r.Finished.Status != types.ServiceDeploymentStatusRollbackSuccessful {
			t.Error(got, r.Finished)
		}
	})
}
