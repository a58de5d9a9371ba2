package oneoff

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A Task is one of a run, as it was last seen.
type Task struct {
	ARN      string // "" when AWS has not started it
	Status   string // AWS's: PROVISIONING, PENDING, ACTIVATING, RUNNING, …, STOPPED
	ExitCode *int32 // of the command; nil while it has none, and when it never began
	StopCode types.TaskStopCode
	Reason   string // why it stopped, in AWS's words
	Started  time.Time
	Stopped  time.Time
	Last     []string // its last lines, at most ten

	over bool // its command has ended, or never began
}

// ID is the task's: 32 hexadecimal digits.
func (t *Task) ID() string { return t.ARN[strings.LastIndexByte(t.ARN, '/')+1:] }

// Short is as much of the id as is shown.
func (t *Task) Short() string { return t.ID()[:min(8, len(t.ID()))] }

// see takes over what AWS says. The exit code is there before the task has stopped altogether: its network interface
// still has to go then.
func (t *Task) see(live types.Task, container string) {
	t.Status, t.StopCode = val(live.LastStatus), live.StopCode
	t.Started, t.Stopped = val(live.StartedAt), val(live.StoppedAt)
	stopped := false
	reasons := []string{strings.TrimSuffix(val(live.StoppedReason), ".")}
	for _, c := range live.Containers {
		if val(c.Name) == container {
			t.ExitCode, stopped = c.ExitCode, val(c.LastStatus) == "STOPPED"
		}
		if why := val(c.Reason); why != "" && why != val(live.StoppedReason) {
			reasons = append(reasons, val(c.Name)+": "+why)
		}
	}
	t.Reason = strings.Join(slices.DeleteFunc(reasons, func(s string) bool { return s == "" }), "; ")
	failed := t.StopCode == types.TaskStopCodeTaskFailedToStart && val(live.DesiredStatus) == "STOPPED"
	t.over = t.Status == "STOPPED" || stopped && t.ExitCode != nil || failed
}

// outlived says whether the command has ended and the task has not: its container is not essential.
func (t *Task) outlived(live types.Task, c types.ContainerDefinition) bool {
	return t.ended() && val(live.DesiredStatus) == "RUNNING" && c.Essential != nil && !*c.Essential
}

func (t *Task) ended() bool { return t.over || t.ARN == "" }

// Err is how the task ended: nil for exit code 0, a StartError when the command never began or has no exit code, an
// ExitError otherwise.
func (t *Task) Err() error {
	switch {
	case t.ExitCode == nil:
		return &StartError{t}
	case *t.ExitCode != 0:
		return &ExitError{t}
	}
	return nil
}

// A StartError is a command that never ran to its end: AWS says why.
type StartError struct{ *Task }

func (e *StartError) Error() string {
	what := "the task"
	if e.ARN != "" {
		what = "task " + e.Short()
	}
	if e.Started.IsZero() {
		return what + " did not start: " + e.Reason
	}
	return what + " stopped without an exit code: " + e.Reason
}

// An ExitError is a command that ended with an exit code other than 0.
type ExitError struct{ *Task }

func (e *ExitError) Error() string {
	text := fmt.Sprintf("the command exited with code %d", *e.ExitCode)
	if e.StopCode != types.TaskStopCodeEssentialContainerExited || strings.Contains(e.Reason, ";") {
		text += ": " + e.Reason // it was stopped, or died of more than its own will: AWS says of what
	}
	return text
}

// Code is the exit code of a run: the first one of its tasks that is not 0. ok is false when a task has none.
func (r *Run) Code() (code int, ok bool) {
	ok = true
	for _, t := range r.Tasks {
		switch {
		case t.ExitCode == nil:
			ok = false
		case code == 0:
			code = int(*t.ExitCode)
		}
	}
	return code, ok
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// val is what p points to, the zero value for nil.
func val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
