package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fargatectl/fargatectl/deploy"
)

var (
	vpc    = &deploy.Change{Op: deploy.Create, What: "vpc my-api-vpc"}
	igw    = &deploy.Change{Op: deploy.Create, What: "internet gateway"}
	nat    = &deploy.Change{Op: deploy.Create, What: "nat gateway"}
	image  = &deploy.Change{Op: deploy.Create, What: "image my-api:4f1c"}
	taskdf = &deploy.Change{Op: deploy.Update, What: "task definition my-api"}
	alb    = &deploy.Change{Op: deploy.Create, What: "load balancer my-api-alb"}
)

var errDenied = errors.New("alb: load balancer my-api-alb: not authorized to perform elasticloadbalancing:CreateLoadBalancer")

var theRun = Run{
	Version: "0.1.0", Command: "up", Stack: "my-api", Account: "123456789012", Region: "us-east-1",
	Note: "SANDBOX: nothing here touches AWS; waits run 60 times faster",
}

// play sends what an up may send, in fake time: 95 s, a failure and a wait of 75 s included.
func play(s Sink) {
	ev := func(after time.Duration, e deploy.Event) {
		time.Sleep(after)
		e.At = time.Now()
		s.Event(e)
	}
	const ms = time.Millisecond
	s.Start(theRun)
	ev(900*ms, deploy.Event{Step: "vpc", State: deploy.Begun})
	ev(0, deploy.Event{Step: "vpc", State: deploy.Begun, Change: vpc})
	ev(0, deploy.Event{Step: "image", State: deploy.Begun})
	ev(0, deploy.Event{Step: "image", State: deploy.Begun, Change: image})
	ev(400*ms, deploy.Event{Step: "vpc", State: deploy.Done, Change: vpc})
	ev(0, deploy.Event{Step: "vpc", State: deploy.Begun, Change: igw})
	s.Log("go build ./cmd/hello\nok\n")
	ev(300*ms, deploy.Event{Step: "vpc", State: deploy.Done, Change: igw})
	ev(0, deploy.Event{Step: "vpc", State: deploy.Done})
	for i := range 12 {
		ev(1000*ms, deploy.Event{Step: "image", State: deploy.Noted, Change: image, Text: fmt.Sprintf("%d of 12 MB pushed", i+1)})
	}
	ev(100*ms, deploy.Event{Step: "image", State: deploy.Done, Change: image})
	ev(0, deploy.Event{Step: "image", State: deploy.Done})
	ev(0, deploy.Event{Step: "nat", State: deploy.Begun})
	ev(0, deploy.Event{Step: "nat", State: deploy.Begun, Change: nat})
	ev(0, deploy.Event{Step: "alb", State: deploy.Begun})
	ev(0, deploy.Event{Step: "alb", State: deploy.Begun, Change: alb})
	ev(700*ms, deploy.Event{Step: "nat", State: deploy.Done, Change: nat})
	ev(0, deploy.Event{Step: "nat", State: deploy.Done})
	ev(100*ms, deploy.Event{Step: "alb", State: deploy.Failed, Change: alb, Err: errDenied})
	ev(0, deploy.Event{Step: "https", State: deploy.Skipped, Text: "alb"})
	ev(100*ms, deploy.Event{Step: "nat", State: deploy.Waiting, Text: "pending"})
	ev(75_000*ms, deploy.Event{Step: "nat", State: deploy.Ready})
	ev(2000*ms, deploy.Event{Step: "taskdef", State: deploy.Begun})
	ev(0, deploy.Event{Step: "taskdef", State: deploy.Begun, Change: taskdf})
	ev(3000*ms, deploy.Event{Step: "taskdef", State: deploy.Done, Change: taskdf})
	ev(0, deploy.Event{Step: "taskdef", State: deploy.Done})
}

