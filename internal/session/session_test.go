package session

import (
	"bytes"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

func TestParseForward(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Forward{
		"8080:80": {8080, "", 80}, "0:80": {0, "", 80}, "5432:db.example.com:5432": {5432, "db.example.com", 5432}, "1:10.0.0.1:2": {1, "10.0.0.1", 2},
	} {
		if got, err := ParseForward(text); err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "80", "a:80", "80:b", "80:0", "80:65536", "-1:80", "70000:80", "1:h:2:3", "1::2", "1:a b:2", `1:"x":2`, "1:-h:2"} {
		if got, err := ParseForward(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// TestQuote holds that a shell finds the words again.
func TestQuote(t *testing.T) {
	t.Parallel()
	words := []string{"a", "", "two words", "it's", `"q"`, `b\c`, "$HOME", "`x`", "#no comment", "*", "a\nb", "é"}
	if got := Quote([]string{"ls", "-l", "/tmp"}); got != "ls -l /tmp" {
		t.Error(got)
	}
	if runtime.GOOS == "windows" {
		return
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '%s|' "+Quote(words)).Output()
	if err != nil || string(out) != strings.Join(words, "|")+"|" {
		t.Errorf("%v %q", err, out)
	}
}

// TestReport holds that what the shell says is taken out of the output, however it is cut, and nothing else is.
func TestReport(t *testing.T) {
	t.Parallel()
	const word = "WORD"
	text := "one\x01two\x01WORE:x\x02" + "\x01WORD:start:11\x02" + "three\x01WOR" + "\x01WORD:exit:7\x02" + "tail"
	for size := 1; size <= len(text); size++ {
		var out bytes.Buffer
		var said []string
		r := &report{to: &out, word: word, said: func(what, n string) { said = append(said, what+" "+n) }}
		for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
			if n, err := r.Write([]byte(rest[:min(size, len(rest))])); err != nil || n != min(size, len(rest)) {
				t.Fatal(n, err)
			}
		}
		if err := r.flush(); err != nil {
			t.Fatal(err)
		}
		if out.String() != "one\x01two\x01WORE:x\x02three\x01WORtail" || fmt.Sprint(said) != "[start 11 exit 7]" {
			t.Errorf("in pieces of %d: %q %v", size, out.String(), said)
		}
	}
}

// TestEscape holds what leaves a session, and that everything else is typed.
func TestEscape(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]struct {
		out  string
		left bool
	}{
		"~.": {"", true}, "ls\r~.": {"ls\r", true}, "a~.": {"a~.", false}, "~~.": {"~.", false}, "~x~.": {"~x~.", false},
		"\x03": {"\x03", false}, "~\r~.": {"~\r", true}, "cd ~\r": {"cd ~\r", false}, "x\n~.more": {"x\n", true},
	} {
		for size := 1; size <= len(keys); size++ {
			e, out, left := &escape{}, "", false
			for rest := keys; rest != "" && !left; rest = rest[min(size, len(rest)):] {
				var some []byte
				some, left = e.filter([]byte(rest[:min(size, len(rest))]))
				out += string(some)
			}
			if out != want.out || left != want.left {
				t.Errorf("%q in pieces of %d: %q %v", keys, size, out, left)
			}
		}
	}
}
