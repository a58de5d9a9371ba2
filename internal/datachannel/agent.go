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
	proof   chan challenge
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
	a := &Agent{session: session, reply: make(chan handshakeResponse, 1), proof: make(chan challenge, 1)}
	a.Channel = open(ctx, conn, agentEnd, func(t PayloadType, data []byte) error {
		switch t {
		case HandshakeResponse:
			return hear(a.reply, data)
		case EncryptionResponse:
			return hear(a.proof, data)
		}
		return input(t, data)
	})
	return a
}

// hear takes an answer of the client. A second one is nobody's.
func hear[T any](to chan T, data []byte) error {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("the client's handshake: %w", err)
	}
	select {
	case to <- v:
	default:
	}
	return nil
}

// Handshake begins a session of a type: "InteractiveCommands" or "Port", with its properties; encrypted, unless with is nil.
func (a *Agent) Handshake(version, kind string, properties any, message string, with *Encryption) error {
	parameters, err := json.Marshal(sessionType{kind, properties})
	if err != nil {
		return err
	}
	actions := []requestedAction{{actionSessionType, parameters}}
	if with != nil {
		wanted, err := json.Marshal(kmsRequest{with.Key})
		if err != nil {
			return err
		}
		actions = append(actions, requestedAction{actionKMSEncryption, wanted})
	}
	if err := a.say(HandshakeRequest, handshakeRequest{version, actions}); err != nil {
		return err
	}
	select {
	case r := <-a.reply:
		if len(r.Errors) > 0 {
			return fmt.Errorf("handshake: %v", r.Errors)
		}
		if with != nil {
			if err := with.use(a, r); err != nil {
				return err
			}
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
