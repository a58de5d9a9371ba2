package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

func (p *process) outputs() *cli.Command {
	return &cli.Command{
		Name: "outputs", Category: "observe", Usage: "show the URL, the repository and the image",
		Action: func(c *cli.Context) error {
			if err := noWords(c); err != nil {
				return err
			}
			s, err := p.open(c)
			if err != nil {
				return err
			}
			defer s.close()
			o, err := steps.ReadOutputs(c.Context, s.app)
			if err != nil {
				return err
			}
			if o == (steps.Outputs{}) {
				return &hinted{errNothing, "fargatectl up makes it"}
			}
			return s.result(o, func() { ui.Facts(p.terminal.Out, facts(o)...) })
		},
	}
}

func facts(o steps.Outputs) []ui.Fact {
	return []ui.Fact{{Name: "url", Value: o.URL}, {Name: "repository", Value: o.Repository}, {Name: "image", Value: o.Image}}
}
