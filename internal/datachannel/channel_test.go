package datachannel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// A way is one direction between two ends, which a test makes unreliable.
type way struct {
	in, out chan []byte
	mangle  func(raw []byte) [][]byte // what comes of a message: nothing, itself, several; nil is a good way
}

// A wire is a transport over two ways.
type wire struct {
	ctx    context.Context
	cancel context.CancelFunc
	to     *way
	from   *way
	pings  int
	deaf   bool // pings are not answered
}

// wires are the two ends of a pair of ways.
func wires(t *testing.T, out, back func([]byte) [][]byte) (client, agent *wire) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	a, b := &way{in: make(chan []byte), out: make(chan []byte), mangle: out}, &way{in: make(chan []byte), out: make(chan []byte), mangle: back}
	for _, w := range []*way{a, b} {
		go w.run(ctx)
	}
	return &wire{ctx: ctx, cancel: cancel, to: a, from: b}, &wire{ctx: ctx, cancel: cancel, to: b, from: a}
}

// run takes messages and delivers what comes of them 10 ms later, however many wait.
func (w *way) run(ctx context.Context) {
	var queue [][]byte
	for {
		var out chan []byte
		var head []byte
		if len(queue) > 0 {
			out, head = w.out, queue[0]
		}
		select {
		case raw := <-w.in:
			if w.mangle == nil {
				queue = append(queue, raw)
			} else {
				queue = append(queue, w.mangle(raw)...)
			}
		case out <- head:
			queue = queue[1:]
		case <-ctx.Done():
			return
		}
	}
}

func (w *wire) Read(ctx context.Context) (websocket.MessageType, []byte, error) {
	select {
	case raw := <-w.from.out:
		return websocket.MessageBinary, raw, nil
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	case <-w.ctx.Done():
		return 0, nil, io.EOF
	}
}

func (w *wire) Write(ctx context.Context, _ websocket.MessageType, raw []byte) error {
	select {
	case w.to.in <- bytes.Clone(raw):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ctx.Done():
		return io.ErrClosedPipe
	}
}

func (w *wire) CloseNow() error { w.cancel(); return nil }

func (w *wire) Ping(ctx context.Context) error {
	if w.pings++; w.deaf {
		<-ctx.Done()
	}
	return ctx.Err()
}

// A sink collects what an end was given.
type sink struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *sink) take(_ PayloadType, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(data)
	return nil
}

func (s *sink) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.text.Bytes())
}

// noise is text in which every place is another.
func noise(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// bad loses, doubles and swaps messages, all of a kind that the seed chooses.
func bad(seed uint64) func([]byte) [][]byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var kept []byte
	return func(raw []byte) (out [][]byte) {
		switch r.IntN(5) {
		case 0: // lost
		case 1: // twice
			out = [][]byte{raw, raw}
		case 2: // later
			if kept == nil {
				kept = raw
				return nil
			}
			out = [][]byte{raw}
		default:
			out = [][]byte{raw}
		}
		if kept != nil && r.IntN(2) == 0 {
			out, kept = append(out, kept), nil
		}
		return out
	}
}

// TestChannelOnABadWay holds that both ends get everything once and in order although a fifth of the messages is lost, a
// fifth comes twice and a fifth late, acknowledgements among them.
func TestChannelOnABadWay(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			near, far := wires(t, bad(seed), bad(seed+100))
			var got, back sink
			a := open(t.Context(), near, clientEnd, back.take)
			b := open(t.Context(), far, agentEnd, got.take)
			input, output := noise(90_000), noise(120_001)
			go func() { _, _ = b.Write(output) }()
			if n, err := a.Write(input); n != len(input) || err != nil {
				t.Fatal(n, err)
			}
			patience, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			if err := errors.Join(a.Flush(patience), b.Flush(patience)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.bytes(), input) || !bytes.Equal(back.bytes(), output) {
				t.Errorf("seed %d: %d of %d bytes out, %d of %d back", seed, len(got.bytes()), len(input), len(back.bytes()), len(output))
			}
			a.Close()
			b.Close()
		})
	}
}

