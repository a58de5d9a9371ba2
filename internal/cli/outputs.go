package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

func (p *process) outputs() *cli.Command {
	return &cli.Command{
		Name: "outputs", Category: "observe", Usage: "show the URL, the image, and the ARNs of what is there",
		Flags: serviceFlags(),
		Action: func(c *cli.Context) error {
			s, o, err := p.resources(c)
			if err != nil {
				return err
			}
			defer s.close()
			return s.result(o, func() { ui.Facts(p.terminal.Out, append(facts(o.Outputs), arns(o)...)...) })
		},
	}
}

// resources reads what is up; nothing is an error.
func (p *process) resources(c *cli.Context) (s *session, o release.Resources, err error) {
	if err := noWords(c); err != nil {
		return nil, o, err
	}
	if s, err = p.open(c); err != nil {
		return nil, o, err
	}
	if s.named {
		o, err = s.service().Resources(c.Context)
	} else if o, err = steps.ReadResources(c.Context, s.app); err == nil && o == (release.Resources{}) {
		err = &hinted{errNothing, "fargatectl up makes it"}
	}
	if err != nil {
		s.close()
	}
	return s, o, err
}

func facts(o release.Outputs) []ui.Fact {
	return []ui.Fact{{Name: "url", Value: o.URL}, {Name: "repository", Value: o.Repository}, {Name: "image", Value: o.Image}}
}

func arns(o release.Resources) []ui.Fact {
	return []ui.Fact{
		{Name: "cluster", Value: o.Cluster},
		{Name: "service", Value: o.Service},
		{Name: "task definition", Value: o.TaskDefinition},
		{Name: "load balancer", Value: o.Balancer},
		{Name: "target group", Value: o.TargetGroup},
		{Name: "log group", Value: o.LogGroup},
		{Name: "execution role", Value: o.ExecutionRole},
		{Name: "task role", Value: o.TaskRole},
	}
}
