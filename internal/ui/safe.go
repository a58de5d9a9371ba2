package ui

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// Safe is text that others wrote, fit for a terminal: without control sequences, without control characters other
// than newline and tab, without what turns or hides text (the directions of Unicode, invisible formatting). It can
// neither move the cursor, nor colour, nor show something else than what it says.
func Safe(s string) string {
	if plainText(s) {
		return s
	}
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, l := range lines { // each by itself: a sequence without an end takes only its line along
		lines[i] = strings.Map(safe, ansi.Strip(strings.ToValidUTF8(l, "\uFFFD")))
	}
	return strings.Join(lines, "\n")
}

// plainText says whether there is nothing in s but what can be seen of ASCII, and newlines and tabs: most lines.
func plainText[T string | []byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

func safe(r rune) rune {
	switch {
	case r == '\r', unicode.In(r, unicode.Zl, unicode.Zp):
		return ' '
	case hostile(r):
		return -1
	}
	return r
}

// hostile are C0 and C1 but newline and tab, and the invisible format characters (category Cf) but the two joiners
// that emoji and some scripts need.
func hostile(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d'
}

// line is safe text in one line.
func line(s string) string { return strings.Join(strings.Fields(Safe(s)), " ") }

// indent puts safe text below and behind a heading: its second and later lines begin with by.
func indent(s, by string) string {
	return strings.ReplaceAll(strings.TrimRight(Safe(s), "\n"), "\n", "\n"+by)
}
