package release_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/release"
)

// Releases 1 (good), 2 (failed), 3 (good): back goes to 1, and forth again to 3. Scaling and a restart are no releases.
func TestRollback(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		if _, err := w.rollback(t.Context()); !as[*release.NoReleaseError](err) {
			t.Errorf("with one release: %v", err)
		}
		w.break_()
		if _, err := w.deploy(t.Context(), "public.ecr.aws/x/broken:1"); !as[*aws.RolledBackError](err) {
			t.Fatal(err)
		}
		w.mend()
		if _, err := w.deploy(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if _, err := w.deploy(t.Context(), other, func(d *release.Deployment) { d.Force = true }); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"app:1", "app:3", "app:1"} {
			ops := w.changing(func() {
				r, err := w.rollback(t.Context())
				if err != nil || ended(r.Service) != types.ServiceDeploymentStatusSuccessful {
					t.Errorf("to %s: %v %s", want, err, ended(r.Service))
				}
			})
			if got := w.runs(); got != want || !slices.Equal(ops, []string{"ecs.TagResource", "ecs.UpdateService"}) {
				t.Errorf("runs %s, want %s; %v", got, want, ops)
			}
		}
	})
}

// A deployment that is under way is stopped and rolled back; asked for twice, the second waits for the first.
func TestRollbackUnderWay(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.begin(other, 20*time.Second)
		ops := w.changing(func() {
			r, err := w.rollback(t.Context())
			if err != nil || ended(r.Service) != types.ServiceDeploymentStatusRollbackSuccessful {
				t.Error(err, ended(r.Service))
			}
		})
		if !slices.Equal(ops, []string{"ecs.StopServiceDeployment"}) || w.runs() != "app:1" {
			t.Error(ops, w.runs())
		}
		w.break_()
		w.begin("public.ecr.aws/x/broken:1", 0)
		for w.runs() != "app:1" {
			time.Sleep(time.Second)
		}
		ops = w.changing(func() {
			if _, err := w.rollback(t.Context()); err != nil {
				t.Error(err)
			}
		})
		if len(ops) > 0 || w.runs() != "app:1" {
			t.Error(ops, w.runs())
		}
	})
}

// The first deployment has nothing behind it.
func TestRollbackFirst(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		in := &ecs.CreateServiceInput{Cluster: new("app-cluster"), ServiceName: new("fresh"), TaskDefinition: new("app:1"), DesiredCount: new(int32(1)), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: w.live().NetworkConfiguration}
		if _, err := w.ecs().CreateService(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		s := w.service()
		s.Name = "fresh"
		r := &release.Rollback{Service: s}
		if err := r.Read(t.Context()); !as[*release.NoReleaseError](err) {
			t.Error(err)
		}
	})
}

// A deregistered task definition can't be deployed: it is registered again as it was. A deleted one is passed over.
func TestRollbackDeregistered(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		for _, image := range []string{other, "public.ecr.aws/docker/library/nginx:1.28"} {
			if _, err := w.deploy(t.Context(), image); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.ecs().DeregisterTaskDefinition(t.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: new("app:2")}); err != nil {
			t.Fatal(err)
		}
		var err error
		ops := w.changing(func() { _, err = w.rollback(t.Context()) })
		if err != nil || !slices.Equal(ops, []string{"ecs.RegisterTaskDefinition", "ecs.UpdateService"}) || w.runs() != "app:4" {
			t.Fatal(err, ops, w.runs())
		}
		d := w.definition("app:4")
		tags := aws.TagMap(d.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
		if *d.TaskDefinition.ContainerDefinitions[0].Image != other || tags[aws.TagProject] != "app" || tags[aws.TagImage] != other {
			t.Errorf("%+v %v", d.TaskDefinition.ContainerDefinitions, tags)
		}
		if _, err := w.rollback(t.Context()); err != nil || w.runs() != "app:3" {
			t.Fatal(err, w.runs())
		}
		for _, id := range []string{"app:2", "app:4"} {
			if id == "app:4" {
				if _, err := w.ecs().DeregisterTaskDefinition(t.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &id}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.ecs().DeleteTaskDefinitions(t.Context(), &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: []string{id}}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Hour)
		if _, err := w.rollback(t.Context()); err != nil || w.runs() != "app:1" {
			t.Error(err, w.runs())
		}
	})
}

// What the plan of a rollback shows.
func TestRollbackPlan(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		if _, err := w.deploy(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		plan := func() string {
			stack := w.stack(&release.Rollback{Service: w.service()})
			if err := stack.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			return stack.Plan().String()
		}
		want := "~ rollback: service app\n    task definition: app:2 -> app:1\n    image: " + other + " -> " + first + "\n" +
			"  rollback: back to app:1, deployed at 2000-01-01 00:00 UTC, image " + fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(first))) + "\n" +
			"  rollback: migrations of data are not undone\n"
		if got := plan(); got != want {
			t.Errorf("got %q want %q", got, want)
		}
		w.begin("public.ecr.aws/x/y:1", 10*time.Second)
		if got := plan(); !strings.Contains(got, "service app: stop the deployment of app:3 and roll it back") {
			t.Errorf("got %q", got)
		}
	})
}
