package oneoff_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/manifest"
	"github.com/fargatectl/fargatectl/internal/oneoff"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/witness"
	"github.com/fargatectl/fargatectl/steps"
)

const app = "project_name: app\nresources:\n  - { id: vpc, type: aws_vpc, config: { nat: none } }\n  - { id: api, type: aws_ecs_service, config: { assign_public_ip: true } }\n"

// A world is a sandbox on a bubble's clock in which an app is up.
type world struct {
	*sandbox.Sandbox
	t     *testing.T
	calls *aws.Calls
	lines []string // that were shown
}

func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := sandbox.Open(sandbox.Options{Speed: 1, Wait: true})
		if err != nil {
			t.Fatal(err)
		}
		m, err := manifest.Parse("fargatectl.yaml", []byte(app), manifest.Options{Getenv: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{Sandbox: s, t: t, calls: aws.Connect(witness.Recorded(s.Config("us-east-1")))}
		stack, err := deploy.New(func(deploy.Event) {}, steps.All(&steps.App{
			Manifest: m, AWS: w.calls, Account: sandbox.Account, Region: "us-east-1", Registry: steps.Registry{Transport: s},
			Options: steps.Options{Image: "public.ecr.aws/docker/library/nginx:1.27", Offline: true},
		})...)
		if err == nil {
			err = stack.Read(t.Context())
		}
		if err == nil {
			err = stack.Apply(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		test(t, w)
	})
}

// run is one beside the app's service.
func (w *world) run(command ...string) *oneoff.Run {
	w.t.Helper()
	svc := &release.Service{Calls: w.calls, Cluster: "app-cluster", Name: "app"}
	if err := svc.Read(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	r := &oneoff.Run{Calls: w.calls, In: oneoff.Beside(svc.Live), Definition: svc.Definition, Container: *svc.Container()}
	r.Show = func(_ *oneoff.Task, line string) { w.lines = append(w.lines, line) }
	r.Command(command, nil)
	return r
}

// runs starts a run and waits for its end.
func (w *world) runs(r *oneoff.Run) error {
	if err := r.Start(w.t.Context()); err != nil {
		return err
	}
	defer r.Close()
	return r.Wait(w.t.Context(), time.Second, func(string) {})
}

// late has every line come to CloudWatch some time after it was written.
func (w *world) late(by time.Duration) {
	filter := w.calls.Logs.FilterLogEvents
	w.calls.Logs.FilterLogEvents = func(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput, o ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error) {
		out, err := filter(ctx, in, o...)
		if err == nil {
			for i, e := range out.Events {
				if time.Since(time.UnixMilli(*e.Timestamp)) < by {
					out.Events = out.Events[:i]
					break
				}
			}
		}
		return out, err
	}
}

func (w *world) tasks() []string {
	w.t.Helper()
	out, err := ecs.NewFromConfig(w.Config("us-east-1")).ListTasks(w.t.Context(), &ecs.ListTasksInput{Cluster: new("app-cluster"), StartedBy: new("me")})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.TaskArns
}

// Every line is shown once, the last ones, too, although they come seconds after the task's end.
func TestLines(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.late(4 * time.Second)
		r := w.run("sh", "-c", "echo one; sleep 30; echo two; echo two; sleep 1; echo three; exit 7")
		if err := w.runs(r); err != nil {
			t.Fatal(err)
		}
		if want := []string{"one", "two", "two", "three"}; !slices.Equal(w.lines, want) {
			t.Errorf("%q, want %q", w.lines, want)
		}
		if code, ok := r.Code(); code != 7 || !ok {
			t.Error(code, ok)
		}
		if err := r.Tasks[0].Err(); err == nil || err.Error() != "the command exited with code 7" || !slices.Equal(r.Tasks[0].Last, w.lines) {
			t.Error(err, r.Tasks[0].Last)
		}
	})
}

// A task that can't start has AWS's reason and no exit code; so has one that AWS does not take.
func TestNotStarted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.run("true")
		clone, err := oneoff.Clone(t.Context(), w.calls, r.Definition, "app", sandbox.Account+".dkr.ecr.us-east-1.amazonaws.com/app:nothing", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.In.TaskDefinition = &clone
		if err := w.runs(r); err != nil {
			t.Fatal(err)
		}
		if err := oneoff.Forget(t.Context(), w.calls, clone); err != nil {
			t.Fatal(err)
		}
		var start *oneoff.StartError
		if err := r.Tasks[0].Err(); !errors.As(err, &start) || !strings.Contains(err.Error(), "did not start: CannotPullContainerError: ") {
			t.Error(err)
		}

		r = w.run("true")
		w.calls.ECS.RunTask = func(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error) {
			return &ecs.RunTaskOutput{Failures: []types.Failure{{Reason: new("Capacity is unavailable at this time. Please try again later or in a different availability zone")}}}, nil
		}
		if err := w.runs(r); err != nil {
			t.Fatal(err)
		}
		if _, ok := r.Code(); ok || !strings.HasPrefix(r.Tasks[0].Err().Error(), "the task did not start: Capacity is unavailable") {
			t.Error(ok, r.Tasks[0].Err())
		}
	})
}

