package ui

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"

	"github.com/fargatectl/fargatectl/deploy"
)

// A screen is a terminal emulator, and a record of what came in one write.
type screen struct {
	*vt.Emulator
	mu     sync.Mutex
	writes []string
}

func newScreen(w, h int) *screen { return &screen{Emulator: vt.NewEmulator(w, h)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, string(p))
	return s.Emulator.Write(p)
}

func (s *screen) WriteString(t string) (int, error) { return s.Write([]byte(t)) }

// taken is what was written since it was last asked for.
func (s *screen) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.writes
	s.writes = nil
	return w
}

// text is what one sees, the lines that scrolled away included, without empty lines at the end.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for y := range s.ScrollbackLen() {
		var l strings.Builder
		for x := range s.Width() {
			if c := s.ScrollbackCellAt(x, y); c != nil {
				l.WriteString(c.Content)
			}
		}
		all = append(all, l.String())
	}
	all = append(all, strings.Split(s.String(), "\n")...)
	for i := range all {
		all[i] = strings.TrimRight(all[i], " \r")
	}
	return strings.TrimRight(strings.Join(all, "\n"), "\n") + "\n"
}

func (s *screen) stream() Stream {
	return Stream{Writer: s, TTY: true, Cuts: true, Size: func() (int, int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.Width(), s.Height()
	}}
}

func (s *screen) resize(w, h int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Resize(w, h)
}

// tick lets one frame be painted.
func tick(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func event(s Sink, step string, state deploy.State, c *deploy.Change, text string) {
	s.Event(deploy.Event{At: time.Now(), Step: step, State: state, Change: c, Text: text})
}

var usual = map[string]time.Duration{"nat": 105 * time.Second}

func TestLive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		w, h         int
		color, ascii bool
	}{{60, 24, false, false}, {80, 24, false, true}, {120, 10, true, false}} {
		synctest.Test(t, func(t *testing.T) {
			scr := newScreen(c.w, c.h)
			st := scr.stream()
			st.Color, st.ASCII = c.color, c.ascii
			s := NewSink(ModeTTY, Terminal{Err: st}, usual)
			var seen []string
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range 4 {
					time.Sleep(13_235 * time.Millisecond) // while things are under way, between two frames and with no event just before
					seen = append(seen, scr.text())
				}
			}()
			play(s)
			<-done
			s.Stop(errDenied)
			s.Stop(nil) // says nothing more
			tick(time.Hour)
			seen = append(seen, scr.text())
			golden(t, fmt.Sprintf("live-%d.golden", c.w), strings.Join(seen, "--\n"))
			if scr.CursorHidden() {
				t.Error("the cursor is left hidden")
			}
		})
	}
}

// A frame is one write, hides the cursor only inside itself, and repaints only what has changed.
func TestFrames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scr := newScreen(80, 24)
		s := NewSink(ModeTTY, Terminal{Err: scr.stream()}, usual)
		s.Start(theRun)
		tick(10 * time.Second)
		if n := len(scr.taken()); n != 1 {
			t.Errorf("%d writes before anything happens, want the head alone", n)
		}
		event(s, "nat", deploy.Waiting, nil, "pending")
		event(s, "alb", deploy.Waiting, nil, "provisioning")
		tick(rate)
		scr.taken()
		tick(9 * rate)
		writes := scr.taken()
		if len(writes) != 9 {
			t.Errorf("%d writes in 9 ticks", len(writes))
		}
		for i, w := range writes {
			if !strings.HasPrefix(w, beginFrame) || !strings.HasSuffix(w, endFrame) ||
				strings.Count(w, "\x1b[?25l") != 1 || strings.Count(w, "\x1b[?7l") != strings.Count(w, "\x1b[?7h") {
				t.Errorf("frame %q", w)
			}
			if sum := strings.Contains(w, "ctrl-c"); sum != (i == 8) { // its second has passed
				t.Errorf("frame %d repaints the sum: %v", i, sum)
			}
		}
		event(s, "alb", deploy.Ready, nil, "")
		event(s, "nat", deploy.Ready, nil, "")
		tick(rate)
		scr.taken()
		tick(time.Hour)
		if n := len(scr.taken()); n != 0 {
			t.Errorf("%d writes while nothing is under way", n)
		}
		s.Stop(nil)
	})
}

