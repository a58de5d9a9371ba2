package logs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/logs"
	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/witness"
)

const group = "/ecs/app"

var place = []logs.Place{{Group: group, Prefix: "ecs/"}}

// A cloud is a sandbox with a group.
type cloud struct {
	*sandbox.Sandbox
	t     testing.TB
	calls *aws.Calls
	put   *sdk.Client
}

func newCloud(t testing.TB, o sandbox.Options) *cloud {
	t.Helper()
	s, err := sandbox.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{s, t, aws.Connect(witness.Recorded(s.Config("us-east-1"))), sdk.NewFromConfig(s.Config("us-east-1"))}
	if _, err := c.put.CreateLogGroup(t.Context(), &sdk.CreateLogGroupInput{LogGroupName: new(group)}); err != nil {
		t.Fatal(err)
	}
	return c
}

// write puts lines into a stream, which is made for the first: those of at(0), at(1), …
func (c *cloud) write(stream string, n int, line func(i int) (at time.Time, text string)) {
	c.t.Helper()
	var events []types.InputLogEvent
	for i := range n {
		at, text := line(i)
		events = append(events, types.InputLogEvent{Timestamp: new(at.UnixMilli()), Message: &text})
	}
	put := func() error {
		_, err := c.put.PutLogEvents(context.WithoutCancel(c.t.Context()), &sdk.PutLogEventsInput{LogGroupName: new(group), LogStreamName: &stream, LogEvents: events})
		return err
	}
	err := put()
	if aws.Is(err, "ResourceNotFoundException") {
		if _, err = c.put.CreateLogStream(c.t.Context(), &sdk.CreateLogStreamInput{LogGroupName: new(group), LogStreamName: &stream}); err == nil {
			err = put()
		}
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// Four tasks write 100,000 lines, which CloudWatch delivers late, out of order and twice: none is lost, none is shown
// twice, and those that are late by no more than the settle time are in order.
func TestFollowMisbehaviour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour)
		const ticks = 400
		each := 250
		if raced {
			each = 10
		}
		c, r, began := newCloud(t, sandbox.Options{}), rand.New(rand.NewPCG(1, 2)), time.Now()
		late := make([]time.Duration, ticks*each)
		for i := range late {
			if late[i] = time.Duration(r.IntN(900)) * time.Millisecond; i%100 == 7 {
				late[i] = time.Duration(r.IntN(30)) * time.Second
			}
		}
		number := func(text string) (i int) { _, _ = fmt.Sscanf(text, "line %d", &i); return i }
		c.Deliver(sandbox.Delivery{Ragged: true, Late: func(text string) time.Duration { return late[number(text)] }})
		go func() {
			for tick := range ticks {
				time.Sleep(100 * time.Millisecond)
				c.write(fmt.Sprintf("ecs/app/%d", tick%4), each, func(i int) (time.Time, string) {
					return time.Now().Add(time.Duration(i-each) * 100 * time.Millisecond / time.Duration(each)), fmt.Sprintf("line %d", tick*each+i)
				})
			}
		}()
		ctx, stop := context.WithTimeout(t.Context(), ticks*100*time.Millisecond+time.Minute)
		defer stop()
		seen, newest, shown := make([]bool, len(late)), time.Time{}, 0
		err := logs.Follow(ctx, &c.calls.Logs, logs.Query{Places: place, Since: began}, func(events []logs.Event) error {
			for _, e := range events {
				i := number(e.Message)
				if seen[i] {
					t.Errorf("line %d twice", i)
				}
				if seen[i] = true; e.Time.Before(newest) && e.Ingested.Add(late[i]).Sub(e.Time) <= time.Second {
					t.Errorf("line %d is %s behind", i, newest.Sub(e.Time))
				} else if newest.Before(e.Time) {
					newest = e.Time
				}
				shown++
			}
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) || shown != len(late) {
			t.Errorf("%v; %d of %d lines", err, shown, len(late))
		}
	})
}
