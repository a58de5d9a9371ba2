package image

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A layerCache keeps layers that were compressed once, under the digest of what they are uncompressed. What can't be
// kept or read is made anew: a cache never fails a build.
type layerCache struct {
	dir string
	max int64 // bytes; the longest unused go first
}

// maxCache is how much of the disk the layers may take.
const maxCache = 2 << 30

func layers() *layerCache { return &layerCache{filepath.Join(cacheDir(), "layers"), maxCache} }

func (c *layerCache) file(diff v1.Hash, kind string) string {
	return filepath.Join(c.dir, diff.Hex+"."+kind)
}

// get finds the layer whose uncompressed digest is diff, and gives it the name to, which stays when the cache lets it go.
func (c *layerCache) get(diff v1.Hash, kind, to string) (l savedLayer, ok bool) {
	text, err := os.ReadFile(c.file(diff, kind+".json"))
	if err != nil || json.Unmarshal(text, &l.desc) != nil {
		return l, false
	}
	l.file = to
	if linkOrCopy(c.file(diff, kind), to) != nil {
		return l, false
	}
	if info, err := os.Stat(to); err != nil || info.Size() != l.desc.Size {
		_ = os.Remove(to) // for the one that is made anew
		return l, false
	}
	now := time.Now()
	_ = os.Chtimes(c.file(diff, kind), now, now) // it was used: only who goes first depends on it
	return l, true
}

// put keeps a layer, in the place of a broken one, and makes room for it.
func (c *layerCache) put(diff v1.Hash, kind string, l savedLayer) {
	text, err := json.Marshal(l.desc)
	if err != nil || os.MkdirAll(c.dir, 0o700) != nil {
		return
	}
	// Whole or not at all, for another build may be reading: what says that the layer is there comes last.
	layer := func(to string) error { return linkOrCopy(l.file, to) }
	said := func(to string) error { return os.WriteFile(to, text, 0o600) }
	if c.place(c.file(diff, kind), layer) == nil && c.place(c.file(diff, kind+".json"), said) == nil {
		c.shrink()
	}
}

// place has a file of the cache made beside it first.
func (c *layerCache) place(file string, write func(to string) error) error {
	part, err := os.CreateTemp(c.dir, "part-*"+filepath.Ext(file)) // what a kill leaves is unused, and goes like the rest
	if err != nil {
		return err
	}
	_ = errors.Join(part.Close(), os.Remove(part.Name())) // its name is what is wanted
	if err := write(part.Name()); err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return os.Rename(part.Name(), file)
}

// linkOrCopy gives a file a second name. On another file system, as the temporary files are where they lie in memory, it is
// copied: that takes a tenth of what compressing it anew does.
func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() // opened for reading
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

// shrink lets the longest unused layers go until the rest fits.
func (c *layerCache) shrink() {
	var files []string
	for _, p := range []packing{gzipped, zstandard} {
		some, err := filepath.Glob(filepath.Join(c.dir, "*."+p.kind))
		if err != nil {
			return
		}
		files = append(files, some...)
	}
	type kept struct {
		file string
		used time.Time
		size int64
	}
	var all []kept
	sum := int64(0)
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			all = append(all, kept{f, info.ModTime(), info.Size()})
			sum += info.Size()
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.file, b.file)) })
	for _, k := range all {
		if sum <= c.max {
			return
		}
		_ = errors.Join(os.Remove(k.file+".json"), os.Remove(k.file))
		sum -= k.size
	}
}
