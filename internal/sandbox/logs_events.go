package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// A logEvent is one line of a group's file.
type logEvent struct {
	Stream   string
	Time     int64 // milliseconds
	Ingested int64
	Message  string
	ID       string
}

func (e *logEvent) compare(o *logEvent) int {
	return cmp.Or(cmp.Compare(e.Time, o.Time), cmp.Compare(e.Ingested, o.Ingested), cmp.Compare(e.ID, o.ID))
}

// A logFile is a group's events as far as its file has been read.
type logFile struct {
	size   int
	seen   map[string]bool
	came   []*logEvent // as they came
	byTime []*logEvent
}

// file reads what has been appended to a group's file. A crash between an event's line and the state's file can write
// the same event twice: it counts once.
func (s *Sandbox) file(g *logGroup) (*logFile, error) {
	b, err := s.store.read(g.File)
	if err != nil {
		return nil, err
	}
	f := s.logFiles[g.File]
	if f == nil || f.size > len(b) {
		f = &logFile{seen: map[string]bool{}}
		put(&s.logFiles, g.File, f)
	}
	whole := bytes.LastIndexByte(b, '\n') + 1 // a torn last line is no event
	sorted := true
	for line := range bytes.Lines(b[f.size:max(f.size, whole)]) {
		e := &logEvent{}
		if json.Unmarshal(line, e) != nil || f.seen[e.ID] {
			continue
		}
		f.seen[e.ID] = true
		sorted = sorted && (len(f.byTime) == 0 || f.byTime[len(f.byTime)-1].compare(e) <= 0)
		f.came, f.byTime = append(f.came, e), append(f.byTime, e)
	}
	if f.size = max(f.size, whole); !sorted {
		slices.SortStableFunc(f.byTime, (*logEvent).compare)
	}
	return f, nil
}

// log writes lines of a task into its stream, as the awslogs driver does; a group that is not there loses them.
func (s *Sandbox) log(r *Region, group, stream string, at time.Time, lines ...string) error {
	events := make([]types.InputLogEvent, len(lines))
	for i := range lines {
		events[i] = types.InputLogEvent{Timestamp: new(at.UnixMilli()), Message: &lines[i]}
	}
	return s.put(r, group, stream, events)
}

