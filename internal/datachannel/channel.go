package datachannel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// An end of a channel sends one type of message and receives the other.
type end struct{ sends, receives string }

var (
	clientEnd = end{inputStreamData, outputStreamData}
	agentEnd  = end{outputStreamData, inputStreamData}
)

// The numbers of both ends that AWS has published.
const (
	chunk      = 1024  // bytes of input or output in a frame
	early      = 10000 // frames that are kept because they came too early
	resendLook = 100 * time.Millisecond
	resendSoon = 200 * time.Millisecond
	resendLate = time.Second
	pingEvery  = 5 * time.Minute
	pong       = 30 * time.Second // our own: how long an answer may take
	window     = 256              // our own: frames on their way, so that a slow end slows the other down
	maxMessage = 1 << 20
)

// transport is what a channel needs of a *websocket.Conn.
type transport interface {
	Read(context.Context) (websocket.MessageType, []byte, error)
	Write(context.Context, websocket.MessageType, []byte) error
	Ping(context.Context) error
	CloseNow() error
}

// A Channel is one end: what it sends comes to the other end once and in order, whatever the way does. The methods may be
// called by several goroutines at once.
type Channel struct {
	conn   transport
	end    end
	handle func(PayloadType, []byte) error // gets what has come, one after the other; an error ends the channel
	ctx    context.Context
	cancel context.CancelFunc
	busy   atomic.Bool             // handle is at work: nothing is read meanwhile
	keys   atomic.Pointer[ciphers] // once both ends have agreed on some

	sending sync.Mutex // held from number to wire, so that frames leave in order
	mu      sync.Mutex
	moved   sync.Cond // of mu: something was acknowledged, publication started, the channel ended
	next    int64     // sequence number
	waiting []*sent   // for their acknowledgements, oldest first
	paused  bool
	trip    roundTrip
	err     error // why the channel has ended

	acks     chan []byte     // to be written: who reads never waits for a write, or two ends could wait for each other
	expected int64           // of the goroutine that reads
	early    map[int64]Frame // came before their turn
}

type sent struct {
	sequence int64
	raw      []byte
	at       time.Time
	again    bool // it was sent more than once
}

// open starts the goroutines of an end. They stop when the channel has ended, or ctx.
func open(ctx context.Context, conn transport, e end, handle func(PayloadType, []byte) error) *Channel {
	c := &Channel{conn: conn, end: e, handle: handle, early: map[int64]Frame{}, acks: make(chan []byte, early), trip: newRoundTrip()}
	c.moved.L = &c.mu
	work, cancel := context.WithCancel(ctx)
	c.ctx, c.cancel = work, cancel
	context.AfterFunc(work, func() { c.finish(context.Cause(ctx)) })
	go func() { c.finish(c.read()) }()
	go c.confirm()
	go c.resend()
	go c.ping(work)
	return c
}

// ErrLost is a connection that has ended in the middle of a session.
var ErrLost = errors.New("the connection to the session was lost")

// A ClosedError is a session that the other side has ended: all was said. Output is what it says about it, "" after a
// program's own end.
type ClosedError struct{ Output string }

func (e *ClosedError) Error() string {
	if e.Output == "" {
		return "the session has ended"
	}
	return "the session has ended: " + e.Output
}

// finish ends the channel for a reason; the first one counts.
func (c *Channel) finish(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
		if c.err == nil {
			c.err = context.Canceled
		}
	}
	c.mu.Unlock()
	c.moved.Broadcast()
	c.cancel()
	if first {
		_ = c.conn.CloseNow()
	}
}

// Close ends the channel at once.
func (c *Channel) Close() { c.finish(&ClosedError{}) }

// Wait waits for the end and says why it came: a *ClosedError when the other side has ended the session.
func (c *Channel) Wait() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil {
		c.moved.Wait()
	}
	return c.err
}

// Done is closed when the channel has ended.
func (c *Channel) Done() <-chan struct{} { return c.ctx.Done() }

