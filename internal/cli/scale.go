package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/release"
)

func (p *process) scale() *cli.Command {
	return &cli.Command{
		Name: "scale", Category: "release", Usage: "set the number of tasks (N, +N, -N) and the range that autoscaling keeps", ArgsUsage: "[N | +N | -N]",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "min", Usage: "fewest tasks"},
			&cli.IntFlag{Name: "max", Usage: "most tasks"},
		},
		Action: p.doScale,
	}
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
	m := s.app.Manifest.Service
	wish.By, wish.Of = s.who.ARN, release.Range{Min: m.MinCapacity, Max: m.MaxCapacity}
	svc := s.service()
	if err := svc.Read(c.Context); err != nil {
		return err
	}
	out, err := svc.Scale(c.Context, *wish)
	if err != nil {
		return err
	}
	r := map[string]any{"service": svc.Name, "desired_count": out.Desired, "before": out.Before}
	if out.Range != nil {
		r["min_capacity"], r["max_capacity"] = out.Range.Min, out.Range.Max
	}
	return s.result(r, func() {
		_, _ = fmt.Fprintf(s.terminal.Out, "%s: %s\n", svc.Name, strings.ReplaceAll(out.Text(), "\n", "\n  "))
	})
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
	switch c.Args().Len() {
	case 0:
		if w.Min == nil && w.Max == nil {
			return nil, usageErrorf("scale needs a number of tasks (5, +1, -1) or a range (--min, --max)")
		}
		return w, nil
	case 1:
	default:
		return nil, usageErrorf("scale takes one number, and got %q, too", c.Args().Get(1))
	}
	word := c.Args().First()
	n, err := strconv.ParseInt(word, 10, 32)
	if err != nil || n > 10000 {
		return nil, usageErrorf("%q is no number of tasks: 5, +1, -1", word)
	}
	w.Count, w.Relative = new(int32(n)), strings.HasPrefix(word, "+") || strings.HasPrefix(word, "-")
	return w, nil
}
