package oneoff

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/logs"
)

// A follow is the log of a run's tasks as it is being read: until they have ended and what is on its way has come.
type follow struct {
	ended chan struct{} // closed when the tasks have
	done  chan struct{} // closed when it has, then with err
	err   error
	stop  context.CancelFunc
}

// listen begins to read the log when the first task does something. One that can't be read does not stop the run: its
// exit code is still the answer.
func (r *Run) listen(ctx context.Context) {
	if r.log != nil || r.Blind != nil || !slices.ContainsFunc(r.Tasks, (*Task).spoke) {
		return
	}
	all, err := logs.Sources(r.Definition)
	sources := slices.DeleteFunc(all, func(s logs.Source) bool { return s.Container != val(r.Container.Name) })
	if err == nil && len(sources) == 0 {
		err = errors.New("container " + val(r.Container.Name) + " does not log to CloudWatch")
	}
	if err != nil {
		r.Blind = err
		return
	}
	var tasks []string
	for _, t := range r.Tasks {
		if t.ARN != "" {
			tasks = append(tasks, t.ID())
		}
	}
	q := logs.Query{
		Places: logs.Of(sources, tasks...), Since: r.began.Add(-time.Minute), // the hosts' clock is another than ECS's
		Poll: r.pace(time.Second), Settle: r.pace(time.Second), Drain: r.pace(5 * time.Second),
	}
	f := &follow{ended: make(chan struct{}), done: make(chan struct{})}
	q.Done, r.log = f.ended, f
	ctx, f.stop = context.WithCancel(context.WithoutCancel(ctx)) // between two looks it goes on: see Close
	go func() {
		defer close(f.done)
		f.err = logs.Follow(ctx, &r.Calls.Logs, q, r.hear)
	}()
}

// pace is a wait of ours, shorter beside an AWS that is quicker.
func (r *Run) pace(d time.Duration) time.Duration {
	if r.Speed > 0 {
		return time.Duration(float64(d) / r.Speed)
	}
	return d
}

// hear shows lines, and keeps the last of each task.
func (r *Run) hear(events []logs.Event) error {
	for _, e := range events {
		at := slices.IndexFunc(r.Tasks, func(t *Task) bool { return t.ID() == e.Task() })
		if at < 0 {
			continue
		}
		t := r.Tasks[at]
		for line := range strings.SplitSeq(strings.TrimRight(e.Message, "\r\n"), "\n") {
			t.Last = append(t.Last, line)
			t.Last = t.Last[max(0, len(t.Last)-10):]
			r.Show(t, line)
		}
	}
	return nil
}

// heard says whether all lines have come, once the tasks have ended.
func (r *Run) heard() (bool, error) {
	if r.log == nil {
		return true, nil
	}
	if !r.over {
		r.over = true
		close(r.log.ended)
	}
	select {
	case <-r.log.done:
		err := r.log.err
		r.log.stop()
		r.log = nil
		if aws.Explain(err).Kind == aws.Denied || aws.Is(err, "ResourceNotFoundException") {
			r.Blind, err = errors.New("the log can't be read: "+aws.Brief(err)), nil
		}
		return true, err
	default:
		return false, nil
	}
}

// Close ends the reading of the log of a run that is left before its end.
func (r *Run) Close() {
	if r.log != nil {
		r.log.stop()
		<-r.log.done
		r.log = nil
	}
}

// spoke says whether a task may have written something.
func (t *Task) spoke() bool {
	return !t.Started.IsZero() || t.ended() && t.ARN != "" && t.StopCode != types.TaskStopCodeTaskFailedToStart
}
