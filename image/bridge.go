package image

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// A bridge is a registry on loopback for one push of a container engine. It answers for the destination: what is there
// the engine does not even read, what is missing goes on as it comes, neither unpacked nor compressed again. A change of
// 1 MB in an image of 355 MB takes 0.3 s that way; having the engine write the image to a file takes 6 s and more, however
// little has changed.
//
// Only who knows the secret in its path can push, and only the image whose configuration is the one that was built gets
// through: the manifest goes to the destination by digest, and naming it is left to the caller.
type bridge struct {
	d    *destination
	dir  string      // for uploads on their way
	id   string      // digest of the configuration that the engine has built
	want v1.Platform // that the service runs on

	ctx      context.Context //nolint:containedctx // of the push that the bridge is a part of: a request's own ends with the engine
	listener net.Listener
	server   *http.Server
	path     string // SECRET/app

	mu      sync.Mutex
	uploads map[string]*spool
	small   map[string][]byte   // blobs that may be a configuration, by digest
	images  map[string]*written // manifests, by digest
	passed  *written            // what has got through
	err     error               // the first of ours, which the engine tells in its own words
}

// maxConfig bounds a manifest and a configuration.
const maxConfig = 4 << 20

// openBridge begins to listen. key is the file that keeps the secret: engines remember what they have pushed under a host
// and path, so both stay what they are.
func openBridge(ctx context.Context, d *destination, dir, key, id string, want v1.Platform) (*bridge, error) {
	secret, err := keptSecret(key)
	if err != nil {
		return nil, err
	}
	b := &bridge{
		d: d, dir: dir, id: id, want: want, ctx: ctx, path: secret + "/app",
		uploads: map[string]*spool{}, small: map[string][]byte{}, images: map[string]*written{},
	}
	sum := sha256.Sum256([]byte(secret))
	port := 20000 + int(binary.BigEndian.Uint16(sum[:]))%20000
	if b.listener, err = listen(ctx, port); err != nil {
		return nil, err
	}
	b.server = &http.Server{Handler: b.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = b.server.Serve(b.listener) }() // ends with close, and a failure to serve is one of the engine's push
	return b, nil
}

// listen takes a port of loopback, or another one while a push of somebody else has it. A process that is just being
// started can have it, too, for a moment: from the fork to the exec it has all files of its parent.
func listen(ctx context.Context, port int) (l net.Listener, err error) {
	at := func(port int) (net.Listener, error) {
		return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	}
	for range 5 {
		if l, err = at(port); err == nil {
			return l, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return at(0)
}

// ref is what the engine pushes to.
func (b *bridge) ref() string { return b.listener.Addr().String() + "/" + b.path + ":latest" }

func (b *bridge) close() error { return b.server.Close() }

// keptSecret reads the secret of a file, or makes both.
func keptSecret(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err == nil && len(text) == 24 {
		return string(text), nil
	}
	raw := make([]byte, 12)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	secret := hex.EncodeToString(raw)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", err
	}
	return secret, os.WriteFile(file, []byte(secret), 0o600)
}

func (b *bridge) routes() http.Handler {
	root := "/v2/" + b.path
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/{$}", func(http.ResponseWriter, *http.Request) {})
	for route, work := range map[string]func(http.ResponseWriter, *http.Request) error{
		"HEAD " + root + "/blobs/{digest}":        b.headBlob,
		"POST " + root + "/blobs/uploads/{$}":     b.begin,
		"PATCH " + root + "/blobs/uploads/{id}":   b.append,
		"PUT " + root + "/blobs/uploads/{id}":     b.finish,
		"HEAD " + root + "/manifests/{reference}": b.headManifest,
		"PUT " + root + "/manifests/{reference}":  b.manifest,
	} {
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			if err := work(w, r); err != nil {
				b.fail(w, err)
			}
		})
	}
	return mux
}

// fail answers an error that no engine tries again, and keeps it.
func (b *bridge) fail(w http.ResponseWriter, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": "DENIED", "message": err.Error()}}})
}

