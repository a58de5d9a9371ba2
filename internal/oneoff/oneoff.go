// Package oneoff runs a command once: in tasks of its own beside a service, in that service's network and with its
// roles. Its log is shown as it comes, and its exit code is the answer.
//
// A run is looked at once a poll. It can be interrupted between two looks, and looked at again.
package oneoff

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// A Run is a command in one task, or in several at a time.
type Run struct {
	Calls      *aws.Calls
	In         *ecs.RunTaskInput         // what is started
	Definition *types.TaskDefinition     // that the tasks are made from
	Container  types.ContainerDefinition // of it, that the command runs in: its log is shown, its exit code counts
	Speed      float64                   // our own waits are divided by it; 0 is 1
	Show       func(t *Task, line string)

	Tasks []*Task
	Blind error // why the log can't be read, nil when it can

	began time.Time
	log   *follow // nil before the first task runs, and at the end
	over  bool    // the tasks have ended
}

// Beside is the request that runs tasks where a service runs its own, from its task definition. On Fargate a one-off
// runs on demand, whatever share of the service is on Spot: it may be at something that is not to be torn off.
func Beside(sv *types.Service) *ecs.RunTaskInput {
	in := &ecs.RunTaskInput{
		Cluster: sv.ClusterArn, TaskDefinition: sv.TaskDefinition, NetworkConfiguration: sv.NetworkConfiguration,
		LaunchType: sv.LaunchType, PlatformVersion: sv.PlatformVersion, EnableExecuteCommand: sv.EnableExecuteCommand,
	}
	if len(sv.CapacityProviderStrategy) > 0 {
		in.LaunchType, in.CapacityProviderStrategy = "", sv.CapacityProviderStrategy
	}
	if !slices.ContainsFunc(in.CapacityProviderStrategy, func(c types.CapacityProviderStrategyItem) bool {
		return !strings.HasPrefix(val(c.CapacityProvider), "FARGATE")
	}) && len(in.CapacityProviderStrategy) > 0 {
		in.LaunchType, in.CapacityProviderStrategy = types.LaunchTypeFargate, nil
	}
	return in
}

// Command has a container do something else than its definition says: a command, with more variables.
func (r *Run) Command(command []string, env map[string]string) {
	if len(command)+len(env) == 0 {
		return
	}
	o := types.ContainerOverride{Name: r.Container.Name, Command: command}
	for _, k := range sortedKeys(env) {
		o.Environment = append(o.Environment, types.KeyValuePair{Name: &k, Value: new(env[k])})
	}
	r.override().ContainerOverrides = []types.ContainerOverride{o}
}

// Size gives the tasks other CPU units and MiB of memory than the definition's; zero leaves them.
func (r *Run) Size(cpu, memory int32) {
	if cpu != 0 {
		r.override().Cpu = new(fmt.Sprint(cpu))
	}
	if memory != 0 {
		r.override().Memory = new(fmt.Sprint(memory))
	}
}

func (r *Run) override() *types.TaskOverride {
	if r.In.Overrides == nil {
		r.In.Overrides = &types.TaskOverride{}
	}
	return r.In.Overrides
}

// Start starts the tasks. The request's token is made once, so that one whose answer is lost starts no second task. What
// AWS does not start is a task that has ended.
func (r *Run) Start(ctx context.Context) error {
	if r.In.ClientToken == nil {
		r.In.ClientToken = new(rand.Text())
	}
	out, err := r.Calls.ECS.RunTask(ctx, r.In)
	if err != nil {
		return err
	}
	for _, t := range out.Tasks {
		r.take(t)
	}
	for _, f := range out.Failures {
		r.Tasks = append(r.Tasks, &Task{Status: "STOPPED", StopCode: types.TaskStopCodeTaskFailedToStart, Reason: failure(f)})
	}
	return nil
}

// failure is why a task was not started: AWS answers that in a list, with status 200.
func failure(f types.Failure) string {
	text := val(f.Reason)
	if d := val(f.Detail); d != "" {
		text += ": " + d
	}
	return text
}

func (r *Run) take(t types.Task) {
	task := &Task{ARN: val(t.TaskArn)}
	if r.began = val(t.CreatedAt); r.began.IsZero() {
		r.began = time.Now()
	}
	task.see(t, val(r.Container.Name))
	r.Tasks = append(r.Tasks, task)
}

// Stop ends the tasks that run: SIGTERM, and SIGKILL after the container's stop timeout.
func (r *Run) Stop(ctx context.Context, reason string) error {
	for _, t := range r.Tasks {
		if !t.ended() {
			if err := r.stop(ctx, t, reason); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Run) stop(ctx context.Context, t *Task, reason string) error {
	_, err := r.Calls.ECS.StopTask(ctx, &ecs.StopTaskInput{Cluster: r.In.Cluster, Task: &t.ARN, Reason: &reason})
	return err
}

// Wait looks once a poll until every task has ended and its log has come, and says what is missing as it changes. When
// ctx ends it returns why, at once; the tasks go on, and it can be called again.
func (r *Run) Wait(ctx context.Context, poll time.Duration, say func(string)) error {
	for said := ""; ; {
		missing, err := r.Look(context.WithoutCancel(ctx))
		if err != nil || missing == "" {
			return err
		}
		if missing != said {
			say(missing)
			said = missing
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(poll):
		}
	}
}

// Look sees how the tasks are, shows the lines that have come, and says what is missing, "" when all have ended.
func (r *Run) Look(ctx context.Context) (missing string, err error) {
	if err := r.describe(ctx); err != nil {
		return "", err
	}
	r.listen(ctx)
	if missing := r.missing(); missing != "" {
		return missing, nil
	}
	all, err := r.heard()
	if err != nil || all {
		return "", err
	}
	return "waiting for the last lines", nil
}

// describe asks for the tasks that have not ended.
func (r *Run) describe(ctx context.Context) error {
	in := &ecs.DescribeTasksInput{Cluster: r.In.Cluster}
	for _, t := range r.Tasks {
		if !t.ended() {
			in.Tasks = append(in.Tasks, t.ARN)
		}
	}
	if len(in.Tasks) == 0 {
		return nil
	}
	out, err := r.Calls.ECS.DescribeTasks(ctx, in) // one that was just started may be missing: lists lag
	if err != nil {
		return err
	}
	for _, live := range out.Tasks {
		for _, t := range r.Tasks {
			if t.ARN != val(live.TaskArn) {
				continue
			}
			t.see(live, val(r.Container.Name))
			if t.outlived(live, r.Container) {
				if err := r.stop(ctx, t, "its command has ended"); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// missing is what is awaited, in a line.
func (r *Run) missing() string {
	var open []*Task
	states := map[string]int{}
	for _, t := range r.Tasks {
		if !t.ended() {
			open = append(open, t)
			states[strings.ToLower(t.Status)]++
		}
	}
	switch {
	case len(open) == 0:
		return ""
	case len(r.Tasks) == 1:
		return "task " + open[0].Short() + " " + strings.ToLower(open[0].Status)
	}
	var parts []string
	for _, s := range sortedKeys(states) {
		parts = append(parts, fmt.Sprintf("%d %s", states[s], s))
	}
	return fmt.Sprintf("of %d tasks %s", len(r.Tasks), strings.Join(parts, ", "))
}
