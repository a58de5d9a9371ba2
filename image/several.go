package image

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// platforms are all that the image is for, the service's first.
func (s Spec) platforms() []v1.Platform {
	all := []v1.Platform{s.platform()}
	for _, p := range s.Also {
		all = append(all, Spec{Platform: p}.platform())
	}
	return all
}

// only is the same for one of its platforms.
func (s Spec) only(p v1.Platform) Spec {
	s.Platform, s.Also = p.String(), nil
	return s
}

// each builds for every platform by itself.
func (s Spec) each(b *Built, build func(Spec, *Built) error) error {
	if len(s.Also) == 0 {
		return build(s, b)
	}
	for i, p := range s.platforms() {
		one := &Built{dir: filepath.Join(b.dir, p.Architecture)}
		if err := os.MkdirAll(one.dir, 0o700); err != nil {
			return err
		}
		if err := build(s.only(p), one); err != nil {
			return err
		}
		b.Tool, b.Route = one.Tool, one.Route
		if i == 0 {
			b.Image, b.others = one.Image, nil
		} else {
			b.others = append(b.others, one.Image)
		}
	}
	return nil
}

// images are the service's and those for other platforms.
func (b *Built) images() []v1.Image { return append([]v1.Image{b.Image}, b.others...) }

// finish compresses the layers as it is wished, and puts an image for several platforms under an index.
func (s Spec) finish(b *Built) error {
	if s.Compression == "zstd" {
		for i, img := range b.images() {
			packed, err := zstandard.pack(img, b.dir)
			switch {
			case err != nil:
				return err
			case i == 0:
				b.Image = packed
			default:
				b.others[i-1] = packed
			}
		}
	}
	if len(b.others) == 0 {
		return nil
	}
	var parts []mutate.IndexAddendum
	for i, p := range s.platforms() {
		img := b.images()[i]
		cf, err := img.ConfigFile()
		if err != nil {
			return err
		}
		if cf.OS != p.OS || cf.Architecture != p.Architecture {
			return &Error{
				What: fmt.Sprintf("the image for %s is %s/%s", p, cf.OS, cf.Architecture),
				Ways: "FROM --platform in the Dockerfile may say otherwise; or the base image has no other platform",
			}
		}
		parts = append(parts, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	// Whichever of them the service runs on, it is the same index.
	slices.SortFunc(parts, func(x, y mutate.IndexAddendum) int {
		return cmp.Compare(x.Platform.Architecture, y.Platform.Architecture)
	})
	b.Index = mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), parts...)
	return nil
}

// checkSeveral refuses what an engine that keeps its images can't do.
func (e *Engine) checkSeveral(s Spec) error {
	if len(s.Also) == 0 || e.layout {
		return nil
	}
	return &Error{
		What: fmt.Sprintf("%s %s keeps an image for one platform, and this one is for %d", e.Name, e.Version, len(s.platforms())),
		Ways: "take a builder that writes an OCI layout: `docker buildx create --name many`, then --builder docker:many; or nerdctl, or Docker with the containerd image store; or leave `platform` to the service's architecture",
	}
}
