// Package native builds images from Dockerfiles without a container engine: what an instruction does to files and to the
// configuration is done here, on a file tree in memory whose contents stay where they are (in the build context, in layers
// on disk) until a layer is written. RUN needs a container: a Dockerfile whose target is reached by way of one is refused,
// as is everything else that would only be an approximation, by a [*Refusal] that names the line and the instruction.
//
// The rules are BuildKit's (github.com/moby/buildkit v0.30, frontend/dockerfile and tonistiigi/fsutil's copy), and
// testdata/dockerfiles holds what it made of each case. Where this package differs:
//
//   - All times are the epoch, or SOURCE_DATE_EPOCH where that is a build argument; owners in the context are root; hard
//     links in the context are files of their own: the same input gives the same digest on every machine, in every folder.
//   - The platform in the configuration is that of the base image, not the one that was asked for.
//   - A file called .wh.NAME is refused: in a layer it would delete NAME.
//   - GNU tar's own format of sparse files is taken, beside that of PAX. Holes become zeros, as in every layer.
//   - What an archive may unpack to is bounded: 8 GiB, a million files, names and paths that Linux takes.
//
// Names are bytes and compared as such: two that differ in their case alone are two files, in archives and in a context on a
// file system that tells them apart.
//
// Memory: 1.2 KB for each file of the base and of the context, measured with 100,000; contents are streamed.
package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A Context is the folder that COPY and ADD take from, less what is ignored.
type Context interface {
	Walk(visit func(Entry) error) error // each entry once, folders before what is in them
	Open(name string) (io.ReadCloser, error)
}

// An Entry is one file, folder or symbolic link of a context.
type Entry struct {
	Name string // relative, with slashes
	Mode fs.FileMode
	Size int64
	Link string // where a symbolic link points to
}

// Options say what to build.
type Options struct {
	Dockerfile []byte
	Name       string            // of the Dockerfile, for errors
	Target     string            // stage; "" is the last
	Args       map[string]string // build arguments
	Platform   v1.Platform       // of the image
	Context    Context
	Dir        string // an existing folder, for the layers; the image reads them from there

	// Base gives the image that FROM or COPY --from names, for the platform.
	Base func(ctx context.Context, ref string, platform v1.Platform) (v1.Image, error)
	// Fetch opens what ADD names by its URL.
	Fetch func(ctx context.Context, url string) (io.ReadCloser, error)
	// Absent says why the context has not what COPY or ADD names, and what to do about it; it may be nil.
	Absent func(source string) string
	// Say gets a line for each instruction that moves files; it may be nil.
	Say func(string)
}

// A Refusal is what only a container engine can do.
type Refusal struct {
	File        string // "Dockerfile"
	Line        int
	Instruction string // "RUN"
	Why         string // `in stage "build" must run inside a container`
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("%s:%d %s %s", r.File, r.Line, r.Instruction, r.Why)
}

// An Error is an instruction that failed.
type Error struct {
	File        string
	Line        int // 0: unknown
	Instruction string
	Err         error
	Ways        string // what to do about it; may be empty
}

// Hint is what the user can do, for the line behind the error.
func (e *Error) Hint() string {
	if inner, ok := errors.AsType[interface {
		error
		Hint() string
	}](e.Err); ok && e.Ways == "" {
		return inner.Hint()
	}
	return e.Ways
}

func (e *Error) Error() string {
	text := e.File
	if e.Line > 0 {
		text += ":" + strconv.Itoa(e.Line)
	}
	if e.Instruction != "" {
		text += " " + e.Instruction
	}
	return text + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Check says whether Build would refuse, as far as the Dockerfile alone shows it: nil, a *Refusal, or an *Error for what is
// no Dockerfile. It asks nobody and reads nothing.
func Check(o Options) error {
	f, err := parse(o)
	if err != nil {
		return err
	}
	return f.refuse()
}

// Build builds the target of a Dockerfile.
func Build(ctx context.Context, o Options) (v1.Image, error) {
	f, err := parse(o)
	if err == nil {
		err = f.refuse()
	}
	if err != nil {
		return nil, err
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	epoch, err := f.epoch()
	if err != nil {
		return nil, err
	}
	b := &builder{Options: o, file: f, epoch: epoch, bases: map[string]*base{}}
	for _, s := range f.stages {
		if !s.reached {
			continue
		}
		if err := b.stage(ctx, s); err != nil {
			return nil, err
		}
	}
	return f.target.finish(b.epoch)
}

// A builder is one build.
type builder struct {
	Options
	file  *file
	epoch time.Time
	local *tree            // of the context, once it is needed
	bases map[string]*base // by reference and platform
	files int              // in Dir, for their names
}

// stage builds one stage: its base, then its instructions.
func (b *builder) stage(ctx context.Context, s *stage) error {
	if err := b.begin(ctx, s); err != nil {
		return b.file.at(s.From, err)
	}
	for _, i := range s.Instructions {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := b.dispatch(ctx, s, i); err != nil {
			return b.file.at(i, err)
		}
	}
	return nil
}

// context is the tree of the build context.
func (b *builder) contextTree() (*tree, error) {
	if b.local != nil {
		return b.local, nil
	}
	t := newTree()
	err := b.Context.Walk(func(e Entry) error {
		n := &node{mode: tarMode(e.Mode), owner: t}
		switch {
		case e.Mode.IsDir():
			n.kind, n.children = kindDir, map[string]*node{}
		case e.Mode&fs.ModeSymlink != 0:
			n.kind, n.link, n.mode = kindLink, e.Link, 0o777
		case e.Mode.IsRegular():
			n.kind, n.size, n.body = kindFile, e.Size, inContext{b.Context, e.Name, e.Size}
		default:
			return fmt.Errorf("%s is neither file, folder nor link", e.Name)
		}
		return t.put("/"+e.Name, n)
	})
	if err != nil {
		return nil, fmt.Errorf("build context: %w", err)
	}
	b.local = t
	return t, nil
}

// create makes a new file in Dir.
func (b *builder) create(kind string) (*os.File, error) {
	b.files++
	return os.OpenFile(fmt.Sprintf("%s/%s-%d", b.Dir, kind, b.files), os.O_CREATE|os.O_RDWR|os.O_EXCL, 0o600)
}

// inContext is the content of a file of the context.
type inContext struct {
	context Context
	name    string
	size    int64
}

func (c inContext) open() (io.ReadCloser, error) { return c.context.Open(c.name) }

// inMemory is the content of a document in the Dockerfile.
type inMemory string

func (m inMemory) open() (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(string(m))), nil
}

// onDisk is the content of a file of its own in Dir.
type onDisk string

func (d onDisk) open() (io.ReadCloser, error) { return os.Open(string(d)) }

var errNotFound = errors.New("not found")

// onbuild refuses what a base image wants to have done first: BuildKit does it, but it may be anything.
func (b *builder) onbuild(s *stage, triggers []string) error {
	if len(triggers) == 0 {
		return nil
	}
	return b.file.refusal(s.From, s.Base+" has ONBUILD "+triggers[0])
}
