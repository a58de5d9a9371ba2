package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
)

func (p *process) scale() *cli.Command {
	return &cli.Command{
		Name: "scale", Category: "release", Usage: "set the number of tasks (N, +N, -N) and the range that autoscaling keeps", ArgsUsage: "[N | +N | -N]",
		Description: `A number outside the range moves the nearer bound to it, and a range that leaves the number outside moves the number: what
is asked for is what there is. It is said who else moves the number, policies and schedules, and what they are about to do.

What scale has set is noted at the service: up keeps it until the manifest's range is another, deploy always does. With
--suspend nothing moves the number by itself until --resume; up does not take that for a difference.

With --wait the command ends when all tasks are healthy: they run, pass their own health checks and get requests.`,
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "min", Usage: "fewest tasks"},
			&cli.IntFlag{Name: "max", Usage: "most tasks"},
			&cli.BoolFlag{Name: "suspend", Usage: "let nothing move the number by itself: no policy, no schedule"},
			&cli.BoolFlag{Name: "resume", Usage: "let policies and schedules move the number again"},
			&cli.BoolFlag{Name: "wait", Usage: "until all tasks are healthy"},
			timeoutFlag(),
		}, serviceFlags()...),
		Action: p.doScale,
	}
}

// A scaleResult is what scale has come to.
type scaleResult struct {
	Service      string                 `json:"service"`
	Before       int32                  `json:"before"`
	DesiredCount int32                  `json:"desired_count"`
	MinCapacity  *int32                 `json:"min_capacity,omitempty"` // of what autoscaling keeps; none where nothing scales
	MaxCapacity  *int32                 `json:"max_capacity,omitempty"`
	Suspended    bool                   `json:"suspended"`
	Scaling      *release.ScalingStatus `json:"scaling"`
	Outlook      []string               `json:"outlook"` // who moves the count next, a sentence each
	Healthy      bool                   `json:"healthy,omitempty"`
}

func (p *process) doScale(c *cli.Context) error {
	wish, err := parseScale(c)
	if err != nil {
		return err
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	wish.By = s.who.ARN
	if !s.named {
		m := s.app.Manifest.Service
		wish.Of = release.Range{Min: m.MinCapacity, Max: m.MaxCapacity}
	}
	svc := s.service()
	if err := svc.Read(c.Context); err != nil {
		return err
	}
	out, err := svc.Scale(c.Context, *wish)
	if err != nil {
		return err
	}
	r := scaleResult{Service: svc.Name, Before: out.Before, DesiredCount: out.Desired, Suspended: out.Suspended, Scaling: out.Scaling, Outlook: []string{}}
	if out.Range != nil {
		r.MinCapacity, r.MaxCapacity = &out.Range.Min, &out.Range.Max
		r.Outlook = append(r.Outlook, out.Scaling.Outlook(out.Desired, out.Alarms)...)
	}
	show := func() {
		lines := slices.Clone(out.Lines())
		for i := range lines {
			lines[i] = ui.Safe(lines[i])
		}
		_, _ = fmt.Fprintf(s.terminal.Out, "%s: %s\n", svc.Name, strings.Join(lines, "\n  "))
	}
	if !c.Bool("wait") {
		return s.result(r, show)
	}
	if !s.json {
		show() // what is done is said before it is waited for
	}
	if err := s.untilHealthy(svc); err != nil {
		return err
	}
	r.Healthy = true
	return s.result(r, func() { _, _ = fmt.Fprintf(s.terminal.Out, "%s: %s healthy\n", svc.Name, tasks(svc.Live.DesiredCount)) })
}

// untilHealthy waits for the tasks of a service.
func (s *session) untilHealthy(svc *release.Service) error {
	stack, err := s.read([]deploy.Step{&release.Tasks{Service: svc}})
	if err != nil {
		return err
	}
	return s.stop(stack.Apply(s.c.Context))
}

// tasks is a number of tasks in words.
func tasks(n int32) string {
	if n == 1 {
		return "1 task"
	}
	return fmt.Sprintf("%d tasks", n)
}

func parseScale(c *cli.Context) (*release.Scaling, error) {
	w := &release.Scaling{}
	for name, to := range map[string]**int32{"min": &w.Min, "max": &w.Max} {
		if n := c.Int(name); c.IsSet(name) {
			if n < 0 || n > 10000 {
				return nil, usageErrorf("--%s %d is no number of tasks", name, n)
			}
			*to = new(int32(n))
		}
	}
	if w.Min != nil && w.Max != nil && *w.Min > *w.Max {
		return nil, usageErrorf("--min %d is above --max %d", *w.Min, *w.Max)
	}
	switch suspend, resume := c.Bool("suspend"), c.Bool("resume"); {
	case suspend && resume:
		return nil, usageErrorf("--suspend and --resume contradict each other")
	case suspend || resume:
		w.Suspend = &suspend
	}
	switch c.Args().Len() {
	case 0:
		if w.Min == nil && w.Max == nil && w.Suspend == nil {
			return nil, usageErrorf("scale needs a number of tasks (5, +1, -1), a range (--min, --max), --suspend or --resume")
		}
		return w, nil
	case 1:
	default:
		return nil, usageErrorf("scale takes one number, and got %q, too", c.Args().Get(1))
	}
	word := c.Args().First()
	n, err := strconv.ParseInt(word, 10, 32)
	if err != nil || n > 10000 {
		return nil, usageErrorf("%q is no number of tasks: 5, +1, -1, at most 10000", word)
	}
	w.Count, w.Relative = new(int32(n)), strings.HasPrefix(word, "+") || strings.HasPrefix(word, "-")
	if !w.Relative && (w.Min != nil && *w.Count < *w.Min || w.Max != nil && *w.Count > *w.Max) {
		return nil, usageErrorf("%s: that is outside the range that is set with it", tasks(*w.Count))
	}
	return w, nil
}
