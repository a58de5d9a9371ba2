package sandbox

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"time"

	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/fargatectl/fargatectl/internal/schedule"
)

func itoa(n int32) string { return strconv.Itoa(int(n)) }

// ecsMetrics are those of the predefined ones that an ECS service has.
var ecsMetrics = []types.MetricType{
	types.MetricTypeECSServiceAverageCPUUtilization, types.MetricTypeECSServiceAverageMemoryUtilization, types.MetricTypeALBRequestCountPerTarget,
}

var requestLabel = regexp.MustCompile(`^app/[A-Za-z0-9-]+/[0-9a-f]{16}/targetgroup/[A-Za-z0-9-]+/[0-9a-f]{16}$`)

// PutScalingPolicy makes or replaces a policy, with its two alarms.
func (s *scalingService) PutScalingPolicy(ctx context.Context, in *scaling.PutScalingPolicyInput) (*scaling.PutScalingPolicyOutput, error) {
	t, err := s.target(ctx, in.ServiceNamespace, in.ResourceId, in.ScalableDimension, "scalable target registered")
	if err != nil {
		return nil, err
	}
	name := val(in.PolicyName)
	if name == "" || len(name) > 256 {
		return nil, validation("1 validation error detected: Value '%s' at 'policyName' failed to satisfy constraint", name)
	}
	if in.PolicyType != types.PolicyTypeTargetTrackingScaling {
		return nil, validation("the sandbox has target tracking policies only")
	}
	if err := checkTracking(t, name, in.TargetTrackingScalingPolicyConfiguration); err != nil {
		return nil, err
	}
	p := t.Policies[name]
	if p == nil {
		p = &types.ScalingPolicy{
			PolicyName: &name, PolicyType: in.PolicyType, ServiceNamespace: in.ServiceNamespace, ResourceId: in.ResourceId,
			ScalableDimension: in.ScalableDimension, CreationTime: new(s.clock),
			PolicyARN: new(s.arn("autoscaling", s.region(ctx).Name, "scalingPolicy:"+s.uuid()+":resource/ecs/"+*in.ResourceId+":policyName/"+name)),
		}
		t.Policies[name] = p
	}
	p.TargetTrackingScalingPolicyConfiguration = in.TargetTrackingScalingPolicyConfiguration
	s.track(s.region(ctx), p)
	return &scaling.PutScalingPolicyOutput{PolicyARN: p.PolicyARN, Alarms: p.Alarms}, nil
}

// checkTracking holds that a policy tracks a metric that the service has, and that no other policy tracks it already.
func checkTracking(t *scalable, name string, c *types.TargetTrackingScalingPolicyConfiguration) error {
	if c == nil || c.TargetValue == nil || *c.TargetValue <= 0 {
		return validation("TargetValue must be greater than 0.")
	}
	if val(c.ScaleInCooldown) < 0 || val(c.ScaleOutCooldown) < 0 {
		return validation("Cooldowns must not be negative.")
	}
	m := c.PredefinedMetricSpecification
	if (m == nil) == (c.CustomizedMetricSpecification == nil) {
		return validation("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified.")
	}
	if m == nil {
		return nil
	}
	label := val(m.ResourceLabel)
	switch {
	case !slices.Contains(ecsMetrics, m.PredefinedMetricType):
		return validation("Predefined metric type %s is not supported for service namespace ecs.", m.PredefinedMetricType)
	case (m.PredefinedMetricType == types.MetricTypeALBRequestCountPerTarget) != (label != ""):
		return validation("Resource label is required for ALBRequestCountPerTarget, and for no other metric of ecs.")
	case label != "" && !requestLabel.MatchString(label):
		return validation("Invalid resource label: %s", label)
	}
	for other, p := range t.Policies {
		o := p.TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification
		if other != name && o != nil && o.PredefinedMetricType == m.PredefinedMetricType && val(o.ResourceLabel) == label {
			return validation("Only one TargetTrackingScaling policy for a given metric specification is allowed.")
		}
	}
	return nil
}

func (s *scalingService) DescribeScalingPolicies(ctx context.Context, in *scaling.DescribeScalingPoliciesInput) (*scaling.DescribeScalingPoliciesOutput, error) {
	if err := scalesECS(in.ServiceNamespace, in.ScalableDimension); err != nil {
		return nil, err
	}
	out := &scaling.DescribeScalingPoliciesOutput{}
	for id, t := range sorted(s.region(ctx).Scaling.Targets) {
		for name, p := range sorted(t.Policies) {
			if (in.ResourceId == nil || *in.ResourceId == id) && (len(in.PolicyNames) == 0 || slices.Contains(in.PolicyNames, name)) {
				out.ScalingPolicies = append(out.ScalingPolicies, *p)
			}
		}
	}
	var err error
	out.ScalingPolicies, out.NextToken, err = page(out.ScalingPolicies, in.NextToken, in.MaxResults, 10)
	return out, err
}

