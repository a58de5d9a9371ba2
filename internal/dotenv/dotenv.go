// Package dotenv reads .env files strictly: what it does not understand is an error with its place, and never with what
// stands there, since these files hold secrets.
//
//	# a comment
//	PLAIN=a value, to the end of the line or to a space and #
//	export QUOTED='taken as it stands, over several lines, too'
//	ESCAPED="with \n \r \t \\ \" \$, over several lines, too"
//
// Nothing is expanded: $ is a dollar sign, as in the file format's first implementation for Node.
package dotenv

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// An Entry is one variable.
type Entry struct {
	Key, Value   string
	Line, Column int // of the key; both begin at 1, a column is a character
}

// An Error is what is wrong at a place of a file: "FILE:LINE:COLUMN: message".
type Error struct {
	File         string
	Line, Column int
	Message      string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Parse reads a file's text. Its error is all that is wrong, an Error each.
func Parse(file string, src []byte) ([]Entry, error) {
	p := &parser{file: file, src: string(bytes.TrimPrefix(src, []byte("\ufeff")))}
	if at := p.invalid(); at >= 0 {
		p.at = at
		p.bad("this is no text (UTF-8)")
		return nil, errors.Join(p.errs...)
	}
	p.src = strings.ReplaceAll(p.src, "\r\n", "\n")
	seen := map[string]int{}
	var entries []Entry
	for p.at < len(p.src) {
		e, ok := p.line()
		if !ok {
			continue
		}
		if first, twice := seen[e.Key]; twice {
			p.errs = append(p.errs, &Error{file, e.Line, e.Column, fmt.Sprintf("%s stands in line %d already", e.Key, first)})
			continue
		}
		seen[e.Key] = e.Line
		entries = append(entries, e)
	}
	return entries, errors.Join(p.errs...)
}

type parser struct {
	file, src string
	at        int // in src, in bytes
	errs      []error
}

// invalid is where the first byte stands that is no text, -1 without one.
func (p *parser) invalid() int {
	for i := 0; i < len(p.src); {
		r, n := utf8.DecodeRuneInString(p.src[i:])
		if r == utf8.RuneError && n == 1 || r == 0 {
			return i
		}
		i += n
	}
	return -1
}

// place is where the parser stands.
func (p *parser) place(at int) (line, column int) {
	before := p.src[:at]
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}

// bad notes an error, and goes on behind the line.
func (p *parser) bad(format string, args ...any) {
	line, column := p.place(p.at)
	p.errs = append(p.errs, &Error{p.file, line, column, fmt.Sprintf(format, args...)})
	p.skipLine()
}

func (p *parser) skipLine() {
	if n := strings.IndexByte(p.src[p.at:], '\n'); n >= 0 {
		p.at += n + 1
	} else {
		p.at = len(p.src)
	}
}

func (p *parser) blanks() {
	for p.at < len(p.src) && (p.src[p.at] == ' ' || p.src[p.at] == '\t') {
		p.at++
	}
}

// end says whether nothing more stands in the line but a comment.
func (p *parser) end() bool {
	return p.at == len(p.src) || p.src[p.at] == '\n' || p.src[p.at] == '#'
}

// line reads one line, or the lines of one value; ok is false for one without a variable.
func (p *parser) line() (e Entry, ok bool) {
	if p.blanks(); p.end() {
		p.skipLine()
		return e, false
	}
	if rest, found := strings.CutPrefix(p.src[p.at:], "export"); found && rest != "" && (rest[0] == ' ' || rest[0] == '\t') {
		p.at += len("export")
		p.blanks()
	}
	e.Line, e.Column = p.place(p.at)
	if e.Key = p.key(); e.Key == "" {
		p.bad("a line is KEY=VALUE, and KEY is of letters, digits and _, the first no digit")
		return e, false
	}
	if p.blanks(); p.at == len(p.src) || p.src[p.at] != '=' {
		p.bad("a line is KEY=VALUE, and here = is missing") // it may be part of a value: it is not repeated
		return e, false
	}
	p.at++
	p.blanks()
	e.Value, ok = p.value(e.Key)
	return e, ok
}

func (p *parser) key() string {
	i := p.at
	for i < len(p.src) && (p.src[i] == '_' || p.src[i]|0x20 >= 'a' && p.src[i]|0x20 <= 'z' || i > p.at && p.src[i] >= '0' && p.src[i] <= '9') {
		i++
	}
	key := p.src[p.at:i]
	if key != "" {
		p.at = i
	}
	return key
}

func (p *parser) value(key string) (string, bool) {
	if p.at == len(p.src) {
		return "", true
	}
	switch quote := p.src[p.at]; quote {
	case '\'', '"':
		return p.quoted(key, quote)
	case '`':
		p.bad("the value of %s begins with `: put it into single quotes", key)
		return "", false
	}
	line, _, _ := strings.Cut(p.src[p.at:], "\n")
	value := line
	for i := range line {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			value = line[:i]
			break
		}
	}
	p.skipLine()
	return strings.TrimRight(value, " \t"), true
}

// escapes are what stands behind a backslash in double quotes.
var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '\\': '\\', '"': '"', '$': '$'}

// quoted reads a value in quotes, and holds that nothing follows it.
func (p *parser) quoted(key string, quote byte) (string, bool) {
	open := p.at
	var b strings.Builder
	for p.at++; ; p.at++ {
		if p.at >= len(p.src) {
			p.at = open
			p.bad("the quote of %s is not closed", key)
			return "", false
		}
		c := p.src[p.at]
		switch {
		case c == quote:
			p.at++
			if p.blanks(); !p.end() {
				p.bad("something follows the quoted value of %s", key)
				return "", false
			}
			p.skipLine()
			return b.String(), true
		case c == '\\' && quote == '"':
			p.at++
			if p.at == len(p.src) || escapes[p.src[p.at]] == 0 {
				p.at--
				p.bad(`a backslash in double quotes stands before n, r, t, \, " or $`)
				return "", false
			}
			b.WriteByte(escapes[p.src[p.at]])
		default:
			b.WriteByte(c)
		}
	}
}
