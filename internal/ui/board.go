package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fargatectl/fargatectl/deploy"
)

// A board is what is under way and what is done, kept from the events.
type board struct {
	begun time.Time // of the first event
	rows  []*row    // under way, in the order they came up
	done  [4]int    // changes, by the order of ops
	steps struct{ done, failed, skipped int }
}

var ops = [4]deploy.Op{deploy.Create, deploy.Update, deploy.Replace, deploy.Delete}

// A row is one step under way: its changes, or the wait until it is ready.
type row struct {
	step   string
	since  time.Time
	text   string // the latest, in one line
	note   string // the end of text that a change has said of itself; "" where it has said nothing
	open   []*doing
	done   []*deploy.Change
	failed bool
}

// A doing is one change under way.
type doing struct {
	*deploy.Change
	since time.Time
	noted time.Time // of the last note shown, where not all are
}

// take puts an event on the board. It returns the event's row as it then is, and how long what the event ends lasted.
func (b *board) take(e deploy.Event) (row, time.Duration) {
	if b.begun.IsZero() {
		b.begun = e.At
	}
	r := b.row(e)
	since := r.since
	if c := e.Change; c != nil {
		since = r.change(e)
		if e.State == deploy.Done {
			b.done[slices.Index(ops[:], c.Op)]++
		}
	}
	r.note = ""
	switch e.State {
	case deploy.Begun:
		if e.Change != nil {
			r.text = doingText(e.Change)
		}
	case deploy.Noted:
		r.text = line(e.Text)
		if e.Change != nil {
			r.note = r.text
			r.text = doingText(e.Change) + ": " + r.note
		}
	case deploy.Waiting:
		r.text = "waiting: " + line(e.Text)
	case deploy.Done:
		if e.Change != nil {
			r.text = doneText(e.Change)
		} else {
			b.steps.done++
		}
	case deploy.Failed:
		if !r.failed {
			b.steps.failed++
		}
		r.failed = true
	case deploy.Skipped:
		b.steps.skipped++
	case deploy.Ready:
	}
	if r.over(e) {
		b.rows = slices.DeleteFunc(b.rows, func(x *row) bool { return x == r })
	}
	return *r, e.At.Sub(since)
}

// row is the event's row, a new one if its step has none.
func (b *board) row(e deploy.Event) *row {
	for _, r := range b.rows {
		if r.step == line(e.Step) {
			return r
		}
	}
	r := &row{step: line(e.Step), since: e.At, text: "started"}
	b.rows = append(b.rows, r)
	return r
}

// change keeps the changes under way, and returns when the event's began.
func (r *row) change(e deploy.Event) time.Time {
	i := slices.IndexFunc(r.open, func(d *doing) bool { return d.Change == e.Change })
	if i < 0 {
		r.open = append(r.open, &doing{Change: e.Change, since: e.At})
		i = len(r.open) - 1
	}
	since := r.open[i].since
	if e.State == deploy.Done {
		r.done = append(r.done, e.Change)
	}
	if e.State == deploy.Done || e.State == deploy.Failed {
		r.open = slices.Delete(r.open, i, i+1)
	}
	return since
}

// over says whether the event was the row's last. A failed one goes when the changes beside it have ended, too.
func (r *row) over(e deploy.Event) bool {
	if r.failed {
		return len(r.open) == 0
	}
	return e.State == deploy.Done && e.Change == nil || e.State == deploy.Ready || e.State == deploy.Skipped
}

// summary is what the row's changes did: "created vpc a, subnet b; deleted rule c".
func (r *row) summary() string {
	var parts []string
	for _, op := range ops {
		var what []string
		for _, c := range r.done {
			if c.Op == op {
				what = append(what, line(c.What))
			}
		}
		if len(what) > 0 {
			parts = append(parts, op.Verb()+"d "+strings.Join(what, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// doingText is a change under way: "creating vpc my-vpc". All four verbs end in e.
func doingText(c *deploy.Change) string {
	return strings.TrimSuffix(c.Op.Verb(), "e") + "ing " + line(c.What)
}

// doneText is a change that is done: "created vpc my-vpc".
func doneText(c *deploy.Change) string { return c.Op.Verb() + "d " + line(c.What) }

// failedText is the first line of the failure, without the step's name, which stands before it. The others, such as what a
// compiler has said, come with the error itself at the end.
func failedText(e deploy.Event) string {
	if e.Err == nil {
		return "failed"
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(e.Err.Error(), e.Step+": "), "\n")
	return "failed: " + line(first)
}

// ErrInterrupted is that somebody has stopped the run, which is no failure.
var ErrInterrupted = errors.New("interrupted")

// end is the run in a line: "done in 4m37s: 18 created, 2 updated", or nothing when nothing happened.
func (b *board) end(now time.Time, err error) string {
	if b.begun.IsZero() {
		return ""
	}
	word := "done in "
	if errors.Is(err, ErrInterrupted) || errors.Is(err, context.Canceled) {
		word = "stopped after "
	} else if err != nil {
		word = "failed after "
	}
	return word + Took(now.Sub(b.begun)) + b.sums()
}

// sums is ": 3 created, 1 failed", or nothing.
func (b *board) sums() string {
	var parts []string
	count := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	for i, op := range ops {
		count(b.done[i], op.Verb()+"d")
	}
	count(b.steps.failed, "failed")
	count(b.steps.skipped, "skipped")
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}
