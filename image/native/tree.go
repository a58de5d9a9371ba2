package native

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// The kinds of nodes are tar's.
const (
	kindFile = tar.TypeReg
	kindDir  = tar.TypeDir
	kindLink = tar.TypeSymlink
)

// Bounds of what a hostile archive can make of memory: names in a tree, and the bytes of their paths, of links' targets and
// of extended attributes. The largest folders of dependencies have some 100,000 files, with 100 bytes each.
const (
	maxNodes = 1_000_000
	maxText  = 256 << 20
)

// Linux makes no file with a longer name (limits.h: NAME_MAX, and PATH_MAX less the zero byte), so that neither BuildKit nor
// any engine could unpack it. Bytes.
const (
	maxName = 255
	maxPath = 4095
)

// maxLinks is how many symbolic links a path may lead through: Linux's bound is 40, BuildKit's 255.
const maxLinks = 255

// A body is the content of a file, wherever it is.
type body interface{ open() (io.ReadCloser, error) }

// A node is a file, folder, link or device. Only folders are ever changed once they are in a tree, and by their owner
// alone: forks share the rest. Two names of one file (hard links) are the same node.
type node struct {
	kind         byte
	mode         int64 // permissions with setuid, setgid and sticky bit, as in a tar header
	uid, gid     int
	link         string // of a symbolic link
	major, minor int64  // of a device
	xattrs       map[string]string
	size         int64
	body         body
	children     map[string]*node // of a folder

	owner *tree
	layer int // of a base image, counted from 1: who brought it
}

// A tree is the files of a stage, an image or a context. Paths are absolute and clean.
type tree struct {
	root    *node
	changed map[string]bool // paths, since the last layer
	nodes   int
	text    int
	empty   bool // nothing has been made yet: BuildKit looks no names up in what is not there
}

func newTree() *tree {
	t := &tree{changed: map[string]bool{}, empty: true}
	t.root = &node{kind: kindDir, mode: 0o755, children: map[string]*node{}, owner: t}
	return t
}

// fork is a tree with the same files. The first must not be changed any more.
func (t *tree) fork() *tree {
	return &tree{root: t.root, changed: map[string]bool{}, nodes: t.nodes, text: t.text, empty: t.empty}
}

// lookup is what lies at p, nil when nothing does. No link is followed.
func (t *tree) lookup(p string) *node {
	n := t.root
	for name := range parts(p) {
		if n = n.children[name]; n == nil {
			return nil
		}
	}
	return n
}

// parts are the names in a clean absolute path.
func parts(p string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range strings.SplitSeq(p, "/") {
			if name != "" && !yield(name) {
				return
			}
		}
	}
}

// folder is the folder at p, ours to change.
func (t *tree) folder(p string) (*node, error) {
	t.root = t.own(t.root)
	n := t.root
	for name := range parts(p) {
		child := n.children[name]
		if child == nil || child.kind != kindDir {
			return nil, fmt.Errorf("%s: %w", p, errNotFolder)
		}
		child = t.own(child)
		n.children[name] = child
		n = child
	}
	return n, nil
}

var errNotFolder = errors.New("not a directory")

func (t *tree) own(n *node) *node {
	if n.owner == t {
		return n
	}
	c := *n
	c.owner, c.children = t, maps.Clone(n.children)
	return &c
}

// put sets what lies at p; the folder around it must be there.
func (t *tree) put(p string, n *node) error {
	dir, err := t.folder(path.Dir(p))
	if err != nil {
		return err
	}
	name := path.Base(p)
	if strings.HasPrefix(name, ".wh.") {
		return fmt.Errorf("%s: a name that begins with .wh. deletes files in a layer, and can't be in one", p)
	}
	if err := checkPath(p); err != nil {
		return err
	}
	if err := t.hold(len(p) + len(n.link)); err != nil {
		return err
	}
	if dir.children[name] == nil {
		if t.nodes++; t.nodes > maxNodes {
			return fmt.Errorf("more than %d files", maxNodes)
		}
	}
	dir.children[name] = n
	t.changed[p] = true
	return nil
}

