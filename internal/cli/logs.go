package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/logs"
	"github.com/fargatectl/fargatectl/internal/ui"
)

const logsText = `Lines of all tasks and containers are shown by time, without a limit to how many there are: what was read is shown
and forgotten. ` + "`-n 100`" + ` shows the last hundred, however old they are.

CloudWatch delivers late and out of order. A follow shows what is late by a second in order, and what is late by up to
half a minute behind its time; it shows nothing twice. Ctrl-C ends it with exit code 0.

| format | a line |
|---|---|
| ` + "`short`" + ` | the time of day, the beginning of the task's id (with the container, where there are several), the message |
| ` + "`detailed`" + ` | date and time with the zone, the stream, the message |
| ` + "`raw`" + ` | the message alone |
| ` + "`json`" + `, as ` + "`--output json`" + ` | an object: ` + "`type`" + ` (log, or service_event with ` + "`--events`" + `), ` + "`time`" + `, ` + "`ingestion_time`" + `, ` + "`stream`" + `, ` + "`container`" + `, ` + "`task`" + `, ` + "`event_id`" + `, ` + "`message`" + ` |

Control sequences in a message never reach a terminal. They are taken out of short and detailed, and of raw on a
terminal; raw into a file or a pipe is the message as it was written. JSON has them as \u escapes.

` + "`--live`" + ` follows by a session of CloudWatch Logs Live Tail (the action logs:StartLiveTail), which shows a line about a second
after it was written and is billed by the minute. It is sampled beyond 500 lines a second, which is then said. Where it is
refused or not served, the follow goes on by looking every two seconds.`

func (p *process) logs() *cli.Command {
	flags := slices.Concat([]cli.Flag{
		&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes, until Ctrl-C, which is exit code 0 (the manifest is --file here)"},
		&cli.StringFlag{Name: "since", Value: "10m", Usage: "from how long ago, or from a `TIME`: 30s, 10m, 2h, 1d, 1w, 2026-11-23T17:00:00Z; with -n or --previous, from the beginning"},
		&cli.StringFlag{Name: "until", Usage: "up to how long ago, or up to a `TIME`"},
		&cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Usage: "only the last `N` lines of what is there; 0 is none, with --follow"},
		&cli.StringFlag{Name: "filter", Usage: "only lines that match `PATTERN`, in CloudWatch's filter syntax; AWS looks for them"},
		&cli.StringFlag{Name: "grep", Usage: "only lines that match the regular expression `RE`"},
		&cli.StringFlag{Name: "exclude", Usage: "no lines that match the regular expression `RE`"},
		&cli.StringFlag{Name: "task", Usage: "only the task with the `ID`, or those whose id begins so"},
		&cli.StringFlag{Name: "container", Usage: "only the container `NAME`"},
		&cli.BoolFlag{Name: "previous", Usage: "the task that has stopped last, whole"},
		&cli.StringFlag{Name: "format", Value: "short", Usage: "the `FORM` of a line: short, detailed, json or raw"},
		&cli.BoolFlag{Name: "utc", Usage: "times in UTC"},
		&cli.BoolFlag{Name: "live", Usage: "follow by a session of CloudWatch Logs Live Tail"},
		&cli.BoolFlag{Name: "events", Usage: "the service's own events among the lines"},
	}, serviceFlags())
	return &cli.Command{
		Name: "logs", Category: "observe", Usage: "show what the tasks have logged", Description: logsText, Flags: flags, Action: p.doLogs,
		Subcommands: []*cli.Command{{Name: "tail", Usage: "the same", Flags: flags, Action: p.doLogs}},
	}
}

