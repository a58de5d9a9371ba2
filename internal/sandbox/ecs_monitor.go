package sandbox

import (
	"context"
	"slices"
	"time"

	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// What ends a deployment that does not go well: the circuit breaker, alarms, a user.

// monitor begins to watch a service deployment. One that begins while an alarm is on does so without alarms: it may be
// the repair (developer guide, "How CloudWatch alarms detect Amazon ECS deployment failures").
func (s *ecsService) monitor(r *Region, sv *service, o *rollout) {
	on := map[bool]types.ServiceDeploymentRollbackMonitorsStatus{
		true: types.ServiceDeploymentRollbackMonitorsStatusMonitoring, false: types.ServiceDeploymentRollbackMonitorsStatusDisabled,
	}
	dep := sv.DeploymentConfiguration
	o.DeploymentCircuitBreaker = &types.ServiceDeploymentCircuitBreaker{Status: on[dep.DeploymentCircuitBreaker.Enable], Threshold: threshold(sv)}
	o.Alarms = &types.ServiceDeploymentAlarms{Status: on[false]}
	if a := dep.Alarms; a != nil {
		o.Alarms.AlarmNames, o.Alarms.Status = a.AlarmNames, on[a.Enable && len(s.ringing(r, a.AlarmNames)) == 0]
	}
}

// ringing are the alarms of these that are on.
func (s *ecsService) ringing(r *Region, names []string) (on []string) {
	for _, name := range names {
		if state, ok := s.alarmState(r, name); ok && state == cloudwatchtypes.StateValueAlarm {
			on = append(on, name)
		}
	}
	return on
}

// watchAlarms fails a deployment under way when one of its alarms has gone off.
func (s *ecsService) watchAlarms(r *Region, sv *service) {
	o := sv.Rollouts[0]
	if o.ended() || o.Alarms.Status != types.ServiceDeploymentRollbackMonitorsStatusMonitoring {
		return
	}
	if on := s.ringing(r, o.Alarms.AlarmNames); len(on) > 0 {
		s.alarmed(r, sv, on)
	}
}

// bakes says whether a deployment that is as it should be is still watched by its alarms: for as long as the slowest
// takes to notice. AWS computes that time from the alarms, too, and does not say how.
func (s *ecsService) bakes(r *Region, o *rollout) bool {
	if o.Alarms.Status != types.ServiceDeploymentRollbackMonitorsStatusMonitoring {
		return false
	}
	if o.Baked.IsZero() {
		bake := time.Duration(0)
		for _, name := range o.Alarms.AlarmNames {
			if a := r.CloudWatch.Alarms[name]; a != nil {
				bake = max(bake, time.Duration(*a.Period**a.EvaluationPeriods)*time.Second)
			}
		}
		o.Baked = s.clock.Add(s.scaled(bake))
	}
	return s.clock.Before(o.Baked)
}

// checkDeployment holds what the documentation of types.DeploymentConfiguration says.
func checkDeployment(d *types.DeploymentConfiguration) error {
	if *d.MaximumPercent < *d.MinimumHealthyPercent || *d.MaximumPercent < 100 {
		return invalid("The maximumPercent must be at least 100 and not less than the minimumHealthyPercent.")
	}
	if a := d.Alarms; a != nil && a.Enable && len(a.AlarmNames) == 0 {
		return invalid("alarmNames can not be empty when alarms are enabled.")
	}
	if t := d.DeploymentCircuitBreaker.ThresholdConfiguration; t != nil && (!slices.Contains(t.Type.Values(), t.Type) || t.Value < 1) {
		return invalid("Invalid threshold configuration of the deployment circuit breaker.")
	}
	e := d.EarlySuccessCriteria
	switch {
	case e == nil || !e.Enable:
	case e.HealthyPercent == nil || e.SourceServiceRevisionCleanup == "":
		return invalid("healthyPercent and sourceServiceRevisionCleanup must be specified when early success criteria are enabled.")
	case *e.HealthyPercent < *d.MinimumHealthyPercent || *e.HealthyPercent > 100:
		return invalid("healthyPercent must be between the minimumHealthyPercent and 100.")
	case !slices.Contains(e.SourceServiceRevisionCleanup.Values(), e.SourceServiceRevisionCleanup):
		return invalid("Invalid sourceServiceRevisionCleanup: %s", e.SourceServiceRevisionCleanup)
	}
	return nil
}

// threshold is how many failed tasks the circuit breaker lets pass: half of the desired count, at least 3 and at most
// 200, unless it is configured (developer guide, "How the Amazon ECS deployment circuit breaker detects failures").
func threshold(sv *service) int32 {
	kind, value := types.ThresholdTypeBoundedPercent, int32(50)
	if t := sv.DeploymentConfiguration.DeploymentCircuitBreaker.ThresholdConfiguration; t != nil {
		kind, value = t.Type, t.Value
	}
	if kind == types.ThresholdTypeCount {
		return value
	}
	n := (value*sv.DesiredCount + 99) / 100
	if kind == types.ThresholdTypeBoundedPercent {
		n = max(3, min(200, n))
	}
	return n
}

// failed counts a task that never came to serve, and lets the circuit breaker judge.
func (s *ecsService) failed(r *Region, sv *service, id string) {
	d := sv.primary()
	if *sv.Status != "ACTIVE" || *d.Id != id || d.RolloutState != types.DeploymentRolloutStateInProgress {
		return
	}
	d.FailedTasks++
	o := sv.Rollouts[0]
	o.DeploymentCircuitBreaker.FailureCount, o.DeploymentCircuitBreaker.Threshold = d.FailedTasks, threshold(sv)
	s.throttle(sv, d.FailedTasks)
	if sv.DeploymentConfiguration.DeploymentCircuitBreaker.Enable && d.FailedTasks >= threshold(sv) {
		o.DeploymentCircuitBreaker.Status = types.ServiceDeploymentRollbackMonitorsStatusTriggered
		s.fails(r, sv, breaker)
	}
}

// A verdict is why a deployment fails, in AWS's words.
type verdict struct {
	state  string // rolloutStateReason of the deployment
	event  string // "deployment failed: ..."
	back   string // rolloutStateReason of the rollback, before the deployment's id
	reason string // why the service deployment ends: "... because ..."
}

var (
	// Developer guide, "How the Amazon ECS deployment circuit breaker detects failures" and its example of an event.
	breaker = verdict{
		"ECS deployment circuit breaker: tasks failed to start.", "tasks failed to start", "ECS deployment circuit breaker: rolling back to deploymentId ",
		"the circuit breaker threshold was exceeded.",
	}
	// Developer guide, "How CloudWatch alarms detect Amazon ECS deployment failures"; the event is as seen in public. What
	// the reasons say is not documented, they follow the circuit breaker's.
	alarm = verdict{
		"ECS deployment alarms: alarm detected.", "alarm detected", "ECS deployment alarms: rolling back to deploymentId ",
		"an alarm was triggered.",
	}
)

// fails ends a deployment that fails: back to the last that was completed, if there is one and it is wished.
func (s *ecsService) fails(r *Region, sv *service, why verdict) {
	d, o := sv.primary(), sv.Rollouts[0]
	d.RolloutState, d.RolloutStateReason = types.DeploymentRolloutStateFailed, &why.state
	s.event(sv, "(deployment %s) deployment failed: %s.", *d.Id, why.event)
	rollback := sv.DeploymentConfiguration.DeploymentCircuitBreaker.Rollback
	if a := sv.DeploymentConfiguration.Alarms; why == alarm && a != nil && a.Enable {
		rollback = a.Rollback
	}
	switch {
	case o.ended():
	case o.Status == types.ServiceDeploymentStatusRollbackInProgress:
		s.end(o, types.ServiceDeploymentStatusRollbackFailed, "Service deployment rollback failed because "+why.reason)
	case rollback && sv.Completed != "" && sv.Completed != *d.Id:
		s.rollback(r, sv, why.back+sv.Completed+".", "Service deployment rolled back because "+why.reason)
	case rollback:
		s.end(o, types.ServiceDeploymentStatusRollbackFailed, "Service deployment rollback failed because there is no completed service deployment to roll back to.")
	default:
		s.end(o, types.ServiceDeploymentStatusStopped, "Service deployment stopped because "+why.reason)
	}
}

// alarmed fails a deployment whose alarms have gone off.
func (s *ecsService) alarmed(r *Region, sv *service, names []string) {
	o := sv.Rollouts[0]
	o.Alarms.Status, o.Alarms.TriggeredAlarmNames = types.ServiceDeploymentRollbackMonitorsStatusTriggered, names
	s.fails(r, sv, alarm)
}

// StopServiceDeployment rolls back, or stops where things are.
func (s *ecsService) StopServiceDeployment(ctx context.Context, in *ecs.StopServiceDeploymentInput) (*ecs.StopServiceDeploymentOutput, error) {
	_, sv, o := s.rollout(ctx, val(in.ServiceDeploymentArn))
	back := in.StopType != types.StopServiceDeploymentStopTypeAbort
	switch {
	case o == nil:
		return nil, fail("ServiceDeploymentNotFoundException", "Service deployment not found.")
	case o.ended() || !slices.Contains([]types.ServiceDeploymentStatus{types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress}, o.Status):
		return nil, fail("ConflictException", "The service deployment is in %s status and cannot be stopped.", o.Status)
	case back && sv.Completed == "":
		return nil, fail("ConflictException", "The service has no completed service deployment to roll back to.")
	}
	s.askToStop(s.region(ctx), sv, o, back)
	return &ecs.StopServiceDeploymentOutput{ServiceDeploymentArn: o.ServiceDeploymentArn}, nil
}

// askToStop has the scheduler stop a deployment at its next look, or roll it back.
func (s *ecsService) askToStop(r *Region, sv *service, o *rollout, back bool) {
	o.Status, o.UpdatedAt = types.ServiceDeploymentStatusStopRequested, new(s.clock)
	if back {
		o.Status = types.ServiceDeploymentStatusRollbackRequested
	}
	s.wake(r, sv, time.Second)
}

// stopRollout does what was asked for, if anything was.
func (s *ecsService) stopRollout(r *Region, sv *service, o *rollout) {
	back := o.Status == types.ServiceDeploymentStatusRollbackRequested
	if !back && o.Status != types.ServiceDeploymentStatusStopRequested {
		return
	}
	p := sv.primary()
	p.RolloutState, p.RolloutStateReason = types.DeploymentRolloutStateFailed, new("ECS deployment stopped by the user.")
	if !back {
		s.end(o, types.ServiceDeploymentStatusStopped, "Service deployment was stopped by the user.")
		return
	}
	p.RolloutStateReason = new("ECS deployment rolled back by the user.")
	s.rollback(r, sv, "ECS deployment rolling back to deploymentId "+sv.Completed+".", "Service deployment rolled back because the user requested it.")
}
