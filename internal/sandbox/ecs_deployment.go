package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A rollout is what AWS calls a service deployment: the way from one service revision to another, and back if need be.
type rollout struct {
	types.ServiceDeployment
	Deployment string    // id of the deployment that it makes
	Baked      time.Time // until then its alarms are watched although all else is done
}

func (o *rollout) ended() bool { return o.FinishedAt != nil || o.StoppedAt != nil }

// deploy makes what the service now is the primary deployment; what was so before goes as this one grows.
func (s *ecsService) deploy(r *Region, sv *service) {
	s.endRollouts(sv, "Service deployment stopped because a new service deployment started.")
	id, number := "ecs-svc/"+s.digits(19), s.digits(19)
	short := sv.clusterName() + "/" + *sv.ServiceName
	revision := s.revise(r, sv, s.arn("ecs", r.Name, "service-revision/"+short+"/"+number))
	o := &rollout{Deployment: id}
	o.ServiceDeployment = types.ServiceDeployment{
		ServiceDeploymentArn: new(s.arn("ecs", r.Name, "service-deployment/"+short+"/"+s.hex(21))), ServiceArn: sv.ServiceArn,
		ClusterArn: sv.ClusterArn, CreatedAt: new(s.clock), UpdatedAt: new(s.clock), Status: types.ServiceDeploymentStatusPending,
		TargetServiceRevision:   &types.ServiceRevisionSummary{Arn: &revision, RequestedTaskCount: sv.DesiredCount},
		DeploymentConfiguration: sv.DeploymentConfiguration,
	}
	s.monitor(r, sv, o)
	for i := range sv.Deployments {
		o.SourceServiceRevisions = append(o.SourceServiceRevisions, types.ServiceRevisionSummary{Arn: &sv.Live[*sv.Deployments[i].Id].Revision})
	}
	sv.Rollouts = append([]*rollout{o}, sv.Rollouts...)
	fault := s.state.takeArm(*sv.ServiceName, len(sv.LoadBalancers) > 0)
	sv.Live[id] = &live{Revision: revision, Fault: fault}
	s.promote(sv, types.Deployment{Id: &id, CreatedAt: new(s.clock)}, fmt.Sprintf("ECS deployment %s in progress.", id))
	s.wake(r, sv, schedulerDelay)
	s.letIn(r, sv)
	s.rehearse(r, sv, o, fault)
}

// revise keeps what the service is as a service revision.
func (s *ecsService) revise(r *Region, sv *service, arn string) string {
	rev := &types.ServiceRevision{
		ServiceRevisionArn: &arn, ServiceArn: sv.ServiceArn, ClusterArn: sv.ClusterArn, CreatedAt: new(s.clock),
		TaskDefinition: sv.TaskDefinition, LaunchType: sv.LaunchType, CapacityProviderStrategy: sv.CapacityProviderStrategy,
		NetworkConfiguration: sv.NetworkConfiguration, LoadBalancers: sv.LoadBalancers, PlatformFamily: sv.PlatformFamily,
		PlatformVersion: new("1.4.0"), ServiceRegistries: sv.ServiceRegistries,
	}
	for _, c := range r.ECS.definition(*sv.TaskDefinition).ContainerDefinitions {
		rev.ContainerImages = append(rev.ContainerImages, types.ContainerImage{ContainerName: c.Name, Image: c.Image, ImageDigest: s.digest(*c.Image)})
	}
	sv.Revisions[arn] = rev
	return arn
}

// promote puts a deployment before all others.
func (s *ecsService) promote(sv *service, d types.Deployment, reason string) {
	for i := range sv.Deployments {
		sv.Deployments[i].Status, sv.Deployments[i].UpdatedAt = new("ACTIVE"), new(s.clock)
	}
	d.Status, d.RolloutState, d.RolloutStateReason = new("PRIMARY"), types.DeploymentRolloutStateInProgress, &reason
	d.UpdatedAt, d.DesiredCount, d.FailedTasks, d.TaskDefinition = new(s.clock), sv.DesiredCount, 0, sv.TaskDefinition
	d.LaunchType, d.CapacityProviderStrategy = sv.LaunchType, sv.CapacityProviderStrategy
	d.NetworkConfiguration, d.PlatformVersion, d.PlatformFamily = sv.NetworkConfiguration, new("1.4.0"), sv.PlatformFamily
	sv.Deployments = slices.DeleteFunc(sv.Deployments, func(o types.Deployment) bool { return *o.Id == *d.Id })
	sv.Deployments = append([]types.Deployment{d}, sv.Deployments...)
	sv.Looks, sv.LaunchNext, sv.Steady = 0, s.clock, false
}

