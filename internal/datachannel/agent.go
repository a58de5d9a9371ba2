package datachannel

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/coder/websocket"
)

// An Agent is the end in the container, with what the service does between the ends: it takes the token, and closes the
// channel. A sandbox has one.
type Agent struct {
	*Channel
	session string
	reply   chan handshakeResponse
}

// ErrToken is a client that does not have the session's token.
var ErrToken = errors.New("the token is not the session's")

// Accept takes the client's first message: the token has to be the session's. What the client sends is given to input.
func Accept(ctx context.Context, conn *websocket.Conn, s Session, input func(PayloadType, []byte) error) (*Agent, error) {
	conn.SetReadLimit(maxMessage)
	kind, raw, err := conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	var hello openDataChannel
	if kind != websocket.MessageText || json.Unmarshal(raw, &hello) != nil || subtle.ConstantTimeCompare([]byte(hello.TokenValue), []byte(s.Token)) != 1 {
		return nil, errors.Join(ErrToken, conn.Close(websocket.StatusPolicyViolation, ErrToken.Error()))
	}
	return serve(ctx, conn, s.ID, input), nil
}

func serve(ctx context.Context, conn transport, session string, input func(PayloadType, []byte) error) *Agent {
	a := &Agent{session: session, reply: make(chan handshakeResponse, 1)}
	a.Channel = open(ctx, conn, agentEnd, func(t PayloadType, data []byte) error {
		if t != HandshakeResponse {
			return input(t, data)
		}
		var r handshakeResponse
		if err := json.Unmarshal(data, &r); err != nil {
			return fmt.Errorf("the client's handshake: %w", err)
		}
		select {
		case a.reply <- r:
		default: // a second one
		}
		return nil
	})
	return a
}

// Handshake begins a session of a type: "InteractiveCommands" or "Port", with its properties.
func (a *Agent) Handshake(version, kind string, properties any, message string) error {
	parameters, err := json.Marshal(sessionType{kind, properties})
	if err != nil {
		return err
	}
	if err := a.say(HandshakeRequest, handshakeRequest{version, []requestedAction{{actionSessionType, parameters}}}); err != nil {
		return err
	}
	select {
	case r := <-a.reply:
		if len(r.Errors) > 0 {
			return fmt.Errorf("handshake: %v", r.Errors)
		}
	case <-a.Done():
		return a.Wait()
	}
	return a.say(HandshakeComplete, handshakeComplete{CustomerMessage: message})
}

func (a *Agent) say(t PayloadType, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.Send(t, data)
}

// Raise sends a flag.
func (a *Agent) Raise(flag uint32) error {
	return a.Send(Flag, binary.BigEndian.AppendUint32(nil, flag))
}

// End closes the channel once the client has all that was sent. Output is what went wrong, "" for a program that has ended.
func (a *Agent) End(ctx context.Context, output string) error {
	if err := a.Flush(ctx); err != nil {
		return err
	}
	return a.closes(a.session, output)
}
