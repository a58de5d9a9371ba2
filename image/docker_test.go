package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// dockerScript is a docker command for one test: it notes how it is called and does what the test wants of it.
const dockerScript = `#!/bin/sh
printf '%s\n' "$*" >>"$FAKE/calls"
[ "$1" != --context ] || shift 2
case "$1 $2" in
"--version ") echo "Docker version $FAKE_CLIENT, build x" ;;
"info --format") [ -z "$FAKE_HANGS" ] || exec sleep 60; [ -n "$FAKE_SERVER" ] || exit 1; printf '{"ServerVersion":"%s"%s}\n' "$FAKE_SERVER" "$FAKE_INFO" ;;
"context inspect") [ -z "$5" ] && echo "$FAKE_ENDPOINT" || echo "$FAKE_OTHER" ;;
"buildx version") [ -n "$FAKE_DRIVER" ] || exit 1 ;;
"buildx inspect") [ -z "$FAKE_INSPECT" ] || { $FAKE_INSPECT; exit; }; printf 'Name: x\nDriver:  %s\nNodes:\nEndpoint:  far\n' "$FAKE_DRIVER" ;;
"save "*) cat "$FAKE/saved.tar" ;;
"tag "* | "rmi "*) ;;
"push "*) [ -z "$FAKE_PUSH_FAILS" ] || { echo "no space left on device" >&2; exit 1; } ;;
"build "* | "buildx build")
	env >"$FAKE/env"
	cat >"$FAKE/context.tar"
	for i in $(seq 1 50); do echo "#$i building" >&2; done
	[ -z "$FAKE_FAILS" ] || { echo "Dockerfile:2 RUN false: exit code: 1" >&2; exit 1; }
	while [ $# -gt 0 ]; do
		[ "$1" != --iidfile ] || cp "$FAKE/id" "$2"
		case "$1" in type=oci,*) cp -r "$FAKE/layout" "${1#*dest=}" ;; esac
		shift
	done ;;
*) echo "unknown: $*" >&2; exit 125 ;;
esac
`

