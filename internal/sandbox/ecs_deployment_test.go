package sandbox

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// one is a service of one task, with this deployment configuration.
func one(d *types.DeploymentConfiguration) func(*ecs.CreateServiceInput) {
	return func(in *ecs.CreateServiceInput) { in.DesiredCount, in.DeploymentConfiguration = new(int32(1)), d }
}

// moves brings the service to a new revision.
func (f *fleet) moves() {
	f.t.Helper()
	two := f.register()
	must(f.ecs.UpdateService(f.t.Context(), &ecs.UpdateServiceInput{Cluster: new("c"), Service: new("web"), TaskDefinition: &two}))(f.t)
}

// A task goes its way in ECS's order, and what happens is told in AWS's words and order (developer guide, "Task
// lifecycle", "Amazon ECS service event messages"; the order of events is that of public logs).
func TestDeploymentOrder(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		must(f.ecs.CreateService(t.Context(), f.service(f.register(), one(nil))))(t)
		f.until(types.ServiceDeploymentStatusSuccessful)
		f.moves()
		seen, before := []string{}, len(strings.Split(f.events(), "\n"))
		note := func(what string) {
			if !slices.Contains(seen, what) {
				seen = append(seen, what)
			}
		}
		for range 1200 {
			d := f.latest()
			note("deployment " + string(d.Status))
			for i, desired := range []types.DesiredStatus{types.DesiredStatusRunning, types.DesiredStatusStopped} {
				for _, task := range f.tasks(desired) {
					if age := "new"; i == 1 {
						note("old " + *task.LastStatus)
					} else if !strings.HasSuffix(*task.TaskDefinitionArn, ":1") {
						note(age + " " + *task.LastStatus)
					}
				}
			}
			for _, h := range must(f.elb.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &f.tg}))(t).TargetHealthDescriptions {
				note("target " + string(h.TargetHealth.State))
			}
			if d.Status == types.ServiceDeploymentStatusSuccessful {
				break
			}
			time.Sleep(500 * time.Millisecond)
		}
		want := []string{
			"deployment PENDING", "target healthy", "deployment IN_PROGRESS", "new PROVISIONING", "new PENDING", "new ACTIVATING", "target initial", "new RUNNING",
			"old DEACTIVATING", "target draining", "old STOPPING", "old DEPROVISIONING", "deployment SUCCESSFUL", "old STOPPED",
		}
		if !slices.Equal(seen, want) {
			t.Errorf("saw\n%s\nnot\n%s", strings.Join(seen, ", "), strings.Join(want, ", "))
		}
		time.Sleep(time.Minute)
		lines := strings.Split(f.events(), "\n")[before:]
		pattern := regexp.MustCompile(`[0-9a-f]{32}|arn:[^)]*|ecs-svc/[0-9]+`)
		for i := range lines {
			lines[i] = pattern.ReplaceAllString(strings.TrimPrefix(lines[i], "(service web) "), "X")
		}
		if diff := strings.Join(lines, "\n"); diff != strings.Join([]string{
			"has started 1 tasks: (task X).", "registered 1 targets in (target-group X)", "has begun draining connections on 1 tasks.",
			"deregistered 1 targets in (target-group X)", "has stopped 1 running tasks: (task X).", "(deployment X) deployment completed.",
			"has reached a steady state.",
		}, "\n") {
			t.Errorf("events:\n%s", diff)
		}
	})
}

// How many tasks may fail: documentation of types.ThresholdConfiguration and of ServiceDeploymentCircuitBreaker.
func TestThreshold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind    types.ThresholdType
		value   int32
		desired int32
		want    int32
	}{
		{"", 0, 1, 3},
		{"", 0, 10, 5},
		{"", 0, 11, 6},
		{"", 0, 1000, 200},
		{types.ThresholdTypeBoundedPercent, 100, 2, 3},
		{types.ThresholdTypeBoundedPercent, 100, 300, 200},
		{types.ThresholdTypeUnboundedPercent, 100, 300, 300},
		{types.ThresholdTypeUnboundedPercent, 50, 2, 1},
		{types.ThresholdTypeCount, 7, 1, 7},
	} {
		sv := &service{}
		sv.DesiredCount, sv.DeploymentConfiguration = c.desired, &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{}}
		if c.kind != "" {
			sv.DeploymentConfiguration.DeploymentCircuitBreaker.ThresholdConfiguration = &types.ThresholdConfiguration{Type: c.kind, Value: c.value}
		}
		if got := threshold(sv); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// The circuit breaker gives up at its own threshold, and tells how far it is.
