package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/image"
	"github.com/fargatectl/fargatectl/internal/manifest"
	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

// sandboxSpeed is how much faster than AWS's the waits of --sandbox are: an `up` of three minutes takes three seconds.
var sandboxSpeed = 60.0

// A session is one command at work: the manifest, the account, and how to speak of it.
type session struct {
	*process
	c       *cli.Context
	app     *steps.App
	named   bool          // the command line names the service: there is no manifest
	poll    time.Duration // between two looks at what is awaited
	cfg     awssdk.Config // of the clients
	who     aws.Identity
	ecr     *steps.ECR // of a deploy that looks for its image
	notes   []string   // said before anything else
	cancel  context.CancelFunc
	trail   *trail   // of what the new tasks log; nil without
	awaited *awaited // what is being applied; nil before
}

// observe lets tests record what goes over the wire.
var observe = func(cfg awssdk.Config) awssdk.Config { return cfg }

// open reads the manifest, finds the account and starts the command's clock.
func (p *process) open(c *cli.Context) (*session, error) {
	s, err := p.offline(c)
	if err != nil {
		return nil, err
	}
	cfg, err := s.connect()
	if err != nil {
		return nil, err
	}
	s.cfg = cfg
	s.app.AWS, s.app.Region = aws.Connect(observe(cfg)), cfg.Region
	expect := map[string]time.Duration{}
	for step, d := range usual {
		expect[step] = time.Duration(float64(d) / cmp.Or(s.app.Speed, 1))
	}
	s.sink = ui.NewSink(s.mode, p.terminal, expect)
	s.app.Log = s.sink.Log
	s.who, err = aws.WhoAmI(s.c.Context, cfg, s.app.AWS)
	if err != nil {
		return nil, err
	}
	s.app.Account = s.who.Account
	return s, s.who.In(s.app.Manifest.Account)
}

// offline is a session without an account: what the flags and the manifest say.
func (p *process) offline(c *cli.Context) (*session, error) {
	s := &session{process: p, c: c, poll: time.Second}
	m, err := s.describe()
	if err != nil {
		return nil, err
	}
	if err := image.Valid(c.String("image")); err != nil {
		return nil, usageErrorf("%w", err)
	}
	if err := knownBuild(c); err != nil {
		return nil, err
	}
	if f := c.String("fail-on"); f != "" && !slices.Contains(steps.Severities, strings.ToLower(f)) {
		return nil, usageErrorf("--fail-on %q is none of %s", f, strings.Join(steps.Severities, ", "))
	}
	s.app = &steps.App{Manifest: m, Registry: steps.Registry{URL: c.String("registry-url")}, Git: s.git}
	if d := c.Duration("timeout"); c.IsSet("timeout") && d <= 0 {
		return nil, usageErrorf("--timeout %s is no time to wait: 90s, 20m", d)
	} else if d > 0 {
		ctx, cancel := context.WithTimeoutCause(c.Context, d, fmt.Errorf("%w after %s", errTimeout, d))
		s.c.Context, s.cancel, p.ended = ctx, cancel, func() error { return context.Cause(ctx) }
	}
	return s, nil
}

// usual is how long AWS usually takes, by step.
var usual = map[string]time.Duration{
	"nat": 105 * time.Second, "alb": 150 * time.Second, "certificate": 100 * time.Second,
	"rollout": 75 * time.Second, "endpoints": 90 * time.Second,
}

func (s *session) close() {
	if s.cancel != nil {
		s.cancel()
	}
}

// connect is the configuration of the SDK's clients: the sandbox's, or the usual one.
func (s *session) connect() (awssdk.Config, error) {
	if r := s.c.String("region"); r != "" && s.c.String("endpoint-url") == "" && !manifest.IsRegion(r) { // other clouds name theirs as they like
		return awssdk.Config{}, usageErrorf("%q is no region of AWS: us-east-1, eu-central-1", r)
	}
	if s.c.Bool("sandbox") {
		return s.connectSandbox()
	}
	endpoint := ""
	if s.typed("endpoint-url") { // those of the environment the SDK reads itself, by service
		endpoint = s.c.String("endpoint-url")
	}
	return aws.Load(s.c.Context, aws.Where{
		Region: s.c.String("region"), Fallback: s.app.Manifest.Region, Profile: s.c.String("profile"),
		Endpoint: endpoint, Agent: "fargatectl-" + version().Version,
	})
}

func (s *session) connectSandbox() (awssdk.Config, error) {
	dir := filepath.Join(s.app.Manifest.Dir, ".fargatectl")
	if err := hidden(dir); err != nil {
		return awssdk.Config{}, err
	}
	box, err := sandbox.Open(sandbox.Options{Dir: filepath.Join(dir, "sandbox"), Speed: sandboxSpeed, Wait: true})
	if err != nil {
		return awssdk.Config{}, err
	}
	region := s.c.String("region")
	if region == "" {
		region = s.app.Manifest.Region
	}
	if region == "" {
		region = "us-east-1"
	}
	s.app.Speed, s.app.Options.Offline, s.app.Registry.Transport = sandboxSpeed, true, http.RoundTripper(box)
	s.poll = 100 * time.Millisecond
	s.notes = append(s.notes, "SANDBOX: nothing here touches AWS; AWS's waits run 60 times faster")
	return box.Config(region), nil
}

// hidden makes a folder of ours that git does not see.
func hidden(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ignore := filepath.Join(dir, ".gitignore")
	if _, err := os.Stat(ignore); err == nil {
		return nil
	}
	return os.WriteFile(ignore, []byte("*\n"), 0o600)
}

// start tells where the command works.
func (s *session) start() {
	s.sink.Start(ui.Run{
		Version: version().Version, Command: s.c.Command.Name, Stack: s.subject(),
		Account: s.app.Account, Region: s.app.Region, Note: strings.Join(s.notes, "; "),
	})
}

// stop ends the progress. With --progress json the error is in it.
func (s *session) stop(err error) error {
	s.save(err)
	s.sink.Stop(s.caused(err), hints(err)...)
	return err
}

// confirm asks whether to go on. Nobody to ask is no.
func (s *session) confirm(question string) error {
	if s.c.Bool("yes") {
		return nil
	}
	if !s.asks() {
		return &confirmError{s.c.Command.Name + " needs a confirmation, and there is no terminal to ask on", "add --yes"}
	}
	return s.ask(func() (bool, error) { return ui.Confirm(s.c.Context, s.stdin, s.terminal.Err, question) })
}

// ask puts a question whose answer has to be yes. The time that somebody thinks is not the command's.
func (s *session) ask(question func() (bool, error)) error {
	began := time.Now()
	yes, err := question()
	s.asked += time.Since(began)
	switch {
	case errors.Is(err, errInterrupted):
		return &hinted{err, "nothing was changed"}
	case err == nil && !yes:
		return &confirmError{"not confirmed; nothing was changed", ""}
	}
	return err
}

// took is how long the command has lasted.
func (s *session) took() time.Duration { return time.Since(s.began) - s.asked }

// inSeconds is a duration for a result in JSON.
func inSeconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// asks says whether there is somebody to ask. A stream of JSON has no room for a question.
func (s *session) asks() bool { return s.terminal.Asks && s.mode != ui.ModeJSON }

// result shows a result on stdout: v as JSON, or as table does it.
func (s *session) result(v any, table func()) error {
	if s.json {
		return ui.JSON(s.terminal.Out, v)
	}
	table()
	return nil
}

var errNothing = errors.New("nothing of this stack is up")
