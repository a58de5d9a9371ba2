package ui

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// hostileTexts are what a log line, a tag or a stopped reason may hold to take a terminal over or to lie to its reader.
var hostileTexts = []string{
	"\x1b[2J\x1b[Hcleared",
	"\x1b]0;title\x07",
	"\x1b]52;c;ZXZpbA==\x1b\\clipboard",
	"\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
	"\x1b]0;never ended\nnext line",
	"\x1bP+q544e\x1b\\",
	"\x1b_Gf=100;AAAA\x1b\\kitty",
	"\x1bc reset",
	"\x9b2Jraw c1",
	"\x9d0;raw osc\x9c",
	"\u009b31mc1 as utf-8\u0085",
	"\xff\xfe\x80 not utf-8",
	"over\rwritten\b\b\b\x7f",
	"bell\a vt\v ff\f nul\x00 so\x0e si\x0f",
	"exe\u202Ecod.\u2066x\u2069\u200f\u061c",
	"zero\u200bwidth\ufeff tag\U000E0041",
	"sep\u2028arated\u2029",
	"split \x1b[\n31m sequence",
	"100% \x1b[31mred\x1b[0m",
}

// harmless fails when text would do more to a terminal than show itself.
func harmless(t *testing.T, where, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s: not UTF-8: %q", where, text)
	}
	for _, r := range text {
		if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 ||
			strings.ContainsRune("\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\U000E0041", r) {
			t.Errorf("%s: %U in %q", where, r, text)
			return
		}
	}
}

func TestSafe(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain text\twith\ttabs\nand lines": "plain text\twith\ttabs\nand lines",
		"größe 中文 👩‍👩‍👧 é":                  "größe 中文 👩‍👩‍👧 é",
		"\x1b[31mred\x1b[0m":                "red",
		"dos\r\nlines":                      "dos\nlines",
		"50%\r100%":                         "50% 100%",
		"\x1b]0;never ended\nnext line":     "\nnext line",
		"exe\u202ecod.":                     "execod.",
	} {
		if got := Safe(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzSafe(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		harmless(t, "Safe", Safe(s))
		if once := Safe(s); Safe(once) != once {
			t.Errorf("%q: once %q, twice %q", s, once, Safe(once))
		}
	})
}
