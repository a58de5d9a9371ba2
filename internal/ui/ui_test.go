package ui

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	time.Local = time.UTC // plain lines begin with the time of day
	flag.Parse()
	os.Exit(m.Run())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

// at is a terminal of a width that keeps what is written.
func at(w int) (*bytes.Buffer, Stream) {
	var b bytes.Buffer
	return &b, Stream{Writer: &b, TTY: true, Size: func() (int, int) { return w, 24 }}
}

// A record is what was written since it was last asked for.
type record struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *record) taken() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.b.Reset()
	return r.b.String()
}

func closing(t *testing.T, c io.Closer) {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
}

func TestTook(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration][2]string{
		0:                         {"0.0s", "0s"},
		840 * time.Millisecond:    {"0.8s", "0s"},
		59_940 * time.Millisecond: {"59.9s", "59s"},
		59_970 * time.Millisecond: {"1m00s", "59s"},
		93_700 * time.Millisecond: {"1m34s", "1m33s"},
		110 * time.Second:         {"1m50s", "1m50s"},
		time.Hour + 2*time.Minute: {"1h02m", "1h02m"},
		-time.Second:              {"0.0s", "0s"},
	} {
		if got := [2]string{Took(d), whole(d)}; got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// Detect goes by stream and environment: a pipe beside a terminal is each what it is.
func TestDetect(t *testing.T) {
	t.Parallel()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	closing(t, master)
	closing(t, tty)
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 31, Cols: 101}); err != nil {
		t.Fatal(err)
	}
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	closing(t, r)
	closing(t, pipe)

	detect := func(env map[string]string) Terminal {
		return Detect(tty, pipe, tty, func(k string) string { return env[k] })
	}
	d := detect(map[string]string{"LANG": "en_US.UTF-8"})
	if w, h := d.Err.size(); w != 101 || h != 31 {
		t.Errorf("size %d×%d, want 101×31", w, h)
	}
	if w, h := d.Out.size(); w != 80 || h != 24 {
		t.Errorf("a pipe's size %d×%d, want 80×24", w, h)
	}
	if !d.Asks || Detect(r, pipe, tty, os.Getenv).Asks || Detect(tty, tty, pipe, os.Getenv).Asks {
		t.Error("a question needs stdin and stderr to be terminals, and no more")
	}
	if d.Err.Cuts || !detect(map[string]string{"XTERM_VERSION": "XTerm(390)"}).Err.Cuts {
		t.Error("xterm cuts lines when it gets narrower, others do not")
	}
	type seen struct{ errTTY, errColor, outColor, ascii, ci bool }
	for _, c := range []struct {
		env  map[string]string
		want seen
	}{
		{nil, seen{true, true, false, true, false}},
		{map[string]string{"LANG": "de_DE.utf8"}, seen{true, true, false, false, false}},
		{map[string]string{"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, seen{true, true, false, true, false}},
		{map[string]string{"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, seen{true, false, false, true, false}},
		{map[string]string{"CLICOLOR_FORCE": "1"}, seen{true, true, true, true, false}},
		{map[string]string{"CLICOLOR_FORCE": "0"}, seen{true, true, false, true, false}},
		{map[string]string{"TERM": "dumb"}, seen{false, false, false, true, false}},
		{map[string]string{"CI": "true"}, seen{true, true, false, true, true}},
		{map[string]string{"CI": "false"}, seen{true, true, false, true, false}},
	} {
		d := detect(c.env)
		if got := (seen{d.Err.TTY, d.Err.Color, d.Out.Color, d.Err.ASCII, d.CI}); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.env, got, c.want)
		}
	}
}
