package release

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/logs"
)

// Trail shows what the tasks of the deployment that was started or joined log, until it is over and what was on its way
// has come, or until ctx ends. Other tasks write to the same group: whose a line is, is asked once a task. Speed divides
// our own waits.
func (s *Service) Trail(ctx context.Context, over <-chan struct{}, speed float64, show func(task, line string)) error {
	definition, _, err := s.describe(ctx, s.follow.Definition)
	if err != nil {
		return err
	}
	sources, err := logs.Sources(definition)
	if err != nil {
		return err
	}
	t := &trail{calls: &s.Calls.ECS, cluster: s.Cluster, mine: map[string]bool{}, show: show}
	since := time.Now()
	if p := s.primary(); p != nil {
		t.deployment = val(p.Id)
		if p.CreatedAt != nil {
			since = *p.CreatedAt
		}
	}
	pace := func(d time.Duration) time.Duration { return time.Duration(float64(d) / max(speed, 1)) }
	q := logs.Query{
		Places: logs.All(sources), Since: since, Done: over,
		Poll: pace(2 * time.Second), Settle: pace(time.Second), Drain: pace(5 * time.Second),
	}
	return logs.Follow(ctx, &s.Calls.Logs, q, func(events []logs.Event) error { return t.take(ctx, events) })
}

// A trail is whose lines are shown.
type trail struct {
	calls      *aws.ECS
	cluster    string
	deployment string          // id of the one whose tasks' lines are
	mine       map[string]bool // whether a task is of it
	show       func(task, line string)
}

func (t *trail) take(ctx context.Context, events []logs.Event) error {
	for _, e := range events {
		id := e.Task()
		if _, asked := t.mine[id]; !asked {
			out, err := t.calls.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &t.cluster, Tasks: []string{id}})
			if err != nil && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			t.mine[id] = err == nil && len(out.Tasks) == 1 && val(out.Tasks[0].StartedBy) == t.deployment
		}
		if !t.mine[id] {
			continue
		}
		for line := range strings.SplitSeq(strings.TrimRight(e.Message, "\r\n"), "\n") {
			t.show(id, line)
		}
	}
	return nil
}
