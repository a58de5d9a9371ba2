//go:build buildkit

package native

import (
	"archive/tar"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

var record = flag.Bool("record", false, "write what a real BuildKit makes of the corpus (e2e/corpus)")

// buildkit is a buildkitd of our own, of the version whose rules these are. Debian has none: e2e/corpus builds it.
type buildkit struct{ ctl, addr string }

func startBuildKit(t *testing.T) buildkit {
	t.Helper()
	dir, hub := short(t), mirror(t)
	b := buildkit{ctl: need(t, "buildctl"), addr: "unix://" + dir + "/s"}
	config := fmt.Sprintf("[registry.\"docker.io\"]\n  mirrors = [%q]\n[registry.%q]\n  http = true\n", hub, hub)
	if err := os.WriteFile(dir+"/config.toml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, func() error {
		return run(t.Context(), nil, b.ctl, "--addr", b.addr, "debug", "workers")
	}, need(t, "buildkitd"), "--config", dir+"/config.toml", "--addr", b.addr, "--root", dir+"/root", "--oci-worker=true", "--containerd-worker=false", "--oci-worker-net=host")
	return b
}

func (b buildkit) build(t *testing.T, c *testCase) (v1.Image, error) {
	file := filepath.Join(t.TempDir(), "image.tar")
	argv := []string{
		b.ctl, "--addr", b.addr, "build", "--frontend", "dockerfile.v0", "--local", "context=" + c.dir, "--local", "dockerfile=" + c.dir,
		"--opt", "filename=" + c.dockerfile, "--opt", "target=" + c.target, "--opt", "platform=" + c.platform.String(),
		"--opt", "cmdline=none", // the language is the daemon's own, whatever "# syntax=" says
		"--output", "type=oci,dest=" + file,
	}
	for k, v := range c.args {
		argv = append(argv, "--opt", "build-arg:"+k+"="+v)
	}
	if err := run(t.Context(), nil, argv...); err != nil {
		return nil, err
	}
	return readLayout(t, file), nil
}

// readLayout reads an OCI layout in a tar.
func readLayout(t *testing.T, file string) v1.Image {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		p := filepath.Join(dir, filepath.Clean("/"+h.Name))
		if h.FileInfo().IsDir() {
			err = os.MkdirAll(p, 0o755)
		} else {
			var b []byte
			b, err = io.ReadAll(r)
			err = errors.Join(err, os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, b, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return onlyImage(t, dir)
}

// TestBuildKit holds native builds against BuildKit's, and writes down what that made with -record.
func TestBuildKit(t *testing.T) {
	b := startBuildKit(t)
	if !*record {
		compare(t, b, func(*testCase) string { return "" }, func(text string) string { return text })
		return
	}
	for _, c := range corpusCases(t) {
		t.Run(c.name, func(t *testing.T) {
			img, err := b.build(t, c)
			want := filepath.Join(corpus, c.name, "want")
			switch {
			case c.refused != "" || c.fails:
				if (err != nil) != c.fails {
					t.Error(err)
				}
				if err := os.Remove(want); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Error(err)
				}
			case err != nil:
				t.Error(err)
			default:
				if err := os.WriteFile(want, []byte(described(t, img)), 0o644); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
