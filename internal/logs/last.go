package logs

import (
	"context"
	"slices"
	"time"

	"github.com/fargatectl/fargatectl/aws"
)

// backwards is the earliest start of a search that CloudWatch makes newest first (API reference of FilterLogEvents,
// startFromHead).
var backwards = time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)

// launched is when CloudWatch Logs was: no event is older.
var launched = time.Date(2014, time.July, 1, 0, 0, 0, 0, time.UTC)

// last are the last n events of the query, by time.
func (r *reader) last(ctx context.Context, n int) ([]Event, error) {
	var all []Event
	for _, p := range r.q.Places {
		tail, err := r.lastOf(ctx, p, n)
		if err != nil {
			return nil, err
		}
		all = append(all, tail...)
	}
	if r.q.Beside != nil {
		beside, err := r.q.Beside(ctx, r.q.Since)
		if err != nil {
			return nil, err
		}
		all = append(all, slices.DeleteFunc(beside, func(e Event) bool {
			return e.Time.Before(r.q.Since) || !r.q.Until.IsZero() && e.Time.After(r.q.Until) || !r.q.Match(e)
		})...)
	}
	slices.SortStableFunc(all, order)
	return all[max(0, len(all)-n):], nil
}

// lastOf are the last n events of a place: asked for newest first where the endpoint can, else by windows of time that
// go back and grow, so that a large group is not read whole.
func (r *reader) lastOf(ctx context.Context, p Place, n int) ([]Event, error) {
	f := &feed{place: p, in: r.input(p, latest(r.q.Since, backwards), r.q.Until)}
	if err := r.present(ctx, f); err != nil || f.done {
		return nil, err
	}
	tail, ok, err := r.newest(ctx, f, n)
	if err != nil {
		return nil, err
	}
	until := backwards.Add(-time.Millisecond)
	if !ok {
		tail, until = nil, r.q.Until
	}
	if len(tail) < n && r.q.Since.Before(backwards) || !ok {
		older, err := r.windows(ctx, f, until, n-len(tail))
		if err != nil {
			return nil, err
		}
		tail = append(older, tail...)
	}
	return tail, nil
}

// newest asks for the newest events first. It is not ok with an endpoint that answers them oldest first all the same.
func (r *reader) newest(ctx context.Context, f *feed, n int) (tail []Event, ok bool, err error) {
	input := *f.in
	input.StartFromHead, input.Limit = new(false), new(int32(min(max(n, 2), 10000)))
	known := memory{most: remembered}
	for len(tail) < n {
		out, err := r.ask(ctx, f.place, &input)
		if aws.Is(err, "InvalidParameterException") && input.NextToken == nil {
			return nil, false, nil // the windows say so, too, when it is not startFromHead that is wrong
		}
		if err != nil {
			return nil, false, err
		}
		if e := out.Events; out.NextToken != nil && len(e) > 0 && val(e[0].Timestamp) <= val(e[len(e)-1].Timestamp) {
			return nil, false, nil
		}
		for i := range out.Events {
			if e := event(&out.Events[i]); !known.knows(e) && r.q.Match(e) {
				tail = append(tail, e)
			}
		}
		r.lines += len(out.Events)
		r.q.Progress(r.lines, time.Time{})
		if input.NextToken = out.NextToken; input.NextToken == nil {
			break
		}
	}
	slices.SortStableFunc(tail, order)
	return tail[max(0, len(tail)-n):], true, nil
}

// windows reads backwards from until, which may be zero: a minute, then four, and so on.
func (r *reader) windows(ctx context.Context, f *feed, until time.Time, n int) (tail []Event, err error) {
	to := until
	for width, first := time.Minute, latest(r.q.Since, launched); len(tail) < n; width *= 4 {
		upper := to
		if upper.IsZero() {
			upper = time.Now()
		}
		from := latest(first, upper.Add(-width))
		window := &feed{place: f.place, in: r.input(f.place, from, to)}
		window.in.LogStreamNames = f.in.LogStreamNames
		var found []Event
		known := memory{most: remembered}
		for !window.done {
			if err := r.turn(ctx, window); err != nil {
				return nil, err
			}
			for _, e := range window.page {
				if !known.knows(e) && r.q.Match(e) {
					found = append(found, e)
				}
			}
			if len(found) > 2*n {
				found = slices.Delete(found, 0, len(found)-n)
			}
		}
		slices.SortStableFunc(found, order)
		tail = append(found[max(0, len(found)-n):], tail...)
		if !from.After(first) {
			break
		}
		to = from.Add(-time.Millisecond)
	}
	return tail[max(0, len(tail)-n):], nil
}
