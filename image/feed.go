package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// feed runs argv with what write writes on its standard input. Where the context itself can't be read, that is the error,
// and the tool's complaint about half a stream is not.
func (t tool) feed(ctx context.Context, write func(io.Writer) error, say func(string), argv ...string) error {
	r, w := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		err := write(w)
		w.CloseWithError(err)
		wrote <- err
	}()
	err := t.run(ctx, r, nil, say, argv...)
	_ = r.CloseWithError(io.ErrClosedPipe) // ends a write that nobody reads any more; it never fails
	if werr := <-wrote; werr != nil && !errors.Is(werr, io.ErrClosedPipe) && ctx.Err() == nil {
		return fmt.Errorf("build context: %w", werr)
	}
	return err
}

// localTag is the name that an image has in the engine. It is the same for each build of the same thing, so that the
// engine keeps one image and the layers it can reuse.
func (s Spec) localTag() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{s.Dir, s.Dockerfile, s.Target, s.platform().String()}, "\x00")))
	return "fargatectl-build:" + hex.EncodeToString(sum[:8])
}
