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

func (s Spec) noArchive(err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	e := &Error{What: fmt.Sprintf("there is no %s in %s", s.Archive, s.Dir), Ways: "`build: {archive: FILE}` names an OCI layout or what `docker save` writes"}
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
		t := tool{dir: s.Dir, env: append(os.Environ(), "FARGATECTL_PLATFORM="+s.platform().String()), show: strings.Join(s.Command, " ")}
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
		return fmt.Errorf("%s: %w", s.Archive, err)
	}
	return nil
}

// readArchive reads an image from a file or folder; what it has to write goes to dir.
func readArchive(file string, info fs.FileInfo, dir string, want v1.Platform) (v1.Image, error) {
	if info.IsDir() {
		return fromLayout(file, want)
	}
	plain, err := unzipped(file, dir)
	if err != nil {
		return nil, err
	}
	layout := filepath.Join(dir, "layout")
	isLayout, err := unpackLayout(plain, layout)
	if err != nil {
		return nil, err
	}
	if isLayout {
		return fromLayout(layout, want)
	}
	return takeOver(plain, dir, "", gzipped)
}

// unzipped is a file, or what it is when it is not compressed any more.
func unzipped(file, dir string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	if head, err := in.Peek(2); err != nil || !bytes.Equal(head, []byte("\x1f\x8b")) {
		return file, nil // too short for an archive of any kind, as will be said
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return "", err
	}
	to := filepath.Join(dir, "archive.tar")
	return to, writeFile(to, z)
}

// maxArchive bounds what is written of an archive that claims more than an image may have: ten times Fargate's disk.
const maxArchive = 200 << 30

func writeFile(to string, from io.Reader) error {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(from, maxArchive+1))
	if n > maxArchive {
		err = errors.Join(err, errors.New("is too large for an image"))
	}
	return errors.Join(err, out.Close())
}

// layoutName are the files of an OCI layout (image-spec, "Image Layout"); nothing else of an archive is written.
var layoutName = regexp.MustCompile(`^(oci-layout|index\.json|blobs/sha256/[0-9a-f]{64})$`)

// unpackLayout unpacks a tar that is an OCI layout; ok is false where it is none, or an archive of docker's as well, as newer
// dockers write it.
func unpackLayout(file, dir string) (ok bool, err error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	seen := map[string]bool{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, fmt.Errorf("is not an archive: %w", err)
		}
		name := path.Clean(h.Name)
		if seen[name] && h.Typeflag == tar.TypeReg {
			return false, fmt.Errorf("has %s twice", name)
		}
		seen[name] = true
	}
	if !seen["oci-layout"] || !seen["index.json"] || seen["manifest.json"] {
		return false, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o700); err != nil {
		return false, err
	}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		name := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || !layoutName.MatchString(name) {
			continue
		}
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), r); err != nil {
			return false, err
		}
	}
}
