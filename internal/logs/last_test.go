package logs_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/logs"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// messages are what a read of the query shows.
func (c *cloud) messages(q logs.Query) (all []string) {
	c.t.Helper()
	err := logs.Read(c.t.Context(), &c.calls.Logs, q, func(events []logs.Event) error {
		for _, e := range events {
			all = append(all, e.Message)
		}
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
	return all
}

// requests is how many requests of an operation do makes.
func (c *cloud) requests(op string, do func()) (n int) {
	before := len(c.Calls())
	do()
	for _, call := range c.Calls()[before:] {
		if call.Op == op {
			n++
		}
	}
	return n
}

// The last lines are read from the end, in bounded requests, with an endpoint that answers newest first and with one
// that does not know how.
func TestLast(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"newest first": false, "windows": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(30 * 365 * 24 * time.Hour)
				c, began := newCloud(t, sandbox.Options{}), time.Now()
				if old { // as LocalStack and moto do, which pass over what they don't know
					ask := c.calls.Logs.FilterLogEvents
					c.calls.Logs.FilterLogEvents = headFirst(ask)
				}
				c.write("ecs/app/1", 10000, func(i int) (time.Time, string) { return began.Add(time.Duration(i) * time.Second), fmt.Sprint(i) })
				time.Sleep(10 * 24 * time.Hour)
				var want []string
				for i := 9980; i < 10000; i++ {
					want = append(want, fmt.Sprint(i))
				}
				q := logs.Query{Places: place, Lines: 20}
				n := c.requests("FilterLogEvents", func() {
					if got := c.messages(q); !slices.Equal(got, want) {
						t.Error(got)
					}
				})
				if n > 20 {
					t.Error(n, "requests")
				}
				q.Lines, q.Match = 3, func(e logs.Event) bool { return strings.HasSuffix(e.Message, "99") }
				if got := c.messages(q); !slices.Equal(got, []string{"9799", "9899", "9999"}) {
					t.Error(got)
				}
				q.Since, q.Until, q.Match = began, began.Add(4*time.Second), nil
				if got := c.messages(q); !slices.Equal(got, []string{"2", "3", "4"}) {
					t.Error(got)
				}
				if q.Lines = 8; !slices.Equal(c.messages(q), []string{"0", "1", "2", "3", "4"}) {
					t.Error(c.messages(q))
				}
			})
		})
	}
}

// A follow of the last lines goes on with what comes, and with nothing that came before.
func TestLastFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour)
		c := newCloud(t, sandbox.Options{})
		now := func(int) (time.Time, string) { return time.Now(), time.Now().Format("05") }
		for range 5 {
			c.write("ecs/app/1", 1, now)
			time.Sleep(time.Second)
		}
		done := make(chan struct{})
		go func() {
			for range 3 {
				time.Sleep(3 * time.Second)
				c.write("ecs/app/1", 1, now)
			}
			close(done)
		}()
		var got []string
		err := logs.Follow(t.Context(), &c.calls.Logs, logs.Query{Places: place, Lines: 2, Done: done}, func(events []logs.Event) error {
			for _, e := range events {
				got = append(got, e.Message)
			}
			return nil
		})
		if want := []string{"03", "04", "08", "11", "14"}; err != nil || !slices.Equal(got, want) {
			t.Error(err, got)
		}
	})
}

// The groups of several containers are read as one, by time, and what is beside them in between; a task that begins with
// the same letters is not another's.
func TestPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour)
		c, began := newCloud(t, sandbox.Options{}), time.Now()
		for half := range 2 {
			for at, stream := range []string{"ecs/web/1", "side/car/1"} {
				c.write(stream, 10000, func(i int) (time.Time, string) {
					n := half*20000 + 2*i + at
					return began.Add(time.Duration(n) * time.Millisecond), fmt.Sprint(n)
				})
			}
		}
		sources := []logs.Source{{Container: "web", Group: group, Prefix: "ecs"}, {Container: "car", Group: group, Region: "us-east-1", Prefix: "side"}}
		got := c.messages(logs.Query{Places: logs.All(sources)})
		if len(got) != 40000 {
			t.Fatal(len(got), "lines")
		}
		for i, text := range got {
			if text != fmt.Sprint(i) {
				t.Fatalf("line %d is %s", i, text)
			}
		}
		beside := func(_ context.Context, _ time.Time) ([]logs.Event, error) {
			return []logs.Event{{Time: began.Add(3 * time.Millisecond), ID: "e", Message: "steady"}, {Time: began.Add(time.Hour), ID: "f", Message: "later"}}, nil
		}
		got = c.messages(logs.Query{Places: logs.All(sources), Beside: beside, Until: began.Add(4 * time.Millisecond)})
		if fmt.Sprint(got) != "[0 1 2 3 steady 4]" && fmt.Sprint(got) != "[0 1 2 steady 3 4]" {
			t.Error(got)
		}
		if got := c.messages(logs.Query{Places: logs.Of(sources, "1", "2"), Lines: 2}); fmt.Sprint(got) != "[39998 39999]" {
			t.Error(got)
		}
		if got := c.messages(logs.Query{Places: logs.Of(sources, "2")}); got != nil {
			t.Error(got)
		}
	})
}

// Throttles cost time, not lines, and are said.
func TestThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, began := newCloud(t, sandbox.Options{}), time.Now()
		c.write("ecs/app/1", 10000, func(int) (time.Time, string) { return began, strings.Repeat("x", 300) })
		c.Inject(sandbox.Fault{Op: "FilterLogEvents", Nth: 2, From: true, Code: "ThrottlingException", Message: "Rate exceeded"})
		time.AfterFunc(10*time.Second, c.Heal)
		var notes []string
		if got := c.messages(logs.Query{Places: place, Note: func(text string) { notes = append(notes, text) }}); len(got) != 10000 {
			t.Error(len(got), "lines")
		}
		if len(notes) == 0 || !strings.HasPrefix(notes[0], "CloudWatch asks for slower requests") {
			t.Error(notes)
		}
		c.Inject(sandbox.Fault{Op: "FilterLogEvents", Code: "AccessDeniedException", Message: "no"})
		if err := logs.Read(t.Context(), &c.calls.Logs, logs.Query{Places: place}, nil); !aws.Is(err, "AccessDeniedException") {
			t.Error(err)
		}
	})
}

func headFirst(ask logsCall) logsCall {
	return func(ctx context.Context, in *sdk.FilterLogEventsInput, o ...func(*sdk.Options)) (*sdk.FilterLogEventsOutput, error) {
		cp := *in
		cp.StartFromHead = nil
		return ask(ctx, &cp, o...)
	}
}

type logsCall = func(context.Context, *sdk.FilterLogEventsInput, ...func(*sdk.Options)) (*sdk.FilterLogEventsOutput, error)
