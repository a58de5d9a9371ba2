package deploy

import (
	"fmt"
	"slices"
	"strings"
)

// A Plan is what Apply would do, in the steps' order. Steps with neither changes nor notes are left out.
type Plan []Planned

// Planned is the changes of one step, and what it has to say besides.
type Planned struct {
	Step    string
	Changes []Change
	Notes   []string
	Part    bool // of what another step shows: see Change.With
}

// Shown is the plan as it is told: without what is a part of something else.
func (p Plan) Shown() (shown Plan) {
	for _, st := range p {
		if st.Part {
			st.Changes = nil
		}
		if len(st.Changes)+len(st.Notes) > 0 {
			shown = append(shown, st)
		}
	}
	return shown
}

// Empty says whether there is nothing to do.
func (p Plan) Empty() bool { return p.Count() == [4]int{} }

// Count returns how many of the changes that are shown create, update, replace and delete.
func (p Plan) Count() (n [4]int) {
	for _, st := range p.Shown() {
		for _, c := range st.Changes {
			n[slices.Index([]Op{Create, Update, Replace, Delete}, c.Op)]++
		}
	}
	return n
}

// String is the plan as text, a line a change, its differences below it.
func (p Plan) String() string {
	var b strings.Builder
	for _, st := range p.Shown() {
		for _, c := range st.Changes {
			fmt.Fprintf(&b, "%s %s: %s%s%s\n", c.Op, st.Step, c.What, behind(c.Why), after(c))
			for _, f := range c.Diff {
				fmt.Fprintf(&b, "    %s: %s -> %s\n", f.Name, f.From, f.To)
			}
		}
		for _, n := range st.Notes {
			fmt.Fprintf(&b, "  %s: %s\n", st.Step, n)
		}
	}
	return b.String()
}

func behind(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

func after(c Change) string {
	if c.After {
		return ", once the new release serves"
	}
	return ""
}
