package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A kept image stays in the engine that has built it: the engine itself pushes it, through a bridge.
type kept struct {
	id       string                                      // digest of its configuration
	platform v1.Platform                                 // that the service runs on
	push     func(ctx context.Context, ref string) error // has the engine push it to a registry on loopback
}

// pass has the engine push the image through a bridge to d, by digest.
func (k *kept) pass(ctx context.Context, d *destination, dir string) (*written, error) {
	b, err := openBridge(ctx, d, dir, filepath.Join(cacheDir(), "bridge"), k.id, k.platform)
	if err != nil {
		return nil, err
	}
	err = k.push(ctx, b.ref())
	closed := b.close()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil: // the engine's words are about it, too
		return nil, b.err
	case err != nil:
		return nil, err
	case b.passed == nil:
		return nil, errors.New("the engine says that it has pushed the image, and has not")
	}
	return b.passed, closed
}

// pushKept is Push for an image that an engine keeps.
func (b *Built) pushKept(ctx context.Context, d *destination, progress func(done, total int64)) (*Pushed, error) {
	begin := time.Now()
	stop := d.tr.show(progress)
	m, err := b.kept.pass(ctx, d, b.dir)
	if err == nil && d.to.Tag != "" {
		err = d.put(ctx, d.repo.Tag(d.to.Tag), m)
	}
	stop(err == nil)
	if err != nil {
		return nil, d.explain(ctx, err)
	}
	b.Digest, b.Config, b.Size = m.digest, m.config, m.size
	return &Pushed{Digest: m.digest, Uploaded: d.tr.sent.Load(), Layers: m.layers, New: d.tr.fresh(), Took: time.Since(begin)}, nil
}

// cacheDir is where what one build leaves for the next lies. A system without a place for it has the temporary folder.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "fargatectl", "image")
}
