package image

import (
	"fmt"
	"hash"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A savedLayer is a compressed layer in a file.
type savedLayer struct {
	file string
	desc v1.Descriptor
}

func (l savedLayer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l savedLayer) Size() (int64, error)                { return l.desc.Size, nil }
func (l savedLayer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }
func (l savedLayer) Compressed() (io.ReadCloser, error)  { return os.Open(l.file) }

// takeOver reads the image that `docker save` wrote to file, which has to be the one that was built, by the digest of its
// configuration (unless id is ""), and writes its compressed layers to dir.
func takeOver(file, dir, id string, p packing) (v1.Image, error) {
	src, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		return nil, fmt.Errorf("what docker saved: %w", err)
	}
	if came, err := src.ConfigName(); err != nil {
		return nil, fmt.Errorf("what docker saved: %w", err)
	} else if id != "" && came.String() != id {
		return nil, fmt.Errorf("the image that came is %s, what was built is %s", came, id)
	}
	img, err := p.pack(src, dir)
	if err != nil {
		return nil, fmt.Errorf("what docker saved: %w", err)
	}
	return img, nil
}

func digestOf(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", h.Sum(nil))}
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
