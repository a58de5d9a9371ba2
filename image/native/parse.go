package native

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// scratch is the base that has nothing in it.
const scratch = "scratch"

// A file is a Dockerfile that has been read.
type file struct {
	Options
	syntax []parser.Range // of a frontend that is not Docker's own
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
	f := &file{Options: o}
	at := func(where []parser.Range, what string, err error) error {
		return &Error{File: o.Name, Line: line(where), Instruction: what, Err: err}
	}
	ref, _, where, ok := parser.DetectSyntax(o.Dockerfile)
	if ok && !official(ref) {
		f.syntax = where
	}
	tree, err := parser.Parse(bytes.NewReader(o.Dockerfile))
	if err != nil {
		return nil, f.misread(err)
	}
	stages, metas, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return nil, f.misread(err)
	}
	if len(stages) == 0 {
		return nil, &Error{File: o.Name, Err: errors.New("there is no FROM")}
	}
	f.lex = shell.NewLex(tree.EscapeToken)
	if err := f.metaArgs(stages, metas); err != nil {
		return nil, err
	}
	named := map[string]*stage{}
	for i, st := range stages {
		s := &stage{Stage: st, index: i, from: map[instructions.Command]source{}}
		if s.BaseName, _, err = f.lex.ProcessWord(st.BaseName, f.global); err != nil {
			return nil, at(st.Location, "FROM", err)
		}
		if s.BaseName == "" {
			return nil, at(st.Location, "FROM", fmt.Errorf("%s is empty", st.BaseName))
		}
		if s.platform, err = f.platform(st); err != nil {
			return nil, at(st.Location, "FROM", err)
		}
		s.base = named[s.BaseName]
		if s.Name != "" {
			named[strings.ToLower(s.Name)] = s
		}
		f.stages = append(f.stages, s)
	}
	if err := f.sources(named); err != nil {
		return nil, err
	}
	if f.target = f.stages[len(f.stages)-1]; o.Target != "" {
		if f.target = named[strings.ToLower(o.Target)]; f.target == nil {
			return nil, &Error{File: o.Name, Err: fmt.Errorf("there is no stage %q", o.Target)}
		}
	}
	f.target.reach()
	return f, nil
}

// official says whether a "# syntax=" names Docker's own frontend, whose language this is.
func official(ref string) bool {
	ref = strings.TrimPrefix(strings.TrimPrefix(ref, "docker.io/"), "index.docker.io/")
	name, _, _ := strings.Cut(ref, "@")
	name, _, _ = strings.Cut(name, ":")
	return name == "docker/dockerfile" || name == "docker/dockerfile-upstream"
}

// misread gives an error of the parser its line. A flag that it does not know is for a newer builder.
func (f *file) misread(err error) error {
	e := &Error{File: f.Name, Err: err}
	var at *parser.LocationError
	if errors.As(err, &at) && len(at.Locations) > 0 {
		e.Line, e.Err = line(at.Locations[0]), at.Unwrap()
	}
	_, flag, unknown := strings.Cut(e.Err.Error(), "unknown flag: ")
	if lines := bytes.Split(f.Dockerfile, []byte("\n")); unknown && e.Line > 0 && e.Line <= len(lines) {
		flag, _, _ = strings.Cut(flag, " ")
		word, _, _ := strings.Cut(string(bytes.TrimSpace(lines[e.Line-1])), " ")
		return &Refusal{File: f.Name, Line: e.Line, Instruction: strings.ToUpper(word), Why: "has the flag " + flag + ", which is not known here"}
	}
	return e
}

// metaArgs settles the arguments before the first FROM.
func (f *file) metaArgs(stages []instructions.Stage, metas []instructions.ArgCommand) error {
	target := f.Target
	if target == "" {
		target = stages[len(stages)-1].Name
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
		if v, ok := f.Args[kv[0]]; ok {
			kv[1] = v
		}
		f.global.set(kv[0], kv[1])
	}
	for _, c := range metas {
		for _, a := range c.Args {
			value, given := f.Args[a.Key]
			if !given && a.Value != nil {
				var err error
				if value, _, err = f.lex.ProcessWord(*a.Value, f.global); err != nil {
					return &Error{File: f.Name, Line: line(c.Location()), Instruction: "ARG", Err: err}
				}
			}
			if given || a.Value != nil {
				f.global.set(a.Key, value)
			}
		}
	}
	return nil
}

// platform is what FROM --platform says, nil without it.
func (f *file) platform(st instructions.Stage) (*v1.Platform, error) {
	if st.Platform == "" {
		return nil, nil //nolint:nilnil // the target's
	}
	text, _, err := f.lex.ProcessWord(st.Platform, f.global)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, fmt.Errorf("--platform=%s is empty", st.Platform)
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
func (f *file) sources(named map[string]*stage) error {
	for _, s := range f.stages {
		for _, c := range s.Commands {
			copying, ok := c.(*instructions.CopyCommand)
			if !ok || copying.From == "" {
				continue
			}
			from, err := f.source(s, copying.From, named)
			if err != nil {
				return &Error{File: f.Name, Line: line(c.Location()), Instruction: "COPY", Err: err}
			}
			s.from[c] = from
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
	for _, c := range s.Commands {
		if from := s.from[c].stage; from != nil {
			from.reach()
		}
	}
}

// refuse finds the first instruction on the way to the target that needs an engine.
func (f *file) refuse() error {
	refusal := func(where []parser.Range, what, why string) error {
		return &Refusal{File: f.Name, Line: line(where), Instruction: what, Why: why}
	}
	if f.syntax != nil {
		return refusal(f.syntax, "# syntax", "names a frontend of its own, which must run inside a container")
	}
	for _, s := range f.stages {
		if !s.reached {
			continue
		}
		in := ""
		if s.Name != "" {
			in = fmt.Sprintf("in stage %q ", s.Name)
		}
		if s.base != nil {
			for _, c := range s.base.Commands {
				if c, ok := c.(*instructions.OnbuildCommand); ok {
					return refusal(s.Location, "FROM", fmt.Sprintf("%s has ONBUILD %s", s.BaseName, c.Expression))
				}
			}
		}
		for _, c := range s.Commands {
			switch c := c.(type) {
			case *instructions.RunCommand:
				return refusal(c.Location(), "RUN", in+"must run inside a container")
			case *instructions.AddCommand:
				if i := slices.IndexFunc(c.SourcePaths, isGit); i >= 0 {
					return refusal(c.Location(), "ADD", "of the Git repository "+c.SourcePaths[i]+" needs git")
				}
			}
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

// line is where an instruction begins.
func line(where []parser.Range) int {
	if len(where) == 0 {
		return 0
	}
	return where[0].Start.Line
}

// epochName is the build argument for the time of everything: https://reproducible-builds.org/specs/source-date-epoch/
const epochName = "SOURCE_DATE_EPOCH"

// epoch is the time that everything gets.
func (f *file) epoch() (time.Time, error) {
	text, ok := f.Args[epochName]
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

// An env is a list of variables; a later value takes the place of an earlier one.
type env struct {
	names  []string
	values map[string]string
}

// Get is the value of a variable.
func (e env) Get(name string) (string, bool) {
	v, ok := e.values[name]
	return v, ok
}

// Keys are the names.
func (e env) Keys() []string { return e.names }

func (e *env) set(name, value string) {
	if e.values == nil {
		e.values = map[string]string{}
	}
	if _, there := e.values[name]; !there {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

// clone is one of its own.
func (e env) clone() (c env) {
	for _, name := range e.names {
		c.set(name, e.values[name])
	}
	return c
}