// has asks the destination for the size of a blob; ok is false where it is not there.
func (b *bridge) has(digest string) (size int64, ok bool, err error) {
	if _, err := v1.NewHash(digest); err != nil {
		return 0, false, err
	}
	err = b.d.do(b.ctx, func(w wire) error {
		l, err := w.puller.Layer(b.ctx, b.d.repo.Digest(digest))
		if err == nil {
			size, err = l.Size()
		}
		return err
	})
	if te := (*transport.Error)(nil); errors.As(err, &te) && te.StatusCode == http.StatusNotFound {
		return 0, false, nil
	}
	if err == nil {
		b.d.tr.expect(v1.Descriptor{Digest: mustHash(digest), Size: size}, false)
		b.d.tr.arrived(digest, false)
	}
	return size, err == nil, err
}

func mustHash(digest string) v1.Hash {
	h, _ := v1.NewHash(digest) // it was parsed before
	return h
}

func (b *bridge) headBlob(w http.ResponseWriter, r *http.Request) error {
	digest := r.PathValue("digest")
	size, ok, err := b.has(digest)
	switch {
	case err != nil:
		return err
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		w.Header().Set("Docker-Content-Digest", digest)
	}
	return nil
}

// begin starts an upload, unless it asks to take a blob over that the destination has.
func (b *bridge) begin(w http.ResponseWriter, r *http.Request) error {
	if digest := r.URL.Query().Get("mount"); digest != "" {
		if _, ok, err := b.has(digest); err != nil {
			return err
		} else if ok {
			w.Header().Set("Docker-Content-Digest", digest)
			w.Header().Set("Location", "/v2/"+b.path+"/blobs/"+digest)
			w.WriteHeader(http.StatusCreated)
			return nil
		}
	}
	s, err := newSpool(b.dir)
	if err != nil {
		return err
	}
	b.mu.Lock()
	id := strconv.Itoa(len(b.uploads))
	b.uploads[id] = s
	b.mu.Unlock()
	if digest := r.URL.Query().Get("digest"); digest != "" { // all of it in one request
		return b.complete(w, r, s, digest)
	}
	b.accepted(w, id, 0)
	return nil
}

func (b *bridge) accepted(w http.ResponseWriter, id string, size int64) {
	w.Header().Set("Location", "/v2/"+b.path+"/blobs/uploads/"+id)
	w.Header().Set("Docker-Upload-UUID", id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, size-1)))
	w.WriteHeader(http.StatusAccepted)
}

func (b *bridge) upload(r *http.Request) (*spool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.uploads[r.PathValue("id")]; s != nil {
		return s, nil
	}
	return nil, errors.New("no such upload")
}

func (b *bridge) append(w http.ResponseWriter, r *http.Request) error {
	s, err := b.upload(r)
	if err != nil {
		return err
	}
	if err := s.take(r.Body); err != nil {
		return err
	}
	b.accepted(w, r.PathValue("id"), s.size)
	return nil
}

func (b *bridge) finish(w http.ResponseWriter, r *http.Request) error {
	s, err := b.upload(r)
	if err != nil {
		return err
	}
	return b.complete(w, r, s, r.URL.Query().Get("digest"))
}

// complete takes the rest of an upload and sends it on.
func (b *bridge) complete(w http.ResponseWriter, r *http.Request, s *spool, digest string) error {
	defer s.drop()
	if err := s.take(r.Body); err != nil {
		return err
	}
	layer, err := s.layer(digest)
	if err != nil {
		return err
	}
	if s.size <= maxConfig {
		text, err := os.ReadFile(s.file.Name())
		if err != nil {
			return err
		}
		b.mu.Lock()
		b.small[digest] = text
		b.mu.Unlock()
	}
	b.d.tr.expect(v1.Descriptor{Digest: mustHash(digest), Size: s.size}, digest == b.id)
	if err := b.d.do(b.ctx, func(w wire) error { return w.Upload(b.ctx, b.d.repo, layer) }); err != nil {
		return err
	}
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Location", "/v2/"+b.path+"/blobs/"+digest)
	w.WriteHeader(http.StatusCreated)
	return nil
}
