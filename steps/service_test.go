package steps

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

func onlyService(app *App) []deploy.Step {
	app.Options.Image, app.Options.Offline = nginx, true
	return All(app)
}

// serviceOf is a manifest whose service has this configuration.
func serviceOf(config string) string {
	return "project_name: app\nresources:\n  - id: vpc\n    type: aws_vpc\n    config: { nat: none }\n  - id: api\n    type: aws_ecs_service\n    config: { assign_public_ip: true, " + config + " }\n"
}

func inService(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyService
		test(t, w)
	})
}

func (w *world) ecs() *ecs.Client { return ecs.NewFromConfig(w.Config("us-east-1")) }

// state looks into ECS's state.
func (w *world) state(f func(st *sandbox.Region)) {
	w.t.Helper()
	if err := w.Do(func(st *sandbox.State) { f(st.Regions["us-east-1"]) }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) service() types.Service {
	w.t.Helper()
	out, err := w.ecs().DescribeServices(w.t.Context(), &ecs.DescribeServicesInput{Cluster: new("app-cluster"), Services: []string{"app"}})
	if err != nil || len(out.Services) != 1 {
		w.t.Fatal(err, out)
	}
	return out.Services[0]
}

var exits = sandbox.Failure{StopCode: types.TaskStopCodeEssentialContainerExited, StoppedReason: "Essential container in task exited", ExitCode: new(int32(3))}

func TestService(t *testing.T) {
	inService(t, func(t *testing.T, w *world) {
		r := w.settled(serviceOf(""))
		if !slices.Contains(r.done, "service + service app") {
			t.Errorf("done %v", r.done)
		}
		sv := w.service()
		if sv.RunningCount != 2 || *sv.HealthCheckGracePeriodSeconds != 60 || sv.PropagateTags != types.PropagateTagsService || !sv.DeploymentConfiguration.DeploymentCircuitBreaker.Rollback {
			t.Errorf("service %+v", sv)
		}
		if r := w.destroy(serviceOf("")); r.err != nil {
			t.Fatal(r.err)
		}
		w.state(func(r *sandbox.Region) {
			if n := len(r.EC2.ENIs); n != 0 {
				t.Errorf("%d network interfaces left", n)
			}
		})
		w.settled(serviceOf("")) // beside the INACTIVE one
	})
}

// A manifest with nothing but a name: everything is there, tasks serve from private subnets, and looking again is cheap.
func TestServiceDefault(t *testing.T) {
	inService(t, func(t *testing.T, w *world) {
		const bare = "project_name: app\n"
		r := w.settled(bare)
		if r.took > 4*time.Minute {
			t.Errorf("up takes %s", r.took)
		}
		if n := w.service().RunningCount; n != 2 {
			t.Errorf("%d tasks", n)
		}
		before := len(w.Calls())
		w.plan(bare)
		if n := len(w.Calls()) - before; n > 45 {
			t.Errorf("a plan makes %d calls", n)
		}
		if r := w.destroy(bare); r.err != nil {
			t.Fatal(r.err)
		}
	})
}

// Each change of the manifest is what the plan says, and no more.
func TestServiceChanges(t *testing.T) {
	inService(t, func(t *testing.T, w *world) {
		w.settled(serviceOf(""))
		for _, c := range []struct {
			config string
			diff   []string
			tasks  bool // are replaced
		}{
			{"health_check_grace_period: 90", []string{"health check grace period: 60 -> 90"}, false},
			{"deployment: { minimum_healthy_percent: 50, maximum_percent: 100, circuit_breaker: false }", []string{
				"health check grace period: 90 -> 60", "minimum healthy percent: 100 -> 50", "maximum percent: 200 -> 100", "circuit breaker: true -> false",
				"availability zone rebalancing: ENABLED -> DISABLED",
			}, false},
			{"enable_execute_command: true", []string{
				"minimum healthy percent: 50 -> 100", "maximum percent: 100 -> 200", "circuit breaker: false -> true",
				"availability zone rebalancing: DISABLED -> ENABLED", "execute command: false -> true",
			}, true},
			{"capacity_providers: { FARGATE: 1, FARGATE_SPOT: 3 }", []string{"capacity: FARGATE -> FARGATE 1, FARGATE_SPOT 3", "execute command: true -> false"}, true},
			{"", []string{"capacity: FARGATE 1, FARGATE_SPOT 3 -> FARGATE"}, true},
			{"container_port: 8081", []string{"task definition: app:1 -> (known after apply)", "container port: app:8080 -> app:8081"}, true},
			{"desired_count: 3", []string{"task definition: app:2 -> (known after apply)", "container port: app:8081 -> app:8080"}, true},
		} {
			was := *w.service().Deployments[0].Id
			got := w.plan(serviceOf(c.config))
			want := "~ service: service app\n    " + strings.Join(c.diff, "\n    ") + "\n"
			if !strings.Contains(got, want) {
				t.Errorf("%s: plan\n%swant\n%s", c.config, got, want)
			}
			w.settled(serviceOf(c.config))
			if is := *w.service().Deployments[0].Id; (is != was) != c.tasks {
				t.Errorf("%s: deployment %s, was %s", c.config, is, was)
			}
		}
		if n := w.service().DesiredCount; n != 2 {
			t.Errorf("desired count %d: it is autoscaling's", n)
		}
	})
}

// A release that fails is rolled back, and the old one serves all the time.
func TestServiceRolledBack(t *testing.T) {
	inService(t, func(t *testing.T, w *world) {
		w.settled(serviceOf(""))
		w.state(func(r *sandbox.Region) { r.ECS.Break("app", exits) })
		r := w.up(serviceOf("environment: { A: b }"))
		back, ok := errors.AsType[*aws.RolledBackError](r.err)
		if !ok || !strings.Contains(back.Error(), "circuit breaker threshold was exceeded") || !strings.Contains(back.Error(), "Essential container in task exited (app: exit code 3)") {
			t.Fatalf("error %v", r.err)
		}
		if !slices.ContainsFunc(r.events, func(e deploy.Event) bool {
			return e.Step == "rollout" && strings.HasSuffix(e.Text, " failed, at 3 it is given up: Essential container in task exited (app: exit code 3)")
		}) {
			t.Error("the wait does not say why tasks fail")
		}
		sv := w.service()
		if sv.RunningCount != 2 || !strings.HasSuffix(*sv.TaskDefinition, "app:1") {
			t.Errorf("%d tasks of %s", sv.RunningCount, *sv.TaskDefinition)
		}
		if n := strings.Count(w.plan(serviceOf("")), "\n~"); n != 0 {
			t.Errorf("the old manifest plans:\n%s", w.plan(serviceOf("")))
		}
		w.state(func(r *sandbox.Region) { r.ECS.Mend("app") })
		w.settled(serviceOf("environment: { A: b }"))
		if got := *w.service().TaskDefinition; !strings.HasSuffix(got, "app:2") {
			t.Errorf("a twin was made: %s", got)
		}
	})
}

// A first release that fails has nothing to go back to; ECS does not try again, so the next up does.
func TestServiceFirstFails(t *testing.T) {
	inService(t, func(t *testing.T, w *world) {
		w.settled(serviceOf("")) // makes the region
		w.destroy(serviceOf(""))
		fails := serviceOf("environment: { A: b }")
		w.state(func(r *sandbox.Region) { r.ECS.Break("app", exits) })
		r := w.up(fails)
		if _, ok := errors.AsType[*aws.NotRestoredError](r.err); !ok {
			t.Fatalf("error %v", r.err)
		}
		want := "~ service: service app: new deployment (the last one failed: ECS deployment circuit breaker: tasks failed to start.)\n"
		if got := w.plan(fails); !strings.Contains(got, want) {
			t.Errorf("plan\n%swant\n%s", got, want)
		}
		if r := w.up(fails); r.err == nil {
			t.Error("up ends well although no task runs")
		}
		w.state(func(r *sandbox.Region) { r.ECS.Mend("app") })
		w.settled(fails)
	})
}

// A run that is killed while it waits is taken up by the next, which ends as the deployment does.
func TestServiceJoins(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		fails bool
	}{{"in progress", 20 * time.Second, false}, {"failing", 20 * time.Second, true}, {"rolling back", 0, true}} {
		t.Run(c.name, func(t *testing.T) {
			inService(t, func(t *testing.T, w *world) {
				w.settled(serviceOf(""))
				if c.fails {
					w.state(func(r *sandbox.Region) { r.ECS.Break("app", exits) })
				}
				next := serviceOf("environment: { A: b }")
				w.opts.Wait = "accepted"
				if r := w.up(next); r.err != nil {
					t.Fatal(r.err)
				}
				w.opts.Wait = ""
				if c.after > 0 {
					time.Sleep(c.after)
				} else {
					for w.service().Deployments[0].RolloutState != types.DeploymentRolloutStateInProgress || !strings.HasSuffix(*w.service().TaskDefinition, "app:1") {
						time.Sleep(time.Second)
					}
				}
				if other := w.up(serviceOf("environment: { A: c }")); !inProgress(other.err) || len(other.changing()) > 0 {
					t.Errorf("another release: %v, calls %v", other.err, other.changing())
				}
				r := w.up(next)
				_, back := errors.AsType[*aws.RolledBackError](r.err)
				if back != c.fails || !c.fails && r.err != nil || slices.Contains(r.changing(), "ecs.UpdateService") || slices.Contains(r.changing(), "ecs.RegisterTaskDefinition") {
					t.Errorf("error %v, calls %v", r.err, r.changing())
				}
			})
		})
	}
}

