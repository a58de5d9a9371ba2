package image

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// Wherever the engine runs, its image comes by the way that works from there: a layout from BuildKit itself, a bridge only
// where the engine shares this machine's loopback, else an archive, which any of them can write.
func TestRoutes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("an engine reaches the loopback of Linux alone")
	}
	const local = "unix:///var/run/docker.sock"
	for name, c := range map[string]struct {
		env     map[string]string
		builder string
		route   string
		version string // of the engine, as it is shown
		with    string // in the calls
	}{
		"Docker here":                   {map[string]string{"FAKE_ENDPOINT": local}, "docker", "bridge", "28.2.2", "\nbuildx build --progress=plain --provenance=false --sbom=false --load "},
		"Docker here, containerd store": {map[string]string{"FAKE_ENDPOINT": local, "FAKE_INFO": `,"DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]`}, "docker", "layout", "28.2.2", "type=oci"},
		"Docker Desktop":                {map[string]string{"FAKE_ENDPOINT": local, "FAKE_INFO": `,"OperatingSystem":"Docker Desktop"`}, "docker", "archive", "28.2.2", "\nsave "},
		"rootless Docker":               {map[string]string{"FAKE_ENDPOINT": local, "FAKE_INFO": `,"SecurityOptions":["name=rootless"]`}, "docker", "archive", "28.2.2", "\nsave "},
		"DOCKER_HOST by tcp":            {map[string]string{"FAKE_ENDPOINT": local, "DOCKER_HOST": "tcp://10.0.0.1:2376"}, "docker", "archive", "28.2.2", "\nsave "},
		"DOCKER_HOST by ssh":            {map[string]string{"FAKE_ENDPOINT": local, "DOCKER_HOST": "ssh://me@far"}, "docker", "archive", "28.2.2", "\nsave "},
		"a context far away":            {map[string]string{"FAKE_ENDPOINT": "ssh://me@far"}, "docker", "archive", "28.2.2", "\nsave "},
		"buildx in a container":         {map[string]string{"FAKE_ENDPOINT": local, "FAKE_DRIVER": "docker-container"}, "docker", "layout", "28.2.2 buildx docker-container", "type=oci"},
		"remote BuildKit, no Docker":    {map[string]string{"FAKE_SERVER": "", "FAKE_DRIVER": "remote"}, "docker", "layout", "buildx remote", "type=oci"},
		"remote BuildKit by name":       {map[string]string{"FAKE_SERVER": "", "FAKE_DRIVER": "remote"}, "docker:far", "layout", "buildx remote", " --builder far "},
		"Kubernetes":                    {map[string]string{"FAKE_SERVER": "", "FAKE_DRIVER": "kubernetes"}, "docker:pods", "layout", "buildx kubernetes", " --builder pods "},
		"Docker Build Cloud":            {map[string]string{"FAKE_ENDPOINT": local, "FAKE_DRIVER": "cloud"}, "docker:cloud-org-default", "layout", "28.2.2 buildx cloud", " --builder cloud-org-default "},
		"a builder by BUILDX_BUILDER":   {map[string]string{"FAKE_SERVER": "", "FAKE_DRIVER": "remote", "BUILDX_BUILDER": "far"}, "docker", "layout", "buildx remote", "type=oci"},
		"the engine of another context": {map[string]string{"FAKE_ENDPOINT": local, "FAKE_OTHER": "ssh://me@far"}, "docker:far", "archive", "28.2.2", "\n--context far save "},
		"another context, here":         {map[string]string{"FAKE_ENDPOINT": "ssh://me@far", "FAKE_OTHER": local}, "docker:near", "bridge", "28.2.2", "\n--context far info "},
		"another by BUILDX_BUILDER":     {map[string]string{"FAKE_ENDPOINT": local, "FAKE_OTHER": "ssh://me@far", "BUILDX_BUILDER": "far"}, "docker", "archive", "28.2.2", "\n--context far save "},
		"Docker without buildx, by tcp": {map[string]string{"FAKE_DRIVER": "", "DOCKER_HOST": "tcp://10.0.0.1:2376"}, "docker", "archive", "28.2.2", "\nbuild --iidfile "},
		"Docker without buildx, here":   {map[string]string{"FAKE_DRIVER": "", "FAKE_ENDPOINT": local}, "docker", "bridge", "28.2.2", "\nbuild --iidfile "},
		"podman here":                   {nil, "podman", "bridge", "5.2.0", "build --layers "},
		"podman far away":               {map[string]string{"CONTAINER_HOST": "ssh://me@far/run/podman/podman.sock"}, "podman", "archive", "5.2.0", "save --format docker-archive "},
	} {
		t.Run(name, func(t *testing.T) {
			fake := fakeDocker(t)
			fakePodman(t, fake)
			save(t, filepath.Join(fake, "saved.tar"), "amd64", false)
			writeLayout(t, filepath.Join(fake, "layout"))
			t.Setenv("BUILDX_BUILDER", "")
			t.Setenv("CONTAINER_HOST", "")
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			cache := Pass{CacheFrom: []string{"type=registry,ref=r.example.com/cache"}, CacheTo: []string{"type=registry,ref=r.example.com/cache,mode=max"}}
			passed := " --cache-from type=registry,ref=r.example.com/cache --cache-to type=registry,ref=r.example.com/cache,mode=max "
			switch {
			case c.builder == "podman":
				passed = " --cache-from r.example.com/cache --cache-to r.example.com/cache "
			case strings.HasPrefix(c.with, "\nbuild"): // the legacy builder knows no cache elsewhere
				cache, passed = Pass{}, ""
			}
			b := mustBuild(t, Spec{Dir: folder(t, map[string]string{"Dockerfile": "FROM scratch\n"}), Dockerfile: "Dockerfile", Builder: c.builder, Pass: cache})
			tool, _, _ := strings.Cut(c.builder, ":")
			if b.Route != c.route || b.Tool != tool+" "+c.version {
				t.Errorf("by %s with %s, want %s with %s", b.Route, b.Tool, c.route, c.version)
			}
			calls := read(t, fake, "calls")
			if !strings.Contains("\n"+calls, c.with) || !strings.Contains(calls, passed) {
				t.Errorf("no %q in\n%s", c.with, calls)
			}
			if want := c.env["BUILDX_BUILDER"]; want != "" && !strings.Contains(read(t, fake, "env"), "BUILDX_BUILDER="+want+"\n") {
				t.Error("buildx does not see BUILDX_BUILDER")
			}
		})
	}
}

func fakePodman(t *testing.T, dir string) {
	t.Helper()
	const script = `#!/bin/sh
printf '%s\n' "$*" >>"$FAKE/calls"
case "$1" in
info) printf '{"version":{"Version":"5.2.0"},"host":{"serviceIsRemote":%s}}\n' "$([ -n "$CONTAINER_HOST" ] && echo true || echo false)" ;;
save) cat "$FAKE/saved.tar" ;;
build) while [ $# -gt 0 ]; do [ "$1" != --iidfile ] || sed s/sha256:// "$FAKE/id" >"$2"; shift; done ;;
*) exit 125 ;;
esac
`
	if err := os.WriteFile(filepath.Join(dir, "podman"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func writeLayout(t *testing.T, dir string) {
	t.Helper()
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: made(t, noise(100)).Image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}},
	})
	if _, err := layout.Write(dir, index); err != nil {
		t.Fatal(err)
	}
}
