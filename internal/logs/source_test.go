package logs_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/internal/logs"
)

func container(name string, driver types.LogDriver, options ...string) types.ContainerDefinition {
	c := types.ContainerDefinition{Name: &name}
	if driver != "" {
		c.LogConfiguration = &types.LogConfiguration{LogDriver: driver, Options: map[string]string{}}
		for i := 0; i < len(options); i += 2 {
			c.LogConfiguration.Options[options[i]] = options[i+1]
		}
	}
	return c
}

// Where tasks write to, as their definition says: one place a group for certain tasks, one a group and prefix for all.
func TestSources(t *testing.T) {
	t.Parallel()
	d := &types.TaskDefinition{Family: new("api"), Revision: 7, ContainerDefinitions: []types.ContainerDefinition{
		container("web", types.LogDriverAwslogs, "awslogs-group", "/ecs/a", "awslogs-region", "eu-west-1", "awslogs-stream-prefix", "team/a"),
		container("proxy", types.LogDriverAwslogs, "awslogs-group", "/ecs/a", "awslogs-region", "eu-west-1", "awslogs-stream-prefix", "team/a"),
		container("audit", types.LogDriverAwslogs, "awslogs-group", "/ecs/b", "awslogs-region", "us-east-1", "awslogs-stream-prefix", "x"),
		container("router", types.LogDriverAwsfirelens),
		container("quiet", ""),
	}}
	all, err := logs.Sources(d)
	if err != nil || len(all) != 3 {
		t.Fatal(err, all)
	}
	if got := fmt.Sprint(logs.All(all)); got != "[{/ecs/a eu-west-1 team/a/ []} {/ecs/b us-east-1 x/ []}]" {
		t.Error(got)
	}
	const arn = "arn:aws:ecs:eu-west-1:123456789012:task/c/0123"
	if got := fmt.Sprint(logs.Of(all, arn)); got != "[{/ecs/a eu-west-1  [team/a/web/0123 team/a/proxy/0123]} {/ecs/b us-east-1  [x/audit/0123]}]" {
		t.Error(got)
	}
	e := logs.Event{Stream: all[0].Stream(arn)}
	if e.Task() != "0123" || e.Container() != "web" {
		t.Error(e.Task(), e.Container())
	}

	d.ContainerDefinitions = d.ContainerDefinitions[3:]
	_, err = logs.Sources(d)
	none := &logs.NoLogsError{}
	if !errors.As(err, &none) || err.Error() != "api:7 writes no logs to CloudWatch: container quiet has no log driver, container router has the log driver awsfirelens" || none.Hint() == "" {
		t.Error(err)
	}
}