// hold counts bytes that are kept in memory.
func (t *tree) hold(n int) error {
	if t.text += n; t.text > maxText {
		return fmt.Errorf("paths and attributes of more than %d MB", maxText>>20)
	}
	return nil
}

// checkPath refuses a path that is longer than Linux takes it.
func checkPath(p string) error {
	if len(p) > maxPath {
		return fmt.Errorf("a path of %d bytes, and Linux takes %d", len(p), maxPath)
	}
	for name := range parts(p) {
		if len(name) > maxName {
			return fmt.Errorf("a name of %d bytes, and Linux takes %d", len(name), maxName)
		}
	}
	return nil
}

// remove takes away what lies at p.
func (t *tree) remove(p string) error {
	dir, err := t.folder(path.Dir(p))
	if err != nil {
		return err
	}
	delete(dir.children, path.Base(p))
	return nil
}

// resolve follows the links in p, and one that p itself is; a link never leads out of the tree. What is not there stays as
// it is written.
func (t *tree) resolve(p string) (string, error) { return t.resolveIn("/", p) }

// resolveIn does the same below a folder of the tree, as if that were all there is.
func (t *tree) resolveIn(root, p string) (string, error) {
	rest := slices.Collect(parts(path.Join("/", p)))
	at, links := root, 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			if at != root {
				at = path.Dir(at)
			}
			continue
		}
		next := path.Join(at, name)
		n := t.lookup(next)
		if n == nil || n.kind != kindLink {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: too many symbolic links", p)
		}
		if path.IsAbs(n.link) {
			at = root
		}
		rest = slices.Concat(split(n.link), rest)
	}
	return at, nil
}

// split are the names in a link's target.
func split(p string) []string {
	names := strings.Split(p, "/")
	return slices.DeleteFunc(names, func(name string) bool { return name == "" || name == "." })
}

const setgid = 0o2000

// mkdirAll makes the folder p and those above it. p has no links in it. In a folder with the setgid bit a new one gets the
// bit, and the group where nobody is named, as Linux does it.
func (t *tree) mkdirAll(p string, mode int64, by *owner) error {
	at, above := "", t.root
	for name := range parts(p) {
		at += "/" + name
		n := t.lookup(at)
		if n == nil {
			n = &node{kind: kindDir, mode: mode & 0o777, children: map[string]*node{}, owner: t}
			if above.mode&setgid != 0 {
				n.mode, n.gid = n.mode|setgid, above.gid
			}
			n.uid, n.gid = by.of(n)
			if err := t.put(at, n); err != nil {
				return err
			}
		}
		above = n
		if n.kind != kindDir {
			return fmt.Errorf("%s: %w", at, errNotFolder)
		}
	}
	return nil
}

// read is the content of a small file, following links; errNotFound when there is none.
func (t *tree) read(p string, limit int64) ([]byte, error) {
	p, err := t.resolve(p)
	if err != nil {
		return nil, err
	}
	n := t.lookup(p)
	if n == nil || n.kind != kindFile {
		return nil, fmt.Errorf("%s: %w", p, errNotFound)
	}
	r, err := n.body.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, limit))
}

// paths are the changed ones, a folder before what is in it.
func (t *tree) paths() []string {
	var there []string
	for _, p := range slices.Sorted(maps.Keys(t.changed)) {
		if t.lookup(p) != nil {
			there = append(there, p)
		}
	}
	return there
}

// tarMode is a file mode as a tar header has it.
func tarMode(m fs.FileMode) int64 {
	mode := int64(m.Perm())
	for bit, file := range map[int64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if m&file != 0 {
			mode |= bit
		}
	}
	return mode
}

// fileMode is the mode of a node as the standard library has it.
func (n *node) fileMode() fs.FileMode {
	h := tar.Header{Typeflag: n.kind, Mode: n.mode}
	return h.FileInfo().Mode()
}
