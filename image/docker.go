package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// engineTimeout is how long a container engine may take to say that it is there.
const engineTimeout = 3 * time.Second

// An engine is a Docker that answers, not just a docker command on PATH.
type engine struct {
	bin     string
	version string
	buildx  bool
}

// findEngine looks for Docker; the error says what is missing and the ways out.
func (s Spec) findEngine(ctx context.Context) (*engine, error) {
	none := &Error{
		What: "no way to build " + s.Dockerfile + " on this machine",
		Ways: "start or install Docker, or build a Go main package without it (`build: {go: PACKAGE}`), " +
			"or build elsewhere and pass --image REPOSITORY@sha256:…",
	}
	bin, err := exec.LookPath("docker")
	if err != nil {
		none.Err = errors.New("docker is not installed")
		return nil, none
	}
	ask := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, engineTimeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, bin, args...)
		cmd.WaitDelay = 100 * time.Millisecond
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	version, err := ask("version", "--format", "{{.Server.Version}}")
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil || version == "" {
		at := os.Getenv("DOCKER_HOST")
		if at == "" {
			at = "the default address"
		}
		none.Err = fmt.Errorf("docker is there, but no engine answers at %s within %s", at, engineTimeout)
		return nil, none
	}
	_, err = ask("buildx", "version")
	return &engine{bin: bin, version: version, buildx: err == nil}, nil
}

// arguments is the command line of the build: the context comes on standard input, values of build arguments from the
// environment. No attestations: with them the image would be an index that Fargate can't choose from.
func (e *engine) arguments(s Spec, dockerfile, tag string) []string {
	argv := []string{e.bin, "build"}
	if e.buildx {
		argv = []string{e.bin, "buildx", "build", "--load", "--progress=plain", "--provenance=false", "--sbom=false"}
	}
	argv = append(argv, "--platform", s.platform().String(), "--file", dockerfile, "--tag", tag)
	if s.Target != "" {
		argv = append(argv, "--target", s.Target)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Args)) {
		argv = append(argv, "--build-arg", name)
	}
	return append(argv, "-")
}

// environment is the user's, with the values of the build arguments. An argument that docker itself would read as one of
// its own settings is refused.
func (e *engine) environment(s Spec) ([]string, error) {
	env := os.Environ()
	if !e.buildx { // DOCKER_BUILDKIT=1 without the buildx plugin is an error of docker's
		env = append(env, "DOCKER_BUILDKIT=0")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Args)) {
		switch {
		case name == "" || strings.ContainsAny(name, "= \x00") || strings.HasPrefix(name, "-"):
			return nil, fmt.Errorf("build argument %q is not a name", name)
		case name == "PATH", name == "HOME", strings.HasPrefix(name, "DOCKER_"), strings.HasPrefix(name, "BUILDX_"):
			return nil, &Error{What: "build argument " + name + " would change docker itself", Ways: "give it another name in the Dockerfile"}
		}
		env = append(env, name+"="+s.Args[name])
	}
	return env, nil
}

// buildDocker builds with Docker and takes the image over from it.
func (s Spec) buildDocker(ctx context.Context, b *Built, say func(string)) error {
	c, err := s.openContext()
	if err != nil {
		return err
	}
	defer c.close() // opened for reading
	e, err := s.findEngine(ctx)
	if err != nil {
		return err
	}
	b.Tool = "docker " + e.version
	if !e.buildx {
		say("docker has no buildx plugin: the legacy builder is slower, and will go away (install docker-buildx)")
	}
	env, err := e.environment(s)
	if err != nil {
		return err
	}
	say("docker build " + s.Dockerfile + " for " + s.platform().String())
	tag := s.localTag()
	build := tool{dir: s.Dir, env: env, show: "docker build " + s.Dockerfile}
	if err := build.feed(ctx, c.send, say, e.arguments(s, c.dockerfile, tag)...); err != nil {
		return err
	}
	say("reading the image from docker")
	saved := filepath.Join(b.dir, "saved.tar")
	if err := e.save(ctx, tag, saved); err != nil {
		return err
	}
	b.Image, err = takeOver(saved, b.dir)
	return errors.Join(err, os.Remove(saved))
}

// feed runs argv with what write writes on its standard input. Where the context itself can't be read, that is the error,
// and the tool's complaint about half a stream is not.
func (t tool) feed(ctx context.Context, write func(io.Writer) error, say func(string), argv ...string) error {
	r, w := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		err := write(w)
		w.CloseWithError(err)
		wrote <- err
	}()
	err := t.run(ctx, r, nil, say, argv...)
	_ = r.CloseWithError(io.ErrClosedPipe) // ends a write that nobody reads any more; it never fails
	if werr := <-wrote; werr != nil && !errors.Is(werr, io.ErrClosedPipe) && ctx.Err() == nil {
		return fmt.Errorf("build context: %w", werr)
	}
	return err
}

// localTag is the name that an image has in the engine. It is the same for each build of the same thing, so that the
// engine keeps one image and the layers it can reuse.
func (s Spec) localTag() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{s.Dir, s.Dockerfile, s.Target, s.platform().String()}, "\x00")))
	return "fargatectl-build:" + hex.EncodeToString(sum[:8])
}

// save has the engine write the image to a file.
func (e *engine) save(ctx context.Context, tag, file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = tool{env: os.Environ(), show: "docker save"}.run(ctx, nil, f, nil, e.bin, "save", tag)
	return errors.Join(err, f.Close())
}
