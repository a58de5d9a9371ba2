package session

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/datachannel"
)

// A Command runs in a container.
type Command struct {
	Target  *Target
	Dial    datachannel.Dial // Output is the command's own
	Words   []string         // a shell without any
	In      io.Reader
	Out     io.Writer    // both of the command's streams: ECS Exec has one
	Console *Console     // of here, nil when In or Out is no terminal
	Note    func(string) // is told what there is to say besides
}

// shells are what is started without words.
var shells = []string{"sh"}

// A ProgramError is a command that the agent could not start.
type ProgramError struct{ Program, Said string }

func (e *ProgramError) Error() string {
	if e.missing() {
		return fmt.Sprintf("the container has no program %s", e.Program)
	}
	return "the command could not be started: " + e.Said
}

// Hint says what else there may be.
func (e *ProgramError) Hint() string {
	if e.missing() && e.Program == "sh" {
		return "an image without a shell takes only its own programs, from a terminal: fargatectl exec -- /app/program; fargatectl run needs no shell"
	}
	return ""
}

func (e *ProgramError) missing() bool {
	return strings.Contains(e.Said, "executable file not found") || strings.Contains(e.Said, "no such file or directory")
}

// An EndedError is a session that has ended before its command.
type EndedError struct{ Err error }

func (e *EndedError) Error() string {
	return "the session has ended before the command: " + e.Err.Error()
}
func (e *EndedError) Unwrap() error { return e.Err }

// Hint says how it may be found out.
func (e *EndedError) Hint() string {
	return "the task may have stopped (fargatectl status), or the session was idle for too long; what the command has done is not undone"
}

// Run runs the command and returns its exit code. It ends with ctx, and then with its cause.
func (c *Command) Run(ctx context.Context) (int, error) {
	words := c.Words
	if len(words) == 0 {
		words = shells
	}
	script := piped
	if c.Console != nil {
		script = interactive
	}
	word := newWord()
	n, err := c.session(ctx, wrap(script, word, words), word)
	var missing *ProgramError
	if errors.As(err, &missing) && missing.missing() {
		missing.Program = "sh"
		if c.Console == nil || len(c.Words) == 0 || words[0] == "sh" {
			return 0, err
		}
		c.Note("the container has no sh, so the exit code of the command is not known")
		if n, err = c.session(ctx, Quote(words), ""); errors.As(err, &missing) {
			missing.Program = words[0]
		}
	}
	return n, err
}

// begin has AWS open a session.
func (c *Command) begin(ctx context.Context, line string) (datachannel.Session, error) {
	t := c.Target
	out, err := t.Calls.ECS.ExecuteCommand(ctx, &ecs.ExecuteCommandInput{
		Cluster: &t.Service.Cluster, Task: t.Task.TaskArn, Container: t.Container.Name, Command: &line, Interactive: true,
	})
	switch {
	case aws.Is(err, "TargetNotConnectedException", "InvalidParameterException"):
		return datachannel.Session{}, t.notReady(ctx, err)
	case err != nil:
		return datachannel.Session{}, err
	case out.Session == nil:
		return datachannel.Session{}, errors.New("AWS has answered no session")
	}
	return datachannel.Session{ID: val(out.Session.SessionId), StreamURL: val(out.Session.StreamUrl), Token: val(out.Session.TokenValue)}, nil
}

// A talk is a session of a command at work.
type talk struct {
	started chan bool // input goes in base64
	exited  chan struct{}
	once    sync.Once
	code    *int
}

