package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/fargatectl/fargatectl/steps"
)

func (p *process) secrets() *cli.Command {
	return &cli.Command{
		Name: "secrets", Category: "operate", Usage: "give the secrets of the manifest their values",
		Subcommands: []*cli.Command{{
			Name: "set", Usage: "set a secret's value from stdin or a file; also before the first up", ArgsUsage: "NAME",
			Description: "NAME is the secret's id in the manifest or its name in AWS. The value is never an argument:\n" +
				"a shell keeps those. Running tasks see a new value after `fargatectl deploy --force-new-deployment`.",
			Flags:  []cli.Flag{&cli.StringFlag{Name: "from-file", Usage: "read the value from `FILE`; - is stdin"}},
			Action: p.doSecretsSet,
		}},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageErrorf("secrets has no command %q: secrets set NAME", c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

func (p *process) doSecretsSet(c *cli.Context) error {
	switch c.Args().Len() {
	case 1:
	case 0:
		return usageErrorf("secrets set needs the NAME of a secret")
	default: // the second word may be a value: it is not repeated
		return &usageError{fmt.Errorf("secrets set takes one NAME and no value"), "the value comes from stdin or --from-file: printf %s VALUE | fargatectl secrets set NAME"}
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	name := c.Args().First()
	if _, err := steps.FindSecret(s.app, name); err != nil {
		return usageErrorf("%w", err) // before anybody types the value
	}
	value, err := p.secretValue(c.String("from-file"))
	if err != nil {
		return err
	}
	if err := steps.SetSecret(c.Context, s.app, name, value); err != nil {
		return err
	}
	return s.result(map[string]any{"secret": name}, func() {
		_, _ = fmt.Fprintf(p.terminal.Out, "secret %s has a new value; tasks that run see it after %s\n", name, s.again("deploy --force-new-deployment"))
	})
}

// secretValue reads a value, at most 64 KiB as AWS allows, without the newline that an editor or echo puts behind it.
// On a terminal it is one line, which is not shown.
func (p *process) secretValue(file string) ([]byte, error) {
	in := p.stdin
	if file != "" && file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	} else if f, ok := p.stdin.(*os.File); ok && p.terminal.Asks {
		_, _ = fmt.Fprint(p.terminal.Err, "the value (it is not shown): ")
		value, err := term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(p.terminal.Err)
		return value, cmp.Or(err, checkValue(value))
	}
	value, err := io.ReadAll(io.LimitReader(in, 65537))
	if err != nil {
		return nil, err
	}
	value = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
	return value, checkValue(value)
}

func checkValue(value []byte) error {
	switch {
	case len(value) == 0:
		return usageErrorf("the value is empty")
	case len(value) > 65536:
		return usageErrorf("the value is longer than 65,536 bytes, the most that AWS takes")
	}
	return nil
}