func TestBreakerCounts(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		breaker := &types.DeploymentCircuitBreaker{Enable: true, Rollback: true, ThresholdConfiguration: &types.ThresholdConfiguration{Type: types.ThresholdTypeCount, Value: 2}}
		must(f.ecs.CreateService(t.Context(), f.service(f.register(), one(&types.DeploymentConfiguration{DeploymentCircuitBreaker: breaker}))))(t)
		f.until(types.ServiceDeploymentStatusSuccessful)
		if b := f.latest().DeploymentCircuitBreaker; b.Status != types.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete || b.Threshold != 2 || b.FailureCount != 0 {
			t.Errorf("%+v", b)
		}
		if err := f.Arm("ExitAtStart", "web"); err != nil {
			t.Fatal(err)
		}
		f.moves()
		f.until(types.ServiceDeploymentStatusRollbackSuccessful)
		if b := f.latest().DeploymentCircuitBreaker; b.Status != types.ServiceDeploymentRollbackMonitorsStatusTriggered || b.FailureCount != 2 {
			t.Errorf("%+v", b)
		}
		if n := strings.Count(f.events(), "has started 1 tasks"); n != 3 {
			t.Errorf("%d times tasks were started:\n%s", n, f.events())
		}
	})
}

// Early success criteria end a deployment when enough new tasks are healthy: after the old ones are gone, or before
// (documentation of types.DeploymentEarlySuccessCriteria).
func TestEarlySuccess(t *testing.T) {
	for cleanup, most := range map[types.ServiceRevisionCleanup]time.Duration{types.ServiceRevisionCleanupDeferred: 75 * time.Second, types.ServiceRevisionCleanupBlocking: 10 * time.Minute} {
		t.Run(string(cleanup), func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleet) {
				must(f.ecs.CreateService(t.Context(), f.service(f.register(), one(&types.DeploymentConfiguration{
					EarlySuccessCriteria: &types.DeploymentEarlySuccessCriteria{Enable: true, HealthyPercent: new(int32(100)), SourceServiceRevisionCleanup: cleanup},
				}))))(t)
				f.until(types.ServiceDeploymentStatusSuccessful)
				f.moves()
				took := f.until(types.ServiceDeploymentStatusSuccessful)
				deferred := cleanup == types.ServiceRevisionCleanupDeferred
				sv := f.live()
				if h := f.health(); took > most || strings.Contains(h, "draining") != deferred || (len(sv.Deployments) > 1) != deferred {
					t.Errorf("%s, targets %s, %d deployments", took, h, len(sv.Deployments))
				}
				if sv.Deployments[0].RolloutState != types.DeploymentRolloutStateCompleted {
					t.Error(sv.Deployments[0].RolloutState)
				}
				time.Sleep(10 * time.Minute)
				if sv := f.live(); len(sv.Deployments) != 1 || sv.RunningCount != 1 || f.health() != "healthy" || !strings.HasSuffix(f.events(), "has reached a steady state.") {
					t.Errorf("%d deployments, %d tasks, targets %s", len(sv.Deployments), sv.RunningCount, f.health())
				}
			})
		})
	}
	inFleet(t, func(t *testing.T, f *fleet) {
		for want, e := range map[string]types.DeploymentEarlySuccessCriteria{
			"healthyPercent and sourceServiceRevisionCleanup must be specified": {Enable: true},
			"healthyPercent must be between the minimumHealthyPercent and 100.": {Enable: true, HealthyPercent: new(int32(50)), SourceServiceRevisionCleanup: "DEFERRED"},
		} {
			_, err := f.ecs.CreateService(t.Context(), f.service(f.register(), one(&types.DeploymentConfiguration{EarlySuccessCriteria: &e})))
			refused(t, err, "InvalidParameterException", want)
		}
	})
}

// ring sets the state of an alarm, which it makes when there is none.
func (f *fleet) ring(state cloudwatchtypes.StateValue) {
	f.t.Helper()
	c := cloudwatch.NewFromConfig(f.Config("eu-west-1"))
	if len(must(c.DescribeAlarms(f.t.Context(), nil))(f.t).MetricAlarms) == 0 {
		must(c.PutMetricAlarm(f.t.Context(), &cloudwatch.PutMetricAlarmInput{
			AlarmName: new("errors"), Namespace: new("Mine"), MetricName: new("Errors"), Statistic: cloudwatchtypes.StatisticSum, Period: new(int32(60)),
			EvaluationPeriods: new(int32(2)), Threshold: new(1.0), ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanThreshold, TreatMissingData: new("ignore"),
		}))(f.t)
	}
	must(c.SetAlarmState(f.t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: new("errors"), StateValue: state, StateReason: new("a test")}))(f.t)
}

