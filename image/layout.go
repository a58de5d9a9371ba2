package image

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// maxDocument bounds an index, a manifest and a configuration, which are read into memory. Registries need not take a
// manifest of more than 4 MiB (distribution-spec, "Pushing Manifests").
const maxDocument = 4 << 20

// maxIndexes is how many indexes may lie in each other: the layout's, that of an image for several platforms, and two to spare.
const maxIndexes = 4

// fromLayout is the image for a platform in an OCI layout. Its documents are held against their digests, and its layers
// against their sizes; the registry holds them against their digests, too.
func fromLayout(dir string, want v1.Platform) (v1.Image, error) {
	switch info, err := os.Stat(filepath.Join(dir, "index.json")); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("is no OCI layout: there is no index.json in it")
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxDocument:
		return nil, fmt.Errorf("index.json has %d bytes: that is no index", info.Size())
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	for range maxIndexes {
		d, err := choose(index, want)
		if err != nil {
			return nil, err
		}
		if err := checkDocument(dir, d); err != nil {
			return nil, err
		}
		if !d.MediaType.IsIndex() {
			img, err := index.Image(d.Digest)
			if err != nil {
				return nil, err
			}
			return img, checkImage(dir, img)
		}
		if index, err = index.ImageIndex(d.Digest); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("has %d indexes in each other, and no image in them", maxIndexes)
}

// choose finds the image for a platform in an index, which may hold further ones, and attestations for no platform.
func choose(index v1.ImageIndex, want v1.Platform) (v1.Descriptor, error) {
	m, err := index.IndexManifest()
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("index: %w", err)
	}
	i := slices.IndexFunc(m.Manifests, func(d v1.Descriptor) bool { return d.Platform != nil && d.Platform.Satisfies(want) })
	if i < 0 && len(m.Manifests) == 1 { // one image is what it is; whether it is the right one is looked at later
		i = 0
	}
	if i < 0 {
		return v1.Descriptor{}, fmt.Errorf("there is no image for %s", want)
	}
	return m.Manifests[i], nil
}

// checkImage looks for all that a manifest in a layout names.
func checkImage(dir string, img v1.Image) error {
	m, err := img.Manifest()
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if err := checkDocument(dir, m.Config); err != nil {
		return err
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if len(cf.RootFS.DiffIDs) != len(m.Layers) {
		return fmt.Errorf("the manifest has %d layers, and the configuration %d", len(m.Layers), len(cf.RootFS.DiffIDs))
	}
	for _, l := range m.Layers {
		if err := checkSize(dir, l); err != nil {
			return err
		}
	}
	return nil
}

func blobFile(dir string, h v1.Hash) string { return filepath.Join(dir, "blobs", h.Algorithm, h.Hex) }

// checkSize holds a blob of a layout against what is said of it.
func checkSize(dir string, d v1.Descriptor) error {
	switch info, err := os.Lstat(blobFile(dir, d.Digest)); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is named, and missing", d.Digest)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", d.Digest)
	case info.Size() != d.Size:
		return fmt.Errorf("%s has %d bytes, and %d are said of it", d.Digest, info.Size(), d.Size)
	}
	return nil
}

// checkDocument is for those that are read into memory.
func checkDocument(dir string, d v1.Descriptor) error {
	if d.Size > maxDocument {
		return fmt.Errorf("%s (%s) has %d bytes, and no registry need take more than %d", d.Digest, d.MediaType, d.Size, maxDocument)
	}
	return checkBlob(dir, d)
}

// checkBlob holds a blob's content against its digest.
func checkBlob(dir string, d v1.Descriptor) error {
	if err := checkSize(dir, d); err != nil {
		return err
	}
	f, err := os.Open(blobFile(dir, d.Digest))
	if err != nil {
		return err
	}
	defer f.Close() // opened for reading
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := digestOf(sum); got != d.Digest {
		return fmt.Errorf("the content of %s is %s", d.Digest, got)
	}
	return nil
}
