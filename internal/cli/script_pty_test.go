package cli

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// terminal runs a command in a terminal of its own, as a person would, and holds its exit code: "terminal CODE FILE
// COMMAND...". Each line of the file is something to do: "see REGEXP" waits until it stands in what was printed since the
// last line, "type TEXT" types it and presses enter, "press ctrl-c" does that, "resize"
// makes the window 30 by 100.
func terminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: terminal CODE FILE COMMAND ARGS...")
	}
	cmd := command(ts, args[2:])
	cmd.Env = append(cmd.Env, "TERM=xterm")
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	ts.Check(err)
	shown := &transcript{more: make(chan struct{}, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, 4096); ; {
			n, err := master.Read(b)
			shown.add(b[:n])
			if err != nil { // EIO: the other side is closed
				return
			}
		}
	}()
	late := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		verb, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "see":
			if !shown.see(regexp.MustCompile(what), ended) {
				_ = cmd.Process.Kill()
				ts.Fatalf("%q did not come:\n%s", what, shown.all())
			}
		case "type":
			_, err = master.WriteString(what + "\r")
		case "press":
			_, err = master.Write([]byte{3})
		case "resize":
			err = pty.Setsize(master, &pty.Winsize{Rows: 30, Cols: 100})
		default:
			ts.Fatalf("%s: %q is none of see, type, press, resize", args[1], verb)
		}
		ts.Check(err)
	}
	<-ended
	_ = cmd.Wait()
	late.Stop()
	ts.Check(master.Close())
	ts.Logf("%s", shown.all())
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// A transcript is what a terminal was sent.
type transcript struct {
	mu   sync.Mutex
	text []byte
	from int // what was seen ends here
	more chan struct{}
}

func (t *transcript) add(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	select {
	case t.more <- struct{}{}:
	default:
	}
}

func (t *transcript) all() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// see waits for a text behind what was seen before, and says whether it came before the end.
func (t *transcript) see(want *regexp.Regexp, ended <-chan struct{}) bool {
	for over := false; ; {
		t.mu.Lock()
		at := want.FindIndex(t.text[t.from:])
		if at != nil {
			t.from += at[1]
		}
		t.mu.Unlock()
		if at != nil || over {
			return at != nil
		}
		select {
		case <-t.more:
		case <-ended:
			over = true
		}
	}
}
