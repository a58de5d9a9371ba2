package image

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// checkLayers holds the layers of an image in a layout against their digests, and what they unpack to against the
// configuration. What an unknown builder wrote is not pushed for minutes only to be refused; and a registry does not look into
// layers: containerd would, on Fargate, and start no task ("wrong diff id calculated on extraction").
func checkLayers(dir string, img v1.Image) error {
	m, err := img.Manifest()
	if err != nil {
		return err
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range m.Layers {
		g.Go(func() error {
			seen := seenLayer(l.Digest)
			if want := cf.RootFS.DiffIDs[i].String(); seen.is(want) {
				return checkBlob(dir, l)
			} else if err := checkLayer(dir, l, want); err != nil {
				return err
			}
			seen.note(cf.RootFS.DiffIDs[i].String())
			return nil
		})
	}
	return g.Wait()
}

// checkLayer reads a layer once, for both of its digests.
func checkLayer(dir string, l v1.Descriptor, want string) error {
	if err := checkSize(dir, l); err != nil {
		return err
	}
	f, err := os.Open(blobFile(dir, l.Digest))
	if err != nil {
		return err
	}
	defer f.Close() // opened for reading
	packed, plain := sha256.New(), sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(f, packed), 1<<16)
	unpacking := unpackTo(plain, in, l.Size)
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	if got := digestOf(packed); got != l.Digest {
		return fmt.Errorf("the content of %s is %s", l.Digest, got)
	}
	if unpacking != nil {
		return fmt.Errorf("layer %s: %w", l.Digest, unpacking)
	}
	if got := digestOf(plain).String(); got != want {
		return fmt.Errorf("layer %s unpacks to %s, and the configuration says %s: no task would start", l.Digest, got, want)
	}
	return nil
}

// unpackTo writes what a layer of that length holds, compressed as its first bytes say: so does containerd, whatever its media
// type is.
func unpackTo(w io.Writer, in *bufio.Reader, length int64) error {
	head, _ := in.Peek(4) // what is shorter is not compressed
	var from io.Reader = in
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		from = z
	case bytes.Equal(head, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20)) // what zstd itself takes unasked
		if err != nil {
			return err
		}
		defer z.Close()
		from = z
	}
	bound := max(bombSize, length*bombRatio)
	switch n, err := io.Copy(w, io.LimitReader(from, bound+1)); {
	case err != nil:
		return err
	case n > bound:
		return fmt.Errorf("has %d bytes and unpacks to more than %d GiB: that is no layer", length, bombSize>>30)
	}
	return nil
}

// A seenLayer is the file in the user's cache that says what a layer unpacks to: unpacking 376 MB takes 2 s, and of one build to
// the next most layers stay.
type seenLayer v1.Hash

// maxSeen is how many are kept; then it begins anew.
const maxSeen = 2000

func (l seenLayer) file() string { return filepath.Join(cacheDir(), "unpacked", l.Hex) }

func (l seenLayer) is(diff string) bool {
	text, err := os.ReadFile(l.file())
	return err == nil && string(text) == diff
}

// note keeps it. What can't be kept is looked at again.
func (l seenLayer) note(diff string) {
	dir := filepath.Dir(l.file())
	if all, err := os.ReadDir(dir); err == nil && len(all) >= maxSeen {
		_ = os.RemoveAll(dir)
	}
	if os.MkdirAll(dir, 0o700) == nil {
		_ = os.WriteFile(l.file(), []byte(diff), 0o600)
	}
}
