// Package image turns a folder into a container image and brings it to a registry. It knows no AWS: a registry is a host,
// a repository and whoever authenticates.
//
// [Detect] finds out what a folder holds; [Spec.Tag] names the image by a hash of everything that goes into it, without
// building, so that nothing is built or pushed whose tag is already there; [Spec.Build] builds and [Built.Push] pushes.
//
// # Go main packages
//
// They are built by the go tool alone, without any container engine, into one layer that comes out the same, bit for bit,
// on every machine: times at the epoch, owner root, the binary at /app. Without a base image (scratch) the layer also holds
// what a service in production misses at once when it isn't there:
//
//   - /etc/ssl/certs/ca-certificates.crt, Mozilla's roots as golang.org/x/crypto/x509roots publishes them. They come with
//     fargatectl, not from the building machine, which would make the image depend on that machine. A newer fargatectl
//     may bring newer roots, and then gives the image a new tag.
//   - /tmp, for everybody to write.
//   - the time zones, inside the binary (build tag timetzdata).
//
// Such an image runs as user 65532:65532. On a base image the layer is the binary alone, and the base's user stays. The
// base is hashed by its name: pin it by digest to have the tag follow its content.
//
// # Dockerfiles
//
// Those whose target is reached without RUN are built by package native: in tenths of a second, the same digest everywhere,
// for any platform, without an engine. The others are built by the first engine that answers: docker, podman, buildah,
// nerdctl or finch. A build that fails never goes on to the next.
//
// The context is one walk, which is hashed, copied from and sent: what the tag covers is what the builder sees. Symbolic
// links are links, never followed; group write permission is left out, since it follows the umask of whoever cloned the
// folder; owner and times are no part of the tag, and images that FROM names are part of it by their name alone.
package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// hashVersion stands at the head of every hash of inputs. It changes when the same inputs begin to give another image.
const hashVersion = "fargatectl/image/1"

// A Spec says what to build; exactly one of Go, Static, Archive and Dockerfile is used. [Detect] fills it from a folder.
type Spec struct {
	Dir         string            // the folder, absolute: the context of a Dockerfile, the working directory of a Go build
	Go          string            // Go main package relative to Dir: "." or "./cmd/api"
	Base        string            // base image of a Go build; "" is scratch
	Static      string            // folder of files to serve, relative to Dir
	Command     []string          // what another builder is run with in Dir; it writes Archive, for $FARGATECTL_PLATFORM
	Archive     string            // OCI layout (folder or tar) or archive of docker's, relative to Dir
	Dockerfile  string            // path relative to Dir
	Target      string            // stage of the Dockerfile; "" is the last
	Args        map[string]string // build arguments; part of the tag, and readable in the image: never secrets
	Platform    string            // linux/amd64 (also when empty) or linux/arm64
	Also        []string          // further platforms: the tag then names an index of an image for each
	Exclude     []string          // paths in Dir that never belong to the context, besides .git and .fargatectl: the manifest
	Builder     string            // auto (also when empty), native, docker, docker:NAME, podman, buildah, nerdctl, finch
	NoCache     bool              // build every step anew
	Compression string            // of layers: gzip (also when empty) or zstd
	Mirror      string            // "HOST/PREFIX", from where the images of Docker Hub come; "" is Docker Hub
	Keychain    authn.Keychain    // for the registries of base images; nil: what `docker login` left on this machine
	Transport   http.RoundTripper // to them; nil: the network, through the environment's proxy
	Pass        Pass              // what goes to the engine as it is
	Offline     bool              // fargatectl asks nothing outside: a base image is refused. The go tool and Docker follow their own settings

	alone bool // a Go program of ours: it needs no time zones, and no workspace of the user's counts
}

// Pass is what goes to a builder as it is written.
type Pass struct {
	Secrets   []string // "id=npm,env=NPM_TOKEN", "id=npmrc,src=.npmrc": never a value
	SSH       []string // "default": the agent's keys, for git
	CacheFrom []string // "type=registry,ref=HOST/REPOSITORY:TAG"
	CacheTo   []string
}

