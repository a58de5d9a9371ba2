package sandbox

import (
	"strings"
	"testing"

	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
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
