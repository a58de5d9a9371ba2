package image

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// docker is Docker's command line: contexts, plugins and credentials are the user's own.
type docker struct{}

// dockerInfo is what `docker info` tells that matters.
type dockerInfo struct {
	ServerVersion   string
	OperatingSystem string
	DriverStatus    [][2]string
	SecurityOptions []string
}

func (docker) find(ctx context.Context, e *Engine) error {
	var wg sync.WaitGroup
	var info, inspect, endpoint, client string
	var err, plugin, builder error
	wg.Go(func() { info, err = e.ask(ctx, "info", "--format", "{{json .}}") })
	wg.Go(func() {
		if _, plugin = e.ask(ctx, "buildx", "version"); plugin == nil {
			inspect, builder = e.ask(ctx, e.buildxArgs("inspect")...)
		}
	})
	wg.Go(func() { client, _ = e.ask(ctx, "--version") })
	wg.Go(func() {
		if endpoint = os.Getenv("DOCKER_HOST"); endpoint == "" {
			endpoint, _ = e.ask(ctx, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
		}
	})
	wg.Wait()
	driver, named := buildxField(inspect, "Driver:"), cmp.Or(e.builder, os.Getenv("BUILDX_BUILDER"))
	e.buildx = plugin == nil && builder == nil
	if err := e.noBuilder(ctx, named, plugin, builder); err != nil {
		return err
	}
	if driver == "docker" && named != "" {
		// The engine of a context, which need not be the one in use: the image will be there.
		e.context = buildxField(inspect, "Endpoint:")
		info, err = e.ask(ctx, e.docker("info", "--format", "{{json .}}")[1:]...)
		endpoint, _ = e.ask(ctx, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}", e.context)
	}
	var about dockerInfo
	if err == nil {
		err = json.Unmarshal([]byte(info), &about)
	}
	elsewhere := driver != "" && driver != "docker" // BuildKit builds without Docker's engine
	if (err != nil || about.ServerVersion == "") && !elsewhere {
		at := endpoint
		if at == "" {
			at = "its default address"
		}
		return fmt.Errorf("no engine answers at %s within %s (start Docker, or set DOCKER_HOST)", at, engineTimeout)
	}
	e.Version = about.ServerVersion
	if elsewhere {
		e.Version = strings.TrimSpace(e.Version + " buildx " + driver)
	}
	snapshotter := slices.ContainsFunc(about.DriverStatus, func(kv [2]string) bool { return strings.Contains(kv[1], "io.containerd.snapshotter") })
	e.layout = e.buildx && (elsewhere || snapshotter)
	e.here = runtime.GOOS == "linux" && strings.HasPrefix(endpoint, "unix://") && about.OperatingSystem != "Docker Desktop" &&
		!slices.ContainsFunc(about.SecurityOptions, func(o string) bool { return strings.Contains(o, "name=rootless") })
	if e.embedded = !e.buildx && major(client) < 23; !e.buildx && !e.embedded {
		e.Warning = "docker has no buildx plugin: the legacy builder is slower, and will go away (install docker-buildx)"
	}
	return nil
}

// noBuilder is the error where buildx has not answered for the builder that builds: named, or the one in use. Without it another one
// would build, which nobody has asked for. A buildx that is not there, or can't write its own files, leaves the legacy builder.
func (e *Engine) noBuilder(ctx context.Context, named string, plugin, builder error) error {
	switch {
	case e.buildx:
		return nil
	case e.builder != "" || named != "" && plugin == nil:
		return fmt.Errorf("there is no buildx builder %s that answers within %s (docker buildx ls)", named, engineTimeout)
	case builder != nil && ctx.Err() != nil:
		return fmt.Errorf("its buildx builder does not answer within %s (docker buildx inspect)", engineTimeout)
	}
	return nil
}

func (e *Engine) buildxArgs(args ...string) []string {
	argv := append([]string{"buildx"}, args...)
	if e.builder != "" {
		argv = append(argv, "--builder", e.builder)
	}
	return argv
}

// docker is a command line to the engine that has the image.
func (e *Engine) docker(args ...string) []string {
	if e.context == "" {
		return append([]string{e.bin}, args...)
	}
	return append([]string{e.bin, "--context", e.context}, args...)
}

// buildxField is the first of its name in what `docker buildx inspect` says: "Driver:" is docker, docker-container, remote,
// kubernetes or cloud; "Endpoint:" of the driver docker is a context.
func buildxField(text, field string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, field); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// build: the context comes on standard input, values of build arguments from the environment. No attestations: with
// them the image would be an index that Fargate can't choose from.
func (docker) build(e *Engine, s Spec, w *workshop) []string {
	argv := []string{e.bin, "build"}
	if e.buildx {
		argv = append([]string{e.bin}, e.buildxArgs("build", "--progress=plain", "--provenance=false", "--sbom=false")...)
	}
	if w.layout != "" {
		argv = append(argv, "--output", w.output())
	} else {
		if e.buildx {
			argv = append(argv, "--load")
		}
		argv = append(argv, "--iidfile", w.idFile, "--tag", w.tag)
	}
	for _, c := range w.contexts {
		argv = append(argv, "--build-context", c)
	}
	return append(append(argv, s.common(w)...), "-")
}

// common are the flags that all engines share.
func (s Spec) common(w *workshop) []string {
	argv := []string{"--platform", strings.Join(append([]string{s.platform().String()}, s.Also...), ","), "--file", w.dockerfile}
	if s.Target != "" {
		argv = append(argv, "--target", s.Target)
	}
	if s.NoCache {
		argv = append(argv, "--no-cache")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Args)) {
		argv = append(argv, "--build-arg", name)
	}
	return append(argv, s.Pass.flags()...)
}

func (docker) push(e *Engine, id, ref string) (push, forget [][]string) {
	return [][]string{e.docker("tag", id, ref), e.docker("push", "--quiet", ref)}, [][]string{e.docker("rmi", ref)}
}

func (docker) save(e *Engine, id string) []string { return e.docker("save", id) }

// environment is the user's, with the values of the build arguments. An argument that the engine itself would read as
// one of its own settings is refused.
func (e *Engine) environment(s Spec) ([]string, error) {
	env := os.Environ()
	switch {
	case e.embedded:
		env = append(env, "DOCKER_BUILDKIT=1")
	case e.Name == "docker" && !e.buildx: // DOCKER_BUILDKIT=1 without the buildx plugin is an error of docker's
		env = append(env, "DOCKER_BUILDKIT=0")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Args)) {
		switch {
		case name == "" || strings.ContainsAny(name, "= \x00") || strings.HasPrefix(name, "-"):
			return nil, fmt.Errorf("build argument %q is not a name", name)
		case name == "PATH", name == "HOME", own(name):
			return nil, &Error{What: "build argument " + name + " would change the builder itself", Ways: "give it another name in the Dockerfile"}
		}
		env = append(env, name+"="+s.Args[name])
	}
	return env, nil
}

// own says whether a variable is a setting of an engine.
func own(name string) bool {
	return slices.ContainsFunc([]string{"DOCKER_", "BUILDX_", "BUILDAH_", "CONTAINER", "NERDCTL_", "STORAGE_"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

// major is the number in "Docker version 20.10.24, build 297e128", 99 where there is none.
func major(client string) int {
	_, version, _ := strings.Cut(client, "version ")
	text, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return 99
}
