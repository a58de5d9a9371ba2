package sandbox

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// taskTags are those that a service's task gets: what its service propagates, and ECS's own.
func (s *ecsService) taskTags(c *cluster, sv *service, d *definition) (tags []types.Tag) {
	switch sv.PropagateTags {
	case types.PropagateTagsService:
		tags = slices.Clone(sv.Tags)
	case types.PropagateTagsTaskDefinition:
		tags = slices.Clone(d.Tags)
	}
	if sv.EnableECSManagedTags {
		tags = append(tags, types.Tag{Key: new("aws:ecs:clusterName"), Value: c.ClusterName}, types.Tag{Key: new("aws:ecs:serviceName"), Value: sv.ServiceName})
	}
	return tags
}

func (t *task) describe(tags bool) *types.Task {
	d := t.Task
	if d.Overrides == nil {
		d.Overrides = &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{}}
	}
	if !tags {
		d.Tags = nil
	}
	return &d
}

func (s *ecsService) StopTask(ctx context.Context, in *ecs.StopTaskInput) (*ecs.StopTaskOutput, error) {
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	t := c.task(val(in.Task))
	if t == nil {
		return nil, invalid("The referenced task was not found.")
	}
	s.stop(s.region(ctx), c, t, types.TaskStopCodeUserInitiated, or(in.Reason, "Task stopped by user"), nil)
	return &ecs.StopTaskOutput{Task: t.describe(true)}, nil
}

func (c *cluster) task(id string) *task { return c.Tasks[id[strings.LastIndex(id, "/")+1:]] }

func (s *ecsService) DescribeTasks(ctx context.Context, in *ecs.DescribeTasksInput) (*ecs.DescribeTasksOutput, error) {
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	if n := len(in.Tasks); n == 0 || n > 100 {
		return nil, invalid("Tasks list must have between 1 and 100 elements.")
	}
	out := &ecs.DescribeTasksOutput{}
	for _, id := range in.Tasks {
		if t := c.task(id); t != nil {
			out.Tasks = append(out.Tasks, *t.describe(slices.Contains(in.Include, types.TaskFieldTags)))
		} else {
			out.Failures = append(out.Failures, missing(s.region(ctx), "task", id))
		}
	}
	return out, nil
}

// ListTasks lists by the status that is desired, RUNNING unless asked otherwise.
func (s *ecsService) ListTasks(ctx context.Context, in *ecs.ListTasksInput) (*ecs.ListTasksOutput, error) {
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	if in.ServiceName != nil && c.Services[(*in.ServiceName)[strings.LastIndex(*in.ServiceName, "/")+1:]] == nil {
		return nil, fail("ServiceNotFoundException", "Service not found.")
	}
	out := &ecs.ListTasksOutput{}
	desired := string(cmp.Or(in.DesiredStatus, types.DesiredStatusRunning))
	for _, t := range sorted(c.Tasks) {
		family, _, _ := strings.Cut((*t.TaskDefinitionArn)[strings.LastIndex(*t.TaskDefinitionArn, "/")+1:], ":")
		if *t.DesiredStatus == desired && (in.ServiceName == nil || t.Service != "" && strings.HasSuffix("/"+*in.ServiceName, "/"+t.Service)) &&
			(in.Family == nil || *in.Family == family) && (in.StartedBy == nil || *in.StartedBy == val(t.StartedBy)) &&
			(in.LaunchType == "" || in.LaunchType == t.LaunchType) {
			out.TaskArns = append(out.TaskArns, *t.TaskArn)
		}
	}
	out.TaskArns, out.NextToken, err = page(out.TaskArns, in.NextToken, in.MaxResults, 100)
	return out, err
}

