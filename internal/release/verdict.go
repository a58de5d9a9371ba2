package release

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fargatectl/fargatectl/aws"
)

// A Verdict is the one cause of a deployment that failed.
type Verdict struct {
	Code     string   `json:"code"`     // stable: see Causes
	Summary  string   `json:"summary"`  // one sentence, with the values that matter in it
	Hint     string   `json:"hint"`     // what to do now
	Evidence []string `json:"evidence"` // what it was concluded from, in the words of AWS and of the containers

	task, container string // that it is about, "" for none
}

// A Failure is a deployment that failed, with its cause. It wraps a RolledBackError or a NotRestoredError of package aws,
// or why nobody waited any longer.
type Failure struct {
	Err      error
	Verdict  Verdict
	Evidence *Evidence
}

func (f *Failure) Error() string {
	outcome := f.Err.Error()
	rolledBack, lost := (*aws.RolledBackError)(nil), (*aws.NotRestoredError)(nil)
	if errors.As(f.Err, &rolledBack) || errors.As(f.Err, &lost) { // behind the colon is what is said better here
		outcome, _, _ = strings.Cut(outcome, ":")
	}
	return outcome + ": " + f.Verdict.Summary
}

func (f *Failure) Unwrap() error { return f.Err }

// Hint is what to do now.
func (f *Failure) Hint() string { return f.Verdict.Hint }

// A Cause is a way in which deployments fail.
type Cause struct {
	Code    string
	Meaning string // one sentence for the list of causes
	Remedy  string // what to do, for the list of causes

	// find says whether a task stopped for this cause, and how that is said. Of a deployment whose tasks tell nothing it
	// is asked once with an empty task.
	find func(e *Evidence, t TaskSeen) (found *finding)
}

// A finding is what a rule says of its cause in this case.
type finding struct {
	summary, hint string
	quote         []string // besides what is always quoted
}

func found(hint, summary string, values ...any) *finding {
	return &finding{summary: fmt.Sprintf(summary, values...), hint: hint}
}

// Unknown is the code of what no rule is about.
const Unknown = "Unknown"

// Causes are all that are known, the most specific first: of two that fit a task the earlier one is its cause.
func Causes() []Cause {
	return slices.Concat(startCauses, exitCauses, healthCauses, placeCauses)
}

// Judge finds the cause. What ended the deployment from outside, a person or an alarm, is its cause whatever the tasks
// did. Else tasks that stopped alike have the most specific cause that one of them shows, for the log of few is read,
// and the cause of the most tasks wins.
func Judge(e *Evidence) Verdict {
	for _, c := range endCauses {
		if f := c.find(e, TaskSeen{}); f != nil {
			return e.verdict(c.Code, f, TaskSeen{})
		}
	}
	causes := Causes()
	best, most, order := (*finding)(nil), 0, 0
	code, task := Unknown, TaskSeen{}
	votes := map[string]int{}
	for _, group := range e.groups() {
		f, i, t := first(causes, e, group)
		if f == nil {
			continue
		}
		votes[causes[i].Code] += len(group)
		if n := votes[causes[i].Code]; best == nil || n > most || n == most && i < order {
			best, most, order, code, task = f, n, i, causes[i].Code, t
		}
	}
	if best == nil {
		return e.unknown()
	}
	return e.verdict(code, best, task)
}

// first is the most specific finding about one of several tasks, with the number of its cause; nil without one.
func first(causes []Cause, e *Evidence, tasks []TaskSeen) (*finding, int, TaskSeen) {
	for i, c := range causes {
		for _, t := range tasks {
			if f := c.find(e, t); f != nil {
				return f, i, t
			}
		}
	}
	return nil, 0, TaskSeen{}
}

// groups are the tasks that failed, those that stopped alike together, the newest first; one of an empty task without any.
func (e *Evidence) groups() (groups [][]TaskSeen) {
	at := map[string]int{}
	for _, t := range e.failed() {
		i, ok := at[t.kind()]
		if !ok {
			i = len(groups)
			at[t.kind()], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], t)
	}
	if len(groups) == 0 {
		groups = [][]TaskSeen{{{}}}
	}
	return groups
}

// kind is in what way a task stopped: what its reason begins with, and its containers' exit codes.
func (t TaskSeen) kind() string {
	begins, _, _ := strings.Cut(t.StoppedReason, ":")
	kind := []string{t.StopCode, begins}
	for _, c := range t.Containers {
		if c.ExitCode != nil {
			kind = append(kind, fmt.Sprintf("%s=%d", c.Name, *c.ExitCode))
		}
	}
	return strings.Join(kind, " ")
}

