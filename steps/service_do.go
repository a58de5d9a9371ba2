package steps

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// soon is how long what was just made may be unknown to ECS.
const soon = 2 * time.Minute

// create makes the service. While a deleted one of that name drains, and while ECS does not yet know what was made
// before it, it is asked again. A service that is there all the same was made by a run that died: it is brought to what
// is wanted.
func (s *Service) create(ctx context.Context) error {
	in, began := s.request(), time.Now()
	return deploy.Until(ctx, func(ctx context.Context) (string, error) {
		out, err := s.AWS.ECS.CreateService(ctx, in)
		switch {
		case err == nil:
			s.take(out.Service)
			s.release = &aws.Follow{Definition: *in.TaskDefinition}
			return "", nil
		case aws.Is(err, "InvalidParameterException") && strings.Contains(err.Error(), "still Draining"):
			return "the deleted service " + *in.ServiceName + " to be gone", nil
		case aws.Is(err, "InvalidParameterException") && strings.Contains(err.Error(), "not idempotent"):
			return "", s.meet(ctx, err)
		}
		if what := unknownYet(err); what != "" && time.Since(began) < s.pause(soon) {
			return what, nil
		}
		return "", err
	})
}

// unknownYet is what ECS does not know yet, of that which was made a moment before the service; "" for other errors.
func unknownYet(err error) string {
	if aws.Is(err, "ClusterNotFoundException") {
		return "the cluster to be known to ECS"
	}
	if !aws.Is(err, "InvalidParameterException", "ClientException") {
		return ""
	}
	for part, what := range map[string]string{
		"does not have an associated load balancer":   "the listener to be known to ECS",
		"Error retrieving subnet information":         "the subnets to be known to ECS",
		"Error retrieving security group information": "the security group to be known to ECS",
		"service linked role":                         "ECS's service-linked role",
		"unable to assume":                            "the roles to be known to ECS",
		"Unable to assume":                            "the roles to be known to ECS",
		"was not ACTIVE":                              "the cluster to be ready",
		"The specified target group does not exist":   "the target group to be known to ECS",
		"is not associated with the cluster":          "the capacity providers to be known to ECS",
	} {
		if strings.Contains(err.Error(), part) {
			return what
		}
	}
	return ""
}

// meet takes the service that is there over, if it is ours, and brings it to what is wanted.
func (s *Service) meet(ctx context.Context, created error) error {
	live, err := s.describeService(ctx, s.Cluster.ARN.Get(), s.Manifest.Service.Name)
	if err != nil {
		return err
	}
	if !active(live) {
		return created
	}
	s.liveTags = ecsTags(live.Tags)
	if err := s.own("service", *live.ServiceName, s.liveTags); err != nil {
		return err
	}
	s.take(live)
	return s.update(ctx)
}

// request is the whole service. Its token follows from it, so that the same request twice makes one service; a
// revision's number is never used again, so neither is the token after a destroy.
func (s *Service) request() *ecs.CreateServiceInput {
	want := s.Manifest.Service
	in := &ecs.CreateServiceInput{
		Cluster: new(s.Cluster.ARN.Get()), ServiceName: &want.Name, TaskDefinition: new(s.TaskDef.ARN.Get()), DesiredCount: &want.DesiredCount,
		CapacityProviderStrategy: s.strategy(), SchedulingStrategy: types.SchedulingStrategyReplica, PlatformVersion: new("LATEST"),
		NetworkConfiguration: s.network(), LoadBalancers: s.balancers(s.ALB.TargetGroups().Get()),
		HealthCheckGracePeriodSeconds: &want.HealthCheckGracePeriod, DeploymentConfiguration: s.deployment(),
		AvailabilityZoneRebalancing: s.rebalancing(), EnableExecuteCommand: want.EnableExecuteCommand,
		EnableECSManagedTags: true, PropagateTags: types.PropagateTagsService, Tags: aws.Convert(s.tags("service"), ecsTag),
	}
	if len(in.CapacityProviderStrategy) == 0 {
		in.LaunchType = types.LaunchType(want.LaunchType)
	}
	whole, _ := json.Marshal(in) //nolint:gosec // plain data that holds no secret: it can't fail either
	in.ClientToken = new(fmt.Sprintf("%x", sha256.Sum256(whole))[:32])
	return in
}

func (s *Service) network() *types.NetworkConfiguration {
	return &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
		Subnets: s.places().Get(), SecurityGroups: []string{s.Groups.ECS.Get()}, AssignPublicIp: s.publicIP(),
	}}
}

func (s *Service) balancers(groups []string) (lbs []types.LoadBalancer) {
	for _, arn := range groups {
		lbs = append(lbs, types.LoadBalancer{TargetGroupArn: &arn, ContainerName: new(s.container()), ContainerPort: new(s.port())})
	}
	return lbs
}

