package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const (
	binaryPath = "/app"
	nonroot    = "65532:65532" // the number that distroless images gave to "nobody in particular"
)

// epoch is the time of everything in a layer that we make.
var epoch = time.Unix(0, 0).UTC()

// rootsPEM is Mozilla's root certificates, as the file that crypto/x509 looks for first. A root that Mozilla trusts only
// for certificates from before a date is left out: the file has no word for that.
var rootsPEM = sync.OnceValue(func() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a Buffer takes everything
		}
	}
	return out.Bytes()
})

// assemble makes the image that runs the binary.
func (s Spec) assemble(ctx context.Context, binary string) (v1.Image, error) {
	base, err := s.base(ctx)
	if err != nil {
		return nil, err
	}
	kind, err := base.MediaType()
	if err != nil {
		return nil, err
	}
	layerType := types.OCILayer
	if kind == types.DockerManifestSchema2 {
		layerType = types.DockerLayer
	}
	// The standard library's gzip at its default level: the digest follows from it, and level 6 is 12 % less to pull at
	// each start of a task than the fastest one.
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return layerTar(binary, s.Base == "") },
		tarball.WithMediaType(layerType), tarball.WithCompressedCaching, tarball.WithCompressionLevel(gzip.DefaultCompression))
	if err != nil {
		return nil, err
	}
	img, err := mutate.Append(base, mutate.Addendum{
		Layer: layer, MediaType: layerType,
		History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "fargatectl: go build " + s.Go},
	})
	if err != nil {
		return nil, err
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config := *cf.Config.DeepCopy()
	config.Entrypoint, config.Cmd = []string{binaryPath}, nil
	return mutate.Config(img, config)
}

// base is the image below the layer: an empty one for scratch, else the base image for the platform.
func (s Spec) base(ctx context.Context) (v1.Image, error) {
	if s.Base == "" {
		p := s.platform()
		img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
		return mutate.ConfigFile(img, &v1.ConfigFile{
			OS: p.OS, Architecture: p.Architecture, Created: v1.Time{Time: epoch},
			RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
			Config: v1.Config{User: nonroot, WorkingDir: "/"},
		})
	}
	return s.remote(ctx, s.Base, s.platform())
}

// layerTar streams the layer: the binary, and on scratch what stands in the package's comment.
func layerTar(binary string, scratch bool) (io.ReadCloser, error) {
	f, err := os.Open(binary)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, w := io.Pipe()
	go func() {
		t := tar.NewWriter(w)
		put := func(kind byte, name string, mode, size int64, content io.Reader) error {
			h := tar.Header{Typeflag: kind, Name: name, Mode: mode, Size: size, ModTime: epoch, Format: tar.FormatUSTAR}
			if err := t.WriteHeader(&h); err != nil || content == nil {
				return err
			}
			_, err := io.Copy(t, content)
			return err
		}
		err := put(tar.TypeReg, binaryPath[1:], 0o755, info.Size(), f)
		if scratch && err == nil {
			err = errors.Join(
				put(tar.TypeDir, "etc/", 0o755, 0, nil),
				put(tar.TypeDir, "etc/ssl/", 0o755, 0, nil),
				put(tar.TypeDir, "etc/ssl/certs/", 0o755, 0, nil),
				put(tar.TypeReg, "etc/ssl/certs/ca-certificates.crt", 0o644, int64(len(rootsPEM())), bytes.NewReader(rootsPEM())),
				put(tar.TypeDir, "tmp/", 0o1777, 0, nil),
			)
		}
		if err == nil {
			err = t.Close()
		}
		w.CloseWithError(errors.Join(err, f.Close())) // nil is the end of the file
	}()
	return r, nil
}
