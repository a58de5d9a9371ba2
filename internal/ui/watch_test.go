package ui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// Each frame is one write, nothing where nothing has changed; what is too high or too wide is cut, and a smaller
// terminal keeps no remains.
func TestWatch(t *testing.T) {
	t.Parallel()
	scr := newScreen(40, 6)
	w := NewWatch(scr.stream())
	text := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "row %d of %d, %s\n", i, n, strings.Repeat("x", 8*i))
		}
		return b.String()
	}
	for _, c := range []struct {
		rows, w, h int
		want       string
	}{
		{3, 40, 6, "row 0 of 3,\nrow 1 of 3, xxxxxxxx\nrow 2 of 3, xxxxxxxxxxxxxxxx\n"},
		{2, 40, 6, "row 0 of 2,\nrow 1 of 2, xxxxxxxx\n"},
		{7, 40, 6, "row 0 of 7,\nrow 1 of 7, xxxxxxxx\nrow 2 of 7, xxxxxxxxxxxxxxxx\nrow 3 of 7, xxxxxxxxxxxxxxxxxxxxxxxx\n3 more lines\n"},
		{7, 24, 5, "row 0 of 7,\nrow 1 of 7, xxxxxxxx\nrow 2 of 7, xxxxxxxxxx…\n4 more lines\n"},
		{1, 24, 5, "row 0 of 1,\n"},
	} {
		scr.resize(c.w, c.h)
		scr.taken()
		w.Show(text(c.rows))
		if got := scr.taken(); len(got) != 1 || !strings.HasPrefix(got[0], beginFrame) || !strings.HasSuffix(got[0], endFrame) {
			t.Errorf("%d rows: %q", c.rows, got)
		}
		if got := scr.text(); got != c.want {
			t.Errorf("%d rows on %dx%d:\n%s\nwant\n%s", c.rows, c.w, c.h, got, c.want)
		}
		w.Show(text(c.rows))
		if got := scr.taken(); len(got) != 0 {
			t.Errorf("%d rows, not changed: %q", c.rows, got)
		}
	}
}

// Where nothing can be repainted texts stand below each other.
func TestWatchPlain(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	w := NewWatch(Stream{Writer: &b})
	w.Show("one\n")
	w.Show("two\n")
	if b.String() != "one\n\ntwo\n" || w.Repaints() {
		t.Errorf("%q", b.String())
	}
}

func TestSpark(t *testing.T) {
	t.Parallel()
	n := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		values []*float64
		top    float64
		ascii  bool
		want   string
	}{
		{[]*float64{n(0), n(12.5), n(50), n(99), n(100), n(130)}, 100, false, "▁▂▅███"},
		{[]*float64{n(0), n(12.5), n(50), n(99), n(100), n(130)}, 100, true, "_.=###"},
		{[]*float64{nil, n(1), nil, n(2)}, 0, false, " ▅ █"},
		{[]*float64{n(0), n(0)}, 0, false, "▁▁"},
		{nil, 0, false, ""},
	} {
		if got := Spark(Stream{ASCII: c.ascii}, c.values, c.top); got != c.want {
			t.Errorf("%v: %q, want %q", c.values, got, c.want)
		}
	}
}

// Keys come one by one and unseen, Ctrl-C among them, and the terminal is given back as it was.
func TestKeys(t *testing.T) {
	t.Parallel()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = master.Close(), tty.Close() }()
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	keys, done := Keys(t.Context(), tty)
	if _, err := master.WriteString("x\x03q"); err != nil {
		t.Fatal(err)
	}
	if got := string([]byte{<-keys, <-keys, <-keys}); got != "x\x03q" {
		t.Errorf("%q", got)
	}
	done()
	if after, err := term.GetState(int(tty.Fd())); err != nil || *after != *before {
		t.Errorf("%+v %v", after, err)
	}
	if keys, done := Keys(t.Context(), strings.NewReader("q")); keys != nil {
		t.Error("a file has no keys")
	} else {
		done()
	}
}
