package native

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// gzipLevel: 6 took 3.8 s for 364 MB where the standard library's took 12.4 s, for 3 % more bytes. The digest follows from it.
const gzipLevel = 6

// A layer is one that was made here, in a file.
type layer struct {
	*blob
	diffID, digest v1.Hash
	size           int64
}

// Digest, DiffID, Compressed, Uncompressed, Size and MediaType are those of a [v1.Layer].
func (l *layer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID is the digest of the plain tar.
func (l *layer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// Compressed opens the file.
func (l *layer) Compressed() (io.ReadCloser, error) { return os.Open(l.file) }

// Uncompressed opens the plain tar.
func (l *layer) Uncompressed() (io.ReadCloser, error) { return l.plain() }

// Size is the file's.
func (l *layer) Size() (int64, error) { return l.size, nil }

// MediaType is OCI's; an image of Docker's kind says Docker's in its manifest.
func (l *layer) MediaType() (types.MediaType, error) { return types.OCILayer, nil }

// A blob is a compressed layer in a file, from which files can be read: it is decompressed once for that.
type blob struct {
	file string
	once sync.Once
	err  error
}

func (b *blob) plain() (*os.File, error) {
	name := b.file + ".plain"
	b.once.Do(func() { b.err = b.decompress(name) })
	if b.err != nil {
		return nil, b.err
	}
	return os.Open(name)
}

func (b *blob) decompress(to string) error {
	in, err := os.Open(b.file)
	if err != nil {
		return err
	}
	defer in.Close()
	r, kind, err := decompress(in)
	if err != nil {
		return err
	}
	if r == nil {
		return errors.New("a layer compressed with " + kind)
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(r, maxLayer+1))
	if n > maxLayer {
		err = errLayerTooLarge
	}
	return errors.Join(err, out.Close())
}

// stored is the content of a file in a layer: where its header begins in the plain tar.
type stored struct {
	in *blob
	at int64
}

func (s stored) open() (io.ReadCloser, error) {
	f, err := s.in.plain()
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(s.at, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r := tar.NewReader(struct{ io.Reader }{f})
	if _, err := r.Next(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return readCloser{r, f}, nil
}

// commit writes what has changed as a layer.
func (b *builder) commit(ctx context.Context, s *stage, t *tree) error {
	f, err := b.create("layer")
	if err != nil {
		return err
	}
	defer f.Close() // closed below with its error
	l := &layer{blob: &blob{file: f.Name()}}
	plain, packed := sha256.New(), sha256.New()
	size := &counter{w: io.MultiWriter(f, packed)}
	zip, err := gzip.NewWriterLevel(size, gzipLevel)
	if err != nil {
		return err
	}
	w := &layerWriter{ctx: ctx, t: t, in: l.blob, epoch: b.epoch, at: &counter{w: io.MultiWriter(zip, plain)}}
	if err := w.write(); err != nil {
		return err
	}
	if err := errors.Join(zip.Close(), f.Close()); err != nil {
		return err
	}
	l.diffID, l.digest, l.size = sum(plain), sum(packed), size.n
	t.changed, t.empty = map[string]bool{}, false
	s.layers = append(s.layers, l)
	return nil
}

func sum(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// A layerWriter writes the changed paths of a tree in their order, then the contents of archives in theirs, then hard links.
type layerWriter struct {
	ctx   context.Context
	t     *tree
	in    *blob
	epoch time.Time
	at    *counter
	tar   *tar.Writer

	first    map[*node]string // names of files that are written, or will be
	links    []string
	archives []*archive
}

func (w *layerWriter) write() error {
	w.tar, w.first = tar.NewWriter(w.at), map[*node]string{}
	for _, p := range w.t.paths() {
		if err := w.ctx.Err(); err != nil {
			return context.Cause(w.ctx)
		}
		if err := w.put(p, w.t.lookup(p)); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	for _, a := range w.archives {
		if err := w.unpacked(a); err != nil {
			return err
		}
	}
	for _, p := range w.links {
		n := w.t.lookup(p)
		h := w.header(p, n)
		h.Typeflag, h.Linkname, h.Size = tar.TypeLink, strings.TrimPrefix(w.first[n], "/"), 0
		if err := w.tar.WriteHeader(h); err != nil {
			return err
		}
	}
	return w.tar.Close()
}

func (w *layerWriter) put(p string, n *node) error {
	if n.kind != kindDir {
		if w.first[n] != "" {
			w.links = append(w.links, p)
			return nil
		}
		w.first[n] = p
	}
	if x, ok := n.body.(archived); ok {
		if x.a.paths == nil {
			x.a.paths = map[int]string{}
			w.archives = append(w.archives, x.a)
		}
		x.a.paths[x.i] = p
		return nil
	}
	if n.kind != kindFile {
		return w.tar.WriteHeader(w.header(p, n))
	}
	r, err := n.body.open()
	if err != nil {
		return err
	}
	return errors.Join(w.file(p, n, r), r.Close())
}

// file writes a regular file.
func (w *layerWriter) file(p string, n *node, r io.Reader) error {
	if err := w.tar.Flush(); err != nil {
		return err
	}
	if err := w.tar.WriteHeader(w.header(p, n)); err != nil {
		return err
	}
	if got, err := io.Copy(w.tar, io.LimitReader(r, n.size)); err != nil || got < n.size {
		return errors.Join(err, errChanged(got < n.size))
	}
	var one [1]byte
	if extra, _ := io.ReadFull(r, one[:]); extra > 0 { // an error is that of a file that has ended
		return errChanged(true)
	}
	return nil
}

func errChanged(so bool) error {
	if so {
		return errors.New("changed while it was read")
	}
	return nil
}

// unpacked writes the contents of an archive, which can only be read from its beginning to its end.
func (w *layerWriter) unpacked(a *archive) error {
	raw, err := a.body.open()
	if err != nil {
		return err
	}
	defer raw.Close()
	plain, _, err := decompress(raw)
	if err != nil {
		return err
	}
	r := tar.NewReader(plain)
	for i := 0; len(a.paths) > 0; i++ {
		if err := w.ctx.Err(); err != nil {
			return context.Cause(w.ctx)
		}
		if _, err := r.Next(); err != nil {
			return err
		}
		p, wanted := a.paths[i]
		if !wanted {
			continue
		}
		n := w.t.lookup(p)
		if err := w.tar.Flush(); err != nil {
			return err
		}
		at := w.at.n
		if err := w.file(p, n, r); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		n.body = stored{w.in, at}
		delete(a.paths, i)
	}
	return nil
}

// header is a node as an entry of a layer.
func (w *layerWriter) header(p string, n *node) *tar.Header {
	h := &tar.Header{
		Typeflag: n.kind, Name: strings.TrimPrefix(p, "/"), Mode: n.mode, Uid: n.uid, Gid: n.gid, ModTime: w.epoch,
		Linkname: n.link, Devmajor: n.major, Devminor: n.minor,
	}
	switch n.kind {
	case kindDir:
		h.Name += "/"
		if p == "/" {
			h.Name = "./"
		}
	case kindFile:
		h.Size = n.size
	}
	for _, name := range slices.Sorted(maps.Keys(n.xattrs)) {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrPrefix+name] = n.xattrs[name]
	}
	return h
}

// whiteout tells what an entry of a layer takes away: a name, or all that lower layers have in its folder.
func whiteout(p string) (gone string, all, is bool) {
	dir, name := path.Split(p)
	switch name, ok := strings.CutPrefix(name, ".wh."); {
	case !ok:
		return "", false, false
	case name == ".wh..opq":
		return path.Clean(dir), true, true
	default:
		return path.Join(dir, name), false, true
	}
}
