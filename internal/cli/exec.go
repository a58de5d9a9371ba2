package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/datachannel"
	inside "github.com/fargatectl/fargatectl/internal/session"
	"github.com/fargatectl/fargatectl/internal/ui"
)

func (p *process) exec() *cli.Command {
	return &cli.Command{
		Name: "exec", Category: "operate", Usage: "run a command in a running task, or forward ports through it", ArgsUsage: "[TASK] [-- COMMAND...]",
		Description: "TASK is an id or its beginning; without it the newest healthy task of the service. COMMAND is sh without one. The\n" +
			"session goes over ECS Exec; no session-manager-plugin is needed. Who has a shell in a task can read its secrets.\n\n" +
			"From a terminal keys go to the container as they are pressed, Ctrl-C too; ~. at the beginning of a line leaves.\n" +
			"Otherwise stdin is piped to the command and its output comes byte for byte: ECS Exec has one stream for both of the\n" +
			"command's. A shell in the container says the command's exit code, which is this one's; 125 is a failure on our side.\n" +
			"An image without sh takes commands from a terminal only, and their exit codes are not known. Where the cluster has its\n" +
			"sessions encrypted with a key of KMS, you need kms:GenerateDataKey on it, and the task role kms:Decrypt.\n\n" +
			"--port-forward listens on 127.0.0.1 only, for any number of connections at once, until Ctrl-C, which is exit code 0;\n" +
			"with a COMMAND until that has ended. LOCAL 0 is any free port.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "container", Usage: "the container `NAME` instead of the service's own"},
			&cli.StringSliceFlag{Name: "port-forward", Usage: "reach a port of the task, or of a host that the task reaches, at a port of this machine: `LOCAL:REMOTE` or LOCAL:HOST:PORT; may be repeated"},
			&cli.BoolFlag{Name: "check", Usage: "only look whether ECS Exec can work in the task, and what it lacks"},
		}, serviceFlags()...),
		Action: p.doExec,
	}
}

// An execWish is what the command line of exec wants.
type execWish struct {
	task, container string
	command         []string
	forwards        []inside.Forward
	check           bool
}

func parseExec(c *cli.Context) (*execWish, error) {
	w := &execWish{container: c.String("container"), check: c.Bool("check")}
	words := c.Args().Slice()
	if i := slices.Index(words, "--"); i >= 0 { // hoist keeps it
		words, w.command = words[:i], words[i+1:]
	}
	switch len(words) {
	case 0:
	case 1:
		w.task = words[0]
	default:
		return nil, &usageError{fmt.Errorf("exec takes one TASK, not %q as well", words[1]), "a command stands behind --: fargatectl exec -- ls -l"}
	}
	for _, text := range c.StringSlice("port-forward") {
		f, err := inside.ParseForward(text)
		if err != nil {
			return nil, &usageError{err, "such as 8080:80, or 5432:db.example.com:5432"}
		}
		w.forwards = append(w.forwards, f)
	}
	if w.check && (len(w.command) > 0 || len(w.forwards) > 0) {
		return nil, usageErrorf("--check runs no command and forwards no port")
	}
	return w, nil
}

