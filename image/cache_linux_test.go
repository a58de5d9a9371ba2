package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Temporary files may lie on another file system than the cache, which no second name can be on: /proc is one. What can't be
// copied leaves nothing behind.
func TestLayerCacheElsewhere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("/proc/version")
	if err != nil {
		t.Fatal(err)
	}
	c := &layerCache{filepath.Join(t.TempDir(), "layers"), 1 << 20}
	diff := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}
	c.put(diff, "gz", savedLayer{t.TempDir(), v1.Descriptor{Size: 1}})
	if left, err := os.ReadDir(c.dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	c.put(diff, "gz", savedLayer{"/proc/version", v1.Descriptor{Digest: diff, Size: int64(len(text))}})
	l, ok := c.get(diff, "gz", filepath.Join(t.TempDir(), "x"))
	if got, err := os.ReadFile(l.file); !ok || err != nil || string(got) != string(text) {
		t.Errorf("%t, %v", ok, err)
	}
}
