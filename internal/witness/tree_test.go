package witness

import (
	"testing"
	"time"

	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
)

func TestTree(t *testing.T) {
	t.Parallel()
	zero := func(names ...string) []string { return names }
	at := time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC)
	for _, c := range []struct {
		in, want any
	}{
		{&ecs.Service{RunningCount: 0, DesiredCount: 2, CreatedAt: &at}, map[string]any{
			"DesiredCount": int32(2), "CreatedAt": map[string]any{"$time": "2026-11-01T02:03:04Z"},
			"$zero": zero("EnableECSManagedTags", "EnableExecuteCommand", "PendingCount", "RunningCount"),
		}},
		{&ecs.TaskSet{LoadBalancers: []ecs.LoadBalancer{}, Tags: nil}, map[string]any{"LoadBalancers": []any{}, "$zero": zero("ComputedDesiredCount", "PendingCount", "RunningCount")}},
		{&ecs.TaskDefinition{Volumes: nil}, map[string]any{"$zero": zero("Revision")}},
		{&ecs.Cluster{}, map[string]any{"$zero": zero("ActiveServicesCount", "PendingTasksCount", "RegisteredContainerInstancesCount", "RunningTasksCount")}},
		{&ecs.Container{}, map[string]any{}},
		{&ecs.ContainerInstance{Tags: []ecs.Tag{{Key: new("a"), Value: new("")}, {}}}, map[string]any{
			"$zero": zero("AgentConnected", "PendingTasksCount", "RunningTasksCount", "Version"), "Tags": []any{map[string]any{"Key": "a", "Value": ""}, map[string]any{}},
		}},
		{struct {
			U ecs.ServiceConnectContainerConfiguration
		}{&ecs.ServiceConnectContainerConfigurationMemberLogLevel{Value: "info"}}, map[string]any{"U": map[string]any{"LogLevel": ecs.ServiceConnectContainerLogLevel("info")}}},
		{&ecs.HealthCheck{Retries: new(int32(0)), Command: []string{"", "x"}}, map[string]any{"Retries": int32(0), "Command": []any{"", "x"}}},
		{&scaling.MetricDimension{}, map[string]any{}},
		{&secretsmanager.PutSecretValueInput{SecretBinary: []byte("ab")}, map[string]any{"SecretBinary": map[string]any{"$blob": "YWI="}}},
	} {
		if diff := cmp.Diff(c.want, tree(c.in)); diff != "" {
			t.Error(diff)
		}
	}
}
