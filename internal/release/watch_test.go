package release_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// A status takes three rounds of requests, also one that is watched.
func TestStatusRounds(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		before := len(w.Calls())
		if _, err := w.service().Status(t.Context(), release.View{Events: 5, Meter: &release.Meter{}}); err != nil {
			t.Fatal(err)
		}
		rounds := map[time.Time]bool{}
		made := w.Calls()[before:]
		for _, c := range made {
			rounds[c.At] = true
		}
		if len(rounds) > 3 || len(made) > 15 {
			t.Errorf("%d calls in %d rounds: %v", len(made), len(rounds), made)
		}
	})
}

// Metrics are read once a minute, and belong to the minutes that they are said to.
func TestMeter(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		s, m := w.service(), &release.Meter{}
		time.Sleep(20 * time.Minute)
		var st *release.Status
		asked := func(d time.Duration) (n int) {
			before := len(w.Calls())
			for range int(d / (2 * time.Second)) {
				var err error
				if st, err = s.Status(t.Context(), release.View{Meter: m}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second)
			}
			for _, c := range w.Calls()[before:] {
				if c.Op == "GetMetricData" {
					n++
				}
			}
			return n
		}
		if n := asked(2 * time.Minute); n > 5 || n < 2 { // a status itself takes seconds
			t.Errorf("asked %d times", n)
		}
		values := st.Metrics.CPU
		if len(values) != release.Minutes || values[0] != nil || values[release.Minutes-1] == nil || *values[release.Minutes-1] < 5 || *values[release.Minutes-1] > 100 {
			t.Errorf("CPU since %s: %v", st.Metrics.Since, values)
		}
		if r, e := st.Metrics.Requests[release.Minutes-1], st.Metrics.Errors[release.Minutes-1]; r == nil || *r < 50 || e == nil {
			t.Errorf("requests %v, errors %v", r, e)
		}
		if p := st.Metrics.P95[release.Minutes-1]; p == nil || *p < 0.01 || *p > 1 {
			t.Errorf("p95 %v", p)
		}
	})
}

// A denied CloudWatch leaves out alarms and metrics, and is asked for metrics once.
func TestCloudWatchDenied(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		for op, nth := range map[string]int{"DescribeAlarms": 0, "GetMetricData": 1} { // every time, and once: a second call would succeed
			w.Inject(sandbox.Fault{Op: op, Nth: nth, Code: "AccessDenied", Message: "User: " + me + " is not authorized to perform: cloudwatch:" + op})
		}
		s, v := w.service(), release.View{Meter: &release.Meter{}}
		for range 2 {
			st, err := s.Status(t.Context(), v)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"no alarms: not authorized to perform cloudwatch:DescribeAlarms", "no metrics: not authorized to perform cloudwatch:GetMetricData"}
			if !slices.Equal(st.Notes, want) || st.Metrics != nil || len(st.Tasks) != 2 || st.Scaling == nil {
				t.Errorf("%q %+v", st.Notes, st)
			}
			time.Sleep(time.Minute)
		}
		if out, err := s.Scale(t.Context(), release.Scaling{Count: new(int32(3)), By: me}); err != nil || out.Desired != 3 {
			t.Error("scaling needs no CloudWatch:", err)
		}
	})
}

