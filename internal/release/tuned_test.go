package release_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/internal/release"
)

// A deployment of a tuned service, with AWS's typical times: its new tasks are healthy within 60 s and it is complete
// within 80 s. What the tool adds to the time that AWS takes is at most 3 s.
func TestTuned(t *testing.T) {
	inWorld(t, " } }\n  - { id: alb, type: aws_alb, config: { deregistration_delay: 5, health_check: { interval: 5, timeout: 4, healthy_threshold: 2 }", func(t *testing.T, w *world) {
		began := time.Now()
		_, err := w.deploy(t.Context(), other, func(d *release.Deployment) { d.Wait = "healthy" })
		if took := time.Since(began); err != nil || took > 60*time.Second {
			t.Errorf("healthy after %s: %v", took, err)
		}
		time.Sleep(5 * time.Minute)
		began = time.Now()
		d, err := w.deploy(t.Context(), first)
		took := time.Since(began)
		if err != nil || took > 80*time.Second {
			t.Errorf("complete after %s: %v", took, err)
		}
		last, _ := d.Deployed()
		aws := last.Finished.Sub(last.Created)
		if own := took - aws; own > 3*time.Second || last.Status != types.ServiceDeploymentStatusSuccessful {
			t.Errorf("the tool takes %s beside AWS's %s", own, aws)
		}
	})
}
