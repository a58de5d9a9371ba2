package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/datachannel"
)

// A Forward is a port of this machine that leads to a port of a task, or through it to another host's.
type Forward struct {
	Local  int    `json:"local"` // 0 is any that is free, until it listens
	Host   string `json:"host,omitempty"`
	Remote int    `json:"remote"`
}

// hostname is what a host may be: a name or an address.
var hostname = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// ParseForward reads LOCAL:REMOTE or LOCAL:HOST:PORT.
func ParseForward(text string) (f Forward, err error) {
	parts := strings.Split(text, ":")
	wrong := fmt.Errorf("--port-forward %q is neither LOCAL:REMOTE nor LOCAL:HOST:PORT", text)
	if len(parts) != 2 && len(parts) != 3 {
		return f, wrong
	}
	if f.Local, err = strconv.Atoi(parts[0]); err != nil || f.Local < 0 || f.Local > 65535 {
		return f, wrong
	}
	if f.Remote, err = strconv.Atoi(parts[len(parts)-1]); err != nil || f.Remote < 1 || f.Remote > 65535 {
		return f, wrong
	}
	if len(parts) == 3 {
		if f.Host = parts[1]; !hostname.MatchString(f.Host) {
			return f, wrong
		}
	}
	return f, nil
}

// To is where it leads, in words.
func (f Forward) To() string {
	if f.Host == "" {
		return fmt.Sprintf("port %d of the task", f.Remote)
	}
	return net.JoinHostPort(f.Host, strconv.Itoa(f.Remote))
}

// A Tunnel is a forwarded port at work: any number of connections share a session.
type Tunnel struct {
	Forward
	target   *Target
	dial     datachannel.Dial
	note     func(string)
	listener net.Listener

	mu   sync.Mutex
	port *datachannel.Port
	id   string // of its session
}

// Listen opens the port of this machine, on its loopback address only, and a session.
func (t *Target) Listen(ctx context.Context, f Forward, dial datachannel.Dial, note func(string)) (*Tunnel, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(f.Local)))
	if err != nil {
		return nil, fmt.Errorf("port %d of this machine: %w", f.Local, err)
	}
	if addr, ok := l.Addr().(*net.TCPAddr); ok {
		f.Local = addr.Port
	}
	u := &Tunnel{Forward: f, target: t, dial: dial, note: note, listener: l}
	if _, err := u.session(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return u, nil
}

// session is the tunnel's, a new one when the last has ended: AWS ends those that nothing goes through for 20 minutes.
func (u *Tunnel) session(ctx context.Context) (*datachannel.Port, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.port != nil {
		select {
		case <-u.port.Done():
		default:
			return u.port, nil
		}
	}
	in := &aws.StartSessionInput{
		Target:       u.target.address(),
		DocumentName: "AWS-StartPortForwardingSession",
		Parameters:   map[string][]string{"portNumber": {strconv.Itoa(u.Remote)}, "localPortNumber": {strconv.Itoa(u.Local)}},
		Reason:       "fargatectl exec --port-forward",
	}
	if u.Host != "" {
		in.DocumentName += "ToRemoteHost"
		in.Parameters["host"] = []string{u.Host}
	}
	out, err := u.target.Calls.SSM.StartSession(ctx, in)
	if aws.Is(err, "TargetNotConnected") {
		return nil, u.target.notReady(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	s := datachannel.Session{ID: out.SessionID, StreamURL: out.StreamURL, Token: out.TokenValue}
	u.id = s.ID
	u.port, err = datachannel.OpenPort(context.WithoutCancel(ctx), s, u.target.keyed(u.dial), func() { u.note("nothing answers at " + u.To()) })
	return u.port, err
}

// Serve carries connections until ctx ends.
func (u *Tunnel) Serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = u.listener.Close() })()
	defer u.close(context.WithoutCancel(ctx))
	for {
		conn, err := u.listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			port, err := u.session(ctx)
			if err == nil {
				err = port.Carry(conn)
			} else {
				_ = conn.Close()
			}
			if err != nil && ctx.Err() == nil {
				u.note(fmt.Sprintf("no connection to %s: %s", u.To(), aws.Brief(err)))
			}
		}()
	}
}

// close ends the session, here and at AWS.
func (u *Tunnel) close(ctx context.Context) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.port != nil {
		u.port.Terminate()
		// It is over in any case: the client has left.
		_, _ = u.target.Calls.SSM.TerminateSession(ctx, &aws.TerminateSessionInput{SessionID: u.id})
	}
}
