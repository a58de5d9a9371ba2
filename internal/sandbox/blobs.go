package sandbox

import (
	"cmp"
	"context"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A blobStore keeps what images are made of, a repository's apart from every other's, as ECR does: in files below dir, or in
// memory.
type blobStore struct {
	dir  string       // "" is memory
	http http.Handler // go-containerregistry's: blobs and their uploads

	mu     sync.Mutex
	memory map[string]registry.BlobHandler
}

func newBlobStore(dir string) *blobStore {
	b := &blobStore{memory: map[string]registry.BlobHandler{}}
	if dir != "" {
		b.dir = filepath.Join(dir, "blobs")
	}
	b.http = registry.New(registry.WithBlobHandler(b), registry.Logger(log.New(io.Discard, "", 0)))
	return b
}

// blobPlace is the context's key for "REGION REPOSITORY".
type blobPlace struct{}

// backend is what go-containerregistry's blob handlers all are.
type backend interface {
	registry.BlobHandler
	registry.BlobStatHandler
	registry.BlobPutHandler
}

// in is the handler of one repository.
func (b *blobStore) in(place string) backend {
	if b.dir != "" {
		return registry.NewDiskBlobHandler(b.folder(place)).(backend)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.memory[place] == nil {
		b.memory[place] = registry.NewInMemoryBlobHandler()
	}
	return b.memory[place].(backend)
}

// folder is a repository's. Its name's slashes are escaped, so that none lies in another.
func (b *blobStore) folder(place string) string {
	region, name, _ := strings.Cut(place, " ")
	return filepath.Join(b.dir, region, url.PathEscape(name))
}

func placeOf(ctx context.Context) string { return ctx.Value(blobPlace{}).(string) }

// Get opens a blob for go-containerregistry.
func (b *blobStore) Get(ctx context.Context, repo string, h v1.Hash) (io.ReadCloser, error) {
	return b.in(placeOf(ctx)).Get(ctx, repo, h)
}

// Stat is a blob's size.
func (b *blobStore) Stat(ctx context.Context, repo string, h v1.Hash) (int64, error) {
	return b.in(placeOf(ctx)).Stat(ctx, repo, h)
}

// Put keeps a blob, which go-containerregistry verifies as it is read.
func (b *blobStore) Put(ctx context.Context, repo string, h v1.Hash, rc io.ReadCloser) error {
	if b.dir != "" {
		if err := os.MkdirAll(b.folder(placeOf(ctx)), 0o700); err != nil {
			return err
		}
	}
	return b.in(placeOf(ctx)).Put(ctx, repo, h, rc)
}

func (b *blobStore) has(region, repo, digest string) bool {
	h, err := v1.NewHash(digest)
	if err != nil {
		return false
	}
	_, err = b.in(region+" "+repo).Stat(context.Background(), repo, h)
	return err == nil
}

// read is a small blob's content, nil when there is none.
func (b *blobStore) read(region, repo, digest string) []byte {
	h, err := v1.NewHash(digest)
	if err != nil {
		return nil
	}
	rc, err := b.in(region+" "+repo).Get(context.Background(), repo, h)
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(rc, maxManifest))
	if cmp.Or(err, rc.Close()) != nil {
		return nil
	}
	return text
}

// remove forgets all blobs of a repository.
func (b *blobStore) remove(region, repo string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.memory, region+" "+repo)
	if b.dir == "" {
		return nil
	}
	return os.RemoveAll(b.folder(region + " " + repo))
}
