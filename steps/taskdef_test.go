package steps

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

const nginx = "public.ecr.aws/docker/library/nginx:1.27"

// taskdefSteps are the task definition and what it needs, with an image that exists.
func taskdefSteps(app *App) []deploy.Step {
	app.Options.Image, app.Options.Offline = nginx, true
	all := All(app)
	var some []deploy.Step
	for _, st := range all {
		switch st.(type) {
		case *ECR, *Image, *Scan, *IAM, *Secrets, *Logs, *TaskDef:
			some = append(some, st)
		}
	}
	return some
}

// taskdefYAML is a manifest with keys of the service's config.
func taskdefYAML(config ...string) string {
	return "project_name: app\nresources:\n  - id: api\n    type: aws_ecs_service\n    config:\n      container_port: 8080\n      " + strings.Join(config, "\n      ") + "\n"
}

func TestTaskDef(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = taskdefSteps
		if got := w.plan(taskdefYAML()); !strings.Contains(got, "+ taskdef: task definition app\n") {
			t.Errorf("plan %q", got)
		}
		w.settled(taskdefYAML())
		for _, c := range []struct{ config, diff string }{
			{"cpu: 512\n      memory: 1024", "cpu: 256 -> 512\n    memory: 512 -> 1024"},
			{"environment: { LOG_LEVEL: info }", "cpu: 512 -> 256\n    env LOG_LEVEL: none -> info\n    memory: 1024 -> 512"},
			{"environment: { LOG_LEVEL: debug }", "env LOG_LEVEL: info -> debug"},
			{"command: [serve, --all]", "command: none -> serve --all\n    env LOG_LEVEL: debug -> none"},
			{"architecture: ARM64", "architecture: X86_64 -> ARM64\n    command: serve --all -> none"},
			{"stop_timeout: 60", "architecture: ARM64 -> X86_64\n    stop timeout: 30 s -> 60 s"},
			{"health_check: { command: [CMD-SHELL, /check] }", "health check: none -> CMD-SHELL /check every 10 s, timeout 5 s, 3 retries, after 0 s\n    stop timeout: 60 s -> 30 s"},
			{"ephemeral_storage: 40", "ephemeral storage: none -> 40 GiB\n    health check: CMD-SHELL /check every 10 s, timeout 5 s, 3 retries, after 0 s -> none"},
		} {
			want := "~ taskdef: task definition app\n    " + c.diff + "\n"
			if got := w.plan(taskdefYAML(c.config)); got != want {
				t.Errorf("%s\n got %q\nwant %q", c.config, got, want)
			}
			w.settled(taskdefYAML(c.config))
		}
		if r := w.destroy(taskdefYAML()); r.err != nil {
			t.Error(r.err)
		}
		if err := w.Do(func(st *sandbox.State) {
			for name, f := range st.Regions["us-east-1"].ECS.Definitions {
				for n, d := range f.Revisions {
					if d.Status == types.TaskDefinitionStatusActive {
						t.Errorf("%s:%d is left", name, n)
					}
				}
			}
		}); err != nil {
			t.Error(err)
		}
	})
}

// What somebody has added by hand is carried over and named; --prune drops it.
func TestTaskDefKept(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = taskdefSteps
		w.settled(taskdefYAML())
		c := ecs.NewFromConfig(w.Config("us-east-1"))
		live, err := c.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: new("app"), Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}})
		if err != nil {
			t.Fatal(err)
		}
		d := live.TaskDefinition
		d.ContainerDefinitions[0].ReadonlyRootFilesystem = new(true)
		if _, err := c.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
			Family: d.Family, Cpu: d.Cpu, Memory: d.Memory, NetworkMode: d.NetworkMode, RequiresCompatibilities: d.RequiresCompatibilities, RuntimePlatform: d.RuntimePlatform,
			ExecutionRoleArn: d.ExecutionRoleArn, TaskRoleArn: d.TaskRoleArn, Tags: live.Tags,
			ContainerDefinitions: append(d.ContainerDefinitions, types.ContainerDefinition{Name: new("sidecar"), Image: new("public.ecr.aws/x/agent:1"), Essential: new(false)}),
		}); err != nil {
			t.Fatal(err)
		}
		want := "  taskdef: container's ReadonlyRootFilesystem kept: not in the manifest (--prune drops it)\n  taskdef: container sidecar kept: not in the manifest (--prune drops it)\n"
		if got := w.plan(taskdefYAML()); got != want {
			t.Errorf("got %q want %q", got, want)
		}
		w.settled(taskdefYAML("cpu: 512\n      memory: 1024"))
		if got := w.plan(taskdefYAML("cpu: 512\n      memory: 1024")); got != want {
			t.Errorf("carried over: got %q want %q", got, want)
		}
		w.opts.Prune = true
		pruned := "~ taskdef: task definition app\n    container sidecar: there -> none\n    container's ReadonlyRootFilesystem: there -> none\n"
		if got := w.plan(taskdefYAML("cpu: 512\n      memory: 1024")); got != pruned {
			t.Errorf("got %q want %q", got, pruned)
		}
		w.settled(taskdefYAML("cpu: 512\n      memory: 1024"))
	})
}

// A revision that was registered by a run that died is used, not made a second time.
func TestTaskDefCrash(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = taskdefSteps
		w.Inject(sandbox.Fault{Service: "ecs", Op: "RegisterTaskDefinition", Nth: 1, Lost: true})
		if r := w.up(taskdefYAML()); r.err == nil {
			t.Fatal("the answer was not lost")
		}
		w.Heal()
		w.settled(taskdefYAML())
		if got := w.revisions("app"); got != 1 {
			t.Errorf("%d revisions", got)
		}
	})
}

func (w *world) revisions(family string) (n int) {
	w.t.Helper()
	if err := w.Do(func(st *sandbox.State) { n = len(st.Regions["us-east-1"].ECS.Definitions[family].Revisions) }); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// What AWS fills in is no difference, and a fact of what it answers is the fact of what was sent.
func TestContainerFacts(t *testing.T) {
	t.Parallel()
	bare := types.ContainerDefinition{Image: new("x"), PortMappings: []types.PortMapping{{ContainerPort: new(int32(80))}}, HealthCheck: &types.HealthCheck{Command: []string{"CMD", "a b"}}}
	filled := types.ContainerDefinition{
		Image: new("x"), Essential: new(true), Environment: []types.KeyValuePair{}, Command: []string{},
		PortMappings: []types.PortMapping{{ContainerPort: new(int32(80)), HostPort: new(int32(80)), Protocol: types.TransportProtocolTcp}},
		HealthCheck:  &types.HealthCheck{Command: []string{"CMD", "a b"}, Interval: new(int32(30)), Timeout: new(int32(5)), Retries: new(int32(3))},
	}
	a, b := present(containerFacts(bare)), present(containerFacts(filled))
	for k := range b {
		if a[k] != b[k] {
			t.Errorf("%s: %q and %q", k, a[k], b[k])
		}
	}
	for in, want := range map[string]string{"1 vCPU": "1024", ".5 vcpu": "512", "256": "256"} {
		if got := units(in, "vCPU"); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
	if got := units("2 GB", "GB"); got != "2048" {
		t.Error(got)
	}
}
