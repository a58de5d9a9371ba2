package native

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
)

// An assembled image is a manifest and a configuration made here, over layers of the base and of ours.
type assembled struct {
	config, manifest []byte
	kind             types.MediaType
	layers           map[v1.Hash]v1.Layer
}

var _ partial.CompressedImageCore = (*assembled)(nil)

// RawConfigFile is the configuration.
func (a *assembled) RawConfigFile() ([]byte, error) { return a.config, nil }

// RawManifest is the manifest.
func (a *assembled) RawManifest() ([]byte, error) { return a.manifest, nil }

// MediaType is the manifest's.
func (a *assembled) MediaType() (types.MediaType, error) { return a.kind, nil }

// LayerByDigest is one of the layers.
func (a *assembled) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	if l := a.layers[h]; l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("there is no layer %s", h)
}

// finish is the image that a stage has become.
func (s *stage) finish(epoch time.Time) (v1.Image, error) {
	a := &assembled{kind: types.OCIManifestSchema1, layers: map[v1.Hash]v1.Layer{}}
	m := v1.Manifest{SchemaVersion: 2, Config: v1.Descriptor{MediaType: types.OCIConfigJSON}}
	if s.image != nil {
		if s.image.docker {
			a.kind, m.Config.MediaType = types.DockerManifestSchema2, types.DockerConfigJSON
		}
		layers, err := s.image.layersOf()
		if err != nil {
			return nil, err
		}
		for i, l := range layers {
			d := s.image.manifest.Layers[i]
			m.Layers = append(m.Layers, d)
			a.layers[d.Digest] = l
		}
	}
	m.MediaType = a.kind
	if m.Layers == nil {
		m.Layers = []v1.Descriptor{}
	}
	c := cloned(s.config)
	c.Created = &epoch
	c.RootFS.Type = "layers"
	c.RootFS.DiffIDs = append([]digest.Digest{}, c.RootFS.DiffIDs...)
	for _, l := range s.layers {
		m.Layers = append(m.Layers, v1.Descriptor{MediaType: s.image.layerType(), Digest: l.digest, Size: l.size})
		a.layers[l.digest] = l
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, digest.Digest(l.diffID.String()))
	}
	var err error
	if a.config, err = json.Marshal(c); err != nil {
		return nil, err
	}
	if m.Config.Digest, m.Config.Size, err = v1.SHA256(bytes.NewReader(a.config)); err != nil {
		return nil, err
	}
	if a.manifest, err = json.Marshal(m); err != nil {
		return nil, err
	}
	return partial.CompressedToImage(a)
}
