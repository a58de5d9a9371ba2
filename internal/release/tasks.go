package release

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/deploy"
)

// Tasks is the step that waits until a service has the tasks that it is to have, all of them healthy. It changes nothing.
type Tasks struct {
	*Service
	began time.Time // of the wait
}

// Name is the step's.
func (*Tasks) Name() string { return "tasks" }

// Wanted is always true.
func (*Tasks) Wanted() bool { return true }

// Read has nothing to find: the service is read.
func (*Tasks) Read(context.Context) error { return nil }

// Plan has nothing to do.
func (*Tasks) Plan() []deploy.Change { return nil }

// Remove has nothing to take away.
func (*Tasks) Remove() []deploy.Change { return nil }

// Ready counts the healthy tasks: those that run, pass their containers' checks, and are healthy targets of all the
// service's target groups. The count that is desired may be moved meanwhile: it is the newest that is waited for.
func (t *Tasks) Ready(ctx context.Context) (string, error) {
	if err := t.locate(ctx); err != nil {
		return "", err
	}
	var all []TaskStatus
	var targets []TargetStatus
	err := together(func() (err error) { all, err = t.tasks(ctx); return err }, func() (err error) { targets, err = t.targets(ctx); return err })
	if err != nil {
		return "", err
	}
	healthy, running := 0, 0
	for _, task := range all {
		if task.DesiredStatus == "RUNNING" {
			running++
		}
		if t.healthy(task, targets) {
			healthy++
		}
	}
	text, desired := "", int(t.Live.DesiredCount)
	switch {
	case running > desired:
		text = fmt.Sprintf("%s, %d to stop", tasks(int32(running)), running-desired)
	case healthy < desired:
		text = fmt.Sprintf("%d of %s healthy", healthy, tasks(t.Live.DesiredCount))
	default:
		return "", nil
	}
	if why := t.whyStopped(ctx); why != "" {
		text += ", one has stopped: " + why
	}
	return text, nil
}

// whyStopped is why the newest of the tasks has stopped that were to come up, "" when none has or it can't be seen. Those of a
// minute before the wait are among them: AWS's clock is another.
func (t *Tasks) whyStopped(ctx context.Context) string {
	if t.began.IsZero() {
		t.began = time.Now()
	}
	why, err := t.Calls.ECS.WhyStopped(ctx, t.Cluster, t.Service.Name, "", t.began.Add(-time.Minute))
	if err != nil {
		return ""
	}
	return why
}

// healthy says whether a task runs and serves.
func (s *Service) healthy(task TaskStatus, targets []TargetStatus) bool {
	if task.LastStatus != "RUNNING" || task.DesiredStatus != "RUNNING" {
		return false
	}
	for _, d := range s.Definition.ContainerDefinitions {
		if d.HealthCheck != nil && task.HealthStatus != string(types.HealthStatusHealthy) {
			return false
		}
	}
	serves := 0
	for _, target := range targets {
		if target.ID == task.PrivateIP && target.State == "healthy" {
			serves++
		}
	}
	return serves >= len(s.groups())
}

var _ deploy.Slow = (*Tasks)(nil)
