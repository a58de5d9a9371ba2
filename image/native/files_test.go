package native

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Programs are found as a kernel would find them: through the links that merged /usr and busybox are made of, and not
// where an upper layer has taken them away.
func TestFiles(t *testing.T) {
	t.Parallel()
	img := made(t, types.OCIManifestSchema1, `{}`, `
		d 755 0:0 usr/bin
		l 777 0:0 bin usr/bin
		f 755 0:0 usr/bin/busybox x
		h 755 0:0 usr/bin/wget usr/bin/busybox
		l 777 0:0 usr/bin/nc busybox
		l 777 0:0 usr/bin/ash /bin/busybox
		l 777 0:0 usr/bin/lost nothing
		l 777 0:0 usr/bin/loop loop
		l 777 0:0 usr/bin/out ../../../../../bin/busybox
		f 644 0:0 usr/bin/notes x
		f 755 0:0 usr/bin/curl x
		f 755 0:0 opt/old/tool x
		f 755 0:0 srv/a x`, `
		f 0 0:0 bin/.wh.curl
		f 0 0:0 opt/old/.wh..wh..opq
		f 755 0:0 opt/old/new x
		f 0 0:0 .wh.srv`, `
		f 755 0:0 usr/local/bin/curl x`)
	files, err := ReadFiles(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]bool{
		"/usr/bin/busybox": true, "/bin/busybox": true, "/bin/wget": true, "/bin/nc": true, "/bin/ash": true, "/bin/out": true, "/bin/../bin/nc": true,
		"/bin/lost": false, "/bin/loop": false, "/bin/notes": false, "/bin": false, "/nothing": false,
		"/bin/curl": false, "/usr/local/bin/curl": true, "/opt/old/tool": false, "/opt/old/new": true, "/srv/a": false,
	} {
		if got := files.Has(program); got != want {
			t.Errorf("%s: %t, want %t", program, got, want)
		}
	}
	gone, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	cancel(stop)
	if _, err := ReadFiles(gone, img); !errors.Is(err, stop) {
		t.Error(err)
	}
}

// A layer that never ends is read until somebody has had enough.
func TestFilesEndless(t *testing.T) {
	t.Parallel()
	var head bytes.Buffer
	if err := tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "a", Size: 100 << 30, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	err := newTree().overlay(ctx, endless{read: io.MultiReader(&head, zeros(func() { cancel(enough) }))}, 1)
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}

type endless struct {
	v1.Layer
	read io.Reader
}

func (e endless) Compressed() (io.ReadCloser, error) { return io.NopCloser(e.read), nil }

// zeros never end, and call at each read.
type zeros func()

func (z zeros) Read(p []byte) (int, error) {
	z()
	clear(p)
	return len(p), nil
}

// What a Dockerfile says of the image is known before it is built, RUN or not; of a base that nobody can ask it is not.
func TestForetell(t *testing.T) {
	t.Parallel()
	base := made(t, types.OCIManifestSchema1, `{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/opt","PORT=7"],"ExposedPorts":{"80/tcp":{}},"User":"web","StopSignal":"SIGQUIT","Healthcheck":{"Test":["CMD","/ok"]}}}`)
	for name, c := range map[string]struct {
		file, target, ports, test, user string
		sure                            bool
	}{
		"scratch":  {"FROM scratch\nARG P=3000\nENV PORT=$P\nEXPOSE $PORT 53/udp\nHEALTHCHECK CMD [\"/app\",\"-check\"]", "", "3000/tcp 53/udp", "CMD /app -check", "", true},
		"stages":   {"FROM base AS build\nHEALTHCHECK CMD curl x\nRUN make\nFROM scratch AS last\nCOPY --from=build /a /a\nUSER 7", "", "", "", "7", true},
		"target":   {"FROM base AS build\nHEALTHCHECK CMD curl x\nRUN make\nFROM scratch AS last\nUSER 7", "build", "80/tcp", "CMD-SHELL curl x", "web", true},
		"on stage": {"FROM scratch AS a\nEXPOSE 1\nHEALTHCHECK CMD curl x\nFROM a\nRUN x\nHEALTHCHECK NONE", "", "1/tcp", "NONE", "", true},
		"base":     {"FROM base\nRUN apt-get update\nEXPOSE ${PORT}", "", "7/tcp 80/tcp", "CMD /ok", "web", true},
		"unknown":  {"FROM elsewhere\nEXPOSE 80", "", "80/tcp", "", "", false},
	} {
		o := Options{Dockerfile: []byte(c.file), Name: "Dockerfile", Target: c.target, Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
		o.Base = func(_ context.Context, ref string, _ v1.Platform) (v1.Image, error) {
			if ref != "base" {
				return nil, errors.New("nobody is there")
			}
			return base, nil
		}
		got, sure, err := Foretell(t.Context(), o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		test := ""
		if got.Healthcheck != nil {
			test = strings.Join(got.Healthcheck.Test, " ")
		}
		if ports := strings.Join(sorted(got.ExposedPorts), " "); ports != c.ports || test != c.test || got.User != c.user || sure != c.sure {
			t.Errorf("%s: ports %q, test %q, user %q, sure %t", name, ports, test, got.User, sure)
		}
	}
	if _, _, err := Foretell(t.Context(), Options{Dockerfile: []byte("FROM scratch\nEXPOSE x"), Name: "Dockerfile"}); err == nil || !strings.Contains(err.Error(), "Dockerfile:2 EXPOSE") {
		t.Error(err)
	}
}

func sorted(set map[string]struct{}) []string { return slices.Sorted(maps.Keys(set)) }
