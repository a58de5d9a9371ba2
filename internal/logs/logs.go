// Package logs reads the log events of tasks: once, the last of them, or on and on.
//
// CloudWatch delivers late, out of order and, when asked twice, twice. A follow therefore asks again for the last
// Overlap, remembers the ids of what it has seen in it, and shows an event only after a look that came Settle after it:
// what is late by no more than Settle is in order, what is later is still shown, behind its time. Nothing is lost that
// is late by no more than Overlap, nothing comes twice.
//
// [Sources] says where the containers of a task definition write to, [Source.Of] where certain tasks do. A follow of
// tasks that end is told so by closing Query.Done; it then awaits what is on its way:
//
//	sources, err := logs.Sources(definition)
//	q := logs.Query{Places: logs.Of(sources, task), Since: began, Done: stopped}
//	err = logs.Follow(ctx, &calls.Logs, q, func(events []logs.Event) error { … })
package logs

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/fargatectl/fargatectl/aws"
)

// A Place is where lines lie: a group, or some of its streams.
type Place struct {
	Group   string
	Region  string   // "" is that of the calls
	Prefix  string   // of the names of streams; "" is all
	Streams []string // these, instead of a prefix; those that are not there yet are awaited
}

// A Query is what to read.
type Query struct {
	Places []Place
	Since  time.Time        // zero: from the beginning
	Until  time.Time        // zero: no end
	Lines  int              // only the last so many of what is there; 0 is all
	Filter string           // in CloudWatch's filter syntax; it is matched by AWS
	Match  func(Event) bool // nil is all
	// Beside are events of another kind since a moment, to be shown among the lines: a service's own. nil is none.
	Beside func(ctx context.Context, since time.Time) ([]Event, error)

	// Done, once closed, ends a follow when nothing more has come for Drain. nil: it never does.
	Done <-chan struct{}

	Overlap time.Duration // 30 s by default: how late an event may come
	Settle  time.Duration // 1 s by default
	Poll    time.Duration // 2 s by default, up to 5 s while nothing comes: FilterLogEvents is limited to 5 a second an account
	Drain   time.Duration // 5 s by default, which is how long the awslogs driver gathers lines before it sends them

	Note     func(text string)               // what who reads should know: throttles, retries; nil is nobody
	Progress func(lines int, upTo time.Time) // called as pages of what is there come; nil is nobody
}

// An Event is one line of a stream, or an event from beside.
type Event struct {
	Time     time.Time
	Ingested time.Time // when CloudWatch got it
	Stream   string    // "ecs/my-api/0123456789abcdef0123456789abcdef"; "" for one from beside
	Message  string
	ID       string
}

// Task is the id of the task that has written it, as far as the stream's name says so.
func (e Event) Task() string { return e.Stream[strings.LastIndexByte(e.Stream, '/')+1:] }

// Container is the one that has written it; "" when the stream's name does not say so.
func (e Event) Container() string {
	if parts := strings.Split(e.Stream, "/"); len(parts) >= 3 {
		return parts[len(parts)-2]
	}
	return ""
}

// key is what the event is known by.
func (e Event) key() string {
	if e.ID != "" {
		return e.ID
	}
	return e.Time.String() + e.Stream + e.Message
}

// order is by time; what has the same time keeps the order in which it came to CloudWatch.
func order(a, b Event) int {
	return cmp.Or(a.Time.Compare(b.Time), a.Ingested.Compare(b.Ingested), strings.Compare(a.ID, b.ID))
}

// filled is the query with its defaults.
func (q Query) filled() Query {
	q.Overlap, q.Settle = cmp.Or(q.Overlap, 30*time.Second), cmp.Or(q.Settle, time.Second)
	q.Poll, q.Drain = cmp.Or(q.Poll, 2*time.Second), cmp.Or(q.Drain, 5*time.Second)
	q.Poll = max(q.Poll, time.Duration(len(q.Places))*400*time.Millisecond)
	var places []Place
	for _, p := range q.Places {
		for len(p.Streams) > 100 { // FilterLogEvents takes no more
			places, p.Streams = append(places, Place{p.Group, p.Region, "", p.Streams[:100]}), p.Streams[100:]
		}
		places = append(places, p)
	}
	q.Places = places
	if q.Note == nil {
		q.Note = func(string) {}
	}
	if q.Progress == nil {
		q.Progress = func(int, time.Time) {}
	}
	if q.Match == nil {
		q.Match = func(Event) bool { return true }
	}
	return q
}

// Read shows the events of the query by time, some at a time, in constant memory. The slice that show gets is its own
// only until it returns.
func Read(ctx context.Context, c *aws.Logs, q Query, show func([]Event) error) error {
	r := newReader(c, q.filled())
	if q.Lines > 0 {
		tail, err := r.last(ctx, q.Lines)
		if err != nil || len(tail) == 0 {
			return err
		}
		return show(tail)
	}
	known := memory{most: remembered}
	return r.pages(ctx, q.Since, func(events []Event) error {
		events = slices.DeleteFunc(events, func(e Event) bool { return known.knows(e) || !r.q.Match(e) })
		if len(events) == 0 {
			return nil
		}
		return show(events)
	})
}
