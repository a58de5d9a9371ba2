package native

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// defaultPath is the PATH of an image that has none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// historyComment says who wrote an entry of an image's history.
const historyComment = "fargatectl"

// A stage is a FROM with its instructions, and what has become of it.
type stage struct {
	instructions.Stage
	index    int
	base     *stage       // that FROM names; nil: scratch or an image
	platform *v1.Platform // of FROM --platform
	from     map[instructions.Command]source
	reached  bool

	config dockerspec.DockerOCIImage
	env    env // of the configuration, and arguments
	image  *base
	tree   *tree // once it is needed
	layers []*layer
	cmdSet bool // CMD stood in this stage
}

// at says where an error happened; a refusal says so itself.
func (b *builder) at(where []parser.Range, what string, err error) error {
	var r *Refusal
	var e *Error
	if errors.As(err, &r) || errors.As(err, &e) {
		return err
	}
	return &Error{File: b.Name, Line: line(where), Instruction: strings.ToUpper(what), Err: err}
}

// begin is FROM.
func (b *builder) begin(ctx context.Context, s *stage) error {
	switch {
	case s.base != nil:
		s.config, s.env, s.image, s.layers = cloned(s.base.config), s.base.env.clone(), s.base.image, slices.Clone(s.base.layers)
		s.config.Config.OnBuild = nil
		return nil
	case s.BaseName == scratch:
		s.config.OS, s.config.Architecture, s.config.Variant = b.Platform.OS, b.Platform.Architecture, b.Platform.Variant
		s.config.RootFS.Type = "layers"
		s.config.Config.WorkingDir = "/"
	default:
		p := b.Platform
		if s.platform != nil {
			p = *s.platform
		}
		b.Say("FROM " + s.BaseName)
		var err error
		if s.image, err = b.open(ctx, s.BaseName, p); err != nil {
			return err
		}
		s.config = cloned(s.image.config)
		s.config.Created = nil
		if err := b.onbuild(s, s.config.Config.OnBuild); err != nil {
			return err
		}
		n := normal(v1.Platform{OS: s.config.OS, Architecture: s.config.Architecture, Variant: s.config.Variant})
		s.config.Architecture, s.config.Variant = n.Architecture, n.Variant
		if wd := s.config.Config.WorkingDir; wd != "" {
			s.config.Config.WorkingDir = workdir("", wd)
		}
	}
	if _, ok := shell.EnvsFromSlice(s.config.Config.Env).Get("PATH"); !ok {
		s.config.Config.Env = append(s.config.Config.Env, "PATH="+defaultPath)
	}
	for _, kv := range s.config.Config.Env {
		name, value, _ := strings.Cut(kv, "=")
		s.env.set(name, value)
	}
	return nil
}

// files is the tree of a stage.
func (b *builder) filesOf(ctx context.Context, s *stage) (*tree, error) {
	if s.tree != nil {
		return s.tree, nil
	}
	below := newTree()
	var err error
	switch {
	case s.base != nil:
		below, err = b.filesOf(ctx, s.base)
	case s.image != nil:
		below, err = b.filesOfImage(ctx, s.image)
	}
	if err != nil {
		return nil, err
	}
	s.tree = below.fork()
	return s.tree, nil
}

// cloned is a configuration that can be changed without changing the one that it came from.
func cloned(c dockerspec.DockerOCIImage) dockerspec.DockerOCIImage {
	x := &c.Config
	x.Env, x.Cmd, x.Entrypoint = slices.Clone(x.Env), slices.Clone(x.Cmd), slices.Clone(x.Entrypoint)
	x.OnBuild, x.Shell = slices.Clone(x.OnBuild), slices.Clone(x.Shell)
	x.ExposedPorts, x.Volumes, x.Labels = maps.Clone(x.ExposedPorts), maps.Clone(x.Volumes), maps.Clone(x.Labels)
	c.History = slices.Clone(c.History)
	return c
}

