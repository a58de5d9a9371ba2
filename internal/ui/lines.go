package ui

import (
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/fargatectl/fargatectl/deploy"
)

// lines writes one JSON object a line: "version" first, then "run", the plan as "change.planned" and "step.note", the
// events as "change.begun", "step.waiting" and so on, "log", "cause" when a deployment has failed, "diagnostic" for each
// error and hint, and "summary" last.
type lines struct {
	w io.Writer

	mu    sync.Mutex
	board board
	head  bool
	over  bool
}

// An entry is a line. Members that a type does not have are left out.
type entry struct {
	Type      string         `json:"type"`
	Schema    string         `json:"schema,omitempty"`
	Tool      string         `json:"tool,omitempty"`
	Version   string         `json:"version,omitempty"`
	TS        string         `json:"ts,omitempty"` // UTC, with milliseconds
	Command   string         `json:"command,omitempty"`
	Stack     string         `json:"stack,omitempty"`
	Account   string         `json:"account,omitempty"`
	Region    string         `json:"region,omitempty"`
	Note      string         `json:"note,omitempty"`
	Step      string         `json:"step,omitempty"`
	Op        string         `json:"op,omitempty"` // create, update, replace, delete
	What      string         `json:"what,omitempty"`
	Fields    []deploy.Field `json:"fields,omitempty"`
	Why       string         `json:"why,omitempty"`
	After     bool           `json:"after,omitempty"`    // done once the new release serves
	Severity  string         `json:"severity,omitempty"` // error, hint
	Cause     *Cause         `json:"cause,omitempty"`
	Text      string         `json:"text,omitempty"`
	WaitsFor  string         `json:"waits_for,omitempty"`
	Error     string         `json:"error,omitempty"`
	Result    string         `json:"result,omitempty"` // ok, failed
	Sums      *sums          `json:"sums,omitempty"`
	ElapsedMS *int64         `json:"elapsed_ms,omitempty"`
}

// sums are changes done, and steps that failed or were skipped.
type sums struct {
	Created  int `json:"created"`
	Updated  int `json:"updated"`
	Replaced int `json:"replaced"`
	Deleted  int `json:"deleted"`
	Failed   int `json:"failed"`
	Skipped  int `json:"skipped"`
}

func (l *lines) Start(r Run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version(r.Version)
	l.put(time.Now(), entry{Type: "run", Command: r.Command, Stack: r.Stack, Account: r.Account, Region: r.Region, Note: r.Note})
}

func (l *lines) Plan(p deploy.Plan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version("")
	now := time.Now()
	for _, st := range p.Shown() {
		for _, c := range st.Changes {
			l.put(now, entry{Type: "change.planned", Step: st.Step, Op: c.Op.Verb(), What: c.What, Fields: c.Diff, Why: c.Why, After: c.After})
		}
		for _, n := range st.Notes {
			l.put(now, entry{Type: "step.note", Step: st.Step, Text: n})
		}
	}
}

func (l *lines) Event(e deploy.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version("")
	_, lasted := l.board.take(e)
	o := entry{Type: "step." + string(e.State), Step: e.Step, Text: e.Text}
	if e.Change != nil {
		o.Type = "change." + string(e.State)
		o.Op, o.What = e.Change.Op.Verb(), e.Change.What
	}
	if e.State == deploy.Skipped {
		o.Text, o.WaitsFor = "", e.Text
	}
	if e.Err != nil {
		o.Error = e.Err.Error()
	}
	if e.State == deploy.Done || e.State == deploy.Ready || e.State == deploy.Failed {
		o.ElapsedMS = new(lasted.Milliseconds())
	}
	l.put(e.At, o)
}

func (l *lines) Log(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version("")
	for t := range strings.Lines(text) {
		l.put(time.Now(), entry{Type: "log", Text: strings.TrimRight(t, "\r\n")})
	}
}

// Aside has nothing to take off: a stream of JSON has no room for talk, and none is had.
func (l *lines) Aside(f func()) { f() }

func (l *lines) Stop(err error, hints ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.over = true
	l.version("")
	now := time.Now()
	result := "ok"
	if err != nil {
		result = "failed"
		var caused interface{ Cause() Cause }
		if errors.As(err, &caused) {
			l.put(now, entry{Type: "cause", Cause: new(caused.Cause())})
		}
		for _, e := range apart(err) {
			l.put(now, entry{Type: "diagnostic", Severity: "error", Text: e.Error()})
		}
		for _, h := range once(hints) {
			l.put(now, entry{Type: "diagnostic", Severity: "hint", Text: h})
		}
	}
	b := &l.board
	if b.begun.IsZero() {
		b.begun = now
	}
	l.put(now, entry{Type: "summary", Result: result, ElapsedMS: new(now.Sub(b.begun).Milliseconds()), Sums: &sums{
		b.done[0], b.done[1], b.done[2], b.done[3], b.steps.failed, b.steps.skipped,
	}})
}

// version is the first line, whatever comes first.
func (l *lines) version(v string) {
	if !l.head {
		l.head = true
		l.write(entry{Type: "version", Schema: Schema, Tool: "fargatectl", Version: v})
	}
}

func (l *lines) put(at time.Time, e entry) {
	e.TS = at.UTC().Format("2006-01-02T15:04:05.000Z")
	l.write(e)
}

func (l *lines) write(e entry) {
	text, err := encode(e)
	if err == nil {
		_, _ = l.w.Write(text) // nobody left to tell
	}
}
