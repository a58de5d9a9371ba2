package native

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fargatectl/fargatectl/image/dockerfile"
)

// defaultPath is the PATH of an image that has none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// historyComment says who wrote an entry of an image's history.
const historyComment = "fargatectl"

// A stage is a FROM with its instructions, and what has become of it.
type stage struct {
	*dockerfile.Stage
	index    int
	ref      string       // what FROM names, its variables expanded
	base     *stage       // that FROM names; nil: scratch or an image
	platform *v1.Platform // of FROM --platform
	from     map[*dockerfile.Instruction]source
	reached  bool

	config dockerspec.DockerOCIImage
	env    env // of the configuration, and arguments
	image  *base
	tree   *tree // once it is needed
	layers []*layer
	cmdSet bool // CMD stood in this stage
}

// begin is FROM.
func (b *builder) begin(ctx context.Context, s *stage) error {
	switch {
	case s.base != nil:
		s.config, s.env, s.image, s.layers = cloned(s.base.config), s.base.env.clone(), s.base.image, slices.Clone(s.base.layers)
		s.config.Config.OnBuild = nil
		return nil
	case s.ref == scratch:
		s.config.OS, s.config.Architecture, s.config.Variant = b.Platform.OS, b.Platform.Architecture, b.Platform.Variant
		s.config.RootFS.Type = "layers"
		s.config.Config.WorkingDir = "/"
	default:
		p := b.Platform
		if s.platform != nil {
			p = *s.platform
		}
		b.Say("FROM " + s.ref)
		var err error
		if s.image, err = b.open(ctx, s.ref, p); err != nil {
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
func (b *builder) dispatch(ctx context.Context, s *stage, of *dockerfile.Instruction) error {
	i, err := b.expanded(s, of)
	if err != nil {
		return err
	}
	switch i.Name {
	case "ARG":
		return b.arg(s, i)
	case "WORKDIR":
		return b.workdir(ctx, s, i.Args[0])
	case "COPY", "ADD":
		x, err := newTransfer(i, s.from[of], s.env)
		if err != nil {
			return err
		}
		return b.copy(ctx, s, x)
	}
	return s.configure(b, i)
}

// expanded is an instruction with the values of variables in their places. ARG and EXPOSE see to it themselves, commands
// leave it to the shell.
func (b *builder) expanded(s *stage, i *dockerfile.Instruction) (*dockerfile.Instruction, error) {
	var err error
	word := func(text string) string {
		expanded, _, failed := b.file.lex.ProcessWord(text, s.env)
		if failed != nil && err == nil {
			err = failed
		}
		return expanded
	}
	x := *i
	switch i.Name {
	case "ENV", "LABEL":
		x.Pairs = slices.Clone(i.Pairs)
		for n, p := range x.Pairs {
			x.Pairs[n].Name, x.Pairs[n].Value = word(p.Name), word(p.Value)
		}
	case "USER", "WORKDIR", "VOLUME", "STOPSIGNAL":
		x.Args = slices.Clone(i.Args)
		for n, a := range x.Args {
			x.Args[n] = word(a)
		}
	case "COPY", "ADD":
		x.Flags, x.Args = slices.Clone(i.Flags), slices.Clone(i.Args)
		for n, f := range x.Flags {
			if slices.Contains([]string{"chown", "chmod", "checksum"}, f.Name) {
				x.Flags[n].Value = word(f.Value)
			}
		}
		for n, a := range x.Args {
			if i.Document(a) == nil {
				x.Args[n] = word(a)
			}
		}
	default:
		return i, nil
	}
	return &x, err
}

// arg is ARG: a build argument, else the default, else one of the same name before the first FROM.
func (b *builder) arg(s *stage, i *dockerfile.Instruction) error {
	said := []string{"ARG"}
	for _, a := range i.Pairs {
		value, known := b.Args[a.Name]
		switch {
		case known:
		case a.Bare:
			value, known = b.file.global.Get(a.Name)
		default:
			var err error
			if value, _, err = b.file.lex.ProcessWord(a.Value, s.env); err != nil {
				return err
			}
			known = true
		}
		if !known {
			said = append(said, a.Name)
			continue
		}
		s.env.set(a.Name, value)
		said = append(said, a.Name+"="+value)
	}
	s.history(b, strings.Join(said, " "), true)
	return nil
}

// workdir is WORKDIR: it makes the folder, for the user that is set.
func (b *builder) workdir(ctx context.Context, s *stage, dir string) error {
	wd := workdir(s.config.Config.WorkingDir, dir)
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
