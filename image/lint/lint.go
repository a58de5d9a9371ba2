// Package lint says what is wrong, or could be better, with a Dockerfile and with the image that came of it: for a service
// on Fargate, behind a load balancer.
//
// A rule that is not sure says so: its finding is then a [Note]. No finding has a value in it, since that may be a secret.
//
// Rules are switched off where they are not wanted, by their names here or BuildKit's for the same:
//
//	# check=skip=non-root,exec-form        at the head: in the whole file; "all" are all
//	# fargatectl:ignore=secret-in-arg      on the line before an instruction, or between its lines: there
package lint

import (
	"cmp"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fargatectl/fargatectl/image/dockerfile"
)

// A Severity is how bad a finding is.
type Severity string

// The severities, worst first.
const (
	Error   Severity = "error"   // it will not work, or a secret is open
	Warning Severity = "warning" // it should be changed
	Note    Severity = "note"    // it could be better, or may be as it is meant
)

// A Finding is one thing that a rule says.
type Finding struct {
	Rule     string   `json:"rule"` // the name of the rule, which is stable
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"` // "" and 0: in an image without a Dockerfile
	Line     int      `json:"line,omitempty"`
	Message  string   `json:"message"` // what is wrong
	Hint     string   `json:"hint"`    // the way out
}

// String is the finding in a line: "Dockerfile:3: USER 0: the container runs as root (non-root)".
func (f Finding) String() string {
	text := fmt.Sprintf("%s (%s)", f.Message, f.Rule)
	if f.Line > 0 {
		text = fmt.Sprintf("%s:%d: %s", f.File, f.Line, text)
	}
	return text
}

// Options are what a rule may have to know besides. What is zero is not known, and what depends on it is not said.
type Options struct {
	Name        string            // of the Dockerfile, for positions
	Target      string            // stage that is built; "" is the last
	Args        map[string]string // build arguments
	Platform    string            // that the service runs on: "linux/arm64"
	Port        int               // that the service's container listens on
	Command     bool              // the service has a command of its own: CMD counts for nothing
	HealthCheck bool              // the service's container has a health check of its own
	Context     *Context
	NoIndex     string // a folder to serve without an index.html; "" is none
	Built       *Built // the image that came of it
}

// A Context is what COPY takes from.
type Context struct {
	Ignores bool                   // there is a .dockerignore
	Has     func(path string) bool // whether a file, by its path with slashes, is in it and not ignored
}

// Built is an image.
type Built struct {
	Config *v1.ConfigFile
	Layers []int64 // sizes in bytes, as a registry keeps them
}

// Dockerfile finds what is to say about a Dockerfile, and about the image of o. Findings come in the order of their lines.
func Dockerfile(f *dockerfile.File, o Options) []Finding {
	l := newLinter(o)
	l.skip = skipped(f.Check)
	l.read(f)
	if l.target == nil { // there is no such stage: the build says so
		return nil
	}
	l.secrets()
	for _, s := range l.stages {
		if s.reached {
			l.bases(s)
		}
	}
	l.contents()
	l.runs()
	return l.sorted()
}

// Image finds what is to say about an image without a Dockerfile.
func Image(b Built, o Options) []Finding {
	o.Built = &b
	l := newLinter(o)
	if l.Built != nil {
		l.runs()
	}
	return l.sorted()
}

// Brief are the lines that a person is told: what should be changed, each with the way out. Notes are counted, and alone
// not worth a line.
func Brief(all []Finding) (lines []string) {
	notes, hint := 0, ""
	for _, f := range all {
		if f.Severity == Note {
			notes++
			continue
		}
		if hint != f.Hint && hint != "" { // several of a rule have one
			lines = append(lines, "hint: "+hint)
		}
		hint = f.Hint
		lines = append(lines, "warning: "+f.String())
	}
	if hint == "" {
		return nil
	}
	lines = append(lines, "hint: "+hint)
	switch {
	case notes == 1:
		lines = append(lines, "and a note: --output json of fargatectl build has it")
	case notes > 1:
		lines = append(lines, fmt.Sprintf("and %d notes: --output json of fargatectl build has them", notes))
	}
	return lines
}

// A linter is one look at a file or an image.
type linter struct {
	Options
	file   *dockerfile.File // nil: there is only an image
	stages []*stage
	target *stage
	global scope
	last   final  // what the target says at its end
	skip   string // ",rule,rule,", for the whole file
	found  []Finding
}

func newLinter(o Options) *linter {
	o.Name = cmp.Or(o.Name, "Dockerfile")
	if o.Built != nil && o.Built.Config == nil {
		o.Built = nil
	}
	return &linter{Options: o}
}

// add is a finding of a rule at an instruction, nil where there is none.
func (l *linter) add(rule string, at *dockerfile.Instruction, format string, args ...any) {
	l.put(rule, "", at, fmt.Sprintf(format, args...))
}

// doubt is a finding that the rule is not sure of.
func (l *linter) doubt(rule string, at *dockerfile.Instruction, format string, args ...any) {
	l.put(rule, Note, at, fmt.Sprintf(format, args...))
}

func (l *linter) put(rule string, s Severity, at *dockerfile.Instruction, message string) {
	r := &rules[0]
	for i := range rules {
		if rules[i].Name == rule {
			r = &rules[i]
		}
	}
	f := Finding{Rule: rule, Severity: cmp.Or(s, r.Severity), Message: message, Hint: r.Hint}
	off := l.skip
	if at != nil {
		f.File, f.Line = l.Name, at.Line
		off += ignored(at.Comments)
	}
	for _, name := range []string{"all", r.Name, strings.ToLower(r.BuildKit)} {
		if strings.Contains(off, ","+name+",") && name != "" {
			return
		}
	}
	for _, g := range l.found {
		if g.Rule == rule && g.Line == f.Line && g.Message == message {
			return
		}
	}
	l.found = append(l.found, f)
}

// sorted puts the findings in the order of their lines; they are few.
func (l *linter) sorted() []Finding {
	for i := range l.found {
		for ; i > 0 && l.found[i].Line < l.found[i-1].Line; i-- {
			l.found[i], l.found[i-1] = l.found[i-1], l.found[i]
		}
	}
	return l.found
}

// skipped reads BuildKit's directive, "skip=A,B;error=true", to ",a,b,": names there are of any case.
func skipped(check string) (names string) {
	for part := range strings.SplitSeq(check, ";") {
		if list, ok := strings.CutPrefix(strings.TrimSpace(part), "skip="); ok {
			names += "," + strings.ToLower(strings.ReplaceAll(list, " ", "")) + ","
		}
	}
	return names
}

// ignored reads the comments "fargatectl:ignore=A,B", with why behind a blank.
func ignored(comments []string) (names string) {
	for _, c := range comments {
		if list, ok := strings.CutPrefix(c, "fargatectl:ignore="); ok {
			list, _, _ = strings.Cut(list, " ")
			names += "," + strings.ToLower(list) + ","
		}
	}
	return names
}
