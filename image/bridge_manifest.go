package image

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A written manifest is what an engine has pushed.
type written struct {
	raw    []byte
	kind   types.MediaType
	digest v1.Hash
	config *v1.ConfigFile
	layers int
	size   int64
}

func (m *written) RawManifest() ([]byte, error)        { return m.raw, nil }
func (m *written) MediaType() (types.MediaType, error) { return m.kind, nil }
func (m *written) Digest() (v1.Hash, error)            { return m.digest, nil }
func (m *written) Size() (int64, error)                { return int64(len(m.raw)), nil }

func (b *bridge) headManifest(w http.ResponseWriter, r *http.Request) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.images[r.PathValue("reference")]; m != nil {
		w.Header().Set("Content-Type", string(m.kind))
		w.Header().Set("Docker-Content-Digest", m.digest.String())
		w.Header().Set("Content-Length", strconv.Itoa(len(m.raw)))
	} else {
		w.WriteHeader(http.StatusNotFound)
	}
	return nil
}

// manifest lets the image through that was built. Of an index, which only names others, nothing goes on.
func (b *bridge) manifest(w http.ResponseWriter, r *http.Request) error {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxConfig+1))
	if err != nil {
		return err
	}
	if len(raw) > maxConfig {
		return errors.New("the manifest has more than 4 MiB")
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	m := &written{raw: raw, kind: types.MediaType(kind)}
	sum := sha256.Sum256(raw)
	m.digest = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
	if !m.kind.IsIndex() {
		if err := b.admit(m); err != nil {
			return err
		}
	}
	b.mu.Lock()
	b.images[m.digest.String()] = m
	b.mu.Unlock()
	w.Header().Set("Docker-Content-Digest", m.digest.String())
	w.Header().Set("Location", "/v2/"+b.path+"/manifests/"+m.digest.String())
	w.WriteHeader(http.StatusCreated)
	return nil
}

// admit holds an image against what was built and what the service runs on, and gives it to the destination.
func (b *bridge) admit(m *written) error {
	parsed, err := v1.ParseManifest(strings.NewReader(string(m.raw)))
	if err != nil {
		return err
	}
	if id := parsed.Config.Digest.String(); id != b.id {
		return fmt.Errorf("the image that came is %s, what was built is %s", id, b.id)
	}
	if m.config, err = b.configuration(parsed.Config.Digest); err != nil {
		return err
	}
	if err := runsOn(m.config, b.want); err != nil {
		return err
	}
	m.layers = len(parsed.Layers)
	for _, l := range parsed.Layers {
		m.size += l.Size
	}
	if err := b.d.put(b.ctx, b.d.repo.Digest(m.digest.String()), m); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.passed = m
	return nil
}

// configuration is the image's, from what the engine has sent or else from the destination.
func (b *bridge) configuration(digest v1.Hash) (*v1.ConfigFile, error) {
	b.mu.Lock()
	text := b.small[digest.String()]
	b.mu.Unlock()
	if text != nil {
		return v1.ParseConfigFile(strings.NewReader(string(text)))
	}
	var cf *v1.ConfigFile
	err := b.d.do(b.ctx, func(w wire) error {
		l, err := w.puller.Layer(b.ctx, b.d.repo.Digest(digest.String()))
		if err != nil {
			return err
		}
		r, err := l.Compressed()
		if err != nil {
			return err
		}
		cf, err = v1.ParseConfigFile(io.LimitReader(r, maxConfig))
		return errors.Join(err, r.Close())
	})
	return cf, err
}
