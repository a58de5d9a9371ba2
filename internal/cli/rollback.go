package cli

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/release"
)

func (p *process) rollback() *cli.Command {
	return &cli.Command{
		Name: "rollback", Category: "release", Usage: "go back to the newest release before this one that succeeded; migrations of data are not undone",
		Flags: append([]cli.Flag{waitFlag(), timeoutFlag()}, serviceFlags()...), Action: p.doRollback,
	}
}

func (p *process) doRollback(c *cli.Context) error {
	s, err := p.openRelease(c)
	if err != nil {
		return err
	}
	defer s.close()
	r := &release.Rollback{Service: s.service(), By: s.who.ARN, Wait: c.String("wait")}
	return s.release([]deploy.Step{r}, func(took time.Duration) error {
		return s.released(r.Service, took, false)
	})
}
