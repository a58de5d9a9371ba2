package logs

import (
	"context"
	"fmt"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// A Stopped task is one that runs no more.
type Stopped struct {
	Task string    // its id
	At   time.Time // when it stopped; of one that ECS has forgotten, when it wrote last
	Why  string    // "Essential container in task exited (web: exit code 1)"; "" of one that ECS has forgotten
}

// Previous is the task of a service that has stopped last. ECS forgets stopped tasks in an hour: of older ones there is
// the newest stream that is no running task's. nil when there is neither.
func Previous(ctx context.Context, c *aws.Calls, cluster, service string, sources []Source) (*Stopped, error) {
	stopped, err := tasks(ctx, c, cluster, service, types.DesiredStatusStopped)
	if err != nil {
		return nil, err
	}
	var last *Stopped
	for len(stopped) > 0 {
		n := min(len(stopped), 100)
		out, err := c.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: stopped[:n]})
		if err != nil {
			return nil, err
		}
		for _, t := range out.Tasks {
			at := latest(val(t.StoppedAt), val(t.StoppingAt))
			if last == nil || at.After(last.At) {
				last = &Stopped{short(val(t.TaskArn)), at, why(&t)}
			}
		}
		stopped = stopped[n:]
	}
	if last != nil {
		return last, nil
	}
	running, err := tasks(ctx, c, cluster, service, types.DesiredStatusRunning)
	if err != nil {
		return nil, err
	}
	alive := map[string]bool{}
	for _, arn := range running {
		alive[short(arn)] = true
	}
	for _, s := range sources {
		found, err := forgotten(ctx, c, s, alive)
		if err != nil {
			return nil, err
		}
		if found != nil && (last == nil || found.At.After(last.At)) {
			last = found
		}
	}
	return last, nil
}

// tasks are the ARNs of a service's tasks.
func tasks(ctx context.Context, c *aws.Calls, cluster, service string, status types.DesiredStatus) (all []string, err error) {
	for in := (&ecs.ListTasksInput{Cluster: &cluster, ServiceName: &service, DesiredStatus: status}); ; {
		out, err := c.ECS.ListTasks(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, out.TaskArns...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

func why(t *types.Task) string {
	var exits []string
	for _, c := range t.Containers {
		switch {
		case c.Reason != nil:
			exits = append(exits, val(c.Name)+": "+*c.Reason)
		case c.ExitCode != nil:
			exits = append(exits, fmt.Sprintf("%s: exit code %d", val(c.Name), *c.ExitCode))
		}
	}
	if len(exits) == 0 {
		return val(t.StoppedReason)
	}
	return val(t.StoppedReason) + " (" + strings.Join(exits, "; ") + ")"
}

// forgotten is the task of a container's stream that was written to last, of those that don't run. It looks at no more
// than the last 500 streams: CloudWatch can't name those of one prefix by the time of their last event.
func forgotten(ctx context.Context, c *aws.Calls, s Source, alive map[string]bool) (*Stopped, error) {
	input := &sdk.DescribeLogStreamsInput{LogGroupName: &s.Group, OrderBy: logtypes.OrderByLastEventTime, Descending: new(true)}
	for range 10 {
		out, err := c.Logs.DescribeLogStreams(ctx, input, in(s.Region))
		if err != nil {
			return nil, err
		}
		for _, st := range out.LogStreams {
			if task, ok := strings.CutPrefix(val(st.LogStreamName), s.Stream("")); ok && !alive[task] && st.LastEventTimestamp != nil {
				return &Stopped{Task: task, At: moment(st.LastEventTimestamp)}, nil
			}
		}
		if input.NextToken = out.NextToken; input.NextToken == nil {
			break
		}
	}
	return nil, nil
}

// Written says whether there is a stream in one of the places.
func Written(ctx context.Context, c *aws.Logs, places []Place) (bool, error) {
	r := newReader(c, Query{Places: places}.filled())
	for _, p := range places {
		found, err := r.streams(ctx, p, p.Prefix, 1)
		if err != nil || len(found) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}