// All lists the causes that are known, those from outside too, as the documentation has them.
func All() []Cause { return append(Causes(), endCauses...) }

// unknown says what was seen, and guesses nothing.
func (e *Evidence) unknown() Verdict {
	f := found("fargatectl status and fargatectl logs tail --since 30m show more; the file has all that was seen", "the cause is not one that is known: %s", cmp.Or(e.Deployment.Reason, "AWS gave no reason"))
	t := TaskSeen{}
	if all := e.failed(); len(all) > 0 {
		t = all[0]
		f.summary = "the cause is not one that is known; a task said: " + oneLine(t.said())
	}
	for _, ev := range e.Events[:min(5, len(e.Events))] {
		f.quote = append(f.quote, "event: "+ev.Message)
	}
	return e.verdict(Unknown, f, t)
}

// verdict adds what is always said to what a rule has found.
func (e *Evidence) verdict(code string, f *finding, t TaskSeen) Verdict {
	v := Verdict{Code: code, Summary: f.summary, Hint: f.hint, Evidence: []string{}, task: t.ID, container: e.culprit(t).Name}
	if d := e.Deployment; d.Reason != "" || d.Failed > 0 {
		text := cmp.Or(d.Reason, "not given up")
		switch {
		case d.Failed > 0 && d.Threshold > 0:
			text += fmt.Sprintf(" (%d tasks failed, at %d it is given up)", d.Failed, d.Threshold)
		case d.Failed > 0:
			text += fmt.Sprintf(" (%d tasks failed)", d.Failed)
		}
		v.Evidence = append(v.Evidence, "deployment: "+text)
	}
	if t.ID != "" {
		text := "task " + t.brief() + ": " + t.said()
		if d := t.lived(); d >= time.Second {
			text += ", " + took(d) + " after its start"
		}
		if n := e.alike(t); n > 0 {
			text += fmt.Sprintf("; %d more like it", n)
		}
		v.Evidence = append(v.Evidence, oneLine(text))
	}
	for _, q := range f.quote {
		if !slices.Contains(v.Evidence, q) {
			v.Evidence = append(v.Evidence, oneLine(q))
		}
	}
	return v
}

// alike counts the other tasks that stopped like this one.
func (e *Evidence) alike(t TaskSeen) (n int) {
	for _, o := range e.failed() {
		if o.ID != t.ID && o.kind() == t.kind() {
			n++
		}
	}
	return n
}

// said is what AWS says of a task's end, with its containers' exit codes.
func (t TaskSeen) said() string {
	var parts []string
	for _, c := range t.Containers {
		said := c.Reason
		if c.ExitCode != nil && *c.ExitCode != 0 {
			said = strings.TrimPrefix(fmt.Sprintf("%s, exit code %d", said, *c.ExitCode), ", ")
		}
		if said != "" && said != t.StoppedReason {
			parts = append(parts, c.Name+": "+said)
		}
	}
	if len(parts) == 0 {
		return t.StoppedReason
	}
	return strings.TrimSpace(t.StoppedReason + " (" + strings.Join(parts, "; ") + ")")
}

// event is the newest of the service's events that matches and is about the task, or about none; "" without one.
func (e *Evidence) event(t TaskSeen, re matcher) string {
	for _, ev := range e.Events {
		if re.MatchString(plain(ev.Message)) && (!strings.Contains(ev.Message, "(task ") || strings.Contains(ev.Message, "(task "+t.ID)) {
			return ev.Message
		}
	}
	return ""
}

// told finds a phrase in what AWS says of a task's end, or for an empty task in the service's events. It returns the
// text that it is in, "" without one.
func (e *Evidence) told(t TaskSeen, re matcher) string {
	if t.ID == "" {
		return plain(e.event(t, re))
	}
	if text := t.text(); re.MatchString(text) {
		return text
	}
	return ""
}

// logged finds a phrase in the end of a task's log; the last line that has it, "" without one.
func (e *Evidence) logged(t TaskSeen, re matcher) string {
	lines := e.log(t.ID, "")
	for _, l := range slices.Backward(lines) {
		if re.MatchString(l.Message) {
			return l.Message
		}
	}
	return ""
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// took is a duration in whole seconds: "4s", "2m10s".
func took(d time.Duration) string { return d.Round(time.Second).String() }
