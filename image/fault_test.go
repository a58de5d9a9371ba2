package image

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A registry that has enough for a minute is waited for.
func TestPushOutlastsAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		f := &faulty{Handler: newRegistry(), wrong: func(r *http.Request) (int, string, string) {
			if r.Method == http.MethodPatch && time.Since(began) < time.Minute {
				return http.StatusTooManyRequests, "TOOMANYREQUESTS", "Rate exceeded"
			}
			return 0, "", ""
		}}
		p, err := made(t, noise(1000)).Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: memory{f}}, nil)
		if err != nil || p.New != 1 || time.Since(began) < time.Minute || time.Since(began) > 2*time.Minute {
			t.Errorf("%+v, %v after %v", p, err, time.Since(began))
		}
	})
}

// A connection that is reset in the middle of a layer costs that layer's upload and no more.
func TestPushOutlastsResets(t *testing.T) {
	t.Parallel()
	left := atomic.Int64{}
	left.Store(3)
	f := &faulty{Handler: newRegistry()}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch && left.Add(-1) >= 0 {
			_, _ = r.Body.Read(make([]byte, 1000))
			panic(http.ErrAbortHandler)
		}
		f.ServeHTTP(w, r)
	}))
	defer srv.Close()
	b := made(t, noise(5_000_000), noise(1000))
	p, err := b.Push(t.Context(), Target{Ref: strings.TrimPrefix(srv.URL, "http://") + "/app", Tag: "one", Insecure: true}, nil)
	if err != nil || p.New != 2 || p.Digest != b.Digest || left.Load() >= 0 {
		t.Errorf("%+v, %v, %d faults left", p, err, left.Load())
	}
	if n := f.count("PUT /v2/app/manifests/"); n != 2 {
		t.Errorf("%d manifests", n)
	}
}

// Two pushes of the same image at the same time both end well.
func TestPushTwiceAtOnce(t *testing.T) { //nolint:paralleltest // the bridge keeps its secret in the user's cache
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	m := memory{&faulty{Handler: newRegistry()}}
	b := made(t, noise(100_000), noise(200_000))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			from := b
			if i%2 == 1 {
				from = keptBy(t, b, b)
			}
			if p, err := from.Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: m}, nil); err != nil || p.Digest != b.Digest {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
	wg.Wait()
	if got, err := Resolve(t.Context(), repo+":one", Remote{Transport: m}); err != nil || got != b.Digest.String() {
		t.Errorf("%s, %v", got, err)
	}
}

// A full disk in the middle of a hand-over is said as such, and nothing is tagged.
func TestBridgeDiskFull(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{Handler: newRegistry()}
	d, err := open(Target{Ref: repo, Transport: memory{f}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := openBridge(t.Context(), d, t.TempDir(), filepath.Join(t.TempDir(), "bridge"), "", v1.Platform{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	s, err := newSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.file, b.uploads["7"] = full, s
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "http://"+strings.TrimSuffix(b.ref(), ":latest")+"/", strings.NewReader("layer"))
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Path = "/v2/" + b.path + "/blobs/uploads/7"
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusForbidden || b.err == nil || !strings.Contains(b.err.Error(), "no space left on device") {
		t.Errorf("%v, %v, %v", resp, err, b.err)
	}
	if len(f.seen) > 0 {
		t.Errorf("%v", f.seen)
	}
	_ = resp.Body.Close()
}

// A layer is compressed once; what is longest unused goes first, and a cache that is broken is none.
func TestLayerCache(t *testing.T) {
	t.Parallel()
	c := &layerCache{filepath.Join(t.TempDir(), "deep", "layers"), 250}
	hash := func(i int) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: strings.Repeat(string(rune('a'+i)), 64)} }
	for i := range 3 {
		file := filepath.Join(t.TempDir(), "layer")
		if err := os.WriteFile(file, noise(100), 0o600); err != nil {
			t.Fatal(err)
		}
		c.put(hash(i), "gz", savedLayer{file, v1.Descriptor{MediaType: types.DockerLayer, Digest: hash(i), Size: 100}})
		old := time.Now().Add(time.Duration(i-10) * time.Hour)
		if err := os.Chtimes(c.file(hash(i), "gz"), old, old); err != nil && i < 2 {
			t.Fatal(err)
		}
		if i == 1 { // used again
			if _, ok := c.get(hash(0), "gz", filepath.Join(t.TempDir(), "x")); !ok {
				t.Error("the first is not there")
			}
		}
	}
	c.shrink()
	var there []bool
	for i := range 3 {
		_, ok := c.get(hash(i), "gz", filepath.Join(t.TempDir(), "x"))
		there = append(there, ok)
	}
	if !slices.Equal(there, []bool{true, false, true}) {
		t.Errorf("there are %v", there)
	}
	if err := errors.Join(os.WriteFile(c.file(hash(0), "gz"), []byte("short"), 0o600), os.WriteFile(c.file(hash(2), "gz.json"), []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} {
		if _, ok := c.get(hash(i), "gz", filepath.Join(t.TempDir(), "x")); ok {
			t.Errorf("%d is broken and there", i)
		}
		file := filepath.Join(t.TempDir(), "layer")
		if err := os.WriteFile(file, noise(100), 0o600); err != nil {
			t.Fatal(err)
		}
		c.put(hash(i), "gz", savedLayer{file, v1.Descriptor{MediaType: types.DockerLayer, Digest: hash(i), Size: 100}})
		if _, ok := c.get(hash(i), "gz", filepath.Join(t.TempDir(), "x")); !ok {
			t.Errorf("%d is not made whole again", i)
		}
	}
	if _, ok := (&layerCache{"/dev/null/x", 1}).get(hash(0), "gz", filepath.Join(t.TempDir(), "x")); ok {
		t.Error("nowhere is a cache")
	}
	(&layerCache{"/dev/null/x", 1}).put(hash(0), "gz", savedLayer{})
}
