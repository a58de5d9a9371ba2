package logs

import (
	"context"
	"errors"
	"fmt"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/fargatectl/fargatectl/aws"
)

// errDone says that Done is closed.
var errDone = errors.New("done")

const (
	silence = 15 * time.Second // an update comes each second: a session without one has broken
	aside   = 5 * time.Second  // between two looks at what is beside
	warned  = 30 * time.Second // between two words of the same
)

// Live is a Follow by Live Tail sessions: a line is shown a second or two after it was written. What was there before,
// and what came while a session was renewed (AWS ends each after three hours), is looked for as Follow does. Where a
// session is refused or not served, the rest is a Follow, and Note is told why. arn is a place's log group's.
//
// An event of a session has no id: it is the same as one that was looked for when stream, time and message are.
func Live(ctx context.Context, c *aws.Logs, q Query, arn func(Place) string, show func([]Event) error) error {
	f := newFollow(c, q, show)
	f.twins = &ledger{}
	err := f.begin(ctx)
	for err == nil {
		if err = f.look(ctx); err != nil {
			break
		}
		s, refused := f.open(ctx, arn)
		if refused != nil && ctx.Err() == nil {
			f.q.Note("no Live Tail session: " + aws.Brief(refused) + "; following by looking every " + f.q.Poll.String())
			return f.poll(ctx)
		}
		if refused == nil {
			if err = f.look(ctx); err == nil { // what came between the look and the session
				err = f.listen(ctx, s)
			}
			s.close()
		}
		if errors.Is(err, errDone) {
			return f.poll(ctx) // which drains
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}
	return f.end(ctx, err)
}

// A session is one of Live Tail for each place.
type session struct {
	updates chan types.LiveTailSessionUpdate
	ended   chan error
	stop    context.CancelFunc
	streams []*sdk.StartLiveTailEventStream
}

func (s *session) close() {
	s.stop()
	for _, es := range s.streams {
		_ = es.Close() // what went wrong has been told by ended
	}
}

// open starts a session for each place, or none.
func (f *follow) open(ctx context.Context, arn func(Place) string) (*session, error) {
	ctx, stop := context.WithCancel(ctx)
	s := &session{make(chan types.LiveTailSessionUpdate), make(chan error, len(f.q.Places)), stop, nil}
	for _, p := range f.q.Places {
		input := &sdk.StartLiveTailInput{LogGroupIdentifiers: []string{arn(p)}, LogStreamNames: p.Streams}
		if p.Prefix != "" {
			input.LogStreamNamePrefixes = []string{p.Prefix}
		}
		if f.q.Filter != "" {
			input.LogEventFilterPattern = &f.q.Filter
		}
		out, err := f.c.StartLiveTail(ctx, input, in(p.Region), endless)
		if err != nil {
			s.close()
			return nil, err
		}
		es := out.GetStream()
		s.streams = append(s.streams, es)
		go func() {
			for e := range es.Events() {
				if u, ok := e.(*types.StartLiveTailResponseStreamMemberSessionUpdate); ok {
					select {
					case s.updates <- u.Value:
					case <-ctx.Done():
					}
				}
			}
			s.ended <- es.Err()
		}()
	}
	return s, nil
}

// endless takes the time limit of a request away, and keeps the host of a custom endpoint as it is: the SDK would ask
// stream-localhost.
func endless(o *sdk.Options) {
	if c, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
		o.HTTPClient = c.WithTimeout(0)
	}
	if o.BaseEndpoint == nil {
		return
	}
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("NoStreamPrefix", func(ctx context.Context, in middleware.InitializeInput,
			next middleware.InitializeHandler,
		) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
		}), middleware.Before)
	})
}

// listen shows what a session sends until it ends, which is no error.
func (f *follow) listen(ctx context.Context, s *session) error {
	alive := time.NewTimer(silence)
	defer alive.Stop()
	var beside, warning time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.q.Done:
			return errDone
		case err := <-s.ended:
			if timeout := (*types.SessionTimeoutException)(nil); err != nil && !errors.As(err, &timeout) {
				f.q.Note("the Live Tail session has ended: " + aws.Brief(err) + "; starting another")
			}
			return nil
		case <-alive.C:
			f.q.Note(fmt.Sprintf("the Live Tail session has been silent for %s; starting another", silence))
			return nil
		case u := <-s.updates:
			alive.Reset(silence)
			now := time.Now()
			if u.SessionMetadata != nil && u.SessionMetadata.Sampled && now.Sub(warning) > warned {
				f.q.Note("more than 500 lines a second: Live Tail shows a sample of them; without --live there are all")
				warning = now
			}
			if f.q.Beside != nil && now.Sub(beside) >= aside {
				events, err := f.q.Beside(ctx, f.looked.Add(-f.q.Overlap))
				if err != nil {
					return err
				}
				f.take(events, now)
				beside = now
			}
			if err := f.hear(u, now); err != nil {
				return err
			}
		}
	}
}

// hear takes a session's update, and shows what has settled. The next look need not go back further.
func (f *follow) hear(u types.LiveTailSessionUpdate, now time.Time) error {
	var events []Event
	for _, e := range u.SessionResults {
		ev := Event{Time: moment(e.Timestamp), Ingested: moment(e.IngestionTime), Stream: val(e.LogStreamName), Message: val(e.Message)}
		if !f.twins.heard(ev, now) {
			events = append(events, ev)
		}
	}
	f.hold(events, now)
	f.looked = f.base(now)
	f.deep, f.deepAt = f.looked, now
	return f.release(f.until(f.settled(now), func(h held) bool { return now.Sub(h.came) >= f.q.Settle }))
}

// A ledger knows which events were shown by a session and which by a look, so that the twin of each is not. It remembers
// a minute or two.
type ledger struct {
	young, old map[twin]int // how much oftener a session has shown it than a look; less than zero: a look than a session
	since      time.Time
}

type twin struct {
	at              int64
	stream, message string
}

const twins = time.Minute

// heard says of a session's event whether a look has shown it; seen of a look's whether a session has.
func (l *ledger) heard(e Event, now time.Time) bool { return l.count(e, now, 1) }

func (l *ledger) seen(e Event, now time.Time) bool {
	return l != nil && l.count(e, now, -1)
}

func (l *ledger) count(e Event, now time.Time, by int) bool {
	if l.young == nil || now.Sub(l.since) > twins {
		l.old, l.young, l.since = l.young, map[twin]int{}, now
	}
	key := twin{e.Time.UnixMilli(), e.Stream, e.Message}
	for _, m := range []map[twin]int{l.young, l.old} {
		if m[key]*by < 0 {
			m[key] += by
			return true
		}
	}
	l.young[key] += by
	return false
}
