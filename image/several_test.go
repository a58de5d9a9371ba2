package image

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// pulled is what a reference names.
func pulled(t *testing.T, ref string, m memory) *remote.Descriptor {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	d, err := remote.Get(r, remote.WithTransport(m))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// isZstd reads all layers to their end and holds what is in them against the configuration.
func isZstd(t *testing.T, img v1.Image) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	cf, err := img.ConfigFile()
	if err != nil || len(layers) == 0 || len(cf.RootFS.DiffIDs) != len(layers) {
		t.Fatalf("%d layers, %+v, %v", len(layers), cf, err)
	}
	for i, l := range layers {
		r, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		d, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		plain, _, err := v1.SHA256(d)
		kind, _ := l.MediaType()
		if err != nil || plain != cf.RootFS.DiffIDs[i] || kind != types.OCILayerZStd {
			t.Errorf("layer %d: %s of %s, want %s (%v)", i, kind, plain, cf.RootFS.DiffIDs[i], err)
		}
		d.Close()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The tag names an index of both images, the same whichever the service runs on; what is deployed is the service's own.
func TestSeveralPlatforms(t *testing.T) {
	t.Parallel()
	s := Spec{Dir: hello, Go: ".", Platform: "linux/arm64", Also: []string{"linux/amd64"}, Compression: "zstd"}
	b, m := mustBuild(t, s), memory{newRegistry()}
	p, err := b.Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: m}, nil)
	if err != nil || p.New != 2 || p.Layers != 2 || p.Digest != b.Digest || p.Index == p.Digest {
		t.Fatalf("%+v, %v", p, err)
	}
	tagged := pulled(t, repo+":one", m)
	if tagged.MediaType != types.OCIImageIndex || tagged.Digest != p.Index {
		t.Errorf("the tag names %s %s", tagged.MediaType, tagged.Digest)
	}
	index, err := tagged.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		d, err := choose(index, v1.Platform{OS: "linux", Architecture: arch})
		if err != nil {
			t.Fatal(err)
		}
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		cf, err := img.ConfigFile()
		if err != nil || cf.Architecture != arch {
			t.Errorf("%s: %+v, %v", arch, cf, err)
		}
		if digest, _ := img.Digest(); (digest == p.Digest) != (arch == "arm64") {
			t.Errorf("%s: %s, and %s is deployed", arch, digest, p.Digest)
		}
		isZstd(t, img)
	}
	s.Platform, s.Also = "linux/amd64", []string{"linux/arm64"}
	other := mustBuild(t, s)
	if d, err := other.Index.Digest(); err != nil || d != p.Index || other.Digest == b.Digest {
		t.Errorf("for the other service: index %s (%v), want %s", d, err, p.Index)
	}
}

