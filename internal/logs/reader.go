package logs

import (
	"context"
	"slices"
	"strings"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// A reader makes the requests of a query.
type reader struct {
	q       Query
	c       *aws.Logs
	patient bool            // a follow: it waits for a place that is not there yet
	there   map[string]bool // streams that are there
	gap     time.Duration   // between requests, once CloudWatch has asked for slower ones
	lines   int             // read so far
	ahead   *time.Duration  // CloudWatch's clock before ours; nil is not known
}

func newReader(c *aws.Logs, q Query) *reader { return &reader{q: q, c: c, there: map[string]bool{}} }

// A feed is a place being read, a page at a time.
type feed struct {
	in    *sdk.FilterLogEventsInput // nil of what is beside
	place Place
	page  []Event
	done  bool
}

// pages gives all events since a moment, of all places by time: a slice of them at a time.
func (r *reader) pages(ctx context.Context, since time.Time, each func([]Event) error) error {
	feeds := make([]*feed, 0, len(r.q.Places)+1)
	for _, p := range r.q.Places {
		f := &feed{place: p, in: r.input(p, since, r.q.Until)}
		if err := r.present(ctx, f); err != nil {
			return err
		}
		feeds = append(feeds, f)
	}
	if r.q.Beside != nil {
		beside, err := r.q.Beside(ctx, since)
		if err != nil {
			return err
		}
		beside = slices.DeleteFunc(beside, func(e Event) bool {
			return e.Time.Before(since) || !r.q.Until.IsZero() && e.Time.After(r.q.Until)
		})
		slices.SortStableFunc(beside, order)
		feeds = append(feeds, &feed{page: beside, done: true})
	}
	for {
		for _, f := range feeds {
			for len(f.page) == 0 && !f.done {
				if err := r.turn(ctx, f); err != nil {
					return err
				}
			}
		}
		if feeds = slices.DeleteFunc(feeds, func(f *feed) bool { return len(f.page) == 0 }); len(feeds) == 0 {
			return nil
		}
		if err := each(merged(feeds)); err != nil {
			return err
		}
	}
}

// merged takes from the feeds what is certain to come before what they have not read yet: until the first of those
// with more to read is used up.
func merged(feeds []*feed) []Event {
	if len(feeds) == 1 {
		page := feeds[0].page
		feeds[0].page = nil
		return page
	}
	var out []Event
	for {
		var first *feed
		for _, f := range feeds {
			if len(f.page) > 0 && (first == nil || order(f.page[0], first.page[0]) < 0) {
				first = f
			}
		}
		if first == nil {
			return out
		}
		out, first.page = append(out, first.page[0]), first.page[1:]
		if len(first.page) == 0 && !first.done {
			return out
		}
	}
}

// turn reads a feed's next page.
func (r *reader) turn(ctx context.Context, f *feed) error {
	out, err := r.ask(ctx, f.place, f.in)
	if err != nil {
		return err
	}
	f.in.NextToken, f.done = out.NextToken, out.NextToken == nil
	f.page = slices.Grow(f.page[:0], len(out.Events))
	for i := range out.Events {
		f.page = append(f.page, event(&out.Events[i]))
	}
	slices.SortStableFunc(f.page, order)
	upTo := time.Time{}
	if n := len(f.page); n > 0 {
		upTo = f.page[n-1].Time
	}
	r.lines += len(f.page)
	r.q.Progress(r.lines, upTo)
	return nil
}

func (r *reader) input(p Place, since, until time.Time) *sdk.FilterLogEventsInput {
	in := &sdk.FilterLogEventsInput{LogGroupName: &p.Group, LogStreamNames: p.Streams}
	if !since.IsZero() {
		in.StartTime = new(max(0, since.UnixMilli()))
	}
	if !until.IsZero() {
		in.EndTime = new(max(0, until.UnixMilli()))
	}
	if r.q.Filter != "" {
		in.FilterPattern = &r.q.Filter
	}
	if p.Prefix != "" {
		in.LogStreamNamePrefix = &p.Prefix
	}
	return in
}

// present takes the streams that are not there out of a feed's request: FilterLogEvents refuses a name that it does not
// know. Without any the feed is done.
func (r *reader) present(ctx context.Context, f *feed) error {
	if f.place.Streams == nil {
		return nil
	}
	f.in.LogStreamNames = nil
	for _, name := range f.place.Streams {
		key := f.place.Region + " " + f.place.Group + " " + name
		if !r.there[key] {
			found, err := r.streams(ctx, f.place, name, 1)
			if err != nil {
				return err
			}
			r.there[key] = len(found) > 0 && found[0] == name
		}
		if r.there[key] {
			f.in.LogStreamNames = append(f.in.LogStreamNames, name)
		}
	}
	f.done = len(f.in.LogStreamNames) == 0
	return nil
}

// streams are the names of streams that begin with prefix, at most so many. A group that is not there yet has none for
// a follow.
func (r *reader) streams(ctx context.Context, p Place, prefix string, most int32) (names []string, err error) {
	var out *sdk.DescribeLogStreamsOutput
	err = r.again(ctx, func() (err error) {
		out, err = r.c.DescribeLogStreams(ctx, &sdk.DescribeLogStreamsInput{LogGroupName: &p.Group, LogStreamNamePrefix: &prefix, Limit: &most}, in(p.Region))
		return err
	})
	if err != nil {
		if r.patient {
			err = aws.Ignore(err, "ResourceNotFoundException")
		}
		return nil, err
	}
	for _, s := range out.LogStreams {
		names = append(names, val(s.LogStreamName))
	}
	return names, nil
}

// ask makes one request of FilterLogEvents.
func (r *reader) ask(ctx context.Context, p Place, input *sdk.FilterLogEventsInput) (out *sdk.FilterLogEventsOutput, err error) {
	err = r.again(ctx, func() (err error) {
		out, err = r.c.FilterLogEvents(ctx, input, in(p.Region))
		return err
	})
	if err == nil {
		if at, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok && !at.IsZero() {
			r.ahead = new(time.Until(at))
		}
	}
	return out, err
}

// again makes a request until CloudWatch answers it: throttles, server errors and a network that is away for a while
// lose no place. Whoever follows waits longer than who reads once.
func (r *reader) again(ctx context.Context, do func() error) error {
	const most = 20 * time.Second
	tries := 5
	if r.patient {
		tries = 30
	}
	for pause := time.Second; ; pause = min(2*pause, most) {
		if err := sleep(ctx, r.gap); err != nil {
			return err
		}
		err := do()
		why := passing(err)
		if tries--; why == "" || tries < 0 || ctx.Err() != nil {
			return err
		}
		if aws.Explain(err).Kind == aws.Throttled {
			r.gap = 500 * time.Millisecond // the account's other readers want theirs, too
		}
		r.q.Note(why + "; asking again in " + pause.String())
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// passing says why a request has failed that may succeed when it is made again, "" when it would not.
func passing(err error) string {
	switch {
	case err == nil:
	case aws.Explain(err).Kind == aws.Throttled:
		return "CloudWatch asks for slower requests"
	case aws.Explain(err).Kind == aws.Unreachable:
		return aws.Explain(err).Message
	case aws.Is(err, "ServiceUnavailableException", "InternalServerException", "InternalFailure", "OperationAbortedException"):
		return "CloudWatch answers " + aws.Code(err)
	case aws.Code(err) == "" && strings.Contains(err.Error(), "unexpected EOF"):
		return "CloudWatch has cut the connection"
	}
	return ""
}

// in has a call go to a region, "" is its own.
func in(region string) func(*sdk.Options) {
	return func(o *sdk.Options) {
		o.RetryMaxAttempts = 3 // who waits is told by again what for
		if region != "" {
			o.Region = region
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func event(e *types.FilteredLogEvent) Event {
	return Event{
		Time: moment(e.Timestamp), Ingested: moment(e.IngestionTime), Stream: val(e.LogStreamName), Message: val(e.Message), ID: val(e.EventId),
	}
}

func moment(milliseconds *int64) time.Time {
	if milliseconds == nil {
		return time.Time{}
	}
	return time.UnixMilli(*milliseconds)
}
