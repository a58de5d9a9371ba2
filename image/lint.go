package image

import (
	"io/fs"

	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/fargatectl/fargatectl/image/dockerfile"
	"github.com/fargatectl/fargatectl/image/lint"
)

// Lint finds what is to say about the Dockerfile, and about the image that was built, before it is closed; nil is none. The
// service's side of o is the caller's. A Dockerfile in a language that only its own builder knows is no error once it is built.
func (s Spec) Lint(b *Built, o lint.Options) ([]lint.Finding, error) {
	o.Name, o.Target, o.Args, o.Platform = s.Dockerfile, s.Target, s.nativeArgs(), s.platform().String()
	built, err := b.linted()
	if err != nil {
		return nil, err
	}
	if s.Static != "" {
		c, err := s.openStatic()
		if err != nil {
			return nil, err
		}
		defer c.close() // opened for reading
		if !c.has("index.html") {
			o.NoIndex = s.Static
		}
	}
	if s.Dockerfile == "" {
		return lint.Image(built, o), nil
	}
	c, err := s.openContext()
	if err != nil {
		return nil, err
	}
	defer c.close() // opened for reading
	text, err := fs.ReadFile(c.root.FS(), c.dockerfile)
	if err != nil {
		return nil, err
	}
	f, err := dockerfile.Parse(string(text))
	switch {
	case err != nil && b != nil:
		return lint.Image(built, o), nil
	case err != nil:
		return nil, err
	}
	o.Built, o.Context = &built, &lint.Context{Ignores: len(c.ignore.Patterns()) > 0, Has: c.has}
	return lint.Dockerfile(f, o), nil
}

// linted is what a linter looks at; of an image that an engine keeps, nothing before it is pushed.
func (b *Built) linted() (l lint.Built, err error) {
	if b == nil || b.Config == nil {
		return l, nil
	}
	if l.Config, l.Layers = b.Config, []int64{b.Size}; b.Image == nil {
		return l, nil
	}
	m, err := partial.Manifest(b.Image)
	if err != nil {
		return l, err
	}
	l.Layers = nil
	for _, d := range m.Layers {
		l.Layers = append(l.Layers, d.Size)
	}
	return l, nil
}

// has says whether a file is in the context.
func (c *buildContext) has(name string) bool {
	info, err := c.root.Lstat(name)
	if err != nil || info.IsDir() {
		return false
	}
	ignored, err := c.ignore.MatchesOrParentMatches(name)
	return err == nil && !ignored
}
