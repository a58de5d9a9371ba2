package release_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// A release is a clone of the live task definition with another image, and one update: what we do not know survives,
// what autoscaling has chosen stays.
func TestDeploy(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		was := w.definition("app:1")
		in := aws.CloneTaskDefinition(was.TaskDefinition, append(was.Tags, types.Tag{Key: new("team"), Value: new("blue")}))
		in.ContainerDefinitions = append(in.ContainerDefinitions, types.ContainerDefinition{Name: new("agent"), Image: new("public.ecr.aws/x/agent:1"), Essential: new(false)})
		in.ContainerDefinitions[0].ReadonlyRootFilesystem = new(true)
		if _, err := w.ecs().RegisterTaskDefinition(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ecs().UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("app-cluster"), Service: new("app"), TaskDefinition: new("app:2"), DesiredCount: new(int32(4))}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		var err error
		ops := w.changing(func() { _, err = w.deploy(t.Context(), other) })
		if err != nil || !slices.Equal(ops, []string{"ecs.RegisterTaskDefinition", "ecs.UpdateService"}) {
			t.Errorf("%v, calls %v", err, ops)
		}
		is, sv := w.definition("app:3"), w.live()
		if n := w.runs(); n != "app:3" || sv.DesiredCount != 4 || sv.RunningCount != 4 {
			t.Errorf("%d of %d tasks of %s", sv.RunningCount, sv.DesiredCount, n)
		}
		c := is.TaskDefinition.ContainerDefinitions
		if len(c) != 2 || *c[0].Image != other || !*c[0].ReadonlyRootFilesystem || *c[1].Image != "public.ecr.aws/x/agent:1" {
			t.Errorf("containers %+v", c)
		}
		tags := aws.TagMap(is.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
		if tags["team"] != "blue" || tags[aws.TagProject] != "app" || tags[aws.TagImage] != other {
			t.Errorf("tags %v", tags)
		}
		note, ok := aws.ParseReleaseNote(tags[aws.TagRelease])
		if !ok || note.Verb != "deploy" || note.By != "user/me" {
			t.Errorf("note %+v", note)
		}
	})
}

// The image that runs already is no change; a forced deployment starts new tasks of the same revision, and is not over
// before it has begun although the last one ended well a moment ago.
func TestDeploySame(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		ops := w.changing(func() {
			d, err := w.deploy(t.Context(), first)
			if _, did := d.Deployed(); err != nil || did {
				t.Error(err, did)
			}
		})
		if len(ops) > 0 {
			t.Error(ops)
		}
		id, began := *w.live().Deployments[0].Id, time.Now()
		ops = w.changing(func() {
			d, err := w.deploy(t.Context(), first, func(d *release.Deployment) { d.Force = true })
			if last, _ := d.Deployed(); err != nil || last == nil || last.Status != types.ServiceDeploymentStatusSuccessful || last.Created.Before(began) {
				t.Errorf("%v, ended as %+v", err, last)
			}
		})
		if sv := w.live(); !slices.Equal(ops, []string{"ecs.UpdateService"}) || *sv.Deployments[0].Id == id || len(sv.Deployments) != 1 || w.runs() != "app:1" {
			t.Error(ops, w.runs())
		}
	})
}

// A deployment of the same is joined, as it goes and on its way back; another is refused.
func TestDeployUnderWay(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.begin(other, 20*time.Second)
		ops := w.changing(func() {
			d, err := w.deploy(t.Context(), other)
			if err != nil || !d.Joined() || ended(d.Service) != types.ServiceDeploymentStatusSuccessful {
				t.Errorf("%v, joined %v, %s", err, d.Joined(), ended(d.Service))
			}
		})
		if len(ops) > 0 {
			t.Error(ops)
		}
		w.break_()
		w.begin(first, 0)
		for w.runs() != "app:2" { // until it is being rolled back
			time.Sleep(time.Second)
		}
		ops = w.changing(func() {
			if _, err := w.deploy(t.Context(), other); !as[*aws.InProgressError](err) || !strings.Contains(err.Error(), "app:3") {
				t.Errorf("what ECS goes back to: %v", err)
			}
			if d, err := w.deploy(t.Context(), first); !as[*aws.RolledBackError](err) || !d.Joined() {
				t.Errorf("%v, joined %v", err, d.Joined())
			}
		})
		if len(ops) > 0 {
			t.Error(ops)
		}
		w.mend()
		w.begin(first, 0)
		ops = w.changing(func() {
			_, err := w.deploy(t.Context(), "public.ecr.aws/x/y:1")
			_, forced := w.deploy(t.Context(), first, func(d *release.Deployment) { d.Force = true })
			if !as[*aws.InProgressError](err) || !as[*aws.InProgressError](forced) {
				t.Errorf("another: %v, forced: %v", err, forced)
			}
		})
		if len(ops) > 0 {
			t.Error(ops)
		}
	})
}

