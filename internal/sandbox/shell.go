//go:build linux || darwin

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/creack/pty"

	"github.com/fargatectl/fargatectl/internal/datachannel"
)

func canShell() error { return nil }

// A shell is the program that a session runs: on this machine, in a terminal of its own.
type shell struct {
	*session
	in *io.PipeWriter

	mu       sync.Mutex
	terminal *os.File
	size     pty.Winsize
	cancel   context.CancelFunc
}

// take is what the client sends.
func (p *shell) take(t datachannel.PayloadType, data []byte) error {
	switch t {
	case datachannel.Output:
		_, err := p.in.Write(data)
		if errors.Is(err, io.ErrClosedPipe) {
			return nil // the program has ended
		}
		return err
	case datachannel.Size:
		var size struct{ Cols, Rows uint16 }
		if err := json.Unmarshal(data, &size); err != nil {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.size = (pty.Winsize{Cols: size.Cols, Rows: size.Rows}); p.terminal != nil {
			return pty.Setsize(p.terminal, &p.size)
		}
	case datachannel.Flag:
		if p.kind == "Port" {
			return p.in.Close() // no connection goes on
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.cancel != nil {
			p.cancel()
		}
	}
	return nil
}

// run runs the program until it ends, or the client leaves. An error is a program that could not be started. The agent
// in a container splits the command into words itself and starts it without a shell.
func (p *shell) run(ctx context.Context, in *io.PipeReader, out io.Writer) error {
	words, err := split(p.command)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	env := []string{"TERM=xterm-256color", "LANG=C.UTF-8"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		env = append(env, name+"="+os.Getenv(name))
	}
	env = append(env, p.environment...)
	file, err := lookPath(words[0], env)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, file, words[1:]...)
	cmd.Args[0], cmd.Dir, cmd.Env = words[0], os.TempDir(), env
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // it leads a session of its own
	p.mu.Lock()
	size := &p.size
	if size.Cols == 0 {
		size = nil
	}
	terminal, err := pty.StartWithSize(cmd, size)
	p.terminal, p.cancel = terminal, cancel
	p.mu.Unlock()
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(terminal, in)
		_ = in.Close()
	}()
	_, _ = io.Copy(out, terminal) // ends with EIO when nobody has the terminal any more
	_ = in.Close()
	_ = cmd.Wait() // its code is nobody's business: the agent does not say it
	p.mu.Lock()
	defer p.mu.Unlock()
	p.terminal = nil
	_ = terminal.Close()
	return nil
}

// lookPath finds a program where the container looks for it, so that an image without a shell is one whose PATH is empty.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := ""
	for _, kv := range env { // the last one counts
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = value
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if file, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return file, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// split takes a command line apart as a shell does: words, quotes, backslashes; no more.
func split(line string) (words []string, err error) {
	var word strings.Builder
	open, quote := false, rune(0)
	runes := []rune(line)
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(runes):
			i++
			word.WriteRune(runes[i])
			open = true
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, open = c, true
		case strings.ContainsRune(" \t\r\n", c):
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(c)
			open = true
		}
	}
	if quote != 0 {
		return nil, errors.New("EOF found when expecting closing quote")
	}
	if open {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("no command specified")
	}
	return words, nil
}
