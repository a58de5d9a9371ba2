package release_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// checked is a service with all that a deployment can fail for: a secret, and a health check of its own.
const checked = `, health_check_grace_period: 30, health_check: { command: "curl -f http://localhost:8080/health || exit 1", interval: 5 } } }
  - { id: balancer, type: aws_alb, config: { health_check: { interval: 5, timeout: 3, unhealthy_threshold: 2 }, deregistration_delay: 5`

// Every way to fail that the sandbox rehearses is found to be that: with its cause and what to do, rolled back, while the
// release before it serves on.
func TestEveryCause(t *testing.T) {
	for _, fault := range sandbox.Faults() {
		t.Run(fault.Code, func(t *testing.T) {
			inWorld(t, checked, func(t *testing.T, w *world) {
				if err := w.Arm(fault.Code, ""); err != nil {
					t.Fatal(err)
				}
				var harm []string
				w.Watch(func() { harm = append(harm, w.Harm()...) })
				_, err := w.deploy(t.Context(), other)
				var f *release.Failure
				if !errors.As(err, &f) || !as[*aws.RolledBackError](err) {
					t.Fatalf("%v", err)
				}
				v := f.Verdict
				if v.Code != fault.Code || v.Summary == "" || v.Hint == "" || len(v.Evidence) == 0 || !strings.HasSuffix(err.Error(), v.Summary) {
					t.Errorf("%s: %s\nhint: %s\nevidence: %q\nunread %q\nlogs %v", v.Code, v.Summary, v.Hint, v.Evidence, f.Evidence.Unread, f.Evidence.Logs)
				}
				if strings.HasPrefix(fault.Code, "HealthCheck") && fault.Code != "HealthCheckToolMissing" && len(f.Evidence.Targets) == 0 { // they are gone by now
					t.Errorf("no target was seen: %+v", f.Evidence)
				}
				if len(harm) > 0 && fault.Code != "SecurityGroupBlocks" { // a group that both releases share is shut
					t.Errorf("%q", harm)
				}
				if sv := w.live(); w.runs() != "app:1" || sv.RunningCount != sv.DesiredCount {
					t.Error(w.runs(), sv.RunningCount)
				}
				st, err := w.service().Status(t.Context(), release.View{})
				if err != nil || st.Cause == nil || st.Cause.Code != fault.Code || !as[*aws.RolledBackError](st.Deployment.Err()) {
					t.Errorf("status: %v %+v", err, st.Cause)
				}
				if _, err := w.deploy(t.Context(), first); err != nil { // nothing is left of it
					t.Error(err)
				}
				_, err = w.deploy(t.Context(), other)
				time.Sleep(time.Minute)
				if st, bad := w.service().Status(t.Context(), release.View{}); err != nil || bad != nil || st.Cause != nil || st.Deployment.Err() != nil {
					t.Errorf("afterwards: %v %v %+v", err, bad, st.Cause)
				}
			})
		})
	}
}

// With a manifest's defaults a program that starts slowly fails, too: after ten checks, one every 30 seconds. A check of the
// container's own can be rehearsed though there is none.
func TestCausesOfDefaults(t *testing.T) {
	for _, code := range []string{"SlowStart", "ContainerHealthCheck", "HealthCheckToolMissing"} {
		t.Run(code, func(t *testing.T) {
			inWorld(t, "", func(t *testing.T, w *world) {
				if err := w.Arm(code, ""); err != nil {
					t.Fatal(err)
				}
				_, err := w.deploy(t.Context(), other)
				var f *release.Failure
				if !errors.As(err, &f) || f.Verdict.Code != code || strings.HasSuffix(f.Verdict.Summary, ":") {
					t.Error(err)
				}
			})
		})
	}
}

// What can't be read is said, and the cause is found from what can: quickly, also when a read hangs.
func TestCauseUnread(t *testing.T) {
	inWorld(t, checked, func(t *testing.T, w *world) {
		if err := w.Arm("ExitAtStart", ""); err != nil {
			t.Fatal(err)
		}
		w.Inject(sandbox.Fault{Service: "logs", Op: "GetLogEvents", Code: "AccessDeniedException", Message: "User: me is not authorized to perform: logs:GetLogEvents on resource: *"})
		w.Inject(sandbox.Fault{Service: "elasticloadbalancing", Op: "DescribeTargetGroups", Hang: true})
		w.Inject(sandbox.Fault{Service: "elasticloadbalancing", Op: "DescribeTargetHealth", Code: "InternalFailure"})
		_, err := w.deploy(t.Context(), other)
		var f *release.Failure
		if !errors.As(err, &f) || f.Verdict.Code != "ExitAtStart" {
			t.Fatal(err)
		}
		unread := strings.Join(f.Evidence.Unread, "\n")
		if !strings.Contains(unread, "logs:GetLogEvents") || !strings.Contains(unread, "DescribeTargetHealth") {
			t.Errorf("%q", f.Evidence.Unread)
		}
		if took := time.Since(*f.Evidence.Deployment.FinishedAt); took > 15*time.Second {
			t.Errorf("the verdict took %s", took)
		}
	})
}

// A rollback that fails has a cause, too.
func TestRollbackFails(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		if _, err := w.deploy(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if err := w.Arm("OutOfMemory", ""); err != nil {
			t.Fatal(err)
		}
		_, err := w.rollback(t.Context())
		var f *release.Failure
		if !errors.As(err, &f) || !as[*aws.RolledBackError](err) || f.Verdict.Code != "OutOfMemory" || w.runs() != "app:2" {
			t.Error(err, w.runs())
		}
	})
}
