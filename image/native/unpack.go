package native

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxUnpacked bounds what an archive may unpack to, holes of sparse files included: a few kilobytes can say ten gigabytes.
const maxUnpacked = 8 << 30

var errTooLarge = fmt.Errorf("the archive unpacks to more than %d GiB", maxUnpacked>>30)

// An archive is a file that ADD unpacks.
type archive struct {
	body  body
	paths map[int]string // where a regular file went, by its number; filled when its layer is written
}

// archived is the content of a file in an archive, by its number, until its layer is written.
type archived struct {
	a *archive
	i int
}

// open reads the archive up to the file.
func (x archived) open() (io.ReadCloser, error) {
	raw, err := x.a.body.open()
	if err != nil {
		return nil, err
	}
	plain, _, err := decompress(raw)
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	t := tar.NewReader(plain)
	for i := 0; ; i++ {
		if _, err := t.Next(); err != nil {
			return nil, errors.Join(err, raw.Close())
		}
		if i == x.i {
			return readCloser{t, raw}, nil
		}
	}
}

// readCloser reads from one and closes another.
type readCloser struct {
	io.Reader
	io.Closer
}

// decompress finds out how a stream is compressed.
func decompress(r io.Reader) (plain io.Reader, kind string, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b\x08")):
		plain, err = gzip.NewReader(in)
		return plain, "gzip", err
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzip2.NewReader(in), "bzip2", nil
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, "zstd", err
		}
		return z, "zstd", nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return nil, "xz", nil
	}
	return in, "", nil
}

// unpack unpacks a source of ADD into dest, if it is an archive.
func (b *builder) unpack(x transfer, c copier, src, dest string) (bool, error) {
	at, err := c.from.resolve(src)
	if err != nil {
		return false, err
	}
	n := c.from.lookup(at)
	if n == nil || n.kind != kindFile {
		return false, nil
	}
	kind, is, err := n.isArchive()
	if kind == "xz" {
		return false, b.file.refusal(x.Instruction, "of the xz archive "+src+" needs xz")
	}
	if !is || err != nil {
		return false, err
	}
	if dest, err = c.to.resolve(dest); err != nil {
		return false, err
	}
	if err := c.to.mkdirAll(dest, 0o755, c.by); err != nil {
		return false, err
	}
	u := unpacker{t: c.to, root: dest, by: c.by, a: &archive{body: n.body}, made: map[*node]bool{}}
	r, err := n.body.open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	plain, _, err := decompress(r)
	if err != nil {
		return false, err
	}
	return true, u.all(plain)
}

// isArchive says whether a file begins as a tar archive does, compressed or not.
func (n *node) isArchive() (kind string, is bool, err error) {
	r, err := n.body.open()
	if err != nil {
		return "", false, err
	}
	defer r.Close()
	plain, kind, err := decompress(r)
	if err != nil || plain == nil {
		return kind, false, nil // a file that begins like an archive
	}
	_, err = tar.NewReader(plain).Next()
	return kind, err == nil, nil
}

// An unpacker puts the entries of an archive below root, and never outside: a ".." ends there, and so does a link.
type unpacker struct {
	t    *tree
	root string
	by   *owner // instead of the archive's own
	a    *archive
	size int64
	made map[*node]bool
}

func (u *unpacker) all(plain io.Reader) error {
	in := &reading{r: plain}
	r := tar.NewReader(in)
	for i := 0; ; i++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Size > maxUnpacked-u.size || in.n > maxUnpacked { // in.n: headers alone can be as many
			return errTooLarge
		}
		u.size += h.Size
		if i >= maxNodes {
			return fmt.Errorf("the archive has more than %d entries", maxNodes)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := u.one(h, i); err != nil {
			return fmt.Errorf("%.200s: %w", h.Name, err)
		}
	}
}

