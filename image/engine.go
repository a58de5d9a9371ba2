package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// engineTimeout is how long a container engine may take to say that it is there.
const engineTimeout = 3 * time.Second

// An Engine builds Dockerfiles: one that answers, not just a command on PATH.
type Engine struct {
	Name    string // docker, podman, buildah, nerdctl, finch
	Version string
	Warning string // what is not as it should be with it

	bin      string
	kind     engineKind
	buildx   bool // of docker
	embedded bool // a Docker before 23 has BuildKit without a plugin
	layout   bool // it can write an OCI layout
	here     bool // it reaches this machine's loopback

	builder string // of buildx, "" for the one in use
	context string // of docker, whose engine keeps the image; "" is the one in use
}

// An engineKind is how one family of engines is spoken to.
type engineKind interface {
	// find asks whether the engine answers; the error says in a few words what is missing.
	find(ctx context.Context, e *Engine) error
	// build is the command line of a build, of which the engine's own paths follow.
	build(e *Engine, s Spec, w *workshop) []string
	// push are the command lines that have the engine push an image to a registry on loopback, and forget its name again.
	push(e *Engine, id, ref string) (push, forget [][]string)
	// save is the command line that writes an image as an archive of docker's to standard output.
	save(e *Engine, id string) []string
}

// A workshop is what one build has at hand.
type workshop struct {
	dockerfile string   // path in the context
	tag        string   // name of the image in the engine
	idFile     string   // the engine writes the image's id there
	layout     string   // folder for an OCI layout; "" where the engine keeps the image
	zstd       bool     // the layout's layers
	contexts   []string // of buildx: what takes the place of images
	ignore     string   // file of patterns; "" where the context comes on standard input
}

// engines are all that are looked for, in the order they are taken.
var engines = []struct {
	name string
	kind engineKind
}{{"docker", docker{}}, {"podman", podman{}}, {"buildah", podman{}}, {"nerdctl", nerdctl{}}, {"finch", nerdctl{}}}

// Builders are the names that --builder takes.
func Builders() []string {
	names := []string{"auto", "native"}
	for _, e := range engines {
		names = append(names, e.name)
	}
	return names
}

// output is BuildKit's exporter of an OCI layout. Without force-compression layers of its cache stay as they are.
func (w *workshop) output() string {
	if w.zstd {
		return "type=oci,tar=false,compression=zstd,force-compression=true,dest=" + w.layout
	}
	return "type=oci,tar=false,dest=" + w.layout
}

// A Missing engine is one that can't be used, and why.
type Missing struct{ Name, Why string }

// DetectEngines asks all engines at once, 3 s at most, and returns those that answer, best first, and why the others do not.
// only is one name, or "" for all; docker:NAME is docker with the buildx builder NAME.
func DetectEngines(ctx context.Context, only string) (found []*Engine, missing []Missing) {
	only, builder, _ := strings.Cut(only, ":")
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	var wg sync.WaitGroup
	all, errs := make([]*Engine, len(engines)), make([]error, len(engines))
	for i, k := range engines {
		all[i] = &Engine{Name: k.name, kind: k.kind, builder: builder}
		if only != "" && only != k.name {
			errs[i] = errUnasked
			continue
		}
		wg.Go(func() {
			if all[i].bin, errs[i] = exec.LookPath(k.name); errs[i] != nil {
				errs[i] = errors.New("not installed")
			} else {
				errs[i] = k.kind.find(ctx, all[i])
			}
		})
	}
	wg.Wait()
	for i, e := range all {
		switch {
		case errs[i] == nil:
			found = append(found, e)
		case !errors.Is(errs[i], errUnasked):
			missing = append(missing, Missing{e.Name, errs[i].Error()})
		}
	}
	return found, missing
}

var errUnasked = errors.New("not asked for")

// ask runs the engine's command and returns what it says.
func (e *Engine) ask(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, e.bin, args...)
	cmd.WaitDelay = 100 * time.Millisecond
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// A NoBuilderError is that nothing here can build a Dockerfile.
type NoBuilderError struct {
	Dockerfile string
	Missing    []Missing
}

func (e *NoBuilderError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no way to build %s on this machine", e.Dockerfile)
	var absent []string
	for _, m := range e.Missing {
		if m.Why == "not installed" {
			absent = append(absent, m.Name)
			continue
		}
		fmt.Fprintf(&b, "\n  %-9s %s", m.Name, m.Why)
	}
	if len(absent) > 0 {
		fmt.Fprintf(&b, "\n  %s: not installed", strings.Join(absent, ", "))
	}
	return b.String()
}

