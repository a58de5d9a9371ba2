package image

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// A Dockerfile without RUN is built here, whatever engines there are, and the same everywhere: the digest follows from
// what is in the files alone.
func TestNativeBuild(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"Dockerfile": "FROM scratch AS bin\nCOPY app /\nFROM scratch\nARG V=1\nLABEL v=$V\nCOPY --from=bin /app /bin/\nCOPY docs /docs\nUSER 1000\nENTRYPOINT [\"/bin/app\"]\n",
		"app":        "binary", "docs/a": "a", "docs/b/c": "c", ".dockerignore": "docs/b\n", "fargatectl.yaml": "secret",
	}
	first := mustBuild(t, Spec{Dir: folder(t, files), Dockerfile: "Dockerfile", Exclude: []string{"fargatectl.yaml"}})
	if first.Tool != "native" || first.Route != "native" || first.Config.Config.User != "1000" {
		t.Errorf("%s by %s: %+v", first.Tool, first.Route, first.Config.Config)
	}
	headers, content := entries(t, first.Image) // of the last layer
	if n := len(first.Config.RootFS.DiffIDs); len(headers) != 2 || string(content["docs/a"]) != "a" || n != 2 {
		t.Errorf("%v, %d layers", headers, n)
	}
	dir := folder(t, files)
	old := time.Unix(1_000_000_000, 0)
	for name := range files {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "app"), 0o664); err != nil { // another umask
		t.Fatal(err)
	}
	again := mustBuild(t, Spec{Dir: dir, Dockerfile: "Dockerfile", Builder: "native", Exclude: []string{"fargatectl.yaml"}})
	if again.Digest != first.Digest {
		t.Errorf("digest %s, then %s", first.Digest, again.Digest)
	}
	other := mustBuild(t, Spec{Dir: dir, Dockerfile: "Dockerfile", Args: map[string]string{"SOURCE_DATE_EPOCH": "1700000000"}})
	if other.Digest == first.Digest || other.Config.Created.Unix() != 1_700_000_000 {
		t.Errorf("created %s, with SOURCE_DATE_EPOCH", other.Config.Created)
	}
	p, err := first.Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: memory{newRegistry()}}, nil)
	if err != nil || p.Digest != first.Digest {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestNativeRefuses(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	s := Spec{Dir: folder(t, map[string]string{"Dockerfile": "FROM scratch AS b\n\nRUN make\n"}), Dockerfile: "Dockerfile", Builder: "native"}
	_, err := s.Build(t.Context(), nil)
	var e *Error
	if !errors.As(err, &e) || err.Error() != `Dockerfile:3 RUN in stage "b" must run inside a container` || !strings.Contains(e.Ways, "--image") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("after %v", took)
	}
}

// A base image of a registry on loopback; what can't be had there may still be an engine's.
func TestNativeBase(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(newRegistry())
	srv.Listener = l
	srv.Start()
	defer srv.Close()
	base := l.Addr().String() + "/base:1"
	ref, err := name.ParseReference(base)
	if err == nil {
		err = remote.Push(ref, both(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, map[string]string{"Dockerfile": "ARG BASE\nFROM $BASE\nCOPY a /\n", "a": "a"})
	for _, arch := range []string{"amd64", "arm64"} {
		b := mustBuild(t, Spec{Dir: dir, Dockerfile: "Dockerfile", Platform: "linux/" + arch, Args: map[string]string{"BASE": base}})
		if b.Tool != "native" || b.Config.Config.User != "for-"+arch || b.Config.Architecture != arch {
			t.Errorf("%s: %s %+v", arch, b.Tool, b.Config)
		}
	}
	t.Setenv("PATH", "/nowhere")
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Args: map[string]string{"BASE": l.Addr().String() + "/none:1"}}, "native    Dockerfile:2 FROM: base image " + l.Addr().String() + "/none:1: not found"},
		{Spec{Args: map[string]string{"BASE": base}, Offline: true}, "the sandbox asks nothing outside"},
	} {
		c.spec.Dir, c.spec.Dockerfile = dir, "Dockerfile"
		var none *NoBuilderError
		if _, err := c.spec.Build(t.Context(), nil); !errors.As(err, &none) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v\nwant %s", err, c.want)
		}
	}
	// What fails is not tried with the next.
	missing := Spec{Dir: folder(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY none /\n"}), Dockerfile: "Dockerfile"}
	if _, err := missing.Build(t.Context(), nil); err == nil || err.Error() != `Dockerfile:2 COPY: "/none": not found` {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := missing.Build(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestNativeDownload(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/dir/file.txt" {
			_, _ = w.Write([]byte("there")) // a test sees what is missing
			return
		}
		http.NotFound(w, r)
	}))
	defer srv.Close()
	const sum = "sha256:1f3b6fa8ce2e4d6f7e0cdcc3ca0e9fdd0bfbd2a2e2ed4a2e8db9b9ec0d9a2e0b"
	for dockerfile, want := range map[string]string{
		"ADD " + srv.URL + "/dir/file.txt /x/":                      "",
		"ADD --checksum=" + sum + " " + srv.URL + "/dir/file.txt /": "--checksum says " + sum,
		"ADD " + srv.URL + "/none /":                                "404 Not Found",
		"COPY " + srv.URL + "/dir/file.txt /":                       "a URL is a source for ADD",
		"ADD --checksum=" + sum + " Dockerfile /":                   "--checksum is for one source, which is a URL",
	} {
		s := Spec{Dir: folder(t, map[string]string{"Dockerfile": "FROM scratch\n" + dockerfile + "\n"}), Dockerfile: "Dockerfile", Builder: "native"}
		b, err := s.Build(t.Context(), nil)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %s", dockerfile, err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		headers, content := entries(t, b.Image)
		if h := headers["x/file.txt"]; h == nil || h.Mode != 0o600 || string(content["x/file.txt"]) != "there" {
			t.Errorf("%v", headers)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		s.Offline = true
		if _, err := s.Build(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "the sandbox asks nothing there") {
			t.Errorf("error %v", err)
		}
	}
}
