package cli

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/ui"
)

func (p *process) plan() *cli.Command {
	return &cli.Command{
		Name: "plan", Category: "start", Usage: "show what up would change, and change nothing",
		Flags: append(upFlags(), timeoutFlag(),
			&cli.BoolFlag{Name: "detailed-exitcode", Usage: "exit 2 when there are changes, 0 when there are none"}),
		Action: p.doPlan,
	}
}

func (p *process) doPlan(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	all := s.wanted()
	stack, err := s.read(all)
	if err != nil {
		return err
	}
	_ = s.buildable(all) // the plan has a note of it: up may run elsewhere
	plan := stack.Plan()
	refused := stack.Check() // what up would refuse
	if refused != nil && plan.Empty() {
		return refused // "no changes" would be the opposite of the truth
	}
	if err := s.result(ui.PlanJSON(plan), func() { ui.PlanText(s.terminal.Out, plan) }); err != nil {
		return err
	}
	if refused != nil {
		return refused
	}
	if !altering(plan).Empty() && c.Bool("detailed-exitcode") {
		return &quietError{exitChanges}
	}
	return nil
}

// altering is the plan without the look at the image's scan, which --fail-on takes every time and which alters nothing.
func altering(p deploy.Plan) deploy.Plan {
	return slices.DeleteFunc(slices.Clone(p), func(st deploy.Planned) bool { return st.Step == "scan" })
}
