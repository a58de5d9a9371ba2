package datachannel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/xtaci/smux"
)

// Connections to a port share one session: they are streams of smux (version 1) over the channel, as the agent's are. The
// agent has done so since 3.0.196, and ECS Exec came with a later one: there is no other way that would matter.
const (
	muxSince         = "3.0.195.99999"
	noKeepAliveAfter = "3.1.1511.0" // before it an agent wants to hear something every 30 seconds
)

// A Port is a session of port forwarding.
type Port struct {
	*Client
	mux *smux.Session
}

// OpenPort opens a session of port forwarding. Refused is called when the agent could not connect to the port.
func OpenPort(ctx context.Context, s Session, d Dial, refused func()) (*Port, error) {
	in, feed := io.Pipe()
	d.Output = func(t PayloadType, data []byte) error {
		if t == Flag && len(data) == 4 && binary.BigEndian.Uint32(data) == ConnectToPortError {
			refused()
		}
		if t != Output {
			return nil
		}
		_, err := feed.Write(data)
		return err
	}
	c, err := Open(ctx, s, d)
	if err != nil {
		return nil, err
	}
	if c.Type != "Port" || !newer(c.AgentVersion, muxSince) {
		c.Terminate()
		return nil, fmt.Errorf("the agent %s in the container began a session of type %q, which can't be shared by connections", c.AgentVersion, c.Type)
	}
	config := smux.DefaultConfig()
	config.KeepAliveDisabled = newer(c.AgentVersion, noKeepAliveAfter)
	mux, err := smux.Client(&stream{in, c.Channel}, config)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	go func() { <-c.Done(); _ = mux.Close() }()
	return &Port{c, mux}, nil
}

// Carry connects conn to the port, and comes back when either has ended. Conn is closed then.
func (p *Port) Carry(conn net.Conn) error {
	far, err := p.mux.OpenStream()
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	carry(far, conn)
	return nil
}

// Serve connects streams of a client to what dial connects to, until the session ends.
func (a *Agent) Serve(in *io.PipeReader, dial func(context.Context) (net.Conn, error)) error {
	config := smux.DefaultConfig()
	config.KeepAliveDisabled = true
	mux, err := smux.Server(&stream{in, a.Channel}, config)
	if err != nil {
		return err
	}
	defer func() { _ = mux.Close() }()
	for {
		far, err := mux.AcceptStream()
		if err != nil {
			return err
		}
		conn, err := dial(a.ctx)
		if err != nil {
			if err := errors.Join(a.Raise(ConnectToPortError), far.Close()); err != nil {
				return err
			}
			continue
		}
		go carry(far, conn)
	}
}

// carry copies both ways. An end that has nothing more to send may still receive: the agent then closes its side, which
// ends the other direction.
func carry(far *smux.Stream, conn net.Conn) {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.Copy(far, conn)
		_ = far.CloseWrite()
	}()
	_, _ = io.Copy(conn, far)
	_ = conn.Close() // ends the other copy
	<-sent
	_ = far.Close()
}

// A stream is the channel's payloads of type Output as a stream of bytes. To close it leaves the channel open: there may be
// something left to say.
type stream struct {
	*io.PipeReader
	c *Channel
}

func (s *stream) Write(p []byte) (int, error) { return s.c.Write(p) }
