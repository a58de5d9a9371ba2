package logs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fargatectl/fargatectl/internal/logs"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// A listener follows live for a time, and notes what it is shown and told.
type listener struct {
	lines, notes []string
	delay        time.Duration // the longest from a line to its showing
}

func (l *listener) listen(c *cloud, q logs.Query, d time.Duration) {
	c.t.Helper()
	ctx, stop := context.WithTimeout(c.t.Context(), d)
	defer stop()
	q.Note = func(text string) { l.notes = append(l.notes, text) }
	err := logs.Live(ctx, &c.calls.Logs, q, arn,
		func(events []logs.Event) error {
			for _, e := range events {
				l.lines, l.delay = append(l.lines, e.Message), max(l.delay, time.Since(e.Time))
			}
			return nil
		})
	if !errors.Is(err, context.DeadlineExceeded) {
		c.t.Error(err)
	}
}

// ticks writes a line each interval, the same text twice in a millisecond each time, until the test ends.
func (c *cloud) ticks(n int, every time.Duration) (want []string) {
	go func() {
		for i := range n {
			time.Sleep(every)
			c.write("ecs/app/1", 2, func(int) (time.Time, string) { return time.Now(), fmt.Sprint(i) })
		}
	}()
	for i := range n {
		want = append(want, fmt.Sprint(i), fmt.Sprint(i))
	}
	return want
}

// Sessions show all lines once and soon: those before the first, those while one is renewed after three hours, and
// those that are the same.
func TestLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour)
		c := newCloud(t, sandbox.Options{})
		c.write("ecs/app/0", 1, func(int) (time.Time, string) { return time.Now().Add(-time.Minute), "before" })
		want := append([]string{"before"}, c.ticks(900, 13*time.Second+100*time.Millisecond)...)
		l := listener{}
		n := c.requests("StartLiveTail", func() { l.listen(c, logs.Query{Places: place}, 900*13100*time.Millisecond+10*time.Second) })
		if !slices.Equal(l.lines, want) {
			t.Errorf("%d lines, want %d", len(l.lines), len(want))
		}
		if n != 2 || len(l.notes) > 0 {
			t.Error(n, l.notes)
		}
	})
}

// A session that is refused, at the first or later, is a follow from there on.
func TestLiveRefused(t *testing.T) {
	t.Parallel()
	for name, nth := range map[string]int{"at once": 1, "later": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(30 * 365 * 24 * time.Hour)
				c := newCloud(t, sandbox.Options{})
				c.Inject(sandbox.Fault{Op: "StartLiveTail", Nth: nth, From: true, Code: "AccessDeniedException", Message: "not authorized to perform: logs:StartLiveTail"})
				want := c.ticks(200, 57*time.Second+100*time.Millisecond)
				l := listener{}
				l.listen(c, logs.Query{Places: place}, 200*time.Minute)
				if !slices.Equal(l.lines, want) {
					t.Errorf("%d lines, want %d", len(l.lines), len(want))
				}
				if len(l.notes) != 1 || !strings.Contains(l.notes[0], "logs:StartLiveTail") || !strings.HasSuffix(l.notes[0], "looking every 2s") {
					t.Error(l.notes)
				}
			})
		})
	}
}

// A live follow of tasks that end ends, too, with what they wrote last.
func TestLiveDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, done, shown := newCloud(t, sandbox.Options{}), make(chan struct{}), 0
		c.ticks(20, time.Second)
		time.AfterFunc(20*time.Second, func() { close(done) })
		err := logs.Live(t.Context(), &c.calls.Logs, logs.Query{Places: place, Done: done}, arn, func(events []logs.Event) error {
			shown += len(events)
			return nil
		})
		if err != nil || shown != 40 {
			t.Error(err, shown)
		}
	})
}

func arn(p logs.Place) string { return "arn:aws:logs:us-east-1:123456789012:log-group:" + p.Group }

// A sample is said to be one.
func TestLiveSampled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, sandbox.Options{})
		time.AfterFunc(5*time.Second, func() {
			c.write("ecs/app/1", 2000, func(i int) (time.Time, string) { return time.Now(), fmt.Sprint(i) })
		})
		l := listener{}
		l.listen(c, logs.Query{Places: place, Match: func(e logs.Event) bool { return e.Message != "4" }}, time.Minute)
		if len(l.lines) != 499 || len(l.notes) != 1 || !strings.Contains(l.notes[0], "sample") || l.delay > 3*time.Second {
			t.Error(len(l.lines), l.notes, l.delay)
		}
	})
}
