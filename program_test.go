package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The program is small, and says its version before anybody notices that it runs.
func TestProgram(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "fargatectl")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "urfave_cli_no_docs,nethttpomithttp2", "-ldflags", "-s -w", // as `make build` does
		"-gcflags=github.com/...=-l", "-gcflags=go.yaml.in/...=-l", "-gcflags=github.com/klauspost/...=", "-gcflags=github.com/fargatectl/...=", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if size := float64(info.Size()) / (1 << 20); size > 30 {
		t.Errorf("the binary has %.1f MiB, want at most 30", size)
	} else {
		t.Logf("%.1f MiB", size)
	}
	best := time.Minute // of many: a machine that is busy otherwise proves nothing
	for range 20 {
		began := time.Now()
		if out, err := exec.CommandContext(t.Context(), binary, "version").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		best = min(best, time.Since(began))
	}
	if best > 50*time.Millisecond {
		t.Errorf("version takes %v, want at most 50ms", best)
	}
	t.Logf("version takes %v", best)
}
