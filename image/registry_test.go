package image

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// put pushes an image or an index under a name.
func put(t *testing.T, m memory, ref string, what remote.Taggable) {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err == nil {
		err = remote.Push(r, what, remote.WithTransport(m))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// both is an index of images for amd64 and arm64, with an attestation as BuildKit adds it.
func both(t *testing.T) v1.ImageIndex {
	t.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, p := range []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64", Variant: "v8"}, {OS: "unknown", Architecture: "unknown"}} {
		img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: p.OS, Architecture: p.Architecture, RootFS: v1.RootFS{Type: "layers"}, Config: v1.Config{User: "for-" + p.Architecture}})
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	return index
}

func TestResolve(t *testing.T) {
	t.Parallel()
	f := &faulty{Handler: newRegistry()}
	m := memory{f}
	one, index := made(t, noise(10)), both(t)
	put(t, m, repo+":one", one.Image)
	put(t, m, repo+":both", index)
	of, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{repo + ":one": one.Digest.String(), repo + ":both": of.String()} {
		for _, platform := range []string{"", "linux/amd64", "linux/arm64"} {
			got, err := Resolve(t.Context(), ref, Remote{Transport: m, Platform: platform})
			if wrong := ref == repo+":one" && platform == "linux/arm64"; wrong {
				if e := (*Error)(nil); !errors.As(err, &e) || !strings.HasSuffix(err.Error(), "it is linux/amd64, the service runs on linux/arm64") || !strings.Contains(e.Ways, "`architecture: X86_64`") {
					t.Errorf("%s %s: %v", ref, platform, err)
				}
			} else if err != nil || got != want {
				t.Errorf("%s %s: %s, %v; want %s", ref, platform, got, err, want)
			}
		}
	}
	_, err = Resolve(t.Context(), repo+":both", Remote{Transport: m, Platform: "linux/s390x"})
	if err == nil || !strings.HasSuffix(err.Error(), "there is none for linux/s390x, only for linux/amd64, linux/arm64/v8") {
		t.Errorf("error %v", err)
	}
	if _, err := Resolve(t.Context(), repo+":none", Remote{Transport: m}); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if _, err := Resolve(t.Context(), "UPPER CASE", Remote{Transport: m}); err == nil || !strings.Contains(err.Error(), "is not an image reference") {
		t.Errorf("error %v", err)
	}
	before := len(f.seen)
	if got, err := Resolve(t.Context(), repo+"@"+one.Digest.String(), Remote{Transport: m}); err != nil || got != one.Digest.String() || len(f.seen) != before {
		t.Errorf("by digest: %s, %v, %d requests", got, err, len(f.seen)-before)
	}
}

// TestResolveWhereHeadIsNotServed: not every registry answers HEAD.
func TestResolveWhereHeadIsNotServed(t *testing.T) {
	t.Parallel()
	f := &faulty{Handler: newRegistry()}
	one := made(t, noise(10))
	put(t, memory{f}, repo+":one", one.Image)
	f.wrong = func(r *http.Request) (int, string, string) {
		if r.Method == http.MethodHead {
			return 405, "", ""
		}
		return 0, "", ""
	}
	if got, err := Resolve(t.Context(), repo+":one", Remote{Transport: memory{f}}); err != nil || got != one.Digest.String() {
		t.Errorf("%s, %v", got, err)
	}
}

type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestResolveGivesUp(t *testing.T) {
	t.Parallel()
	hang := trip(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := Resolve(t.Context(), repo+":one", Remote{Transport: hang})
		if took := time.Since(begin); !errors.Is(err, ErrUnreachable) || took != 3*time.Second {
			t.Errorf("%v after %s", err, took)
		}
		_, err = Config(t.Context(), repo+":one", Remote{Transport: hang})
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("configuration: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := Resolve(ctx, repo+":one", Remote{Transport: hang}); errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the command's own deadline is not the registry's fault: %v", err)
		}
	})
	refused := trip(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	})
	_, err := Resolve(t.Context(), repo+":one", Remote{Transport: refused})
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
	for status, kind := range map[int]error{401: ErrDenied, 403: ErrDenied, 429: ErrUnreachable, 500: ErrUnreachable, 503: ErrUnreachable} {
		f := &faulty{wrong: func(*http.Request) (int, string, string) { return status, "", "" }}
		begin := time.Now()
		if _, err := Resolve(t.Context(), repo+":one", Remote{Transport: memory{f}}); !errors.Is(err, kind) || time.Since(begin) > resolveTimeout {
			t.Errorf("%d: %v after %s", status, err, time.Since(begin))
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	m := memory{newRegistry()}
	put(t, m, repo+":both", both(t))
	for platform, user := range map[string]string{"": "for-amd64", "linux/amd64": "for-amd64", "linux/arm64": "for-arm64"} {
		if c, err := Config(t.Context(), repo+":both", Remote{Transport: m, Platform: platform}); err != nil || c.Config.User != user {
			t.Errorf("%s: %+v, %v", platform, c, err)
		}
	}
	if _, err := Config(t.Context(), repo+":none", Remote{Transport: m}); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

func TestGoBuildOnABase(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(newRegistry())
	defer srv.Close()
	base := strings.TrimPrefix(srv.URL, "http://") + "/base:1"
	put(t, memory{srv.Config.Handler}, base, both(t))
	s := Spec{Dir: hello, Go: ".", Base: base, Platform: "linux/arm64"}
	b := mustBuild(t, s)
	headers, _ := entries(t, b.Image)
	if c := b.Config.Config; c.User != "for-arm64" || !slices.Equal(c.Entrypoint, []string{"/app"}) || len(headers) != 1 || headers["app"] == nil {
		t.Errorf("configuration %+v, layer %v", c, headers)
	}
	if again := mustBuild(t, s); again.Digest != b.Digest {
		t.Errorf("digest %s, then %s", b.Digest, again.Digest)
	}
	s.Base = strings.TrimPrefix(srv.URL, "http://") + "/none:1"
	if _, err := s.Build(t.Context(), nil); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "base image "+s.Base) {
		t.Errorf("error %v", err)
	}
}
