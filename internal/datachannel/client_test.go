package datachannel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/coder/websocket"
)

var ticket = Session{ID: "ecs-execute-command-0123", Token: "the-token"}

// service serves one session: serve is the agent's part.
func service(t *testing.T, serve func(*Agent, *sink)) (Session, Dial) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		var in sink
		a, err := Accept(r.Context(), conn, ticket, in.take)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Error(err)
			}
			return
		}
		serve(a, &in)
		<-a.Done()
	}))
	t.Cleanup(srv.Close)
	s := ticket
	s.StreamURL = "ws" + strings.TrimPrefix(srv.URL, "http") + "/v1/data-channel/" + s.ID + "?role=publish_subscribe"
	return s, Dial{HTTP: srv.Client(), Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "session"), Region: "eu-west-1"}
}

// TestSession holds a whole session: handshake, window, input, output, errors, the exit code, the end.
func TestSession(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 1)
	s, d := service(t, func(a *Agent, in *sink) {
		if err := a.Handshake("3.3.1611.0", "InteractiveCommands", nil, "be careful", nil); err != nil {
			t.Error(err)
		}
		for !strings.HasSuffix(string(in.bytes()), "hello\n") {
			if a.ctx.Err() != nil {
				return
			}
		}
		heard <- string(in.bytes())
		for _, err := range []error{
			a.Send(Output, []byte("out")), a.Send(StdErr, []byte("err")), a.Send(ExitCode, []byte("EXIT_CODE: 3")), a.End(t.Context(), ""),
		} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	var said []string
	d.Output = func(k PayloadType, data []byte) error {
		said = append(said, fmt.Sprint(k, " ", string(data)))
		return nil
	}
	c, err := Open(t.Context(), s, d)
	if err != nil {
		t.Fatal(err)
	}
	if c.Type != "InteractiveCommands" || c.AgentVersion != "3.3.1611.0" || c.Message != "be careful" {
		t.Errorf("%+v", c)
	}
	if _, err := c.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	closed := (*ClosedError)(nil)
	if err := c.Wait(); !errors.As(err, &closed) || closed.Output != "" {
		t.Errorf("end: %v", err)
	}
	if got := <-heard; got != "hello\n" {
		t.Errorf("the agent has heard %q", got)
	}
	if code := c.ExitCode(); code == nil || *code != 3 {
		t.Errorf("exit code %v", code)
	}
	if got := strings.Join(said, ", "); got != "1 out, 11 err" {
		t.Errorf("said %q", got)
	}
}

// TestSessionBegins holds how sessions begin that do not begin as usual.
func TestSessionBegins(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token string
		serve func(*Agent) error
		want  string // the error; "" is a session
	}{
		"without a handshake": {ticket.Token, func(a *Agent) error { return a.Send(Output, []byte("$ ")) }, ""},
		"other token":         {"guessed", nil, "the connection to the session was lost"},
		"no such program": {
			ticket.Token, func(a *Agent) error {
				return a.End(context.Background(), `Unable to start command: Failed to start pty: exec: "bash": executable file not found in $PATH`)
			}, `exec: "bash": executable file not found in $PATH`,
		},
		"encrypted": {ticket.Token, func(a *Agent) error {
			return a.say(HandshakeRequest, handshakeRequest{"3.3.0.0", []requestedAction{{actionKMSEncryption, json.RawMessage(`{"KMSKeyId":"alias/x"}`)}}})
		}, "encrypted with KMS key alias/x: there is no way to have a data key"},
		"challenged": {ticket.Token, func(a *Agent) error { return a.say(EncryptionRequest, challenge{}) }, "a challenge that nobody can answer"},
		"unknown action": {ticket.Token, func(a *Agent) error {
			return a.say(HandshakeRequest, handshakeRequest{"3.3.0.0", []requestedAction{{"Dance", json.RawMessage(`{}`)}}})
		}, `asks for "Dance"`},
		"no handshake": {ticket.Token, func(a *Agent) error { return a.Send(HandshakeRequest, []byte("{")) }, "the agent's handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := service(t, func(a *Agent, _ *sink) { _ = c.serve(a) })
			s.Token = c.token
			d.Output = func(PayloadType, []byte) error { return nil }
			got, err := Open(t.Context(), s, d)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if got != nil {
				got.Close()
			}
		})
	}
}

