package session

import (
	"bytes"
	"crypto/rand"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ECS Exec says nothing of how a command ended, and gives every command a terminal, which changes what goes through it.
// So a command is run by a shell in the container that says its exit code behind its output, and, where there is no
// terminal here, has the one there leave everything as it is. What the shell says stands between bytes that no
// terminal shows, with a word that nobody can know before.
const (
	begins = "\x01"
	ends   = '\x02'
)

// interactive is the shell's part with a terminal: signals are the command's.
const interactive = `trap : INT QUIT; "$@"; printf '\001%s:exit:%d\002' WORD $?`

// piped is the shell's part without a terminal here. Input comes in lines of base64, which a terminal leaves alone, up to
// an end of file. One read of a terminal gives one line, so that nothing waits for more; read would take it byte by byte. A
// container without base64 or dd gets input as it is, which text survives.
const piped = `t=0; stty -echo -opost -isig -ixon -icrnl 2>/dev/null && t=1
d() { while l=$(dd bs=4096 count=1 2>/dev/null) && [ -n "$l" ]; do printf %s "$l" | base64 -d; done; }
e() { "$@"; printf '\001%s:exit:%d\002' WORD $?; }
if command -v base64 >/dev/null 2>&1 && command -v dd >/dev/null 2>&1; then printf '\001%s:start:%d1\002' WORD $t; d | e "$@"
else printf '\001%s:start:%d0\002' WORD $t; e "$@"; fi`

// wrap is the command line that runs a command by the shell's part.
func wrap(script, word string, command []string) string {
	return Quote(append([]string{"sh", "-c", strings.ReplaceAll(script, "WORD", word), "sh"}, command...))
}

// plain is a word that needs no quotes.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// Quote makes a command line of words: the agent takes it apart as a shell does, and starts it without one.
func Quote(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if quoted[i] = w; !plain.MatchString(w) {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// newWord is one that nobody can know before.
func newWord() string { return rand.Text() }

// A report takes what the shell says out of what the command writes.
type report struct {
	to   io.Writer
	word string
	said func(what, n string) // "start", "exit"
	held []byte               // the beginning of what may be said
}

func (r *report) Write(p []byte) (int, error) {
	data := slices.Concat(r.held, p)
	r.held = nil
	for len(data) > 0 {
		at := bytes.Index(data, []byte(begins+r.word+":"))
		if at < 0 {
			keep := len(data) - r.begun(data)
			if _, err := r.to.Write(data[:keep]); err != nil {
				return 0, err
			}
			r.held = bytes.Clone(data[keep:])
			return len(p), nil
		}
		if _, err := r.to.Write(data[:at]); err != nil {
			return 0, err
		}
		end := bytes.IndexByte(data[at:], ends)
		if end < 0 {
			r.held = bytes.Clone(data[at:])
			return len(p), nil
		}
		what, n, _ := strings.Cut(string(data[at+len(begins+r.word+":"):at+end]), ":")
		r.said(what, n)
		data = data[at+end+1:]
	}
	return len(p), nil
}

// begun is how many bytes at the end of data may be the beginning of what is said.
func (r *report) begun(data []byte) int {
	mark := []byte(begins + r.word + ":")
	for n := min(len(mark)-1, len(data)); n > 0; n-- {
		if bytes.HasSuffix(data, mark[:n]) {
			return n
		}
	}
	return 0
}

// flush writes what was held back for nothing.
func (r *report) flush() error {
	_, err := r.to.Write(r.held)
	r.held = nil
	return err
}

func code(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil
}
