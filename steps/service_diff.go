package steps

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/deploy"
)

// diff is what differs between the live service and the wanted one.
func (s *Service) diff() []deploy.Field {
	want, network := s.Manifest.Service, s.liveNetwork()
	config := val(s.live.DeploymentConfiguration)
	breaker := val(config.DeploymentCircuitBreaker)
	groups := setDiff("target groups", s.registered(), s.ALB.TargetGroups())
	groups.From, groups.To = shortGroups(groups.From), shortGroups(groups.To)
	return deploy.Diff(
		s.definitionDiff(),
		deploy.F("capacity", s.liveCapacity(), capacity(want.LaunchType, s.strategy())),
		deploy.F("platform version", platform(s.live.PlatformVersion), "1.4.0"),
		setDiff("subnets", network.Subnets, s.places()),
		setDiff("security groups", network.SecurityGroups, one(s.Groups.ECS)),
		deploy.F("public IP", cmp.Or(network.AssignPublicIp, types.AssignPublicIpDisabled), s.publicIP()),
		groups,
		deploy.F("container port", s.livePort(), fmt.Sprintf("%s:%d", s.container(), s.port())),
		deploy.F("health check grace period", val(s.live.HealthCheckGracePeriodSeconds), want.HealthCheckGracePeriod),
		deploy.F("minimum healthy percent", val(config.MinimumHealthyPercent), want.Deployment.MinimumHealthyPercent),
		deploy.F("maximum percent", val(config.MaximumPercent), want.Deployment.MaximumPercent),
		deploy.F("circuit breaker", breaker.Enable && breaker.Rollback, want.Deployment.CircuitBreaker),
		deploy.F("availability zone rebalancing", cmp.Or(s.live.AvailabilityZoneRebalancing, types.AvailabilityZoneRebalancingDisabled), s.rebalancing()),
		deploy.F("execute command", s.live.EnableExecuteCommand, want.EnableExecuteCommand),
		deploy.F("ECS managed tags", s.live.EnableECSManagedTags, true),
		deploy.F("tags of tasks", cmp.Or(s.live.PropagateTags, types.PropagateTagsNone), types.PropagateTagsService),
	)
}

// definitionDiff compares family and revision: that is what a plan shows, and an endpoint may answer no more.
func (s *Service) definitionDiff() deploy.Field {
	want := s.TaskDef.ARN
	if arn, ok := want.Known(); ok {
		want.Set(short(arn))
	}
	return deploy.FOut("task definition", short(val(s.live.TaskDefinition)), want)
}

func (s *Service) liveNetwork() types.AwsVpcConfiguration {
	return val(val(s.live.NetworkConfiguration).AwsvpcConfiguration)
}

// places are the subnets of the tasks: a public address only leads anywhere in a public one.
func (s *Service) places() deploy.Out[[]string] {
	if s.Manifest.Service.AssignPublicIP {
		return s.Subnets.Public
	}
	return s.Subnets.Private
}

func (s *Service) publicIP() types.AssignPublicIp {
	if s.Manifest.Service.AssignPublicIP {
		return types.AssignPublicIpEnabled
	}
	return types.AssignPublicIpDisabled
}

// rebalancing moves tasks between zones by starting one first, which needs more than 100 percent (CreateService in the
// API reference).
func (s *Service) rebalancing() types.AvailabilityZoneRebalancing {
	if s.Manifest.Service.Deployment.MaximumPercent <= 100 {
		return types.AvailabilityZoneRebalancingDisabled
	}
	return types.AvailabilityZoneRebalancingEnabled
}

// platform is a platform version; LATEST is 1.4.0 on Fargate for Linux.
func platform(v *string) string {
	if p := val(v); p != "" && p != "LATEST" {
		return p
	}
	return "1.4.0"
}

// strategy is the wanted capacity providers by name, none for the launch type.
func (s *Service) strategy() (items []types.CapacityProviderStrategyItem) {
	weights := s.Manifest.Service.CapacityProviders
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		items = append(items, types.CapacityProviderStrategyItem{CapacityProvider: &name, Weight: weights[name]})
	}
	return items
}

func (s *Service) liveCapacity() string {
	return capacity(string(s.live.LaunchType), s.live.CapacityProviderStrategy)
}

// capacity is where the tasks run, as a plan shows it: "FARGATE", or "FARGATE 1, FARGATE_SPOT 3".
func capacity(launch string, strategy []types.CapacityProviderStrategyItem) string {
	var items []string
	for _, i := range strategy {
		text := fmt.Sprintf("%s %d", val(i.CapacityProvider), i.Weight)
		if i.Base > 0 {
			text += fmt.Sprintf(" (%d first)", i.Base)
		}
		items = append(items, text)
	}
	if len(items) == 0 {
		return launch
	}
	slices.Sort(items)
	return strings.Join(items, ", ")
}

// registered is the target groups that the live tasks are in.
func (s *Service) registered() (arns []string) {
	for _, lb := range s.live.LoadBalancers {
		arns = append(arns, val(lb.TargetGroupArn))
	}
	return arns
}

// shortGroups leaves of each ARN in a list the target group's name.
func shortGroups(list string) string {
	all := strings.Split(list, ", ")
	for i, arn := range all {
		if parts := strings.Split(arn, "/"); len(parts) == 3 {
			all[i] = parts[1]
		}
	}
	return strings.Join(all, ", ")
}

// livePort is the container and the port that requests go to.
func (s *Service) livePort() string {
	for _, lb := range s.live.LoadBalancers {
		if name, port := val(lb.ContainerName), val(lb.ContainerPort); name != s.container() || port != s.port() {
			return fmt.Sprintf("%s:%d", name, port)
		}
	}
	if len(s.live.LoadBalancers) == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", s.container(), s.port())
}

// container is the name of the container that requests go to.
func (s *Service) container() string { return s.Manifest.Stack() }
