package aws

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// WhyStopped is what the newest stopped task of a task definition, "" for any, said when it stopped, with its containers'
// exit codes: "Essential container in task exited (api: exit code 1)". "" when there is none since that time: ECS forgets
// stopped tasks in an hour, and a restart has the task definition of the deployment before it.
func (c *ECS) WhyStopped(ctx context.Context, cluster, service, definition string, since time.Time) (string, error) {
	list, err := c.ListTasks(ctx, &ecs.ListTasksInput{Cluster: &cluster, ServiceName: &service, DesiredStatus: types.DesiredStatusStopped})
	if err != nil || len(list.TaskArns) == 0 {
		return "", err
	}
	out, err := c.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: list.TaskArns[:min(100, len(list.TaskArns))]})
	if err != nil {
		return "", err
	}
	why, newest := "", time.Time{}
	for _, t := range out.Tasks {
		// A task that the scheduler stops for lack of need says nothing about the release.
		if definition != "" && deref(t.TaskDefinitionArn) != definition || when(t.CreatedAt).Before(since) ||
			strings.HasPrefix(deref(t.StoppedReason), "Scaling activity") || when(t.StoppingAt).Before(newest) {
			continue
		}
		why, newest = stoppedText(t), when(t.StoppingAt)
	}
	return why, nil
}

func stoppedText(t types.Task) string {
	var parts []string
	for _, con := range t.Containers {
		said := deref(con.Reason)
		if con.ExitCode != nil && *con.ExitCode != 0 {
			said = strings.TrimPrefix(fmt.Sprintf("%s, exit code %d", said, *con.ExitCode), ", ")
		}
		if said != "" && said != deref(t.StoppedReason) {
			parts = append(parts, deref(con.Name)+": "+said)
		}
	}
	if len(parts) == 0 {
		return deref(t.StoppedReason)
	}
	return deref(t.StoppedReason) + " (" + strings.Join(parts, "; ") + ")"
}