// scale sets how many tasks there are to be, without a deployment.
func (s *ecsService) scale(r *Region, sv *service, n int32) {
	sv.DesiredCount = n
	sv.primary().DesiredCount, sv.primary().UpdatedAt = n, new(s.clock)
	sv.Looks, sv.Steady = 0, false
	s.wake(r, sv, schedulerDelay)
}

// endRollouts stops what goes on when something else begins.
func (s *ecsService) endRollouts(sv *service, reason string) {
	for _, o := range sv.Rollouts {
		if !o.ended() {
			s.end(o, types.ServiceDeploymentStatusStopped, reason)
		}
	}
}

func (s *ecsService) end(o *rollout, status types.ServiceDeploymentStatus, reason string) {
	o.Status, o.UpdatedAt, o.FinishedAt = status, new(s.clock), new(s.clock)
	if reason != "" {
		o.StatusReason = &reason
	}
	if status == types.ServiceDeploymentStatusStopped {
		o.StoppedAt = new(s.clock)
	}
	for _, m := range []*types.ServiceDeploymentRollbackMonitorsStatus{&o.DeploymentCircuitBreaker.Status, &o.Alarms.Status} {
		if *m == types.ServiceDeploymentRollbackMonitorsStatusMonitoring {
			*m = types.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete
		}
	}
}

// rollback makes the last completed deployment the primary one again.
func (s *ecsService) rollback(r *Region, sv *service, why, reason string) {
	failed, o, id := sv.primary(), sv.Rollouts[0], sv.Completed
	failed.DesiredCount = 0
	rev := sv.Revisions[sv.Live[id].Revision]
	o.Status, o.UpdatedAt, o.StatusReason = types.ServiceDeploymentStatusRollbackInProgress, new(s.clock), &reason
	o.Rollback = &types.Rollback{Reason: &reason, StartedAt: new(s.clock), ServiceRevisionArn: rev.ServiceRevisionArn}
	sv.TaskDefinition, sv.NetworkConfiguration, sv.LoadBalancers = rev.TaskDefinition, rev.NetworkConfiguration, rev.LoadBalancers
	sv.LaunchType, sv.CapacityProviderStrategy = rev.LaunchType, rev.CapacityProviderStrategy
	s.event(sv, "rolling back to deployment %s.", id)
	d := types.Deployment{Id: &id, CreatedAt: new(s.clock)}
	if old := sv.deployment(id); old != nil {
		d = *old
	}
	s.promote(sv, d, why)
	s.wake(r, sv, 0)
}

// completed ends the primary deployment well.
func (s *ecsService) completed(sv *service) {
	d, o := sv.primary(), sv.Rollouts[0]
	if d.RolloutState != types.DeploymentRolloutStateInProgress {
		return
	}
	d.RolloutState, d.RolloutStateReason, d.UpdatedAt = types.DeploymentRolloutStateCompleted, new(fmt.Sprintf("ECS deployment %s completed.", *d.Id)), new(s.clock)
	sv.Completed = *d.Id
	sv.Live[*d.Id].Fault = "" // what is armed is used up by one deployment
	s.event(sv, "(deployment %s) deployment completed.", *d.Id)
	switch {
	case o.ended():
	case o.Status == types.ServiceDeploymentStatusRollbackInProgress:
		s.end(o, types.ServiceDeploymentStatusRollbackSuccessful, "")
	default:
		s.end(o, types.ServiceDeploymentStatusSuccessful, "")
	}
}

