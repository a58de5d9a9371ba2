package image

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Settle takes an image over that an engine keeps, so that its digest is known before it is pushed anywhere: the engine
// pushes it to a registry on loopback that lasts until Close. Other images it leaves as they are.
func (b *Built) Settle(ctx context.Context) error {
	if b.kept == nil {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	blobs := filepath.Join(b.dir, "blobs")
	if err := os.Mkdir(blobs, 0o700); err != nil {
		return errors.Join(err, l.Close())
	}
	store := registry.New(registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)), registry.Logger(log.New(io.Discard, "", 0)))
	b.local = &http.Server{Handler: store, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = b.local.Serve(l) }() // until Close
	d, err := open(Target{Ref: l.Addr().String() + "/app", Insecure: true})
	if err != nil {
		return err
	}
	m, err := b.kept.pass(ctx, d, b.dir)
	if err != nil {
		return err
	}
	if b.Image, err = remote.Image(d.repo.Digest(m.digest.String()), remote.WithContext(ctx)); err != nil {
		return err
	}
	want := b.kept.platform
	b.kept = nil
	return b.describe(want)
}

// Archive writes the image to a file that `docker load` and `podman load` read, under a name.
func (b *Built) Archive(file, as string) error {
	tag, err := name.NewTag(as)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(file, tag, b.Image)
}

// end lets go of what Settle holds.
func (b *Built) end() error {
	if b.local == nil {
		return nil
	}
	if err := b.local.Close(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
