package ui

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// A Watch shows a text that changes in its place: on a terminal that can be repainted one write a frame, nothing where
// nothing has changed; elsewhere one text below the other.
type Watch struct {
	s      Stream
	region region
	shown  bool
}

// NewWatch shows texts on s.
func NewWatch(s Stream) *Watch { return &Watch{s: s, region: region{cuts: s.Cuts}} }

// Repaints says whether a text takes the place of the one before it.
func (w *Watch) Repaints() bool { return w.s.TTY }

// Page is where a text can be written to before it is shown: a stream with the properties of the watch's.
func (w *Watch) Page(to io.Writer) Stream {
	page := w.s
	page.Writer = to
	return page
}

// Show shows a text. A terminal that is too small for it shows its beginning, and how much is missing.
func (w *Watch) Show(text string) {
	if !w.s.TTY {
		if w.shown {
			text = "\n" + text
		}
		w.shown = true
		w.s.print(text)
		return
	}
	width, height := w.s.size()
	rows := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if room := max(1, height-1); len(rows) > room { // the last line is the cursor's
		rows = append(rows[:room-1:room-1], w.s.in(dim, fmt.Sprintf("%d more lines", len(rows)-room+1)))
	}
	for i := range rows {
		rows[i] = ansi.Truncate(rows[i], max(1, width-1), w.s.either("…", "..."))
	}
	if frame := w.region.frame(nil, rows, width); frame != "" {
		w.s.print(frame)
	}
}

// Keys yields what is typed on a terminal, key by key and unseen, until ctx ends; nil where in is no terminal. Ctrl-C is
// a key then, too: "\x03". Done gives the terminal back; the reading itself can't be stopped.
func Keys(ctx context.Context, in io.Reader) (keys <-chan byte, done func()) {
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	was, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, func() {}
	}
	typed := make(chan byte)
	go func() {
		b := make([]byte, 1)
		for {
			if _, err := f.Read(b); err != nil {
				return
			}
			select {
			case <-ctx.Done():
				return
			case typed <- b[0]:
			}
		}
	}()
	return typed, func() { _ = term.Restore(int(f.Fd()), was) } // whoever has closed the terminal needs it no more
}
