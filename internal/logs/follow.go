package logs

import (
	"context"
	"slices"
	"time"

	"github.com/fargatectl/fargatectl/aws"
)

// Between two looks that go back for all that may be late there are some that go back less: most of what is late is late
// by the five seconds for which the awslogs driver gathers lines, and what is asked for again is most of what a follow
// costs.
const (
	shallow = 8 * time.Second
	deep    = 20 * time.Second // from one deep look to the next
	slowest = 5 * time.Second  // from one look to the next
)

// back is how far a deep look usually goes back: what is late by Overlap may have come just after the one before.
func (q Query) back() time.Duration { return q.Overlap + deep + max(slowest, q.Poll) }

// Follow shows what Read does and then what comes, until ctx ends, which is its error, or until Done and all is shown.
func Follow(ctx context.Context, c *aws.Logs, q Query, show func([]Event) error) error {
	f := newFollow(c, q, show)
	if err := f.begin(ctx); err != nil {
		return err
	}
	return f.poll(ctx)
}

// A follow is what a Follow remembers.
type follow struct {
	*reader
	show   func([]Event) error
	known  memory
	twins  *ledger   // of a live follow
	from   time.Time // nothing before it is asked for
	first  time.Time // nothing before it was wanted when the follow began
	there  time.Time // nor of that moment what CloudWatch had by then: the last lines are some of it
	looked time.Time // when the last look was, by CloudWatch's clock
	deep   time.Time // when the last one was that went all the way back, by CloudWatch's clock
	deepAt time.Time // and by ours
	held   []held    // not shown yet, by time
	fresh  time.Time // when something has come last
}

// held is an event that waits for those before it.
type held struct {
	Event
	came time.Time
}

func newFollow(c *aws.Logs, q Query, show func([]Event) error) *follow {
	q = q.filled()
	f := &follow{reader: newReader(c, q), show: show, from: q.Since, known: memory{most: remembered, window: q.back()}}
	f.patient = true
	return f
}

// begin shows the last lines, where only those are wanted.
func (f *follow) begin(ctx context.Context) error {
	if f.q.Lines == 0 {
		return nil
	}
	tail, err := f.last(ctx, f.q.Lines)
	if err != nil {
		return err
	}
	for _, e := range tail {
		f.known.knows(e)
		f.there = latest(f.there, e.Ingested)
	}
	switch {
	case len(tail) == f.q.Lines:
		f.first = tail[0].Time
	case len(tail) == 0: // nor was there anything since Since
		f.from = latest(f.q.Since, time.Now().Add(-f.q.back()))
		return nil
	}
	f.from = latest(f.q.Since, f.known.newest.Add(-f.q.back()))
	return f.show(tail)
}

// poll looks again and again.
func (f *follow) poll(ctx context.Context) error {
	done, ended := f.q.Done, time.Time{}
	for pause := f.q.Poll; ; {
		began := time.Now()
		if err := f.look(ctx); err != nil {
			return f.end(ctx, err)
		}
		if pause = min(pause*5/4, max(f.q.Poll, slowest)); !f.fresh.Before(began) || len(f.held) > 0 {
			pause = f.q.Poll
		}
		if !ended.IsZero() {
			rest := f.q.Drain - time.Since(latest(ended, f.fresh))
			if rest <= 0 || time.Since(ended) > 6*f.q.Drain {
				return f.end(ctx, nil)
			}
			pause = min(f.q.Poll, rest)
		}
		select {
		case <-ctx.Done():
			return f.end(ctx, context.Cause(ctx))
		case <-done:
			done, ended = nil, time.Now()
		case <-time.After(pause):
		}
	}
}

// end shows what is held. An error of a context that has ended is its cause.
func (f *follow) end(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if bad := f.release(len(f.held)); bad != nil {
		return bad
	}
	return err
}

// look asks for what has come, and shows what has settled.
func (f *follow) look(ctx context.Context) error {
	began := time.Now()
	from, isDeep := f.from, began.Sub(f.deepAt) >= deep
	switch { // what has come since a look was made is no earlier than that look, but for what is late
	case f.looked.IsZero():
	case isDeep:
		from = latest(from, f.deep.Add(-f.q.Overlap))
	default:
		from = latest(from, f.looked.Add(-shallow))
	}
	err := f.pages(ctx, from, func(events []Event) error {
		if len(events) == 0 {
			return nil
		}
		upTo := events[len(events)-1].Time
		if f.take(events, began) {
			f.fresh = began
		}
		// What comes later in this look is later than this: a long backlog is shown as it is read.
		return f.release(f.until(earliest(f.settled(began), upTo), nil))
	})
	if err != nil {
		return err
	}
	f.first, f.q.Progress = time.Time{}, func(int, time.Time) {} // from now on there is no end that it could come nearer to
	if f.looked = f.base(began); isDeep {
		f.deep, f.deepAt = f.looked, began
	}
	return f.release(f.until(f.settled(began), func(h held) bool { return began.Sub(h.came) >= f.q.Settle }))
}

// until is how many held events there are up to a time, or up to one that is settled: what is earlier than an event that
// is shown is shown before it.
func (f *follow) until(upTo time.Time, settled func(held) bool) int {
	n := len(f.held)
	for n > 0 && f.held[n-1].Time.After(upTo) && (settled == nil || !settled(f.held[n-1])) {
		n--
	}
	return n
}

// base is a moment by CloudWatch's clock, since ours may be wrong. Where an endpoint does not tell, it is the newest
// event's, as long as that is not of a clock that is ahead.
func (f *follow) base(now time.Time) time.Time {
	if f.ahead != nil {
		return now.Round(0).Add(*f.ahead) // without the monotonic clock, which stands still while a machine sleeps
	}
	return earliest(f.known.newest, now.Round(0))
}

// settled is the moment up to which a look that began now has seen what is late by no more than Settle.
func (f *follow) settled(now time.Time) time.Time {
	if f.ahead != nil {
		now = now.Add(*f.ahead)
	}
	return now.Add(-f.q.Settle)
}

// take holds the events that are new, and says whether there are any.
func (f *follow) take(events []Event, now time.Time) bool {
	return f.hold(slices.DeleteFunc(events, func(e Event) bool {
		return f.known.knows(e) || e.Time.Before(f.first) || e.Time.Equal(f.first) && !e.Ingested.After(f.there) || now.Sub(e.Ingested) < 2*twins && f.twins.seen(e, now)
	}), now)
}

// hold holds those events that are asked for, and says whether there are any.
func (f *follow) hold(events []Event, now time.Time) (fresh bool) {
	sorted := true
	for _, e := range events {
		if !f.q.Match(e) {
			continue
		}
		sorted = sorted && (len(f.held) == 0 || order(f.held[len(f.held)-1].Event, e) <= 0)
		f.held, fresh = append(f.held, held{e, now}), true
	}
	if !sorted {
		slices.SortStableFunc(f.held, func(a, b held) int { return order(a.Event, b.Event) })
	}
	return fresh
}

// release shows the first n of the held events.
func (f *follow) release(n int) error {
	if n == 0 {
		return nil
	}
	out := make([]Event, n)
	for i, h := range f.held[:n] {
		out[i] = h.Event
	}
	f.held = slices.Delete(f.held, 0, n)
	return f.show(out)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
