package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"
)

// tailLines is how many of a tool's last lines an error shows.
const tailLines = 40

// A BuildError is a build tool that ended with an error of its own, such as a program that does not compile.
type BuildError struct {
	Command string // as a user would type it, without values
	Err     error  // how it ended
	Tail    string // its last lines, at most 40
}

func (e *BuildError) Error() string {
	if e.Tail == "" {
		return e.Command + ": " + e.Err.Error()
	}
	return e.Command + ": " + e.Err.Error() + "\n" + e.Tail
}

func (e *BuildError) Unwrap() error { return e.Err }

// A tool is a program that builds: the go tool or Docker's.
type tool struct {
	dir  string
	env  []string
	show string // the command in errors

	family bool // an end ends the programs that it has started, too: it may not pass a signal on
}

// run runs argv; each line it writes to standard error (and to standard output, unless out takes that) goes to say.
func (t tool) run(ctx context.Context, in io.Reader, out io.Writer, say func(string), argv ...string) error {
	l := &lines{say: say}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = t.dir, t.env, in, out, l
	if out == nil {
		cmd.Stdout = l
	}
	// An interrupt lets go and docker stop what they started; what still runs 5 s later is killed.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	kill := func() {}
	if t.family {
		kill = together(cmd)
	}
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	l.flush()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		kill()
		return fmt.Errorf("%s: %w", t.show, context.Cause(ctx))
	}
	return &BuildError{Command: t.show, Err: err, Tail: strings.Join(l.tail, "\n")}
}

// lines cuts what is written into lines, says each of them and keeps the last.
type lines struct {
	say func(string)

	mu   sync.Mutex
	rest []byte
	tail []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		l.add(string(line))
		l.rest = rest
	}
}

func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(string(l.rest))
	l.rest = nil
}

// colours are the escape sequences that a builder passes on from the programs it runs.
var colours = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

func (l *lines) add(line string) {
	line = strings.TrimRight(colours.ReplaceAllString(line, ""), "\r ")
	if line == "" || hushed.MatchString(line) {
		return
	}
	if l.tail = append(l.tail, line); len(l.tail) > tailLines {
		l.tail = l.tail[1:]
	}
	if l.say != nil {
		l.say(line)
	}
}
