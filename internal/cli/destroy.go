package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/ui"
)

func (p *process) destroy() *cli.Command {
	return &cli.Command{
		Name: "destroy", Category: "leave", Usage: "delete everything that up has made; secrets keep AWS's recovery window",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "confirm", Usage: "agree without a question: the `NAME` of the stack"},
			&cli.StringSliceFlag{Name: "keep", Usage: "leave `WHAT` there: images, logs (repeat or separate by commas)"},
			&cli.BoolFlag{Name: "force", Usage: "delete secrets at once, without a recovery window"},
			timeoutFlag(),
		},
		Action: p.doDestroy,
	}
}

func (p *process) doDestroy(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	for _, k := range kept(c) {
		if !slices.Contains([]string{"images", "logs"}, k) {
			return usageErrorf("keep %q is neither images nor logs", k)
		}
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	name := s.app.Manifest.Stack()
	if given := c.String("confirm"); given != "" && given != name {
		return &confirmError{fmt.Sprintf("--confirm %s is not the name of this stack, which is %s; nothing was changed", given, name), ""}
	}
	stack, err := s.read(s.wanted())
	if err != nil {
		return err
	}
	stack.Want(false)
	if err := stack.Check(); err != nil { // what is protected
		return err
	}
	plan := stack.Plan()
	if !plan.Empty() {
		s.sink.Plan(plan)
		if err := s.confirmName(name); err != nil {
			return err
		}
	}
	if err := s.stop(stack.Apply(s.c.Context)); err != nil {
		return err
	}
	n, took := plan.Count(), s.took()
	return s.result(map[string]any{"deleted": n[3], "seconds": inSeconds(took)}, func() {
		if plan.Empty() {
			_, _ = fmt.Fprintf(s.terminal.Out, "there is nothing of %s\n", name)
			return
		}
		_, _ = fmt.Fprintf(s.terminal.Out, "%s is gone: %d deleted in %s\n", name, n[3], ui.Took(took))
	})
}

// confirmName has the name of the stack typed: this can't be undone.
func (s *session) confirmName(name string) error {
	if s.c.String("confirm") == name {
		return nil
	}
	if !s.asks() {
		return &confirmError{"destroy wants the name of the stack typed, and there is no terminal to ask on; --yes is not enough", "add --confirm " + name}
	}
	return s.ask(func() (bool, error) {
		return ui.Type(s.c.Context, s.stdin, s.terminal.Err, "delete all of this?", name)
	})
}

// kept is what --keep names, in one flag or in several.
func kept(c *cli.Context) (what []string) {
	for _, list := range c.StringSlice("keep") {
		what = append(what, strings.Split(list, ",")...)
	}
	return what
}
