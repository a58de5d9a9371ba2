package image

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// A savedImage is what `docker save` wrote, its layers compressed once into files. (go-containerregistry would compress
// each layer twice, for the digest and for the upload.) The configuration stays as the engine has it, byte by byte.
type savedImage struct {
	config, manifest []byte
	files            map[v1.Hash]savedLayer
}

var _ partial.CompressedImageCore = (*savedImage)(nil)

func (s *savedImage) RawConfigFile() ([]byte, error)      { return s.config, nil }
func (s *savedImage) RawManifest() ([]byte, error)        { return s.manifest, nil }
func (s *savedImage) MediaType() (types.MediaType, error) { return types.DockerManifestSchema2, nil }

func (s *savedImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	l, ok := s.files[h]
	if !ok {
		return nil, fmt.Errorf("no layer %s", h)
	}
	return l, nil
}

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
// configuration, and writes its compressed layers to dir.
func takeOver(file, dir, id string) (v1.Image, error) {
	src, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		return nil, fmt.Errorf("what docker saved: %w", err)
	}
	raw, err := src.RawConfigFile()
	if err != nil {
		return nil, err
	}
	cf, err := src.ConfigFile()
	if err != nil {
		return nil, err
	}
	from, err := src.Layers()
	if err != nil {
		return nil, err
	}
	if len(from) != len(cf.RootFS.DiffIDs) {
		return nil, fmt.Errorf("what docker saved has %d layers, its configuration %d", len(from), len(cf.RootFS.DiffIDs))
	}
	packed := make([]savedLayer, len(from))
	var g errgroup.Group
	cache := layers()
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range from {
		g.Go(func() (err error) {
			diff, file := cf.RootFS.DiffIDs[i], filepath.Join(dir, fmt.Sprintf("layer-%d.tar.gz", i))
			if l, ok := cache.get(diff, file); ok { // compressed by an earlier build
				packed[i] = l
				return nil
			}
			if packed[i], err = compress(l, diff, file); err == nil {
				cache.put(diff, packed[i])
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	img := &savedImage{config: raw, files: map[v1.Hash]savedLayer{}}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.DockerManifestSchema2, Config: v1.Descriptor{MediaType: types.DockerConfigJSON, Size: int64(len(raw))}}
	sum := sha256.New()
	_, _ = sum.Write(raw) // a hash.Hash returns no error
	if m.Config.Digest = digestOf(sum); m.Config.Digest.String() != id {
		return nil, fmt.Errorf("the image that came is %s, what was built is %s", m.Config.Digest, id)
	}
	for _, l := range packed {
		img.files[l.desc.Digest] = l
		m.Layers = append(m.Layers, l.desc)
	}
	if img.manifest, err = json.Marshal(m); err != nil {
		return nil, err
	}
	return partial.CompressedToImage(img)
}

// compress writes a layer to file and checks that it is the one that the configuration names.
func compress(l v1.Layer, want v1.Hash, file string) (savedLayer, error) {
	none := savedLayer{}
	in, err := l.Uncompressed()
	if err != nil {
		return none, err
	}
	defer in.Close() // opened for reading
	out, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return none, err
	}
	defer out.Close() // closed below with its error
	plain, packed, size := sha256.New(), sha256.New(), &counter{}
	zip := gzip.NewWriter(io.MultiWriter(out, packed, size))
	if _, err := io.Copy(io.MultiWriter(zip, plain), in); err != nil {
		return none, err
	}
	if err := zip.Close(); err != nil {
		return none, err
	}
	if err := out.Close(); err != nil {
		return none, err
	}
	if got := digestOf(plain); got != want {
		return none, fmt.Errorf("a layer that docker saved is %s, its configuration says %s", got, want)
	}
	return savedLayer{file, v1.Descriptor{MediaType: types.DockerLayer, Digest: digestOf(packed), Size: size.n}}, nil
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
