package image

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A spool is a blob that comes in: its digest is known only at its end.
type spool struct {
	file *os.File
	sum  hash.Hash
	size int64
}

func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, "blob-")
	if err != nil {
		return nil, err
	}
	return &spool{file: f, sum: sha256.New()}, nil
}

func (s *spool) take(r io.Reader) error {
	n, err := io.Copy(io.MultiWriter(s.file, s.sum), r)
	s.size += n
	return err
}

// layer is the whole blob, if it is the one with this digest.
func (s *spool) layer(digest string) (v1.Layer, error) {
	got := digestOf(s.sum)
	if got.String() != digest {
		return nil, fmt.Errorf("a blob that came is %s, not %s", got, digest)
	}
	return partial.CompressedToLayer(savedLayer{s.file.Name(), v1.Descriptor{MediaType: types.DockerLayer, Digest: got, Size: s.size}})
}

func (s *spool) drop() { _ = errors.Join(s.file.Close(), os.Remove(s.file.Name())) } // in a folder that goes with the build
