package image

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An engine that can't do what the build takes is passed over, and says why: the legacy builder of Docker knows nothing that
// came with BuildKit, podman no cache but a registry's.
func TestLacks(t *testing.T) {
	legacy, buildah := &Engine{Name: "docker", kind: docker{}}, &Engine{Name: "buildah", kind: podman{}}
	const plain = "FROM scratch\nCOPY --chown=1 --from=x a /\nRUN true\n"
	for _, c := range []struct {
		engine *Engine
		file   string
		pass   Pass
		want   string
	}{
		{legacy, plain, Pass{}, ""},
		{legacy, plain, Pass{Secrets: []string{"id=a,env=A"}}, "--secret needs BuildKit"},
		{legacy, plain, Pass{CacheFrom: []string{"r.example.com/a"}}, "--cache-from needs BuildKit"},
		{legacy, plain + "RUN --mount=type=cache,target=/c true\n", Pass{}, "Dockerfile:4 RUN --mount needs BuildKit (install docker-buildx)"},
		{legacy, plain + "COPY --link a /\n", Pass{}, "Dockerfile:4 COPY --link needs BuildKit"},
		{legacy, plain + "COPY <<EOF /a\nx\nEOF\n", Pass{}, "Dockerfile:4 COPY <<EOF needs BuildKit"},
		{&Engine{Name: "docker", kind: docker{}, buildx: true}, plain + "RUN --mount=type=cache,target=/c true\n", Pass{SSH: []string{"default"}}, ""},
		{&Engine{Name: "docker", kind: docker{}, embedded: true}, plain + "RUN --mount=type=cache,target=/c true\n", Pass{}, ""},
		{buildah, plain + "RUN --mount=type=cache,target=/c true\n", Pass{CacheFrom: []string{"type=registry,ref=r.example.com/a:b", "r.example.com/a"}}, ""},
		{buildah, plain, Pass{CacheTo: []string{"type=gha"}}, "keeps its cache in a registry alone: type=registry,ref=REPOSITORY, not type=gha"},
		{buildah, plain, Pass{CacheTo: []string{"type=registry"}}, "keeps its cache in a registry alone"},
	} {
		s := Spec{Dir: folder(t, map[string]string{"Dockerfile": c.file, "a": ""}), Dockerfile: "Dockerfile", Pass: c.pass}
		if got := c.engine.lacks(s); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s, %q, %+v: %q, want %q", c.engine.Name, c.file, c.pass, got, c.want)
		}
	}
	if got := repositories([]string{"type=registry,ref=r.example.com:5000/a/b:c,mode=max", "r.example.com/d"}); !slices.Equal(got, []string{"r.example.com:5000/a/b", "r.example.com/d"}) {
		t.Errorf("podman is given %q", got)
	}
}

// What nobody here can build is known before anything is begun: only what is asked for is looked at.
func TestBuildable(t *testing.T) {
	fake := fakeDocker(t)
	t.Setenv("FAKE_DRIVER", "")
	run, plain := folder(t, map[string]string{"Dockerfile": "FROM scratch\nRUN --mount=type=cache,target=/c true\n"}), folder(t, map[string]string{"Dockerfile": "FROM scratch\n"})
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Dir: plain, Dockerfile: "Dockerfile"}, ""},
		{Spec{Dir: plain, Dockerfile: "Dockerfile", Builder: "native"}, ""},
		{Spec{Dir: plain, Dockerfile: "Dockerfile", Builder: "docker"}, ""},
		{Spec{Dir: plain, Dockerfile: "Dockerfile", Builder: "nerdctl"}, "no way to build Dockerfile on this machine\n  nerdctl: not installed"},
		{Spec{Dir: run, Dockerfile: "Dockerfile", Builder: "native"}, "Dockerfile:2 RUN must run inside a container"},
		{Spec{Dir: run, Dockerfile: "Dockerfile"}, "no way to build Dockerfile on this machine\n  native    Dockerfile:2 RUN must run inside a container\n" +
			"  docker    has no buildx plugin, and Dockerfile:2 RUN --mount needs BuildKit (install docker-buildx)\n  podman, buildah, nerdctl, finch: not installed"},
		{Spec{Dir: plain, Go: "."}, ""},
		{Spec{Dir: plain, Dockerfile: "none"}, ""}, // a mistake is the build's to report
	} {
		t.Setenv("PATH", fake)
		if c.spec.Builder == "docker" {
			t.Setenv("PATH", fake+string(os.PathListSeparator)+"/bin"+string(os.PathListSeparator)+"/usr/bin")
		}
		err := c.spec.Buildable(t.Context())
		if got := ""; err != nil {
			got = err.Error()
			if got != c.want {
				t.Errorf("%s %s: %s\nwant %s", filepath.Base(c.spec.Dir), c.spec.Builder, got, c.want)
			}
		} else if c.want != got {
			t.Errorf("%s %s: nothing is wrong, want %s", filepath.Base(c.spec.Dir), c.spec.Builder, c.want)
		}
	}
}

// What a builder says of what fargatectl does itself is nothing that a user could change.
func TestHushed(t *testing.T) {
	t.Parallel()
	var said []string
	l := &lines{say: func(line string) { said = append(said, line) }}
	for _, line := range []string{
		"DEPRECATED: The legacy builder is deprecated and will be removed in a future release.",
		"            BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0",
		"            environment-variable.",
		"[Warning] one or more build args were not consumed: [TARGETARCH TARGETOS TARGETPLATFORM]",
		"[Warning] one or more build args were not consumed: [TARGETARCH VERSION]",
	} {
		l.add(line)
	}
	if len(said) != 1 || len(l.tail) != 1 || !strings.Contains(said[0], "VERSION") {
		t.Errorf("said %q", said)
	}
}
