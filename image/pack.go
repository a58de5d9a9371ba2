package image

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// A packing is how the layers of an image are compressed, and what its parts are called then.
type packing struct {
	kind                    string // of its files in the cache
	layer, config, manifest types.MediaType
	writer                  func(io.Writer) (io.WriteCloser, error)
}

var (
	gzipped = packing{
		kind: "gz", layer: types.DockerLayer, config: types.DockerConfigJSON, manifest: types.DockerManifestSchema2,
		writer: func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	}
	// zstandard has OCI's names: Docker's format has none for it. One encoder a layer, for layers go side by side.
	zstandard = packing{
		kind: "zst", layer: types.OCILayerZStd, config: types.OCIConfigJSON, manifest: types.OCIManifestSchema1,
		writer: func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)) },
	}
)

// pack gives an image with its layers compressed that way, each once, in files of dir. The configuration stays as it is,
// byte by byte, and so do layers that are compressed that way already.
func (p packing) pack(src v1.Image, dir string) (v1.Image, error) {
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
		return nil, fmt.Errorf("the image has %d layers, its configuration %d", len(from), len(cf.RootFS.DiffIDs))
	}
	packed := make([]partial.CompressedLayer, len(from))
	descs := make([]v1.Descriptor, len(from))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range from {
		g.Go(func() error {
			if kind, err := l.MediaType(); err == nil && kind == types.OCILayerZStd && kind == p.layer { // Docker's archives call plain layers compressed
				packed[i] = l
				desc, err := partial.Descriptor(l)
				if err == nil {
					descs[i] = v1.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}
				}
				return err
			}
			saved, err := p.packLayer(l, cf.RootFS.DiffIDs[i], dir)
			packed[i], descs[i] = saved, saved.desc
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	img := &packedImage{config: raw, kind: p.manifest, layers: map[v1.Hash]partial.CompressedLayer{}}
	sum := sha256.New()
	_, _ = sum.Write(raw) // a hash.Hash returns no error
	m := v1.Manifest{
		SchemaVersion: 2, MediaType: p.manifest, Layers: descs,
		Config: v1.Descriptor{MediaType: p.config, Size: int64(len(raw)), Digest: digestOf(sum)},
	}
	for i, d := range descs {
		img.layers[d.Digest] = packed[i]
	}
	if img.manifest, err = json.Marshal(m); err != nil {
		return nil, err
	}
	return partial.CompressedToImage(img)
}

// packLayer takes a layer from the cache, or compresses it.
func (p packing) packLayer(l v1.Layer, diff v1.Hash, dir string) (savedLayer, error) {
	f, err := os.CreateTemp(dir, "layer-")
	if err != nil {
		return savedLayer{}, err
	}
	name := f.Name()
	_ = f.Close()       // nothing was written
	_ = os.Remove(name) // the name is what is wanted: nobody else is in this folder
	cache := layers()
	if saved, ok := cache.get(diff, p.kind, name); ok { // compressed by an earlier build
		return saved, nil
	}
	saved, err := p.compress(l, diff, name)
	if err == nil {
		cache.put(diff, p.kind, saved)
	}
	return saved, err
}

// compress writes a layer to file and checks that it is the one that the configuration names.
func (p packing) compress(l v1.Layer, want v1.Hash, file string) (savedLayer, error) {
	none := savedLayer{}
	in, err := l.Uncompressed()
	if err != nil {
		return none, err
	}
	defer in.Close() // opened for reading
	out, err := os.OpenFile(filepath.Clean(file), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return none, err
	}
	defer out.Close() // closed below with its error
	plain, packed, size := sha256.New(), sha256.New(), &counter{}
	zip, err := p.writer(io.MultiWriter(out, packed, size))
	if err != nil {
		return none, err
	}
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
		return none, fmt.Errorf("a layer is %s, and the configuration says %s", got, want)
	}
	return savedLayer{file, v1.Descriptor{MediaType: p.layer, Digest: digestOf(packed), Size: size.n}}, nil
}

// A packedImage has its layers compressed once. (go-containerregistry would compress each of an archive twice, for the
// digest and for the upload.)
type packedImage struct {
	config, manifest []byte
	kind             types.MediaType
	layers           map[v1.Hash]partial.CompressedLayer
}

var _ partial.CompressedImageCore = (*packedImage)(nil)

func (p *packedImage) RawConfigFile() ([]byte, error)      { return p.config, nil }
func (p *packedImage) RawManifest() ([]byte, error)        { return p.manifest, nil }
func (p *packedImage) MediaType() (types.MediaType, error) { return p.kind, nil }

func (p *packedImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	l, ok := p.layers[h]
	if !ok {
		return nil, fmt.Errorf("no layer %s", h)
	}
	return l, nil
}
