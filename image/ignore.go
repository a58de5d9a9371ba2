package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	if c.ignore, err = patternmatcher.New(patterns); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
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