func (s *Service) deployment() *types.DeploymentConfiguration {
	want := s.Manifest.Service.Deployment
	return &types.DeploymentConfiguration{
		MinimumHealthyPercent: &want.MinimumHealthyPercent, MaximumPercent: &want.MaximumPercent,
		DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: want.CircuitBreaker, Rollback: want.CircuitBreaker},
	}
}

// update brings the service to what is wanted, but for the desired count, which belongs to autoscaling. It is one call,
// whatever differs. What would start a deployment is only sent when it differs.
func (s *Service) update(ctx context.Context) error {
	want, diff := s.Manifest.Service, s.diff()
	differs := func(names ...string) bool {
		return slices.ContainsFunc(diff, func(f deploy.Field) bool { return slices.Contains(names, f.Name) })
	}
	in := &ecs.UpdateServiceInput{
		Cluster: s.live.ClusterArn, Service: s.live.ServiceArn, DeploymentConfiguration: s.deployment(),
		HealthCheckGracePeriodSeconds: &want.HealthCheckGracePeriod, AvailabilityZoneRebalancing: s.rebalancing(),
		EnableExecuteCommand: &want.EnableExecuteCommand, EnableECSManagedTags: new(true), PropagateTags: types.PropagateTagsService,
		ForceNewDeployment: s.anew() != "",
	}
	if differs("task definition") {
		in.TaskDefinition = new(s.TaskDef.ARN.Get())
	}
	if differs("subnets", "security groups", "public IP") {
		in.NetworkConfiguration = s.network()
	}
	if differs("target groups", "container port") {
		in.LoadBalancers = s.balancers(s.ALB.TargetGroups().Get())
	}
	if differs("platform version") {
		in.PlatformVersion = new("LATEST")
	}
	if differs("capacity") { // an empty list is the launch type; AWS wants a new deployment to be forced with it
		in.CapacityProviderStrategy, in.ForceNewDeployment = notNil(s.strategy()), true
	}
	if differs("execute command") && want.EnableExecuteCommand { // tasks that run already have no agent for it
		in.ForceNewDeployment = true
	}
	return s.send(ctx, in)
}

// send updates the service, and sees whether that has started a deployment.
func (s *Service) send(ctx context.Context, in *ecs.UpdateServiceInput) error {
	newest, err := s.AWS.ECS.LatestDeployment(ctx, *s.live.ClusterArn, *s.live.ServiceName)
	if err != nil {
		return err
	}
	was := ""
	if d := primary(s.live); d != nil {
		was = val(d.Id)
	}
	out, err := s.AWS.ECS.UpdateService(ctx, in)
	if err != nil {
		return err
	}
	tags := s.live.Tags
	s.take(out.Service)
	s.live.Tags = tags
	if d := primary(s.live); d != nil && val(d.Id) != was {
		s.release = &aws.Follow{Definition: val(out.Service.TaskDefinition)}
		if newest != nil {
			s.release.Before = newest.ARN
		}
	}
	return nil
}

// follow registers the service in these target groups only, and waits for the deployment that this is.
func (s *Service) follow(ctx context.Context, groups []string) error {
	err := s.send(ctx, &ecs.UpdateServiceInput{Cluster: s.live.ClusterArn, Service: s.live.ServiceArn, LoadBalancers: s.balancers(groups)})
	if err != nil {
		return err
	}
	return deploy.Until(ctx, s.settled)
}

// Remove deletes the service and waits until its last task has stopped: until then its network is in use.
func (s *Service) Remove() []deploy.Change {
	sv := s.live
	if sv == nil {
		sv = s.leaving
	}
	if sv == nil {
		return nil
	}
	return []deploy.Change{{Op: deploy.Delete, What: "service " + *sv.ServiceName, Do: func(ctx context.Context) error {
		if err := s.stopOneOffs(ctx, *sv.ClusterArn); err != nil {
			return err
		}
		if s.live != nil {
			_, err := s.AWS.ECS.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: sv.ClusterArn, Service: sv.ServiceArn, Force: new(true)})
			if err := aws.Ignore(err, "ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException"); err != nil {
				return err
			}
		}
		return deploy.Until(ctx, func(ctx context.Context) (string, error) {
			now, err := s.describeService(ctx, *sv.ClusterArn, *sv.ServiceName)
			if err != nil || now == nil || val(now.Status) == "INACTIVE" {
				return "", err
			}
			if n := now.RunningCount + now.PendingCount; n > 0 {
				return fmt.Sprintf("%d tasks to stop", n), nil
			}
			return "the service to be gone", nil
		})
	}}}
}
