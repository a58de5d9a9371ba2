package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

// upFlags are those of up and plan: they decide what is wanted.
func upFlags() []cli.Flag {
	return append(imageFlags(),
		&cli.StringFlag{Name: "domain", Usage: "serve HTTPS at `NAME`; kept in the certificate's tags, so needed only once"},
		&cli.BoolFlag{Name: "adopt", Usage: "take over what has our names and no owner"},
		&cli.BoolFlag{Name: "prune", Usage: "drop what the task definition holds and the manifest does not know"},
		&cli.BoolFlag{Name: "take-dns", Usage: "replace DNS records of this domain that are not ours"},
	)
}

func (p *process) up() *cli.Command {
	return &cli.Command{
		Name: "up", Category: "start", Usage: "build, push and create or update everything, and wait until it serves",
		Flags:  append(upFlags(), waitFlag(), timeoutFlag()),
		Action: p.doUp,
	}
}

func (p *process) doUp(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	s, err := p.openRelease(c)
	if err != nil {
		return err
	}
	defer s.close()
	all := s.wanted()
	if s.app.Options.Wait == "accepted" { // the rollout, and what needs it, is what would be waited for
		all = all[:slices.IndexFunc(all, func(st deploy.Step) bool { return st.Name() == "rollout" })]
	}
	stack, err := s.read(all)
	if err != nil {
		return err
	}
	if err := s.refused(stack, all); err != nil {
		return err
	}
	plan := stack.Plan()
	if !plan.Empty() {
		s.sink.Plan(plan)
		if err := s.confirm("apply this plan?"); err != nil {
			return err
		}
	}
	apply := stack.Apply
	if !s.app.Options.Awaited() {
		apply = stack.Grow
	}
	if err := s.await(all, apply); err != nil {
		return err
	}
	s.remark(stack.Plan())
	return s.done(plan, all)
}

// remark says what the plan says besides its changes: what is left to do by hand, such as the records of a zone elsewhere,
// must not be missed by who never looks at the plan.
func (s *session) remark(plan deploy.Plan) {
	if s.mode == ui.ModeJSON || s.mode == ui.ModeQuiet {
		return
	}
	for _, st := range plan {
		for _, n := range st.Notes {
			ui.Note(s.terminal.Err, st.Step+": "+n)
		}
	}
}

// wanted is all steps, with the wishes of the command line.
func (s *session) wanted() []deploy.Step {
	s.app.Options = steps.Options{
		Image: s.c.String("image"), Rebuild: s.c.Bool("rebuild"), Builder: s.c.String("builder"), FailOn: strings.ToLower(s.c.String("fail-on")), NoCache: s.c.Bool("no-cache"), Pass: passed(s.c), Platform: s.c.String("platform"), Compression: s.c.String("compression"), ForceNewDeployment: s.c.Bool("force-new-deployment"),
		Adopt: s.c.Bool("adopt"), Prune: s.c.Bool("prune"), TakeDNS: s.c.Bool("take-dns"), Wait: s.c.String("wait"),
		Offline: s.app.Options.Offline, Force: s.c.Bool("force"),
		KeepImages: slices.Contains(kept(s.c), "images"), KeepLogs: slices.Contains(kept(s.c), "logs"),
	}
	return steps.All(s.app)
}

// read finds what is live.
func (s *session) read(all []deploy.Step) (*deploy.Stack, error) {
	stack, err := deploy.New(func(e deploy.Event) {
		s.awaited.event(e)
		e.Err = briefly(e.Err)
		s.sink.Event(e)
	}, all...)
	if err != nil {
		return nil, err
	}
	stack.Poll = s.poll
	s.start()
	if err := stack.Read(s.c.Context); err != nil {
		return nil, cmp.Or(context.Cause(s.c.Context), err)
	}
	return stack, nil
}

// An upResult is what `up` says on stdout.
type upResult struct {
	release.Outputs
	Created int     `json:"created"`
	Updated int     `json:"updated"`
	Deleted int     `json:"deleted"`
	Seconds float64 `json:"seconds"`
	Build   float64 `json:"build_seconds"` // of them, the build of the image
}

func (s *session) done(plan deploy.Plan, all []deploy.Step) error {
	plan = altering(plan)
	n, took := plan.Count(), s.took()
	built := buildTook(all)
	r := upResult{steps.OutputsOf(all), n[0], n[1] + n[2], n[3], inSeconds(took), inSeconds(built)}
	return s.result(r, func() {
		if plan.Empty() {
			_, _ = fmt.Fprintf(s.terminal.Out, "no changes: %s is up to date (%s)\n", s.app.Manifest.Stack(), ui.Took(took))
		} else {
			_, _ = fmt.Fprintf(s.terminal.Out, "%s is up in %s%s: %d created, %d updated, %d deleted\n", s.app.Manifest.Stack(), ui.Took(took), ofThem(built), r.Created, r.Updated, r.Deleted)
		}
		ui.Facts(s.terminal.Out, append(facts(r.Outputs), ui.Fact{Name: "next", Value: s.next()})...)
	})
}

// buildTook is how long the image's own build lasted in this run.
func buildTook(all []deploy.Step) time.Duration {
	for _, st := range all {
		if image, ok := st.(*steps.Image); ok {
			return image.BuildTook
		}
	}
	return 0
}

func ofThem(built time.Duration) string {
	if built == 0 {
		return ""
	}
	return ", " + ui.Took(built) + " of them the image's build"
}

// next are commands to try, as they would have to be typed here.
func (s *session) next() string {
	var lines []string
	for _, cmd := range []string{"status", "logs tail --since 1h", "deploy", "destroy --confirm " + s.app.Manifest.Stack()} {
		lines = append(lines, s.again(cmd))
	}
	return strings.Join(lines, "\n")
}

// again is a command line for this stack with the flags that this one was called with.
func (s *session) again(cmd string) string {
	words := []string{"fargatectl", cmd}
	for _, f := range []string{"file", "env", "profile", "region", "endpoint-url", "registry-url", "cluster", "service"} {
		if s.c.IsSet(f) && s.typed(f) {
			words = append(words, "--"+f, s.c.String(f))
		}
	}
	if s.c.Bool("sandbox") {
		words = append(words, "--sandbox")
	}
	return strings.Join(words, " ")
}

// typed says whether a flag has to be typed again: one that the environment sets has not.
func (s *session) typed(flag string) bool {
	for _, f := range globalFlags() {
		if sf, ok := f.(*cli.StringFlag); ok && sf.Name == flag {
			for _, name := range sf.EnvVars {
				if v, set := s.getenv(name); set && v == s.c.String(flag) {
					return false
				}
			}
		}
	}
	return true
}

// noWords refuses words behind a command that takes none.
func noWords(c *cli.Context) error {
	if c.Args().Present() {
		return usageErrorf("%s takes no words, and got %q", c.Command.Name, c.Args().First())
	}
	return nil
}
