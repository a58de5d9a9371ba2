package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// listTar are the files in a tar, without folders' contents.
func listTar(t *testing.T, r io.Reader) (names map[string]bool, content map[string]string) {
	t.Helper()
	names, content = map[string]bool{}, map[string]string{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names, content
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(h.Name, "/")
		names[name], content[name] = true, string(b)
	}
}

// tarOf writes a folder as a tar.
func tarOf(t *testing.T, dir string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipped(t *testing.T, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What Bazel, Nix, ko or jib write is taken in whichever form they write it.
func TestArchive(t *testing.T) {
	t.Parallel()
	want := made(t, noise(1000)).Image
	dir := t.TempDir()
	l, err := layout.Write(filepath.Join(dir, "layout"), empty.Index)
	if err == nil {
		err = l.AppendIndex(both(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	single := filepath.Join(dir, "single")
	if l, err = layout.Write(single, empty.Index); err == nil {
		err = l.AppendImage(want)
	}
	ref, _ := name.NewTag("app:1")
	if err == nil {
		err = tarball.WriteToFile(filepath.Join(dir, "docker.tar"), ref, want)
	}
	if err != nil {
		t.Fatal(err)
	}
	docker, err := os.ReadFile(filepath.Join(dir, "docker.tar"))
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{"oci.tar": tarOf(t, single), "oci.tgz": zipped(t, tarOf(t, single)), "docker.tgz": zipped(t, docker), "evil.tar": append(evil(t), tarOf(t, single)...)} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config, err := want.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	for _, archive := range []string{"single", "oci.tar", "oci.tgz", "docker.tar", "docker.tgz", "evil.tar"} {
		b := mustBuild(t, Spec{Dir: dir, Archive: archive})
		if got, err := b.Image.ConfigName(); err != nil || got != config {
			t.Errorf("%s: %s %v", archive, got, err)
		}
		if p, err := b.Push(t.Context(), Target{Ref: repo, Tag: "one", Transport: memory{newRegistry()}}, nil); err != nil || p.Digest != b.Digest {
			t.Errorf("%s: %+v %v", archive, p, err)
		}
	}
	arm := mustBuild(t, Spec{Dir: dir, Archive: "layout", Platform: "linux/arm64"})
	if arm.Config.Config.User != "for-arm64" {
		t.Errorf("%+v", arm.Config)
	}
	if _, err := os.Stat(filepath.Join(dir, "..", "escaped2")); err == nil {
		t.Error("the archive wrote outside")
	}
}

// What a layer unpacks to is looked at once; whether it is what its digest says, each time.
func TestLayerSeen(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	m, dir := layoutMade(), t.TempDir()
	packed := string(zipped(t, []byte(layerText)))
	m["index.json"] = indexOf(m.blob(ociManifest, manifestOf(m.blob(ociConfig, configOf(layerText)), m.blob(ociLayer, packed))))
	write(t, dir, m)
	layer, err := v1.NewHash("sha256:" + sumOf(packed))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		mustBuild(t, Spec{Dir: filepath.Dir(dir), Archive: filepath.Base(dir)})
		if !seenLayer(layer).is("sha256:" + sumOf(layerText)) {
			t.Error("what the layer unpacks to is not kept")
		}
	}
	m["index.json"] = indexOf(m.blob(ociManifest, manifestOf(m.blob(ociConfig, configOf("another")), m.blob(ociLayer, packed))))
	write(t, dir, m)
	refused(t, "another configuration", filepath.Dir(dir), filepath.Base(dir), "no task would start")
	seenLayer(layer).note("sha256:" + sumOf("another"))
	mustBuild(t, Spec{Dir: filepath.Dir(dir), Archive: filepath.Base(dir)}) // it is believed
	write(t, dir, map[string]string{"blobs/sha256/" + layer.Hex: strings.Repeat("x", len(packed))})
	refused(t, "another layer", filepath.Dir(dir), filepath.Base(dir), "the content of "+layer.String()+" is sha256:")
}

// evil is the head of a tar, without its end, with entries that are no part of a layout.
func evil(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range []tar.Header{
		{Name: "../escaped", Typeflag: tar.TypeReg, Size: 1},
		{Name: "blobs/sha256/../../../escaped2", Typeflag: tar.TypeReg, Size: 1},
		{Name: "/etc/escaped", Typeflag: tar.TypeReg, Size: 1},
		{Name: "blobs/sha256/link", Typeflag: tar.TypeSymlink, Linkname: "/etc"},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A command is run where the manifest says, and what it wrote is taken.
func TestArchiveOfACommand(t *testing.T) {
	t.Parallel()
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, map[string]string{"source": "1"})
	ref, _ := name.NewTag("app:1")
	if err := tarball.WriteToFile(filepath.Join(t.TempDir(), "x.tar"), ref, img); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(t.TempDir(), "made.tar")
	if err := tarball.WriteToFile(made, ref, img); err != nil {
		t.Fatal(err)
	}
	s := Spec{Dir: dir, Archive: "out.tar", Command: []string{"sh", "-c", "echo building $FARGATECTL_PLATFORM; cp " + made + " out.tar"}}
	first := tagOf(t, s)
	var said []string
	b, err := s.Build(t.Context(), func(l string) { said = append(said, l) })
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Tool != "sh" || len(said) != 2 || said[1] != "building linux/amd64" {
		t.Errorf("%s said %q", b.Tool, said)
	}
	if tagOf(t, s) != first {
		t.Error("the archive that came of it is an input of it")
	}
	write(t, dir, map[string]string{"source": "2"})
	if tagOf(t, s) == first {
		t.Error("another source, the same tag")
	}
	for command, want := range map[string]string{"exit 3": "sh -c exit 3: exit status 3", "true": "sh did not write none.tar in " + dir} {
		s := Spec{Dir: dir, Archive: "none.tar", Command: []string{"sh", "-c", command}}
		if _, err := s.Build(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", command, err)
		}
	}
	for archive, want := range map[string]string{"none.tar": "there is no none.tar in ", "source": "source: "} {
		if _, err := (Spec{Dir: dir, Archive: archive}).Build(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", archive, err)
		}
	}
	wrong := Spec{Dir: dir, Archive: "out.tar", Platform: "linux/arm64"}
	if _, err := wrong.Build(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "the image is linux/amd64, the service runs on linux/arm64") {
		t.Errorf("error %v", err)
	}
	if _, err := (Spec{Dir: dir, Command: []string{"true"}, Dockerfile: "x"}).Tag(t.Context()); err == nil || !strings.Contains(err.Error(), "which one") {
		t.Errorf("error %v", err)
	}
}

// A folder that is no layout is said to be one, not to be missing; so it is before it is built, too.
func TestNoArchive(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"dist/a": "", "file": "x"})
	for archive, want := range map[string]string{
		"dist": "dist: is no OCI layout: there is no index.json in it", "none": "there is no none in " + dir, "file": "file: is not an archive: unexpected EOF",
	} {
		s := Spec{Dir: dir, Archive: archive}
		_, err := s.Tag(t.Context())
		if archive == "file" { // what is in it is looked at when it is taken
			_, err = s.Build(t.Context(), nil)
		}
		if e, ok := errors.AsType[*Error](err); !ok || e.Error() != want || e.Ways != archiveWays {
			t.Errorf("%s: error %v, want %s", archive, err, want)
		}
	}
}
