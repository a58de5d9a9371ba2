package release_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

func (w *world) status() *release.Status {
	w.t.Helper()
	st, err := w.service().Status(w.t.Context(), release.View{Events: 5})
	if err != nil {
		w.t.Fatal(err)
	}
	return st
}

// A service that serves, deploys, fails, has no tasks.
func TestStatus(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		st := w.status()
		if v := st.Service; v.Image != first || v.DesiredCount != 2 || v.RunningCount != 2 || v.Cluster != "app-cluster" || v.Release != "" {
			t.Errorf("%+v", v)
		}
		if len(st.Tasks) != 2 || len(st.Targets) != 2 || st.Targets[0].State != "healthy" || st.Tasks[0].PrivateIP == "" || len(st.Events) == 0 {
			t.Errorf("%+v %+v %+v", st.Tasks, st.Targets, st.Events)
		}
		if d, r := st.Deployment, st.Scaling; d.Status != "SUCCESSFUL" || d.Progress != "" || d.FinishedAt == nil || r.Range() != (release.Range{Min: 2, Max: 10}) || r.Note != "" {
			t.Errorf("%+v %+v", d, r)
		}

		w.begin(other, 15*time.Second)
		if st = w.status(); st.Deployment.Status != "IN_PROGRESS" || !strings.HasPrefix(st.Deployment.Progress, "0 of 2 new tasks running") || st.Deployment.TaskDefinition != "app:2" ||
			!strings.HasPrefix(st.Service.Release, "deploy by user/me at ") || st.Service.RunningCount < 2 {
			t.Errorf("deploying: %+v %+v", st.Deployment, st.Service)
		}
		time.Sleep(10 * time.Minute)

		w.break_()
		w.begin("public.ecr.aws/x/broken:1", 10*time.Minute)
		if st = w.status(); st.Deployment.Status != "ROLLBACK_SUCCESSFUL" || !strings.Contains(st.Deployment.Reason, "circuit breaker") ||
			!strings.Contains(st.Deployment.LastFailure, "exit code 3") || st.Service.TaskDefinition != "app:2" || !strings.HasPrefix(st.Service.Release, "deploy by user/me at ") {
			t.Errorf("failed: %+v %+v", st.Deployment, st.Service)
		}
		w.mend()

		s := w.service()
		if err := s.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Scale(t.Context(), release.Scaling{Count: new(int32(0)), By: me, Of: release.Range{Min: 2, Max: 10}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if st = w.status(); st.Service.DesiredCount != 0 || st.Service.RunningCount != 0 || len(st.Tasks)+len(st.Targets) != 0 || !strings.HasPrefix(st.Scaling.Note, "scale by user/me at ") {
			t.Errorf("scaled to 0: %+v %+v", st.Service, st.Scaling)
		}
		if _, err := w.calls().Scaling.RegisterScalableTarget(t.Context(), &applicationautoscaling.RegisterScalableTargetInput{
			ServiceNamespace: scaling.ServiceNamespaceEcs, ScalableDimension: scaling.ScalableDimensionECSServiceDesiredCount, ResourceId: new("service/app-cluster/app"), MaxCapacity: new(int32(9)),
		}); err != nil {
			t.Fatal(err)
		}
		if st = w.status(); st.Scaling.Range() != (release.Range{Max: 9}) || st.Scaling.Note != "" {
			t.Errorf("somebody else's range: %+v", st.Scaling)
		}
		if _, err := w.deploy(t.Context(), first); err != nil || w.runs() == "app:2" { // with no task to run
			t.Error(err, w.runs())
		}
	})
}

// Where nothing scales the count is all there is; what can't be read is all reported.
func TestStatusUnscaled(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		if _, err := w.calls().Scaling.DeregisterScalableTarget(t.Context(), &applicationautoscaling.DeregisterScalableTargetInput{
			ServiceNamespace: scaling.ServiceNamespaceEcs, ScalableDimension: scaling.ScalableDimensionECSServiceDesiredCount, ResourceId: new("service/app-cluster/app"),
		}); err != nil {
			t.Fatal(err)
		}
		if st := w.status(); st.Scaling != nil {
			t.Errorf("%+v", st.Scaling)
		}
		s := w.service()
		if err := s.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		if out, err := s.Scale(t.Context(), release.Scaling{Count: new(int32(3)), By: me, Of: release.Range{Min: 2, Max: 10}}); err != nil || strings.Join(out.Lines(), "|") != "desired count 2 -> 3|nothing scales this service: the count stays until somebody sets another" {
			t.Error(err, out)
		}
		for _, op := range []string{"ListTasks", "DescribeTargetHealth", "DescribeScalableTargets"} {
			w.Inject(sandbox.Fault{Op: op, Code: "AccessDeniedException", Message: "User: " + me + " is not authorized to perform: x:" + op})
		}
		_, err := w.service().Status(t.Context(), release.View{})
		if err == nil || strings.Count(err.Error(), "not authorized") != 3 {
			t.Error(err)
		}
	})
}