// An answer that is lost starts no second task, and who comes later finds the one that goes on.
func TestStartedOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Inject(sandbox.Fault{Service: "ecs", Op: "RunTask", Nth: 1, Lost: true})
		r := w.run("sleep", "60")
		r.In.StartedBy = new("me")
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.tasks(); len(got) != 1 {
			t.Error(len(got), "tasks")
		}
		again := w.run("sleep", "60")
		again.In.StartedBy = new("me")
		joined, err := again.Join(t.Context(), "app")
		if err != nil || !joined || again.Tasks[0].ID() != r.Tasks[0].ID() {
			t.Error(joined, err)
		}
		defer again.Close()
		if err := again.Wait(t.Context(), time.Second, func(string) {}); err != nil || *again.Tasks[0].ExitCode != 0 {
			t.Error(err)
		}
		later := w.run("sleep", "60")
		later.In.StartedBy = new("me")
		if joined, err := later.Join(t.Context(), "app"); err != nil || joined {
			t.Error("one that has ended is joined:", joined, err)
		}
	})
}

// A wait that is interrupted leaves the task; it can be stopped, and awaited again.
func TestInterrupted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.run("sh", "-c", "echo working; sleep 3600")
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		enough := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, enough)
		defer cancel()
		var said []string
		if err := r.Wait(ctx, time.Second, func(s string) { said = append(said, s) }); !errors.Is(err, enough) || !strings.HasSuffix(said[len(said)-1], " running") {
			t.Error(err, said)
		}
		if err := r.Stop(t.Context(), "interrupted"); err != nil {
			t.Fatal(err)
		}
		if err := r.Wait(t.Context(), time.Second, func(string) {}); err != nil {
			t.Fatal(err)
		}
		if err := r.Tasks[0].Err(); err == nil || err.Error() != "the command exited with code 137: interrupted" || !slices.Equal(w.lines, []string{"working"}) {
			t.Error(err, w.lines)
		}
	})
}

// Who may not read the log still gets the exit code.
func TestBlind(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Inject(sandbox.Fault{Service: "logs", Op: "FilterLogEvents", Code: "AccessDeniedException", Message: "no"})
		r := w.run("sh", "-c", "echo x; exit 4")
		if err := w.runs(r); err != nil || *r.Tasks[0].ExitCode != 4 || r.Blind == nil || !strings.Contains(r.Blind.Error(), "logs:FilterLogEvents") {
			t.Error(err, r.Blind)
		}
	})
}

// A command in a container that is not essential ends its task.
func TestSidecar(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.run()
		in := aws.CloneTaskDefinition(r.Definition, nil)
		side := in.ContainerDefinitions[0]
		side.Name, side.Essential, side.PortMappings = new("side"), new(false), nil
		in.Family, in.ContainerDefinitions = new("two"), append(in.ContainerDefinitions, side)
		out, err := w.calls.ECS.RegisterTaskDefinition(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		r.Definition, r.Container, r.In.TaskDefinition, r.In.StartedBy = out.TaskDefinition, side, out.TaskDefinition.TaskDefinitionArn, new("me")
		r.Command([]string{"echo", "aside"}, nil)
		if err := w.runs(r); err != nil || *r.Tasks[0].ExitCode != 0 || !slices.Equal(w.lines, []string{"aside"}) {
			t.Error(err, w.lines)
		}
		if left := w.tasks(); len(left) != 0 {
			t.Error("its task goes on")
		}
	})
}

func TestBeside(t *testing.T) {
	t.Parallel()
	item := func(name string) types.CapacityProviderStrategyItem {
		return types.CapacityProviderStrategyItem{CapacityProvider: &name, Weight: 1}
	}
	spot := oneoff.Beside(&types.Service{CapacityProviderStrategy: []types.CapacityProviderStrategyItem{item("FARGATE_SPOT"), item("FARGATE")}})
	if spot.LaunchType != types.LaunchTypeFargate || spot.CapacityProviderStrategy != nil {
		t.Error("on Spot:", spot.LaunchType, spot.CapacityProviderStrategy)
	}
	own := oneoff.Beside(&types.Service{CapacityProviderStrategy: []types.CapacityProviderStrategyItem{item("my-instances")}})
	if own.LaunchType != "" || len(own.CapacityProviderStrategy) != 1 {
		t.Error("on instances:", own.LaunchType, own.CapacityProviderStrategy)
	}
	if plain := oneoff.Beside(&types.Service{LaunchType: types.LaunchTypeEc2}); plain.LaunchType != types.LaunchTypeEc2 {
		t.Error(plain.LaunchType)
	}
}
