// Package session opens sessions in the containers of a service's tasks, by ECS Exec: which task, whether it can be, what
// command runs and how it ends, and ports that are forwarded through it.
package session

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/release"
)

// A Target is a container of a running task.
type Target struct {
	Calls     *aws.Calls
	Service   *release.Service // that the task is looked for in
	Task      types.Task
	Container types.Container

	definition *types.TaskDefinition // of the task, once it was read
}

// ID is the task's.
func (t *Target) ID() string { return short(val(t.Task.TaskArn)) }

// Name is the container's.
func (t *Target) Name() string { return val(t.Container.Name) }

// A TaskError is a task or a container that is not to be had.
type TaskError struct{ text, hint string }

func (e *TaskError) Error() string { return e.text }

// Hint says what there is instead.
func (e *TaskError) Hint() string { return e.hint }

// Find chooses the task whose id begins with task, of the service or beside it, or without one the newest healthy task of
// the service in which a session can begin; and the container, by default the one that the service is about.
func Find(ctx context.Context, s *release.Service, task, container string) (*Target, error) {
	t := &Target{Calls: s.Calls, Service: s}
	tasks, err := t.tasks(ctx)
	if err != nil {
		return nil, err
	}
	if task != "" {
		tasks, err = t.named(ctx, tasks, short(task))
		if err != nil {
			return nil, err
		}
	}
	if len(tasks) == 0 {
		return nil, &TaskError{fmt.Sprintf("no task of %s is running", s.Name), "fargatectl status shows why"}
	}
	t.Task = slices.MinFunc(tasks, func(a, b types.Task) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), started(b).Compare(started(a)))
	})
	return t, t.choose(container)
}

// rank is higher for a task that is more use.
func rank(t types.Task) (n int) {
	if t.HealthStatus != types.HealthStatusUnhealthy {
		n += 2
	}
	if t.EnableExecuteCommand {
		n++
	}
	return n
}

func started(t types.Task) time.Time { return val(cmp.Or(t.StartedAt, t.CreatedAt)) }

// tasks are the service's that run.
func (t *Target) tasks(ctx context.Context) (running []types.Task, err error) {
	in := &ecs.ListTasksInput{Cluster: &t.Service.Cluster, ServiceName: &t.Service.Name}
	for {
		page, err := t.Calls.ECS.ListTasks(ctx, in)
		if err != nil {
			return nil, err
		}
		some, err := t.describe(ctx, page.TaskArns)
		if err != nil {
			return nil, err
		}
		running = append(running, some...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return running, nil
		}
	}
}

// describe reads tasks, and leaves out those that do not run.
func (t *Target) describe(ctx context.Context, ids []string) ([]types.Task, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	out, err := t.Calls.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &t.Service.Cluster, Tasks: ids})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out.Tasks, func(t types.Task) bool { return val(t.LastStatus) != "RUNNING" }), nil
}

// taskID is how long an id is: one that is whole may be of a task that belongs to no service.
const taskID = 32

func (t *Target) named(ctx context.Context, tasks []types.Task, prefix string) ([]types.Task, error) {
	found := slices.DeleteFunc(slices.Clone(tasks), func(t types.Task) bool { return !strings.HasPrefix(short(val(t.TaskArn)), prefix) })
	if len(found) == 0 && len(prefix) == taskID {
		var err error
		if found, err = t.describe(ctx, []string{prefix}); err != nil {
			return nil, err
		}
	}
	names := func(tasks []types.Task) string {
		var ids []string
		for _, t := range tasks {
			ids = append(ids, short(val(t.TaskArn)))
		}
		return strings.Join(ids, ", ")
	}
	switch {
	case len(found) == 0 && len(tasks) == 0:
		return nil, &TaskError{fmt.Sprintf("no task %s is running", prefix), "fargatectl status shows what there is"}
	case len(found) == 0:
		return nil, &TaskError{fmt.Sprintf("no task %s is running", prefix), "there are: " + names(tasks)}
	case len(found) > 1:
		return nil, &TaskError{fmt.Sprintf("%s is not the beginning of one task's id only", prefix), "there are: " + names(found)}
	}
	return found, nil
}

// choose finds the container.
func (t *Target) choose(name string) error {
	want := cmp.Or(name, val(t.Service.Container().Name))
	var names []string
	for _, c := range t.Task.Containers {
		if val(c.Name) == want {
			t.Container = c
			return nil
		}
		names = append(names, val(c.Name))
	}
	if name != "" {
		return &TaskError{fmt.Sprintf("task %s has no container %s", t.ID(), name), "it has: " + strings.Join(names, ", ")}
	}
	if len(t.Task.Containers) == 0 {
		return &TaskError{fmt.Sprintf("task %s has no container", t.ID()), ""}
	}
	t.Container = t.Task.Containers[0]
	return nil
}

// again reads the task once more.
func (t *Target) again(ctx context.Context) error {
	tasks, err := t.describe(ctx, []string{t.ID()})
	if err != nil {
		return err
	}
	if len(tasks) == 0 {
		return &TaskError{fmt.Sprintf("task %s does not run any more", t.ID()), ""}
	}
	t.Task = tasks[0]
	return t.choose(val(t.Container.Name))
}

// agent is the state of the container's agent: PENDING, RUNNING, STOPPED, "" without one; and why.
func (t *Target) agent() (status, reason string) {
	for _, a := range t.Container.ManagedAgents {
		if a.Name == types.ManagedAgentNameExecuteCommandAgent {
			return val(a.LastStatus), val(a.Reason)
		}
	}
	return "", ""
}

// define reads the task's definition.
func (t *Target) define(ctx context.Context) (*types.TaskDefinition, error) {
	if t.definition != nil {
		return t.definition, nil
	}
	out, err := t.Calls.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: t.Task.TaskDefinitionArn})
	if err != nil {
		return nil, err
	}
	t.definition = out.TaskDefinition
	return t.definition, nil
}

func short(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// val is what p points to, the zero value for nil.
func val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
