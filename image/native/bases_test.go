package native

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// An item is an entry of a layer, as text: "KIND MODE UID:GID PATH [CONTENT or TARGET]".
func items(t testing.TB, lines string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 5)
		h := &tar.Header{Name: f[3], ModTime: time.Unix(1_600_000_000, 0), Typeflag: map[string]byte{"d": tar.TypeDir, "f": tar.TypeReg, "l": tar.TypeSymlink, "h": tar.TypeLink}[f[0]]}
		if _, err := fmt.Sscanf(f[1]+" "+f[2], "%o %d:%d", &h.Mode, &h.Uid, &h.Gid); err != nil {
			t.Fatal(line, err)
		}
		content := ""
		if len(f) > 4 {
			content = strings.ReplaceAll(f[4], `\n`, "\n")
		}
		switch h.Typeflag {
		case tar.TypeReg:
			if name, ok := strings.CutPrefix(content, "@"); ok {
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				content = string(b)
			}
			h.Size = int64(len(content))
		case tar.TypeDir:
			h.Name += "/"
		default:
			h.Linkname, content = content, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(t testing.TB, plain []byte) []byte {
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

// madeLayer is a layer with a plain tar that is known.
type madeLayer struct {
	v1.Layer
	plain []byte
}

func (l madeLayer) DiffID() (v1.Hash, error) {
	h, _, err := v1.SHA256(bytes.NewReader(l.plain))
	return h, err
}

func (l madeLayer) Uncompressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.plain)), nil
}

