//go:build buildkit

package image

import (
	"archive/tar"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestBuildKit needs a BuildKit daemon behind a builder of buildx with the driver remote, and its name in
// FARGATECTL_BUILDER: e2e/buildkit starts both. It shows what the fake docker can't: RUN on another machine's BuildKit
// without Docker's engine, the hand-over as a layout, both platforms, zstd, a cache in a registry and a mirror of base images.
func TestBuildKit(t *testing.T) {
	builder := os.Getenv("FARGATECTL_BUILDER")
	if builder == "" {
		t.Fatal("FARGATECTL_BUILDER names no builder: e2e/buildkit starts one")
	}
	f := &faulty{Handler: newRegistry()}
	srv := httptest.NewServer(f)
	defer srv.Close()
	host := strings.TrimPrefix(srv.URL, "http://")
	dir := toolFolder(t)
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("Dockerfile", []byte("FROM scratch AS base\nCOPY tool /tool\nCOPY big /big\nRUN [\"/tool\", \"/made\"]\nHEALTHCHECK CMD [\"/tool\"]\nFROM base\nCOPY small /small\n"))
	write("big", noise(60_000_000))
	write("small", noise(1_000_000))
	s := Spec{Dir: dir, Dockerfile: "Dockerfile", Builder: "docker:" + builder}
	push := func(s Spec, tag string) (*Built, *Pushed) {
		t.Helper()
		b := mustBuild(t, s)
		p, err := b.Push(t.Context(), Target{Ref: host + "/app", Tag: tag, Insecure: true}, nil)
		if err != nil || b.Route != "layout" {
			t.Fatalf("%+v by %s: %v", p, b.Route, err)
		}
		t.Logf("%s: %d of %d layers, %d bytes; built in %s, pushed in %s", tag, p.New, p.Layers, p.Uploaded, b.Took.Round(time.Millisecond), p.Took.Round(time.Millisecond))
		return b, p
	}
	b, _ := push(s, "cold")
	if made := fileIn(t, b, "made"); made != "made by RUN\n" || b.Config.Config.Healthcheck == nil {
		t.Errorf("RUN wrote %q, health check %+v", made, b.Config.Config.Healthcheck)
	}
	write("small", noise(1_000_001))
	if _, p := push(s, "changed"); p.New != 1 || p.Uploaded > 1_050_000 {
		t.Errorf("%+v", p)
	}
	if _, p := push(s, "again"); p.New != 0 || p.Uploaded > 4096 {
		t.Errorf("%+v", p)
	}

	write("Copy.Dockerfile", []byte("FROM scratch\nCOPY small /small\n"))
	both := s
	both.Dockerfile, both.Also, both.Compression = "Copy.Dockerfile", []string{"linux/arm64"}, "zstd"
	both.Pass.CacheTo = []string{"type=registry,mode=max,ref=" + host + "/cache:one"}
	if b, p := push(both, "both"); b.Index == nil || p.Index == p.Digest {
		t.Errorf("%+v", p)
	} else {
		isZstd(t, b.Image)
		isZstd(t, b.others[0])
	}
	cached, err := name.ParseReference(host + "/cache:one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Head(cached); err != nil {
		t.Error("cache: ", err)
	}

	// "tool" is nowhere but in the mirror.
	b, _ = push(s, "base")
	if _, err := b.Push(t.Context(), Target{Ref: host + "/hub/library/tool", Tag: "1", Insecure: true}, nil); err != nil {
		t.Fatal(err)
	}
	write("Mirror.Dockerfile", []byte("ARG V=1\nFROM tool:$V\nRUN [\"/tool\", \"/again\"]\n"))
	mirrored := s
	mirrored.Dockerfile, mirrored.Mirror = "Mirror.Dockerfile", host+"/hub"
	b, _ = push(mirrored, "mirrored")
	if again := fileIn(t, b, "again"); again != "made by RUN\n" {
		t.Errorf("RUN on the mirror's image wrote %q", again)
	}
}

// fileIn is what a file of an image holds.
func fileIn(t *testing.T, b *Built, name string) string {
	t.Helper()
	all := mutate.Extract(b.Image)
	defer all.Close()
	for r := tar.NewReader(all); ; {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if h.Name == name {
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
}

// toolFolder is a context with a program that writes a file, for RUN.
func toolFolder(t *testing.T) string {
	t.Helper()
	dir := folder(t, map[string]string{
		"src/go.mod":  "module example.com/tool\n\ngo 1.26\n",
		"src/main.go": "package main\n\nimport \"os\"\n\nfunc main() {\n\tif err := os.WriteFile(os.Args[1], []byte(\"made by RUN\\n\"), 0o644); err != nil {\n\t\tpanic(err)\n\t}\n}\n",
	})
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "tool"), ".")
	cmd.Dir, cmd.Env = filepath.Join(dir, "src"), append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%w: %s", err, out))
	}
	return dir
}
