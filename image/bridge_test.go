package image

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// keptBy makes an image as an engine would keep it; the engine pushes whatever image it is given.
func keptBy(t *testing.T, b, pushes *Built) *Built {
	t.Helper()
	id, err := b.Image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	push := func(ctx context.Context, ref string) error {
		r, err := name.ParseReference(ref, name.Insecure)
		if err != nil {
			return err
		}
		return remote.Write(r, pushes.Image, remote.WithContext(ctx), remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
	}
	return &Built{kept: &kept{id: id.String(), platform: v1.Platform{OS: "linux", Architecture: "amd64"}, push: push}, dir: t.TempDir()}
}

// What an engine pushes through the bridge is what the destination has, byte by byte, and only what it lacked was sent.
func TestBridge(t *testing.T) { //nolint:paralleltest // the bridge keeps its secret in the user's cache
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	f := &faulty{Handler: newRegistry()}
	srv := httptest.NewServer(f)
	defer srv.Close()
	to := Target{Ref: strings.TrimPrefix(srv.URL, "http://") + "/app", Tag: "one", Insecure: true}
	first, second := made(t, noise(1000), noise(2000)), made(t, noise(1000), noise(3000))
	b := keptBy(t, first, first)
	p, err := b.Push(t.Context(), to, nil)
	if err != nil || p.New != 2 || p.Digest != first.Digest || b.Digest != first.Digest || b.Size != first.Size || b.Config.Architecture != "amd64" {
		t.Fatalf("%+v, %v", p, err)
	}
	puts := f.count("PUT")
	if p, err := keptBy(t, first, first).Push(t.Context(), to, nil); err != nil || p.New != 0 || p.Uploaded != 0 || p.Layers != 2 {
		t.Errorf("the same again: %+v, %v", p, err)
	}
	if n := f.count("PUT") - puts; n != 0 {
		t.Errorf("%d PUTs for what is there", n)
	}
	to.Tag = "two"
	var done, total int64
	p, err = keptBy(t, second, second).Push(t.Context(), to, func(d, n int64) { done, total = d, n })
	if err != nil || p.New != 1 || p.Layers != 2 || p.Uploaded < 3000 || p.Uploaded >= 4000 || done != total || total < second.Size {
		t.Errorf("one layer changed: %+v, %v, %d of %d bytes", p, err, done, total)
	}
	for tag, want := range map[string]*Built{"one": first, "two": second} {
		r, _ := name.ParseReference(to.Ref+":"+tag, name.Insecure)
		img, err := remote.Image(r)
		if err == nil {
			_, err = size(img)
		}
		if err != nil {
			t.Fatal(err)
		}
		if d, _ := img.Digest(); d != want.Digest {
			t.Errorf("%s is %s, want %s", tag, d, want.Digest)
		}
	}
}

// Another image than the one that was built does not get through, nor one for another platform; nothing is tagged.
func TestBridgeRefuses(t *testing.T) { //nolint:paralleltest // see TestBridge
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	one, other := made(t, noise(10)), made(t, noise(20))
	arm := made(t, noise(10))
	cf, _ := arm.Image.ConfigFile()
	cf = cf.DeepCopy()
	cf.Architecture = "arm64"
	var err error
	if arm.Image, err = mutate.ConfigFile(arm.Image, cf); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		b    *Built
		want string
	}{
		"another image":    {keptBy(t, one, other), "the image that came is sha256:"},
		"another platform": {keptBy(t, arm, arm), "the image is linux/arm64, the service runs on linux/amd64"},
	} {
		f := &faulty{Handler: newRegistry()}
		_, err := c.b.Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: memory{f}}, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if n := f.count("PUT /v2/app/manifests/"); n != 0 {
			t.Errorf("%s: %d manifests", what, n)
		}
	}
}

// What goes wrong at the destination is said in its words, not in the engine's; expired credentials are renewed on the way.
func TestBridgeFaults(t *testing.T) { //nolint:paralleltest // see TestBridge
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	b := made(t, noise(1000), noise(2000))
	f := &faulty{Handler: newRegistry(), wrong: func(r *http.Request) (int, string, string) {
		if r.Method == http.MethodPost {
			return http.StatusForbidden, "DENIED", "not authorized to perform: ecr:InitiateLayerUpload"
		}
		return 0, "", ""
	}}
	_, err := keptBy(t, b, b).Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: memory{f}}, nil)
	if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "push to "+repo+": denied: not authorized to perform: ecr:InitiateLayerUpload") {
		t.Error(err)
	}
	var expired atomic.Bool
	f = &faulty{Handler: newRegistry(), wrong: func(r *http.Request) (int, string, string) {
		if r.Method == http.MethodPut && expired.CompareAndSwap(false, true) {
			return http.StatusUnauthorized, "UNAUTHORIZED", "Your authorization token has expired."
		}
		return 0, "", ""
	}}
	logins := atomic.Int64{}
	auth := func(context.Context) (authn.Authenticator, error) { logins.Add(1); return authn.Anonymous, nil }
	if p, err := keptBy(t, b, b).Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: memory{f}, Auth: auth}, nil); err != nil || p.New != 2 || logins.Load() != 2 {
		t.Errorf("%+v, %v, %d logins", p, err, logins.Load())
	}
}

// Nobody without the secret can push, and the address stays the same from push to push.
func TestBridgeAddress(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "deep", "bridge")
	d, err := open(Target{Ref: repo, Transport: memory{newRegistry()}})
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for range 6 { // in between another process may have taken the port: then it is another
		b, err := openBridge(t.Context(), d, t.TempDir(), key, "", v1.Platform{})
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, b.ref())
		host, path, _ := strings.Cut(b.ref(), "/")
		if !strings.HasSuffix(at[0], "/"+path) {
			t.Errorf("%s, then %s", at[0], b.ref())
		}
		resp, err := http.Post("http://"+host+"/v2/guess/app/blobs/uploads/", "", nil)
		if err != nil || resp.StatusCode != http.StatusNotFound {
			t.Errorf("%v, %v", resp, err)
		}
		if err := errors.Join(resp.Body.Close(), b.close()); err != nil {
			t.Error(err)
		}
	}
	if len(slices.Compact(at)) > 4 {
		t.Errorf("another port each time: %v", at)
	}
}