// A deployment that somebody else begins while this one is about to is not dropped.
func TestDeployRace(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		ref := &given{ref: other}
		d := &release.Deployment{Service: w.service(), Image: ref}
		stack := w.stack(ref, d)
		if err := cmp(stack.Read(t.Context()), stack.Check); err != nil {
			t.Fatal(err)
		}
		w.begin("public.ecr.aws/x/y:1", time.Second) // while the question stands
		if err := stack.Apply(t.Context()); !as[*aws.InProgressError](err) || w.runs() != "app:2" {
			t.Error(err, w.runs())
		}
	})
}

// A deployment that fails is rolled back, and the error says why.
func TestDeployFails(t *testing.T) {
	missing := "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:" + strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		image  string
		break_ bool
		why    string
	}{
		"exits":    {other, true, "container app ended with exit code 3"},
		"no image": {missing, false, "the image " + missing + " is not in its registry"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(t *testing.T, w *world) {
				if c.break_ {
					w.break_()
				}
				_, err := w.deploy(t.Context(), c.image)
				if !as[*aws.RolledBackError](err) || !as[*release.Failure](err) || !strings.Contains(err.Error(), "rolled back: "+c.why) {
					t.Errorf("%v", err)
				}
				if !w.heard(" failed, at 3 it is given up: ") {
					t.Error("the wait does not say that tasks fail")
				}
				if sv := w.live(); w.runs() != "app:1" || sv.RunningCount != 2 {
					t.Error(w.runs(), sv.RunningCount)
				}
				if p := w.plan(first); p != "" {
					t.Errorf("up would change:\n%s", p)
				}
			})
		})
	}
}

// Without a circuit breaker ECS tries for ever: it is the timeout that ends the wait, and nothing is stopped.
func TestDeployTimeout(t *testing.T) {
	inWorld(t, ", deployment: { circuit_breaker: false }", func(t *testing.T, w *world) {
		w.break_()
		late := errors.New("timed out")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Minute, late)
		defer cancel()
		began := time.Now()
		ops := w.changing(func() {
			if _, err := w.deploy(ctx, other); !errors.Is(err, late) {
				t.Error(err)
			}
		})
		if took := time.Since(began); took < 20*time.Minute || took > 21*time.Minute || slices.Contains(ops, "ecs.StopServiceDeployment") {
			t.Error(took, ops)
		}
		if sv := w.live(); sv.RunningCount != 2 || !w.heard("failed: Essential container in task exited") {
			t.Errorf("%d tasks; %q", sv.RunningCount, w.said)
		}
	})
}

// Ctrl-C in the wait leaves ECS to it: nothing is stopped, and the same command joins.
func TestDeployInterrupted(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		stop := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(30*time.Second, func() { cancel(stop) })
		ops := w.changing(func() {
			if _, err := w.deploy(ctx, other); !errors.Is(err, stop) {
				t.Error(err)
			}
		})
		if slices.Contains(ops, "ecs.StopServiceDeployment") {
			t.Error(ops)
		}
		if d, err := w.deploy(t.Context(), other); err != nil || !d.Joined() || w.runs() != "app:2" {
			t.Error(err, w.runs())
		}
	})
}

// A last deployment that failed for good is tried again, by deploy and by up: its image is not "running already". That
// holds as well while the service itself still calls the deployment in progress whose service deployment has ended.
func TestDeployAfterFailure(t *testing.T) {
	for _, state := range []types.DeploymentRolloutState{types.DeploymentRolloutStateFailed, types.DeploymentRolloutStateInProgress} {
		t.Run(string(state), func(t *testing.T) {
			inWorld(t, ", deployment: { circuit_breaker: false }", func(t *testing.T, w *world) {
				stopped := func(image string) {
					w.begin(image, 10*time.Second)
					out, err := w.calls().ECS.LatestDeployment(t.Context(), "app-cluster", "app")
					if err != nil {
						t.Fatal(err)
					}
					if _, err := w.ecs().StopServiceDeployment(t.Context(), &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: &out.ARN, StopType: types.StopServiceDeploymentStopTypeAbort}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(5 * time.Second) // ECS stops it at its next look
					w.state(func(r *sandbox.Region) {
						r.ECS.Clusters["app-cluster"].Services["app"].Deployments[0].RolloutState = state
					})
				}
				stopped(other)
				d, err := w.deploy(t.Context(), other)
				if err != nil || ended(d.Service) != types.ServiceDeploymentStatusSuccessful {
					t.Error(err, ended(d.Service))
				}
				stopped(first)
				if plan := w.plan(first); !strings.Contains(plan, "new deployment (the last one failed: ") {
					t.Errorf("up would do\n%s", plan)
				}
				if err := w.up(first); err != nil || w.plan(first) != "" {
					t.Errorf("%v, and up would do\n%s", err, w.plan(first))
				}
			})
		})
	}
}

