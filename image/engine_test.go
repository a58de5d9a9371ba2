//go:build docker

package image

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRealDocker needs a Docker engine that answers (go test -tags docker ./image), and fails without one. It shows what
// the fake docker of the other tests can't: that the engine takes our stream for a context, applies no ignore file to it
// a second time, follows no link, and hands over an image that we can read.
func TestRealDocker(t *testing.T) {
	dir := folder(t, map[string]string{
		"Dockerfile":                   "FROM scratch AS one\nARG V\nCOPY . /ctx/\nLABEL version=$V\nUSER 1000\nFROM one\nLABEL target=wrong\n",
		"A" + strings.Repeat("ä", 100): "", "a": "1", "deep/keep": "2", "deep/drop": "3", ".git/HEAD": "x", "fargatectl.yaml": "x",
		"Dockerfile.dockerignore": "deep/drop\n", ".dockerignore": "a\n", // the first counts
	})
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	s := Spec{Dir: dir, Dockerfile: "Dockerfile", Target: "one", Args: map[string]string{"V": "a value"}, Exclude: []string{"fargatectl.yaml"}}
	b := mustBuild(t, s)
	headers, content := entries(t, b.Image)
	want := []string{"ctx/", "ctx/.dockerignore", "ctx/A" + strings.Repeat("ä", 100), "ctx/Dockerfile", "ctx/Dockerfile.dockerignore", "ctx/a", "ctx/deep/", "ctx/deep/keep", "ctx/link"}
	if got := slices.Sorted(maps.Keys(headers)); !slices.Equal(got, want) || headers["ctx/link"].Linkname != "/etc/passwd" || string(content["ctx/deep/keep"]) != "2" {
		t.Errorf("the image holds %q\nwant %q", got, want)
	}
	if c := b.Config.Config; c.User != "1000" || c.Labels["version"] != "a value" || c.Labels["target"] != "" {
		t.Errorf("configuration %+v", c)
	}
	if p, err := b.Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: memory{newRegistry()}}, nil); err != nil || p.Digest != b.Digest {
		t.Errorf("%+v, %v", p, err)
	}
	again := mustBuild(t, s)
	if again.Digest != b.Digest { // from the engine's cache, compressed by the same code
		t.Errorf("digest %s, then %s", b.Digest, again.Digest)
	}
}
