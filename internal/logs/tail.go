// Package logs reads the log events of a group: once, or on and on.
//
// CloudWatch delivers late, out of order and, when asked twice, twice. A follow therefore asks again for the last
// Overlap every time, remembers the ids of what it has seen in it, and holds every event for Settle before it shows
// it, so that what comes within that time is in order. What comes later is still shown, behind its time.
package logs

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// A Query is what to read.
type Query struct {
	Group  string
	Since  time.Time // zero: from the beginning
	Until  time.Time // zero: no end
	Filter string    // in CloudWatch's filter syntax; it is matched by AWS
	Prefix string    // of the names of streams; "" is all

	Overlap time.Duration // 30 s by default: how late an event may come
	Settle  time.Duration // 1 s by default
	Poll    time.Duration // 2 s by default, up to 5 s while nothing comes: FilterLogEvents is limited to 5 a second an account
}

// An Event is one line of a stream.
type Event struct {
	Time    time.Time
	Stream  string // "ecs/my-api/0123456789abcdef0123456789abcdef"
	Message string
	ID      string
}

// Read shows every event of the query, in the order of their times as far as CloudWatch keeps it, in constant memory.
func Read(ctx context.Context, c *aws.Logs, q Query, show func(Event) error) error {
	return q.pages(ctx, c, q.Since, func(events []Event) error {
		for _, e := range events {
			if err := show(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Follow shows what Read does and then what comes, until ctx ends.
func Follow(ctx context.Context, c *aws.Logs, q Query, show func(Event) error) error {
	q.Overlap, q.Settle, q.Poll = cmp.Or(q.Overlap, 30*time.Second), cmp.Or(q.Settle, time.Second), cmp.Or(q.Poll, 2*time.Second)
	f := follow{q: q, from: q.Since, seen: map[string]time.Time{}, show: show}
	for pause := q.Poll; ; {
		fresh, err := f.look(ctx, c)
		if err != nil {
			return err
		}
		if pause = min(pause*5/4, 5*time.Second); fresh {
			pause = q.Poll
		}
		// Held events are shown when they have settled, not when the next look comes.
		for wait := pause; wait > 0; {
			nap := wait
			if len(f.held) > 0 {
				nap = min(nap, q.Settle)
			}
			select {
			case <-ctx.Done():
				return f.flush(time.Now().Add(q.Settle), context.Cause(ctx))
			case <-time.After(nap):
			}
			wait -= nap
			if err := f.flush(time.Now(), nil); err != nil {
				return err
			}
		}
	}
}

// follow is what a Follow remembers.
type follow struct {
	q      Query
	from   time.Time            // the next look begins here
	newest time.Time            // of all events seen
	seen   map[string]time.Time // ids of events since from, with their times
	held   []held
	show   func(Event) error
}

// held is an event that is waited with.
type held struct {
	Event
	came time.Time
}

// look asks for what has come since from, and says whether anything has.
func (f *follow) look(ctx context.Context, c *aws.Logs) (fresh bool, err error) {
	err = f.q.pages(ctx, c, f.from, func(events []Event) error {
		for _, e := range events {
			if _, known := f.seen[e.ID]; known {
				continue
			}
			f.seen[e.ID], fresh = e.Time, true
			f.held = append(f.held, held{e, time.Now()})
			if e.Time.After(f.newest) {
				f.newest = e.Time
			}
		}
		return f.flush(time.Now(), nil) // a long backlog is shown as it is read
	})
	if from := f.newest.Add(-f.q.Overlap); from.After(f.from) {
		f.from = from
	}
	for id, t := range f.seen {
		if t.Before(f.from) {
			delete(f.seen, id)
		}
	}
	return fresh, err
}

// flush shows the held events that had settled at now, oldest first; then it returns because.
func (f *follow) flush(now time.Time, because error) error {
	slices.SortStableFunc(f.held, func(a, b held) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
	})
	var later []held
	for _, h := range f.held {
		if now.Sub(h.came) < f.q.Settle {
			later = append(later, h)
			continue
		}
		if err := f.show(h.Event); err != nil {
			return err
		}
	}
	f.held = later
	return because
}

// pages asks for all events since a moment, a page at a time.
func (q Query) pages(ctx context.Context, c *aws.Logs, since time.Time, each func([]Event) error) error {
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &q.Group}
	if !since.IsZero() {
		in.StartTime = new(since.UnixMilli())
	}
	if !q.Until.IsZero() {
		in.EndTime = new(q.Until.UnixMilli())
	}
	if q.Filter != "" {
		in.FilterPattern = &q.Filter
	}
	if q.Prefix != "" {
		in.LogStreamNamePrefix = &q.Prefix
	}
	for {
		out, err := c.FilterLogEvents(ctx, in)
		if err != nil {
			return err
		}
		events := make([]Event, len(out.Events))
		for i, e := range out.Events {
			events[i] = event(e)
		}
		if err := each(events); err != nil {
			return err
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return nil
		}
	}
}

func event(e types.FilteredLogEvent) Event {
	var out Event
	if e.Timestamp != nil {
		out.Time = time.UnixMilli(*e.Timestamp)
	}
	for to, from := range map[*string]*string{&out.Stream: e.LogStreamName, &out.Message: e.Message, &out.ID: e.EventId} {
		if from != nil {
			*to = *from
		}
	}
	return out
}
