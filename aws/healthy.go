package aws

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// unhealthy says what the new tasks of a deployment lack to serve, "" when all of them run, pass their containers' health
// checks and are healthy in every target group of the service. That a task runs says nothing: ECS registers its address
// with the balancer then, and the first check comes an interval later.
func (c *Calls) unhealthy(ctx context.Context, f *Follow) (string, error) {
	out, err := c.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &f.Cluster, Services: []string{shortName(f.Service)}})
	if err != nil || len(out.Services) == 0 {
		return "the service to be described", err
	}
	sv := out.Services[0]
	i := slices.IndexFunc(sv.Deployments, func(d types.Deployment) bool { return deref(d.Status) == "PRIMARY" })
	if i < 0 {
		return "the deployment to begin", nil
	}
	if p := sv.Deployments[i]; shortName(deref(p.TaskDefinition)) != shortName(f.Last.TaskDefinition) { // ECS has gone back since it was described
		return f.Last.Missing(), nil
	}
	tasks, err := c.ECS.startedBy(ctx, f, deref(sv.Deployments[i].Id))
	if err != nil {
		return "", err
	}
	checked, err := c.ECS.checked(ctx, f)
	if err != nil {
		return "", err
	}
	want := int(f.Last.Desired)
	tasks = slices.DeleteFunc(tasks, func(t types.Task) bool {
		return deref(t.LastStatus) != "RUNNING" || checked && t.HealthStatus != types.HealthStatusHealthy
	})
	if len(tasks) < want && checked {
		return fmt.Sprintf("%d of %d new tasks running, %d healthy by their containers' health checks", f.Last.Running, want, len(tasks)), nil
	}
	if len(tasks) < want {
		return f.Last.Missing(), nil
	}
	for _, lb := range sv.LoadBalancers {
		if lb.TargetGroupArn == nil {
			continue
		}
		healthy, err := c.healthyIn(ctx, *lb.TargetGroupArn)
		if err != nil {
			return "", err
		}
		n := 0
		for _, t := range tasks {
			// A task without an interface of its own shares its instance's address: of it ECS's own word has to do.
			if ip := PrivateIP(t); ip == "" || healthy[ip] {
				n++
			}
		}
		if n < want {
			return fmt.Sprintf("%d of %d new tasks running, %d healthy in their target group", f.Last.Running, want, n), nil
		}
	}
	return "", nil
}

// checked says whether a container of the task definition has a health check. Without one ECS reports a task's health as
// UNKNOWN for ever (types.Task).
func (c *ECS) checked(ctx context.Context, f *Follow) (bool, error) {
	if f.checked == nil {
		out, err := c.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &f.Last.TaskDefinition})
		if err != nil {
			return false, err
		}
		f.checked = new(slices.ContainsFunc(out.TaskDefinition.ContainerDefinitions, func(d types.ContainerDefinition) bool { return d.HealthCheck != nil }))
	}
	return *f.checked, nil
}

// startedBy are the tasks of one deployment, by its id: those of the deployment before may be of the same task definition.
func (c *ECS) startedBy(ctx context.Context, f *Follow, deployment string) (tasks []types.Task, err error) {
	in := &ecs.ListTasksInput{Cluster: &f.Cluster, StartedBy: &deployment}
	for {
		page, err := c.ListTasks(ctx, in)
		if err != nil {
			return nil, err
		}
		if len(page.TaskArns) > 0 {
			out, err := c.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &f.Cluster, Tasks: page.TaskArns})
			if err != nil {
				return nil, err
			}
			tasks = append(tasks, out.Tasks...)
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return tasks, nil
		}
	}
}

// healthyIn are the addresses of a target group that pass its checks.
func (c *Calls) healthyIn(ctx context.Context, group string) (map[string]bool, error) {
	out, err := c.ELB.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &group})
	if err != nil {
		return nil, err
	}
	healthy := map[string]bool{}
	for _, d := range out.TargetHealthDescriptions {
		if d.Target != nil && d.TargetHealth != nil && d.TargetHealth.State == elbtypes.TargetHealthStateEnumHealthy {
			healthy[deref(d.Target.Id)] = true
		}
	}
	return healthy, nil
}

// PrivateIP is the address of a task's own network interface, "" without one.
func PrivateIP(t types.Task) string {
	for _, a := range t.Attachments {
		for _, kv := range a.Details {
			if deref(kv.Name) == "privateIPv4Address" {
				return deref(kv.Value)
			}
		}
	}
	return ""
}
