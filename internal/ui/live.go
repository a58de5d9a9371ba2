package ui

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/fargatectl/fargatectl/deploy"
)

// live shows what is under way as rows at the bottom of a terminal, ten times a second, and what is done as lines
// above them, once.
type live struct {
	s     Stream
	usual map[string]time.Duration

	mu     sync.Mutex
	board  board
	region region
	above  []string    // lines not printed yet
	tick   *time.Timer // nil while nothing is under way
	aside  bool        // somebody is talked to: nothing is painted
	over   bool
}

const rate = 100 * time.Millisecond

func (l *live) Start(r Run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.above = append(l.above, l.s.in(bold, r.where()))
	if r.Note != "" {
		l.above = append(l.above, l.s.in(yellow, line(r.Note)))
	}
	l.paint()
}

func (l *live) Plan(p deploy.Plan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	PlanText(l.s, p) // no row stands below yet
}

func (l *live) Event(e deploy.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, lasted := l.board.take(e)
	ok, bad, not := l.s.in(green, l.s.either("✓", "ok")), l.s.in(red, l.s.either("✗", "x")), l.s.in(yellow, "-")
	switch {
	case e.State == deploy.Done && e.Change == nil:
		l.finish(ok, r.step, Took(lasted), r.summary())
	case e.State == deploy.Ready:
		l.finish(ok, r.step, Took(lasted), "ready")
	case e.State == deploy.Failed:
		l.finish(bad, r.step, Took(lasted), l.s.in(red, failedText(e)))
	case e.State == deploy.Skipped:
		l.finish(not, r.step, "", l.s.in(yellow, "skipped: waits for "+line(e.Text)))
	}
	l.soon()
}

func (l *live) Log(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for t := range strings.Lines(Safe(text)) {
		l.above = append(l.above, l.s.in(dim, l.s.either("│ ", "| ")+strings.TrimRight(t, "\n")))
	}
	l.soon()
}

func (l *live) Aside(f func()) {
	l.mu.Lock()
	w, _ := l.s.size()
	l.s.print(l.region.frame(l.above, nil, w))
	l.above, l.aside = nil, true
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.aside = false
		l.paint()
	}()
	f()
}

func (l *live) Stop(err error, _ ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.over = true
	now := time.Now()
	for _, r := range l.board.rows {
		l.finish(l.s.in(yellow, "-"), r.step, Took(now.Sub(r.since)), l.s.in(yellow, "not finished: "+r.text))
	}
	l.board.rows = nil
	if end := l.board.end(now, err); end != "" {
		if err != nil {
			end = l.s.in(red, end)
		}
		l.above = append(l.above, l.s.in(bold, end))
	}
	l.paint()
}

// finish adds what will not change: glyph, step, time, text, which goes on below itself where it is longer.
func (l *live) finish(glyph, step, lasted, text string) {
	w, _ := l.s.size()
	head := l.row(glyph, step, lasted, "")
	indent := ansi.StringWidth(head)
	for _, t := range fold(text, max(20, w-indent)) {
		l.above = append(l.above, head+t)
		head = strings.Repeat(" ", indent)
	}
}

// row has the time before the text, so that a narrow terminal cuts the text and a wide one does not tear them apart.
func (l *live) row(glyph, step, lasted, text string) string {
	return pad(glyph, l.glyphs()+1) + pad(step, nameWidth-1) + l.s.in(dim, fmt.Sprintf("%6s", lasted)) + "  " + text
}

func (l *live) glyphs() int { return len(l.s.either("1", "12")) }

// soon sees to it that what is new is painted within a tick.
func (l *live) soon() {
	if l.over {
		l.paint()
		return
	}
	if l.tick == nil {
		l.tick = time.AfterFunc(rate, l.beat)
	}
}

func (l *live) beat() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tick = nil
	if l.over {
		return
	}
	l.paint()
	if len(l.board.rows) > 0 {
		l.soon()
	}
}

func (l *live) paint() {
	if l.aside {
		return
	}
	w, h := l.s.size()
	frame := l.region.frame(l.above, l.rows(time.Now(), w, h), w)
	l.above = nil
	if frame != "" {
		l.s.print(frame)
	}
}

var (
	dots = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}
	bars = []string{"-", "\\", "|", "/"}
)

// rows is the region: what is under way, as far as the screen is high, and the sum of it all.
func (l *live) rows(now time.Time, w, h int) []string {
	if len(l.board.rows) == 0 {
		return nil
	}
	spin := dots
	if l.s.ASCII {
		spin = bars
	}
	glyph := l.s.in(cyan, spin[int(max(0, now.Sub(l.board.begun))/rate)%len(spin)])
	shown := l.board.rows
	if room := max(0, h-3); len(shown) > room { // the sum, the cursor's line, and one that stays of what is above
		shown = shown[:room]
	}
	var rows []string
	for _, r := range shown {
		text := r.text
		if room := w - ansi.StringWidth(l.row(glyph, r.step, "", "")); r.note != "" && ansi.StringWidth(text) >= room {
			text = r.note // what is built is known; how far it is would be cut off
		}
		if u := l.usual[r.step]; u > 0 {
			text += l.s.in(dim, ", usually ~"+whole(u))
		}
		rows = append(rows, l.row(glyph, r.step, whole(now.Sub(r.since)), text))
	}
	sum := fmt.Sprintf("%d done, %d under way", l.board.steps.done, len(l.board.rows))
	if n := len(l.board.rows) - len(shown); n > 0 {
		sum += fmt.Sprintf(" (%d not shown)", n)
	}
	sum += "; ctrl-c stops safely"
	rows = append(rows, l.row(" ", "", whole(now.Sub(l.board.begun)), l.s.in(dim, sum)))
	for i := range rows {
		rows[i] = ansi.Truncate(rows[i], max(1, w-1), l.s.either("…", "..."))
	}
	return rows
}
