package datachannel

import (
	"context"
	"fmt"
	"time"
)

// resend sends the oldest frame again whose acknowledgement is late. The others wait for it: an end that has lost one
// acknowledges those behind it.
func (c *Channel) resend() {
	look := time.NewTicker(resendLook)
	defer look.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-look.C:
		}
		if raw := c.late(); raw != nil {
			_ = c.write(raw) // an error ends the channel by itself
		}
	}
}

// late is the frame to send again, nil when none is late. There is no last time: a program that does not read its input
// acknowledges nothing for as long as it likes. Who is gone is noticed by the ping, and by the service.
func (c *Channel) late() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused || len(c.waiting) == 0 || time.Since(c.waiting[0].at) < c.trip.timeout() {
		return nil
	}
	s := c.waiting[0]
	s.at, s.again = time.Now(), true
	return s.raw
}

// A roundTrip is how long acknowledgements take: the smoothed time and its variation (RFC 6298, with AWS's numbers).
type roundTrip struct{ mean, variation time.Duration }

func newRoundTrip() roundTrip { return roundTrip{mean: 100 * time.Millisecond} }

func (r *roundTrip) took(d time.Duration) {
	r.variation = (3*r.variation + (r.mean - d).Abs()) / 4
	r.mean = (7*r.mean + d) / 8
}

// timeout is how long an acknowledgement may take.
func (r *roundTrip) timeout() time.Duration {
	return min(resendLate, max(resendSoon, r.mean+max(10*time.Millisecond, 4*r.variation)))
}

// ping keeps what stands between the ends from closing a silent connection, and notices when nobody answers any more.
func (c *Channel) ping(ctx context.Context) {
	every := time.NewTicker(pingEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		patience, cancel := context.WithTimeout(ctx, pong)
		err := c.conn.Ping(patience)
		cancel()
		if err != nil && !c.busy.Load() { // the answer can't be read while something is handled
			c.finish(fmt.Errorf("%w: %w", ErrLost, err))
		}
	}
}
