package native

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	dmode "github.com/tonistiigi/dchapes-mode"
)

// A copier copies from one tree to another, by the rules of fsutil's copy, which BuildKit uses.
type copier struct {
	from, to *tree
	by       *owner
	mode     *int64     // --chmod in digits
	modes    *dmode.Set // --chmod in letters
	include  *patternmatcher.PatternMatcher
	exclude  *patternmatcher.PatternMatcher
	contents bool // of a folder its contents are copied, not the folder itself

	made  map[*node]*node // by file: names that are hard links to each other stay so
	above []*above
}

// above is a folder on the way down; where patterns choose, it is made only with the first thing in it that they choose.
type above struct {
	from *node
	to   string
	made bool
}

// copy copies what lies at src to dst, which keeps its last slash: behind it is a folder.
func (c *copier) copy(src, dst string) error {
	c.made = map[*node]*node{}
	around := dst
	if dir, name := path.Split(dst); name != "" && name != "." {
		around = dir
	}
	around, err := c.to.resolve(around)
	if err != nil {
		return err
	}
	if err := c.to.mkdirAll(around, c.folderMode(), c.by); err != nil {
		return err
	}
	if dst, err = c.to.resolve(dst); err != nil {
		return err
	}
	at, err := c.from.resolve(src)
	if err != nil {
		return err
	}
	n := c.from.lookup(at)
	if n == nil {
		return fmt.Errorf("%q: %w", src, errNotFound)
	}
	there := c.to.lookup(dst)
	isDir := n.kind == kindDir
	if there != nil && (isDir && !c.contents || !isDir && there.kind == kindDir) {
		dst = path.Join(dst, path.Base(src))
	}
	parent := path.Dir(dst)
	if isDir && c.contents && there == nil {
		parent = dst
	}
	if err := c.to.mkdirAll(parent, c.folderMode(), c.by); err != nil {
		return err
	}
	return c.take(n, "", dst, false, patternmatcher.MatchInfo{}, patternmatcher.MatchInfo{})
}

// folderMode is that of folders that are made on the way.
func (c *copier) folderMode() int64 {
	if c.mode != nil {
		return *c.mode
	}
	return 0o755
}

// take copies one node and what is in it. rel is its path below the source; deep, that it is not the source itself.
func (c *copier) take(n *node, rel, dst string, deep bool, in, ex patternmatcher.MatchInfo) error {
	chosen, err := c.chosen(rel, &in, &ex)
	if err != nil {
		return err
	}
	if !chosen && n.kind != kindDir {
		return nil
	}
	if chosen {
		if err := c.makeAbove(deep); err != nil {
			return err
		}
	}
	if n.kind == kindDir {
		return c.takeFolder(n, rel, dst, deep, chosen, in, ex)
	}
	if there := c.to.lookup(dst); there != nil && there.kind == kindDir {
		return fmt.Errorf("cannot replace the directory %s with a file", dst)
	}
	if twin := c.made[n]; twin != nil {
		return c.to.put(dst, twin)
	}
	made := c.dress(n, &node{kind: n.kind, link: n.link, major: n.major, minor: n.minor, size: n.size, body: n.body})
	c.made[n] = made
	return c.to.put(dst, made)
}

// chosen holds a path against the patterns. The source itself is always chosen.
func (c *copier) chosen(rel string, in, ex *patternmatcher.MatchInfo) (bool, error) {
	if rel == "" {
		return true, nil
	}
	chosen := true
	var err error
	if c.include != nil {
		if chosen, *in, err = c.include.MatchesUsingParentResults(rel, *in); err != nil {
			return false, err
		}
	}
	if c.exclude != nil {
		var excluded bool
		if excluded, *ex, err = c.exclude.MatchesUsingParentResults(rel, *ex); err != nil {
			return false, err
		}
		chosen = chosen && !excluded
	}
	return chosen, nil
}

// takeFolder copies a folder. The metadata of one that is there already is kept at the top and replaced below it.
func (c *copier) takeFolder(n *node, rel, dst string, deep, chosen bool, in, ex patternmatcher.MatchInfo) error {
	if chosen {
		created, err := c.makeFolder(n, dst)
		if err != nil {
			return err
		}
		if deep && !created {
			there, err := c.to.folder(dst)
			if err != nil {
				return err
			}
			c.dress(n, there)
			c.to.changed[dst] = true
		}
	}
	c.above = append(c.above, &above{from: n, to: dst, made: chosen})
	defer func() { c.above = c.above[:len(c.above)-1] }()
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		if err := c.take(n.children[name], path.Join(rel, name), path.Join(dst, name), true, in, ex); err != nil {
			return err
		}
	}
	return nil
}

// makeFolder makes a folder like n, unless there is one.
func (c *copier) makeFolder(n *node, dst string) (created bool, err error) {
	switch there := c.to.lookup(dst); {
	case there == nil:
		made := c.dress(n, &node{kind: kindDir, children: map[string]*node{}, owner: c.to})
		return true, c.to.put(dst, made)
	case there.kind != kindDir:
		return false, fmt.Errorf("cannot copy a directory to %s, which is none", dst)
	}
	return false, nil
}

// makeAbove makes the folders on the way that were waiting for something chosen in them.
func (c *copier) makeAbove(deep bool) error {
	for _, a := range c.above {
		if a.made {
			continue
		}
		created, err := c.makeFolder(a.from, a.to)
		if err != nil {
			return err
		}
		if deep && !created {
			there, err := c.to.folder(a.to)
			if err != nil {
				return err
			}
			there.mode = a.from.mode
			c.to.changed[a.to] = true
		}
		a.made = true
	}
	return nil
}

// dress gives a copy its owner, mode and attributes.
func (c *copier) dress(from, made *node) *node {
	made.uid, made.gid = c.by.of(from)
	made.mode = from.mode
	switch {
	case from.kind == kindLink:
	case c.modes != nil:
		made.mode = tarMode(c.modes.Apply(from.fileMode()))
	case c.mode != nil:
		made.mode = *c.mode
	}
	if len(from.xattrs) > 0 {
		made.xattrs = maps.Clone(made.xattrs)
		if made.xattrs == nil {
			made.xattrs = map[string]string{}
		}
		maps.Copy(made.xattrs, from.xattrs)
	}
	return made
}

// wildcards splits a path before its first part with a wildcard; without one, pattern is empty.
func wildcards(p string) (dir, pattern string) {
	names := slices.Collect(parts(p))
	i := slices.IndexFunc(names, hasWildcard)
	if i < 0 {
		return p, ""
	}
	return "/" + strings.Join(names[:i], "/"), strings.Join(names[i:], "/")
}

func hasWildcard(name string) bool {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '*', '?', '[':
			return true
		}
	}
	return false
}

// glob is what a path with wildcards stands for; without any, itself. A folder that matches is not looked into.
func (t *tree) glob(p string) ([]string, error) {
	dir, pattern := wildcards(p)
	if pattern == "" {
		return []string{p}, nil
	}
	at, err := t.resolve(dir)
	if err != nil {
		return nil, err
	}
	n := t.lookup(at)
	if n == nil {
		return nil, fmt.Errorf("%q: %w", dir, errNotFound)
	}
	var found []string
	var walk func(n *node, rel string)
	walk = func(n *node, rel string) {
		for _, name := range slices.Sorted(maps.Keys(n.children)) {
			child := path.Join(rel, name)
			if ok, err := path.Match(pattern, child); ok && err == nil {
				found = append(found, path.Join(at, child))
			} else {
				walk(n.children[name], child)
			}
		}
	}
	walk(n, "")
	return found, nil
}
