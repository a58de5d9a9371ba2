package lint

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/fargatectl/fargatectl/image/dockerfile"
)

// A stage is one of the Dockerfile's.
type stage struct {
	*dockerfile.Stage
	index   int
	ref     string // what FROM names; "" where that is not known
	base    *stage // that FROM names; nil: an image, or scratch
	outside []from // images that COPY and RUN take from
	needs   []*stage
	reached bool // the target needs it
	ships   bool // its layers are the image's
}

// from is an image that an instruction names.
type from struct {
	ref string
	at  *dockerfile.Instruction
}

// final is what holds in the end: the last of each, nil where there is none.
type final struct {
	user, cmd, entrypoint, stop, health, expose *dockerfile.Instruction

	userName string
	signal   string
	ports    []string
	known    bool // all of the ports
}

// A scope is the variables at one place.
type scope struct {
	values  map[string]string
	missing []string // that were asked for in vain
}

// Get is the value of a variable.
func (s *scope) Get(name string) (string, bool) {
	v, ok := s.values[name]
	if !ok {
		s.missing = append(s.missing, name)
	}
	return v, ok
}

// Keys are the names.
func (s *scope) Keys() []string { return slices.Sorted(maps.Keys(s.values)) }

// longest is the longest value that is gone on with: variables of variables grow without bounds.
const longest = 32 << 10

// expand puts in the values of variables. ok is false where one is not known: outside says which of those that have no
// value may have one all the same.
func (l *linter) expand(text string, in *scope, outside func(string) bool) (expanded string, ok bool) {
	in.missing = nil
	expanded, _, err := shell.NewLex(l.file.Escape).ProcessWord(text, in)
	return expanded, err == nil && len(expanded) <= longest && !slices.ContainsFunc(in.missing, outside)
}

// ofBuilder are variables that the machine that builds gives a value.
func ofBuilder(name string) bool { return strings.HasPrefix(name, "BUILD") }

// anything: in a stage every variable may come from the base image.
func anything(string) bool { return true }

// read finds the stages, which of them ship, and what holds in the end.
func (l *linter) read(f *dockerfile.File) {
	l.file, l.global.values = f, map[string]string{}
	if os, arch, ok := strings.Cut(l.Platform, "/"); ok {
		l.global.values = map[string]string{"TARGETPLATFORM": l.Platform, "TARGETOS": os, "TARGETARCH": arch}
	}
	for _, i := range f.Args {
		l.arguments(i, &l.global, ofBuilder)
	}
	named := map[string]*stage{}
	for n, st := range f.Stages {
		s := &stage{Stage: st, index: n}
		ref, ok := l.expand(st.Base, &l.global, ofBuilder)
		if ok {
			s.ref = ref
		}
		if s.base = named[strings.ToLower(ref)]; s.base != nil {
			s.needs = append(s.needs, s.base)
		}
		for _, i := range st.Instructions {
			l.sources(s, i, named)
		}
		if s.Name != "" {
			named[s.Name] = s
		}
		l.stages = append(l.stages, s)
	}
	if l.target = l.stages[len(l.stages)-1]; l.Target != "" {
		l.target = named[strings.ToLower(l.Target)]
	}
	if l.target == nil {
		return
	}
	l.target.reach()
	for s := l.target; s != nil; s = s.base {
		s.ships = true
	}
	l.settle()
}

// sources are the stages and images that an instruction takes files from.
func (l *linter) sources(s *stage, i *dockerfile.Instruction, named map[string]*stage) {
	var names []string
	switch i.Name {
	case "COPY":
		names = i.All("from")
	case "RUN":
		for _, m := range i.All("mount") {
			for word := range strings.SplitSeq(m, ",") {
				if name, ok := strings.CutPrefix(word, "from="); ok {
					names = append(names, name)
				}
			}
		}
	}
	for _, name := range names {
		if st := named[strings.ToLower(name)]; st != nil {
			s.needs = append(s.needs, st)
		} else if n, err := strconv.Atoi(name); err != nil {
			s.outside = append(s.outside, from{name, i})
		} else if n >= 0 && n < len(l.stages) {
			s.needs = append(s.needs, l.stages[n])
		}
	}
}

func (s *stage) reach() {
	if s.reached {
		return
	}
	s.reached = true
	for _, n := range s.needs {
		n.reach()
	}
}

// arguments is ARG.
func (l *linter) arguments(i *dockerfile.Instruction, in *scope, outside func(string) bool) {
	for _, p := range i.Pairs {
		value, ok := l.Args[p.Name]
		if !ok && p.Bare {
			value, ok = l.global.values[p.Name]
		} else if !ok {
			value, ok = l.expand(p.Value, in, outside)
		}
		if ok {
			in.values[p.Name] = value
		}
	}
}

// chain are the stages whose layers ship, the first one first.
func (l *linter) chain() (chain []*stage) {
	for s := l.target; s != nil; s = s.base {
		chain = append(chain, s)
	}
	slices.Reverse(chain)
	return chain
}

// settle finds what holds in the end.
func (l *linter) settle() {
	in := &scope{values: map[string]string{}}
	x := &l.last
	x.known = true
	for _, s := range l.chain() {
		cmdHere := false
		for _, i := range s.Instructions {
			switch i.Name {
			case "ARG":
				l.arguments(i, in, anything)
			case "ENV":
				for _, p := range i.Pairs {
					if v, ok := l.expand(p.Value, in, anything); ok {
						in.values[p.Name] = v
					} else {
						delete(in.values, p.Name)
					}
				}
			case "CMD":
				x.cmd, cmdHere = i, true
			case "ENTRYPOINT":
				if x.entrypoint = i; !cmdHere {
					x.cmd = nil
				}
			case "HEALTHCHECK":
				x.health = i
			case "USER":
				x.user = i
				x.userName = l.one(i, in)
			case "STOPSIGNAL":
				x.stop = i
				x.signal = l.one(i, in)
			case "EXPOSE":
				x.expose = i
				for _, a := range i.Args {
					ports, ok := l.expand(a, in, anything)
					x.known = x.known && ok
					x.ports = append(x.ports, strings.Fields(ports)...)
				}
			}
		}
	}
}

// unknown is a value that nobody knows.
const unknown = "?"

// one is the value of an instruction's only argument.
func (l *linter) one(i *dockerfile.Instruction, in *scope) string {
	if v, ok := l.expand(i.Args[0], in, anything); ok {
		return v
	}
	return unknown
}
