package sandbox

import (
	"fmt"
	"strings"
	"testing"
	"time"

	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

func TestScaling(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		c, id := scaling.NewFromConfig(f.Config("eu-west-1")), new("service/c/web")
		const count = types.ScalableDimensionECSServiceDesiredCount
		register := &scaling.RegisterScalableTargetInput{
			ServiceNamespace: "ecs", ResourceId: id, ScalableDimension: count,
			MinCapacity: new(int32(3)), MaxCapacity: new(int32(5)), Tags: map[string]string{"k": "v"},
		}
		_, err := c.RegisterScalableTarget(t.Context(), register)
		refused(t, err, "ValidationException", "ECS service doesn't exist: service/c/web")
		must(f.ecs.CreateService(t.Context(), f.service(f.register())))(t)
		track := func(name string, metric types.MetricType) *scaling.PutScalingPolicyInput {
			return &scaling.PutScalingPolicyInput{
				ServiceNamespace: "ecs", ResourceId: id, ScalableDimension: count, PolicyName: &name, PolicyType: types.PolicyTypeTargetTrackingScaling,
				TargetTrackingScalingPolicyConfiguration: &types.TargetTrackingScalingPolicyConfiguration{
					TargetValue:                   new(70.0),
					PredefinedMetricSpecification: &types.PredefinedMetricSpecification{PredefinedMetricType: metric},
				},
			}
		}
		_, err = c.PutScalingPolicy(t.Context(), track("cpu", types.MetricTypeECSServiceAverageCPUUtilization))
		refused(t, err, "ObjectNotFoundException", "No scalable target registered for service namespace: ecs, resource ID: service/c/web")
		arn := must(c.RegisterScalableTarget(t.Context(), register))(t).ScalableTargetARN
		if n := f.live().DesiredCount; n != 3 {
			t.Errorf("a service of 2 is moved to %d by a minimum of 3", n)
		}
		if acts := must(c.DescribeScalingActivities(t.Context(), &scaling.DescribeScalingActivitiesInput{ServiceNamespace: "ecs", ResourceId: id}))(t).ScalingActivities; len(acts) != 1 {
			t.Errorf("%d activities", len(acts))
		}
		p := must(c.PutScalingPolicy(t.Context(), track("cpu", types.MetricTypeECSServiceAverageCPUUtilization)))(t)
		if len(p.Alarms) != 2 || !strings.HasPrefix(*p.Alarms[0].AlarmName, "TargetTracking-service/c/web-AlarmHigh-") {
			t.Errorf("alarms %+v", p.Alarms)
		}
		_, err = c.PutScalingPolicy(t.Context(), track("again", types.MetricTypeECSServiceAverageCPUUtilization))
		refused(t, err, "ValidationException", "Only one TargetTrackingScaling policy")
		_, err = c.PutScalingPolicy(t.Context(), track("rpt", types.MetricTypeALBRequestCountPerTarget))
		refused(t, err, "ValidationException", "Resource label is required")
		if tags := must(c.ListTagsForResource(t.Context(), &scaling.ListTagsForResourceInput{ResourceARN: arn}))(t).Tags; tags["k"] != "v" {
			t.Errorf("tags %v", tags)
		}
		must(c.DeregisterScalableTarget(t.Context(), &scaling.DeregisterScalableTargetInput{ServiceNamespace: "ecs", ResourceId: id, ScalableDimension: count}))(t)
		if ps := must(c.DescribeScalingPolicies(t.Context(), &scaling.DescribeScalingPoliciesInput{ServiceNamespace: "ecs"}))(t).ScalingPolicies; len(ps) != 0 {
			t.Errorf("%d policies left", len(ps))
		}
		_, err = c.DeregisterScalableTarget(t.Context(), &scaling.DeregisterScalableTargetInput{ServiceNamespace: "ecs", ResourceId: id, ScalableDimension: count})
		refused(t, err, "ObjectNotFoundException", "No scalable target found")
	})
}

