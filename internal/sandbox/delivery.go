package sandbox

import (
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// A Delivery is how badly CloudWatch delivers log events to FilterLogEvents: all of what its users have seen it do.
type Delivery struct {
	// Late is how long after it was put an event is found; nil is at once.
	Late func(message string) time.Duration
	// Ragged pages are shuffled, partly full, at times empty, and some of their events come twice.
	Ragged bool
}

// Deliver makes the sandbox deliver so from now on.
func (s *Sandbox) Deliver(d Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delivery = d
}

// found says whether FilterLogEvents finds an event yet.
func (d Delivery) found(e *logEvent, now time.Time) bool {
	return d.Late == nil || !time.UnixMilli(e.Ingested).Add(d.Late(e.Message)).After(now)
}

// fewer is how many events the n-th page has, of at most so many.
func (d Delivery) fewer(most, n int) int {
	if !d.Ragged {
		return most
	}
	return most * (n % 4) / 3 // none, a third, two thirds, all
}

// again are those events before a page that it has, too.
func (d Delivery) again(before []*logEvent) []*logEvent {
	if !d.Ragged {
		return nil
	}
	return before[max(0, len(before)-20):]
}

// mix shuffles a page, and repeats a tenth of its events.
func (d Delivery) mix(page []types.FilteredLogEvent) []types.FilteredLogEvent {
	if !d.Ragged {
		return page
	}
	for i := range len(page) / 10 {
		page = append(page, page[i*10])
	}
	r := rand.New(rand.NewPCG(uint64(len(page)), 0)) // the same every time
	r.Shuffle(len(page), func(i, j int) { page[i], page[j] = page[j], page[i] })
	return page
}
