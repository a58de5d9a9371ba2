package aws

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// lagging is ECS whose list of deployments knows the newest only from the third look on.
func lagging(newest *types.ServiceDeployment) *Calls {
	looks := 0
	old := types.ServiceDeployment{ServiceDeploymentArn: new("sd/old"), Status: types.ServiceDeploymentStatusSuccessful, TargetServiceRevision: &types.ServiceRevisionSummary{Arn: new("rev/app:1")}}
	now := func() *types.ServiceDeployment {
		if looks < 3 {
			return &old
		}
		return newest
	}
	return &Calls{ECS: ECS{
		ListServiceDeployments: func(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error) {
			looks++
			return &ecs.ListServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeploymentBrief{{ServiceDeploymentArn: now().ServiceDeploymentArn}}}, nil
		},
		DescribeServiceDeployments: func(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error) {
			return &ecs.DescribeServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeployment{*now()}}, nil
		},
		DescribeServiceRevisions: func(_ context.Context, in *ecs.DescribeServiceRevisionsInput, _ ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error) {
			return &ecs.DescribeServiceRevisionsOutput{ServiceRevisions: []types.ServiceRevision{{TaskDefinition: new("task-definition/" + in.ServiceRevisionArns[0][4:])}}}, nil
		},
		ListTasks: func(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
			return nil, errors.New("not allowed")
		},
	}}
}

// The list of deployments lags behind UpdateService: the one before, which ended well, is not the answer, not even when
// it brought the same task definition.
func TestFollowLags(t *testing.T) {
	t.Parallel()
	for definition, revision := range map[string]string{"task-definition/app:1": "rev/app:1", "task-definition/app:2": "rev/app:2"} {
		c := lagging(&types.ServiceDeployment{
			ServiceDeploymentArn: new("sd/new"), Status: types.ServiceDeploymentStatusRollbackSuccessful, StatusReason: new("no."),
			TargetServiceRevision: &types.ServiceRevisionSummary{Arn: &revision}, CreatedAt: new(time.Now()),
		})
		f := &Follow{Service: "app", Definition: definition, Before: "sd/old"}
		for range 2 {
			if missing, err := c.Look(t.Context(), f); missing != "the deployment to begin" || err != nil || f.Last != nil {
				t.Errorf("%s: %q %v", definition, missing, err)
			}
		}
		// Why its tasks stopped can't be asked: that is no reason to hide how it ended.
		if _, err := c.Look(t.Context(), f); err == nil || err.Error() != "the deployment failed and was rolled back: no" {
			t.Errorf("%s: %v", definition, err)
		}
	}
	// Somebody else's has taken its place.
	c := lagging(&types.ServiceDeployment{ServiceDeploymentArn: new("sd/theirs"), Status: types.ServiceDeploymentStatusInProgress, TargetServiceRevision: &types.ServiceRevisionSummary{Arn: new("rev/app:9")}})
	f := &Follow{Service: "service/c/app", Definition: "task-definition/app:2", Before: "sd/old"}
	var err error
	for range 3 {
		_, err = c.Look(t.Context(), f)
	}
	if busy, ok := errors.AsType[*InProgressError](err); !ok || busy.Service != "app" || busy.TaskDefinition != "task-definition/app:9" {
		t.Error(err)
	}
}