// In an instant sandbox everything is done when the call returns, and what fails for ever does not hang it.
func TestInstantService(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		f.o.Speed = 0
		must(f.ecs.CreateService(t.Context(), f.service(f.register())))(t)
		if d := f.latest(); d.Status != "SUCCESSFUL" {
			t.Errorf("deployment is %s:\n%s", d.Status, f.events())
		}
		if err := f.Do(func(st *State) {
			st.Regions["eu-west-1"].ECS.Break("web", Failure{StopCode: "EssentialContainerExited", StoppedReason: "Essential container in task exited"})
		}); err != nil {
			t.Fatal(err)
		}
		two := f.register()
		must(f.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("c"), Service: new("web"), TaskDefinition: &two}))(t)
		if d := f.latest(); d.Status != "ROLLBACK_SUCCESSFUL" {
			t.Errorf("deployment is %s:\n%s", d.Status, f.events())
		}
		must(f.ecs.DeleteService(t.Context(), &ecs.DeleteServiceInput{Cluster: new("c"), Service: new("web"), Force: new(true)}))(t)
		if s := *f.live().Status; s != "INACTIVE" {
			t.Errorf("service is %s", s)
		}
	})
}

// Scheduled actions move the range at their time, and with it the service, unless they are suspended.
func TestScheduledActionActs(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		c, id, ctx := scaling.NewFromConfig(f.Config("eu-west-1")), new("service/c/web"), t.Context()
		const count = types.ScalableDimensionECSServiceDesiredCount
		must(f.ecs.CreateService(ctx, f.service(f.register())))(t)
		register := func(change ...func(*scaling.RegisterScalableTargetInput)) {
			in := &scaling.RegisterScalableTargetInput{ServiceNamespace: "ecs", ResourceId: id, ScalableDimension: count}
			for _, ch := range change {
				ch(in)
			}
			must(c.RegisterScalableTarget(ctx, in))(t)
		}
		register(func(in *scaling.RegisterScalableTargetInput) {
			in.MinCapacity, in.MaxCapacity = new(int32(1)), new(int32(8))
		})
		action := func(name, schedule string, least, most int32) {
			must(c.PutScheduledAction(ctx, &scaling.PutScheduledActionInput{
				ServiceNamespace: "ecs", ResourceId: id, ScalableDimension: count, ScheduledActionName: &name, Schedule: &schedule,
				ScalableTargetAction: &types.ScalableTargetAction{MinCapacity: &least, MaxCapacity: &most},
			}))(t)
		}
		is := func(want, least, most int32) {
			t.Helper()
			r := must(c.DescribeScalableTargets(ctx, &scaling.DescribeScalableTargetsInput{ServiceNamespace: "ecs"}))(t).ScalableTargets[0]
			if n := f.live().DesiredCount; n != want || *r.MinCapacity != least || *r.MaxCapacity != most {
				t.Errorf("%d tasks within %d to %d at %s, want %d within %d to %d", n, *r.MinCapacity, *r.MaxCapacity, time.Now().UTC(), want, least, most)
			}
		}
		day := time.Now().UTC().Truncate(24 * time.Hour)
		until := func(at time.Duration) { time.Sleep(time.Until(day.Add(at))) }
		action("morning", "cron(0 8 * * ? *)", 4, 8)
		action("night", "cron(0 22 * * ? *)", 1, 1)
		until(7*time.Hour + 59*time.Minute)
		is(2, 1, 8)
		until(8*time.Hour + time.Minute)
		is(4, 4, 8)
		until(23 * time.Hour)
		is(1, 1, 1)
		register(func(in *scaling.RegisterScalableTargetInput) {
			in.SuspendedState = &types.SuspendedState{ScheduledScalingSuspended: new(true)}
		})
		until(33 * time.Hour)
		is(1, 1, 1)
		register(func(in *scaling.RegisterScalableTargetInput) {
			in.SuspendedState = &types.SuspendedState{ScheduledScalingSuspended: new(false)}
		})
		must(c.DeleteScheduledAction(ctx, &scaling.DeleteScheduledActionInput{ServiceNamespace: "ecs", ResourceId: id, ScalableDimension: count, ScheduledActionName: new("night")}))(t)
		until(80 * time.Hour)
		is(4, 4, 8)

		var causes []string
		for _, a := range must(c.DescribeScalingActivities(ctx, &scaling.DescribeScalingActivitiesInput{ServiceNamespace: "ecs", ResourceId: id}))(t).ScalingActivities {
			causes = append(causes, *a.Cause)
		}
		want := "scheduled action name morning was triggered|minimum capacity was set to 4|scheduled action name morning was triggered|" +
			"maximum capacity was set to 1|scheduled action name night was triggered|minimum capacity was set to 4|scheduled action name morning was triggered"
		if got := strings.Join(causes, "|"); got != want {
			t.Errorf("activities, newest first: %s", got)
		}
		_, err := c.PutScheduledAction(ctx, &scaling.PutScheduledActionInput{
			ServiceNamespace: "ecs", ResourceId: id, ScalableDimension: count, ScheduledActionName: new("bad"), Schedule: new("cron(0 25 * * ? *)"),
			ScalableTargetAction: &types.ScalableTargetAction{MinCapacity: new(int32(1))},
		})
		refused(t, err, "ValidationException", "Invalid schedule expression")
	})
}