// Healthy is when the new tasks are healthy in their target group, before the old ones have left. That they run is not
// enough: those that fail their checks are never healthy.
func TestDeployHealthy(t *testing.T) {
	for name, config := range map[string]string{"by the balancer": "", "by their containers, too": ", health_check: { command: [CMD, /check] }"} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, config, func(t *testing.T, w *world) {
				healthy := func(d *release.Deployment) { d.Wait = "healthy" }
				began := time.Now()
				d, err := w.deploy(t.Context(), other, healthy)
				if err != nil || ended(d.Service) != types.ServiceDeploymentStatusInProgress || !w.heard(" healthy ") {
					t.Errorf("%v %s %q", err, ended(d.Service), w.said)
				}
				if n := w.serving(began); n != 2 || w.runs() != "app:2" {
					t.Errorf("%d new tasks are healthy in the target group", n)
				}
				d, err = w.deploy(t.Context(), other, func(d *release.Deployment) { d.Wait = "accepted" })
				if last, ok := d.Deployed(); err != nil || !ok || !d.Joined() || last != nil {
					t.Errorf("%v %+v", err, last)
				}
				if _, err := w.deploy(t.Context(), other); err != nil {
					t.Fatal(err)
				}
				w.state(func(r *sandbox.Region) { r.ECS.Break("app", sandbox.Failure{Unhealthy: true}) })
				if _, err := w.deploy(t.Context(), first, healthy); !as[*aws.RolledBackError](err) {
					t.Errorf("tasks that run and fail their checks: %v", err)
				}
				w.mend()
				began = time.Now()
				if _, err := w.deploy(t.Context(), other, healthy, func(d *release.Deployment) { d.Force = true }); err != nil || w.serving(began) != 2 {
					t.Errorf("a restart: %v, %d new tasks are healthy in the target group", err, w.serving(began))
				}
			})
		})
	}
}

// There is nothing to deploy to.
func TestNoService(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		s := w.service()
		s.Cluster = "nowhere"
		err := s.Read(t.Context())
		if !as[*release.MissingError](err) || err.Error() != "there is no service app in cluster nowhere" {
			t.Error(err)
		}
	})
}

// Who waits for its turn deploys when the other one has ended, however it did, and changes nothing before.
func TestDeployTurn(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		queue := func(d *release.Deployment) { d.Queue = true }
		w.begin(other, 10*time.Second)
		began, changed := time.Now(), time.Time{}
		ops := w.changing(func() {
			d, err := w.deploy(t.Context(), "public.ecr.aws/x/y:1", queue)
			if err != nil || ended(d.Service) != types.ServiceDeploymentStatusSuccessful || w.runs() != "app:3" {
				t.Error(err, w.runs())
			}
			changed = *w.definition("app:3").TaskDefinition.RegisteredAt
		})
		if !slices.Equal(ops, []string{"ecs.RegisterTaskDefinition", "ecs.UpdateService"}) || changed.Sub(began) < 30*time.Second || !w.heard("its turn, behind the deployment of app:2: ") {
			t.Errorf("%v after %s, %q", ops, changed.Sub(began), w.said)
		}
		w.break_() // the other one fails: what it was to replace is cloned
		w.begin("public.ecr.aws/x/broken:1", 5*time.Second)
		w.mend()
		if _, err := w.deploy(t.Context(), other, queue); err != nil || w.runs() != "app:5" {
			t.Error(err, w.runs())
		}
		w.begin(first, 5*time.Second) // the same, asked for by two: the second has nothing left to do
		if d, err := w.deploy(t.Context(), first, queue); err != nil || !d.Joined() || w.runs() != "app:6" {
			t.Error(err, w.runs())
		}
		w.begin(other, 5*time.Second)
		ops = w.changing(func() {
			if _, err := w.deploy(t.Context(), other, queue, func(d *release.Deployment) { d.Force = true }); err != nil || w.runs() != "app:7" {
				t.Error(err, w.runs())
			}
		})
		if !slices.Equal(ops, []string{"ecs.UpdateService"}) {
			t.Errorf("a restart that waits: %v", ops)
		}
	})
}
