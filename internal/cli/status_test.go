package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fargatectl/fargatectl/internal/manifest"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// aStatus is of a deployment under way: a task with everything, one that starts, a target of one that leaves.
func aStatus() *release.Status {
	return &release.Status{
		Service:    release.ServiceStatus{Name: "api", Status: "ACTIVE", TaskDefinition: "api:2", Image: "nginx:1.27", DesiredCount: 1, RunningCount: 2, PendingCount: 1},
		Deployment: &release.DeploymentStatus{Status: "IN_PROGRESS", Stage: "SCALE_UP", Progress: "0 of 1 new tasks running", TaskDefinition: "api:2", CreatedAt: new(noon.Add(-34 * time.Second))},
		Tasks: []release.TaskStatus{
			{
				ID: "0123456789abcdef", LastStatus: "RUNNING", HealthStatus: "HEALTHY", ExecAgent: "RUNNING", AvailabilityZone: "us-east-1a", TaskDefinition: "api:1", PrivateIP: "10.0.1.5",
				CreatedAt: new(noon.Add(-4 * time.Hour)), StartedAt: new(noon.Add(-3 * time.Hour)),
			},
			{ID: "fedcba9876543210", LastStatus: "PENDING", HealthStatus: "UNKNOWN", AvailabilityZone: "us-east-1b", TaskDefinition: "api:2", CreatedAt: new(noon.Add(-30 * time.Second))},
		},
		Targets: []release.TargetStatus{
			{ID: "10.0.1.5", Port: 80, State: "unhealthy", Reason: "Target.Timeout", Description: "Request timed out"},
			{ID: "10.0.1.9", Port: 80, State: "draining", Reason: "Target.DeregistrationInProgress"},
		},
		Scaling: &release.ScalingStatus{
			MinCapacity: 1, MaxCapacity: 1, Suspended: []string{"scale_in", "schedules"},
			Activities: []release.ActivityStatus{{StartedAt: noon.Add(-12 * time.Minute), Status: "Failed", Description: "Setting desired count to 4.", Cause: "maximum capacity was set to 4", Message: "Rate exceeded"}},
		},
		Alarms: []release.AlarmStatus{{Name: "errors", Of: "deployment", State: "ALARM", Condition: "Errors > 3 for 5 minutes"}},
		Notes:  []string{"no metrics: denied"},
	}
}

func TestStatusText(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	statusText(ui.Stream{Writer: &b}, aStatus(), noon)
	want := `service     api  active  2 of 1 task running, 1 pending
revision    api:2
image       nginx:1.27
deployment  in progress (scale up) api:2, for 34s
            0 of 1 new tasks running
scaling     always 1 task; suspended: scale in, schedules
            12m00s ago: Setting desired count to 4 (maximum capacity was set to 4): failed: Rate exceeded
alarms      errors alarm (Errors > 3 for 5 minutes), watched by deployments
note: no metrics: denied

TASK      ZONE        STATE    HEALTH   TARGET                                        AGE    REVISION  EXEC
01234567  us-east-1a  running  healthy  unhealthy Target.Timeout (Request timed out)  3h00m  api:1     running
fedcba98  us-east-1b  pending                                                         30s    api:2
-                                       draining 10.0.1.9
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// Sparklines have as many minutes as there is room for; the newest value may be a little late.
func TestUses(t *testing.T) {
	t.Parallel()
	series := func(v float64) []*float64 {
		all := make([]*float64, release.Minutes)
		for i := range release.Minutes - 1 {
			all[i] = new(v * float64(i+1) / release.Minutes)
		}
		return all
	}
	m := &release.Metrics{CPU: series(60), Memory: series(100), Requests: series(300), Errors: series(0), P95: series(0.3)}
	for _, c := range []struct {
		width int
		want  string
	}{
		{80, "last 8 min  cpu   ▄▄▅▅▅▅▅  58 %      mem   ▇▇▇▇███  97 %\n            req   ▇▇▇████  290/min   p95   ▇▇▇████  290 ms    5xx   ▁▁▁▁▁▁▁  0\n"},
	} {
		var b bytes.Buffer
		out := ui.Stream{Writer: &b, Size: func() (int, int) { return c.width, 24 }}
		ui.Facts(out, uses(out, m)...)
		if b.String() != c.want {
			t.Errorf("got\n%swant\n%s", b.String(), c.want)
		}
	}
	m.Requests, m.Errors, m.P95 = nil, nil, nil
	if f := uses(ui.Stream{}, m); strings.Contains(f[0].Value, "\n") {
		t.Errorf("without a balancer: %q", f[0].Value)
	}
	if uses(ui.Stream{}, nil) != nil {
		t.Error("without metrics")
	}
}

// What can't be repainted is written when something has changed; metrics change for programs only, and times that pass
// for nobody.
func TestWatchWrites(t *testing.T) {
	t.Parallel()
	for _, json := range []bool{false, true} {
		var b bytes.Buffer
		s := &session{process: &process{terminal: ui.Terminal{Out: ui.Stream{Writer: &b}}, json: json}, app: &steps.App{Manifest: &manifest.Manifest{Project: "app"}}}
		w, last, st := ui.NewWatch(s.terminal.Out), []byte(nil), aStatus()
		blocks := func(failed error) int {
			t.Helper()
			b.Reset()
			var err error
			if last, err = s.frame(w, st, failed, last); err != nil {
				t.Fatal(err)
			}
			if json {
				return strings.Count(b.String(), "\n")
			}
			return strings.Count(b.String(), "service     api")
		}
		if n := blocks(nil); n != 1 {
			t.Errorf("json %v: %d at first", json, n)
		}
		if n := blocks(nil) + blocks(errors.New("throttled")); n != 0 {
			t.Errorf("json %v: %d without a change", json, n)
		}
		st.Metrics = &release.Metrics{CPU: []*float64{new(3.0)}}
		if n := blocks(nil); (n == 1) != json {
			t.Errorf("json %v: %d for metrics", json, n)
		}
		st.Metrics = nil
		if json {
			blocks(nil)
		}
		st.Tasks = st.Tasks[:1]
		if n := blocks(nil); n != 1 {
			t.Errorf("json %v: %d for a task", json, n)
		}
	}
}