// names are the flags that are given.
func (p Pass) names() (given []string) {
	for i, word := range p.flags() {
		if i%2 == 0 && !slices.Contains(given, word) {
			given = append(given, word)
		}
	}
	return given
}

func (p Pass) flags() (argv []string) {
	for _, f := range []struct {
		name   string
		values []string
	}{{"--secret", p.Secrets}, {"--ssh", p.SSH}, {"--cache-from", p.CacheFrom}, {"--cache-to", p.CacheTo}} {
		for _, v := range f.values {
			argv = append(argv, f.name, v)
		}
	}
	return argv
}

// Built is an image that stands on this machine, ready to be pushed. Close it when done.
type Built struct {
	Image  v1.Image      // that the service runs; nil while an engine keeps it
	Index  v1.ImageIndex // of the images for several platforms; nil for one
	Digest v1.Hash       // of one that an engine keeps it is known once it is pushed
	Size   int64         // bytes of all layers as they are stored in a registry; of one that an engine keeps unpacked, until it is pushed
	Took   time.Duration
	Config *v1.ConfigFile
	Tool   string // what built it: "go1.26.8", "docker 28.2.2"
	Route  string // how it comes from an engine: layout, bridge, archive; native without one

	engine bool         // a container engine has built it
	others []v1.Image   // for further platforms
	kept   *kept        // by the engine that has built it
	local  *http.Server // that Settle has taken it to
	dir    string       // temporary files
}

// Close removes the temporary files behind the image, which can't be pushed afterwards.
func (b *Built) Close() error { return errors.Join(b.end(), os.RemoveAll(b.dir)) }

// An Error is a failure that the user can do something about: what is wrong, and the ways out.
type Error struct {
	What string
	Ways string // what to do, without "hint:"; may be empty
	Err  error  // cause; may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.What
	}
	return e.What + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Hint is what the user can do, for the line behind the error.
func (e *Error) Hint() string { return e.Ways }

// Tag names the image by its inputs, without building it: "src-" and 20 hexadecimal digits. The same inputs have the same
// tag on every machine and in every folder.
//
// The inputs of a Go build are the files of the package and of everything it imports outside the standard library (modules
// from the module cache by their checksum), go.mod and go.sum, the toolchain, the flags, the base image and the platform;
// those of a Dockerfile are the context that .dockerignore leaves, the Dockerfile, target, arguments and platform; those of a
// folder to serve are its files and the server; those of a command are the folder that it runs in, less .dockerignore's.
func (s Spec) Tag(ctx context.Context) (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	h := newHash()
	h.line(hashVersion, s.platform().String())
	if err := s.hash(ctx, h); err != nil {
		return "", err
	}
	return "src-" + h.sum()[:20], nil
}