// The alarms that a deployment watches stand beside those of the policies; one that is gone is said to be.
func TestStatusAlarms(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		c := cloudwatch.NewFromConfig(w.Config("us-east-1"))
		if _, err := c.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
			AlarmName: new("errors"), Namespace: new("App"), MetricName: new("Errors"), Statistic: cloudwatchtypes.StatisticSum, Period: new(int32(60)),
			EvaluationPeriods: new(int32(5)), Threshold: new(3.0), ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanThreshold,
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ecs().UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("app-cluster"), Service: new("app"), DeploymentConfiguration: &types.DeploymentConfiguration{
			Alarms: &types.DeploymentAlarms{Enable: true, Rollback: true, AlarmNames: []string{"errors"}},
		}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		st := w.status()
		var text []string
		for _, a := range st.Alarms {
			text = append(text, a.Of+" "+a.State+" "+a.Condition)
		}
		if got := strings.Join(text, "|"); got != "deployment INSUFFICIENT_DATA Errors > 3 for 5 minutes|app-cpu OK CPUUtilization > 70 for 3 minutes|app-cpu ALARM CPUUtilization < 63 for 15 minutes" {
			t.Error(got)
		}
		if out := st.Scaling.Outlook(st.Service.DesiredCount, st.Alarms); len(out) != 1 || out[0] != "app-cpu keeps CPU at 70 %: well below it now, with as few tasks as there may be (2)" {
			t.Errorf("%q", out)
		}
		if _, err := c.DeleteAlarms(t.Context(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"errors"}}); err != nil {
			t.Fatal(err)
		}
		if st := w.status(); st.Alarms[0].State != "MISSING" {
			t.Errorf("%+v", st.Alarms[0])
		}
	})
}

// Suspended scaling is no drift, and what autoscaling has moved survives up and deploy.
func TestSuspended(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		s := w.service()
		if err := s.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		put := func(wish release.Scaling) *release.Scaled {
			t.Helper()
			wish.By, wish.Of = me, release.Range{Min: 2, Max: 10}
			out, err := s.Scale(t.Context(), wish)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		if ops := w.changing(func() {
			out := put(release.Scaling{Suspend: new(true)})
			if !out.Suspended || !out.Turned || !slices.Contains(out.Lines(), "autoscaling is suspended: nothing moves the count until scale --resume") {
				t.Errorf("%+v %q", out, out.Lines())
			}
		}); !slices.Equal(ops, []string{"application-autoscaling.RegisterScalableTarget"}) {
			t.Error(ops)
		}
		if p := w.plan(first); p != "" {
			t.Errorf("a plan while scaling is suspended:\n%s", p)
		}
		if err := w.up(first); err != nil {
			t.Fatal(err)
		}
		if st := w.status(); !slices.Equal(st.Scaling.Suspended, []string{"scale_in", "scale_out", "schedules"}) {
			t.Errorf("up has resumed it: %+v", st.Scaling)
		}
		if out := put(release.Scaling{Suspend: new(false)}); out.Suspended || !out.Turned {
			t.Errorf("%+v", out)
		}
		if st := w.status(); len(st.Scaling.Suspended) != 0 {
			t.Errorf("%+v", st.Scaling)
		}
		// As a policy does: it moves the count, not the range.
		if _, err := w.calls().Scaling.PutScheduledAction(t.Context(), &applicationautoscaling.PutScheduledActionInput{
			ServiceNamespace: scaling.ServiceNamespaceEcs, ScalableDimension: scaling.ScalableDimensionECSServiceDesiredCount, ResourceId: new("service/app-cluster/app"),
			ScheduledActionName: new("theirs"), Schedule: new("at(" + time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05") + ")"),
			ScalableTargetAction: &scaling.ScalableTargetAction{MinCapacity: new(int32(6))},
		}); err != nil {
			t.Fatal(err)
		}
		st := w.status()
		if out := st.Scaling.Outlook(2, nil); !strings.HasPrefix(out[1], "theirs sets at least 6 tasks at ") || !strings.HasSuffix(out[1], ": 6 tasks then") {
			t.Errorf("%q", out)
		}
		time.Sleep(2 * time.Hour)
		put(release.Scaling{Min: new(int32(2))})
		if _, err := w.deploy(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if err := w.up(other); err != nil {
			t.Fatal(err)
		}
		st = w.status()
		if v := st.Service; v.DesiredCount != 6 || v.RunningCount != 6 || !strings.Contains(st.Scaling.Activities[0].Cause, "minimum capacity was set to 6") {
			t.Errorf("%+v %+v", v, st.Scaling.Activities)
		}
	})
}

