package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const repo = "registry.example.com/app"

// memory is a way to a registry in this process: no port, no goroutine that outlives a request.
type memory struct{ http.Handler }

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	body := []byte(nil)
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
	}
	w, in := httptest.NewRecorder(), r.Clone(r.Context())
	in.Body, in.RequestURI = io.NopCloser(bytes.NewReader(body)), r.URL.RequestURI()
	m.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func newRegistry() http.Handler { return registry.New(registry.Logger(log.New(io.Discard, "", 0))) }

// faulty answers the requests that wrong picks out with status and an OCI error, and keeps a list of all.
type faulty struct {
	http.Handler
	wrong func(r *http.Request) (status int, code, message string)

	mu   sync.Mutex
	seen []string
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.seen = append(f.seen, r.Method+" "+r.URL.Path)
	f.mu.Unlock()
	if f.wrong != nil {
		if status, code, message := f.wrong(r); status != 0 {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			if code != "" {
				fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
			}
			return
		}
	}
	f.Handler.ServeHTTP(w, r)
}

// count is how many requests contained the words.
func (f *faulty) count(words string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.seen {
		if strings.Contains(s, words) {
			n++
		}
	}
	return n
}

// made is an image of the given layers, as if it were built.
func made(t *testing.T, layers ...[]byte) *Built {
	t.Helper()
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers"}})
	for _, l := range layers {
		if err == nil {
			img, err = mutate.AppendLayers(img, static.NewLayer(l, types.DockerLayer))
		}
	}
	b := &Built{Image: img}
	if err == nil {
		err = b.describe(v1.Platform{OS: "linux", Architecture: "amd64"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestPushWhatWasBuilt(t *testing.T) {
	t.Parallel()
	b := mustBuild(t, Spec{Dir: hello, Go: "."})
	m := memory{newRegistry()}
	type step struct{ done, total int64 }
	var steps []step
	got, err := b.Push(t.Context(), Target{Ref: repo, Tag: "src-1", Transport: m}, func(d, n int64) { steps = append(steps, step{d, n}) })
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest != b.Digest || got.Layers != 1 || got.New != 1 || got.Uploaded < b.Size || got.Took <= 0 {
		t.Errorf("pushed %+v of %d bytes", got, b.Size)
	}
	if last := steps[len(steps)-1]; last.done != last.total || last.total < b.Size {
		t.Errorf("the last step is %+v", last)
	}
	for _, ref := range []string{repo + ":src-1", repo + "@" + b.Digest.String()} {
		r, err := name.ParseReference(ref)
		if err != nil {
			t.Fatal(err)
		}
		img, err := remote.Image(r, remote.WithTransport(m))
		if err == nil {
			err = validate.Image(img)
		}
		if err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func TestPushAgainSendsNothing(t *testing.T) {
	t.Parallel()
	f := &faulty{Handler: newRegistry()}
	srv := httptest.NewServer(f) // over a real connection
	defer srv.Close()
	to := Target{Ref: strings.TrimPrefix(srv.URL, "http://") + "/app", Tag: "one", Insecure: true}
	first, second := made(t, noise(1000), noise(2000)), made(t, noise(1000), noise(3000))
	if p, err := first.Push(t.Context(), to, nil); err != nil || p.New != 2 || p.Uploaded < 3000 {
		t.Fatalf("%+v, %v", p, err)
	}
	puts := f.count("PUT")
	if p, err := first.Push(t.Context(), to, nil); err != nil || p.New != 0 || p.Uploaded != 0 {
		t.Errorf("the same again: %+v, %v", p, err)
	}
	if now := f.count("PUT"); now != puts {
		t.Errorf("%d PUTs for what is there", now-puts)
	}
	to.Tag = "two"
	p, err := second.Push(t.Context(), to, nil)
	if err != nil || p.New != 1 || p.Layers != 2 || p.Uploaded < 3000 || p.Uploaded >= 4000 {
		t.Errorf("one layer changed: %+v, %v", p, err)
	}
}

// TestPushDigestBeforeTag: a tag never names an image whose layers are not there.
func TestPushDigestBeforeTag(t *testing.T) {
	t.Parallel()
	f := &faulty{Handler: newRegistry()}
	b := made(t, noise(10))
	if _, err := b.Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: memory{f}}, nil); err != nil {
		t.Fatal(err)
	}
	var puts []string
	for _, s := range f.seen {
		if p, ok := strings.CutPrefix(s, "PUT /v2/app/manifests/"); ok {
			puts = append(puts, p)
		}
	}
	if len(puts) != 2 || puts[0] != b.Digest.String() || puts[1] != "one" {
		t.Errorf("manifests were put as %q", puts)
	}
}

func TestPushOutlastsFaults(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]func(r *http.Request) bool{
		"starting an upload": func(r *http.Request) bool { return r.Method == http.MethodPost },
		"sending a layer":    func(r *http.Request) bool { return r.Method == http.MethodPatch },
		"ending an upload": func(r *http.Request) bool {
			return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/")
		},
		"the manifest": func(r *http.Request) bool {
			return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/")
		},
	} {
		for _, status := range []int{500, 503, 429, 416} {
			code := ""
			if status == 416 { // how ECR says that the bytes of a layer have got out of step
				if code = "BLOB_UPLOAD_INVALID"; name != "sending a layer" {
					continue
				}
			}
			synctest.Test(t, func(t *testing.T) {
				left := atomic.Int64{}
				left.Store(3)
				f := &faulty{Handler: newRegistry(), wrong: func(r *http.Request) (int, string, string) {
					if wrong(r) && left.Add(-1) >= 0 {
						return status, code, ""
					}
					return 0, "", ""
				}}
				b := made(t, noise(100_000))
				var last, total int64
				p, err := b.Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: memory{f}}, func(d, n int64) {
					if d < 0 || d > n {
						t.Errorf("%d of %d bytes done", d, n)
					}
					last, total = d, n
				})
				if err != nil {
					t.Fatalf("%s, %d: %v", name, status, err)
				}
				if left.Load() >= 0 || p.New != 1 || last != total {
					t.Errorf("%s, %d: %+v, %d of %d bytes, %d faults left", name, status, p, last, total, left.Load())
				}
			})
		}
	}
}

func TestPushErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, path string
		status       int
		code, text   string
		kind         error
		want         string
	}{
		"no permission": {
			"POST", "/blobs/uploads/", 403, "DENIED", "User: x is not authorized to perform: ecr:InitiateLayerUpload", ErrDenied,
			"push to " + repo + ": denied: User: x is not authorized to perform: ecr:InitiateLayerUpload",
		},
		"no repository": {
			"POST", "/blobs/uploads/", 404, "NAME_UNKNOWN", "The repository with name 'app' does not exist", ErrNotFound,
			"push to " + repo + ": not found: The repository with name 'app' does not exist",
		},
		"immutable tag": {
			"PUT", "/manifests/one", 400, "TAG_INVALID", "The image tag 'one' already exists in the 'app' repository and cannot be overwritten because the tag is immutable.", ErrTagTaken,
			"push to " + repo + ": tag exists with another digest: The image tag 'one' already exists",
		},
		"down for good":  {"PATCH", "/blobs/uploads/", 503, "", "", ErrUnreachable, "push to " + repo + ": registry can't be reached: 503 Service Unavailable"},
		"something else": {"PUT", "/manifests/", 400, "MANIFEST_INVALID", "no", nil, "push to " + repo + ": registry refused: MANIFEST_INVALID no"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &faulty{Handler: newRegistry(), wrong: func(r *http.Request) (int, string, string) {
				if r.Method == c.method && strings.Contains(r.URL.Path, c.path) {
					return c.status, c.code, c.text
				}
				return 0, "", ""
			}}
			begin := time.Now()
			_, err := made(t, noise(10)).Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: memory{f}}, nil)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			if c.kind != nil && !errors.Is(err, c.kind) {
				t.Errorf("%s: %v is not %v", name, err, c.kind)
			}
			if took := time.Since(begin); took > 2*time.Minute || (c.status < 429 && took > 0) {
				t.Errorf("%s: gave up after %s", name, took)
			}
		})
	}
}