// hash adds the inputs. What only some have is added for them alone: the others keep their tags.
func (s Spec) hash(ctx context.Context, h inputs) error {
	if s.Compression == "zstd" {
		h.line("compression", s.Compression)
	}
	if len(s.Also) > 0 {
		h.line(append([]string{"also"}, slices.Sorted(slices.Values(s.Also))...)...)
	}
	switch {
	case s.Static != "":
		return s.hashStatic(ctx, h)
	case s.Archive != "":
		return s.hashArchive(h)
	case s.Go == "":
		return s.hashDocker(h)
	}
	for _, p := range s.platforms() { // each has files of its own
		if err := s.only(p).hashGo(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// Build builds the image. say gets lines of progress; it may be nil.
func (s Spec) Build(ctx context.Context, say func(string)) (*Built, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if say == nil {
		say = func(string) {}
	}
	begin := time.Now()
	dir, err := os.MkdirTemp("", "fargatectl-image-")
	if err != nil {
		return nil, err
	}
	b := &Built{dir: dir}
	switch {
	case s.Go != "":
		err = s.each(b, func(s Spec, b *Built) error { return s.buildGo(ctx, b, say) })
	case s.Static != "":
		err = s.each(b, func(s Spec, b *Built) error { return s.buildStatic(ctx, b, say) })
	case s.Archive != "":
		err = s.each(b, func(s Spec, b *Built) error { return s.buildArchive(ctx, b, say) })
	default:
		err = s.buildDockerfile(ctx, b, say)
	}
	if err == nil && b.kept == nil {
		if err = s.finish(b); err == nil {
			err = b.describe(s.platform())
		}
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	if unused := s.Pass.names(); len(unused) > 0 && !b.engine {
		say("not used, since no container engine builds this: " + strings.Join(unused, ", "))
	}
	b.Took, b.Route = time.Since(begin), cmp.Or(b.Route, "native")
	return b, nil
}

// describe fills what follows from the image, and refuses one for another platform than the service runs on.
func (b *Built) describe(want v1.Platform) (err error) {
	if b.Config, err = b.Image.ConfigFile(); err != nil {
		return err
	}
	if err := runsOn(b.Config, want); err != nil {
		return err
	}
	if b.Digest, err = b.Image.Digest(); err != nil {
		return err
	}
	b.Size, err = size(b.Image)
	return err
}

// runsOn refuses an image for another platform than the service's.
func runsOn(c *v1.ConfigFile, want v1.Platform) error {
	if c.OS == want.OS && c.Architecture == want.Architecture {
		return nil
	}
	return &Error{
		What: fmt.Sprintf("the image is %s/%s, the service runs on %s", c.OS, c.Architecture, want),
		Ways: fmt.Sprintf("build for %s (a FROM --platform in the Dockerfile may say otherwise), or set the service's architecture", want),
	}
}

// size is the sum of an image's layers as they are stored.
func size(img v1.Image) (sum int64, err error) {
	m, err := partial.Manifest(img)
	if err != nil {
		return 0, err
	}
	for _, l := range m.Layers {
		sum += l.Size
	}
	return sum, nil
}

// check refuses what can't be built as it stands.
func (s Spec) check() error {
	of := 0
	for _, what := range []string{s.Go, s.Static, s.Archive, s.Dockerfile} {
		of += min(len(what), 1)
	}
	switch {
	case of != 1:
		return errors.New("an image is built from a Go package, a folder of files, an archive or a Dockerfile: exactly one of them")
	case len(s.Command) > 0 && s.Archive == "":
		return errors.New("a command builds an archive: which one?")
	case s.Platform != "" && s.Platform != "linux/amd64" && s.Platform != "linux/arm64":
		return &Error{What: fmt.Sprintf("platform %q is not one that Fargate runs", s.Platform), Ways: "linux/amd64 or linux/arm64"}
	case slices.ContainsFunc(s.Also, func(p string) bool { return p != "linux/amd64" && p != "linux/arm64" || p == s.platform().String() }):
		return &Error{What: fmt.Sprintf("an image for %s and %s", s.platform(), strings.Join(s.Also, ", ")), Ways: "linux/amd64 and linux/arm64, each once"}
	case s.Compression != "" && s.Compression != "gzip" && s.Compression != "zstd":
		return &Error{What: fmt.Sprintf("compression %q is none that registries take", s.Compression), Ways: "gzip or zstd"}
	case s.Offline && s.Base != "":
		return &Error{
			What: fmt.Sprintf("base image %s lies in a registry, and the sandbox asks nothing outside", s.Base),
			Ways: "leave `base` out to build on scratch, or run without --sandbox",
		}
	}
	switch info, err := os.Stat(s.Dir); {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{What: "there is no folder " + s.Dir + " to build", Ways: "`build: {context: FOLDER}` is relative to the manifest"}
	case err != nil:
		return err
	case !info.IsDir():
		return &Error{What: s.Dir + " is not a folder", Ways: "`build: {context: FOLDER}` is relative to the manifest"}
	}
	return nil
}

// platform is the platform as an image's configuration has it.
func (s Spec) platform() v1.Platform {
	if _, arch, ok := strings.Cut(s.Platform, "/"); ok {
		return v1.Platform{OS: "linux", Architecture: arch}
	}
	return v1.Platform{OS: "linux", Architecture: "amd64"}
}
