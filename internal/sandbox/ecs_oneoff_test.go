package sandbox

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func TestInterpret(t *testing.T) {
	t.Parallel()
	env := map[string]string{"NAME": "ann"}
	for _, test := range []struct {
		command []string
		lines   string // with ; between them
		ends    time.Duration
		exit    int32
	}{
		{[]string{"true"}, "", 0, 0},
		{[]string{"/bin/false"}, "", 0, 1},
		{[]string{"echo", "a", "b"}, "a b", 0, 0},
		{[]string{"printenv", "NAME"}, "ann", 0, 0},
		{[]string{"printenv", "NOBODY"}, "", 0, 1},
		{[]string{"sleep", "2.5"}, "", 2500 * time.Millisecond, 0},
		{[]string{"sh", "-c", "exit 3"}, "", 0, 3},
		{[]string{"sh", "-c", "exit 259; echo never"}, "", 0, 3},
		{[]string{"/bin/sh", "-c", `echo "hello  $NAME" '$NAME' ${NAME}s >&2; sleep 1 && echo late`}, "hello  ann $NAME anns;late", time.Second, 0},
		{[]string{"bash", "-c", "false && echo no || echo yes\nfalse; exit"}, "yes", 0, 1},
		{[]string{"./migrate", "up"}, "running ./migrate up;./migrate is done (the sandbox runs no programs)", commandRuns, 0},
	} {
		p := interpret(test.command, env)
		var lines []string
		for _, l := range p.Lines {
			lines = append(lines, l.Text)
		}
		if got := strings.Join(lines, ";"); got != test.lines || p.Ends != test.ends || p.Exit != test.exit {
			t.Errorf("%q: %q, %v, exit code %d", test.command, got, p.Ends, p.Exit)
		}
	}
}

// A oneOff is a request to run a command.
func (f *fleet) oneOff(definition string, command ...string) *ecs.RunTaskInput {
	return &ecs.RunTaskInput{
		Cluster: new("c"), TaskDefinition: &definition, LaunchType: types.LaunchTypeFargate, ClientToken: new(strings.Join(command, "-")),
		NetworkConfiguration: f.service(definition).NetworkConfiguration, StartedBy: new("me/run"),
		Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: new("web"), Command: command}}},
	}
}

func (f *fleet) task(arn string) types.Task {
	f.t.Helper()
	return must(f.ecs.DescribeTasks(f.t.Context(), &ecs.DescribeTasksInput{Cluster: new("c"), Tasks: []string{arn}}))(f.t).Tasks[0]
}

// lines are those that a task has logged.
func (f *fleet) lines(arn string) (lines []string) {
	f.t.Helper()
	out := must(cloudwatchlogs.NewFromConfig(f.Config("eu-west-1")).FilterLogEvents(f.t.Context(), &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: new("/ecs/web"), LogStreamNamePrefix: new("ecs/web/" + arn[strings.LastIndexByte(arn, '/')+1:]),
	}))(f.t)
	for _, e := range out.Events {
		lines = append(lines, *e.Message)
	}
	return lines
}

func TestRunTask(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		definition := f.register()
		in := f.oneOff(definition, "sh", "-c", "echo one; sleep 60; echo two; exit 3")
		first := must(f.ecs.RunTask(t.Context(), in))(t).Tasks[0]
		again := must(f.ecs.RunTask(t.Context(), in))(t).Tasks
		if len(again) != 1 || *again[0].TaskArn != *first.TaskArn {
			t.Error("the same token has started another task")
		}
		in.Count = new(int32(2))
		if _, err := f.ecs.RunTask(t.Context(), in); code(err) != "ConflictException" {
			t.Error("another request with the same token:", err)
		}
		time.Sleep(time.Minute)
		if got := f.lines(*first.TaskArn); !slices.Equal(got, []string{"one"}) || *f.task(*first.TaskArn).LastStatus != "RUNNING" {
			t.Error("while it sleeps:", got, *f.task(*first.TaskArn).LastStatus)
		}
		time.Sleep(2 * time.Minute)
		end := f.task(*first.TaskArn)
		if *end.LastStatus != "STOPPED" || end.StopCode != types.TaskStopCodeEssentialContainerExited || *end.Containers[0].ExitCode != 3 || end.StoppedAt.Sub(*end.StartedAt) < time.Minute {
			t.Error(*end.LastStatus, end.StopCode, *end.Containers[0].ExitCode)
		}
		if got := f.lines(*first.TaskArn); !slices.Equal(got, []string{"one", "two"}) {
			t.Error(got)
		}

		// One that has to stop.
		long := *must(f.ecs.RunTask(t.Context(), f.oneOff(definition, "sleep", "3600")))(t).Tasks[0].TaskArn
		time.Sleep(time.Minute)
		must(f.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: new("c"), Task: &long, Reason: new("enough")}))(t)
		time.Sleep(time.Minute)
		if end := f.task(long); *end.LastStatus != "STOPPED" || end.StopCode != types.TaskStopCodeUserInitiated || *end.StoppedReason != "enough" || *end.Containers[0].ExitCode != 137 {
			t.Error(*end.LastStatus, end.StopCode, *end.StoppedReason, end.Containers[0].ExitCode)
		}
	})
}

func TestRunTaskOverrides(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		must(0, f.Do(func(st *State) {
			st.Regions["eu-west-1"].ECS.Break("web", Failure{StopCode: types.TaskStopCodeEssentialContainerExited, ExitCode: new(int32(9))})
		}))(t)
		definition := f.register()
		in := f.oneOff(definition, "sh", "-c", "echo $COLOR")
		in.Overrides.Cpu, in.Overrides.Memory = new("1024"), new("2048")
		in.Overrides.ContainerOverrides[0].Environment = []types.KeyValuePair{{Name: new("COLOR"), Value: new("blue")}}
		arn := *must(f.ecs.RunTask(t.Context(), in))(t).Tasks[0].TaskArn
		time.Sleep(2 * time.Minute)
		end := f.task(arn)
		if got := f.lines(arn); !slices.Equal(got, []string{"blue"}) || *end.Cpu != "1024" || *end.Memory != "2048" || *end.Containers[0].ExitCode != 0 {
			t.Error(got, *end.Cpu, *end.Memory, *end.Containers[0].ExitCode)
		}
		for want, change := range map[string]func(*ecs.RunTaskInput){
			"No Fargate configuration exists":           func(in *ecs.RunTaskInput) { in.Overrides.Memory = new("1000") },
			"is not a container":                        func(in *ecs.RunTaskInput) { in.Overrides.ContainerOverrides[0].Name = new("nobody") },
			"startedBy contains":                        func(in *ecs.RunTaskInput) { in.StartedBy = new("web:7") },
			"Count must be between 1 and 10":            func(in *ecs.RunTaskInput) { in.Count = new(int32(11)) },
			"Client token must have at most 64 charact": func(in *ecs.RunTaskInput) { in.ClientToken = new(strings.Repeat("x", 65)) },
		} {
			in := f.oneOff(definition, "true")
			change(in)
			if _, err := f.ecs.RunTask(t.Context(), in); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", want, err)
			}
		}
	})
}
