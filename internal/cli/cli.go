// Package cli is the command line: one file a command. A command parses its flags, opens a session, calls the package
// that does the work, and shows what came of it. Progress, questions and errors go to stderr, results to stdout.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/ui"
)

// A process is what the program has from its surroundings.
type process struct {
	terminal ui.Terminal
	stdin    io.Reader
	getenv   func(string) (string, bool)
	began    time.Time
}

// Main runs one command and returns the exit code.
func Main(args []string) int {
	p := &process{
		terminal: ui.Detect(os.Stdin, os.Stdout, os.Stderr, os.Getenv),
		stdin:    os.Stdin, getenv: os.LookupEnv, began: time.Now(),
	}
	ctx, stop := interruptible(context.Background())
	defer stop()
	app := p.app()
	err := app.RunContext(ctx, hoist(app, args))
	return p.report(err)
}

// errInterrupted is the cause of a context that the first Ctrl-C has ended.
var errInterrupted = errors.New("interrupted")

// interruptible ends the context at the first Ctrl-C or SIGTERM; the second leaves at once.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel(errInterrupted)
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(exitInterrupted)
		case <-done:
		}
	}()
	return ctx, func() { signal.Stop(signals); close(done); cancel(nil) }
}

func (p *process) app() *cli.App {
	app := &cli.App{
		Name:                      "fargatectl",
		Usage:                     "take a container to a production HTTPS API on AWS ECS Fargate, and operate it",
		UsageText:                 "fargatectl COMMAND [flags]",
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true, // a comma is a comma
		Flags:                     globalFlags(),
		Commands:                  p.commands(),
		Reader:                    p.stdin,
		Writer:                    p.terminal.Out,
		ErrWriter:                 p.terminal.Err,
		ExitErrHandler:            func(*cli.Context, error) {}, // the exit code is ours: see exit.go
		OnUsageError:              usage,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c, c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
	setUsage(app.Commands)
	return app
}

// setUsage makes every command answer a wrong flag alike.
func setUsage(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = usage
		c.HideHelpCommand = true
		setUsage(c.Subcommands)
	}
}

func usage(c *cli.Context, err error, _ bool) error {
	hint := "see fargatectl --help"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != c.App.Name {
		hint = "see " + c.Command.HelpName + " --help"
	}
	return &usageError{err, hint}
}

func unknownCommand(c *cli.Context, name string) error {
	hint := "see fargatectl --help"
	if near := suggest(c.App.Commands, name); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return &usageError{fmt.Errorf("unknown command %q", name), hint}
}

// suggest is the command whose name is one or two letters away, "" when there is none.
func suggest(commands []*cli.Command, name string) string {
	near, least := "", 3
	for _, c := range commands {
		if d := distance(c.Name, name); d < least {
			near, least = c.Name, d
		}
	}
	return near
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		left := row[0]
		row[0] = i + 1
		for j := range b {
			replace := left
			if a[i] != b[j] {
				replace++
			}
			left = row[j+1]
			row[j+1] = min(replace, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// report shows an error and returns its exit code.
func (p *process) report(err error) int {
	if err == nil {
		return exitOK
	}
	if quiet := (*quietError)(nil); !errors.As(err, &quiet) {
		var shown []error
		for _, e := range flatten(err) {
			shown = append(shown, brief{e})
		}
		ui.Error(p.terminal.Err, errors.Join(shown...), hints(err)...)
	}
	return exitCode(err)
}
