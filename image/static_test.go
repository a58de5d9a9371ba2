package image

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

func TestStatic(t *testing.T) {
	t.Parallel()
	files := map[string]string{"dist/index.html": "<h1>", "dist/a/b.css": "css", "dist/.git/HEAD": "x", "other": "x"}
	s := Spec{Dir: folder(t, files), Static: "dist", Platform: "linux/arm64"}
	b := mustBuild(t, s)
	c := b.Config.Config
	if b.Tool != "native" || b.Config.Architecture != "arm64" || c.User != nonroot || c.WorkingDir != "/public" || c.Entrypoint[0] != "/server" || c.Healthcheck.Test[1] != "/server" {
		t.Errorf("%s %+v", b.Tool, b.Config)
	}
	headers, content := extracted(t, b)
	if len(headers) != 5 || content["public/a/b.css"] != "css" || content["public/index.html"] != "<h1>" {
		t.Errorf("%v", headers)
	}
	if f, err := elf.NewFile(bytes.NewReader([]byte(content["server"]))); err != nil || f.Machine != elf.EM_AARCH64 {
		t.Errorf("%v %v", f, err)
	}
	if again := mustBuild(t, Spec{Dir: folder(t, files), Static: "./dist", Platform: "linux/arm64"}); again.Digest != b.Digest {
		t.Error("another digest")
	}
	first := tagOf(t, s)
	write(t, s.Dir, map[string]string{"other": "changed"})
	if tagOf(t, s) != first {
		t.Error("another tag for what is not served")
	}
	write(t, s.Dir, map[string]string{"dist/index.html": "<h2>"})
	if tagOf(t, s) == first {
		t.Error("the same tag for another page")
	}
}

// The server runs as it is built, beside the folder: here, too.
func TestStaticRuns(t *testing.T) {
	t.Parallel()
	s, err := Spec{Static: "x"}.server(filepath.Join(t.TempDir(), "server"))
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "server")
	if _, err := s.goRun(t.Context(), nil, "go build", append(append([]string{"build", "-o", binary}, s.goFlags()...), ".")...); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-check")
	cmd.Env = append(os.Environ(), "PORT=1")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "refused") {
		t.Errorf("%s %v", out, err)
	}
}

func TestStaticErrors(t *testing.T) {
	s := Spec{Dir: folder(t, map[string]string{"file": ""}), Static: "dist"}
	if _, err := s.Build(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "there is no folder dist in ") {
		t.Errorf("error %v", err)
	}
	s.Static = "file"
	if _, err := s.Tag(t.Context()); err == nil || !strings.Contains(err.Error(), "file is not a folder") {
		t.Errorf("error %v", err)
	}
	empty := Spec{Dir: folder(t, map[string]string{"dist/.dockerignore": "*\n", "dist/a/b": ""}), Static: "dist"}
	if _, err := empty.Tag(t.Context()); err == nil || err.Error() != "dist has no file to serve" {
		t.Errorf("error %v", err)
	}
	s.Static = "."
	t.Setenv("PATH", "/nowhere")
	if _, err := s.Build(t.Context(), nil); err == nil || !strings.HasPrefix(err.Error(), "the go tool is not on PATH, and the file server for . is built with it") {
		t.Errorf("error %v", err)
	}
}

// extracted are the files of all layers.
func extracted(t *testing.T, b *Built) (names map[string]bool, content map[string]string) {
	t.Helper()
	r := mutate.Extract(b.Image)
	defer r.Close()
	return listTar(t, r)
}
