package ui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/fargatectl/fargatectl/deploy"
)

// PlanText prints a plan: a line a change with its differences below, notes, and the sum. It is never cut, as what is
// done must be what was shown; where the stream is a terminal, long lines are wrapped below their own text.
//
//   - create   logs     log group /ecs/my-api
//     ~ update   service  service my-api
//     desired_count  2 -> 3
//     note     nat      one gateway serves both zones
//     1 to create, 1 to update
func PlanText(s Stream, p deploy.Plan) {
	width, p := 0, p.Shown()
	for _, st := range p {
		width = max(width, ansi.StringWidth(line(st.Step)))
	}
	for _, st := range p {
		for _, c := range st.Changes {
			s.change(st.Step, width, c)
		}
		for _, n := range st.Notes {
			s.hanging(s.in(yellow, "  "+pad("note", opWidth))+pad(line(st.Step), width+2), line(n))
		}
	}
	s.print(s.in(bold, counts(p)) + "\n")
}

const opWidth = len("replace") + 2

// look is how an operation is shown: glyph, ASCII glyph, style.
var look = map[deploy.Op]struct {
	glyph, ascii string
	style        ansi.Style
}{
	deploy.Create:  {"+", "+", green},
	deploy.Update:  {"~", "~", yellow},
	deploy.Replace: {"±", "*", yellow},
	deploy.Delete:  {"-", "-", red},
}

func (s Stream) change(step string, width int, c deploy.Change) {
	l := look[c.Op]
	text := line(c.What)
	if c.Why != "" {
		text += " (" + line(c.Why) + ")"
	}
	if c.After {
		text += ", once the new release serves"
	}
	if c.Loud {
		text = s.in(yellow.Bold(), text)
	}
	head := s.in(l.style, s.either(l.glyph, l.ascii)+" "+pad(c.Op.Verb(), opWidth)) + pad(line(step), width+2)
	s.hanging(head, text)
	names := 0
	for _, f := range c.Diff {
		names = max(names, ansi.StringWidth(line(f.Name)))
	}
	for _, f := range c.Diff {
		s.hanging("    "+pad(line(f.Name), names+2), Safe(f.From)+" "+s.in(dim, "->")+" "+Safe(f.To))
	}
}

// hanging prints text behind a head; what doesn't fit the terminal, or begins a new line, goes below the text.
func (s Stream) hanging(head, text string) {
	indent := ansi.StringWidth(head)
	width := 0 // no limit
	if w, _ := s.size(); s.TTY && w-indent >= 20 {
		width = w - indent
	}
	for part := range strings.SplitSeq(text, "\n") {
		for _, l := range fold(part, width) {
			s.print(head + l + "\n")
			head = strings.Repeat(" ", indent)
		}
	}
}

// fold breaks a line between words, so that none has more than width cells. A longer word stays whole: whoever copies
// a name or an ARN gets all of it.
func fold(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.SplitAfter(text, " ") {
		last := &lines[len(lines)-1]
		if width > 0 && *last != "" && ansi.StringWidth(*last+strings.TrimRight(word, " ")) > width {
			*last = strings.TrimRight(*last, " ")
			lines = append(lines, word)
			continue
		}
		*last += word
	}
	return lines
}

// counts is the plan in a line: "3 to create, 1 to update", or "no changes".
func counts(p deploy.Plan) string {
	var parts []string
	for i, n := range p.Count() {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", n, ops[i].Verb()))
		}
	}
	if len(parts) == 0 {
		return "no changes"
	}
	return strings.Join(parts, ", ")
}

type planned struct {
	SchemaVersion string          `json:"schema_version"`
	Changes       []plannedChange `json:"changes"` // [] when there are none
	Notes         []plannedNote   `json:"notes"`
}

type plannedChange struct {
	Step   string         `json:"step"`
	Op     string         `json:"op"` // create, update, replace, delete
	What   string         `json:"what"`
	Fields []deploy.Field `json:"fields"`
	After  bool           `json:"after"` // done once the new release serves
	Why    string         `json:"why"`
}

type plannedNote struct {
	Step string `json:"step"`
	Text string `json:"text"`
}

// PlanJSON is a plan as JSON prints it.
func PlanJSON(p deploy.Plan) any {
	j := planned{SchemaVersion: Schema, Changes: []plannedChange{}, Notes: []plannedNote{}}
	for _, st := range p.Shown() {
		for _, c := range st.Changes {
			fields := append([]deploy.Field{}, c.Diff...)
			j.Changes = append(j.Changes, plannedChange{st.Step, c.Op.Verb(), c.What, fields, c.After, c.Why})
		}
		for _, n := range st.Notes {
			j.Notes = append(j.Notes, plannedNote{st.Step, n})
		}
	}
	return j
}
