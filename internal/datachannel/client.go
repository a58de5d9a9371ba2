package datachannel

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/coder/websocket"
)

// A Session is what ecs:ExecuteCommand and ssm:StartSession answer. The token is a secret.
type Session struct{ ID, StreamURL, Token string }

// A Client is the end of who has opened the session.
type Client struct {
	*Channel
	Type         string // of the session: "InteractiveCommands", "Port"
	AgentVersion string
	Message      string // of the account's owner, shown when a session starts

	dial    Dial
	session string // its id
	key     string // of KMS, that the session has to be encrypted with
	code    atomic.Pointer[int]
	started chan struct{}
	once    sync.Once
}

// A Dial is how a client reaches a session.
type Dial struct {
	HTTP        *http.Client // HTTP/1.1: a websocket begins as a request
	Credentials aws.CredentialsProvider
	Region      string
	// Output gets what the program writes (Output, StdErr), and flags. An error of it ends the session.
	Output func(PayloadType, []byte) error
	// DataKey makes a data key of DataKeySize bytes with a key of KMS, where sessions are encrypted; Target is what the
	// session was begun with, "ecs:CLUSTER_TASKID_RUNTIMEID".
	DataKey func(ctx context.Context, key string, encryptionContext map[string]string) (DataKey, error)
	Target  string
}

// start is how long an agent may take to begin; its own patience is 15 seconds.
const start = time.Minute

// Open connects to a session and waits until its program runs.
func Open(ctx context.Context, s Session, d Dial) (*Client, error) {
	patience, cancel := context.WithTimeout(ctx, start)
	defer cancel()
	conn, err := d.connect(patience, s.StreamURL)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxMessage)
	hello, err := json.Marshal(openDataChannel{"1.0", uuid(newID()), s.Token, uuid(newID()), ClientVersion})
	if err != nil {
		return nil, err
	}
	if err := conn.Write(patience, websocket.MessageText, hello); err != nil {
		return nil, fmt.Errorf("open the data channel: %w", err)
	}
	return begin(ctx, patience, conn, s.ID, d)
}

func begin(ctx, patience context.Context, conn transport, session string, d Dial) (*Client, error) {
	c := &Client{dial: d, session: session, started: make(chan struct{})}
	// The channel's goroutines call handle, which needs the channel.
	ready := make(chan struct{})
	c.Channel = open(ctx, conn, clientEnd, func(t PayloadType, data []byte) error { <-ready; return c.take(t, data) })
	close(ready)
	select {
	case <-c.started:
		return c, nil
	case <-c.Done():
		return nil, c.unbegun(c.Wait())
	case <-patience.Done():
		c.Close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("the agent in the container did not begin the session within %s", start)
	}
}

// unbegun is why a session has ended before its program ran: an agent that can't have the data key says so in its own words.
func (c *Client) unbegun(err error) error {
	var closed *ClosedError
	if c.keys.Load() != nil && errors.As(err, &closed) && strings.Contains(closed.Output, "data key") {
		_, said, _ := strings.Cut(closed.Output, "Error when decrypting data key ")
		return &KeyError{c.key, fmt.Errorf("the agent in the container can't decrypt the data key: %s", strings.TrimSpace(cmp.Or(said, closed.Output)))}
	}
	return err
}

// take is what the agent sends. A session of a plain shell begins without a handshake.
func (c *Client) take(t PayloadType, data []byte) error {
	switch t {
	case HandshakeRequest:
		response, hello, kind, problem := answer(data, c.encrypt)
		c.AgentVersion, c.Type = hello.AgentVersion, kind
		text, err := json.Marshal(response)
		if err != nil {
			return err
		}
		return errors.Join(c.Send(HandshakeResponse, text), problem)
	case HandshakeComplete:
		var done handshakeComplete
		if err := json.Unmarshal(data, &done); err != nil {
			return fmt.Errorf("the agent's handshake: %w", err)
		}
		c.Message = done.CustomerMessage
		c.once.Do(func() { close(c.started) })
		return nil
	case EncryptionRequest:
		return c.prove(data)
	case ExitCode:
		if code, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(string(data), "EXIT_CODE:"))); err == nil {
			c.code.Store(&code)
		}
		return nil
	}
	c.once.Do(func() { close(c.started) })
	return c.dial.Output(t, data)
}

// ExitCode is the program's, nil when the agent has not said it.
func (c *Client) ExitCode() *int { return c.code.Load() }

// Resize says how large the window of the terminal is.
func (c *Client) Resize(columns, rows int) error {
	data, err := json.Marshal(map[string]int{"cols": columns, "rows": rows})
	if err != nil {
		return err
	}
	return c.Send(Size, data)
}

// Terminate asks the agent to end the program and the session, and waits a little for it.
func (c *Client) Terminate() {
	if c.Send(Flag, binary.BigEndian.AppendUint32(nil, TerminateSession)) == nil {
		select {
		case <-c.Done():
		case <-time.After(2 * time.Second):
		}
	}
	c.Close()
}

// connect upgrades to a websocket. The request is signed as the plugin signs it since 1.2.764 (Systems Manager will ask
// for it), and sent again unsigned when that is refused: the plugin has already once taken its signature back, the token
// that follows being what counts. A URL that is signed itself needs none.
func (d Dial) connect(ctx context.Context, stream string) (*websocket.Conn, error) {
	u, err := url.Parse(stream)
	if err != nil {
		return nil, errors.New("the session has no usable stream URL")
	}
	header := http.Header{}
	if !u.Query().Has("X-Amz-Signature") {
		if header, err = d.sign(ctx, u); err != nil {
			return nil, err
		}
	}
	conn, answer, err := d.websocket(ctx, stream, header) //nolint:bodyclose // websocket.Dial has done it
	if err != nil && answer != nil && len(header) > 0 && (answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusBadRequest) {
		conn, answer, err = d.websocket(ctx, stream, nil) //nolint:bodyclose // the same
	}
	if err != nil && answer != nil {
		said := ""
		if answer.Body != nil {
			text, _ := io.ReadAll(answer.Body)
			said = ": " + string(bytes.TrimSpace(text))
		}
		return nil, fmt.Errorf("%s refuses the session: %s%s", u.Host, answer.Status, strings.TrimSuffix(said, ": "))
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", u.Host, err)
	}
	return conn, nil
}

func (d Dial) websocket(ctx context.Context, stream string, header http.Header) (*websocket.Conn, *http.Response, error) {
	return websocket.Dial(ctx, stream, &websocket.DialOptions{HTTPClient: d.HTTP, HTTPHeader: header})
}

// sign is the headers of a signed request.
func (d Dial) sign(ctx context.Context, u *url.URL) (http.Header, error) {
	to := *u
	to.Scheme = strings.Replace(to.Scheme, "ws", "http", 1)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	who, err := d.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	nothing := sha256.Sum256(nil)
	err = v4.NewSigner().SignHTTP(ctx, who, r, hex.EncodeToString(nothing[:]), "ssmmessages", d.Region, time.Now())
	return r.Header, err
}
