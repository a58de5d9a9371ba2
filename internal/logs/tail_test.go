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
		for i := range n {
			happened := began.Add(time.Duration(i) * 10 * time.Millisecond)
			late := time.Duration(r.IntN(300)) * time.Millisecond
			if i%100 == 0 {
				late = time.Duration(r.IntN(20)) * time.Second
			}
			c.events = append(c.events, delivery{types.FilteredLogEvent{
				EventId: new(fmt.Sprintf("%08d", i)), Message: new("line"), Timestamp: new(happened.UnixMilli()), LogStreamName: new("ecs/app/1"),
			}, happened.Add(late)})
		}
		r.Shuffle(n, func(i, j int) { c.events[i], c.events[j] = c.events[j], c.events[i] })
		seen, disorder, last := map[string]bool{}, 0, time.Time{}
		ctx, cancel := context.WithTimeout(t.Context(), n*10*time.Millisecond+time.Minute)
		defer cancel()
		err := Follow(ctx, &aws.Logs{FilterLogEvents: c.filter}, Query{Group: "g", Since: began}, func(e Event) error {
			if seen[e.ID] {
				t.Errorf("%s twice", e.ID)
			}
			seen[e.ID] = true
			if e.Time.Before(last) {
				disorder++
			}
			last = e.Time
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) || len(seen) != n {
			t.Errorf("%v, %d of %d lines", err, len(seen), n)
		}
		if disorder > n/20 {
			t.Errorf("%d lines out of order", disorder)
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
	err := Read(t.Context(), &aws.Logs{FilterLogEvents: c.filter}, Query{Since: began.Add(4 * time.Minute)}, func(e Event) error {
		got = append(got, e.Message)
		return nil
	})
	if err != nil || fmt.Sprint(got) != "[line 4 line 5 line 6 line 7 line 8 line 9]" {
		t.Error(err, got)
	}
	stop := errors.New("stop")
	if err := Read(t.Context(), &aws.Logs{FilterLogEvents: c.filter}, Query{}, func(Event) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}