// made is an image of layers (as lines) and a configuration (as JSON).
func made(t testing.TB, kind types.MediaType, config string, layers ...string) v1.Image {
	t.Helper()
	layerType, configType := types.OCILayer, types.OCIConfigJSON
	if kind == types.DockerManifestSchema2 {
		layerType, configType = types.DockerLayer, types.DockerConfigJSON
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, kind), configType)
	var cf v1.ConfigFile
	if err := json.Unmarshal([]byte(config), &cf); err != nil {
		t.Fatal(err)
	}
	cf.OS = "linux"
	if cf.Architecture == "" {
		cf.Architecture = "amd64"
	}
	cf.RootFS.Type = "layers"
	img, err := mutate.ConfigFile(img, &cf)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range layers {
		plain := items(t, l)
		packed, as := gzipped(t, plain), layerType
		if strings.HasPrefix(cf.Author, "zstd") {
			z, err := zstd.NewWriter(nil)
			if err != nil {
				t.Fatal(err)
			}
			packed, as = z.EncodeAll(plain, nil), types.OCILayerZStd
		}
		img, err = mutate.Append(img, mutate.Addendum{
			Layer: madeLayer{static.NewLayer(packed, as), plain}, MediaType: as,
			History: v1.History{Created: v1.Time{Time: time.Unix(1_600_000_000, 0).UTC()}, CreatedBy: fmt.Sprintf("layer %d", i)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// distro is what a Linux distribution looks like to a builder: merged /usr, users, odd modes, whiteouts, hard links.
var distro = []string{`
d 755 0:0 usr
d 755 0:0 usr/bin
d 755 0:0 usr/lib
d 755 0:0 usr/local
d 755 0:0 usr/local/bin
l 777 0:0 bin usr/bin
l 777 0:0 lib usr/lib
d 755 0:0 etc
f 644 0:0 etc/passwd root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n123:x:77:78::/:/bin/sh\n
f 644 0:0 etc/group root:x:0:\napps:x:1001:app\nstaff:x:50:\n
d 1777 0:0 tmp
d 700 0:0 root
d 755 0:0 home
d 750 1000:1001 home/app
f 600 1000:1001 home/app/.profile umask 027\n
f 4755 0:0 usr/bin/su setuid
f 755 0:0 usr/bin/tool the tool\n
h 755 0:0 usr/bin/tool2 usr/bin/tool
d 2775 0:50 srv
f 644 0:50 srv/index.html base\n
d 755 0:0 old
f 644 0:0 old/gone gone
d 755 0:0 old/deep
f 644 0:0 old/deep/a a`, `
f 644 0:0 old/.wh.gone
d 755 0:0 opaque
f 644 0:0 opaque/lower lower`, `
d 711 0:0 opaque
f 644 0:0 opaque/.wh..wh..opq
f 644 0:0 opaque/upper upper
d 755 0:0 var
l 777 0:0 var/run /run
d 755 0:0 run
l 777 0:0 data srv
l 777 0:0 dangling /nowhere/yet
f 644 0:0 usr/lib/libx.so lib\n`}

const distroConfig = `{"author": "somebody", "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "EMPTY="], "Entrypoint": ["/bin/entry"], "Cmd": ["serve"],
"WorkingDir": "/srv", "Labels": {"from": "base", "keep": "yes"}, "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}, "StopSignal": "SIGINT",
"Healthcheck": {"Test": ["CMD", "check"], "Interval": 5000000000, "Retries": 2}}}`

// bases are the images that the corpus names: corpus/NAME:1. Those with a platform behind it are in an index.
var bases = sync.OnceValue(func() map[string]v1.Image {
	t := &testing.T{}
	return map[string]v1.Image{
		"distro":      made(t, types.OCIManifestSchema1, distroConfig, distro...),
		"docker":      made(t, types.DockerManifestSchema2, `{"config": {"Cmd": ["/bin/sh"]}}`, "d 755 0:0 bin\nf 755 0:0 bin/sh shell"),
		"zstd":        made(t, types.OCIManifestSchema1, `{"author": "zstd", "config": {}}`, "d 755 0:0 z\nf 644 0:0 z/file zstd"),
		"user":        made(t, types.OCIManifestSchema1, `{"config": {"User": "app", "WorkingDir": "/home/app"}}`, distro[0]),
		"linked":      made(t, types.OCIManifestSchema1, `{"config": {}}`, "d 755 0:0 usr\nd 755 0:0 usr/etc\nl 777 0:0 etc usr/etc\nf 644 0:0 usr/etc/accounts app:x:7:8::/:\nl 777 0:0 usr/etc/passwd /etc/accounts"),
		"onbuild":     made(t, types.OCIManifestSchema1, `{"config": {"OnBuild": ["COPY . /app"]}}`, "d 755 0:0 app"),
		"bare":        made(t, types.OCIManifestSchema1, `{}`),
		"hard":        made(t, types.OCIManifestSchema1, `{"config": {}}`, "d 755 0:0 git\nf 755 5:6 git/one same\nh 755 5:6 git/two git/one\nd 755 0:0 git/sub\nh 755 5:6 git/sub/three git/one"),
		"multi amd64": made(t, types.OCIManifestSchema1, `{"architecture": "amd64", "config": {"Env": ["ARCH=amd64"]}}`, "f 644 0:0 arch amd64"),
		"multi arm64": made(t, types.OCIManifestSchema1, `{"architecture": "arm64", "variant": "v8", "config": {"Env": ["ARCH=arm64"]}}`, "f 644 0:0 arch arm64"),
	}
})

// baseOf gives the corpus's images without a registry.
func baseOf(_ context.Context, ref string, p v1.Platform) (v1.Image, error) {
	name, ok := strings.CutPrefix(strings.TrimPrefix(ref, "docker.io/"), "corpus/")
	name, _, _ = strings.Cut(name, ":")
	img := bases()[name]
	if img == nil {
		img = bases()[name+" "+p.Architecture]
	}
	if img == nil || !ok {
		return nil, fmt.Errorf("no image %s for %s", ref, p)
	}
	return img, nil
}

// The bases of a target are those of its stages, and none of a stage that it does without.
func TestBasesOf(t *testing.T) {
	t.Parallel()
	const text = `ARG GO=1.26
FROM golang:$GO AS build
RUN make
FROM node AS unused
FROM build AS tested
FROM alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
COPY --from=tested /app /app
COPY --from=busybox:musl /bin/sh /bin/sh
COPY --from=golang:1.27 /x /x
FROM scratch AS none
`
	for target, want := range map[string]string{
		"":       "",
		"tested": "golang:1.27",
		"none":   "",
		"unused": "node",
	} {
		got, err := Bases(Options{Dockerfile: []byte(text), Name: "Dockerfile", Target: target, Args: map[string]string{"GO": "1.27"}})
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %q, %v; want %q", target, got, err, want)
		}
	}
	got, err := Bases(Options{Dockerfile: []byte(strings.TrimSuffix(text, "FROM scratch AS none\n")), Name: "Dockerfile"})
	want := "golang:1.26 alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef busybox:musl golang:1.27"
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}
