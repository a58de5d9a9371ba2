package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/moby/patternmatcher"
)

// A buildContext is what a Dockerfile may copy from: a folder less what is ignored. It is reached through an os.Root: no
// symbolic link leads out of it.
type buildContext struct {
	root       *os.Root
	dockerfile string // path in the folder, with slashes
	strict     bool   // the Dockerfile is ignored as any other file; else it is part of the stream even where it is ignored
	ignore     *patternmatcher.PatternMatcher
	ignoredBy  string   // the file that ignore comes from
	never      []string // paths that no pattern brings back
}

// openContext opens the folder of a spec and reads its ignore file: NAME.dockerignore beside the Dockerfile NAME, else
// .dockerignore in the folder, as BuildKit does.
func (s Spec) openContext() (*buildContext, error) {
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return nil, err
	}
	c := &buildContext{root: root, dockerfile: path.Clean(strings.ReplaceAll(s.Dockerfile, `\`, "/")), never: []string{".git", ".fargatectl"}}
	for _, e := range s.Exclude {
		c.never = append(c.never, path.Clean(strings.ReplaceAll(e, `\`, "/")))
	}
	if err := c.read(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return c, nil
}

func (c *buildContext) close() error { return c.root.Close() }

// openFolder opens a folder that is built without a Dockerfile; .dockerignore in it is heeded.
func openFolder(dir string, exclude []string) (*buildContext, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	c := &buildContext{root: root, strict: true, never: []string{".git", ".fargatectl"}}
	for _, e := range exclude {
		c.never = append(c.never, path.Clean(strings.ReplaceAll(e, `\`, "/")))
	}
	if err := c.readIgnore(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return c, nil
}

// read finds the Dockerfile and the patterns.
func (c *buildContext) read() error {
	info, err := c.root.Stat(c.dockerfile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{What: fmt.Sprintf("there is no %s in %s", c.dockerfile, c.root.Name()), Ways: "`build: {dockerfile: PATH}` is a path in the context's folder, `context:` that folder; `go:`, `static:`, `archive:` build without a Dockerfile"}
	case err != nil:
		return &Error{
			What: fmt.Sprintf("%s does not lie in the context's folder %s", c.dockerfile, c.root.Name()),
			Ways: "move it there, or widen `context:`", Err: err,
		}
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", c.dockerfile)
	case info.Size() > maxDockerfile:
		return fmt.Errorf("%s has %d bytes: that is no Dockerfile", c.dockerfile, info.Size())
	}
	return c.readIgnore()
}

// maxDockerfile bounds what is read of a Dockerfile; BuildKit takes no message of more than 16 MiB.
const maxDockerfile = 16 << 20

// An entry is one file, folder or link of a context, as it is both hashed and sent.
type entry struct {
	name string
	info fs.FileInfo
	link string // where a symbolic link points to
}

// header is the entry in a tar stream: owner root, no names of users, no group write permission (it follows the umask of
// whoever cloned the folder).
func (e entry) header() (*tar.Header, error) {
	h, err := tar.FileInfoHeader(e.info, e.link)
	if err != nil {
		return nil, err
	}
	h.Name, h.Mode = e.name, h.Mode&^0o020
	h.Uid, h.Gid, h.Uname, h.Gname = 0, 0, "", ""
	h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
	if e.info.IsDir() {
		h.Name += "/"
	}
	if h.Typeflag == tar.TypeSymlink {
		h.Mode = 0o777 // as Linux has it; other systems differ
	}
	return h, nil
}

// walk visits what belongs to the context, in an order that is the same everywhere. A folder that is ignored is visited
// where a pattern with "!" brings back something in it.
func (c *buildContext) walk(visit func(entry) error) error {
	w := &walker{c: c, visit: visit, matched: map[string]patternmatcher.MatchInfo{}}
	return fs.WalkDir(c.root.FS(), ".", w.step)
}

type walker struct {
	c       *buildContext
	visit   func(entry) error
	pending []entry // ignored folders on the way down, visited only if something in them is
	matched map[string]patternmatcher.MatchInfo
}

func (w *walker) step(name string, d fs.DirEntry, err error) error {
	if err != nil {
		return unreadable(name, err)
	}
	if name == "." {
		return nil
	}
	if slices.Contains(w.c.never, name) {
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	ignored, info, err := w.c.ignore.MatchesUsingParentResults(name, w.matched[path.Dir(name)])
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	ignored = ignored && (w.c.strict || name != w.c.dockerfile)
	if d.IsDir() {
		w.matched[name] = info
		if ignored && !w.reopened(name) {
			return fs.SkipDir
		}
	} else if ignored {
		return nil
	}
	e := entry{name: name}
	if e.info, err = d.Info(); err != nil {
		return unreadable(name, err)
	}
	for len(w.pending) > 0 && !strings.HasPrefix(name, w.pending[len(w.pending)-1].name+"/") {
		w.pending = w.pending[:len(w.pending)-1]
	}
	if ignored {
		w.pending = append(w.pending, e)
		return nil
	}
	for _, folder := range w.pending {
		if err := w.visit(folder); err != nil {
			return err
		}
	}
	w.pending = nil
	return w.take(e)
}

// reopened tells whether something below an ignored folder may belong to the context after all.
func (w *walker) reopened(folder string) bool {
	if !w.c.strict && strings.HasPrefix(w.c.dockerfile, folder+"/") {
		return true
	}
	for _, p := range w.c.ignore.Patterns() {
		if p.Exclusion() && (strings.HasPrefix(p.String()+"/", folder+"/") || strings.ContainsAny(p.String(), "*?[")) {
			return true
		}
	}
	return false
}

// take visits one entry, unless it is of a kind that no image can hold, or has a name that BuildKit can't send: it speaks
// protobuf, whose strings are UTF-8 (github.com/docker/buildx issue 2850).
func (w *walker) take(e entry) (err error) {
	if !utf8.ValidString(e.name) {
		return &Error{What: fmt.Sprintf("the name %q is not UTF-8, which those in an image are", e.name), Ways: "rename it, or list it in .dockerignore"}
	}
	if e.name == w.c.dockerfile && !w.c.strict { // a link there is sent as what it points to, for builders that don't follow it
		if e.info, err = w.c.root.Stat(e.name); err != nil {
			return err
		}
	}
	switch mode := e.info.Mode(); {
	case mode.IsDir(), mode.IsRegular():
	case mode&fs.ModeSymlink != 0:
		if e.link, err = w.c.root.Readlink(e.name); err != nil {
			return err
		}
	default:
		return &Error{
			What: fmt.Sprintf("%s is a %s, which can't be part of an image", e.name, kind(mode)),
			Ways: "remove it, or list it in .dockerignore",
		}
	}
	return w.visit(e)
}

func kind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	}
	return "device"
}

// hashDocker hashes the inputs of a Dockerfile build.
func (s Spec) hashDocker(h inputs) error {
	c, err := s.openContext()
	if err != nil {
		return err
	}
	h.line("docker", c.dockerfile, s.Target)
	if epoch := os.Getenv(epochVariable); epoch != "" {
		h.line("epoch", epoch)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Args)) {
		h.line("argument", name, s.Args[name])
	}
	return errors.Join(c.hash(h), c.close())
}

// hash hashes all that belongs to the context.
func (c *buildContext) hash(h inputs) error {
	return c.walk(func(e entry) error {
		header, err := e.header()
		if err != nil {
			return err
		}
		h.line(string(header.Typeflag), header.Name, fmt.Sprintf("%o", header.Mode), header.Linkname)
		if header.Typeflag != tar.TypeReg {
			return nil
		}
		return c.open(e.name, h.content)
	})
}

// send writes the context as a tar stream. It begins with the folder itself: docker takes standard input for a tar only if
// its first 512 bytes are a whole entry, which those of a file with a long name are not.
func (c *buildContext) send(out io.Writer) error {
	info, err := c.root.Stat(".")
	if err != nil {
		return err
	}
	t := tar.NewWriter(out)
	err = t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755, ModTime: info.ModTime(), Format: tar.FormatUSTAR})
	if err != nil {
		return err
	}
	err = c.walk(func(e entry) error {
		header, err := e.header()
		if err != nil {
			return err
		}
		if err := t.WriteHeader(header); err != nil || header.Typeflag != tar.TypeReg {
			return err
		}
		return c.open(e.name, func(f io.Reader) error {
			n, err := io.Copy(t, io.LimitReader(f, header.Size))
			if more, _ := io.CopyN(io.Discard, f, 1); err == nil && (n < header.Size || more > 0) { // an error is that of a file that has ended
				err = unsteady(e.name, "changed")
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	return t.Close()
}
