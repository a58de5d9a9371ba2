// Package cli is the command line: one file a command. A command parses its flags, opens a session, calls the package
// that does the work, and shows what came of it. Progress, questions and errors go to stderr, results to stdout.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/near"
	"github.com/fargatectl/fargatectl/internal/ui"
)

// A process is what the program has from its surroundings.
type process struct {
	terminal ui.Terminal
	stdin    io.Reader
	getenv   func(string) (string, bool)
	began    time.Time

	interrupts *interrupts
	written    *results
	asked      time.Duration // how long somebody thought about a question

	// Known once the global flags are read.
	mode ui.Mode
	sink ui.Sink
	json bool // --output json

	ended  func() error // why the command's context has ended: Ctrl-C, its timeout
	causes bool         // a failure is a result of the command, too, also where it has another
	lines  bool         // the result is a line for each thing, and a failure is none of them
	saved  string       // the file with the evidence of a deployment that failed
}

// Main runs one command and returns the exit code.
func Main(args []string) int {
	p := &process{
		terminal: ui.Detect(os.Stdin, os.Stdout, os.Stderr, os.Getenv),
		stdin:    os.Stdin, getenv: os.LookupEnv, began: time.Now(),
	}
	p.written = &results{to: p.terminal.Out.Writer}
	p.terminal.Out.Writer = p.written
	// A pipe that nobody reads is an error of the write, not the end of the program in the middle of a change.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, interrupts, stop := interruptible(context.Background())
	defer stop()
	p.interrupts = interrupts
	app := p.app()
	args, err := hoist(app, asked(app, args))
	if err == nil {
		err = p.run(ctx, app, args)
	}
	return p.report(err)
}

// asked is the command that other ways to ask for it mean: help, help up, --version.
func asked(app *cli.App, args []string) []string {
	if len(args) < 2 {
		return args
	}
	switch args[1] {
	case "help":
		if len(args) > 2 && !isFlag(args[2]) && app.Command(args[2]) == nil {
			return append(args[:1:1], args[2])
		}
		return append(append(args[:1:1], args[2:]...), "--help")
	case "--version", "-v":
		return append(args[:1:1], "version")
	}
	return args
}

// run runs one command. A panic, which is a bug, is an error.
func (p *process) run(ctx context.Context, app *cli.App, args []string) (err error) {
	p.ended = func() error { return context.Cause(ctx) }
	defer func() {
		if v := recover(); v != nil {
			err = &deploy.Bug{Value: v, Stack: debug.Stack()}
		}
	}()
	if err = app.RunContext(ctx, args); errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if why := p.ended(); errors.Is(why, errInterrupted) || errors.Is(why, errTimeout) {
			return why // a call that was under way says no more than that
		}
	}
	return err
}

// before reads how to speak, so that whatever goes wrong is said that way.
func (p *process) before(c *cli.Context) (err error) {
	if p.mode, err = ui.ParseMode(c.String("progress")); err != nil {
		return usageErrorf("%w", err)
	}
	p.sink = ui.NewSink(p.mode, p.terminal, usual)
	if o := c.String("output"); o != "table" && o != "json" {
		return usageErrorf("output %q is neither table nor json", o)
	}
	p.json = c.String("output") == "json"
	return nil
}

// results is stdout. It remembers what went wrong with writing: a result that nobody got is a failure.
type results struct {
	to  io.Writer
	err error
	any bool // something was written
}

func (r *results) Write(b []byte) (int, error) {
	r.any = true
	n, err := r.to.Write(b)
	r.err = cmp.Or(r.err, err)
	return n, err
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
		Before:                    p.before,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c, c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
	setUsage(app.Commands)
	app.CustomAppHelpTemplate = strings.Replace(cli.AppHelpTemplate, `{{template "visibleCommandCategoryTemplate" .}}`, listed(app.Commands), 1)
	return app
}

// categories of commands, in the order in which somebody needs them. The library has them by the alphabet.
var categories = []string{"start", "release", "observe", "operate", "leave", "tool"}