// A policy has two alarms on its metric, which go with it.
func TestTrackingAlarms(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		c, alarms, id, ctx := scaling.NewFromConfig(f.Config("eu-west-1")), cloudwatch.NewFromConfig(f.Config("eu-west-1")), new("service/c/web"), t.Context()
		const count = types.ScalableDimensionECSServiceDesiredCount
		must(f.ecs.CreateService(ctx, f.service(f.register())))(t)
		must(c.RegisterScalableTarget(ctx, &scaling.RegisterScalableTargetInput{ServiceNamespace: "ecs", ResourceId: id, ScalableDimension: count, MinCapacity: new(int32(1)), MaxCapacity: new(int32(8))}))(t)
		put := func(target float64) {
			must(c.PutScalingPolicy(ctx, &scaling.PutScalingPolicyInput{
				ServiceNamespace: "ecs", ResourceId: id, ScalableDimension: count, PolicyName: new("cpu"), PolicyType: types.PolicyTypeTargetTrackingScaling,
				TargetTrackingScalingPolicyConfiguration: &types.TargetTrackingScalingPolicyConfiguration{
					TargetValue: &target, PredefinedMetricSpecification: &types.PredefinedMetricSpecification{PredefinedMetricType: types.MetricTypeECSServiceAverageCPUUtilization},
				},
			}))(t)
			time.Sleep(20 * time.Minute)
		}
		states := func() string {
			var text []string
			for _, a := range must(alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: new("TargetTracking-service/c/web-")}))(t).MetricAlarms {
				side, _, _ := strings.Cut(strings.TrimPrefix(*a.AlarmName, "TargetTracking-service/c/web-"), "-")
				text = append(text, fmt.Sprintf("%s %s %s %g", side, *a.MetricName, a.StateValue, *a.Threshold))
			}
			return strings.Join(text, ", ")
		}
		put(90)
		if got := states(); got != "AlarmHigh CPUUtilization OK 90, AlarmLow CPUUtilization ALARM 81" {
			t.Error(got)
		}
		put(10)
		if got := states(); got != "AlarmHigh CPUUtilization ALARM 10, AlarmLow CPUUtilization OK 9" {
			t.Error(got)
		}
		must(c.DeleteScalingPolicy(ctx, &scaling.DeleteScalingPolicyInput{ServiceNamespace: "ecs", ResourceId: id, ScalableDimension: count, PolicyName: new("cpu")}))(t)
		if got := states(); got != "" {
			t.Error(got)
		}
	})
}
