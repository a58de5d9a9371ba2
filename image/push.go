package image

import (
	"context"
	"net/http"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// A Target says where an image goes.
type Target struct {
	Ref       string            // host/repository
	Tag       string            // set once the image is there by digest; "" sets none
	Auth      Auth              // nil: anonymous
	Transport http.RoundTripper // used as it is; nil: the network, through the environment's proxy
	Insecure  bool              // plain http is allowed
}

// Pushed tells what a push came to.
type Pushed struct {
	Digest   v1.Hash // of the image that the service runs
	Index    v1.Hash // of an image for several platforms: what the tag names
	Uploaded int64   // bytes of layers and configuration sent, repeats included
	Layers   int     // layers of the image, for all platforms
	New      int     // those that the repository did not have
	Took     time.Duration
}

// Push brings the image to t: first by digest, then under the tag, so that a tag never names half an image. What is there
// is not sent again. Where the credentials expire on the way, they are renewed and it goes on. progress gets bytes done
// and in all, at most ten times a second and at the end; it may be nil.
//
// Errors: ErrDenied, ErrNotFound (no such repository), ErrTagTaken (immutable tags), ErrUnreachable.
func (b *Built) Push(ctx context.Context, t Target, progress func(done, total int64)) (*Pushed, error) {
	begin := time.Now()
	d, err := open(t)
	if err != nil {
		return nil, err
	}
	if b.kept != nil {
		return b.pushKept(ctx, d, progress)
	}
	p := &Pushed{Digest: b.Digest}
	for _, img := range b.images() {
		m, err := partial.Manifest(img)
		if err != nil {
			return nil, err
		}
		p.Layers += len(m.Layers)
		d.tr.expect(m.Config, true)
		for _, l := range m.Layers {
			d.tr.expect(l, false)
		}
	}
	var whole remote.Taggable = b.Image
	named := b.Digest
	if b.Index != nil {
		whole = b.Index
		if p.Index, err = b.Index.Digest(); err != nil {
			return nil, err
		}
		named = p.Index
	}
	stop := d.tr.show(progress)
	err = d.do(ctx, func(w wire) error { return w.Push(ctx, d.repo.Digest(named.String()), whole) })
	if err == nil && t.Tag != "" {
		err = d.do(ctx, func(w wire) error { return w.Push(ctx, d.repo.Tag(t.Tag), whole) })
	}
	stop(err == nil)
	if err != nil {
		return nil, d.explain(ctx, err)
	}
	p.Uploaded, p.New, p.Took = d.tr.sent.Load(), d.tr.fresh(), time.Since(begin)
	return p, nil
}
