package native

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/fargatectl/fargatectl/image/dockerfile"
)

// scratch is the base that has nothing in it.
const scratch = "scratch"

// A file is a Dockerfile that has been read.
type file struct {
	Options
	*dockerfile.File
	lex    *shell.Lex
	global env // arguments before the first FROM, and what the builder gives
	stages []*stage
	target *stage
}

// A source is where COPY --from takes from: a stage, or an image.
type source struct {
	stage *stage
	image string
}

// parse reads the Dockerfile and finds out which stages the target needs.
func parse(o Options) (*file, error) {
	read, err := dockerfile.Parse(string(o.Dockerfile))
	if err != nil {
		return nil, misread(o.Name, err)
	}
	f := &file{Options: o, File: read, lex: shell.NewLex(read.Escape)}
	if err := f.metaArgs(); err != nil {
		return nil, err
	}
	named := map[string]*stage{}
	for i, st := range read.Stages {
		s := &stage{Stage: st, index: i, from: map[*dockerfile.Instruction]source{}}
		if s.ref, _, err = f.lex.ProcessWord(st.Base, f.global); err == nil && s.ref == "" {
			return nil, &Error{
				File: o.Name, Line: st.From.Line, Instruction: "FROM", Err: fmt.Errorf("%s is empty", st.Base),
				Ways: "give it a value before the first FROM (ARG NAME=value), or by `build: {args: {NAME: value}}`",
			}
		}
		if err == nil {
			s.platform, err = f.platform(st)
		}
		if err != nil {
			return nil, f.at(st.From, err)
		}
		s.base = named[s.ref]
		if s.Name != "" {
			named[s.Name] = s
		}
		f.stages = append(f.stages, s)
	}
	if err := f.sources(named); err != nil {
		return nil, err
	}
	if f.target = f.stages[len(f.stages)-1]; o.Target != "" {
		if f.target = named[strings.ToLower(o.Target)]; f.target == nil {
			return nil, &Error{File: o.Name, Err: fmt.Errorf("there is no stage %q", o.Target), Ways: stageNames(f.stages)}
		}
	}
	f.target.reach()
	return f, nil
}

// stageNames says which stages could be the target.
func stageNames(stages []*stage) string {
	var names []string
	for _, s := range stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return "no stage has a name (FROM … AS name): leave `target` out for the last one"
	}
	return "its stages are " + strings.Join(names, ", ")
}

// at says where an error happened; one that says so itself stays as it is.
func (f *file) at(i *dockerfile.Instruction, err error) error {
	var r *Refusal
	var e *Error
	if errors.As(err, &r) || errors.As(err, &e) {
		return err
	}
	return &Error{File: f.Name, Line: i.Line, Instruction: i.Name, Err: err}
}

// refusal refuses an instruction.
func (f *file) refusal(i *dockerfile.Instruction, why string) error {
	return &Refusal{File: f.Name, Line: i.Line, Instruction: i.Name, Why: why}
}

// official says whether a "# syntax=" names Docker's own frontend, whose language this is.
func official(ref string) bool {
	ref = strings.TrimPrefix(strings.TrimPrefix(ref, "docker.io/"), "index.docker.io/")
	name, _, _ := strings.Cut(ref, "@")
	name, _, _ = strings.Cut(name, ":")
	return name == "" || name == "docker/dockerfile" || name == "docker/dockerfile-upstream"
}

// misread gives an error of the parser the Dockerfile's name. A flag that is not known is for a newer builder.
func misread(name string, err error) error {
	e := &Error{File: name, Err: err}
	if at, ok := errors.AsType[*dockerfile.Error](err); ok {
		e.Line, e.Err = at.Line, at.Err
	}
	if flag, ok := errors.AsType[*dockerfile.UnknownFlagError](err); ok {
		return &Refusal{File: name, Line: e.Line, Instruction: flag.Instruction, Why: "--" + flag.Flag + " is not known here"}
	}
	return e
}

// metaArgs settles the arguments before the first FROM.
func (f *file) metaArgs() error {
	target := f.Target
	if target == "" {
		target = f.Stages[len(f.Stages)-1].Name
	}
	if target == "" {
		target = "default"
	}
	build := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	p := f.Platform
	for _, kv := range [][2]string{
		{"BUILDPLATFORM", build.String()},
		{"BUILDOS", build.OS},
		{"BUILDOSVERSION", ""},
		{"BUILDARCH", build.Architecture},
		{"BUILDVARIANT", ""},
		{"TARGETPLATFORM", p.String()},
		{"TARGETOS", p.OS},
		{"TARGETOSVERSION", p.OSVersion},
		{"TARGETARCH", p.Architecture},
		{"TARGETVARIANT", p.Variant},
		{"TARGETSTAGE", target},
	} {
		if v, ok := f.Options.Args[kv[0]]; ok {
			kv[1] = v
		}
		f.global.set(kv[0], kv[1])
	}
	for _, i := range f.File.Args {
		for _, a := range i.Pairs {
			value, given := f.Options.Args[a.Name]
			if !given && !a.Bare {
				var err error
				if value, _, err = f.lex.ProcessWord(a.Value, f.global); err != nil {
					return f.at(i, err)
				}
			}
			if given || !a.Bare {
				f.global.set(a.Name, value)
			}
		}
	}
	return nil
}