// fakeDocker puts the docker command first on PATH and returns its folder. It calls t.Setenv: such a test is not parallel.
func fakeDocker(t *testing.T) string {
	t.Helper()
	dir := folder(t, map[string]string{"docker": dockerScript})
	if err := os.Chmod(filepath.Join(dir, "docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FAKE", dir)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("FAKE_SERVER", "28.2.2")
	t.Setenv("FAKE_CLIENT", "28.2.2")
	t.Setenv("FAKE_DRIVER", "docker")
	t.Setenv("FAKE_ENDPOINT", "ssh://builder")
	t.Setenv("DOCKER_HOST", "")
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return dir
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// save writes a file as `docker save` does: layers not compressed, named by the old kind of id. It returns the
// configuration.
func save(t *testing.T, file, arch string, broken bool) []byte {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	put := func(name string, content []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	config := map[string]any{
		"os": "linux", "architecture": arch, "moby.buildkit.buildinfo": "kept as it is",
		"config": map[string]any{"User": "1000", "Env": []string{"A=b"}},
	}
	var ids []v1.Hash
	var names []string
	for i := range 3 {
		var layer bytes.Buffer
		lw := tar.NewWriter(&layer)
		if err := lw.WriteHeader(&tar.Header{Name: fmt.Sprint("file", i), Mode: 0o644, Size: 50_000}); err != nil {
			t.Fatal(err)
		}
		if _, err := lw.Write(bytes.Repeat([]byte{byte(i)}, 50_000)); err != nil {
			t.Fatal(err)
		}
		if err := lw.Close(); err != nil {
			t.Fatal(err)
		}
		id, _, err := v1.SHA256(bytes.NewReader(layer.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		ids, names = append(ids, id), append(names, fmt.Sprintf("%d/layer.tar", i))
		if broken {
			layer.Bytes()[600]++
		}
		put(names[i], layer.Bytes())
	}
	config["rootfs"] = map[string]any{"type": "layers", "diff_ids": ids}
	raw, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	put("config.json", raw)
	id, _, err := v1.SHA256(bytes.NewReader(raw))
	if err == nil {
		err = os.WriteFile(filepath.Join(filepath.Dir(file), "id"), []byte(id.String()+"\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal([]any{map[string]any{"Config": "config.json", "RepoTags": []string{"x:y"}, "Layers": names}})
	if err != nil {
		t.Fatal(err)
	}
	put("manifest.json", manifest)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestDockerArguments(t *testing.T) {
	t.Parallel()
	s := Spec{Dir: "/x", Dockerfile: "Dockerfile"}
	full := Spec{Dir: "/x", Dockerfile: "build/Dockerfile", Target: "prod", Platform: "linux/arm64", Args: map[string]string{"VERSION": "secret value", "COMMIT": "1"}}
	full.Pass = Pass{Secrets: []string{"id=npm,env=TOKEN"}, SSH: []string{"default"}, CacheFrom: []string{"type=registry,ref=x"}}
	w := &workshop{dockerfile: "Dockerfile", tag: "t:1", idFile: "id", ignore: "ignored"}
	out := &workshop{dockerfile: "build/Dockerfile", layout: "out"}
	const given = "--platform linux/arm64 --file build/Dockerfile --target prod --build-arg COMMIT --build-arg VERSION --secret id=npm,env=TOKEN --ssh default --cache-from "
	for want, got := range map[string][]string{
		"docker buildx build --progress=plain --provenance=false --sbom=false --load --iidfile id --tag t:1 --platform linux/amd64 --file Dockerfile -": docker{}.build(&Engine{bin: "docker", buildx: true}, s, w),
		"docker build --iidfile id --tag t:1 --platform linux/amd64 --file Dockerfile -":                                                                docker{}.build(&Engine{bin: "docker"}, s, w),
		"docker buildx build --progress=plain --provenance=false --sbom=false --builder far --output type=oci,tar=false,dest=out --platform linux/arm64 --file build/Dockerfile --target prod --build-arg COMMIT --build-arg VERSION --secret id=npm,env=TOKEN --ssh default --cache-from type=registry,ref=x -": docker{}.build(&Engine{bin: "docker", buildx: true, builder: "far"}, full, out),
		"podman build --layers --format docker --iidfile id --tag t:1 --ignorefile ignored --platform linux/amd64 --file Dockerfile .":                                                                                                                                                                           podman{}.build(&Engine{bin: "podman"}, s, w),
		"podman build --layers --format docker --iidfile  --tag  --ignorefile  " + given + "index.docker.io/library/x .":                                                                                                                                                                                         podman{}.build(&Engine{bin: "podman"}, full, &workshop{dockerfile: "build/Dockerfile"}),
		"nerdctl build --progress=plain --provenance=false --sbom=false --output type=oci,tar=false,dest=out " + given + "type=registry,ref=x .":                                                                                                                                                                 nerdctl{}.build(&Engine{bin: "nerdctl"}, full, out),
		"nerdctl build --progress=plain --provenance=false --sbom=false --output type=oci,tar=false,dest=out --platform linux/amd64 --file build/Dockerfile .":                                                                                                                                                   nerdctl{}.build(&Engine{bin: "nerdctl"}, s, out),
	} {
		if strings.Join(got, " ") != want {
			t.Errorf("%q\nwant %q", got, want)
		}
	}
	tags := map[string]bool{}
	for _, s := range []Spec{s, full, {Dir: "/y", Dockerfile: "Dockerfile"}, {Dir: "/x", Dockerfile: "Dockerfile", Target: "prod"}} {
		tags[s.localTag()] = true
	}
	if len(tags) != 4 || !tags[s.localTag()] {
		t.Errorf("local tags %v", tags)
	}
}

func TestDockerEnvironment(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"PATH", "HOME", "DOCKER_HOST", "BUILDX_BUILDER", "", "A=B", "-x"} {
		if _, err := (&Engine{Name: "docker"}).environment(Spec{Args: map[string]string{name: "value"}}); err == nil || strings.Contains(err.Error(), "value") {
			t.Errorf("%q: error %v", name, err)
		}
	}
	env, err := (&Engine{Name: "docker"}).environment(Spec{Args: map[string]string{"VERSION": "1"}})
	if err != nil || !slices.Contains(env, "VERSION=1") || !slices.Contains(env, "DOCKER_BUILDKIT=0") {
		t.Errorf("%q, %v", env, err)
	}
}

func TestDockerBuild(t *testing.T) {
	fake := fakeDocker(t)
	config := save(t, filepath.Join(fake, "saved.tar"), "amd64", false)
	dir := folder(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", "a": "1", "ignored": "x", ".dockerignore": "ignored\n"})
	var said []string
	b, err := Spec{Dir: dir, Dockerfile: "Dockerfile", Builder: "docker", Args: map[string]string{"TOKEN": "hunter2"}}.Build(t.Context(), func(l string) { said = append(said, l) })
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(b.Image); err != nil {
		t.Error(err)
	}
	raw, err := b.Image.RawConfigFile()
	if err != nil || !bytes.Equal(raw, config) {
		t.Errorf("configuration %s (%v), want what docker saved: %s", raw, err, config)
	}
	if b.Tool != "docker 28.2.2" || b.Config.Config.User != "1000" || b.Size <= 0 || b.Size > 10_000 {
		t.Errorf("tool %s, configuration %+v, size %d", b.Tool, b.Config.Config, b.Size)
	}
	if !slices.Contains(said, "#50 building") {
		t.Errorf("said %q", said)
	}
	if !strings.Contains(read(t, fake, "env"), "TOKEN=hunter2\n") || strings.Contains(read(t, fake, "calls"), "hunter2") {
		t.Errorf("the value of a build argument belongs into the environment, not into the command line:\n%s", read(t, fake, "calls"))
	}
	if stream := read(t, fake, "context.tar"); !strings.Contains(stream, "COPY . /") || strings.Contains(stream, "ignored\x00") {
		t.Error("the builder did not get the context that .dockerignore leaves")
	}
	p, err := b.Push(t.Context(), Target{Ref: repo, Transport: memory{newRegistry()}}, nil)
	if err != nil || p.New != 3 {
		t.Errorf("%+v, %v", p, err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(b.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close there is still %s: %v", b.dir, err)
	}
}

func TestDockerWithoutBuildx(t *testing.T) {
	fake := fakeDocker(t)
	t.Setenv("FAKE_DRIVER", "")
	t.Setenv("DOCKER_BUILDKIT", "1")
	save(t, filepath.Join(fake, "saved.tar"), "amd64", false)
	var said []string
	b, err := Spec{Dir: folder(t, map[string]string{"Dockerfile": ""}), Dockerfile: "Dockerfile", Builder: "docker"}.Build(t.Context(), func(l string) { said = append(said, l) })
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if !strings.Contains(said[0], "no buildx plugin") || !strings.Contains(read(t, fake, "env"), "DOCKER_BUILDKIT=0\n") || !strings.Contains(read(t, fake, "calls"), "\nbuild --iidfile") {
		t.Errorf("said %q, called\n%s", said, read(t, fake, "calls"))
	}
}

func TestDockerErrors(t *testing.T) {
	for name, c := range map[string]struct {
		env        map[string]string
		prepare    func(dir, fake string)
		what, hint string
	}{
		"no engine":   {env: map[string]string{"FAKE_SERVER": "", "DOCKER_HOST": "tcp://x:1", "BUILDER": "docker"}, what: "no way to build Dockerfile on this machine\n  docker    no engine answers at tcp://x:1 within 3s (start Docker, or set DOCKER_HOST)", hint: "`build: {go: PACKAGE}`"},
		"no docker":   {env: map[string]string{"PATH": "/nowhere"}, what: "no way to build Dockerfile on this machine\n  native    Dockerfile:2 RUN must run inside a container\n  docker, podman, buildah, nerdctl, finch: not installed", hint: "--image"},
		"build fails": {env: map[string]string{"FAKE_FAILS": "1"}, what: "docker build Dockerfile: exit status 1\n#12 building\n"},
		"other platform": {
			prepare: func(_, fake string) { save(t, filepath.Join(fake, "saved.tar"), "arm64", false) },
			what:    "the image is linux/arm64, the service runs on linux/amd64", hint: "build for linux/amd64",
		},
		"broken layer": {prepare: func(_, fake string) { save(t, filepath.Join(fake, "saved.tar"), "amd64", true) }, what: "what docker saved: a layer is sha256:"},
		"another one": {
			prepare: func(_, fake string) { write(t, fake, map[string]string{"id": "sha256:0123"}) },
			what:    "the image that came is sha256:",
		},
		"nothing saved": {prepare: func(_, fake string) { write(t, fake, map[string]string{"saved.tar": ""}) }, what: "what docker saved: "},
		"unreadable":    {prepare: func(dir, _ string) { mkfifo(t, filepath.Join(dir, "pipe")) }, what: "build context: pipe is a named pipe"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := fakeDocker(t)
			dir := folder(t, map[string]string{"Dockerfile": "FROM scratch\nRUN false\n"})
			save(t, filepath.Join(fake, "saved.tar"), "amd64", false)
			if c.prepare != nil {
				c.prepare(dir, fake)
			}
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			begin := time.Now()
			_, err := Spec{Dir: dir, Dockerfile: "Dockerfile", Builder: c.env["BUILDER"]}.Build(t.Context(), nil)
			if took := time.Since(begin); name == "no docker" && took > time.Second {
				t.Errorf("it took %s to see that there is no engine", took)
			}
			if err == nil || !strings.HasPrefix(err.Error(), c.what) {
				t.Errorf("error %v\nwant %q", err, c.what)
			}
			var e interface{ Hint() string }
			if c.hint != "" && (!errors.As(err, &e) || !strings.Contains(e.Hint(), c.hint)) {
				t.Errorf("hint of %#v, want %q", err, c.hint)
			}
			if c.env["FAKE_FAILS"] != "" && !strings.HasSuffix(err.Error(), "RUN false: exit code: 1") {
				t.Errorf("the last lines are missing: %v", err)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

// Engines that hang cost 3 s together, and whoever answers builds.
func TestEnginesThatHang(t *testing.T) {
	fake := fakeDocker(t)
	t.Setenv("FAKE_HANGS", "1")
	write(t, fake, map[string]string{"podman": "#!/bin/sh\nexec sleep 60\n", "nerdctl": "#!/bin/sh\nexec sleep 60\n", "buildah": "#!/bin/sh\necho '{\"version\":\"1.28.2\"}'\n"})
	for _, name := range []string{"podman", "nerdctl", "buildah"} {
		if err := os.Chmod(filepath.Join(fake, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	found, missing := DetectEngines(t.Context(), "")
	if took := time.Since(begin); took < engineTimeout || took > 2*engineTimeout-time.Second/2 {
		t.Errorf("%s", took)
	}
	if len(found) != 1 || found[0].Name != "buildah" || found[0].Version != "1.28.2" {
		t.Errorf("%+v", found)
	}
	if len(missing) != 4 || !strings.HasPrefix(missing[0].Why, "no engine answers at ssh://builder within 3s") || !strings.Contains(missing[1].Why, "does not answer") {
		t.Errorf("%+v", missing)
	}
	s := Spec{Dir: folder(t, map[string]string{"Dockerfile": ""}), Dockerfile: "Dockerfile", Builder: "docker"}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Build(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// A builder of buildx that was named and is not there is no reason to take another one.
func TestNoSuchBuilder(t *testing.T) {
	fakeDocker(t)
	for _, c := range []struct{ inspect, variable, builder, want string }{
		{"false", "", "docker", ""}, // without a place for its files buildx can't build, and the legacy builder can
		{"false", "far", "docker", "there is no buildx builder far that answers within 3s (docker buildx ls)"},
		{"false", "", "docker:far", "there is no buildx builder far that answers within 3s (docker buildx ls)"},
		{"exec sleep 60", "", "docker", "its buildx builder does not answer within 3s (docker buildx inspect)"},
	} {
		t.Setenv("FAKE_INSPECT", c.inspect)
		t.Setenv("BUILDX_BUILDER", c.variable)
		found, missing := DetectEngines(t.Context(), c.builder)
		switch {
		case c.want == "" && (len(found) != 1 || found[0].Warning == ""):
			t.Errorf("%+v: %+v %+v", c, found, missing)
		case c.want != "" && (len(found) != 0 || len(missing) != 1 || missing[0].Why != c.want):
			t.Errorf("%+v: %+v %+v", c, found, missing)
		}
	}
}

func TestLinesAreKeptPlain(t *testing.T) {
	t.Parallel()
	var said []string
	l := &lines{say: func(s string) { said = append(said, s) }}
	for _, part := range []string{"one\ntw", "o\r\n\n", "\x1b[91mred\x1b[0m\nlast"} {
		if _, err := l.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	l.flush()
	if want := []string{"one", "two", "red", "last"}; !slices.Equal(said, want) || !slices.Equal(l.tail, want) {
		t.Errorf("said %q, kept %q, want %q", said, l.tail, want)
	}
}