func inProgress(err error) bool {
	_, ok := errors.AsType[*aws.InProgressError](err)
	return ok
}

func TestServiceForced(t *testing.T) {
	inService(t, func(t *testing.T, w *world) {
		w.settled(serviceOf(""))
		was := *w.service().Deployments[0].Id
		w.opts.ForceNewDeployment = true
		if r := w.up(serviceOf("")); r.err != nil || !slices.Equal(r.changing(), []string{"ecs.UpdateService"}) {
			t.Errorf("%v, calls %v", r.err, r.changing())
		}
		if sv := w.service(); *sv.Deployments[0].Id == was || len(sv.Deployments) != 1 {
			t.Errorf("deployments %d", len(sv.Deployments))
		}
	})
}

// What `scale` has set is kept and said, until the manifest's range is another.
func TestServiceScaled(t *testing.T) {
	inService(t, func(t *testing.T, w *world) {
		w.settled(serviceOf(""))
		note := aws.ScaleNote{By: "arn:aws:iam::123456789012:user/me", At: time.Now(), Desired: 5, Min: 2, Max: 10, OfMin: 2, OfMax: 10}
		if _, err := w.ecs().TagResource(t.Context(), &ecs.TagResourceInput{ResourceArn: w.service().ServiceArn, Tags: []types.Tag{ecsTag(aws.TagScale, note.String())}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ecs().UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("app-cluster"), Service: new("app"), DesiredCount: new(int32(5))}); err != nil {
			t.Fatal(err)
		}
		if got := w.plan(serviceOf("")); !onlyNotes(got) || !strings.Contains(got, "kept as `scale` has set it: 5 tasks, 2 to 10, by user/me") {
			t.Errorf("plan:\n%s", got)
		}
		w.settled(serviceOf(""))
		if n := w.service().DesiredCount; n != 5 {
			t.Errorf("%d tasks are desired", n)
		}
		if got := w.plan(serviceOf("max_capacity: 4")); strings.Contains(got, "kept as") {
			t.Errorf("plan:\n%s", got)
		}
	})
}

