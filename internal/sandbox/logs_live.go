package sandbox

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/fargatectl/fargatectl/internal/sandbox/wire"
)

// A Live Tail session is updated each second, with at most 500 events, and ends after three hours (API reference of
// StartLiveTail). Those times are not divided by Speed: who watches is a person.
const (
	liveUpdate  = time.Second
	liveEvents  = 500
	liveSession = 3 * time.Hour
)

// StartLiveTail sends what is ingested from now on.
func (s *logsService) StartLiveTail(ctx context.Context, in *cloudwatchlogs.StartLiveTailInput) (*wire.Stream, error) {
	if n := len(in.LogGroupIdentifiers); n == 0 || n > 10 || n > 1 && (len(in.LogStreamNames) > 0 || len(in.LogStreamNamePrefixes) > 0) {
		return nil, fail("InvalidParameterException", "logGroupIdentifiers takes 1 to 10 log groups, and only one beside logStreamNames or logStreamNamePrefixes")
	}
	if len(in.LogStreamNames) > 0 && len(in.LogStreamNamePrefixes) > 0 {
		return nil, fail("InvalidParameterException", "logStreamNames and logStreamNamePrefixes exclude each other")
	}
	matches, err := filterPattern(val(in.LogEventFilterPattern))
	if err != nil {
		return nil, err
	}
	t := &liveTail{logsService: s, region: s.region(ctx).Name, matches: matches, seen: map[string]int{}, in: in}
	for _, arn := range in.LogGroupIdentifiers {
		if !strings.HasPrefix(arn, "arn:") || strings.HasSuffix(arn, "*") {
			return nil, fail("InvalidParameterException", "'%s' is not the ARN of a log group", arn)
		}
		g, err := s.groupByARN(ctx, &arn)
		if err != nil {
			return nil, err
		}
		f, err := s.file(g)
		if err != nil {
			return nil, err
		}
		t.seen[*g.LogGroupName] = len(f.came)
	}
	t.id = s.uuid()
	return &wire.Stream{Run: t.run}, nil
}

// A liveTail is one session.
type liveTail struct {
	*logsService
	in      *cloudwatchlogs.StartLiveTailInput
	id      string
	region  string
	matches func(string) bool
	seen    map[string]int // by group, how many of its events
}

func (t *liveTail) run(ctx context.Context, send func(string, any) error) error {
	start := &types.LiveTailSessionStart{
		RequestId: new(t.id), SessionId: new(t.id), LogGroupIdentifiers: t.in.LogGroupIdentifiers,
		LogStreamNames: t.in.LogStreamNames, LogStreamNamePrefixes: t.in.LogStreamNamePrefixes, LogEventFilterPattern: t.in.LogEventFilterPattern,
	}
	if err := send("sessionStart", start); err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < liveSession; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(liveUpdate):
		}
		var update *types.LiveTailSessionUpdate
		if err := t.locked(func() (err error) { update, err = t.update(); return err }); err != nil {
			return err
		}
		if err := send("sessionUpdate", update); err != nil {
			return err
		}
	}
	return fail("SessionTimeoutException", "The session has been open for three hours.")
}

// update is what was ingested since the last one: a sample of it where there is more than an update holds.
func (t *liveTail) update() (*types.LiveTailSessionUpdate, error) {
	all := []types.LiveTailSessionLogEvent{}
	for name := range sorted(t.seen) {
		g := t.regionNamed(t.region).Logs.Groups[name]
		if g == nil {
			continue
		}
		f, err := t.file(g)
		if err != nil {
			return nil, err
		}
		for _, e := range f.came[min(t.seen[name], len(f.came)):] {
			if t.wants(e) {
				all = append(all, types.LiveTailSessionLogEvent{
					IngestionTime: &e.Ingested, LogGroupIdentifier: new(Account + ":" + name), LogStreamName: &e.Stream, Message: &e.Message, Timestamp: &e.Time,
				})
			}
		}
		t.seen[name] = len(f.came)
	}
	u := &types.LiveTailSessionUpdate{SessionMetadata: &types.LiveTailSessionMetadata{Sampled: len(all) > liveEvents}, SessionResults: all}
	if u.SessionMetadata.Sampled {
		u.SessionResults = nil
		for i := range liveEvents {
			u.SessionResults = append(u.SessionResults, all[i*len(all)/liveEvents])
		}
	}
	return u, nil
}

func (t *liveTail) wants(e *logEvent) bool {
	ok := len(t.in.LogStreamNames)+len(t.in.LogStreamNamePrefixes) == 0
	for _, name := range t.in.LogStreamNames {
		ok = ok || name == e.Stream
	}
	for _, prefix := range t.in.LogStreamNamePrefixes {
		ok = ok || strings.HasPrefix(e.Stream, prefix)
	}
	return ok && t.matches(e.Message)
}
