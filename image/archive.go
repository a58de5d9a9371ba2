package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/gzip"
)

// hashArchive hashes the inputs of another builder: without a command the archive itself, else the command and the folder
// that it runs in, less what .dockerignore names and the archive, which comes of it.
func (s Spec) hashArchive(h inputs) error {
	h.line("archive", s.Archive)
	if len(s.Command) == 0 {
		file := filepath.Join(s.Dir, s.Archive)
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			file = filepath.Join(file, "index.json") // names all the rest by digest
		}
		if err := hashFile(h, file); err != nil {
			return s.noArchive(err)
		}
		return nil
	}
	h.line(append([]string{"command"}, s.Command...)...)
	c, err := openFolder(s.Dir, append([]string{s.Archive}, s.Exclude...))
	if err != nil {
		return err
	}
	return errors.Join(c.hash(h), c.close())
}

const archiveWays = "`build: {archive: FILE}` names an OCI layout or what `docker save` writes"

func (s Spec) noArchive(err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	e := &Error{What: fmt.Sprintf("there is no %s in %s", s.Archive, s.Dir), Ways: archiveWays}
	if info, err := os.Stat(filepath.Join(s.Dir, s.Archive)); err == nil && info.IsDir() {
		e.What = s.Archive + ": is no OCI layout: there is no index.json in it"
		return e
	}
	if len(s.Command) > 0 {
		e.What = fmt.Sprintf("%s did not write %s in %s", s.Command[0], s.Archive, s.Dir)
	}
	return e
}

// buildArchive runs the command, and takes the image that it has written: an OCI layout, as a folder or a tar, or an
// archive of docker's, compressed or not.
func (s Spec) buildArchive(ctx context.Context, b *Built, say func(string)) error {
	b.Tool, b.Route = "archive", "archive"
	if len(s.Command) > 0 {
		b.Tool = filepath.Base(s.Command[0])
		say(strings.Join(s.Command, " "))
		t := tool{dir: s.Dir, env: append(os.Environ(), "FARGATECTL_PLATFORM="+s.platform().String()), show: strings.Join(s.Command, " "), family: true}
		if err := t.run(ctx, nil, nil, say, s.Command...); err != nil {
			return err
		}
	}
	file := filepath.Join(s.Dir, s.Archive)
	info, err := os.Stat(file)
	if err != nil {
		return s.noArchive(err)
	}
	if b.Image, err = readArchive(file, info, b.dir, s.platform()); err != nil {
		return &Error{What: s.Archive, Err: err, Ways: archiveWays}
	}
	return nil
}

// readArchive reads an image from a file or folder; what it has to write goes to dir.
func readArchive(file string, info fs.FileInfo, dir string, want v1.Platform) (v1.Image, error) {
	layout := file
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return nil, errors.New("is neither a file nor a folder")
		}
		sizes, length, err := scan(file, info.Size())
		if err != nil {
			return nil, err
		}
		if _, dockers := sizes["manifest.json"]; dockers { // newer ones write a layout around it
			plain, err := unzipped(file, dir, length)
			if err != nil {
				return nil, err
			}
			return fromSaved(plain, dir, sizes)
		}
		layout = filepath.Join(dir, "layout")
		if err := unpackLayout(file, layout); err != nil {
			return nil, err
		}
	}
	img, err := fromLayout(layout, want)
	if err != nil {
		return nil, err
	}
	return img, checkLayers(layout, img)
}

// openTar opens an archive that may be compressed.
func openTar(file string) (plain io.Reader, packed bool, closer io.Closer, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, false, nil, err
	}
	in := bufio.NewReader(f)
	head, _ := in.Peek(2) // what is shorter is no archive, as will be said
	if !bytes.Equal(head, []byte("\x1f\x8b")) {
		return in, false, f, nil
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, false, nil, errors.Join(err, f.Close())
	}
	return z, true, f, nil
}

// Bounds of an archive: of what is written of one that claims more than an image may have (ten times Fargate's disk), and of
// its entries. An image has at most 127 layers, each with one to three.
const (
	maxArchive = 200 << 30
	maxEntries = 20_000
)

// What unpacks to more than 8 GiB, and to more than 50 times its length, holds zeros: packed programs are a half to a tenth
// of their length.
const (
	bombSize  = 8 << 30
	bombRatio = 50
)

