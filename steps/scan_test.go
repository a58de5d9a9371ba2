package steps

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// With --fail-on nothing is released whose scan has found something of that severity or worse; the image stays in the
// repository, to be looked at. Without the flag nobody asks.
func TestScan(t *testing.T) {
	t.Parallel()
	dir := program(t, `"one"`)
	inWorld(t, func(t *testing.T, w *world) {
		w.pick, w.dir, w.opts.Offline = All, dir, true
		m := serviceOf("")
		w.settled(m)
		risky := "FROM scratch\nLABEL " + sandbox.FindingsLabel + "=\"MEDIUM CVE-2026-2, HIGH CVE-2026-1 openssl 3.0.1\"\nCOPY main.go /\nCMD [\"/main.go\"]\n"
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(risky), 0o600); err != nil {
			t.Fatal(err)
		}
		w.opts.FailOn = "high"
		if p := w.plan(m); !strings.Contains(p, "~ scan: release only without findings that are high or worse\n") {
			t.Error(p)
		}
		r := w.up(m)
		found := (*ScanError)(nil)
		if !errors.As(r.err, &found) || found.Error() != "the scan has found 1 high, 1 medium:\n  CVE-2026-1 high openssl 3.0.1" {
			t.Errorf("%v", r.err)
		}
		for _, op := range r.changing() {
			if strings.HasPrefix(op, "ecs.") {
				t.Error(op)
			}
		}
		w.opts.FailOn = "critical"
		w.state(func(r *sandbox.Region) { // as if scan on push had been off when they came
			for _, img := range r.ECR.Repositories["app"].Images {
				img.Scanned = nil
			}
		})
		if r := w.up(m); r.err != nil || !slices.Contains(r.changing(), "ecr.StartImageScan") {
			t.Error(r.err, r.changing())
		}
		w.opts.FailOn = ""
		w.settled(m)
		// An image of others has no scan of ours.
		w.opts.FailOn, w.opts.Image = "low", nginx
		if r := w.up(m); r.err == nil || !strings.Contains(r.err.Error(), "is not in this account's ECR") {
			t.Error(r.err)
		}
	})
}
