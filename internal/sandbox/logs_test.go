package sandbox

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

const groupARN = "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/app"

// A logsClient writes to a group with two streams.
type logsClient struct {
	*cloudwatchlogs.Client
	t *testing.T
	s *Sandbox
}

func newLogsClient(t *testing.T) *logsClient {
	t.Helper()
	s, err := Open(Options{Speed: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := &logsClient{cloudwatchlogs.NewFromConfig(s.Config("us-east-1")), t, s}
	_, err = c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new("/ecs/app")})
	for _, name := range []string{"ecs/app/1", "ecs/app/2"} {
		if err == nil {
			_, err = c.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: new("/ecs/app"), LogStreamName: &name})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// write puts n lines with the time that it is.
func (c *logsClient) write(stream string, n int, text string) {
	c.t.Helper()
	var events []types.InputLogEvent
	for i := range n {
		events = append(events, types.InputLogEvent{Timestamp: new(time.Now().UnixMilli()), Message: new(fmt.Sprintf(text, i))})
	}
	if _, err := c.PutLogEvents(c.t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: new("/ecs/app"), LogStreamName: &stream, LogEvents: events}); err != nil {
		c.t.Fatal(err)
	}
}

// read reads all pages, and returns the messages of each.
func (c *logsClient) read(in cloudwatchlogs.FilterLogEventsInput) (pages [][]string) {
	c.t.Helper()
	in.LogGroupName = new("/ecs/app")
	for {
		out, err := c.FilterLogEvents(c.t.Context(), &in)
		if err != nil {
			c.t.Fatal(err)
		}
		var page []string
		for _, e := range out.Events {
			page = append(page, *e.Message)
		}
		pages = append(pages, page)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return pages
		}
	}
}

func TestFilterLogEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour) // bubbles begin in 2000, newest first in 2024
		c, began := newLogsClient(t), time.Now()
		for i := range 3 {
			c.write(fmt.Sprintf("ecs/app/%d", i%2+1), 2, fmt.Sprintf("%d/%%d", i))
			time.Sleep(time.Second)
		}
		since := new(began.UnixMilli())
		for name, l := range map[string]struct {
			in   cloudwatchlogs.FilterLogEventsInput
			want string
		}{
			"all":          {cloudwatchlogs.FilterLogEventsInput{}, "[[0/0 0/1 1/0 1/1 2/0 2/1]]"},
			"pages":        {cloudwatchlogs.FilterLogEventsInput{Limit: new(int32(4))}, "[[0/0 0/1 1/0 1/1] [2/0 2/1]]"},
			"newest first": {cloudwatchlogs.FilterLogEventsInput{Limit: new(int32(4)), StartFromHead: new(false), StartTime: since}, "[[2/1 2/0 1/1 1/0] [0/1 0/0]]"},
			"span":         {cloudwatchlogs.FilterLogEventsInput{StartTime: new(*since + 1), EndTime: new(*since + 1000)}, "[[1/0 1/1]]"},
			"stream":       {cloudwatchlogs.FilterLogEventsInput{LogStreamNames: []string{"ecs/app/2"}}, "[[1/0 1/1]]"},
			"prefix":       {cloudwatchlogs.FilterLogEventsInput{LogStreamNamePrefix: new("ecs/app/1"), FilterPattern: new("-0/0")}, "[[0/1 2/0 2/1]]"},
		} {
			if got := fmt.Sprint(c.read(l.in)); got != l.want {
				t.Errorf("%s: %s, want %s", name, got, l.want)
			}
		}
		for _, l := range []struct {
			code, text string
			in         cloudwatchlogs.FilterLogEventsInput
		}{
			{"ResourceNotFoundException", "log stream does not exist", cloudwatchlogs.FilterLogEventsInput{LogStreamNames: []string{"ecs/app/3"}}},
			{"InvalidParameterException", "not beside", cloudwatchlogs.FilterLogEventsInput{LogStreamNames: []string{"ecs/app/2"}, LogStreamNamePrefix: new("ecs")}},
			{"InvalidParameterException", "2024-01-01", cloudwatchlogs.FilterLogEventsInput{StartFromHead: new(false)}},
			{"InvalidParameterException", "nextToken", cloudwatchlogs.FilterLogEventsInput{NextToken: new("f/1")}},
		} {
			l.in.LogGroupName = new("/ecs/app")
			_, err := c.FilterLogEvents(t.Context(), &l.in)
			refused(t, err, l.code, l.text)
		}

		// A page ends at 1 MB; what comes in between two pages with an earlier time is not in the second.
		c.write("ecs/app/1", 3, "%0600000d")
		in := cloudwatchlogs.FilterLogEventsInput{LogGroupName: new("/ecs/app"), StartTime: new(time.Now().UnixMilli())}
		out, err := c.FilterLogEvents(t.Context(), &in)
		if err != nil || len(out.Events) != 1 || out.NextToken == nil {
			t.Fatal(err, len(out.Events))
		}
		if pages := c.read(in); len(pages) != 3 {
			t.Error(len(pages), "pages")
		}
	})
}

