package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A region is the last rows of a terminal, repainted in place. Between two frames the cursor stands, visible, at the
// beginning of the line below, so that whoever ends there, crashed or not, leaves nothing to restore.
type region struct {
	rows  []string // as painted
	width int      // when they were
	cuts  bool     // see Stream
}

// A frame is one write: the terminal shows all of it at once where it knows mode 2026, hides the cursor while it
// moves, and does not wrap rows that are wider to it than to us.
const (
	beginFrame = ansi.SetModeSynchronizedOutput + ansi.HideCursor
	endFrame   = ansi.ShowCursor + ansi.ResetModeSynchronizedOutput
	noWrap     = "\x1b[?7l"
	wrap       = "\x1b[?7h"
)

// frame prints lines above the region and makes the region rows; it is empty when all of this is there already.
func (r *region) frame(above, rows []string, width int) string {
	var b strings.Builder
	if len(above) == 0 && len(rows) == len(r.rows) && width == r.width {
		r.changed(&b, rows)
	} else if len(above)+len(rows)+len(r.rows) > 0 {
		up(&b, r.height(width))
		b.WriteString("\r" + ansi.EraseScreenBelow)
		for _, l := range above {
			b.WriteString(l + "\r\n")
		}
		b.WriteString(noWrap)
		for _, l := range rows {
			b.WriteString(l + "\r\n")
		}
		b.WriteString(wrap)
	}
	r.rows, r.width = rows, width
	if b.Len() == 0 {
		return ""
	}
	return beginFrame + b.String() + endFrame
}

// height is how many rows the last frame takes now: a terminal that got narrower has wrapped those that no longer fit.
func (r *region) height(width int) int {
	n := len(r.rows)
	if r.cuts {
		return n
	}
	for _, row := range r.rows {
		n += max(0, ansi.StringWidth(row)-1) / width
	}
	return n
}

// changed repaints the rows that differ.
func (r *region) changed(b *strings.Builder, rows []string) {
	for i, row := range rows {
		if row == r.rows[i] {
			continue
		}
		n := len(rows) - i
		up(b, n)
		b.WriteString("\r" + ansi.EraseEntireLine + noWrap + row + wrap + "\r" + ansi.CursorDown(n))
	}
}

func up(b *strings.Builder, n int) {
	if n > 0 { // 0 would mean 1
		b.WriteString(ansi.CursorUp(n))
	}
}