// Hint says the ways out.
func (*NoBuilderError) Hint() string {
	return "start Docker or install podman; or build a Go main package without any (`build: {go: PACKAGE}`); or build elsewhere and pass --image REPOSITORY@sha256:…"
}

// engine is the one that builds.
func (s Spec) engine(ctx context.Context) (*Engine, error) {
	only := s.Builder
	if only == "auto" {
		only = ""
	}
	found, missing := DetectEngines(ctx, only)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for _, e := range found {
		why := e.lacks(s)
		if why == "" {
			return e, nil
		}
		missing = append(missing, Missing{e.Name, why})
	}
	return nil, &NoBuilderError{s.Dockerfile, missing}
}

// buildWith has an engine build a Dockerfile, and takes the image over from it in the way that is quickest for both:
// as an OCI layout where the engine writes one, through a bridge where it reaches this machine's loopback, else as an
// archive.
func (s Spec) buildWith(ctx context.Context, e *Engine, b *Built, say func(string)) error {
	if err := e.checkSeveral(s); err != nil {
		return err
	}
	c, err := s.openContext()
	if err != nil {
		return err
	}
	defer c.close() // opened for reading
	b.Tool, b.engine = e.Name+" "+e.Version, true
	if e.Warning != "" {
		say(e.Warning)
	}
	env, err := e.environment(s)
	if err != nil {
		return err
	}
	w := &workshop{dockerfile: c.dockerfile, tag: s.localTag(), idFile: filepath.Join(b.dir, "id")}
	if w.contexts, err = s.contexts(c, e); err != nil {
		return err
	}
	if e.layout {
		w.layout, w.zstd = filepath.Join(b.dir, "layout"), s.Compression == "zstd"
	}
	say(e.Name + " build " + s.Dockerfile + " for " + s.platform().String())
	t := tool{dir: s.Dir, env: env, show: e.Name + " build " + s.Dockerfile}
	if _, streams := e.kind.(docker); streams {
		err = t.feed(ctx, c.send, say, e.kind.build(e, s, w)...)
	} else {
		w.ignore = filepath.Join(b.dir, "ignore")
		if err = c.writeIgnore(w.ignore); err == nil {
			err = t.run(ctx, nil, nil, say, e.kind.build(e, s, w)...)
		}
	}
	if err != nil {
		return err
	}
	return e.handOver(ctx, s, b, w, say)
}

// handOver takes the image that was built.
func (e *Engine) handOver(ctx context.Context, s Spec, b *Built, w *workshop, say func(string)) (err error) {
	if e.layout {
		b.Route = "layout"
		for i, p := range s.platforms() {
			img, err := fromLayout(w.layout, p)
			switch {
			case err != nil:
				return err
			case i == 0:
				b.Image = img
			default:
				b.others = append(b.others, img)
			}
		}
		return nil
	}
	text, err := os.ReadFile(w.idFile)
	if err != nil {
		return err
	}
	id := strings.TrimSpace(string(text))
	if !strings.HasPrefix(id, "sha256:") { // podman and buildah write the number alone
		id = "sha256:" + id
	}
	if e.here && s.Compression != "zstd" { // what an engine pushes is compressed as it likes
		b.Route = "bridge"
		b.kept = &kept{id: id, platform: s.platform(), push: func(ctx context.Context, ref string) error { return e.pushTo(ctx, id, ref, say) }}
		return nil
	}
	b.Route = "archive"
	say("reading the image from " + e.Name)
	saved := filepath.Join(b.dir, "saved.tar")
	if err := e.saveTo(ctx, id, saved); err != nil {
		return err
	}
	how := gzipped
	if s.Compression == "zstd" {
		how = zstandard
	}
	b.Image, err = takeOver(saved, b.dir, id, how)
	return errors.Join(err, os.Remove(saved))
}

// pushTo has the engine push an image to a registry on loopback. Its name there is nobody's business afterwards.
func (e *Engine) pushTo(ctx context.Context, id, ref string, say func(string)) error {
	push, forget := e.kind.push(e, id, ref)
	t := tool{env: os.Environ(), show: e.Name + " push"}
	var err error
	for _, argv := range push {
		if err = t.run(ctx, nil, io.Discard, say, argv...); err != nil { // it says the name there, which is ours alone
			break
		}
	}
	for _, argv := range forget { // also of a push that was given up
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), engineTimeout)
		_ = t.run(patience, nil, nil, nil, argv...) // a name too many in the engine harms nobody
		cancel()
	}
	return err
}

// saveTo has the engine write the image to a file.
func (e *Engine) saveTo(ctx context.Context, id, file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = tool{env: os.Environ(), show: e.Name + " save"}.run(ctx, nil, f, nil, e.kind.save(e, id)...)
	return errors.Join(err, f.Close())
}
