//go:build engine

package image

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestEngines needs engines that answer (go test -tags engine ./image), and fails without any. It shows what the fake
// docker of the other tests can't: that an engine takes our context, applies no ignore file to it a second time, follows
// no link, and that what it hands over, through the bridge or as an archive, is the image that it has built.
func TestEngines(t *testing.T) {
	found, missing := DetectEngines(t.Context(), "")
	t.Logf("missing: %+v", missing)
	if len(found) == 0 {
		t.Fatal("no container engine answers: e2e/engines starts them")
	}
	for _, e := range found {
		for _, here := range []bool{true, false} {
			if here && !e.here {
				continue
			}
			route := map[bool]string{true: "bridge", false: "archive"}[here]
			t.Run(e.Name+" "+route, func(t *testing.T) {
				e := *e
				e.here = here
				holdsUp(t, &e, route)
			})
		}
	}
}

func holdsUp(t *testing.T, e *Engine, route string) {
	dir := folder(t, map[string]string{
		"Dockerfile":                   "FROM scratch AS one\nARG V\nCOPY . /ctx/\nLABEL version=$V\nUSER 1000\nFROM one\nLABEL target=wrong\n",
		"A" + strings.Repeat("ä", 100): "", "a": "1", "deep/keep": "2", "deep/drop": "3", ".git/HEAD": "x", "fargatectl.yaml": "x",
		"Dockerfile.dockerignore": "deep/drop\n", ".dockerignore": "a\n", // the first counts
	})
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	s := Spec{Dir: dir, Dockerfile: "Dockerfile", Target: "one", Args: map[string]string{"V": "a value"}, Exclude: []string{"fargatectl.yaml"}}
	registry := memory{&faulty{Handler: newRegistry()}}
	push := func() *Pushed {
		b := &Built{dir: t.TempDir()}
		if err := s.buildWith(t.Context(), e, b, func(l string) { t.Log(l) }); err != nil {
			t.Fatal(err)
		}
		if b.kept == nil {
			if err := b.describe(s.platform()); err != nil {
				t.Fatal(err)
			}
		}
		p, err := b.Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: registry}, nil)
		if err != nil || b.Route != route || p.Digest != b.Digest {
			t.Fatalf("%+v by %s: %v", p, b.Route, err)
		}
		return p
	}
	first := push()
	img := pushed(t, registry, first.Digest)
	headers, content := entries(t, img)
	want := []string{"ctx/", "ctx/.dockerignore", "ctx/A" + strings.Repeat("ä", 100), "ctx/Dockerfile", "ctx/Dockerfile.dockerignore", "ctx/a", "ctx/deep/", "ctx/deep/keep", "ctx/link"}
	if got := slices.Sorted(maps.Keys(headers)); !slices.Equal(got, want) || headers["ctx/link"].Linkname != "/etc/passwd" || string(content["ctx/deep/keep"]) != "2" {
		t.Errorf("the image holds %q\nwant %q", got, want)
	}
	cf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c := cf.Config; c.User != "1000" || c.Labels["version"] != "a value" || c.Labels["target"] != "" {
		t.Errorf("configuration %+v", c)
	}
	if again := push(); again.Digest != first.Digest || again.Uploaded != 0 { // from the engine's cache
		t.Errorf("%s, then %+v", first.Digest, again)
	}
}

func pushed(t *testing.T, registry memory, digest v1.Hash) v1.Image {
	t.Helper()
	r, err := name.NewDigest(repo + "@" + digest.String())
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(r, remote.WithTransport(registry))
	if err != nil {
		t.Fatal(err)
	}
	return img
}