// TestChannelResends holds when a frame is sent again: after 200 ms at first, after a second at most.
func TestChannelResends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		began := time.Now()
		near, _ := wires(t, func([]byte) [][]byte { at = append(at, time.Since(began)); return nil }, nil)
		c := open(t.Context(), near, clientEnd, func(PayloadType, []byte) error { return nil })
		if err := c.Send(Output, []byte("x")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		c.Close()
		synctest.Wait()
		if n := len(at); n < 10 || n > 52 || at[1] < resendSoon || at[1] > resendSoon+resendLook {
			t.Errorf("sent %d times in 10 s, the second time after %v", n, at[1])
		}
	})
	trip := newRoundTrip()
	for range 50 {
		trip.took(30 * time.Second)
	}
	if got := trip.timeout(); got != resendLate {
		t.Errorf("a slow way is waited for for %v", got)
	}
	for range 200 {
		trip.took(time.Millisecond)
	}
	if got := trip.timeout(); got != resendSoon {
		t.Errorf("a fast way is waited for for %v", got)
	}
}

// TestChannelPauses holds that nothing is sent, and nothing sent again, while publication is paused.
func TestChannelPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := wires(t, nil, nil)
		var got sink
		a := open(t.Context(), near, clientEnd, func(PayloadType, []byte) error { return nil })
		b := open(t.Context(), far, agentEnd, got.take)
		say := func(kind string) {
			if err := b.write(Frame{Type: kind}.Bytes()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		say(pausePublication)
		sent := make(chan error)
		go func() { sent <- a.Send(Output, []byte("late")) }()
		time.Sleep(time.Minute)
		if s := got.bytes(); len(s) > 0 {
			t.Errorf("%q was sent in a pause", s)
		}
		say(startPublication)
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := got.bytes(); string(s) != "late" {
			t.Errorf("%q after the pause", s)
		}
		a.Close()
		b.Close()
	})
}

// TestChannelWaits holds that an end that does not read makes the other wait, for however long, and that nothing is lost.
func TestChannelWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := wires(t, nil, nil)
		var got sink
		read := make(chan struct{})
		a := open(t.Context(), near, clientEnd, func(k PayloadType, data []byte) error { <-read; return got.take(k, data) })
		b := open(t.Context(), far, agentEnd, func(PayloadType, []byte) error { return nil })
		text := noise(2 * window * chunk)
		done := make(chan error)
		go func() { _, err := b.Write(text); done <- err }()
		time.Sleep(time.Second)
		synctest.Wait()
		b.mu.Lock()
		if n := len(b.waiting); n != window {
			t.Errorf("%d frames on their way, want %d", n, window)
		}
		b.mu.Unlock()
		time.Sleep(4 * time.Hour)
		close(read)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := b.Flush(t.Context()); err != nil || !bytes.Equal(got.bytes(), text) {
			t.Errorf("%v, %d of %d bytes", err, len(got.bytes()), len(text))
		}
		a.Close()
		b.Close()
	})
}

// TestChannelPings holds that a silent connection is kept open, and one that nobody answers is noticed.
func TestChannelPings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, _ := wires(t, nil, nil)
		c := open(t.Context(), near, clientEnd, func(PayloadType, []byte) error { return nil })
		time.Sleep(16 * time.Minute)
		synctest.Wait()
		if near.pings != 3 {
			t.Errorf("%d pings in 16 minutes", near.pings)
		}
		near.deaf = true
		if err := c.Wait(); !errors.Is(err, ErrLost) {
			t.Errorf("%v, want %v", err, ErrLost)
		}
	})
}

// TestChannelIsLost holds what is said of a connection that breaks, and that who waits to send hears of it.
func TestChannelIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := wires(t, nil, nil)
		c := open(t.Context(), near, clientEnd, func(PayloadType, []byte) error { return nil })
		sent := make(chan error)
		go func() { _, err := c.Write(noise(window*chunk + 1)); sent <- err }()
		synctest.Wait()
		_ = far.CloseNow()
		if err := <-sent; !errors.Is(err, ErrLost) {
			t.Errorf("send: %v", err)
		}
		if err := c.Wait(); !errors.Is(err, ErrLost) {
			t.Errorf("wait: %v", err)
		}
	})
}
