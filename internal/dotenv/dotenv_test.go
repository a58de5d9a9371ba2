package dotenv

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	src := "\ufeff# comment\r\n\r\nPLAIN=a value # said\r\n  export\tQUOTED = 'it stands\n as it \\n is # $HOME' # said\n" +
		`ESCAPED="one\ntwo\t\"\\\$HOME` + "\nthree\"\nEMPTY=\nHASH=a#b\nURL=postgres://u:p@h/d?x=1&y=#z\n\texport=1\n_1=ü"
	want := []Entry{
		{"PLAIN", "a value", 3, 1},
		{"QUOTED", "it stands\n as it \\n is # $HOME", 4, 10},
		{"ESCAPED", "one\ntwo\t\"\\$HOME\nthree", 6, 1},
		{"EMPTY", "", 8, 1},
		{"HASH", "a#b", 9, 1},
		{"URL", "postgres://u:p@h/d?x=1&y=#z", 10, 1},
		{"export", "1", 11, 2},
		{"_1", "ü", 12, 1},
	}
	got, err := Parse(".env", []byte(src))
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
}

// What is wrong is said with its place, all of it at once, and never with what stands there.
func TestWrong(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"GOOD=1\n hunter2\nGOOD=hunter2\n": ".env:2:9: a line is KEY=VALUE, and here = is missing;.env:3:1: GOOD stands in line 1 already",
		"1A=hunter2":                       ".env:1:1: a line is KEY=VALUE, and KEY is of letters, digits and _, the first no digit",
		"ÄÄ=x\nA-B=hunter2":                ".env:1:1: a line is KEY=VALUE, and KEY is of letters, digits and _, the first no digit;.env:2:2: a line is KEY=VALUE, and here = is missing",
		"A='hunter2\nB=1\n":                ".env:1:3: the quote of A is not closed",
		"A=\"hunter2\\q\"\nB=`x`":          `.env:1:11: a backslash in double quotes stands before n, r, t, \, " or $;.env:2:3: the value of B begins with ` + "`: put it into single quotes",
		"A='ä'hunter2":                     ".env:1:6: something follows the quoted value of A",
		"A=1\nB=\x00hunter2":               ".env:2:3: this is no text (UTF-8)",
		"A=\xffhunter2":                    ".env:1:3: this is no text (UTF-8)",
	} {
		_, err := Parse(".env", []byte(src))
		if err == nil {
			t.Errorf("%q: no error", src)
			continue
		}
		if got := strings.ReplaceAll(err.Error(), "\n", ";"); got != want {
			t.Errorf("%q:\n got %s\nwant %s", src, got, want)
		}
	}
}

// Whatever the text is, it ends, and its values are parts of it.
func FuzzParse(f *testing.F) {
	f.Add("A='x'\nexport B=\"\\n\" # c\nC=d")
	f.Fuzz(func(t *testing.T, src string) {
		entries, err := Parse("f", []byte(src))
		for _, e := range entries {
			if e.Key == "" || e.Line < 1 || e.Column < 1 {
				t.Error(e)
			}
		}
		if err != nil && strings.Contains(fmt.Sprint(err), "%!") {
			t.Error(err)
		}
	})
}
