package oneoff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// ReleaseTask is how a plan calls the task of a release command.
func ReleaseTask(command []string) string {
	return "task to run " + Words(command) + " with the new image before the release"
}

// Words is a command as it would be typed.
func Words(command []string) string {
	quoted := make([]string, len(command))
	for i, w := range command {
		if quoted[i] = w; w == "" || strings.ContainsAny(w, " \t\n\"'\\") {
			quoted[i] = strconv.Quote(w)
		}
	}
	return strings.Join(quoted, " ")
}

// Release runs a service's release command to its end, within a change. One of the same image and command that an
// earlier run has started and left goes on: it is joined, not started twice; one of another release is an
// InProgressError, since two of them must not run at a time. What unknownYet names in an error is asked for again; nil
// knows nothing. A command that does not end with exit code 0 is a ReleaseError.
func (r *Run) Release(ctx context.Context, service string, command []string, unknownYet func(error) string) error {
	r.Command(command, nil)
	by := "fargatectl/release/" + service
	r.In.StartedBy = new(by[:min(len(by), 128)])
	joined, err := r.Join(ctx, service)
	if err != nil {
		return err
	}
	if joined {
		deploy.Say(ctx, "task %s, which runs it already, is joined", r.Tasks[0].Short())
	} else if err := deploy.Until(ctx, func(ctx context.Context) (string, error) {
		err := r.Start(ctx)
		if err != nil && unknownYet != nil {
			if what := unknownYet(err); what != "" {
				return what, nil
			}
		}
		return "", err
	}); err != nil {
		return err
	}
	defer r.Close()
	if err := deploy.Until(ctx, r.Look); err != nil {
		return err
	}
	if r.Blind != nil {
		deploy.Say(ctx, "%v", r.Blind)
	}
	if err := r.Tasks[0].Err(); err != nil {
		return &ReleaseError{err, r.Tasks[0]}
	}
	return nil
}

// Join takes the task that an earlier run of the same command with the same image has started and that still goes on, if
// there is one: it is known by its startedBy.
func (r *Run) Join(ctx context.Context, service string) (joined bool, err error) {
	list, err := r.Calls.ECS.ListTasks(ctx, &ecs.ListTasksInput{Cluster: r.In.Cluster, StartedBy: r.In.StartedBy})
	if err != nil || len(list.TaskArns) == 0 {
		return false, aws.Ignore(err, "ClusterNotFoundException") // it was just made
	}
	out, err := r.Calls.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: r.In.Cluster, Tasks: list.TaskArns[:1]})
	if err != nil || len(out.Tasks) == 0 {
		return false, err
	}
	t := out.Tasks[0]
	if !r.same(t) {
		return false, &aws.InProgressError{Service: service, TaskDefinition: val(t.TaskDefinitionArn), Since: val(t.CreatedAt)}
	}
	r.take(t)
	return true, nil
}

// same says whether a task runs the same command in the same image.
func (r *Run) same(t types.Task) bool {
	image := slices.ContainsFunc(t.Containers, func(c types.Container) bool {
		return val(c.Name) == val(r.Container.Name) && val(c.Image) == val(r.Container.Image)
	})
	return image && t.Overrides != nil && r.In.Overrides != nil &&
		slices.EqualFunc(t.Overrides.ContainerOverrides, r.In.Overrides.ContainerOverrides, func(a, b types.ContainerOverride) bool {
			return val(a.Name) == val(b.Name) && slices.Equal(a.Command, b.Command)
		})
}

// A ReleaseError is a release command that failed: the release did not begin.
type ReleaseError struct {
	Cause error // an ExitError or a StartError
	Task  *Task
}

func (e *ReleaseError) Error() string {
	text := "release command: " + e.Cause.Error()
	if exit := (*ExitError)(nil); errors.As(e.Cause, &exit) {
		text = strings.Replace(exit.Error(), "the command", "release command", 1)
	}
	if len(e.Task.Last) > 0 {
		text += fmt.Sprintf("; the last it said:\n%s", strings.Join(e.Task.Last, "\n"))
	}
	return text
}

func (e *ReleaseError) Unwrap() error { return e.Cause }

// Hint says what has become of the release.
func (e *ReleaseError) Hint() string {
	return "nothing was released: the service runs what it ran; what the command did is not undone"
}
