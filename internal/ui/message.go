package ui

import (
	"errors"
	"slices"
	"strings"
)

// Error prints err to stderr's stream, several joined ones each for itself, and what to do about it:
//
//	error: vpc: read: not authorized to perform ec2:DescribeVpcs
//	hint: fargatectl policy prints what is needed
func Error(s Stream, err error, hints ...string) {
	for _, e := range apart(err) {
		s.print(s.in(red, "error:") + " " + indent(e.Error(), "  ") + "\n")
	}
	for _, h := range once(hints) {
		s.print(s.in(cyan, "hint:") + " " + indent(h, "  ") + "\n")
	}
}

// A Cause is why a deployment failed, as programs are told.
type Cause struct {
	Code     string   `json:"code"` // stable: "OutOfMemory"
	Summary  string   `json:"summary"`
	Hint     string   `json:"hint"`
	Evidence []string `json:"evidence"`
	Log      []string `json:"log,omitempty"`  // the last lines of the container that failed
	File     string   `json:"file,omitempty"` // that has all of it
}

// Note prints what must not be missed and is no error: "note: no certificate: the API answers HTTP only".
func Note(s Stream, text string) {
	s.print(s.in(yellow, "note:") + " " + indent(text, "  ") + "\n")
}

// apart takes joined errors apart. An error that says more than those it wraps stays whole.
func apart(err error) []error {
	if err == nil {
		return nil
	}
	var several interface{ Unwrap() []error }
	if !errors.As(err, &several) {
		return []error{err}
	}
	var all []error
	var texts []string
	for _, e := range several.Unwrap() {
		all = append(all, apart(e)...)
		texts = append(texts, e.Error())
	}
	if err.Error() != strings.Join(texts, "\n") {
		return []error{err}
	}
	return all
}

// once is the hints without repetitions and empty ones, in order.
func once(hints []string) (all []string) {
	for _, h := range hints {
		if h != "" && !slices.Contains(all, h) {
			all = append(all, h)
		}
	}
	return all
}