// With more under way than the screen is high, the rest is counted, and nothing scrolls away twice.
func TestFold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scr := newScreen(80, 8)
		s := NewSink(ModeTTY, Terminal{Err: scr.stream()}, nil)
		for i := range 12 {
			event(s, fmt.Sprintf("step-%02d", i), deploy.Waiting, nil, "pending")
		}
		tick(3 * time.Second)
		got := scr.text()
		if strings.Count(got, "pending") != 5 || !strings.Contains(got, "12 under way (7 not shown)") || strings.Count(got, "\n") != 6 {
			t.Errorf("screen:\n%s", got)
		}
		for i := range 12 {
			event(s, fmt.Sprintf("step-%02d", i), deploy.Ready, nil, "")
		}
		s.Stop(nil)
		got = scr.text()
		if strings.Count(got, "ready") != 12 || strings.Contains(got, "pending") || strings.Count(got, "\n") != 13 {
			t.Errorf("at the end:\n%s", got)
		}
	})
}

// A terminal that gets smaller, and larger again, keeps what stands above and shows no remains of old frames.
func TestShrink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scr := newScreen(100, 20)
		s := NewSink(ModeTTY, Terminal{Err: scr.stream()}, usual)
		s.Start(theRun)
		for i := range 6 {
			s.Log(fmt.Sprintf("log line %d", i))
		}
		for i := range 4 {
			event(s, fmt.Sprintf("step-%d", i), deploy.Waiting, nil, "a text that is longer than the smallest of these terminals is wide")
		}
		for _, size := range [][2]int{{100, 20}, {50, 20}, {42, 16}, {90, 16}, {30, 20}} {
			scr.resize(size[0], size[1])
			tick(time.Second)
			got := scr.text()
			for _, want := range []string{"log line 0\n", "log line 5\n", "step-0", "step-3"} {
				if strings.Count(got, want) != 1 {
					t.Errorf("%v: %d times %q:\n%s", size, strings.Count(got, want), want, got)
				}
			}
			if strings.Count(got, "4 under way") > 1 || strings.Count(got, "\n") != 2+6+4+1 {
				t.Errorf("%v: remains:\n%s", size, got)
			}
		}
		s.Stop(nil)
	})
}

// A row that gets shorter leaves no tail, and one that is wider than the terminal has meanwhile become is cut (its last cell shows the last rune).
func TestRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scr := newScreen(40, 10)
		st := scr.stream()
		st.Size = func() (int, int) { return 80, 10 } // what it was a moment ago
		s := NewSink(ModeTTY, Terminal{Err: st}, nil)
		event(s, "nat", deploy.Waiting, nil, "long enough to be wider than forty cells")
		tick(rate)
		if got := scr.text(); !strings.HasPrefix(got, "⠙ nat              0s  waiting: long en") || strings.Count(got, "\n") != 2 {
			t.Errorf("not cut:\n%s", got)
		}
		event(s, "nat", deploy.Waiting, nil, "short")
		tick(rate)
		if got := scr.text(); !strings.HasPrefix(got, "⠹ nat              0s  waiting: short\n") {
			t.Errorf("a tail is left:\n%s", got)
		}
		s.Stop(nil)
	})
}

