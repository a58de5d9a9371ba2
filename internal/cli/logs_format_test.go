package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/fargatectl/fargatectl/internal/logs"
	"github.com/fargatectl/fargatectl/internal/ui"
)

// Every form of a line; what is hostile to a terminal reaches none, and only a pipe gets a raw message as it was written.
func TestLogLines(t *testing.T) {
	t.Parallel()
	at := time.Now().UTC().Truncate(24 * time.Hour).Add(13*time.Hour + 4*time.Minute + 5*time.Second + 67*time.Millisecond)
	day := at.Format(time.DateOnly)
	const stream = "ecs/web/0123456789abcdef0123456789abcdef"
	line := logs.Event{Time: at, Ingested: at.Add(time.Second), Stream: stream, ID: "7", Message: "\x1b]0;own\aed\r\n  \x1b[31mred\u202e ü\x9b5m<&>\n"}
	event := logs.Event{Time: at.Add(-24 * time.Hour), ID: "8", Message: "(service api) has reached a steady state."}
	red, tty := ui.Stream{Color: true, TTY: true}, ui.Stream{TTY: true}
	yesterday := event.Time.Format("01-02")
	for _, l := range []struct {
		name, format string
		to           ui.Stream
		containers   []string
		e            logs.Event
		want         string
	}{
		{"short", "short", ui.Stream{}, []string{"web"}, line, "13:04:05.067 01234567 ed\n                        red ü\uFFFD5m<&>\n"},
		{"several containers", "short", tty, []string{"web", "proxy"}, line, "13:04:05.067 01234567/web   ed\n                              red ü\uFFFD5m<&>\n"},
		{"in colour", "short", red, nil, logs.Event{Time: at, Stream: stream, Message: "x"}, "13:04:05.067 \x1b[35m01234567\x1b[m x\n"},
		{"event", "short", ui.Stream{}, nil, event, yesterday + " 13:04:05.067 service  (service api) has reached a steady state.\n"},
		{"detailed", "detailed", ui.Stream{}, nil, line, day + "T13:04:05.067Z " + stream + " ed\n" + strings.Repeat(" ", 24+1+40+1) + "  red ü\uFFFD5m<&>\n"},
		{"raw, piped", "raw", ui.Stream{}, nil, line, line.Message},
		{"raw, seen", "raw", tty, nil, line, "ed\n  red ü\uFFFD5m<&>\n"},
		{
			"json", "json", tty, nil, line, `{"type":"log","time":"` + day + `T13:04:05.067Z","ingestion_time":"` + day + `T13:04:06.067Z","stream":"` + stream +
				`","container":"web","task":"0123456789abcdef0123456789abcdef","event_id":"7","message":"\u001b]0;own\u0007ed\r\n  \u001b[31mred\u202e ü\ufffd5m<&>\n"}` + "\n",
		},
		{
			"json event", "json", tty, nil, event,
			`{"type":"service_event","time":"` + event.Time.Format(time.DateOnly) + `T13:04:05.067Z","event_id":"8","message":"(service api) has reached a steady state."}` + "\n",
		},
	} {
		if got := string(newLogWriter(l.to, l.format, true, l.containers).line(&l.e)); got != l.want {
			t.Errorf("%s: %q\nwant %q", l.name, got, l.want)
		}
	}
}