// An alarm that goes off while a deployment runs fails it; one that is on when it begins is ignored; and the alarms are
// watched for a while after all else is done (developer guide, "How CloudWatch alarms detect Amazon ECS deployment failures").
func TestDeploymentAlarms(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		f.ring(cloudwatchtypes.StateValueOk)
		must(f.ecs.CreateService(t.Context(), f.service(f.register(), one(&types.DeploymentConfiguration{
			Alarms: &types.DeploymentAlarms{AlarmNames: []string{"errors"}, Enable: true, Rollback: true},
		}))))(t)
		if took := f.until(types.ServiceDeploymentStatusSuccessful); took < 2*time.Minute {
			t.Errorf("not watched to the end: %s", took)
		}
		if a := f.latest().Alarms; a.Status != types.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete || !slices.Equal(a.AlarmNames, []string{"errors"}) {
			t.Errorf("%+v", a)
		}
		f.moves()
		time.Sleep(40 * time.Second)
		f.ring(cloudwatchtypes.StateValueAlarm)
		f.until(types.ServiceDeploymentStatusRollbackSuccessful)
		d := f.latest()
		if a := d.Alarms; a.Status != types.ServiceDeploymentRollbackMonitorsStatusTriggered || !slices.Equal(a.TriggeredAlarmNames, []string{"errors"}) ||
			*d.Rollback.Reason != "Service deployment rolled back because an alarm was triggered." || *d.StatusReason != *d.Rollback.Reason {
			t.Errorf("%+v, %s", a, *d.Rollback.Reason)
		}
		if !strings.Contains(f.events(), "deployment failed: alarm detected.\n(service web) rolling back to deployment ") {
			t.Error(f.events())
		}
		f.moves()
		if took := f.until(types.ServiceDeploymentStatusSuccessful); took > 7*time.Minute {
			t.Errorf("the repair took %s", took)
		}
		if a := f.latest().Alarms; a.Status != types.ServiceDeploymentRollbackMonitorsStatusDisabled {
			t.Errorf("an alarm that was on is watched: %+v", a)
		}
	})
}

// A stop that is asked for is done at the scheduler's next look.
func TestStopDeployment(t *testing.T) {
	for kind, want := range map[types.StopServiceDeploymentStopType][2]types.ServiceDeploymentStatus{
		types.StopServiceDeploymentStopTypeRollback: {types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusRollbackSuccessful},
		types.StopServiceDeploymentStopTypeAbort:    {types.ServiceDeploymentStatusStopRequested, types.ServiceDeploymentStatusStopped},
	} {
		t.Run(string(kind), func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleet) {
				must(f.ecs.CreateService(t.Context(), f.service(f.register(), one(nil))))(t)
				f.until(types.ServiceDeploymentStatusSuccessful)
				f.moves()
				time.Sleep(20 * time.Second)
				in := &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: f.latest().ServiceDeploymentArn, StopType: kind}
				must(f.ecs.StopServiceDeployment(t.Context(), in))(t)
				if d := f.latest(); d.Status != want[0] {
					t.Errorf("status %s", d.Status)
				}
				_, err := f.ecs.StopServiceDeployment(t.Context(), in)
				refused(t, err, "ConflictException", fmt.Sprintf("The service deployment is in %s status", want[0]))
				f.until(want[1])
				time.Sleep(time.Minute)
				if sv := f.live(); sv.RunningCount < 1 || kind == types.StopServiceDeploymentStopTypeRollback && len(sv.Deployments) != 1 {
					t.Errorf("%d tasks, %d deployments", sv.RunningCount, len(sv.Deployments))
				}
			})
		})
	}
}

// A tuned target group is what makes a deployment fast: without it the same one takes minutes.
func TestTunedTargets(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		must(f.ecs.CreateService(t.Context(), f.service(f.register())))(t)
		f.until(types.ServiceDeploymentStatusSuccessful)
		f.moves()
		slow := f.until(types.ServiceDeploymentStatusSuccessful)
		must(f.elb.ModifyTargetGroup(t.Context(), &elb.ModifyTargetGroupInput{TargetGroupArn: &f.tg, HealthCheckIntervalSeconds: new(int32(5)), HealthCheckTimeoutSeconds: new(int32(4)), HealthyThresholdCount: new(int32(2))}))(t)
		must(f.elb.ModifyTargetGroupAttributes(t.Context(), &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &f.tg, Attributes: []elbtypes.TargetGroupAttribute{
			{Key: new("deregistration_delay.timeout_seconds"), Value: new("5")},
		}}))(t)
		f.moves()
		if fast := f.until(types.ServiceDeploymentStatusSuccessful); fast > 78*time.Second || slow < 5*fast {
			t.Errorf("tuned %s, as it is made %s", fast, slow)
		}
	})
}
