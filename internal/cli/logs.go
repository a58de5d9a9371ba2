package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/logs"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
)

func (p *process) logs() *cli.Command {
	flags := []cli.Flag{
		&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes, until Ctrl-C, which is exit code 0 (the manifest is --file here)"},
		&cli.StringFlag{Name: "since", Value: "10m", Usage: "from how long ago, or from a `TIME`: 30s, 10m, 2h, 1d, 1w, 2026-11-23T17:00:00Z"},
		&cli.StringFlag{Name: "filter", Usage: "only lines that match `PATTERN`, in CloudWatch's filter syntax"},
	}
	return &cli.Command{
		Name: "logs", Category: "observe", Usage: "show what the tasks have logged", Flags: flags, Action: p.doLogs,
		Subcommands: []*cli.Command{{Name: "tail", Usage: "the same", Flags: flags, Action: p.doLogs}},
	}
}

func (p *process) doLogs(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	since, err := parseSince(c.String("since"), time.Now())
	if err != nil {
		return err
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	q := logs.Query{Places: []logs.Place{{Group: s.app.Manifest.LogGroup.Name}}, Since: since, Filter: c.String("filter")}
	read := logs.Read
	if c.Bool("follow") {
		read = logs.Follow
	}
	err = read(c.Context, &s.app.AWS.Logs, q, s.lines)
	if aws.Is(err, "ResourceNotFoundException") {
		if q.Places[0].Group, err = s.liveGroup(q.Places[0].Group); err == nil {
			err = read(c.Context, &s.app.AWS.Logs, q, s.lines)
		}
	}
	if err != nil && c.Bool("follow") && errors.Is(context.Cause(c.Context), errInterrupted) {
		return nil // Ctrl-C is how a follow is meant to end
	}
	return err
}

// liveGroup is the group that the tasks write to where the manifest's is not there: until the next up that may be one of
// another name.
func (s *session) liveGroup(missing string) (string, error) {
	svc := s.service()
	gone := &release.MissingError{}
	if err := svc.Read(s.c.Context); err != nil && !errors.As(err, &gone) {
		return "", err
	} else if err == nil {
		if l := svc.Container().LogConfiguration; l != nil {
			if group := l.Options["awslogs-group"]; group != "" && group != missing {
				return group, nil
			}
		}
	}
	return "", &hinted{fmt.Errorf("there is no log group %s", missing), "fargatectl up makes it"}
}

func (s *session) lines(events []logs.Event) error {
	for _, e := range events {
		if err := s.line(e); err != nil {
			return err
		}
	}
	return nil
}

// line shows one event: its time, its task in short, its message.
func (s *session) line(e logs.Event) error {
	if s.json {
		return ui.JSONLine(s.terminal.Out, map[string]any{"time": e.Time.UTC().Format(time.RFC3339Nano), "stream": e.Stream, "message": e.Message})
	}
	task := e.Stream[strings.LastIndexByte(e.Stream, '/')+1:]
	_, err := fmt.Fprintf(s.terminal.Out, "%s %s %s\n", e.Time.Local().Format("2006-01-02 15:04:05.000"), ui.Safe(task[:min(8, len(task))]), ui.Safe(strings.TrimRight(e.Message, "\n")))
	return err
}

// parseSince reads how long ago, with d for days and w for weeks, or a moment; without a zone it is the local one.
func parseSince(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(form, text, now.Location()); err == nil {
			return t, nil
		}
	}
	d, err := time.ParseDuration(text)
	for unit, hours := range map[string]float64{"d": 24, "w": 7 * 24} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			var n float64
			n, err = strconv.ParseFloat(number, 64)
			if n != n || n < 0 || n*hours > 100*365*24 {
				err = strconv.ErrRange
			}
			d = time.Duration(n * hours * float64(time.Hour))
		}
	}
	if err != nil || d < 0 {
		return time.Time{}, usageErrorf("--since %q is neither a duration (30s, 10m, 2h, 1d, 1w) nor a time (2026-11-23T17:00:00Z, 2026-11-23)", text)
	}
	return now.Add(-d), nil
}

// A hinted error says what to do.
type hinted struct {
	error
	hint string
}

func (h *hinted) Hint() string  { return h.hint }
func (h *hinted) Unwrap() error { return h.error }