// checkService holds a service, or a task alone, against what its task definition, its cluster and its network are.
// A request without a name is an update: it may keep a definition that is INACTIVE by now.
func (s *ecsService) checkService(ctx context.Context, c *cluster, in *ecs.CreateServiceInput) (*definition, error) {
	r := s.region(ctx)
	d := r.ECS.definition(val(in.TaskDefinition))
	switch {
	case d == nil:
		return nil, clientError("TaskDefinition not found.")
	case d.Status != types.TaskDefinitionStatusActive && in.ServiceName != nil:
		return nil, clientError("TaskDefinition is inactive")
	case val(in.DesiredCount) < 0:
		return nil, invalid("Desired count must not be negative.")
	case in.LaunchType != "" && len(in.CapacityProviderStrategy) > 0:
		return nil, invalid("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	case len(val(in.ClientToken)) > 36:
		return nil, invalid("Client token must have at most 36 characters.")
	case in.LaunchType == types.LaunchTypeFargate && !slices.Contains(d.RequiresCompatibilities, types.CompatibilityFargate):
		return nil, invalid("Task definition does not support launch_type FARGATE.")
	case !slices.Contains([]string{"LATEST", "1.4.0"}, or(in.PlatformVersion, "LATEST")):
		return nil, fail("PlatformUnknownException", "The specified platform version does not exist.")
	case in.EnableExecuteCommand && d.TaskRoleArn == nil:
		return nil, invalid("The service couldn't be created because a valid taskRoleArn is not being used. Specify a valid task role in your task definition and try again.")
	case in.HealthCheckGracePeriodSeconds != nil && *in.HealthCheckGracePeriodSeconds > 0 && len(in.LoadBalancers) == 0:
		return nil, invalid("Health check grace period is only valid for services configured to use load balancers")
	}
	if err := checkStrategy(c.CapacityProviders, in.CapacityProviderStrategy); err != nil {
		return nil, err
	}
	if err := checkECSTags(in.Tags); err != nil {
		return nil, err
	}
	dep := fillDeployment(in.DeploymentConfiguration, nil)
	if err := checkDeployment(dep); err != nil {
		return nil, err
	}
	if in.AvailabilityZoneRebalancing == types.AvailabilityZoneRebalancingEnabled && *dep.MaximumPercent <= 100 {
		return nil, invalid("Availability Zone rebalancing requires a maximumPercent greater than 100.")
	}
	if err := s.checkNetwork(r, d, in.NetworkConfiguration); err != nil {
		return nil, err
	}
	for _, lb := range in.LoadBalancers {
		if err := s.checkTargets(r, d, lb); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (s *ecsService) checkNetwork(r *Region, d *definition, n *types.NetworkConfiguration) error {
	if n == nil || n.AwsvpcConfiguration == nil {
		if d.NetworkMode == types.NetworkModeAwsvpc {
			return invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
		}
		return nil
	}
	if d.NetworkMode != types.NetworkModeAwsvpc {
		return invalid("Network Configuration is not valid for the given networkMode of this task definition.")
	}
	v := n.AwsvpcConfiguration
	switch {
	case len(v.Subnets) == 0:
		return invalid("subnets can not be empty.")
	case len(v.Subnets) > 16:
		return invalid("Number of subnets must be less than or equal to 16.")
	case len(v.SecurityGroups) > 5:
		return invalid("Number of security groups must be less than or equal to 5.")
	}
	return r.checkPlace(v)
}

func (s *ecsService) checkTargets(r *Region, d *definition, lb types.LoadBalancer) error {
	arn := val(lb.TargetGroupArn)
	exists, used := s.grouped(r, arn)
	switch {
	case !exists:
		return invalid("The specified target group does not exist: %s", arn)
	case !used:
		return invalid("The target group with targetGroupArn %s does not have an associated load balancer.", arn)
	case d.NetworkMode == types.NetworkModeAwsvpc && r.targetType(arn) != "ip":
		return invalid("The target group with targetGroupArn %s has target type %s, which is incompatible with the awsvpc network mode specified in the task definition.", arn, r.targetType(arn))
	}
	i := slices.IndexFunc(d.ContainerDefinitions, func(c types.ContainerDefinition) bool { return *c.Name == val(lb.ContainerName) })
	if i < 0 {
		return invalid("The container %s does not exist in the task definition.", val(lb.ContainerName))
	}
	if !slices.ContainsFunc(d.ContainerDefinitions[i].PortMappings, func(p types.PortMapping) bool { return *p.ContainerPort == val(lb.ContainerPort) }) {
		return invalid("The container %s did not have a container port %d defined.", val(lb.ContainerName), val(lb.ContainerPort))
	}
	return nil
}