var errArchiveTooLarge = fmt.Errorf("claims more than %d GiB, which is too large for an image", maxArchive>>30)

// scan reads an archive of that length without writing anything of it, for a few kilobytes may be gigabytes of zeros, and
// gives the sizes of its files, by their clean names, and that of the tar. It is an OCI layout or an archive of docker's.
func scan(file string, length int64) (sizes map[string]int64, plain int64, err error) {
	in, _, f, err := openTar(file)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close() // opened for reading
	sizes = map[string]int64{}
	read, entries, size := &counter{}, 0, int64(0)
	for r := tar.NewReader(io.TeeReader(in, read)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, fmt.Errorf("is not an archive: %w", err)
		}
		name := path.Clean(h.Name)
		switch {
		case h.Size > maxArchive-size:
			return nil, 0, errArchiveTooLarge
		case size+h.Size > bombSize && (size+h.Size)/bombRatio > length:
			return nil, 0, fmt.Errorf("has %d bytes and unpacks to more than %d GiB: that is no image", length, bombSize>>30)
		case entries >= maxEntries || len(name) > 4096:
			return nil, 0, fmt.Errorf("has more than %d entries, or names of more than 4096 bytes: no image has", maxEntries)
		case (name == "manifest.json" || name == "index.json") && h.Size > maxDocument:
			return nil, 0, fmt.Errorf("%s has %d bytes, which is no image's", name, h.Size)
		}
		size += h.Size
		entries++
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if _, twice := sizes[name]; twice {
			return nil, 0, fmt.Errorf("has %s twice", name)
		}
		sizes[name] = h.Size
	}
	_, marked := sizes["oci-layout"]
	_, index := sizes["index.json"]
	if _, dockers := sizes["manifest.json"]; !dockers && !(marked && index) {
		return nil, 0, errors.New("is neither an OCI layout nor an archive of docker's: there is neither oci-layout with index.json in it nor manifest.json")
	}
	return sizes, read.n, nil
}

// fromSaved is the image in an archive of docker's.
func fromSaved(file, dir string, sizes map[string]int64) (v1.Image, error) {
	m, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(file) })
	if err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	if len(m) != 1 {
		return nil, fmt.Errorf("manifest.json names %d images, and one is wanted", len(m))
	}
	switch size, there := sizes[path.Clean(m[0].Config)]; { // it is read into memory
	case !there:
		return nil, fmt.Errorf("the configuration %.200s is not in it", m[0].Config)
	case size > maxDocument:
		return nil, fmt.Errorf("the configuration has %d bytes, and no registry need take more than %d", size, maxDocument)
	}
	img, err := takeOver(file, dir, "", gzipped)
	if err != nil {
		return nil, err
	}
	cf, err := img.ConfigFile()
	if err == nil && len(cf.RootFS.DiffIDs) != len(m[0].Layers) {
		err = fmt.Errorf("manifest.json names %d layers, and the configuration %d", len(m[0].Layers), len(cf.RootFS.DiffIDs))
	}
	return img, err
}

// unzipped is a file, or the tar of that length that it is when it is not compressed any more. What follows a tar's end may be
// without one.
func unzipped(file, dir string, length int64) (string, error) {
	plain, packed, f, err := openTar(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if !packed {
		return file, nil
	}
	to := filepath.Join(dir, "archive.tar")
	return to, writeFile(to, io.LimitReader(plain, length))
}

func writeFile(to string, from io.Reader) error {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(from, maxArchive+1))
	if n > maxArchive {
		err = errors.Join(err, errArchiveTooLarge)
	}
	return errors.Join(err, out.Close())
}

// layoutName are the files of an OCI layout (image-spec, "Image Layout"); nothing else of an archive is written.
var layoutName = regexp.MustCompile(`^(oci-layout|index\.json|blobs/sha256/[0-9a-f]{64})$`)

// unpackLayout unpacks a tar that is an OCI layout.
func unpackLayout(file, dir string) error {
	plain, _, f, err := openTar(file)
	if err != nil {
		return err
	}
	defer f.Close() // opened for reading
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o700); err != nil {
		return err
	}
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || !layoutName.MatchString(name) {
			continue
		}
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), r); err != nil {
			return err
		}
	}
}
