package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/steps"
)

func (p *process) secrets() *cli.Command {
	return &cli.Command{
		Name: "secrets", Category: "operate", Usage: "give the secrets of the manifest their values, and see how they are",
		Subcommands: []*cli.Command{p.secretsSet(), p.secretsList(), p.secretsImport(), p.secretsRemove()},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageErrorf("secrets has no such command: set, list, import, rm") // it may be a value: it is not repeated
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// deployFlags are those of commands that can have the tasks see a new value at once.
func deployFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "deploy", Usage: "start new tasks with the new value at once, and wait for them"},
		timeoutFlag(),
	}
}

func (p *process) secretsSet() *cli.Command {
	return &cli.Command{
		Name: "set", Usage: "set a secret's value from stdin or a file; also before the first up", ArgsUsage: "NAME",
		Description: "NAME is the secret's id in the manifest or its name in AWS; with --service it is one that its tasks read, by its\n" +
			"name or by their variable. The value is never an argument: a shell keeps those.\n" +
			"A line break at its end is no part of it. Tasks read it when they start: the next deploy or up sees that it is new and starts new ones, or --deploy does at once.",
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "from-file", Usage: "read the value from `FILE`; - is stdin"},
		}, deployFlags(), serviceFlags()),
		Action: p.doSecretsSet,
	}
}

// oneName is the only word of a command about one secret. A word too many may be a value: it is not repeated, and so is
// no name that can't be one.
func oneName(c *cli.Context) (string, error) {
	name := c.Args().First()
	switch {
	case c.Args().Len() == 0:
		return "", usageErrorf("secrets %s needs the NAME of a secret", c.Command.Name)
	case c.Args().Len() > 1:
		return "", &usageError{fmt.Errorf("secrets %s takes one NAME and no value", c.Command.Name), "the value comes from stdin or --from-file: printf %s VALUE | fargatectl secrets set NAME"}
	case !secretName.MatchString(name):
		return "", &usageError{errors.New("this is no NAME of a secret: letters, digits and / _ . @ + -"), "the value comes from stdin or --from-file: printf %s VALUE | fargatectl secrets set NAME"}
	}
	return name, nil
}

var secretName = regexp.MustCompile(`^[A-Za-z0-9/_.@+-]{1,512}$`)

func (p *process) doSecretsSet(c *cli.Context) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	set, inAWS, err := s.secretNamed(name)
	if err != nil {
		return err // before anybody types the value
	}
	value, err := p.secretValue(c.String("from-file"))
	if err != nil {
		return err
	}
	if err := set(value); err != nil {
		return err
	}
	if c.Bool("deploy") {
		return s.deploySecrets("secret "+name+" has a new value", inAWS)
	}
	deploy := "deploy"
	if s.named { // nothing there tells a deployment that the value is new
		deploy += " --force-new-deployment"
	}
	return s.result(map[string]any{"secret": name}, func() {
		_, _ = fmt.Fprintf(p.terminal.Out, "secret %s has a new value; tasks that run see it after %s\n", name, s.again(deploy))
	})
}

// secretNamed is how a secret is set, and its name in AWS: one of the manifest, or one that the tasks of the service read
// that is named.
func (s *session) secretNamed(name string) (set func([]byte) error, inAWS string, err error) {
	ctx := s.c.Context
	if !s.named {
		m, err := steps.FindSecret(s.app, name)
		if err != nil {
			return nil, "", usageErrorf("%w", err)
		}
		return func(value []byte) error { return steps.SetSecret(ctx, s.app, name, value) }, m.Name, nil
	}
	svc := s.service()
	if err := svc.Read(ctx); err != nil {
		return nil, "", err
	}
	arn, err := steps.SecretRead(svc.Definition, name)
	if err != nil {
		return nil, "", usageErrorf("%w", err)
	}
	return func(value []byte) error { return steps.ReplaceSecret(ctx, s.app, svc.Definition, arn, value) }, aws.SecretName(arn), nil
}

// deploySecrets starts new tasks with the values that secrets have now: its result is the release's. Before the first up
// there are none, and tasks that read none of the secrets, by their names in AWS, stay. That it was asked for by a flag is
// the answer to its question.
func (s *session) deploySecrets(done string, names ...string) error {
	s.tell(done)
	later := func(text string) error {
		return s.result(map[string]any{"status": "NO_CHANGE", "why": text}, func() { _, _ = fmt.Fprintln(s.terminal.Out, text) })
	}
	svc, missing := s.service(), (*release.MissingError)(nil)
	if err := svc.Read(s.c.Context); errors.As(err, &missing) {
		return later("there is no service yet: its first tasks will have it")
	} else if err != nil {
		return err
	}
	read := maps.Keys(aws.SecretsOf(svc.Definition))
	if !slices.ContainsFunc(slices.Collect(read), func(arn string) bool { return slices.Contains(names, aws.SecretName(arn)) }) {
		return later("the running tasks do not read it: " + s.again("up") + " brings it to them")
	}
	if err := s.c.Set("yes", "true"); err != nil {
		return err
	}
	d := &release.Deployment{Service: s.service(), Force: true, By: s.who.ARN, Git: s.git, Wait: "steady"}
	same := &release.Same{Of: d.Service}
	d.Image = same
	return s.release([]deploy.Step{same, d}, func(took time.Duration) error { return s.released(d.Service, took, d.Joined()) })
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