// listed is the help's list of the commands.
func listed(commands []*cli.Command) string {
	var text strings.Builder
	for _, category := range categories {
		text.WriteString("\n   " + category + ":")
		for _, c := range commands {
			if c.Category == category {
				text.WriteString("\n     " + c.Name + "\t" + c.Usage)
			}
		}
	}
	return text.String()
}

// setUsage makes every command answer a wrong flag alike.
func setUsage(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = usage
		c.HideHelpCommand = true
		setUsage(c.Subcommands)
	}
}

// unread is how the flag package says that a value does not have the form of its flag.
var unread = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-(\S+): parse error$`)

func usage(c *cli.Context, err error, _ bool) error {
	hint := "see fargatectl --help"
	flags, command := c.App.Flags, "fargatectl"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != c.App.Name {
		hint = "see " + c.Command.HelpName + " --help"
		flags, command = slices.Concat(c.Command.Flags, flags), strings.TrimPrefix(c.Command.HelpName, "fargatectl ")
	}
	if m := unread.FindStringSubmatch(err.Error()); m != nil {
		return misfit(flags, m[2], m[1], hint)
	}
	if name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); unknown {
		name = strings.TrimLeft(name, "-")
		if meant := suggestFlag(flags, name); meant != "" {
			hint = "did you mean --" + meant + "?"
		}
		err = fmt.Errorf("%s has no flag --%s", command, name)
	}
	return &usageError{err, hint}
}

// misfit says what a flag takes instead of a value.
func misfit(flags []cli.Flag, name, value, hint string) error {
	dashes, want := "--", "of another form"
	if len(name) == 1 {
		dashes = "-"
	}
	for _, f := range flags {
		if !slices.Contains(f.Names(), name) {
			continue
		}
		switch f.(type) {
		case *cli.DurationFlag:
			want, hint = "no duration", "a duration has a unit: 90s, 20m"
		case *cli.BoolFlag:
			want = "neither true nor false"
		default:
			want = "no number"
		}
	}
	return &usageError{fmt.Errorf("%s%s %s is %s", dashes, name, value, want), hint}
}

// suggestFlag is the flag that was meant, "" where none is near. Names of one or two letters are no guess.
func suggestFlag(flags []cli.Flag, name string) string {
	var known []string
	for _, f := range flags {
		known = append(known, f.Names()[0])
	}
	if len(name) < 3 {
		return ""
	}
	return near.Word(name, known)
}

func unknownCommand(c *cli.Context, name string) error {
	hint := "see fargatectl --help"
	if meant := suggest(c.App.Commands, name); meant != "" {
		hint = fmt.Sprintf("did you mean %q?", meant)
	}
	return &usageError{fmt.Errorf("unknown command %q", name), hint}
}

// suggest is the command that was meant, "" where none is near.
func suggest(commands []*cli.Command, name string) string {
	var known []string
	for _, c := range commands {
		known = append(known, c.Name)
	}
	return near.Word(name, known)
}

// report shows an error and returns its exit code.
func (p *process) report(err error) int {
	if err == nil {
		err = p.written.err
	}
	if err == nil || errors.Is(err, syscall.EPIPE) { // who reads has enough
		return exitOK
	}
	quiet := (*quietError)(nil)
	switch {
	case errors.As(err, &quiet):
	case p.mode == ui.ModeJSON:
		p.sink.Stop(p.caused(err), hints(err)...)
	default:
		ui.Error(p.terminal.Err, briefly(err))
		p.showCause(err)
		ui.Error(p.terminal.Err, nil, hints(err)...)
	}
	if p.json && (p.causes || !p.written.any && !p.lines && !errors.As(err, &quiet)) {
		if bad := ui.JSON(p.terminal.Out, map[string]any{"cause": p.causeOf(err)}); bad != nil {
			ui.Error(p.terminal.Err, bad)
		}
	}
	return exitCode(err)
}
