package sandbox

import (
	"cmp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/fargatectl/fargatectl/internal/schedule"
)

// What Application Auto Scaling does by itself: it keeps a service within its range, and acts on schedules. Policies do
// not act here, but their alarms can be seen.

// hold moves a service that is outside its target's range to the nearer bound.
func (s *scalingService) hold(r *Region, t *scalable, sv *service) {
	to := min(max(sv.DesiredCount, *t.MinCapacity), *t.MaxCapacity)
	if to == sv.DesiredCount {
		return
	}
	bound := "minimum"
	if to < sv.DesiredCount {
		bound = "maximum"
	}
	t.did(s.Sandbox, bound+" capacity was set to "+itoa(to), "Setting desired count to "+itoa(to)+".",
		"Successfully set desired count to "+itoa(to)+". Change successfully fulfilled by ecs.")
	(&ecsService{s.Sandbox}).scale(r, sv, to)
}

// did notes what the target has done (API reference, DescribeScalingActivities, has the words).
func (t *scalable) did(s *Sandbox, cause, what, status string) {
	t.Activities = append([]types.ScalingActivity{{
		ActivityId: new(s.uuid()), ServiceNamespace: t.ServiceNamespace, ResourceId: t.ResourceId, ScalableDimension: t.ScalableDimension,
		Cause: &cause, Description: &what, StatusCode: types.ScalingActivityStatusCodeSuccessful, StatusMessage: &status,
		StartTime: new(s.clock), EndTime: new(s.clock),
	}}, t.Activities...)
}

// plan sets the clock for an action's next time. Its id is region/service/CLUSTER/SERVICE/NAME.
func (s *scalingService) plan(r *Region, a *types.ScheduledAction) {
	id := r.Name + "/" + *a.ResourceId + "/" + *a.ScheduledActionName
	s.forget("scheduled action", id)
	start := or(a.StartTime, *a.CreationTime)
	after := s.clock
	if start.After(after) {
		after = start.Add(-time.Nanosecond)
	}
	at, err := schedule.Next(*a.Schedule, val(a.Timezone), start, after)
	if err == nil && !at.IsZero() && (a.EndTime == nil || !at.After(*a.EndTime)) {
		s.at(at, "scheduled action", id)
	}
}

// act moves the range as a scheduled action says, unless that is suspended (user guide, "Suspend and resume scaling").
func (s *scalingService) act(id string) {
	parts := strings.SplitN(id, "/", 5)
	r, resource := s.regionNamed(parts[0]), strings.Join(parts[1:4], "/")
	t := r.Scaling.Targets[resource]
	if t == nil || t.Actions[parts[4]] == nil {
		return
	}
	a := t.Actions[parts[4]]
	s.plan(r, a)
	sv, err := serviceOf(r, resource)
	if err != nil || val(t.SuspendedState.ScheduledScalingSuspended) {
		return
	}
	least, most := cmp.Or(a.ScalableTargetAction.MinCapacity, t.MinCapacity), cmp.Or(a.ScalableTargetAction.MaxCapacity, t.MaxCapacity)
	if *least > *most { // of an action that sets one bound only
		return
	}
	t.MinCapacity, t.MaxCapacity = new(*least), new(*most)
	t.did(s.Sandbox, "scheduled action name "+parts[4]+" was triggered", "Setting min capacity to "+itoa(*least)+" and max capacity to "+itoa(*most),
		"Successfully set min capacity to "+itoa(*least)+" and max capacity to "+itoa(*most))
	s.hold(r, t, sv)
}

// suspend takes over what a request says of the three kinds of scaling.
func suspend(had, want *types.SuspendedState) *types.SuspendedState {
	return &types.SuspendedState{
		DynamicScalingInSuspended:  new(or(want.DynamicScalingInSuspended, val(had.DynamicScalingInSuspended))),
		DynamicScalingOutSuspended: new(or(want.DynamicScalingOutSuspended, val(had.DynamicScalingOutSuspended))),
		ScheduledScalingSuspended:  new(or(want.ScheduledScalingSuspended, val(had.ScheduledScalingSuspended))),
	}
}

// track puts the two alarms of a target tracking policy: above the target for three minutes, and well below it for
// fifteen. They are the policy's: who deletes it deletes them.
func (s *scalingService) track(r *Region, p *types.ScalingPolicy) {
	s.untrack(r, p)
	c := p.TargetTrackingScalingPolicyConfiguration
	a := tracked(*p.ResourceId, c)
	a.AlarmDescription = new("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy " + *p.PolicyARN + ".")
	a.AlarmActions, a.ActionsEnabled, a.Period = []string{*p.PolicyARN}, new(true), new(int32(60))
	for _, side := range []struct {
		name      string
		op        cloudwatch.ComparisonOperator
		threshold float64
		periods   int32
	}{
		{"AlarmHigh", cloudwatch.ComparisonOperatorGreaterThanThreshold, *c.TargetValue, 3},
		{"AlarmLow", cloudwatch.ComparisonOperatorLessThanThreshold, *c.TargetValue * 0.9, 15},
	} {
		a.AlarmName = new("TargetTracking-" + *p.ResourceId + "-" + side.name + "-" + s.uuid())
		a.ComparisonOperator, a.Threshold, a.EvaluationPeriods = side.op, &side.threshold, &side.periods
		s.putAlarm(r, a, nil)
		p.Alarms = append(p.Alarms, types.Alarm{AlarmName: a.AlarmName, AlarmARN: r.CloudWatch.Alarms[*a.AlarmName].AlarmArn})
	}
}

func (s *scalingService) untrack(r *Region, p *types.ScalingPolicy) {
	for _, a := range p.Alarms {
		delete(r.CloudWatch.Alarms, *a.AlarmName)
	}
	p.Alarms = nil
}

// tracked is the metric that a policy watches.
func tracked(resource string, c *types.TargetTrackingScalingPolicyConfiguration) (a cloudwatch.MetricAlarm) {
	if m := c.CustomizedMetricSpecification; m != nil {
		a.Namespace, a.MetricName, a.Statistic, a.Unit = m.Namespace, m.MetricName, cloudwatch.Statistic(m.Statistic), cloudwatch.StandardUnit(val(m.Unit))
		for _, d := range m.Dimensions {
			a.Dimensions = append(a.Dimensions, cloudwatch.Dimension{Name: d.Name, Value: d.Value})
		}
		return a
	}
	m := c.PredefinedMetricSpecification
	if m.PredefinedMetricType == types.MetricTypeALBRequestCountPerTarget { // app/NAME/ID/targetgroup/NAME/ID
		balancer, group, _ := strings.Cut(*m.ResourceLabel, "/targetgroup/")
		a.Namespace, a.MetricName, a.Statistic = new("AWS/ApplicationELB"), new("RequestCountPerTarget"), cloudwatch.StatisticSum
		a.Dimensions = dimensionsOf("TargetGroup=targetgroup/" + group + ",LoadBalancer=" + balancer)
		return a
	}
	id := strings.Split(resource, "/")
	a.Namespace, a.MetricName, a.Statistic, a.Unit = new("AWS/ECS"), new("CPUUtilization"), cloudwatch.StatisticAverage, cloudwatch.StandardUnitPercent
	if m.PredefinedMetricType == types.MetricTypeECSServiceAverageMemoryUtilization {
		a.MetricName = new("MemoryUtilization")
	}
	a.Dimensions = dimensionsOf("ClusterName=" + id[1] + ",ServiceName=" + id[2])
	return a
}
