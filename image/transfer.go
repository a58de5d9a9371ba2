package image

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const progressTick = 100 * time.Millisecond // at most ten looks at a push a second

// A transfer is the way to the registry, and counts what goes along it. (go-containerregistry's own progress closes its
// channel while a request that was given up may still be read, which panics.)
type transfer struct {
	inner http.RoundTripper

	done, total, sent atomic.Int64 // bytes
	mu                sync.Mutex
	blobs             map[string]*blob // of the image, by digest
}

// A blob is a layer or the configuration on its way.
type blob struct {
	size    int64
	config  bool
	arrived bool // counted as done
	fresh   bool // the repository did not have it
}

func newTransfer(inner http.RoundTripper) *transfer {
	if inner == nil {
		inner = remote.DefaultTransport
	}
	return &transfer{inner: inner, blobs: map[string]*blob{}}
}

// expect makes a blob known. The same layer twice in an image is sent once.
func (t *transfer) expect(d v1.Descriptor, config bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.blobs[d.Digest.String()] == nil {
		t.blobs[d.Digest.String()] = &blob{size: d.Size, config: config}
		t.total.Add(d.Size)
	}
}

// arrived notes that the repository has a blob. The bytes of one that was uploaded are counted already.
func (t *transfer) arrived(digest string, uploaded bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.blobs[digest]
	if b == nil || b.arrived {
		return
	}
	b.arrived, b.fresh = true, uploaded
	if !uploaded {
		t.done.Add(b.size)
	}
}

// RoundTrip counts the bytes of a layer as they are read, and a layer that is there already as done.
func (t *transfer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPatch && r.Body != nil {
		return t.upload(r)
	}
	resp, err := t.inner.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	digest := r.URL.Query().Get("digest")
	switch {
	case r.Method == http.MethodHead && resp.StatusCode == http.StatusOK:
		if _, d, ok := strings.Cut(r.URL.Path, "/blobs/"); ok {
			t.arrived(d, false)
		}
	case r.Method == http.MethodPost && resp.StatusCode == http.StatusCreated:
		t.arrived(r.URL.Query().Get("mount"), false)
	case r.Method == http.MethodPut && digest != "" && resp.StatusCode == http.StatusCreated:
		t.arrived(digest, true)
	}
	return resp, nil
}

func (t *transfer) upload(r *http.Request) (*http.Response, error) {
	body := &counted{ReadCloser: r.Body, t: t}
	counting := r.Clone(r.Context())
	counting.Body = body
	resp, err := t.inner.RoundTrip(counting)
	if err != nil || resp.StatusCode >= 300 { // it begins again at its first byte, or the push has failed
		t.done.Add(-body.n.Load())
	}
	return resp, err
}

// counted is the body of an upload.
type counted struct {
	io.ReadCloser
	t *transfer
	n atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	c.t.done.Add(int64(n))
	c.t.sent.Add(int64(n))
	return n, err
}

// fresh is how many layers were sent whole.
func (t *transfer) fresh() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range t.blobs {
		if b.fresh && !b.config {
			n++
		}
	}
	return n
}

// show reports until the returned function is called, which waits for the last report.
func (t *transfer) show(progress func(done, total int64)) (stop func(ok bool)) {
	if progress == nil {
		return func(bool) {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(progressTick)
		defer tick.Stop()
		for last := int64(-1); ; {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			total := t.total.Load()
			if now := min(t.done.Load(), total); now != last {
				last = now
				progress(now, total)
			}
		}
	}()
	return func(ok bool) {
		close(end)
		<-ended
		if ok {
			progress(t.total.Load(), t.total.Load())
		}
	}
}