// session runs a command line. The word is what the shell's reports begin with, "" without a shell.
func (c *Command) session(ctx context.Context, line, word string) (int, error) {
	s, err := c.begin(ctx, line)
	if err != nil {
		return 0, err
	}
	t := &talk{started: make(chan bool, 1), exited: make(chan struct{})}
	r := &report{to: c.Out, word: word, said: func(what, n string) { c.heard(t, what, n) }}
	d := c.Target.keyed(c.Dial)
	d.Output = func(k datachannel.PayloadType, data []byte) error {
		switch {
		case k != datachannel.Output && k != datachannel.StdErr:
			return nil
		case word == "":
			_, err := c.Out.Write(data)
			return err
		}
		_, err := r.Write(data)
		return err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	opened := context.AfterFunc(ctx, stop)
	client, err := datachannel.Open(life, s, d)
	if !opened() && ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err == nil {
		if client.Message != "" {
			c.Note(client.Message)
		}
		if err = c.attend(ctx, client, t); err != nil && ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		err = errors.Join(err, r.flush())
	}
	return c.ended(client, t, word, err)
}

// heard is what the shell reports.
func (c *Command) heard(t *talk, what, n string) {
	switch what {
	case "start":
		if strings.HasPrefix(n, "0") {
			c.Note("the container has no stty: lines end with CR LF, and input is echoed")
		}
		select {
		case t.started <- strings.HasSuffix(n, "1"):
		default:
		}
	case "exit":
		if code, ok := code(n); ok {
			t.code = &code
		}
		t.once.Do(func() { close(t.exited) })
	}
}

// errLeft is a person who has left by ~. .
var errLeft = errors.New("left")

// attend moves input to the command until the session ends, and says why it has.
func (c *Command) attend(ctx context.Context, client *datachannel.Client, t *talk) error {
	left := make(chan struct{})
	if c.Console != nil {
		restore, err := c.Console.raw()
		if err != nil {
			client.Terminate()
			return err
		}
		defer restore()
		go c.Console.size(client)()
		go func() {
			defer restored(restore)
			if (&escape{}).copy(client, c.In) {
				close(left)
			}
		}()
	} else {
		go c.pipe(client, t)
	}
	select {
	case <-client.Done():
	case <-t.exited: // the program has; the session follows unless something still waits for input
		select {
		case <-client.Done():
		case <-time.After(300 * time.Millisecond):
			client.Terminate()
		}
	case <-left:
		client.Terminate()
		return errLeft
	case <-ctx.Done():
		client.Terminate()
	}
	return client.Wait()
}

// unstarted is what the agent says of a command that it can't start, before the reason.
const unstarted = "Unable to start command: "

// ended is the exit code, or what went wrong instead.
func (c *Command) ended(client *datachannel.Client, t *talk, word string, err error) (int, error) {
	var closed *datachannel.ClosedError
	switch {
	case errors.Is(err, errLeft):
		return 0, nil
	case client != nil && t.code != nil:
		return *t.code, nil
	case client != nil && client.ExitCode() != nil:
		return *client.ExitCode(), nil
	case errors.As(err, &closed) && strings.Contains(closed.Output, unstarted):
		_, said, _ := strings.Cut(closed.Output, unstarted)
		return 0, &ProgramError{Said: strings.TrimSpace(said)}
	case errors.As(err, &closed) && closed.Output == "" && word == "":
		return 0, nil
	case client == nil:
		return 0, err
	}
	return 0, &EndedError{err}
}

// line is how many bytes of input go in one line: it stays below the 4,096 that a terminal takes.
const line = 3000

// pipe sends input that comes from no terminal, once the shell in the container has prepared for it.
func (c *Command) pipe(client *datachannel.Client, t *talk) {
	coded := false
	select {
	case coded = <-t.started:
	case <-client.Done():
		return
	}
	newline := true
	for b := make([]byte, line); ; {
		n, err := c.In.Read(b)
		if n > 0 {
			text := b[:n]
			if coded {
				text = append(base64.StdEncoding.AppendEncode(nil, text), '\n')
			}
			newline = text[len(text)-1] == '\n'
			if _, err := client.Write(text); err != nil {
				return // the session has ended
			}
		}
		if err != nil {
			break
		}
	}
	eof := "\x04"
	if !newline {
		eof = "\x04\x04" // the first ends the line
	}
	_, _ = client.Write([]byte(eof))
}
