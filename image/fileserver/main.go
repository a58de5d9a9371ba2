// Command fileserver serves a folder over HTTP: what `build: {static: FOLDER}` puts into an image beside the folder. It is
// built from this one file, with nothing but the standard library.
//
//	PORT      the port, 8080 without it
//	FALLBACK  the file that a path without an extension gets when there is no such file: "index.html" for applications
//	          that route in the browser; without it such a path is 404
//
// /health answers 200 unless the folder has a file of that name. Names that begin with a dot are not served, but for
// .well-known. A file that has NAME.br or NAME.gz beside it is sent compressed to those who take that. Times of files mean
// nothing in an image, so ETags follow the content, and everything is asked for again but what has a hash in its name.
//
// With the argument -check it asks its own /health, and says by its exit code how that went: a health check needs no curl.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt) //nolint:forbidigo // here the process begins
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	if len(args) > 0 && args[0] == "-check" {
		return check(ctx, "http://127.0.0.1:"+port+"/health")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", ":"+port)
	if err != nil {
		return err
	}
	return serve(ctx, l, ".")
}

func check(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody) //nolint:gosec // to itself, on a port that its own environment names
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r) //nolint:gosec // as above
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// serve serves a folder until the context ends; requests under way are ended in 20 s.
func serve(ctx context.Context, l net.Listener, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: &folder{files: root.FS(), fallback: os.Getenv("FALLBACK")}, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	slog.Info("serving", "address", l.Addr().String())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return srv.Shutdown(patience)
}

// A folder answers requests with its files.
type folder struct {
	files    fs.FS
	fallback string
	tags     sync.Map // ETag by name: files do not change in an image
}

func (f *folder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if name == "" {
		name = "."
	}
	if hidden(name) {
		f.missing(w, r)
		return
	}
	info, err := fs.Stat(f.files, name)
	switch {
	case err == nil && info.IsDir() && !strings.HasSuffix(r.URL.Path, "/"):
		to := path.Base(name) + "/" // relative: a proxy may have cut the path
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusMovedPermanently)
	case err == nil && info.IsDir():
		f.send(w, r, path.Join(name, "index.html"))
	case err == nil && !strings.HasSuffix(r.URL.Path, "/"):
		f.send(w, r, name)
	case name == "health":
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok\n") // who asked has gone
	case f.fallback != "" && path.Ext(name) == "":
		f.send(w, r, f.fallback)
	default:
		f.missing(w, r)
	}
}

func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != "." && part != ".well-known" {
			return true
		}
	}
	return false
}

// missing is 404, with the folder's own page if it has one.
func (f *folder) missing(w http.ResponseWriter, r *http.Request) {
	page, err := fs.ReadFile(f.files, "404.html")
	if err != nil {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	if r.Method == http.MethodGet {
		_, _ = w.Write(page) // who asked has gone
	}
}

// types are those that the standard library does not know without files of the system.
var types = map[string]string{
	".ico": "image/vnd.microsoft.icon", ".txt": "text/plain; charset=utf-8", ".md": "text/markdown; charset=utf-8", ".map": "application/json",
	".webmanifest": "application/manifest+json", ".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf",
	".mp4": "video/mp4", ".webm": "video/webm", ".mp3": "audio/mpeg", ".csv": "text/csv; charset=utf-8", ".yaml": "application/yaml", ".zip": "application/zip",
}

// hashed is a name that changes with the content: app.3f8a91c2.js, index-BX7kq2Zd.css.
var hashed = regexp.MustCompile(`[.-][0-9A-Za-z_]*[0-9][0-9A-Za-z_]*\.[0-9a-z]+$`)

const shortestHash = 8

func (f *folder) send(w http.ResponseWriter, r *http.Request, name string) {
	file, encoding := f.open(r, name)
	if file == nil {
		f.missing(w, r)
		return
	}
	defer file.Close()
	content, ok := file.(io.ReadSeeker)
	tag, err := f.tag(name+encoding, file)
	if err != nil || !ok {
		http.Error(w, "the file can't be read", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("ETag", `"`+tag+`"`)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if m := hashed.FindString(path.Base(name)); m != "" && len(m)-len(path.Ext(name)) > shortestHash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	kind := types[path.Ext(name)]
	if kind == "" {
		kind = mime.TypeByExtension(path.Ext(name))
	}
	if kind != "" {
		h.Set("Content-Type", kind)
	} else if encoding != "" {
		h.Set("Content-Type", "application/octet-stream")
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	http.ServeContent(w, r, name, time.Time{}, content)
}

// open opens a file, or its compressed sibling where the client takes that.
func (f *folder) open(r *http.Request, name string) (file fs.File, encoding string) {
	accepted := r.Header.Get("Accept-Encoding")
	for _, e := range [][2]string{{"br", ".br"}, {"gzip", ".gz"}} {
		if accepts(accepted, e[0]) {
			if file, err := f.files.Open(name + e[1]); err == nil {
				return file, e[0]
			}
		}
	}
	file, err := f.files.Open(name)
	if err != nil {
		return nil, ""
	}
	if info, err := file.Stat(); err != nil || info.IsDir() {
		_ = file.Close() // opened for reading
		return nil, ""
	}
	return file, ""
}

func accepts(header, encoding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == encoding {
			return !strings.HasPrefix(strings.ReplaceAll(quality, " ", ""), "q=0") || strings.Contains(quality, "q=0.")
		}
	}
	return false
}

// tag is the hash of a file's content.
func (f *folder) tag(name string, file fs.File) (string, error) {
	if tag, ok := f.tags.Load(name); ok {
		return tag.(string), nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	if _, err := file.(io.Seeker).Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	tag := hex.EncodeToString(h.Sum(nil)[:12])
	f.tags.Store(name, tag)
	return tag, nil
}
