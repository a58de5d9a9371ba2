package sandbox

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/fargatectl/fargatectl/internal/datachannel"
)

// streams is where the streams of sessions are.
const streams = "/v1/data-channel/"

// agentVersion is that of the agent in Fargate's containers, about.
const agentVersion = "3.3.1611.0"

// A session was begun by ExecuteCommand or StartSession. It is opened once, by who has its token, within this process.
type session struct {
	datachannel.Session
	kind        string // "InteractiveCommands", "Port"
	command     string
	environment []string
	encrypted   *datachannel.Encryption

	host, port string // of a forwarded port
	remote     bool   // it is another host's than the task's
	task       string
	ports      []string // that the task listens on

	cancel context.CancelFunc // once it is open
}

// sessions are those that were begun and have not ended.
type sessions struct {
	mu  sync.Mutex
	all map[string]*session
}

// add begins a session that is opened at host. Its id and token are random: they are what protects it.
func (l *sessions) add(host, prefix string, made *session) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string]*session{}
	}
	made.ID, made.Token = prefix+strings.ToLower(rand.Text()[:17]), rand.Text()+rand.Text()
	made.StreamURL = "ws://" + host + streams + made.ID + "?role=publish_subscribe"
	l.all[made.ID] = made
	return made
}

// take is the session to open, nil when there is none or it was opened before.
func (l *sessions) take(id string, cancel context.CancelFunc) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.all[id]
	if found == nil || found.cancel != nil {
		return nil
	}
	found.cancel = cancel
	return found
}

func (l *sessions) end(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if found := l.all[id]; found != nil && found.cancel != nil {
		found.cancel()
	}
	delete(l.all, id)
}

type inMemory struct{}

// serveSession opens a session's stream. A program of this machine is nothing for others: a request has to come from this
// machine, to one of its own names (a browser may have been told another one), and from no web page; the token follows.
func (s *Sandbox) serveSession(w http.ResponseWriter, r *http.Request) {
	if r.Context().Value(inMemory{}) == nil && (!loopback(r.RemoteAddr) || !loopback(r.Host)) || r.Header.Get("Origin") != "" {
		http.Error(w, "sessions of the sandbox are for this machine only", http.StatusForbidden)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	open := s.open.take(strings.TrimPrefix(r.URL.Path, streams), cancel)
	if open == nil {
		http.Error(w, "no such session", http.StatusNotFound)
		return
	}
	defer s.open.end(open.ID)
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // it has answered
	}
	in, feed := io.Pipe()
	run := &shell{session: open, in: feed}
	a, err := datachannel.Accept(ctx, conn, open.Session, run.take)
	if err != nil {
		return
	}
	defer a.Close()
	go func() { <-a.Done(); _ = feed.Close(); cancel() }()
	if err := a.Handshake(agentVersion, open.kind, map[string]string{}, welcome(open), open.encrypted); err != nil {
		_ = a.End(ctx, "----------ERROR-------\nEncountered error while initiating handshake. "+err.Error()+"\n")
		return
	}
	said := ""
	if open.kind == "Port" {
		_ = a.Serve(in, open.dial) // until the client leaves
	} else if err := run.run(ctx, in, a); err != nil {
		said = "----------ERROR-------\nUnable to start command: Failed to start pty: " + err.Error() + "\n"
	}
	if a.End(ctx, said) == nil {
		<-a.Done() // the client leaves when it has heard
	}
}

// welcome is what the agent has to say at the beginning (buildHandshakeCompletePayload of amazon-ssm-agent).
func welcome(s *session) string {
	if s.encrypted == nil {
		return ""
	}
	return "This session is encrypted using AWS KMS."
}

// loopback says whether an address with or without a port is this machine's own.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// dial connects to a forwarded port: to the simulated container, or to this machine when another host is asked for.
func (o *session) dial(ctx context.Context) (net.Conn, error) {
	if !o.remote {
		if !slices.Contains(o.ports, o.port) {
			return nil, fmt.Errorf("nothing listens on port %s of the task", o.port)
		}
		near, far := net.Pipe()
		go func() {
			_ = (&http.Server{Handler: http.HandlerFunc(o.answer), ReadHeaderTimeout: 10 * time.Second}).Serve(&oneConn{conn: far})
		}()
		return near, nil
	}
	if !loopback(o.host) {
		return nil, fmt.Errorf("the sandbox connects to this machine only, not to %s", o.host)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(o.host, o.port))
}

// answer is what a simulated container has to say.
func (o *session) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "%s %s from task %s in the sandbox\n", r.Method, r.URL.Path, o.task) //nolint:gosec // plain text
}

// ports are those that a task's containers listen on.
func ports(r *Region, t *task) (all []string) {
	if d := r.ECS.definition(*t.TaskDefinitionArn); d != nil {
		for _, c := range d.ContainerDefinitions {
			for _, p := range c.PortMappings {
				all = append(all, strconv.Itoa(int(val(p.ContainerPort))))
			}
		}
	}
	return all
}

// A oneConn is a listener of one connection.
type oneConn struct {
	conn net.Conn
	once sync.Once
}

// Accept gives the connection, then says that there are no more.
func (l *oneConn) Accept() (conn net.Conn, err error) {
	err = net.ErrClosed
	l.once.Do(func() { conn, err = l.conn, nil })
	return conn, err
}

// Close has nothing to do: the connection lives on.
func (l *oneConn) Close() error { return nil }

// Addr is the connection's.
func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

// upgrade opens a stream in memory.
func (s *Sandbox) upgrade(r *http.Request) (*http.Response, error) {
	near, far := net.Pipe()
	w := &pipeWriter{header: http.Header{}, conn: far, answered: make(chan struct{})}
	in := r.Clone(context.WithValue(context.WithoutCancel(r.Context()), inMemory{}, true))
	go func() {
		s.serveSession(w, in)
		w.once.Do(func() { close(w.answered) })
	}()
	<-w.answered
	resp := &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: near, Request: r,
	}
	if w.status != http.StatusSwitchingProtocols {
		resp.Body = io.NopCloser(strings.NewReader(w.text.String()))
	}
	return resp, nil
}

// A pipeWriter answers a request in memory; it can be hijacked.
type pipeWriter struct {
	header   http.Header
	status   int
	text     strings.Builder
	conn     net.Conn
	answered chan struct{}
	once     sync.Once
}

// Header is the answer's.
func (w *pipeWriter) Header() http.Header { return w.header }

// WriteHeader keeps the status.
func (w *pipeWriter) WriteHeader(status int) { w.status = status }

// Write keeps the text.
func (w *pipeWriter) Write(b []byte) (int, error) { return w.text.Write(b) }

// Hijack gives the connection away: the answer is complete.
func (w *pipeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.once.Do(func() { close(w.answered) })
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}