// TestHandshakeAnswer holds what the agent is answered, in the names that it knows.
func TestHandshakeAnswer(t *testing.T) {
	t.Parallel()
	request := `{"AgentVersion":"3.1.0.0","RequestedClientActions":[` +
		`{"ActionType":"KMSEncryption","ActionParameters":{"KMSKeyId":"k"}},` +
		`{"ActionType":"SessionType","ActionParameters":{"SessionType":"Port","Properties":{"portNumber":"80"}}}]}`
	refused := errors.New("no key")
	r, hello, kind, err := answer([]byte(request), func(json.RawMessage) (any, error) { return nil, refused })
	if !errors.Is(err, refused) || kind != "Port" || hello.AgentVersion != "3.1.0.0" {
		t.Errorf("%q %q %v", kind, hello.AgentVersion, err)
	}
	got, err := json.Marshal(r)
	want := `{"ClientVersion":"` + ClientVersion + `","ProcessedClientActions":[` +
		`{"ActionType":"KMSEncryption","ActionStatus":2,"ActionResult":null,"Error":"Failed to process action KMSEncryption: no key"},` +
		`{"ActionType":"SessionType","ActionStatus":1,"ActionResult":null,"Error":""}],"Errors":["Failed to process action KMSEncryption: no key"]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	r, _, _, err = answer([]byte(request), func(p json.RawMessage) (any, error) {
		if string(p) != `{"KMSKeyId":"k"}` {
			t.Errorf("the key is asked for by %s", p)
		}
		return kmsResult{[]byte("sealed")}, nil
	})
	if got := string(r.ProcessedClientActions[0].ActionResult); err != nil || got != `{"KMSCipherTextKey":"c2VhbGVk"}` || len(r.Errors) > 0 {
		t.Errorf("%s %v", got, err)
	}
}

// TestUpgrade holds that the request is signed for ssmmessages, sent again unsigned when that is refused, and that a URL
// that is signed itself is left alone.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		query   string
		refuse  func(authorization string) bool
		tries   int
		refused bool
	}{
		"signed":    {"", func(a string) bool { return !strings.Contains(a, "/eu-west-1/ssmmessages/aws4_request") }, 1, false},
		"unsigned":  {"", func(a string) bool { return a != "" }, 2, false},
		"presigned": {"&X-Amz-Signature=0", func(a string) bool { return a != "" }, 1, false},
		"refused":   {"", func(string) bool { return true }, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			tries := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				tries++
				mu.Unlock()
				if c.refuse(r.Header.Get("Authorization")) {
					http.Error(w, "no", http.StatusForbidden)
					return
				}
				conn, err := websocket.Accept(w, r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if a, err := Accept(r.Context(), conn, ticket, func(PayloadType, []byte) error { return nil }); err == nil {
					_ = a.Send(Output, []byte("$ "))
					<-a.Done()
				}
			}))
			defer srv.Close()
			s := ticket
			s.StreamURL = "ws" + strings.TrimPrefix(srv.URL, "http") + "/v1/data-channel/x?cell-number=AAE/k+N0" + c.query
			client, err := Open(t.Context(), s, Dial{
				HTTP: srv.Client(), Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
				Output: func(PayloadType, []byte) error { return nil },
			})
			if (err != nil) != c.refused || err != nil && !strings.HasSuffix(err.Error(), "refuses the session: 403 Forbidden: no") {
				t.Errorf("%v", err)
			}
			if client != nil {
				client.Close()
			}
			if tries != c.tries {
				t.Errorf("%d requests, want %d", tries, c.tries)
			}
		})
	}
}

// TestPort holds that connections share a session of port forwarding, each with its own bytes, and that one which the
// agent can't make is ended without harm to the others.
func TestPort(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(append(b, b...))
	}))
	defer web.Close()
	var open sync.Mutex // held: nobody listens
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		in, feed := io.Pipe()
		a, err := Accept(r.Context(), conn, ticket, func(k PayloadType, data []byte) error {
			if k != Output {
				return nil
			}
			_, err := feed.Write(data)
			return err
		})
		if err == nil {
			err = a.Handshake("3.3.0.0", "Port", map[string]string{"portNumber": "80"}, "", nil)
		}
		if err != nil {
			t.Error(err)
			return
		}
		_ = a.Serve(in, func(ctx context.Context) (net.Conn, error) {
			if !open.TryLock() {
				return nil, errors.New("refused")
			}
			open.Unlock()
			return new(net.Dialer).DialContext(ctx, "tcp", web.Listener.Addr().String())
		})
	}))
	defer srv.Close()
	s := ticket
	s.StreamURL = "ws" + strings.TrimPrefix(srv.URL, "http") + "/"
	refused := make(chan struct{}, 1)
	p, err := OpenPort(t.Context(), s, Dial{HTTP: srv.Client(), Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, func() { refused <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() { _ = p.Carry(far) }()
		return near, nil
	}}}
	open.Lock()
	if resp, err := client.Get("http://task/"); err == nil {
		_ = resp.Body.Close()
		t.Error("a refused connection has answered")
	}
	<-refused
	open.Unlock()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			text := strings.Repeat(fmt.Sprint(i, " "), 20_000)
			resp, err := client.Post("http://task/", "text/plain", strings.NewReader(text))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); string(got) != text+text || err != nil {
				t.Errorf("%d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	all.Wait()
}

func TestNewer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{{"3.0.196.0", muxSince, true}, {"3.0.195.0", muxSince, false}, {"3.1.1511.0", noKeepAliveAfter, false}, {"3.1.1512", noKeepAliveAfter, true}, {"4", "3.9.9.9", true}, {"", "1", false}} {
		if got := newer(c.a, c.b); got != c.want {
			t.Errorf("newer(%q, %q) = %v", c.a, c.b, got)
		}
	}
}