// Late events are found late; ragged pages hold all events all the same, in another order and some twice.
func TestDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newLogsClient(t)
		c.s.Deliver(Delivery{Ragged: true, Late: func(message string) time.Duration {
			if message == "7" {
				return time.Minute
			}
			return 0
		}})
		c.write("ecs/app/1", 1000, "%d")
		for _, want := range []int{999, 1000} {
			pages := c.read(cloudwatchlogs.FilterLogEventsInput{Limit: new(int32(99))})
			all := slices.Concat(pages...)
			sorted := slices.IsSortedFunc(all, func(a, b string) int { return len(a) - len(b) })
			empty := slices.ContainsFunc(pages, func(p []string) bool { return len(p) == 0 })
			n := len(all)
			slices.Sort(all)
			if got := len(slices.Compact(all)); got != want || n < want*11/10 || sorted || !empty {
				t.Errorf("%d events, %d different, want %d; sorted %v, empty pages %v", n, got, want, sorted, empty)
			}
			time.Sleep(time.Minute)
		}
	})
}

// A session sends what comes from its start on, each second, a sample when it is too much, and ends after three hours.
func TestLiveTail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newLogsClient(t)
		_, err := c.StartLiveTail(t.Context(), &cloudwatchlogs.StartLiveTailInput{LogGroupIdentifiers: []string{groupARN + ":*"}})
		refused(t, err, "InvalidParameterException", "is not the ARN")
		_, err = c.StartLiveTail(t.Context(), &cloudwatchlogs.StartLiveTailInput{LogGroupIdentifiers: []string{groupARN + "x"}})
		refused(t, err, "ResourceNotFoundException", "does not exist")
		c.write("ecs/app/1", 1, "before %d")
		began := time.Now()
		out, err := c.StartLiveTail(context.WithoutCancel(t.Context()), &cloudwatchlogs.StartLiveTailInput{
			LogGroupIdentifiers: []string{groupARN}, LogStreamNamePrefixes: []string{"ecs/app/1"}, LogEventFilterPattern: new("-unwanted"),
		})
		if err != nil {
			t.Fatal(err)
		}
		events := out.GetStream().Events()
		if e, ok := (<-events).(*types.StartLiveTailResponseStreamMemberSessionStart); !ok || e.Value.SessionId == nil {
			t.Fatalf("%#v", e)
		}
		update := func() types.LiveTailSessionUpdate {
			e, ok := (<-events).(*types.StartLiveTailResponseStreamMemberSessionUpdate)
			if !ok {
				t.Fatalf("%#v %v", e, out.GetStream().Err())
			}
			return e.Value
		}
		c.write("ecs/app/1", 1, "wanted %d")
		c.write("ecs/app/1", 1, "unwanted %d")
		c.write("ecs/app/2", 1, "elsewhere %d")
		if u := update(); len(u.SessionResults) != 1 || *u.SessionResults[0].Message != "wanted 0" || u.SessionMetadata.Sampled || time.Since(began) != time.Second {
			t.Error(u, time.Since(began))
		}
		c.write("ecs/app/1", 2000, "%d")
		if u := update(); len(u.SessionResults) != 500 || !u.SessionMetadata.Sampled {
			t.Error(len(u.SessionResults), u.SessionMetadata)
		}
		if u := update(); u.SessionResults == nil || len(u.SessionResults) != 0 {
			t.Error(u)
		}
		for range events {
		}
		err = out.GetStream().Close()
		refused(t, err, "SessionTimeoutException", "three hours")
		if took := time.Since(began); took != 3*time.Hour {
			t.Error(took)
		}
	})
}
