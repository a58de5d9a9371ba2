package native

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// A base is an image that FROM or COPY --from names. Its layers are read only when something needs its files.
type base struct {
	image    v1.Image
	docker   bool // Docker's media types, not OCI's
	config   dockerspec.DockerOCIImage
	manifest *v1.Manifest

	once  sync.Once
	err   error
	tree  *tree
	blobs map[v1.Hash]*blob // those that have been read
}

func newBase(img v1.Image) (*base, error) {
	kind, err := img.MediaType()
	if err != nil {
		return nil, err
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		return nil, err
	}
	b := &base{image: img, docker: kind == types.DockerManifestSchema2, blobs: map[v1.Hash]*blob{}}
	if err := json.Unmarshal(raw, &b.config); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	b.manifest, err = img.Manifest()
	if err == nil && len(b.manifest.Layers) != len(b.config.RootFS.DiffIDs) {
		err = fmt.Errorf("%d layers, but %d in the configuration", len(b.manifest.Layers), len(b.config.RootFS.DiffIDs))
	}
	return b, err
}

// filesOfImage is the tree of an image.
func (b *builder) filesOfImage(ctx context.Context, img *base) (*tree, error) {
	img.once.Do(func() { img.tree, img.err = b.readImage(ctx, img) })
	return img.tree, img.err
}

// readImage reads all layers of an image: contents stay on disk.
func (b *builder) readImage(ctx context.Context, img *base) (*tree, error) {
	layers, err := img.image.Layers()
	if err != nil {
		return nil, err
	}
	t := newTree()
	for i, l := range layers {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		digest, err := l.Digest()
		if err != nil {
			return nil, err
		}
		blob := img.blobs[digest]
		if blob == nil {
			if blob, err = b.spool(l); err != nil {
				return nil, fmt.Errorf("layer %s: %w", digest, err)
			}
			img.blobs[digest] = blob
		}
		if err := t.apply(blob, i+1); err != nil {
			return nil, fmt.Errorf("layer %s: %w", digest, err)
		}
	}
	t.changed, t.empty = nil, len(layers) == 0
	return t, nil
}

// spool keeps a compressed layer in a file. The registry's answer is held against the digest as it is read.
func (b *builder) spool(l v1.Layer) (*blob, error) {
	r, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	f, err := b.create("base")
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(f, r)
	return &blob{file: f.Name()}, errors.Join(err, f.Close())
}

// maxLayer bounds what a layer of a base image may unpack to: the largest disk that Fargate gives a task (AWS, "Fargate task
// ephemeral storage").
const maxLayer = 200 << 30

var errLayerTooLarge = fmt.Errorf("unpacks to more than %d GiB", maxLayer>>30)

// apply puts a layer over those before it.
func (t *tree) apply(b *blob, number int) error {
	f, err := os.Open(b.file)
	if err != nil {
		return err
	}
	defer f.Close()
	return t.readLayer(f, b, number)
}

// readLayer does so with a layer that may be compressed; b is where it is kept, nil where only names count.
func (t *tree) readLayer(compressed io.Reader, b *blob, number int) error {
	plain, kind, err := decompress(compressed)
	if err != nil {
		return err
	}
	if plain == nil {
		return errors.New("compressed with " + kind)
	}
	in, size := &reading{r: plain}, int64(0)
	r := tar.NewReader(in)
	for {
		at := (in.n + 511) &^ 511 // where the next header begins
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Size > maxLayer-size || in.n > maxLayer {
			return errLayerTooLarge
		}
		size += h.Size
		if err := t.applyEntry(h, stored{b, at}, number); err != nil {
			return fmt.Errorf("%.200s: %w", h.Name, err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil { //nolint:gosec // nothing of it is kept
			return err
		}
	}
}

// reading counts what is read.
type reading struct {
	r io.Reader
	n int64
}

func (c *reading) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// applyEntry puts one entry of a layer to its place.
func (t *tree) applyEntry(h *tar.Header, where stored, number int) error {
	p := path.Join("/", h.Name) //nolint:gosec // a path in the tree, which ends at its root
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if err := t.weigh(h); err != nil {
		return err
	}
	parent, err := t.resolve(path.Dir(p))
	if err != nil {
		return err
	}
	p = path.Join(parent, path.Base(p))
	if gone, all, is := whiteout(p); is {
		return t.takeAway(gone, all, number)
	}
	if err := t.mkdirAll(parent, 0o755, nil); err != nil {
		return err
	}
	n := &node{kind: kindOf(h), mode: h.Mode & 0o7777, uid: h.Uid, gid: h.Gid, xattrs: xattrsOf(h), owner: t, layer: number}
	switch n.kind {
	case tar.TypeDir:
		n.children = map[string]*node{}
		if there := t.lookup(p); there != nil && there.kind == kindDir {
			n.children = there.children
		}
		if p == "/" {
			t.root = n
			return nil
		}
	case tar.TypeReg:
		n.size, n.body = h.Size, where
	case tar.TypeSymlink:
		n.link, n.mode = h.Linkname, 0o777
	case tar.TypeLink:
		to := path.Join("/", h.Linkname) //nolint:gosec // as above
		dir, err := t.resolve(path.Dir(to))
		if err != nil {
			return err
		}
		if n = t.lookup(path.Join(dir, path.Base(to))); n == nil || n.kind == kindDir {
			return fmt.Errorf("a hard link to %s, which is no file", h.Linkname)
		}
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		n.major, n.minor = h.Devmajor, h.Devminor
	default:
		return fmt.Errorf("of a kind (%q) that is not known here", h.Typeflag)
	}
	return t.put(p, n)
}

// takeAway does what a whiteout says.
func (t *tree) takeAway(p string, all bool, number int) error {
	n := t.lookup(p)
	if n == nil {
		return nil
	}
	if !all {
		return t.remove(p)
	}
	dir, err := t.folder(p)
	if err != nil {
		return err
	}
	dir.dropLower(number)
	return nil
}

// dropLower takes away what is from lower layers.
func (n *node) dropLower(number int) {
	for name, child := range n.children {
		if child.kind == kindDir {
			child.dropLower(number)
		}
		if child.layer != number && len(child.children) == 0 {
			delete(n.children, name)
		}
	}
}

// A spooled layer is one of a base that was read already: it is not fetched again. It can still be mounted where the
// registry has it.
type spooled struct {
	v1.Layer
	*blob
}

// Compressed opens the file.
func (s spooled) Compressed() (io.ReadCloser, error) { return os.Open(s.file) }

// layersOf are the layers of a base, as they will be pushed.
func (b *base) layersOf() ([]v1.Layer, error) {
	layers, err := b.image.Layers()
	if err != nil {
		return nil, err
	}
	for i, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return nil, err
		}
		blob := b.blobs[digest]
		if blob == nil {
			continue
		}
		if m, ok := l.(*remote.MountableLayer); ok {
			layers[i] = &remote.MountableLayer{Layer: spooled{m.Layer, blob}, Reference: m.Reference}
		} else {
			layers[i] = spooled{l, blob}
		}
	}
	return layers, nil
}

// layerType is the media type of a layer of ours beside those of the base.
func (b *base) layerType() types.MediaType {
	if b != nil && b.docker {
		return types.DockerLayer
	}
	return types.OCILayer
}