func (p *process) doExec(c *cli.Context) error {
	wish, err := parseExec(c)
	if err != nil {
		return err
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	return inExec(s.execute(wish))
}

// inExec is an error as exec's: what is no matter of permissions is a failure of our side.
func inExec(err error) error {
	var quiet *quietError
	kind := aws.Explain(err).Kind
	if errors.Is(err, errInterrupted) {
		return &hinted{err, "the command in the container was ended with its session"}
	}
	if err == nil || errors.As(err, &quiet) || kind == aws.Denied || kind == aws.Credentials {
		return err
	}
	if key := (*datachannel.KeyError)(nil); errors.As(err, &key) {
		err = &hinted{err, "the task role needs kms:Decrypt on the key, and you need kms:GenerateDataKey: fargatectl exec --check"}
	}
	return &ourSideError{err}
}

// execute finds the task and does what is wanted there.
func (s *session) execute(w *execWish) error {
	ctx, svc := s.c.Context, s.service()
	if err := svc.Read(ctx); err != nil {
		return err
	}
	t, err := inside.Find(ctx, svc, w.task, w.container)
	if err != nil {
		return err
	}
	if w.check {
		return s.checkExec(t)
	}
	waited := false
	err = t.Ready(ctx, s.poll, func() {
		if !waited {
			s.whisper("the agent in the container is starting")
			waited = true
		}
	})
	if err != nil {
		return err
	}
	dial, err := s.dial()
	if err != nil {
		return err
	}
	if len(w.forwards) == 0 {
		return s.command(ctx, t, dial, w.command)
	}
	return s.forward(t, dial, w)
}

// whisper tells something besides, on stderr.
func (s *session) whisper(text string) {
	if s.mode != ui.ModeJSON && s.mode != ui.ModeQuiet {
		ui.Note(s.terminal.Err, text)
	}
}

// dial is how streams of sessions are reached: as AWS is, by HTTP/1.1.
func (s *session) dial() (datachannel.Dial, error) {
	d := datachannel.Dial{Credentials: s.cfg.Credentials, Region: s.cfg.Region}
	switch client := s.cfg.HTTPClient.(type) {
	case *http.Client:
		d.HTTP = client
	case *awshttp.BuildableClient: // with AWS_CA_BUNDLE and the proxy
		t := client.GetTransport()
		t.ForceAttemptHTTP2, t.TLSNextProto, t.Protocols = false, nil, new(http.Protocols)
		t.Protocols.SetHTTP1(true)
		d.HTTP = &http.Client{Transport: t}
	default:
		return d, fmt.Errorf("no way to open a stream over %T", client)
	}
	return d, nil
}

// command runs a command, or a shell, and ends with its code.
func (s *session) command(ctx context.Context, t *inside.Target, dial datachannel.Dial, words []string) error {
	run := &inside.Command{Target: t, Dial: dial, Words: words, In: s.stdin, Out: s.terminal.Out.Writer, Note: s.whisper}
	captured := &bytes.Buffer{}
	if in, ok := s.stdin.(*os.File); s.json {
		run.Out = captured
	} else if ok && s.terminal.Out.TTY && term.IsTerminal(int(in.Fd())) {
		run.Console = &inside.Console{In: in, Size: s.terminal.Out.Size}
	}
	if run.Console != nil {
		s.whisper(fmt.Sprintf("task %s, container %s; ~. at the beginning of a line leaves", t.ID(), t.Name()))
	}
	code, err := run.Run(ctx)
	if err != nil {
		return err
	}
	if s.json {
		err = s.result(map[string]any{"task": t.ID(), "container": t.Name(), "command": words, "exit_code": code, "output": captured.String()}, nil)
	}
	if err != nil || code == 0 {
		return err
	}
	return &quietError{code}
}

// checkExec shows what ECS Exec needs, and whether the task has it.
func (s *session) checkExec(t *inside.Target) error {
	checks := t.Preflight(s.c.Context)
	failed := slices.ContainsFunc(checks, func(c inside.Check) bool { return c.State == inside.Failed })
	err := s.result(map[string]any{"task": t.ID(), "container": t.Name(), "ok": !failed, "checks": checks}, func() {
		var rows [][]string
		for _, c := range checks {
			rows = append(rows, []string{c.Name, c.State, c.Detail})
		}
		ui.Table(s.terminal.Out, []string{"check", "state", "detail"}, rows...)
		for _, c := range checks {
			if c.State == inside.Failed {
				_, _ = fmt.Fprintf(s.terminal.Out, "\n%s: %s\n", c.Name, c.Fix)
			}
		}
	})
	if err == nil && failed {
		return &quietError{exitOurSide}
	}
	return err
}

// forward carries connections until Ctrl-C, or until the command has ended, if there is one.
func (s *session) forward(t *inside.Target, dial datachannel.Dial, w *execWish) error {
	ctx, cancel := context.WithCancel(s.c.Context)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	var open []inside.Forward
	for _, f := range w.forwards {
		u, err := t.Listen(ctx, f, dial, s.whisper)
		if err != nil {
			cancel()
			return errors.Join(err, g.Wait())
		}
		open = append(open, u.Forward)
		g.Go(func() error { return u.Serve(ctx) })
	}
	if len(w.command) > 0 {
		g.Go(func() error {
			defer cancel()
			return s.command(ctx, t, dial, w.command)
		})
	}
	err := s.listening(t, open, len(w.command) > 0)
	if err != nil {
		cancel()
	}
	return errors.Join(err, g.Wait())
}

// listening says where ports lead. It is the result, unless a command has one.
func (s *session) listening(t *inside.Target, open []inside.Forward, beside bool) error {
	show := func(to io.Writer) {
		for _, f := range open {
			_, _ = fmt.Fprintf(to, "127.0.0.1:%d leads to %s\n", f.Local, f.To())
		}
	}
	if beside {
		show(s.terminal.Err)
		return nil
	}
	return s.result(map[string]any{"task": t.ID(), "container": t.Name(), "forwards": open}, func() { show(s.terminal.Out) })
}
