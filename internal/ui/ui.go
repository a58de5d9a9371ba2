// Package ui shows what happens and what came of it: on a terminal, in a log, as JSON. It decides nothing and makes
// no call.
//
// It speaks with one voice:
//
//   - results, and nothing else, go to stdout; progress, questions, notes and errors go to stderr. Each stream is
//     looked at by itself: `fargatectl status | less` keeps its progress coloured and its table plain.
//   - lines begin lower case and end without a period; they name things as AWS and the manifest do, the step first.
//   - a word says everything; a glyph and a colour only repeat it. Glyphs have ASCII forms.
//   - what is under way is "creating", what is done is "created", with the time it took: 0.8s, 14.2s, 1m50s.
//   - how long something will last is said only where it is known ("usually ~1m45s"): no percentages, no bars.
//   - an error says where and why, "error: step: change: cause"; what to do about it is a hint of its own, with the
//     command to type. No exclamation marks, no apologies, no please.
//   - silence is for [ModeQuiet]: whoever waits is told every 30 seconds for what ([ModePlain]), or sees it ([ModeTTY]).
//   - what came from AWS, from an image or from a log passes [Safe] before a terminal sees it.
package ui

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// A Terminal is where the tool runs.
type Terminal struct {
	Out, Err Stream
	CI       bool // CI is set: nobody watches
	Asks     bool // stdin and stderr are terminals: a question can be put and answered
}

// A Stream is one way out. The zero values of what surrounds the writer are those of a file: no colour, no width.
type Stream struct {
	io.Writer
	TTY   bool              // it can be repainted
	Color bool              // it shows colours
	ASCII bool              // it shows nothing else
	Cuts  bool              // when it gets narrower it cuts lines, where others wrap them
	Size  func() (w, h int) // cells; nil or zero: 80 by 24
}

// Detect looks at the three streams and the environment. NO_COLOR (not empty) turns colours off, CLICOLOR_FORCE (not
// empty, not "0") on; TERM=dumb can neither repaint nor colour; a locale that is not UTF-8 gets ASCII.
func Detect(stdin, stdout, stderr *os.File, getenv func(string) string) Terminal {
	ci := getenv("CI")
	t := Terminal{Out: stream(stdout, getenv), Err: stream(stderr, getenv), CI: ci != "" && ci != "false"}
	t.Asks = term.IsTerminal(int(stdin.Fd())) && term.IsTerminal(int(stderr.Fd()))
	return t
}

func stream(f *os.File, getenv func(string) string) Stream {
	s := Stream{Writer: f, ASCII: !isUTF8(getenv)}
	s.TTY = term.IsTerminal(int(f.Fd())) && getenv("TERM") != "dumb"
	s.Cuts = getenv("XTERM_VERSION") != "" || getenv("TERM") == "linux" || getenv("STY") != "" // xterm, console, GNU screen
	force := getenv("CLICOLOR_FORCE")
	s.Color = getenv("NO_COLOR") == "" && (s.TTY || force != "" && force != "0")
	s.Size = func() (int, int) {
		w, h, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0, 0
		}
		return w, h
	}
	return s
}

// isUTF8 goes by the locale of characters, in POSIX's order.
func isUTF8(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// Width is how many cells a line has.
func (s Stream) Width() int {
	w, _ := s.size()
	return w
}

func (s Stream) size() (w, h int) {
	if s.Size != nil {
		w, h = s.Size()
	}
	if w <= 0 {
		w = 80
	}
	if h <= 0 {
		h = 24
	}
	return w, h
}

// print writes lines. An error is dropped: there is nobody left to tell.
func (s Stream) print(text string) { _, _ = io.WriteString(s.Writer, text) }