// A service that somebody else has made, without tags, scaling or balancer: it is shown and scaled, and gets no note.
func TestForeignScale(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		live := w.live()
		if _, err := w.ecs().CreateService(t.Context(), &ecs.CreateServiceInput{
			Cluster: new("app-cluster"), ServiceName: new("theirs"), TaskDefinition: w.foreignDefinition(), DesiredCount: new(int32(1)), LaunchType: types.LaunchTypeFargate,
			NetworkConfiguration: live.NetworkConfiguration,
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		s := &release.Service{Calls: w.calls(), Cluster: "app-cluster", Name: "theirs", Foreign: true}
		st, err := s.Status(t.Context(), release.View{Events: 5, Meter: &release.Meter{}})
		if err != nil || len(st.Tasks) != 1 || len(st.Targets) != 0 || st.Scaling != nil || len(st.Alarms) != 0 || len(st.Notes) != 0 || st.Metrics.Requests != nil || st.Metrics.CPU == nil {
			t.Errorf("%+v %v", st, err)
		}
		ops := w.changing(func() {
			if out, err := s.Scale(t.Context(), release.Scaling{Count: new(int32(1)), Relative: true, By: me, Of: release.Range{Min: 1, Max: 5}}); err != nil || out.Desired != 2 {
				t.Error(out, err)
			}
		})
		if !slices.Equal(ops, []string{"ecs.UpdateService"}) {
			t.Error(ops)
		}
		if _, err := s.Scale(t.Context(), release.Scaling{Suspend: new(true)}); err == nil || err.Error() != "nothing scales this service: it has no range" {
			t.Error(err)
		}
		wait := w.stack(&release.Tasks{Service: s})
		if err := wait.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st, err := s.Status(t.Context(), release.View{}); err != nil || st.Service.RunningCount != 2 {
			t.Errorf("%+v %v", st, err)
		}
	})
}

// foreignDefinition is a task definition of nobody's.
func (w *world) foreignDefinition() *string {
	w.t.Helper()
	d := w.definition("app").TaskDefinition
	out, err := w.ecs().RegisterTaskDefinition(w.t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: new("theirs"), ContainerDefinitions: d.ContainerDefinitions, Cpu: d.Cpu, Memory: d.Memory, NetworkMode: d.NetworkMode,
		ExecutionRoleArn: d.ExecutionRoleArn, RequiresCompatibilities: d.RequiresCompatibilities,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.TaskDefinition.TaskDefinitionArn
}

// Waiting ends when all tasks get requests, not when they run; it says how many do, and ends with its time.
func TestTasksHealthy(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		s := w.service()
		if err := s.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Scale(t.Context(), release.Scaling{Count: new(int32(5)), By: me}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := w.stack(&release.Tasks{Service: s}).Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := w.serving(time.Time{}); n != 5 || time.Since(began) < 30*time.Second || !w.heard("2 of 5 tasks healthy") {
			t.Errorf("%d serve after %s: %q", n, time.Since(began), w.said)
		}
		if _, err := s.Scale(t.Context(), release.Scaling{Count: new(int32(2)), By: me}); err != nil {
			t.Fatal(err)
		}
		if err := w.stack(&release.Tasks{Service: s}).Apply(t.Context()); err != nil || !w.heard("5 tasks, 3 to stop") {
			t.Errorf("%v %q", err, w.said)
		}
		w.state(func(r *sandbox.Region) { r.ECS.Break("app", exits) })
		if _, err := w.deploy(t.Context(), other, func(d *release.Deployment) { d.Wait = "accepted" }); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Scale(t.Context(), release.Scaling{Count: new(int32(6)), By: me}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.stack(&release.Tasks{Service: s}).Apply(ctx); err == nil {
			t.Error("it ends without healthy tasks")
		}
		if !w.heard("one has stopped: Essential container in task exited (app: exit code ") {
			t.Errorf("%q", w.said)
		}
	})
}
