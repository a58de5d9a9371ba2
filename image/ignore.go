package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// readIgnore reads the patterns. One with ".." in it names nothing that could be in the folder.
func (c *buildContext) readIgnore() error {
	patterns, name, err := c.patterns()
	if err != nil {
		return err
	}
	if c.ignore, err = patternmatcher.New(patterns); err == nil {
		c.ignoredBy = name
		return nil
	}
	for _, p := range patterns { // which one is it?
		if _, one := patternmatcher.New([]string{p}); one != nil {
			return fmt.Errorf("%s: pattern %.100q: %w", name, p, err)
		}
	}
	return fmt.Errorf("%s: %w", name, err)
}

// absent says why the context has not what COPY names, and the way out.
func (c *buildContext) absent(source string) string {
	name := strings.TrimPrefix(path.Clean(path.Join("/", source)), "/")
	if path.Clean(source) == ".." || strings.HasPrefix(path.Clean(source), "../") {
		return "`..` ends at the context's folder " + c.root.Name() + ": widen it by `context:`"
	}
	info, err := c.root.Lstat(name)
	if err != nil {
		return "COPY and ADD take from the context's folder " + c.root.Name()
	}
	if slices.Contains(c.never, name) {
		return name + " never belongs to the context"
	}
	if ignored, err := c.ignore.MatchesOrParentMatches(name); err == nil && ignored {
		return c.ignoredBy + " leaves it out"
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		to, err := c.root.Readlink(name)
		if err == nil {
			return fmt.Sprintf("%s is a link to %s, which is not in the context: links never lead out of it", name, to)
		}
	}
	return ""
}

// writeIgnore writes the patterns for an engine that reads the folder itself, with what never belongs to the context.
func (c *buildContext) writeIgnore(file string) error {
	patterns, _, err := c.patterns()
	if err != nil {
		return err
	}
	for _, never := range c.never {
		patterns = append(patterns, strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(never))
	}
	return os.WriteFile(file, []byte(strings.Join(patterns, "\n")+"\n"), 0o600)
}

// patterns are those of the ignore file, and its name.
func (c *buildContext) patterns() (patterns []string, name string, err error) {
	for _, name := range []string{c.dockerfile + ".dockerignore", ".dockerignore"} {
		f, err := c.file(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, name, err
		}
		patterns, err := ignorefile.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, name, fmt.Errorf("%s: %w", name, err)
		}
		return patterns, name, nil
	}
	return nil, "", nil
}