// Another service of that name is left alone.
func TestServiceNotOurs(t *testing.T) {
	inService(t, func(t *testing.T, w *world) {
		w.settled(serviceOf(""))
		if _, err := w.ecs().UntagResource(t.Context(), &ecs.UntagResourceInput{ResourceArn: w.service().ServiceArn, TagKeys: []string{aws.TagProject}}); err != nil {
			t.Fatal(err)
		}
		_, ok := errors.AsType[*aws.NotOursError](w.up(serviceOf("")).err)
		if !ok {
			t.Error("a service of others was taken")
		}
		w.opts.Adopt = true
		w.settled(serviceOf(""))
	})
}

// Under new names in the manifest cluster and service stay what they are.
func TestServiceRenamed(t *testing.T) {
	inService(t, func(t *testing.T, w *world) {
		w.settled(serviceOf(""))
		renamed := strings.Replace(serviceOf(""), "type: aws_ecs_service", "type: aws_ecs_service\n    name: other", 1) + "  - { id: c, type: aws_ecs_cluster, name: others }\n"
		got := w.plan(renamed)
		if !onlyNotes(got) || !strings.Contains(got, "service app keeps its name") {
			t.Errorf("plan:\n%s", got)
		}
		if r := w.destroy(renamed); r.err != nil {
			t.Fatal(r.err)
		}
		w.state(func(r *sandbox.Region) {
			if c := r.ECS.Clusters["app-cluster"]; *c.Status != "INACTIVE" || *c.Services["app"].Status != "INACTIVE" {
				t.Errorf("cluster is %s, service is %s", *c.Status, *c.Services["app"].Status)
			}
		})
	})
}

// A call that fails, or whose answer is lost, leaves nothing that the next run does not bring to the same end.
func TestServiceCrashes(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for n := 1; ; n += stride {
			more := false
			name := map[bool]string{false: "before", true: "after"}[lost]
			t.Run(name, func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					w.pick = onlyService
					w.settled(serviceOf(""))
					next := serviceOf("environment: { A: b }, health_check_grace_period: 90")
					w.Inject(sandbox.Fault{Service: "ecs", Nth: n, Changing: true, Lost: lost, Cut: !lost})
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					app := w.app(next)
					app.AWS = aws.Connect(impatient(w))
					r := w.apply(ctx, app, false)
					more = r.err != nil
					w.Heal()
					w.settled(next)
					if sv := w.service(); sv.RunningCount != 2 || len(sv.Deployments) != 1 || !strings.HasSuffix(*sv.TaskDefinition, "app:2") {
						t.Errorf("call %d: %d tasks, %d deployments, %s", n, sv.RunningCount, len(sv.Deployments), *sv.TaskDefinition)
					}
				})
			})
			if !more {
				break
			}
		}
	}
}

// impatient is a configuration whose calls are not repeated, as if the process died at the first that fails.
func impatient(w *world) awssdk.Config {
	cfg := w.Config("us-east-1")
	cfg.Retryer = func() awssdk.Retryer { return awssdk.NopRetryer{} }
	return cfg
}