// platform is what FROM --platform says, nil without it.
func (f *file) platform(st *dockerfile.Stage) (*v1.Platform, error) {
	written := st.From.Flag("platform")
	if written == "" {
		return nil, nil //nolint:nilnil // the target's
	}
	text, _, err := f.lex.ProcessWord(written, f.global)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, fmt.Errorf("--platform=%s is empty", written)
	}
	words := strings.Split(strings.ToLower(text), "/")
	switch {
	case len(words) > 3 || slices.Contains(words, ""):
		return nil, fmt.Errorf("--platform=%s: want OS/ARCHITECTURE", text)
	case len(words) == 1 && words[0] == "linux":
		words = append(words, f.Platform.Architecture)
	case len(words) == 1:
		words = []string{"linux", words[0]}
	}
	p := v1.Platform{OS: words[0], Architecture: words[1]}
	if len(words) == 3 {
		p.Variant = words[2]
	}
	return normal(p), nil
}

// normal names a processor as Go does, and leaves out a variant that says nothing.
func normal(p v1.Platform) *v1.Platform {
	names := map[string]string{"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}
	if name := names[p.Architecture]; name != "" {
		p.Architecture = name
	}
	switch p.Architecture + "/" + p.Variant {
	case "amd64/v1", "arm64/v8", "arm64/8":
		p.Variant = ""
	case "arm/":
		p.Variant = "v7"
	}
	return &p
}

// sources finds out what every COPY --from means.
func (f *file) sources(named map[string]*stage) (err error) {
	for _, s := range f.stages {
		for _, i := range s.Instructions {
			if from := i.Flag("from"); i.Name == "COPY" && from != "" {
				if s.from[i], err = f.source(s, from, named); err != nil {
					return f.at(i, err)
				}
			}
		}
	}
	return nil
}

func (f *file) source(s *stage, from string, named map[string]*stage) (source, error) {
	if plain, _, err := f.lex.ProcessWord(from, env{}); err != nil || plain != from {
		return source{}, fmt.Errorf("--from=%s: variables are not expanded there: give the image a stage of its own (FROM %s AS name)", from, from)
	}
	st := named[strings.ToLower(from)]
	if i, err := strconv.Atoi(from); err == nil {
		if i < 0 || i >= len(f.stages) {
			return source{}, fmt.Errorf("--from=%d: there are %d stages", i, len(f.stages))
		}
		st = f.stages[i]
	}
	if st != nil && st.index >= s.index {
		return source{}, fmt.Errorf("--from=%s: that stage does not come before this one", from)
	}
	if st != nil {
		return source{stage: st}, nil
	}
	return source{image: from}, nil
}

// reach marks a stage and those it needs.
func (s *stage) reach() {
	if s.reached {
		return
	}
	s.reached = true
	if s.base != nil {
		s.base.reach()
	}
	for _, i := range s.Instructions {
		if from := s.from[i].stage; from != nil {
			from.reach()
		}
	}
}

// refuse finds the first instruction on the way to the target that needs an engine.
func (f *file) refuse() error {
	if !official(f.Syntax) {
		return &Refusal{File: f.Name, Line: f.SyntaxLine, Instruction: "# syntax=" + f.Syntax, Why: "is a frontend of its own, which must run inside a container"}
	}
	for _, s := range f.stages {
		if !s.reached {
			continue
		}
		if s.base != nil {
			for _, i := range s.base.Instructions {
				if i.Name == "ONBUILD" {
					return f.refusal(s.From, s.Base+" has "+i.Text)
				}
			}
		}
		for _, i := range s.Instructions {
			if err := f.refuseOne(s, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *file) refuseOne(s *stage, i *dockerfile.Instruction) error {
	switch i.Name {
	case "RUN":
		in := ""
		if s.Name != "" {
			in = fmt.Sprintf("in stage %q ", s.Name)
		}
		return f.refusal(i, in+"must run inside a container")
	case "ADD":
		if n := slices.IndexFunc(i.Args, isGit); n >= 0 {
			return f.refusal(i, "of the Git repository "+i.Args[n]+" needs git")
		}
	}
	return nil
}

// isGit says whether a source of ADD is a Git repository.
func isGit(src string) bool {
	for _, prefix := range []string{"git@", "git://", "ssh://"} {
		if strings.HasPrefix(src, prefix) {
			return true
		}
	}
	if !isURL(src) {
		return false
	}
	src, _, _ = strings.Cut(src, "#")
	src, _, _ = strings.Cut(src, "?")
	return strings.HasSuffix(src, ".git")
}

func isURL(src string) bool {
	return strings.HasPrefix(src, "http://") || strings.HasPrefix(src, "https://")
}

// epochName is the build argument for the time of everything: https://reproducible-builds.org/specs/source-date-epoch/
const epochName = "SOURCE_DATE_EPOCH"

// epoch is the time that everything gets.
func (f *file) epoch() (time.Time, error) {
	text, ok := f.Options.Args[epochName]
	if !ok {
		text, _ = f.global.Get(epochName)
	}
	if text == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<33 {
		return time.Time{}, &Refusal{File: f.Name, Line: 1, Instruction: "ARG", Why: epochName + "=" + text + " is not a number of seconds"}
	}
	return time.Unix(seconds, 0).UTC(), nil
}