// dispatch does one instruction.
func (b *builder) dispatch(ctx context.Context, s *stage, c instructions.Command) error {
	if err := b.expand(s, c); err != nil {
		return err
	}
	switch c := c.(type) {
	case *instructions.ArgCommand:
		return b.arg(s, c)
	case *instructions.WorkdirCommand:
		return b.workdir(ctx, s, c)
	case *instructions.CopyCommand:
		return b.copy(ctx, s, transfer{
			mover: c, word: "COPY", SourcesAndDest: c.SourcesAndDest, chown: c.Chown, chmod: c.Chmod, link: c.Link, parents: c.Parents,
			exclude: c.ExcludePatterns, from: s.from[c],
		})
	case *instructions.AddCommand:
		return b.copy(ctx, s, transfer{
			mover: c, word: "ADD", SourcesAndDest: c.SourcesAndDest, chown: c.Chown, chmod: c.Chmod, link: c.Link,
			exclude: c.ExcludePatterns, checksum: c.Checksum, unpack: c.Unpack,
		})
	}
	return s.configure(b, c)
}

// expand puts the values of variables in their places; ARG sees to it itself.
func (b *builder) expand(s *stage, c instructions.Command) error {
	if _, isArg := c.(*instructions.ArgCommand); isArg {
		return nil
	}
	if c, ok := c.(instructions.SupportsSingleWordExpansion); ok {
		err := c.Expand(func(word string) (string, error) {
			text, _, err := b.file.lex.ProcessWord(word, s.env)
			return text, err
		})
		if err != nil {
			return err
		}
	}
	if c, ok := c.(instructions.SupportsSingleWordExpansionRaw); ok { // documents
		return c.ExpandRaw(func(word string) (string, error) {
			lex := shell.NewLex('\\')
			lex.SkipProcessQuotes = true
			text, _, err := lex.ProcessWord(word, s.env)
			return text, err
		})
	}
	return nil
}

// arg is ARG: a build argument, else one of the same name before the first FROM, else the default.
func (b *builder) arg(s *stage, c *instructions.ArgCommand) error {
	said := make([]string, 0, len(c.Args))
	for _, a := range c.Args {
		value, known := b.Args[a.Key]
		switch {
		case known:
		case a.Value != nil:
			var err error
			if value, _, err = b.file.lex.ProcessWord(*a.Value, s.env); err != nil {
				return err
			}
			known = true
		default:
			value, known = b.file.global.Get(a.Key)
		}
		if !known {
			said = append(said, a.Key)
			continue
		}
		s.env.set(a.Key, value)
		said = append(said, a.Key+"="+value)
	}
	s.history(b, "ARG "+strings.Join(said, " "), true)
	return nil
}

// workdir is WORKDIR: it makes the folder, for the user that is set.
func (b *builder) workdir(ctx context.Context, s *stage, c *instructions.WorkdirCommand) error {
	wd := workdir(s.config.Config.WorkingDir, c.Path)
	s.config.Config.WorkingDir = wd
	if wd == "/" {
		s.history(b, "WORKDIR "+wd, true)
		return nil
	}
	b.Say("WORKDIR " + wd)
	t, err := b.filesOf(ctx, s)
	if err != nil {
		return err
	}
	by, err := t.findOwner(s.config.Config.User)
	if err != nil {
		return err
	}
	at, err := t.resolve(wd)
	if err != nil {
		return err
	}
	if err := t.mkdirAll(at, 0o755, by); err != nil {
		return err
	}
	s.history(b, "WORKDIR "+wd, false)
	return b.commit(ctx, s, t)
}

// workdir is a new working directory, seen from the old one.
func workdir(old, wd string) string {
	if path.IsAbs(wd) {
		return wd
	}
	return path.Join("/", old, wd)
}

// history adds an entry.
func (s *stage) history(b *builder, text string, empty bool) {
	s.config.History = append(s.config.History, ocispec.History{CreatedBy: text, Comment: historyComment, EmptyLayer: empty, Created: &b.epoch})
}

// open opens an image, once a build.
func (b *builder) open(ctx context.Context, ref string, p v1.Platform) (*base, error) {
	key := ref + " " + p.String()
	if found := b.bases[key]; found != nil {
		return found, nil
	}
	img, err := b.Base(ctx, ref, p)
	if err != nil {
		return nil, err
	}
	opened, err := newBase(img)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	b.bases[key] = opened
	return opened, nil
}