func TestNewSink(t *testing.T) {
	t.Parallel()
	tty, pipe := Terminal{Err: Stream{TTY: true}}, Terminal{}
	for _, c := range []struct {
		mode Mode
		t    Terminal
		want Sink
	}{
		{ModeAuto, tty, &live{}},
		{ModeAuto, Terminal{Err: Stream{TTY: true}, CI: true}, &plain{}},
		{ModeAuto, pipe, &plain{}},
		{ModeTTY, pipe, &live{}},
		{ModePlain, tty, &plain{}},
		{ModeJSON, tty, &lines{}},
		{ModeQuiet, tty, quiet{}},
	} {
		if got := fmt.Sprintf("%T", NewSink(c.mode, c.t, nil)); got != fmt.Sprintf("%T", c.want) {
			t.Errorf("%s: %s, want %T", c.mode, got, c.want)
		}
	}
	if _, err := ParseMode("fancy"); err == nil {
		t.Error("fancy is a mode")
	}
	if m, err := ParseMode("json"); m != ModeJSON || err != nil {
		t.Error(m, err)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for name, color := range map[string]bool{"plain.golden": false, "plain-color.golden": true} {
		synctest.Test(t, func(t *testing.T) {
			var b bytes.Buffer
			s := NewSink(ModePlain, Terminal{Err: Stream{Writer: &b, Color: color}}, nil)
			play(s)
			s.Stop(errDenied)
			s.Stop(nil) // says nothing more
			time.Sleep(time.Hour)
			golden(t, name, b.String())
		})
	}
}

// A heartbeat comes when half a minute was silent, not before, and names what is awaited; none when nothing is.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b record
		s := NewSink(ModePlain, Terminal{Err: Stream{Writer: &b}}, nil)
		lines := func(after time.Duration) string {
			b.taken()
			time.Sleep(after)
			synctest.Wait()
			return b.taken()
		}
		s.Start(theRun)
		if got := lines(10 * time.Minute); got != "" {
			t.Errorf("nothing is awaited, but: %s", got)
		}
		begin := time.Now()
		s.Event(deploy.Event{At: begin, Step: "nat", State: deploy.Waiting, Text: "pending"})
		if got := lines(29 * time.Second); got != "" {
			t.Errorf("after 29 s: %s", got)
		}
		s.Log("something") // puts it off
		if got := lines(29 * time.Second); got != "" {
			t.Errorf("29 s after the last line: %s", got)
		}
		s.Event(deploy.Event{At: time.Now(), Step: "alb", State: deploy.Begun})
		s.Event(deploy.Event{At: time.Now(), Step: "alb", State: deploy.Begun, Change: alb})
		want := "00:11:28 still waiting nat 1m28s (pending), alb 30s (creating load balancer my-api-alb)\n"
		if got := lines(30 * time.Second); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if got := lines(30 * time.Second); strings.Count(got, "\n") != 1 || !strings.Contains(got, "nat 1m58s") {
			t.Errorf("the second one: %q", got)
		}
		s.Event(deploy.Event{At: time.Now(), Step: "nat", State: deploy.Ready})
		s.Stop(errors.New("stopped"))
		if got := lines(time.Hour); got != "" {
			t.Errorf("after the end: %s", got)
		}
	})
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		s := NewSink(ModeQuiet, Terminal{Err: Stream{Writer: &b}}, nil)
		play(s)
		s.Stop(errDenied)
		if b.Len() > 0 {
			t.Errorf("quiet said %q", b.String())
		}
	})
}

func TestLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		s := NewSink(ModeJSON, Terminal{Err: Stream{Writer: &b}}, nil)
		play(s)
		s.Stop(errors.Join(errDenied, errors.New("b <c>")), "fargatectl policy", "fargatectl policy")
		s.Stop(nil)
		golden(t, "lines.golden", b.String())

		var types []string
		for l := range strings.Lines(b.String()) {
			var e struct{ Type, TS string }
			if err := json.Unmarshal([]byte(l), &e); err != nil {
				t.Fatalf("%s: %v", l, err)
			}
			if _, err := time.Parse(time.RFC3339, e.TS); err != nil && e.Type != "version" {
				t.Error(err)
			}
			types = append(types, e.Type)
		}
		if types[0] != "version" || types[len(types)-1] != "summary" {
			t.Errorf("first is %s, last %s", types[0], types[len(types)-1])
		}
	})
}

// A run that fails before it starts is still a stream with version and summary.
func TestLinesWithoutStart(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	NewSink(ModeJSON, Terminal{Err: Stream{Writer: &b}}, nil).Stop(errDenied)
	if got := strings.Count(b.String(), "\n"); got != 3 || !strings.HasPrefix(b.String(), `{"type":"version","schema":"1.0"`) {
		t.Errorf("%d lines: %s", got, b.String())
	}
}

// Changes of a group run beside each other: a failed one does not hide how the others end.
func TestGroup(t *testing.T) {
	t.Parallel()
	var b board
	ev := func(s int, state deploy.State, c *deploy.Change) (row, time.Duration) {
		return b.take(deploy.Event{At: time.Unix(int64(s), 0), Step: "vpc", State: state, Change: c})
	}
	ev(0, deploy.Begun, nil)
	ev(1, deploy.Begun, vpc)
	ev(2, deploy.Begun, igw)
	if _, d := ev(4, deploy.Failed, vpc); d != 3*time.Second {
		t.Errorf("failed after %v, want 3s", d)
	}
	if len(b.rows) != 1 {
		t.Errorf("%d rows while a change is under way, want 1", len(b.rows))
	}
	if _, d := ev(9, deploy.Done, igw); d != 7*time.Second {
		t.Errorf("done after %v, want 7s", d)
	}
	if got := b.sums(); len(b.rows) != 0 || got != ": 1 created, 1 failed" {
		t.Errorf("%d rows left, sums %q", len(b.rows), got)
	}
}

// Everything may speak at once; no line is torn (run with -race).
func TestTogether(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{ModeTTY, ModePlain, ModeJSON, ModeQuiet} {
		var b bytes.Buffer
		s := NewSink(mode, Terminal{Err: Stream{Writer: &b}}, nil)
		s.Start(theRun)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				step, c := string(rune('a'+i)), &deploy.Change{Op: deploy.Create, What: "thing"}
				for _, state := range []deploy.State{deploy.Begun, deploy.Noted, deploy.Done} {
					s.Event(deploy.Event{At: time.Now(), Step: step, State: state, Change: c})
					s.Log("a line of a build")
				}
				s.Event(deploy.Event{At: time.Now(), Step: step, State: deploy.Done})
			})
		}
		wg.Wait()
		s.Stop(nil)
		logs := 24
		if mode == ModeQuiet {
			logs = 0
		}
		if n := strings.Count(b.String(), "a line of a build"); n != logs {
			t.Errorf("%s: %d log lines, want %d", mode, n, logs)
		}
	}
}
