package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A handmade is an archive, file by file.
type handmade map[string]string

func sumOf(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

// blob adds a blob, and gives its descriptor.
func (m handmade) blob(kind, content string) string {
	m["blobs/sha256/"+sumOf(content)] = content
	return fmt.Sprintf(`{"mediaType":%q,"digest":"sha256:%s","size":%d}`, kind, sumOf(content), len(content))
}

const (
	ociIndex    = "application/vnd.oci.image.index.v1+json"
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	ociConfig   = "application/vnd.oci.image.config.v1+json"
	ociLayer    = "application/vnd.oci.image.layer.v1.tar"
)

func indexOf(descriptors ...string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, ociIndex, strings.Join(descriptors, ","))
}

func configOf(layers ...string) string {
	for i, l := range layers {
		layers[i] = `"sha256:` + sumOf(l) + `"`
	}
	return `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[` + strings.Join(layers, ",") + `]}}`
}

const layerText = "a layer, as far as anybody looks here"

// layoutMade is an OCI layout of one image with one layer.
func layoutMade() handmade {
	m := handmade{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`}
	layer, config := m.blob(ociLayer, layerText), m.blob(ociConfig, configOf(layerText))
	m["index.json"] = indexOf(m.blob(ociManifest, manifestOf(config, layer)))
	return m
}

func manifestOf(config, layer string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, ociManifest, config, layer)
}

// file writes it as a tar, between the entries before and after.
func (m handmade) file(t *testing.T, file string, before, after []byte) {
	t.Helper()
	out := bytes.NewBuffer(before)
	w := tar.NewWriter(out)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(m[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	out.Write(after)
	out.Write(make([]byte, 1024))
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// refused builds from an archive, which has to be one clear error in a line.
func refused(t *testing.T, name, dir, archive, want string) {
	t.Helper()
	b, err := Spec{Dir: dir, Archive: archive}.Build(t.Context(), nil)
	if err == nil {
		_ = b.Close() // the test has failed
		t.Errorf("%s in %s: built, want error %s", name, archive, want)
		return
	}
	if text := err.Error(); !strings.HasPrefix(text, archive+": ") || !strings.Contains(text, want) || strings.Contains(text, "\n") || len(text) > 500 {
		t.Errorf("%s in %s: error %.600s\nwant %s: … %s", name, archive, text, archive, want)
	}
}

// A layout that does not hold what it says is refused, as a folder and as a tar, before anything is pushed.
func TestHostileLayouts(t *testing.T) {
	t.Parallel()
	manifest := "blobs/sha256/" + sumOf(manifestOf(handmade{}.blob(ociConfig, configOf(layerText)), handmade{}.blob(ociLayer, layerText)))
	config, layer := "blobs/sha256/"+sumOf(configOf(layerText)), "blobs/sha256/"+sumOf(layerText)
	digest := func(file string) string { return "sha256:" + filepath.Base(file) }
	replace := func(file, old, with string) func(handmade) {
		return func(m handmade) { m[file] = strings.ReplaceAll(m[file], old, with) }
	}
	remove := func(file string) func(handmade) { return func(m handmade) { delete(m, file) } }
	sized := func(old, size string) func(handmade) { // of the layer, or of the configuration, in a manifest that is right otherwise
		return func(m handmade) {
			text := strings.Replace(m[manifest], old, size, 1)
			delete(m, manifest)
			m["index.json"] = indexOf(m.blob(ociManifest, text))
		}
	}
	wrapped := func(times int) func(handmade) {
		return func(m handmade) {
			for range times {
				m["index.json"] = indexOf(m.blob(ociIndex, m["index.json"]))
			}
		}
	}
	long := fmt.Sprintf(`"size":%d`, len(manifestOf(handmade{}.blob(ociConfig, configOf(layerText)), handmade{}.blob(ociLayer, layerText))))
	ofLayer, ofConfig := fmt.Sprintf(`"size":%d`, len(layerText)), fmt.Sprintf(`"size":%d`, len(configOf(layerText)))
	circle := strings.Repeat("c", 64)
	for name, c := range map[string]struct {
		change func(handmade)
		want   string // "" is none
	}{
		"nothing":                  {func(handmade) {}, ""},
		"an index in an index":     {wrapped(1), ""},
		"indexes in indexes":       {wrapped(4), "has 4 indexes in each other, and no image in them"},
		"indexes in a circle":      {func(m handmade) { round(m, circle) }, "the content of sha256:" + circle + " is sha256:"},
		"a huge manifest":          {replace("index.json", long, `"size":1099511627776`), "has 1099511627776 bytes, and no registry need take more than 4194304"},
		"a negative size":          {replace("index.json", long, `"size":-1`), " bytes, and -1 are said of it"},
		"a size of no computer":    {replace("index.json", long, `"size":1e40`), "index: json: cannot unmarshal number 1e40"},
		"a huge layer":             {sized(ofLayer, `"size":9223372036854775807`), digest(layer) + " has 37 bytes, and 9223372036854775807 are said of it"},
		"a huge configuration":     {sized(ofConfig, `"size":9223372036854775807`), "has 9223372036854775807 bytes, and no registry need take more"},
		"no index":                 {replace("index.json", "{", ""), "index: invalid character"},
		"an index of nothing":      {func(m handmade) { m["index.json"] = indexOf() }, "there is no image for linux/amd64"},
		"a huge index":             {func(m handmade) { m["index.json"] += strings.Repeat(" ", maxDocument) }, "index.json has "},
		"a digest that is a path":  {replace("index.json", digest(manifest), "sha256:../../../../etc/passwd"), "index: found non-hex character"},
		"a digest of another kind": {replace("index.json", "sha256:", "md5:"), "index: unsupported hash"},
		"a kind that is none":      {replace("index.json", "image.manifest", "image.nothing"), "unexpected media type"},
		"another manifest":         {replace(manifest, `"schemaVersion":2`, `"schemaVersion":3`), "the content of " + digest(manifest) + " is sha256:"},
		"another configuration":    {replace(config, "amd64", "arm64"), "the content of " + digest(config) + " is sha256:"},
		"another layer":            {replace(layer, "a layer", "b layer"), "the content of " + digest(layer) + " is sha256:"},
		"a shorter layer":          {replace(layer, "a layer", ""), digest(layer) + " has 30 bytes, and 37 are said of it"},
		"no manifest":              {remove(manifest), digest(manifest) + " is named, and missing"},
		"no configuration":         {remove(config), digest(config) + " is named, and missing"},
		"no layer":                 {remove(layer), digest(layer) + " is named, and missing"},
		"a layer that unpacks otherwise": {func(m handmade) {
			m["index.json"] = indexOf(m.blob(ociManifest, manifestOf(m.blob(ociConfig, configOf("another")), m.blob(ociLayer, layerText))))
		}, "layer " + digest(layer) + " unpacks to " + digest(layer) + ", and the configuration says sha256:" + sumOf("another") + ": no task would start"},
		"a packed layer that unpacks otherwise": {func(m handmade) {
			packed := string(zipped(t, []byte(layerText)))
			m["index.json"] = indexOf(m.blob(ociManifest, manifestOf(m.blob(ociConfig, configOf(packed)), m.blob(ociLayer, packed))))
		}, " unpacks to " + digest(layer) + ", and the configuration says sha256:"},
		"a layer that breaks off": {func(m handmade) {
			packed := string(zipped(t, noise(1000))[:500])
			m["index.json"] = indexOf(m.blob(ociManifest, manifestOf(m.blob(ociConfig, configOf("another")), m.blob(ociLayer, packed))))
		}, ": unexpected EOF"},
		"fewer layers": {func(m handmade) {
			m["index.json"] = indexOf(m.blob(ociManifest, manifestOf(m.blob(ociConfig, configOf()), m.blob(ociLayer, layerText))))
		}, "the manifest has 1 layers, and the configuration 0"},
		"a manifest of another format": {func(m handmade) { m["index.json"] = indexOf(m.blob(ociManifest, "<xml/>")) }, "manifest: invalid character"},
		"a configuration of another format": {func(m handmade) {
			m["index.json"] = indexOf(m.blob(ociManifest, manifestOf(m.blob(ociConfig, "<xml/>"), m.blob(ociLayer, layerText))))
		}, "configuration: invalid character"},
	} {
		m := layoutMade()
		c.change(m)
		dir := t.TempDir()
		write(t, filepath.Join(dir, "folder"), m)
		m.file(t, filepath.Join(dir, "out.tar"), nil, nil)
		for _, archive := range []string{"folder", "out.tar"} {
			if c.want != "" {
				refused(t, name, dir, archive, c.want)
			} else if b := mustBuild(t, Spec{Dir: dir, Archive: archive}); b.Size != int64(len(layerText)) {
				t.Errorf("%s in %s: %d bytes", name, archive, b.Size)
			}
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "links"), layoutMade())
	at := filepath.Join(dir, "links", layer)
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", at); err != nil {
		t.Fatal(err)
	}
	refused(t, "a link", dir, "links", digest(layer)+" is not a file")
	write(t, dir, map[string]string{"empty/x": ""})
	refused(t, "an empty folder", dir, "empty", "is no OCI layout: there is no index.json in it")
}

// round makes an index that names itself: nobody can make one with its true digest.
func round(m handmade, hex string) {
	self := fmt.Sprintf(`{"mediaType":%q,"digest":"sha256:%s","size":%%d}`, ociIndex, hex)
	size := len(indexOf(fmt.Sprintf(self, 100)))
	m["index.json"] = indexOf(fmt.Sprintf(self, size))
	m["blobs/sha256/"+hex] = m["index.json"]
}

// An archive of docker's names files in itself, and none outside.
func TestHostileSaves(t *testing.T) {
	t.Parallel()
	saved := func(config string, layers ...string) string {
		return fmt.Sprintf(`[{"Config":%q,"RepoTags":null,"Layers":[%q]}]`, config, strings.Join(layers, `","`))
	}
	entry := func(h tar.Header) []byte {
		var out bytes.Buffer
		if err := tar.NewWriter(&out).WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	link := func(name, to string) []byte {
		return entry(tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to})
	}
	whole := func(size int) string { return strings.Repeat(" ", size) }
	for name, c := range map[string]struct {
		change        func(handmade)
		before, after []byte
		want          string // "" is none
	}{
		"nothing":                   {func(handmade) {}, nil, nil, ""},
		"a layer by a link":         {func(m handmade) { m["manifest.json"] = saved("c.json", "b/layer.tar") }, link("b/layer.tar", "../layer.tar"), nil, ""},
		"a layer outside":           {func(m handmade) { m["manifest.json"] = saved("c.json", "../../../../etc/passwd") }, nil, nil, "file ../../../../etc/passwd not found in tar"},
		"a layer at a whole path":   {func(m handmade) { m["manifest.json"] = saved("c.json", "/etc/passwd") }, nil, nil, "file /etc/passwd not found in tar"},
		"a layer by a link outside": {func(m handmade) { delete(m, "layer.tar") }, link("layer.tar", "/etc/passwd"), nil, "not found in tar"},
		"links in a circle":         {func(m handmade) { delete(m, "layer.tar") }, append(link("layer.tar", "x/layer.tar"), link("x/layer.tar", "../layer.tar")...), nil, "link cycle detected"},
		"a configuration outside":   {func(m handmade) { m["manifest.json"] = saved("../../etc/passwd", "layer.tar") }, nil, nil, "the configuration ../../etc/passwd is not in it"},
		"a configuration by a link": {func(m handmade) { delete(m, "c.json") }, link("c.json", "layer.tar"), nil, "the configuration c.json is not in it"},
		"a huge configuration":      {func(m handmade) { m["c.json"] += whole(maxDocument) }, nil, nil, "the configuration has "},
		"a huge manifest":           {func(m handmade) { m["manifest.json"] += whole(maxDocument) }, nil, nil, "manifest.json has "},
		"another layer":             {func(m handmade) { m["c.json"] = configOf("no layer is") }, nil, nil, "a layer is sha256:" + sumOf(layerText) + ", and the configuration says sha256:" + sumOf("no layer is")},
		"no layer":                  {func(m handmade) { delete(m, "layer.tar") }, nil, nil, "file layer.tar not found in tar"},
		"no image":                  {func(m handmade) { m["manifest.json"] = "[]" }, nil, nil, "manifest.json names 0 images, and one is wanted"},
		"null":                      {func(m handmade) { m["manifest.json"] = "null" }, nil, nil, "manifest.json names 0 images, and one is wanted"},
		"two images":                {func(m handmade) { m["manifest.json"] = "[{},{}]" }, nil, nil, "manifest.json names 2 images, and one is wanted"},
		"no manifest":               {func(m handmade) { m["manifest.json"] = "<xml/>" }, nil, nil, "manifest.json: invalid character"},
		"a layer too many":          {func(m handmade) { m["c.json"] = configOf() }, nil, nil, "manifest.json names 1 layers, and the configuration 0"},
		"a layer too few":           {func(m handmade) { m["c.json"] = configOf(layerText, "x") }, nil, nil, "config has 2 rootfs.diff_id(s) but tarball manifest only references 1 layer(s)"},
		"a file twice":              {func(handmade) {}, entry(tar.Header{Name: "./c.json", Mode: 0o644}), nil, "has c.json twice"},
		"a bomb":                    {func(handmade) {}, nil, entry(tar.Header{Name: "big", Mode: 0o644, Size: 10 << 30}), "unpacks to more than 8 GiB: that is no image"},
		"more than there is":        {func(handmade) {}, nil, entry(tar.Header{Name: "big", Mode: 0o644, Size: 1 << 50}), "claims more than 200 GiB, which is too large for an image"},
		"entries without end":       {func(handmade) {}, bytes.Repeat(entry(tar.Header{Name: "d/", Typeflag: tar.TypeDir}), maxEntries), nil, "has more than 20000 entries"},
	} {
		m := handmade{"manifest.json": saved("c.json", "layer.tar"), "c.json": configOf(layerText), "layer.tar": layerText}
		c.change(m)
		dir := t.TempDir()
		m.file(t, filepath.Join(dir, "out.tar"), c.before, c.after)
		if c.want != "" {
			refused(t, name, dir, "out.tar", c.want)
		} else if b := mustBuild(t, Spec{Dir: dir, Archive: "out.tar"}); len(b.Config.RootFS.DiffIDs) != 1 {
			t.Errorf("%s: %+v", name, b.Config)
		}
	}
}

// Ten gigabytes of zeros in ten megabytes are never written, be they all of it or behind the end of an archive.
func TestPackedBombs(t *testing.T) {
	t.Parallel()
	var member bytes.Buffer // a gzip stream has as many members as one likes
	z := gzip.NewWriter(&member)
	if _, err := z.Write(make([]byte, 8<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	zeros := bytes.Repeat(member.Bytes(), 10<<30/(8<<20))
	dir := t.TempDir()
	m := layoutMade()
	m.file(t, filepath.Join(dir, "plain.tar"), nil, nil)
	plain, err := os.ReadFile(filepath.Join(dir, "plain.tar"))
	if err != nil {
		t.Fatal(err)
	}
	saved := handmade{"manifest.json": `[{"Config":"c.json","Layers":["layer.tar"]}]`, "c.json": configOf(layerText), "layer.tar": layerText}
	saved.file(t, filepath.Join(dir, "saved.tar"), nil, nil)
	docker, err := os.ReadFile(filepath.Join(dir, "saved.tar"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"zeros.tgz": zeros, "layout.tgz": append(zipped(t, plain), zeros...), "saved.tgz": append(zipped(t, docker), zeros...)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "zeros", dir, "zeros.tgz", "is neither an OCI layout nor an archive of docker's")
	for _, name := range []string{"layout.tgz", "saved.tgz"} {
		b := mustBuild(t, Spec{Dir: dir, Archive: name})
		if got := spent(t, b.dir); got > 1<<20 {
			t.Errorf("%s: %d bytes were written", name, got)
		}
	}
}

// spent are the bytes of all files in a folder.
func spent(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}
