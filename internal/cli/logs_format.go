package cli

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/fargatectl/fargatectl/internal/logs"
	"github.com/fargatectl/fargatectl/internal/ui"
)

var logFormats = []string{"short", "detailed", "json", "raw"}

// format is that of the lines. --output json is one, too.
func (s *session) format() string {
	if s.json && !s.c.IsSet("format") {
		return "json"
	}
	return s.c.String("format")
}

// A logWriter writes events as lines.
type logWriter struct {
	to     ui.Stream
	format string
	zone   *time.Location
	today  string // the day that needs no date
	width  int    // of who has written, in cells
	each   bool   // the container is named

	buf    bytes.Buffer
	second int64  // of the clock
	clock  string // "14:02:11"
}

func newLogWriter(to ui.Stream, format string, utc bool, containers []string) *logWriter {
	w := &logWriter{to: to, format: format, zone: time.Local, width: 8, each: len(containers) > 1}
	if utc {
		w.zone = time.UTC
	}
	w.today = time.Now().In(w.zone).Format(time.DateOnly)
	for _, c := range containers {
		if w.each {
			w.width = max(w.width, 9+len(c))
		}
	}
	return w
}

// line is an event's line, which is whole until the next.
func (w *logWriter) line(e *logs.Event) []byte {
	w.buf.Reset()
	switch w.format {
	case "json":
		_ = ui.JSONLine(&w.buf, logLineOf(e)) // nothing in it can't be written
	case "raw":
		if message := e.Message; w.to.TTY {
			w.buf.WriteString(ui.Safe(message))
		} else {
			w.buf.WriteString(message)
		}
	case "detailed":
		w.buf.WriteString(e.Time.In(w.zone).Format("2006-01-02T15:04:05.000Z07:00"))
		w.prose(e, e.Stream, 0)
	default:
		w.buf.WriteString(w.timeOfDay(e.Time))
		task := e.Task()
		who := task[:min(8, len(task))]
		if c := e.Container(); w.each && c != "" {
			who += "/" + c
		}
		w.prose(e, who, w.width)
	}
	if b := w.buf.Bytes(); len(b) == 0 || b[len(b)-1] != '\n' {
		w.buf.WriteByte('\n')
	}
	return w.buf.Bytes()
}

// prose is who has written and what, its further lines below the first: so none of them looks like another event's.
func (w *logWriter) prose(e *logs.Event, who string, width int) {
	if e.Stream == "" {
		who = "service"
	}
	who = ui.Safe(who)
	indent := w.buf.Len() + 2 + max(width, len(who))
	pad := strings.Repeat(" ", max(0, width-len(who)))
	w.buf.WriteByte(' ')
	w.buf.WriteString(w.to.Hue(e.Stream, who))
	w.buf.WriteString(pad)
	w.buf.WriteByte(' ')
	message := strings.TrimRight(ui.Safe(e.Message), "\n")
	if strings.Contains(message, "\n") {
		message = strings.ReplaceAll(message, "\n", "\n"+strings.Repeat(" ", indent))
	}
	w.buf.WriteString(message)
}

// timeOfDay is "14:02:11.123", of another day "11-22 14:02:11.123".
func (w *logWriter) timeOfDay(t time.Time) string {
	if second := t.Unix(); second != w.second || w.clock == "" {
		local := t.In(w.zone)
		if w.second, w.clock = second, local.Format(time.TimeOnly); local.Format(time.DateOnly) != w.today {
			w.clock = local.Format("01-02 15:04:05")
		}
	}
	ms := t.UnixMilli() % 1000
	return w.clock + string([]byte{'.', byte('0' + ms/100), byte('0' + ms/10%10), byte('0' + ms%10)})
}

// A logLine is an event in JSON.
type logLine struct {
	Type      string     `json:"type"` // "log", "service_event"
	Time      time.Time  `json:"time"`
	Ingestion *time.Time `json:"ingestion_time,omitempty"`
	Stream    string     `json:"stream,omitempty"`
	Container string     `json:"container,omitempty"`
	Task      string     `json:"task,omitempty"`
	ID        string     `json:"event_id,omitempty"`
	Message   string     `json:"message"`
}

func logLineOf(e *logs.Event) logLine {
	l := logLine{"log", e.Time.UTC(), nil, e.Stream, e.Container(), e.Task(), e.ID, e.Message}
	if e.Stream == "" {
		l.Type = "service_event"
	}
	if !e.Ingested.IsZero() {
		l.Ingestion = new(e.Ingested.UTC())
	}
	return l
}

// A logTeller says on stderr what happens while no lines come.
type logTeller struct {
	*session
	flush func() error
	last  time.Time // when something was seen
}

// patience is how long nothing may be seen to happen.
const patience = 5 * time.Second

func (t *logTeller) shown() {
	if t.terminal.Out.TTY { // elsewhere lines are not seen
		t.last = time.Now()
	}
}

func (t *logTeller) note(text string) {
	t.last = time.Now()
	t.tell(text)
}

func (t *logTeller) progress(lines int, upTo time.Time) {
	if time.Since(t.last) < patience {
		return
	}
	text := fmt.Sprintf("still reading: %d lines so far", lines)
	if !upTo.IsZero() {
		text += ", up to " + upTo.Local().Format(time.DateTime)
	}
	t.note(text)
}
