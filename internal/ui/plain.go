package ui

import (
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/fargatectl/fargatectl/deploy"
)

// plain appends: a line as something begins, one as it ends, and one whenever half a minute was silent. CI systems
// take a job that says nothing for some minutes for dead.
type plain struct {
	s Stream

	mu    sync.Mutex
	board board
	beat  *time.Timer
	aside bool            // somebody is talked to:
	held  strings.Builder // what waits until that is over
	over  bool
}

const (
	heartbeat = 30 * time.Second
	between   = 5 * time.Second // two notes of one change; the next heartbeat has the latest
	nameWidth = 14
)

func (p *plain) Start(r Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line(time.Now(), r.where())
	if r.Note != "" {
		p.line(time.Now(), p.s.in(yellow, line(r.Note)))
	}
}

func (p *plain) Plan(plan deploy.Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	PlanText(p.s, plan)
}

func (p *plain) Event(e deploy.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, lasted := p.board.take(e)
	if text := p.text(e, r, Took(lasted)); text != "" {
		p.line(e.At, pad(r.step, nameWidth)+text)
	}
}

// text is the event in a line, nothing for those that say no more than others.
func (p *plain) text(e deploy.Event, r row, lasted string) string {
	behind := p.s.in(dim, "  "+lasted)
	switch {
	case e.State == deploy.Begun && e.Change != nil:
		return r.text
	case e.State == deploy.Done && e.Change != nil:
		return p.s.in(green, r.text) + behind
	case e.State == deploy.Noted && r.news(e):
		return r.text
	case e.State == deploy.Waiting:
		return r.text
	case e.State == deploy.Ready:
		return p.s.in(green, "ready") + behind
	case e.State == deploy.Failed:
		return p.s.in(red, failedText(e)) + behind
	case e.State == deploy.Skipped:
		return p.s.in(yellow, "skipped: waits for "+line(e.Text))
	}
	return ""
}

// news says whether the last note of the same change is long enough ago.
func (r *row) news(e deploy.Event) bool {
	for _, d := range r.open {
		if d.Change == e.Change {
			if !d.noted.IsZero() && e.At.Sub(d.noted) < between {
				return false
			}
			d.noted = e.At
		}
	}
	return true
}

func (p *plain) Log(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range strings.Lines(Safe(text)) {
		p.line(time.Now(), p.s.in(dim, "| "+strings.TrimRight(l, "\n")))
	}
}

func (p *plain) Aside(f func()) {
	p.mu.Lock()
	p.aside = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.aside = false
		p.s.print(p.held.String())
		p.held.Reset()
	}()
	f()
}

func (p *plain) Stop(err error, _ ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	now := time.Now()
	for _, r := range p.board.rows {
		p.line(now, pad(r.step, nameWidth)+p.s.in(yellow, "not finished: "+r.text)+p.s.in(dim, "  "+Took(now.Sub(r.since))))
	}
	if end := p.board.end(now, err); end != "" {
		st := green
		if err != nil {
			st = red
		}
		p.line(now, p.s.in(st, end))
	}
	p.over = true
	if p.beat != nil {
		p.beat.Stop()
	}
}

// line prints, and puts the next heartbeat off.
func (p *plain) line(at time.Time, text string) {
	text = p.s.in(dim, at.Format(time.TimeOnly)) + " " + text + "\n"
	if p.aside {
		p.held.WriteString(text)
		return
	}
	p.s.print(text)
	switch {
	case p.over:
	case p.beat == nil:
		p.beat = time.AfterFunc(heartbeat, p.still)
	default:
		p.beat.Reset(heartbeat)
	}
}

// still is the heartbeat: what is awaited, since when, and what was last heard of it.
func (p *plain) still() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || len(p.board.rows) == 0 {
		return
	}
	now := time.Now()
	var names []string
	for _, r := range p.board.rows {
		names = append(names, r.step+" "+whole(now.Sub(r.since))+" ("+ansi.Truncate(strings.TrimPrefix(r.text, "waiting: "), 60, p.s.either("…", "..."))+")")
	}
	p.line(now, pad("still waiting", nameWidth)+strings.Join(names, ", "))
}