// weigh refuses an entry that no Linux could unpack, and counts what is kept of its attributes.
func (t *tree) weigh(h *tar.Header) error {
	if err := checkPath(h.Name); err != nil {
		return err
	}
	if len(h.Linkname) > maxPath {
		return fmt.Errorf("a link to %d bytes, and Linux takes %d", len(h.Linkname), maxPath)
	}
	for name, value := range xattrsOf(h) {
		if err := t.hold(len(name) + len(value)); err != nil {
			return err
		}
	}
	return nil
}

// one puts one entry to its place.
func (u *unpacker) one(h *tar.Header, i int) error {
	if err := u.t.weigh(h); err != nil {
		return err
	}
	name := path.Clean(h.Name)
	whole := path.Join("/", name)
	parent, err := u.t.resolveIn(u.root, path.Dir(whole))
	if err != nil {
		return err
	}
	if err := u.t.mkdirAll(parent, 0o755, &owner{}); err != nil {
		return err
	}
	p := path.Join(parent, path.Base(whole))
	there := u.t.lookup(p)
	isDir := h.Typeflag == tar.TypeDir
	if there != nil && there.kind == kindDir && (name == "." || isDir) {
		if name == "." {
			return nil
		}
		mine, err := u.t.folder(p)
		if err != nil {
			return err
		}
		u.dress(h, mine)
		u.t.changed[p] = true
		return nil
	}
	if whole == "/" {
		return errors.New("not a directory")
	}
	n := &node{kind: kindOf(h)}
	switch n.kind {
	case tar.TypeDir:
		n.children, n.owner = map[string]*node{}, u.t
	case tar.TypeReg:
		n.size, n.body = h.Size, archived{u.a, i}
	case tar.TypeSymlink:
		n.link = h.Linkname
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		n.major, n.minor = h.Devmajor, h.Devminor
	case tar.TypeLink:
		return u.link(h, p)
	default:
		return fmt.Errorf("is of a kind (%q) that is not known here", h.Typeflag)
	}
	u.dress(h, n)
	return u.t.put(p, n)
}

// kindOf is the kind of node that an entry becomes: a sparse file is a file. (Docker takes those of the PAX format alone, and
// ends at GNU tar's own: github.com/docker/cli issue 6153.)
func kindOf(h *tar.Header) byte {
	if h.Typeflag == tar.TypeGNUSparse {
		return kindFile
	}
	return h.Typeflag
}

// link makes a second name of a file, which is anew under both: a file below is left as it is.
func (u *unpacker) link(h *tar.Header, p string) error {
	whole := path.Join("/", h.Linkname) //nolint:gosec // a path in the tree, which ends at its root
	parent, err := u.t.resolveIn(u.root, path.Dir(whole))
	if err != nil {
		return err
	}
	first := path.Join(parent, path.Base(whole))
	n := u.t.lookup(first)
	if n == nil || n.kind == kindDir {
		return fmt.Errorf("is a hard link to %s, which is no file", h.Linkname)
	}
	if !u.made[n] {
		c := *n
		n = &c
		u.made[n] = true
	}
	u.dress(h, n)
	if err := u.t.put(first, n); err != nil {
		return err
	}
	return u.t.put(p, n)
}

// dress gives a node what the archive says of it.
func (u *unpacker) dress(h *tar.Header, n *node) {
	n.uid, n.gid = h.Uid, h.Gid
	if u.by != nil {
		n.uid, n.gid = u.by.uid, u.by.gid
	}
	if n.kind != kindLink {
		n.mode = h.Mode & 0o7777
	} else {
		n.mode = 0o777
	}
	n.xattrs = xattrsOf(h)
	u.made[n] = true
}

const xattrPrefix = "SCHILY.xattr."

// xattrsOf are the extended attributes of an entry.
func xattrsOf(h *tar.Header) (found map[string]string) {
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, xattrPrefix); ok {
			if found == nil {
				found = map[string]string{}
			}
			found[name] = value
		}
	}
	return found
}