func (s *scalingService) DeleteScalingPolicy(ctx context.Context, in *scaling.DeleteScalingPolicyInput) (*scaling.DeleteScalingPolicyOutput, error) {
	t, err := s.target(ctx, in.ServiceNamespace, in.ResourceId, in.ScalableDimension, "scaling policy found")
	if err != nil {
		return nil, err
	}
	if t.Policies[val(in.PolicyName)] == nil {
		return nil, fail("ObjectNotFoundException", "No scaling policy found for service namespace: %s, resource ID: %s, scalable dimension: %s, policy name: %s",
			in.ServiceNamespace, val(in.ResourceId), in.ScalableDimension, val(in.PolicyName))
	}
	s.untrack(s.region(ctx), t.Policies[*in.PolicyName])
	delete(t.Policies, *in.PolicyName)
	return &scaling.DeleteScalingPolicyOutput{}, nil
}

// due says whether a schedule can be read.
func due(expression string, zone *string, now time.Time) bool {
	_, err := schedule.Next(expression, val(zone), now, now)
	return err == nil
}

// PutScheduledAction makes or changes an action; what a change leaves out stays as it is.
func (s *scalingService) PutScheduledAction(ctx context.Context, in *scaling.PutScheduledActionInput) (*scaling.PutScheduledActionOutput, error) {
	t, err := s.target(ctx, in.ServiceNamespace, in.ResourceId, in.ScalableDimension, "scalable target registered")
	if err != nil {
		return nil, err
	}
	name := val(in.ScheduledActionName)
	a := t.Actions[name]
	switch {
	case name == "" || len(name) > 256:
		return nil, validation("1 validation error detected: Value '%s' at 'scheduledActionName' failed to satisfy constraint", name)
	case a == nil && in.Schedule == nil, in.Schedule != nil && !due(*in.Schedule, in.Timezone, s.clock):
		return nil, validation("Invalid schedule expression: %s", val(in.Schedule))
	case a == nil && in.ScalableTargetAction == nil:
		return nil, validation("ScalableTargetAction is required.")
	}
	if act := in.ScalableTargetAction; act != nil && (act.MinCapacity == nil && act.MaxCapacity == nil ||
		act.MinCapacity != nil && act.MaxCapacity != nil && *act.MinCapacity > *act.MaxCapacity) {
		return nil, validation("Invalid scalable target action.")
	}
	if a == nil {
		a = &types.ScheduledAction{
			ScheduledActionName: &name, ServiceNamespace: in.ServiceNamespace, ResourceId: in.ResourceId, ScalableDimension: in.ScalableDimension,
			CreationTime:       new(s.clock),
			ScheduledActionARN: new(s.arn("autoscaling", s.region(ctx).Name, "scheduledAction:"+s.uuid()+":resource/ecs/"+*in.ResourceId+":scheduledActionName/"+name)),
		}
		t.Actions[name] = a
	}
	if in.Schedule != nil {
		a.Schedule = in.Schedule
	}
	if in.ScalableTargetAction != nil {
		a.ScalableTargetAction = in.ScalableTargetAction
	}
	// An omitted time is cleared by a change (PutScheduledAction in the API reference).
	a.StartTime, a.EndTime, a.Timezone = in.StartTime, in.EndTime, in.Timezone
	s.plan(s.region(ctx), a)
	return &scaling.PutScheduledActionOutput{}, nil
}

func (s *scalingService) DescribeScheduledActions(ctx context.Context, in *scaling.DescribeScheduledActionsInput) (*scaling.DescribeScheduledActionsOutput, error) {
	if err := scalesECS(in.ServiceNamespace, in.ScalableDimension); err != nil {
		return nil, err
	}
	out := &scaling.DescribeScheduledActionsOutput{}
	for id, t := range sorted(s.region(ctx).Scaling.Targets) {
		for name, a := range sorted(t.Actions) {
			if (in.ResourceId == nil || *in.ResourceId == id) && (len(in.ScheduledActionNames) == 0 || slices.Contains(in.ScheduledActionNames, name)) {
				out.ScheduledActions = append(out.ScheduledActions, *a)
			}
		}
	}
	var err error
	out.ScheduledActions, out.NextToken, err = page(out.ScheduledActions, in.NextToken, in.MaxResults, 50)
	return out, err
}

func (s *scalingService) DeleteScheduledAction(ctx context.Context, in *scaling.DeleteScheduledActionInput) (*scaling.DeleteScheduledActionOutput, error) {
	t, err := s.target(ctx, in.ServiceNamespace, in.ResourceId, in.ScalableDimension, "scheduled action found")
	if err != nil {
		return nil, err
	}
	if t.Actions[val(in.ScheduledActionName)] == nil {
		return nil, fail("ObjectNotFoundException", "No scheduled action found for service namespace: %s, resource ID: %s, scalable dimension: %s, scheduled action name: %s",
			in.ServiceNamespace, val(in.ResourceId), in.ScalableDimension, val(in.ScheduledActionName))
	}
	delete(t.Actions, *in.ScheduledActionName)
	return &scaling.DeleteScheduledActionOutput{}, nil
}