// digits makes a number of n digits, at most 19, that does not begin with 0.
func (s *Sandbox) digits(n int) string {
	v, _ := strconv.ParseUint(s.hex(15), 16, 64)
	return "1" + fmt.Sprintf("%018d", v%1e18)[19-n:]
}

func (s *ecsService) ListServiceDeployments(ctx context.Context, in *ecs.ListServiceDeploymentsInput) (*ecs.ListServiceDeploymentsOutput, error) {
	_, sv, err := s.service(ctx, in.Cluster, in.Service)
	if err != nil {
		return nil, err
	}
	out := &ecs.ListServiceDeploymentsOutput{}
	for _, o := range sv.Rollouts {
		if len(in.Status) > 0 && !slices.Contains(in.Status, o.Status) ||
			in.CreatedAt != nil && (in.CreatedAt.After != nil && o.CreatedAt.Before(*in.CreatedAt.After) || in.CreatedAt.Before != nil && o.CreatedAt.After(*in.CreatedAt.Before)) {
			continue
		}
		out.ServiceDeployments = append(out.ServiceDeployments, types.ServiceDeploymentBrief{
			ServiceDeploymentArn: o.ServiceDeploymentArn, ServiceArn: o.ServiceArn, ClusterArn: o.ClusterArn, CreatedAt: o.CreatedAt,
			StartedAt: o.StartedAt, FinishedAt: o.FinishedAt, Status: o.Status, StatusReason: o.StatusReason,
			TargetServiceRevisionArn: o.TargetServiceRevision.Arn,
		})
	}
	out.ServiceDeployments, out.NextToken, err = page(out.ServiceDeployments, in.NextToken, in.MaxResults, 20)
	return out, err
}

// owner finds the service that an ARN of a service deployment or revision names.
func (s *ecsService) owner(ctx context.Context, arn string) (*cluster, *service) {
	parts := strings.Split(arn[strings.LastIndex(arn, ":")+1:], "/")
	if len(parts) != 4 {
		return nil, nil
	}
	if c := s.region(ctx).ECS.Clusters[parts[1]]; c != nil {
		return c, c.Services[parts[2]]
	}
	return nil, nil
}

func (s *ecsService) rollout(ctx context.Context, arn string) (*cluster, *service, *rollout) {
	c, sv := s.owner(ctx, arn)
	if sv == nil {
		return nil, nil, nil
	}
	for _, o := range sv.Rollouts {
		if *o.ServiceDeploymentArn == arn {
			return c, sv, o
		}
	}
	return nil, nil, nil
}

func (s *ecsService) DescribeServiceDeployments(ctx context.Context, in *ecs.DescribeServiceDeploymentsInput) (*ecs.DescribeServiceDeploymentsOutput, error) {
	out := &ecs.DescribeServiceDeploymentsOutput{}
	for _, arn := range in.ServiceDeploymentArns {
		c, sv, o := s.rollout(ctx, arn)
		if o == nil {
			out.Failures = append(out.Failures, types.Failure{Arn: &arn, Reason: new("MISSING")})
			continue
		}
		d := o.ServiceDeployment
		target := *d.TargetServiceRevision
		for _, t := range c.of(sv) {
			if t.Deployment == o.Deployment && *t.LastStatus == "RUNNING" {
				target.RunningTaskCount++
			} else if t.Deployment == o.Deployment && *t.DesiredStatus == "RUNNING" {
				target.PendingTaskCount++
			}
		}
		d.TargetServiceRevision = &target
		out.ServiceDeployments = append(out.ServiceDeployments, d)
	}
	return out, nil
}

func (s *ecsService) DescribeServiceRevisions(ctx context.Context, in *ecs.DescribeServiceRevisionsInput) (*ecs.DescribeServiceRevisionsOutput, error) {
	out := &ecs.DescribeServiceRevisionsOutput{}
	for _, arn := range in.ServiceRevisionArns {
		if _, sv := s.owner(ctx, arn); sv != nil && sv.Revisions[arn] != nil {
			out.ServiceRevisions = append(out.ServiceRevisions, *sv.Revisions[arn])
		} else {
			out.Failures = append(out.Failures, types.Failure{Arn: &arn, Reason: new("MISSING")})
		}
	}
	return out, nil
}
