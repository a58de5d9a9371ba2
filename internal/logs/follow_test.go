package logs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// A cloud delivers events some time after they happened, out of order, and every one as often as it is asked.
type cloud struct {
	events []delivery
	page   int
}

// streams is the one of the events, once there is one.
func (c *cloud) streams(_ context.Context, in *cloudwatchlogs.DescribeLogStreamsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogStreamsOutput, error) {
	out := &cloudwatchlogs.DescribeLogStreamsOutput{}
	for _, e := range c.events {
		if !e.at.After(time.Now()) && *e.LogStreamName == *in.LogStreamNamePrefix {
			out.LogStreams = []types.LogStream{{LogStreamName: e.LogStreamName}}
		}
	}
	return out, nil
}

type delivery struct {
	types.FilteredLogEvent
	at time.Time
}

func (c *cloud) filter(_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	from := 0
	if in.NextToken != nil {
		if _, err := fmt.Sscan(*in.NextToken, &from); err != nil {
			return nil, err
		}
	}
	out := &cloudwatchlogs.FilterLogEventsOutput{}
	for i := from; i < len(c.events); i++ {
		e := c.events[i]
		if e.at.After(time.Now()) || in.StartTime != nil && *e.Timestamp < *in.StartTime {
			continue
		}
		if len(out.Events) == c.page {
			out.NextToken = new(fmt.Sprint(i))
			break
		}
		out.Events = append(out.Events, e.FilteredLogEvent)
	}
	return out, nil
}

// Late by up to 20 s, out of order and asked for again and again: none is lost, none comes twice, and what comes
// within the settle time is in order.
func TestFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 20000
		r := rand.New(rand.NewPCG(1, 2))
		began := time.Now()
		c := &cloud{page: 1000}
		seen, prompt, last := map[string]bool{}, map[string]bool{}, time.Time{}
		for i := range n {
			happened := began.Add(time.Duration(i) * 10 * time.Millisecond)
			late := time.Duration(r.IntN(1000)) * time.Millisecond
			if i%100 == 0 {
				late = time.Duration(r.IntN(30)) * time.Second
			}
			prompt[fmt.Sprintf("%08d", i)] = late <= time.Second
			c.events = append(c.events, delivery{types.FilteredLogEvent{
				EventId: new(fmt.Sprintf("%08d", i)), Message: new("line"), Timestamp: new(happened.UnixMilli()), LogStreamName: new("ecs/app/1"),
			}, happened.Add(late)})
		}
		ctx, cancel := context.WithTimeout(t.Context(), n*10*time.Millisecond+time.Minute)
		defer cancel()
		err := Follow(ctx, &aws.Logs{FilterLogEvents: c.filter}, Query{Places: []Place{{Group: "g"}}, Since: began}, func(events []Event) error {
			for _, e := range events {
				if seen[e.ID] {
					t.Errorf("%s twice", e.ID)
				}
				seen[e.ID] = true
				if e.Time.Before(last) && prompt[e.ID] {
					t.Errorf("%s is %s behind", e.ID, last.Sub(e.Time))
				}
				last = latest(last, e.Time)
			}
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) || len(seen) != n {
			t.Errorf("%v, %d of %d lines", err, len(seen), n)
		}
	})
}

// A follow of tasks that end ends once what they wrote last has come, even to a stream that was not there at first.
func TestFollowUntilDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := &cloud{page: 10}
		for i := range 20 {
			happened := began.Add(time.Duration(i) * time.Second)
			c.events = append(c.events, delivery{types.FilteredLogEvent{
				EventId: new(fmt.Sprint(i)), Message: new("line"), Timestamp: new(happened.UnixMilli()), LogStreamName: new("ecs/app/1"),
			}, happened.Add(4 * time.Second)})
		}
		done := make(chan struct{})
		time.AfterFunc(20*time.Second, func() { close(done) })
		q := Query{Places: Of([]Source{{Container: "app", Group: "g", Prefix: "ecs"}}, "arn:aws:ecs:us-east-1:123456789012:task/c/1"), Since: began, Done: done}
		got := 0
		err := Follow(t.Context(), &aws.Logs{FilterLogEvents: c.filter, DescribeLogStreams: c.streams}, q, func(events []Event) error {
			got += len(events)
			return nil
		})
		if took := time.Since(began); err != nil || got != 20 || took < 25*time.Second || took > 35*time.Second {
			t.Errorf("%v, %d lines, after %s", err, got, took)
		}
	})
}

// A follow from the last line on shows no other of what was there, also of the same moment: a program begins with many
// lines at once.
func TestFollowLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(launched.AddDate(12, 0, 0)))
		began := time.Now()
		c := &cloud{page: 10}
		for i := range 8 {
			at := began.Add(-time.Minute)
			if i > 5 {
				at = began.Add(5 * time.Second)
			}
			c.events = append(c.events, delivery{types.FilteredLogEvent{
				EventId: new(fmt.Sprint(i)), Message: new(fmt.Sprint(i)), LogStreamName: new("ecs/app/1"),
				Timestamp: new(began.Add(-time.Minute).UnixMilli()), IngestionTime: new(at.UnixMilli()),
			}, at})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got := ""
		err := Follow(ctx, &aws.Logs{FilterLogEvents: c.filter}, Query{Places: []Place{{Group: "g"}}, Lines: 1}, func(events []Event) error {
			for _, e := range events {
				got += e.Message
			}
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) || got != "567" { // the last two came late
			t.Errorf("%v, lines %s", err, got)
		}
	})
}

func TestRead(t *testing.T) {
	t.Parallel()
	c := &cloud{page: 3}
	began := time.Now().Add(-time.Hour)
	for i := range 10 {
		c.events = append(c.events, delivery{types.FilteredLogEvent{
			EventId: new(fmt.Sprint(i)), Message: new(fmt.Sprint("line ", i)), Timestamp: new(began.Add(time.Duration(i) * time.Minute).UnixMilli()),
		}, began})
	}
	var got []string
	err := Read(t.Context(), &aws.Logs{FilterLogEvents: c.filter}, Query{Places: []Place{{}}, Since: began.Add(4 * time.Minute)}, func(events []Event) error {
		for _, e := range events {
			got = append(got, e.Message)
		}
		return nil
	})
	if err != nil || fmt.Sprint(got) != "[line 4 line 5 line 6 line 7 line 8 line 9]" {
		t.Error(err, got)
	}
	stop := errors.New("stop")
	if err := Read(t.Context(), &aws.Logs{FilterLogEvents: c.filter}, Query{Places: []Place{{}}}, func([]Event) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}