// Write sends p as output of this end, in chunks. It waits while too much is on its way.
func (c *Channel) Write(p []byte) (n int, err error) {
	for n < len(p) {
		part := p[n:min(n+chunk, len(p))]
		if err := c.Send(Output, part); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

// Send sends one payload.
func (c *Channel) Send(t PayloadType, data []byte) error {
	if both := c.keys.Load(); both != nil && t.encrypted() {
		data = both.seal(data)
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	c.mu.Lock()
	for c.err == nil && (c.paused || len(c.waiting) >= window) {
		c.moved.Wait()
	}
	if c.err != nil {
		defer c.mu.Unlock()
		return c.err
	}
	f := Frame{Type: c.end.sends, Created: time.Now(), Sequence: c.next, ID: newID(), Payload: t, Data: data}
	raw := f.Bytes()
	c.next++
	c.waiting = append(c.waiting, &sent{sequence: f.Sequence, raw: raw, at: f.Created})
	c.mu.Unlock()
	return c.write(raw)
}

// Flush waits until all that was sent is acknowledged.
func (c *Channel) Flush(ctx context.Context) error {
	defer context.AfterFunc(ctx, c.moved.Broadcast)()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && ctx.Err() == nil && len(c.waiting) > 0 {
		c.moved.Wait()
	}
	if c.err != nil {
		return c.err
	}
	return ctx.Err()
}

func (c *Channel) write(raw []byte) error {
	if err := c.conn.Write(c.ctx, websocket.MessageBinary, raw); err != nil {
		c.finish(fmt.Errorf("%w: %w", ErrLost, err))
		return c.Wait()
	}
	return nil
}

// read takes what comes until the channel ends.
func (c *Channel) read() error {
	for {
		_, raw, err := c.conn.Read(c.ctx)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
		f, err := ParseFrame(raw)
		if err != nil {
			return err
		}
		if err := c.take(f); err != nil {
			return err
		}
	}
}

func (c *Channel) take(f Frame) error {
	switch f.Type {
	case c.end.receives:
		c.publish(true) // who sends listens
		return c.order(f)
	case acknowledge:
		c.acknowledged(f.Data)
	case startPublication, pausePublication:
		c.publish(f.Type == startPublication)
	case channelClosed:
		var closed struct{ Output string }
		if err := json.Unmarshal(f.Data, &closed); err != nil {
			return fmt.Errorf("channel_closed: %w", err)
		}
		return &ClosedError{closed.Output}
	}
	return nil // a message of a kind that is not for us
}

// order hands over what is next, and what it has kept waiting. A frame that came before is acknowledged again: its sender
// has not heard the first time.
func (c *Channel) order(f Frame) error {
	switch {
	case f.Sequence > c.expected:
		if len(c.early) >= early {
			return nil // it will come again
		}
		c.early[f.Sequence] = f
		return c.acknowledge(f)
	case f.Sequence < c.expected:
		return c.acknowledge(f)
	}
	for ok := true; ok; f, ok = c.early[c.expected] {
		delete(c.early, f.Sequence)
		c.expected++
		c.busy.Store(true)
		err := c.give(f)
		c.busy.Store(false)
		if err != nil {
			return err
		}
		if err := c.acknowledge(f); err != nil {
			return err
		}
	}
	return nil
}

// give hands over what a frame says.
func (c *Channel) give(f Frame) error {
	both := c.keys.Load()
	if both == nil || !f.Payload.encrypted() {
		return c.handle(f.Payload, f.Data)
	}
	text, err := both.open(f.Data)
	if err != nil {
		return fmt.Errorf("what the other end of the session has sent can't be decrypted: %w", err)
	}
	return c.handle(f.Payload, text)
}

// An acknowledgement names the frame that has come.
type acknowledgement struct {
	MessageType    string `json:"AcknowledgedMessageType"`
	MessageID      string `json:"AcknowledgedMessageId"`
	SequenceNumber int64  `json:"AcknowledgedMessageSequenceNumber"`
	Sequential     bool   `json:"IsSequentialMessage"`
}

func (c *Channel) acknowledge(f Frame) error {
	data, err := json.Marshal(acknowledgement{f.Type, uuid(f.ID), f.Sequence, true})
	if err != nil {
		return err
	}
	select {
	case c.acks <- Frame{Type: acknowledge, Created: time.Now(), Flags: 3, ID: newID(), Data: data}.Bytes():
	case <-c.ctx.Done():
	}
	return nil
}

// confirm writes the acknowledgements.
func (c *Channel) confirm() {
	for {
		select {
		case raw := <-c.acks:
			_ = c.write(raw) // an error ends the channel by itself
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *Channel) acknowledged(data []byte) {
	var a acknowledgement
	if json.Unmarshal(data, &a) != nil {
		return // the frame that it was for will be sent again
	}
	c.mu.Lock()
	for i, s := range c.waiting {
		if s.sequence != a.SequenceNumber {
			continue
		}
		if !s.again { // else nobody knows which of them was heard
			c.trip.took(time.Since(s.at))
		}
		c.waiting = append(c.waiting[:i], c.waiting[i+1:]...)
		break
	}
	c.paused = false
	c.mu.Unlock()
	c.moved.Broadcast()
}

// publish is whether the other end is there to be sent to.
func (c *Channel) publish(start bool) {
	c.mu.Lock()
	c.paused = !start
	c.mu.Unlock()
	c.moved.Broadcast()
}

// closes tells the other end that the session is over, as the service does for a client.
func (c *Channel) closes(session, output string) error {
	data, err := json.Marshal(map[string]any{
		"MessageType": channelClosed, "MessageId": uuid(newID()), "SessionId": session, "SchemaVersion": schema, "Output": output,
		"CreatedDate": time.Now().UTC().Format(time.RFC3339), "DestinationId": "",
	})
	if err != nil {
		return err
	}
	return c.write(Frame{Type: channelClosed, Created: time.Now(), Flags: 3, ID: newID(), Data: data}.Bytes())
}
