package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/manifest"
)

func (p *process) schema() *cli.Command {
	return &cli.Command{
		Name: "schema", Category: "tool", Usage: "print the JSON Schema of the manifest, for editors",
		Action: func(c *cli.Context) error {
			if err := noWords(c); err != nil {
				return err
			}
			_, err := p.terminal.Out.Write(manifest.Schema())
			return err
		},
	}
}