// A terminal that wraps what no longer fits is gone up by as many rows as it then has; one that cuts it, by as many
// as were painted; one that got larger changes nothing.
func TestRewrapped(t *testing.T) {
	t.Parallel()
	rows := []string{strings.Repeat("a", 90), "\x1b[31m" + strings.Repeat("b", 50) + "\x1b[m", strings.Repeat("中", 26), ""}
	for _, c := range []struct {
		cuts  bool
		width int
		up    int
	}{{false, 50, 2 + 1 + 2 + 1}, {false, 30, 3 + 2 + 2 + 1}, {true, 30, 4}, {false, 120, 4}} {
		r := region{cuts: c.cuts}
		r.frame(nil, rows, 100)
		want := beginFrame + fmt.Sprintf("\x1b[%dA\r\x1b[J", c.up)
		if got := r.frame(nil, rows, c.width); !strings.HasPrefix(got, want) {
			t.Errorf("%+v: %q, want %q first", c, got, want)
		}
	}
}

// Wide runes and hostile ones do not break rows.
func TestWide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for w := 20; w < 60; w++ {
			scr := newScreen(w, 10)
			s := NewSink(ModeTTY, Terminal{Err: scr.stream()}, nil)
			event(s, "中文", deploy.Waiting, nil, "一二三四五六七八九十一二三四五六七八九十 👩‍👩‍👧 \x1b[5Bé\r\nend\tof it")
			event(s, "nat", deploy.Waiting, nil, "pending")
			tick(time.Second)
			got := strings.Split(scr.text(), "\n")
			if len(got) != 4 || !strings.Contains(got[0], "一二") && w > 40 || !strings.Contains(got[1], "nat") {
				t.Errorf("width %d:\n%s", w, scr.text())
			}
			s.Stop(nil)
		}
	})
}

// In a real terminal: what an up leaves there in the end, and that it was painted on the way.
func TestPTY(t *testing.T) {
	t.Parallel()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	closing(t, master)
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 12, Cols: 70}); err != nil {
		t.Fatal(err)
	}
	frames := follow(master, 70, 12)
	last := ""
	until := func(text string) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for !strings.Contains(last, text) {
			select {
			case f, ok := <-frames:
				if !ok {
					t.Fatalf("ended without %q:\n%s", text, last)
				}
				last = f
			case <-deadline:
				t.Fatalf("no %q:\n%s", text, last)
			}
		}
	}
	term := Detect(os.Stdin, tty, tty, func(k string) string { return map[string]string{"LANG": "C.UTF-8"}[k] })
	s := NewSink(ModeAuto, term, usual)
	s.Start(theRun)
	event(s, "vpc", deploy.Begun, nil, "")
	event(s, "vpc", deploy.Begun, vpc, "")
	until("⠙ vpc")
	event(s, "nat", deploy.Waiting, nil, "pending")
	until("waiting: pending, usually ~1m45s")
	event(s, "vpc", deploy.Done, vpc, "")
	event(s, "vpc", deploy.Done, nil, "")
	s.Log("a log line")
	until("✓ vpc")
	event(s, "nat", deploy.Ready, nil, "")
	go func() {
		s.Stop(nil)
		_ = tty.Close()
	}()
	for f := range frames {
		last = f
	}
	got := strings.Split(last, "\n")
	for i, want := range []string{"up my-api in 123456789012/us-east-1", "SANDBOX: ", "✓ vpc ", "│ a log line", "✓ nat ", "done in "} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Fatalf("line %d is not %q:\n%s", i, want, last)
		}
	}
	if len(got) != 7 || strings.Contains(last, "under way") {
		t.Errorf("remains:\n%s", last)
	}
}

// follow is the screen behind a pty after every read, until its other side is closed.
func follow(master io.Reader, w, h int) <-chan string {
	frames := make(chan string)
	go func() {
		defer close(frames)
		scr := newScreen(w, h)
		for b := make([]byte, 4096); ; {
			n, err := master.Read(b)
			if err != nil { // EIO
				return
			}
			_, _ = scr.Emulator.Write(b[:n])
			frames <- scr.text()
		}
	}()
	return frames
}
