package cli

import "github.com/urfave/cli/v2"

// commands is every command, in the order of the help.
func (p *process) commands() []*cli.Command {
	return []*cli.Command{
		p.plan(), p.up(), p.destroy(), p.outputs(), p.openURL(),
		p.build(), p.push(), p.deploy(), p.rollback(), p.history(), p.scale(), p.status(), p.logs(),
		p.runCommand(), p.exec(), p.secrets(), p.images(),
		p.sandbox(), p.schema(), p.version(),
	}
}
