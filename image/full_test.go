//go:build engine

package image

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// TestDiskFull needs root: it mounts a file system of 300 KB. A cache on it keeps what fits, and no build fails of the rest; a
// build whose own files do not fit says so, and nothing is pushed.
func TestDiskFull(t *testing.T) {
	dir, small := t.TempDir(), t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=300k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(small, 0) })
	t.Setenv("XDG_CACHE_HOME", small)
	ref, _ := name.NewTag("app:1")
	want := made(t, noise(200_000), noise(201_000), noise(202_000)).Image
	if err := tarball.WriteToFile(filepath.Join(dir, "out.tar"), ref, want); err != nil {
		t.Fatal(err)
	}
	config, err := want.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{Handler: newRegistry()}
	to := Target{Ref: repo, Tag: "one", Transport: memory{f}}
	for range 2 {
		b := mustBuild(t, Spec{Dir: dir, Archive: "out.tar"})
		if got, err := b.Image.ConfigName(); err != nil || got != config {
			t.Errorf("%s, %v", got, err)
		}
		if p, err := b.Push(t.Context(), to, nil); err != nil || p.Digest != b.Digest {
			t.Errorf("%+v, %v", p, err)
		}
		kept, err := filepath.Glob(filepath.Join(small, "fargatectl", "image", "layers", "*.gz*"))
		if err != nil || len(kept) != 2 {
			t.Errorf("kept: %q, %v", kept, err)
		}
	}
	t.Setenv("TMPDIR", small)
	if _, err := (Spec{Dir: dir, Archive: "out.tar"}).Build(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("error %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(small, "fargatectl-image-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(small, "fargatectl", "image", "bridge")); err == nil {
		t.Error("a bridge was opened")
	}
}