// TestPushSurvivesExpiry: the credentials expire between two layers; ECR answers 401 from then on (its tokens live 12 h).
func TestPushSurvivesExpiry(t *testing.T) {
	t.Parallel()
	var given atomic.Int64
	auth := func(context.Context) (authn.Authenticator, error) {
		return &authn.Basic{Username: "AWS", Password: fmt.Sprint("token-", given.Add(1))}, nil
	}
	valid, uploads := "token-1", 0
	var mu sync.Mutex
	f := &faulty{Handler: newRegistry()}
	challenge := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPatch {
			if uploads++; uploads == 2 {
				valid = "token-2"
			}
		}
		if _, password, _ := r.BasicAuth(); password != valid {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"Your authorization token has expired. Reauthenticate and try again."}]}`)
			return
		}
		f.ServeHTTP(w, r)
	})
	b := made(t, noise(10), noise(20), noise(30))
	p, err := b.Push(t.Context(), Target{Ref: repo, Tag: "one", Auth: auth, Transport: memory{challenge}}, nil)
	if err != nil || given.Load() != 2 || p.New != 3 {
		t.Errorf("%+v, %v, asked %d times for credentials", p, err, given.Load())
	}
	valid = "nobody's"
	_, err = b.Push(t.Context(), Target{Ref: repo, Tag: "two", Auth: auth, Transport: memory{challenge}}, nil)
	if !errors.Is(err, ErrDenied) || given.Load() != 4 || strings.Contains(err.Error(), "token-") {
		t.Errorf("%v, asked %d times for credentials in all", err, given.Load())
	}
}

func TestPushStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := &faulty{Handler: newRegistry(), wrong: func(r *http.Request) (int, string, string) {
		if r.Method == http.MethodPatch {
			cancel()
			return 503, "", ""
		}
		return 0, "", ""
	}}
	_, err := made(t, noise(10)).Push(ctx, Target{Ref: repo, Transport: memory{f}}, nil)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("error %v", err)
	}
}

// mounting is a registry whose repositories have their own blobs, as ECR's: go-containerregistry's shares them. It takes a
// blob over from another repository if that is allowed (OCI distribution specification, "Mounting a blob from another
// repository"), and else begins an upload.
type mounting struct {
	*faulty
	allowed bool

	mu  sync.Mutex
	has map[string]bool // "REPOSITORY DIGEST"
}

func (m *mounting) reset() {
	m.faulty.mu.Lock()
	defer m.faulty.mu.Unlock()
	m.seen = nil
}

func (m *mounting) note(repo, digest string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.has == nil {
		m.has = map[string]bool{}
	}
	m.has[repo+" "+digest] = true
}

func (m *mounting) holds(repo, digest string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.has[repo+" "+digest]
}

func (m *mounting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	repo, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
	digest, isBlob := strings.CutPrefix(rest, "blobs/")
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodHead && isBlob && !m.holds(repo, digest):
		w.WriteHeader(http.StatusNotFound)
		return
	case r.Method == http.MethodPost && q.Get("mount") != "" && m.allowed && m.holds(q.Get("from"), q.Get("mount")):
		m.note(repo, q.Get("mount"))
		m.faulty.mu.Lock()
		m.seen = append(m.seen, "mounted "+q.Get("mount"))
		m.faulty.mu.Unlock()
		w.Header().Set("Location", "/v2/"+repo+"/blobs/"+q.Get("mount"))
		w.WriteHeader(http.StatusCreated)
		return
	case r.Method == http.MethodPost && q.Get("mount") != "":
		r.URL.RawQuery = ""
	case r.Method == http.MethodPut && q.Get("digest") != "":
		m.note(repo, q.Get("digest"))
	}
	m.faulty.ServeHTTP(w, r)
}
