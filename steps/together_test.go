package steps

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// Two first ups at once, or one a little later than the other, make one network: who finds that it is the second takes
// back what it has made and ends. A run afterwards has what is left to do, and after that nothing is double.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	network := func(a *App) []deploy.Step {
		vpc := &VPC{App: a}
		subnets := &Subnets{App: a, VPC: vpc}
		eip := &EIP{App: a}
		return []deploy.Step{vpc, subnets, eip, &NAT{App: a, VPC: vpc, Subnets: subnets, EIP: eip}}
	}
	for _, later := range []time.Duration{0, time.Millisecond, 100 * time.Millisecond, 260 * time.Millisecond, 510 * time.Millisecond, 760 * time.Millisecond, 1100 * time.Millisecond} {
		t.Run(later.String(), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(t *testing.T, w *world) {
				w.pick = network
				const m = "project_name: app\n"
				runs := []*run{w.read(t.Context(), w.app(m)), w.read(t.Context(), w.app(m))} // both have seen nothing
				var wg sync.WaitGroup
				for i, r := range runs {
					r.plan = r.stack.Plan()
					wg.Go(func() {
						time.Sleep(time.Duration(i) * later)
						r.err = r.stack.Apply(t.Context())
					})
				}
				wg.Wait()
				for i, r := range runs {
					if other := (*OtherRunError)(nil); r.err != nil && !errors.As(r.err, &other) {
						t.Errorf("run %d: %v", i, r.err)
					}
				}
				if runs[0].err == nil && runs[1].err == nil {
					t.Error("neither has noticed the other")
				}
				w.settled(m)
				w.state(func(r *sandbox.Region) {
					if e := r.EC2; len(e.VPCs) != 1 || len(e.Gateways) != 1 || len(e.Addresses) != 1 || len(e.NATs) != 1 {
						t.Errorf("%d VPCs, %d gateways, %d addresses, %d NAT gateways", len(e.VPCs), len(e.Gateways), len(e.Addresses), len(e.NATs))
					}
				})
			})
		})
	}
}
