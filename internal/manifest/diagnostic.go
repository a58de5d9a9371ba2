package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Diagnostic is one mistake in a manifest, with its place.
type Diagnostic struct {
	File         string
	Line, Column int    // from 1; columns count characters
	Message      string // one line, lower case
	Hint         string // the way out; "" when the message says it
	Excerpt      string // the line of the file with a caret below, secrets masked
}

// Error is the diagnostic as it is printed: FILE:LINE:COLUMN: message, the excerpt and the hint.
func (d *Diagnostic) Error() string {
	text := fmt.Sprintf("%s:%d:%d: %s", d.File, d.Line, d.Column, d.Message)
	if d.Excerpt != "" {
		text += "\n" + d.Excerpt
	}
	if d.Hint != "" {
		text += "\n  hint: " + d.Hint
	}
	return text
}

// Errors are all mistakes of a manifest, in the order of the file. They are what Load and Parse return.
type Errors []Diagnostic

// Error is all of them, an empty line between.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i := range e {
		texts[i] = e[i].Error()
	}
	return strings.Join(texts, "\n\n")
}

// Invalid says whether err is a mistake in the manifest, [Errors] or a [*Diagnostic] found later: exit code 65.
func Invalid(err error) bool {
	if _, ok := errors.AsType[Errors](err); ok {
		return true
	}
	_, ok := errors.AsType[*Diagnostic](err)
	return ok
}

// sorted orders e as the file does and drops what was said twice of one place.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.CompactFunc(e, func(a, b Diagnostic) bool {
		return a.Line == b.Line && a.Column == b.Column && a.Message == b.Message
	})
}

// A source is the text of a manifest and where in it each key stands.
type source struct {
	file   string
	lines  []string
	places map[string]place  // by the joined path: type of the resource (id of a secret), "config", keys
	roots  map[string]string // id of a resource → the first word of its paths
}

// A place is a position in the file: of a scalar itself, of the key of a list or mapping.
type place struct {
	line, column int
	vars         bool // the value has come from a variable: it is not shown
}

// diagnostic is the mistake at p. With secret, the excerpt ends where the value begins.
func (s *source) diagnostic(p place, secret bool, message, hint string) Diagnostic {
	line := min(max(p.line, 1), max(len(s.lines), 1))
	d := Diagnostic{File: s.file, Line: line, Column: 1, Message: printable(message), Hint: printable(hint)}
	if line > len(s.lines) {
		return d
	}
	text := s.lines[line-1]
	d.Column = min(max(p.column, 1), utf8.RuneCountInString(text)+1)
	if p.line > line { // past the end of the file
		d.Column = utf8.RuneCountInString(text) + 1
	}
	if strings.TrimSpace(text) != "" {
		d.Excerpt = excerpt(line, d.Column, text, secret)
	}
	return d
}

const excerptWidth = 110

// excerpt is a line of the file and a caret below column, both cut to what a terminal shows.
func excerpt(line, column int, text string, secret bool) string {
	before, after := []rune(text), []rune(nil)
	caret := min(column-1, len(before))
	before, after = before[:caret:caret], before[caret:]
	cutLeft, cutRight := max(0, len(before)-10*excerptWidth), min(len(after), 10*excerptWidth)
	before, after = []rune(maskSecrets(string(before[cutLeft:]))), after[:cutRight]
	if secret {
		after = []rune("***")
	}
	runes := []rune(maskSecrets(string(before) + string(after)))
	caret = min(len(before), len(runes))
	from := 0
	if caret > excerptWidth*2/3 {
		from = caret - excerptWidth/2
	}
	to := min(len(runes), from+excerptWidth)
	shown := printable(string(runes[from:to]))
	if from > 0 {
		shown, caret = "…"+shown, caret+1-from
	}
	if to < len(runes) {
		shown += "…"
	}
	number := fmt.Sprint(line)
	return fmt.Sprintf("  %s | %s\n  %s | %s^", number, strings.TrimRight(shown, " "),
		strings.Repeat(" ", len(number)), strings.Repeat(" ", caret))
}

// printable puts other characters in the place of those that a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// Position is the line and column of a key, for what is found to be wrong later: Position("api-alb", "config",
// "internal"), the resource by id or type. For a key that the file doesn't have it is that of what would hold it,
// at last 1, 1.
func (m *Manifest) Position(path ...string) (line, column int) {
	p := m.source.at(path)
	return p.line, p.column
}

// Diagnostic is a mistake at the position of path, for what is found to be wrong later.
func (m *Manifest) Diagnostic(message, hint string, path ...string) *Diagnostic {
	s := m.source
	if s == nil {
		s = &source{file: m.File}
	}
	return new(s.diagnostic(s.at(path), false, message, hint))
}

// at is the place of path or, where the file has none, of the nearest that would hold it.
func (s *source) at(path []string) place {
	if s == nil || len(path) == 0 {
		return place{line: 1, column: 1}
	}
	path = slices.Clone(path)
	if root, ok := s.roots[path[0]]; ok {
		path[0] = root
	}
	for ; len(path) > 0; path = path[:len(path)-1] {
		if p, ok := s.places[join(path...)]; ok {
			return p
		}
	}
	return place{line: 1, column: 1}
}

// given says whether the file, or the overlay in force, has a value at path.
func (s *source) given(path ...string) bool {
	_, ok := s.places[join(path...)]
	return ok
}

func join(path ...string) string { return strings.Join(path, "\x00") }
