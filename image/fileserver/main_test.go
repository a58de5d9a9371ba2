package main

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func site() fstest.MapFS {
	f := fstest.MapFS{}
	for name, text := range map[string]string{
		"index.html": "home", "a.txt": "plain", "sub/index.html": "sub", "app.3f8a91c2.js": "js", "style-v2.css": "css", "big.css": "css", "big.css.gz": "gz", "big.css.br": "br",
		".env": "secret", ".git/HEAD": "secret", ".well-known/security.txt": "known", "404.html": "nope", "empty/x": "",
	} {
		f[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return f
}

func TestServes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, path, accept, fallback string
		code                           int
		body, kind, cache, encoding    string
	}{
		{path: "/", code: 200, body: "home", kind: "text/html; charset=utf-8", cache: "no-cache"},
		{path: "/a.txt", code: 200, body: "plain", kind: "text/plain; charset=utf-8", cache: "no-cache"},
		{path: "/a.txt/", code: 404, body: "nope"},
		{path: "/sub/", code: 200, body: "sub"},
		{path: "/sub", code: 301},
		{path: "/empty/", code: 404, body: "nope"},
		{path: "/app.3f8a91c2.js", code: 200, body: "js", cache: "public, max-age=31536000, immutable"},
		{path: "/style-v2.css", code: 200, body: "css", cache: "no-cache"},
		{path: "/big.css", code: 200, body: "css"},
		{path: "/big.css", accept: "gzip, deflate", code: 200, body: "gz", encoding: "gzip", kind: "text/css; charset=utf-8"},
		{path: "/big.css", accept: "gzip, br;q=0.9", code: 200, body: "br", encoding: "br"},
		{path: "/big.css", accept: "br;q=0", code: 200, body: "css"},
		{path: "/.env", code: 404, body: "nope"},
		{path: "/.git/HEAD", code: 404, body: "nope"},
		{path: "/sub/../.env", code: 404, body: "nope"},
		{path: "/.well-known/security.txt", code: 200, body: "known"},
		{path: "/none", code: 404, body: "nope"},
		{path: "/none", fallback: "index.html", code: 200, body: "home"},
		{path: "/none.js", fallback: "index.html", code: 404, body: "nope"},
		{path: "/health", code: 200, body: "ok\n", cache: "no-store"},
		{path: "/a.txt", method: "POST", code: 405},
		{path: "/a.txt", method: "HEAD", code: 200, body: ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), cmp.Or(c.method, "GET"), c.path, http.NoBody)
		r.Header.Set("Accept-Encoding", c.accept)
		w := httptest.NewRecorder()
		(&folder{files: site(), fallback: c.fallback}).ServeHTTP(w, r)
		h := w.Header()
		if w.Code != c.code || c.body != "" && w.Body.String() != c.body || c.kind != "" && h.Get("Content-Type") != c.kind ||
			c.cache != "" && h.Get("Cache-Control") != c.cache || h.Get("Content-Encoding") != c.encoding {
			t.Errorf("%+v: %d %q %v", c, w.Code, w.Body, h)
		}
		if h.Get("Last-Modified") != "" {
			t.Error("the time of a file in an image means nothing")
		}
	}
}

// What has not changed is not sent again, what has is.
func TestTags(t *testing.T) {
	t.Parallel()
	files := site()
	get := func(f *folder, tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/a.txt", http.NoBody)
		r.Header.Set("If-None-Match", tag)
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		return w
	}
	f := &folder{files: files}
	tag := get(f, "").Header().Get("ETag")
	if w := get(f, tag); tag == "" || w.Code != http.StatusNotModified {
		t.Errorf("%q: %d", tag, w.Code)
	}
	files["a.txt"] = &fstest.MapFile{Data: []byte("other")}
	if w := get(&folder{files: files}, tag); w.Code != http.StatusOK || w.Body.String() != "other" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

// A link does not lead out of the folder, and the end of the process lets requests end.
func TestServe(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	for _, f := range []string{filepath.Join(dir, "in"), filepath.Join(outside, "out")} {
		if err := os.WriteFile(f, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(outside, "out"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, l, dir) }()
	for until := time.Now().Add(5 * time.Second); check(t.Context(), "http://"+addr+"/health") != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("it does not begin")
		}
	}
	for name, want := range map[string]int{"in": 200, "link": 404} {
		resp, err := http.Get("http://" + addr + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want || want == 404 && strings.Contains(string(b), "text") {
			t.Errorf("%s: %d %q", name, resp.StatusCode, b)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := check(t.Context(), "http://"+addr+"/health"); err == nil {
		t.Error("it goes on")
	}
}