// Only who asks for something new gets another tag.
func TestSeveralTags(t *testing.T) {
	t.Parallel()
	tags := map[string]string{}
	for what, s := range map[string]Spec{
		"plain": {}, "gzip": {Compression: "gzip"}, "zstd": {Compression: "zstd"}, "mirror": {Mirror: "mirror.example.com"},
		"arm64": {Platform: "linux/arm64"}, "both": {Also: []string{"linux/arm64"}}, "both, on arm64": {Platform: "linux/arm64", Also: []string{"linux/amd64"}},
	} {
		s.Dir, s.Go = hello, "."
		tag, err := s.Tag(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tags[what] = tag
	}
	if tags["gzip"] != tags["plain"] || tags["mirror"] != tags["plain"] {
		t.Errorf("%v", tags)
	}
	distinct := []string{tags["plain"], tags["zstd"], tags["arm64"], tags["both"], tags["both, on arm64"]}
	slices.Sort(distinct)
	if len(slices.Compact(distinct)) != 5 {
		t.Errorf("%v", tags)
	}
	for _, s := range []Spec{{Also: []string{"linux/amd64"}}, {Also: []string{"linux/s390x"}}, {Compression: "lz4"}} {
		s.Dir, s.Go = hello, "."
		if _, err := s.Tag(t.Context()); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

// An engine that writes a layout builds all at once; one that keeps its images is told so before it begins.
func TestSeveralByEngine(t *testing.T) {
	fake := fakeDocker(t)
	t.Setenv("FAKE_DRIVER", "docker-container")
	out := filepath.Join(fake, "layout")
	index := v1.ImageIndex(empty.Index)
	for _, arch := range []string{"amd64", "arm64"} {
		img, err := mutate.ConfigFile(made(t, noise(1000)).Image, &v1.ConfigFile{OS: "linux", Architecture: arch, RootFS: v1.RootFS{Type: "layers", DiffIDs: diffs(t, noise(1000))}})
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	if _, err := layout.Write(out, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: index})); err != nil {
		t.Fatal(err)
	}
	s := Spec{
		Dir: folder(t, map[string]string{"Dockerfile": "FROM scratch\n"}), Dockerfile: "Dockerfile", Builder: "docker",
		Platform: "linux/arm64", Also: []string{"linux/amd64"}, Compression: "zstd",
	}
	b := mustBuild(t, s)
	if b.Route != "layout" || b.Index == nil || b.Config.Architecture != "arm64" || len(b.images()) != 2 {
		t.Errorf("%+v", b)
	}
	if calls := read(t, fake, "calls"); !strings.Contains(calls, "tar=false,compression=zstd,force-compression=true,dest=") {
		t.Error(calls)
	} else if !strings.Contains(calls, " --platform linux/arm64,linux/amd64 ") {
		t.Error(calls)
	}
	t.Setenv("FAKE_DRIVER", "docker")
	if err := os.Remove(filepath.Join(fake, "calls")); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := s.Build(t.Context(), nil); !errors.As(err, &e) || !strings.HasPrefix(e.What, "docker 28.2.2 keeps an image for one platform") || !strings.Contains(e.Ways, "--builder docker:many") {
		t.Error(err)
	}
	if calls := read(t, fake, "calls"); strings.Contains(calls, "build ") {
		t.Error(calls)
	}
}

func diffs(t *testing.T, layer []byte) []v1.Hash {
	t.Helper()
	h, err := made(t, layer).Image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return h.RootFS.DiffIDs
}

// zstd takes the image as an archive from an engine that would push it compressed its own way. What was compressed once
// comes from the cache.
func TestZstdOfAnEngine(t *testing.T) {
	fake := fakeDocker(t)
	t.Setenv("FAKE_ENDPOINT", "unix:///var/run/docker.sock")
	save(t, filepath.Join(fake, "saved.tar"), "amd64", false)
	s := Spec{Dir: folder(t, map[string]string{"Dockerfile": "FROM scratch\n"}), Dockerfile: "Dockerfile", Builder: "docker"}
	if b := mustBuild(t, s); b.Route != "bridge" {
		t.Fatal(b.Route)
	}
	s.Compression = "zstd"
	var digests []v1.Hash
	for range 2 {
		b := mustBuild(t, s)
		isZstd(t, b.Image)
		if kind, err := b.Image.MediaType(); b.Route != "archive" || kind != types.OCIManifestSchema1 {
			t.Errorf("%s, %s, %v", b.Route, kind, err)
		}
		digests = append(digests, b.Digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("%s, then %s", digests[0], digests[1])
	}
	kept, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "fargatectl", "image", "layers", "*.zst"))
	if err != nil || len(kept) != 3 {
		t.Errorf("%v, %v", kept, err)
	}
}

// Layers of a base in another repository of the same registry are taken over there, where it allows that; where it only
// says 202 they are sent.
func TestBaseIsMounted(t *testing.T) {
	t.Parallel()
	for what, mounts := range map[string]bool{"allowed": true, "not": false} {
		f := &mounting{faulty: &faulty{Handler: newRegistry()}, allowed: mounts}
		srv := httptest.NewServer(f)
		defer srv.Close()
		host := strings.TrimPrefix(srv.URL, "http://")
		if _, err := made(t, noise(50_000)).Push(t.Context(), Target{Ref: host + "/base", Tag: "one", Insecure: true}, nil); err != nil {
			t.Fatal(err)
		}
		b := mustBuild(t, Spec{Dir: hello, Go: ".", Base: host + "/base:one"})
		f.reset()
		p, err := b.Push(t.Context(), Target{Ref: host + "/app", Tag: "one", Insecure: true}, nil)
		if err != nil || p.Layers != 2 {
			t.Fatalf("%s: %+v, %v", what, p, err)
		}
		if n := f.count("mounted "); n != map[bool]int{true: 1}[mounts] {
			t.Errorf("%s: %d blobs were mounted", what, n)
		}
		if n := f.count("GET /v2/base/blobs/"); n != map[bool]int{false: 1}[mounts] {
			t.Errorf("%s: %d blobs of the base were read", what, n)
		}
		if want := map[bool]int{true: 1, false: 2}[mounts]; p.New != want {
			t.Errorf("%s: %d new layers, want %d", what, p.New, want)
		}
	}
}

// Official images have library/ before their names, on Docker Hub and on a mirror; other registries stay.
func TestMirror(t *testing.T) {
	t.Parallel()
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	s := Spec{Mirror: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/"}
	for base, want := range map[string]string{
		"golang:1.26": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/library/golang:1.26", "alpine": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/library/alpine:latest",
		"docker.io/grafana/grafana:11": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/grafana/grafana:11",
		"alpine" + digest:              "123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/library/alpine" + digest,
		"gcr.io/distroless/static:one": "gcr.io/distroless/static:one",
	} {
		if got, err := s.mirrored(base); err != nil || got.Name() != want {
			t.Errorf("%s: %v, %v", base, got, err)
		}
	}
	if _, err := (Spec{Mirror: "no host"}).mirrored("alpine"); err == nil {
		t.Error("a mirror that is none is taken")
	}
}

// buildx is told what to take in the place of Docker Hub's images; an engine that can't be told refuses.
func TestMirrorByEngine(t *testing.T) {
	fake := fakeDocker(t)
	save(t, filepath.Join(fake, "saved.tar"), "amd64", false)
	s := Spec{
		Dir:        folder(t, map[string]string{"Dockerfile": "ARG V=1.26\nFROM golang:$V AS build\nRUN make\nFROM gcr.io/distroless/static\nCOPY --from=build /app /app\n"}),
		Dockerfile: "Dockerfile", Builder: "docker", Mirror: "mirror.example.com/hub",
	}
	mustBuild(t, s)
	if calls := read(t, fake, "calls"); !strings.Contains(calls, " --build-context golang:1.26=docker-image://mirror.example.com/hub/library/golang:1.26 --platform ") || strings.Count(calls, "--build-context") != 1 {
		t.Error(calls)
	}
	t.Setenv("FAKE_DRIVER", "")
	var e *Error
	if _, err := s.Build(t.Context(), nil); !errors.As(err, &e) || !strings.HasPrefix(e.What, "docker 28.2.2 takes base images from where the Dockerfile says") {
		t.Error(err)
	}
}
