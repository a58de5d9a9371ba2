package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/logs"
	"github.com/fargatectl/fargatectl/internal/ui"
)

func (p *process) logs() *cli.Command {
	flags := []cli.Flag{
		&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes, until Ctrl-C (the manifest is --file here)"},
		&cli.StringFlag{Name: "since", Value: "10m", Usage: "from how long ago, or from a `TIME`: 30s, 10m, 2h, 1d, 2026-11-23T17:00:00Z"},
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
	q := logs.Query{Group: s.app.Manifest.LogGroup.Name, Since: since, Filter: c.String("filter")}
	read := logs.Read
	if c.Bool("follow") {
		read = logs.Follow
	}
	err = read(c.Context, &s.app.AWS.Logs, q, s.line)
	switch {
	case aws.Is(err, "ResourceNotFoundException"):
		return &hinted{fmt.Errorf("there is no log group %s", q.Group), "fargatectl up makes it"}
	case errors.Is(err, errInterrupted) && c.Bool("follow"), errors.Is(err, syscall.EPIPE): // head has enough
		return nil
	case errors.Is(err, context.Canceled):
		return errInterrupted
	}
	return err
}

// line shows one event: its time, its task in short, its message.
func (s *session) line(e logs.Event) error {
	if s.json {
		b, err := json.Marshal(map[string]any{"time": e.Time.UTC().Format(time.RFC3339Nano), "stream": e.Stream, "message": e.Message})
		if err == nil {
			_, err = fmt.Fprintf(s.terminal.Out, "%s\n", b)
		}
		return err
	}
	task := e.Stream[strings.LastIndexByte(e.Stream, '/')+1:]
	_, err := fmt.Fprintf(s.terminal.Out, "%s %s %s\n", e.Time.Local().Format("2006-01-02 15:04:05.000"), ui.Safe(task[:min(8, len(task))]), ui.Safe(strings.TrimRight(e.Message, "\n")))
	return err
}

// parseSince reads how long ago, with d for days, or a moment.
func parseSince(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n float64
		n, err = strconv.ParseFloat(days, 64)
		d = time.Duration(n * 24 * float64(time.Hour))
	} else {
		d, err = time.ParseDuration(text)
	}
	if err != nil || d < 0 {
		return time.Time{}, usageErrorf("--since %q is neither a duration (30s, 10m, 2h, 1d) nor a time (2026-11-23T17:00:00Z)", text)
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
