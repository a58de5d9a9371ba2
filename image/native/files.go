package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Files are the names in an image: what its layers' headers say, contents aside.
type Files struct{ tree *tree }

// ReadFiles reads the layers of an image, one after the other, from wherever they are. What an upper layer deletes is gone.
func ReadFiles(ctx context.Context, img v1.Image) (*Files, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	t := newTree()
	for i, l := range layers {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if err := t.overlay(ctx, l, i+1); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
	}
	return &Files{t}, nil
}

func (t *tree) overlay(ctx context.Context, l v1.Layer, number int) error {
	r, err := l.Compressed()
	if err != nil {
		return err
	}
	return errors.Join(t.readLayer(until{ctx, r}, nil, number), r.Close())
}

// until reads as long as its context lasts: a small layer may unpack for minutes.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(p)
}

// Has says whether there is a program at an absolute path: a file that may be executed. Symbolic links are followed, in the
// folders above it as well.
func (f *Files) Has(program string) bool {
	at, err := f.tree.resolve(path.Clean(program))
	if err != nil {
		return false
	}
	n := f.tree.lookup(at)
	return n != nil && n.kind == kindFile && n.mode&0o111 != 0
}
