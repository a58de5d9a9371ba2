package steps

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// stopOneOffs stops the tasks that `run` and release commands have started in a cluster and that still go on: with them
// neither the cluster nor the network can go. Tasks that others run are theirs.
func (a *App) stopOneOffs(ctx context.Context, cluster string) error {
	in := &ecs.ListTasksInput{Cluster: &cluster}
	for {
		page, err := a.AWS.ECS.ListTasks(ctx, in)
		if err != nil {
			return aws.Ignore(err, "ClusterNotFoundException")
		}
		for arns := range slices.Chunk(page.TaskArns, 100) {
			out, err := a.AWS.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: arns})
			if err != nil {
				return err
			}
			if err := a.stopThese(ctx, cluster, out.Tasks); err != nil {
				return err
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return nil
		}
	}
}

func (a *App) stopThese(ctx context.Context, cluster string, tasks []types.Task) error {
	for _, t := range tasks {
		if !strings.HasPrefix(val(t.StartedBy), "fargatectl/") {
			continue
		}
		if _, err := a.AWS.ECS.StopTask(ctx, &ecs.StopTaskInput{Cluster: &cluster, Task: t.TaskArn, Reason: new("fargatectl destroy")}); err != nil {
			return err
		}
	}
	return nil
}