func (s *Sandbox) put(r *Region, group, stream string, events []types.InputLogEvent) error {
	g := r.Logs.Groups[group]
	if g == nil || len(events) == 0 {
		return nil
	}
	st, now := s.stream(g, stream), s.clock.UnixMilli()
	var b bytes.Buffer
	for _, in := range events {
		e := logEvent{stream, val(in.Timestamp), now, val(in.Message), fmt.Sprintf("%056d", s.nextSeq())}
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
		st.FirstEventTimestamp = new(min(or(st.FirstEventTimestamp, e.Time), e.Time))
		st.LastEventTimestamp = new(max(val(st.LastEventTimestamp), e.Time))
	}
	st.LastIngestionTime = &now
	return s.store.append(g.File, bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func (s *logsService) PutLogEvents(ctx context.Context, in *cloudwatchlogs.PutLogEventsInput) (*cloudwatchlogs.PutLogEventsOutput, error) {
	g, err := s.group(ctx, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if g.Streams[val(in.LogStreamName)] == nil {
		return nil, fail("ResourceNotFoundException", "The specified log stream does not exist.")
	}
	if n := len(in.LogEvents); n == 0 || n > 10000 {
		return nil, fail("InvalidParameterException", "1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have length between 1 and 10000")
	}
	if !slices.IsSortedFunc(in.LogEvents, func(a, b types.InputLogEvent) int { return cmp.Compare(val(a.Timestamp), val(b.Timestamp)) }) {
		return nil, fail("InvalidParameterException", "Log events in a single PutLogEvents request must be in chronological order.")
	}
	if err := s.put(s.region(ctx), *g.LogGroupName, *in.LogStreamName, in.LogEvents); err != nil {
		return nil, err
	}
	return &cloudwatchlogs.PutLogEventsOutput{NextSequenceToken: new(fmt.Sprintf("%056d", s.nextSeq()))}, nil
}

// A page of FilterLogEvents has up to 1 MB, counted as PutLogEvents counts (each event 26 bytes more), or 10,000 events.
const (
	logPageBytes  = 1 << 20
	logPageEvents = 10000
)

func (s *logsService) FilterLogEvents(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	name := in.LogGroupName
	if in.LogGroupIdentifier != nil { // a name or an ARN
		n := *in.LogGroupIdentifier
		if _, after, ok := strings.Cut(n, ":log-group:"); ok {
			n = strings.TrimSuffix(after, ":*")
		}
		name = &n
	}
	g, err := s.group(ctx, name)
	if err != nil {
		return nil, err
	}
	matches, err := s.matching(g, in.LogStreamNames, val(in.LogStreamNamePrefix), in.FilterPattern)
	if err != nil {
		return nil, err
	}
	f, err := s.file(g)
	if err != nil {
		return nil, err
	}
	from, err := logPosition(in)
	if err != nil {
		return nil, err
	}
	return s.logPage(in, f.byTime, from, matches), nil
}

// matching says which events are of the streams and match the pattern.
func (s *logsService) matching(g *logGroup, streams []string, prefix string, pattern *string) (func(*logEvent) bool, error) {
	if len(streams) > 0 && prefix != "" || len(streams) > 100 {
		return nil, fail("InvalidParameterException", "logStreamNames takes up to 100 names, and not beside logStreamNamePrefix")
	}
	for _, name := range streams {
		if g.Streams[name] == nil {
			return nil, fail("ResourceNotFoundException", "The specified log stream does not exist.")
		}
	}
	matches, err := filterPattern(val(pattern))
	return func(e *logEvent) bool {
		return (len(streams) == 0 || slices.Contains(streams, e.Stream)) && strings.HasPrefix(e.Stream, prefix) && matches(e.Message)
	}, err
}

// A logCursor is a place between two events, and the way to go on from it.
type logCursor struct {
	last  *logEvent // of the page before; nil at the beginning
	back  bool      // newest first
	pages int       // that came before
}

// logPosition is where a request goes on: a token says way, page, time, ingestion and id of the last event.
func logPosition(in *cloudwatchlogs.FilterLogEventsInput) (c logCursor, err error) {
	invalid := fail("InvalidParameterException", "The specified nextToken is invalid.")
	if in.NextToken == nil {
		c.back = in.StartFromHead != nil && !*in.StartFromHead
		if c.back && val(in.StartTime) < time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC).UnixMilli() {
			return c, fail("InvalidParameterException", "startFromHead can be false only with a startTime on or after 2024-01-01T00:00:00Z")
		}
		return c, nil
	}
	parts := strings.Split(*in.NextToken, "/")
	if len(parts) != 5 {
		return c, invalid
	}
	c.last, c.back = &logEvent{ID: parts[4]}, parts[0] == "b"
	var bad [3]error
	c.pages, bad[0] = strconv.Atoi(parts[1])
	c.last.Time, bad[1] = strconv.ParseInt(parts[2], 10, 64)
	c.last.Ingested, bad[2] = strconv.ParseInt(parts[3], 10, 64)
	if bad != [3]error{} {
		return c, invalid
	}
	return c, nil
}

// token goes on behind an event.
func (c logCursor) token(e *logEvent) *string {
	return new(fmt.Sprintf("%s/%d/%d/%d/%s", map[bool]string{false: "f", true: "b"}[c.back], c.pages+1, e.Time, e.Ingested, e.ID))
}

// span are the events of a request's time behind a cursor, in its order, and how many come before them.
func (c logCursor) span(in *cloudwatchlogs.FilterLogEventsInput, byTime []*logEvent) (span []*logEvent, first int) {
	end, at := len(byTime), func(e *logEvent, t int64) int { return cmp.Compare(e.Time, t) }
	if in.StartTime != nil {
		first, _ = slices.BinarySearchFunc(byTime, *in.StartTime, at)
	}
	if in.EndTime != nil { // inclusive
		end, _ = slices.BinarySearchFunc(byTime, *in.EndTime+1, at)
	}
	if c.last != nil {
		i, found := slices.BinarySearchFunc(byTime, c.last, (*logEvent).compare)
		if c.back {
			end = min(end, i)
		} else {
			if found {
				i++
			}
			first = max(first, i)
		}
	}
	span = byTime[min(first, end):end]
	if c.back {
		span = slices.Clone(span)
		slices.Reverse(span)
	}
	return span, first
}

// logPage is the page behind a cursor.
func (s *Sandbox) logPage(in *cloudwatchlogs.FilterLogEventsInput, byTime []*logEvent, c logCursor, matches func(*logEvent) bool) *cloudwatchlogs.FilterLogEventsOutput {
	span, first := c.span(in, byTime)
	most, size := min(logPageEvents, int(or(in.Limit, logPageEvents))), 0
	d := s.delivery
	most = d.fewer(most, c.pages)
	out := &cloudwatchlogs.FilterLogEventsOutput{}
	last := c.last
	if !c.back && c.last != nil {
		for _, e := range d.again(byTime[:first]) {
			if e.Time >= val(in.StartTime) && d.found(e, s.clock) && matches(e) {
				out.Events = append(out.Events, e.filtered())
			}
		}
	}
	for _, e := range span {
		if !d.found(e, s.clock) || !matches(e) {
			continue
		}
		if size += len(e.Message) + 26; len(out.Events) >= most || size > logPageBytes && len(out.Events) > 0 {
			if last == nil { // a page without any
				last = &logEvent{Time: e.Time, Ingested: e.Ingested, ID: ""}
			}
			out.NextToken = c.token(last)
			break
		}
		last = e
		out.Events = append(out.Events, e.filtered())
	}
	out.Events = d.mix(out.Events)
	return out
}

func (e *logEvent) filtered() types.FilteredLogEvent {
	return types.FilteredLogEvent{EventId: &e.ID, IngestionTime: &e.Ingested, LogStreamName: &e.Stream, Message: &e.Message, Timestamp: &e.Time}
}

func (s *logsService) GetLogEvents(ctx context.Context, in *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
	g, err := s.group(ctx, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if g.Streams[val(in.LogStreamName)] == nil {
		return nil, fail("ResourceNotFoundException", "The specified log stream does not exist.")
	}
	f, err := s.file(g)
	if err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.GetLogEventsOutput{}
	for _, e := range f.byTime {
		if e.Stream == *in.LogStreamName && (in.StartTime == nil || e.Time >= *in.StartTime) && (in.EndTime == nil || e.Time < *in.EndTime) {
			out.Events = append(out.Events, types.OutputLogEvent{IngestionTime: &e.Ingested, Message: &e.Message, Timestamp: &e.Time})
		}
	}
	// AWS answers the same token again at the end of a stream.
	from := 0
	if _, n, ok := strings.Cut(val(in.NextToken), "/"); ok {
		from, _ = strconv.Atoi(n)
	}
	out.Events = out.Events[min(from, len(out.Events)):]
	if n := int(val(in.Limit)); n > 0 && n < len(out.Events) {
		if in.NextToken == nil && !val(in.StartFromHead) { // "the latest log events are returned first" (API reference, startFromHead)
			from += len(out.Events) - n
			out.Events = out.Events[len(out.Events)-n:]
		}
		out.Events = out.Events[:n]
	}
	out.NextForwardToken = new(fmt.Sprintf("f/%d", from+len(out.Events)))
	out.NextBackwardToken = new(fmt.Sprintf("b/%d", from))
	return out, nil
}