func (p *process) doLogs(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	q, err := logsQuery(c, time.Now())
	if err != nil {
		return err
	}
	if err := checkLogsFlags(c); err != nil {
		return err
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	t, err := s.tailed()
	if err != nil {
		return err
	}
	if q.Places = t.places; t.since != nil && !c.IsSet("since") {
		q.Since = *t.since
	}
	if onlyNew(c) {
		q.Since = time.Now()
	}
	if c.Bool("events") {
		q.Beside = t.events
	}
	p.lines = true
	out := bufio.NewWriterSize(s.terminal.Out, 64<<10)
	w := newLogWriter(s.terminal.Out, s.format(), c.Bool("utc"), t.containers)
	tell := &logTeller{session: s, flush: out.Flush, last: time.Now()}
	q.Note, q.Progress = tell.note, tell.progress
	shown := 0
	err = s.tail()(c.Context, &s.app.AWS.Logs, q, func(events []logs.Event) error {
		shown += len(events)
		tell.shown()
		for i := range events {
			if _, err := out.Write(w.line(&events[i])); err != nil {
				return err
			}
		}
		return out.Flush()
	})
	switch follows := c.Bool("follow") || c.Bool("live"); {
	case follows && errors.Is(context.Cause(c.Context), errInterrupted):
		return nil // Ctrl-C is how a follow is meant to end
	case aws.Is(err, "ResourceNotFoundException"):
		return &hinted{fmt.Errorf("there is no log group %s", q.Places[0].Group), t.hint}
	case err == nil && shown == 0:
		return s.nothing(q)
	}
	return err
}

// tail is how the lines are read.
func (s *session) tail() func(context.Context, *aws.Logs, logs.Query, func([]logs.Event) error) error {
	switch {
	case s.c.Bool("live"):
		return func(ctx context.Context, c *aws.Logs, q logs.Query, show func([]logs.Event) error) error {
			return logs.Live(ctx, c, q, s.groupARN, show)
		}
	case s.c.Bool("follow"):
		return logs.Follow
	}
	return logs.Read
}

func (s *session) groupARN(p logs.Place) string {
	region := cmp.Or(p.Region, s.app.Region)
	return "arn:" + aws.Partition(region) + ":logs:" + region + ":" + s.app.Account + ":log-group:" + p.Group
}

// nothing says why no line was shown. A task that has written nothing at all is probably not the one that was meant.
func (s *session) nothing(q logs.Query) error {
	if task := s.c.String("task"); task != "" {
		written, err := logs.Written(s.c.Context, &s.app.AWS.Logs, q.Places)
		if err != nil {
			return err
		}
		if !written {
			return &hinted{fmt.Errorf("no task whose id begins with %s has written to %s", task, q.Places[0].Group), "fargatectl status shows the tasks"}
		}
	}
	text := "no lines"
	if !q.Since.IsZero() {
		text += " since " + q.Since.Format(time.DateTime) + "; --since looks further back"
	}
	s.tell(text)
	return nil
}

// logsQuery is what the flags say of the lines.
func logsQuery(c *cli.Context, now time.Time) (q logs.Query, err error) {
	q.Filter, q.Lines = c.String("filter"), c.Int("lines")
	if c.IsSet("lines") && q.Lines < 1 && !onlyNew(c) {
		return q, usageErrorf("--lines %d is less than one", q.Lines)
	}
	if c.IsSet("since") || !c.IsSet("lines") && !c.Bool("previous") {
		if q.Since, err = parseMoment("since", c.String("since"), now); err != nil {
			return q, err
		}
	}
	if c.IsSet("until") {
		if q.Until, err = parseMoment("until", c.String("until"), now); err != nil {
			return q, err
		}
		if !q.Until.After(q.Since) {
			return q, usageErrorf("--until %s is not after --since %s", c.String("until"), c.String("since"))
		}
	}
	q.Match, err = logsMatch(c)
	return q, err
}

// onlyNew says whether a follow shows nothing of what is there when it begins: -n 0.
func onlyNew(c *cli.Context) bool {
	return c.IsSet("lines") && c.Int("lines") == 0 && (c.Bool("follow") || c.Bool("live"))
}

// logsMatch is what --grep and --exclude leave of the lines, nil for all. The service's own events are left.
func logsMatch(c *cli.Context) (func(logs.Event) bool, error) {
	var grep, exclude *regexp.Regexp
	for flag, to := range map[string]**regexp.Regexp{"grep": &grep, "exclude": &exclude} {
		if text := c.String(flag); text != "" {
			var err error
			if *to, err = regexp.Compile(text); err != nil {
				return nil, usageErrorf("--%s: %w", flag, err)
			}
		}
	}
	if grep == nil && exclude == nil {
		return nil, nil
	}
	return func(e logs.Event) bool {
		text := ui.Safe(e.Message)
		return e.Stream == "" || (grep == nil || grep.MatchString(text)) && (exclude == nil || !exclude.MatchString(text))
	}, nil
}

// checkLogsFlags refuses flags that exclude each other.
func checkLogsFlags(c *cli.Context) error {
	if f := c.String("format"); !slices.Contains(logFormats, f) {
		return usageErrorf("--format %q is none of %s", f, strings.Join(logFormats, ", "))
	}
	for _, pair := range [][2]string{{"previous", "follow"}, {"previous", "live"}, {"previous", "task"}, {"until", "follow"}, {"until", "live"}} {
		if c.IsSet(pair[0]) && c.IsSet(pair[1]) {
			return usageErrorf("--%s and --%s exclude each other", pair[0], pair[1])
		}
	}
	return nil
}

// parseMoment reads how long ago, with d for days and w for weeks, or a moment; without a zone it is the local one.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
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
		return time.Time{}, usageErrorf("--%s %q is neither a duration (30s, 10m, 2h, 1d, 1w) nor a time (2026-11-23T17:00:00Z, 2026-11-23)", flag, text)
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
