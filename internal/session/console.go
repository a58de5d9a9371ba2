package session

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/fargatectl/fargatectl/internal/datachannel"
)

// A Console is the terminal that somebody sits at.
type Console struct {
	In   *os.File
	Size func() (columns, rows int)
}

// raw has keys go to the container as they are pressed, Ctrl-C among them. Restore may be called more than once.
func (c *Console) raw() (restore func(), err error) {
	fd := int(c.In.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(fd, before) }, nil
}

// restored gives the terminal back when a goroutine panics, which ends the program at once.
func restored(restore func()) {
	if v := recover(); v != nil {
		restore()
		panic(v)
	}
}

// size tells the container how large the window is, before any key is sent, and returns what goes on telling it, until
// the session ends.
func (c *Console) size(client *datachannel.Client) (watch func()) {
	var columns, rows int
	tell := func() error {
		w, h := c.Size()
		if w == columns && h == rows || w <= 0 || h <= 0 {
			return nil
		}
		columns, rows = w, h
		return client.Resize(w, h)
	}
	err := tell()
	return func() {
		changes, stop := resized()
		defer stop()
		for ; err == nil; err = tell() {
			select {
			case <-changes:
			case <-client.Done():
				return
			}
		}
	}
}

// An escape looks for "~." at the beginning of a line, which leaves the session; "~~" there is one "~". It is what ssh has.
type escape struct {
	within bool // a line has begun
	tilde  bool // a "~" is held back
}

// copy moves keys to the container until there are none, or the session ends; left is when "~." was typed.
func (e *escape) copy(to io.Writer, from io.Reader) (left bool) {
	for b := make([]byte, 1024); ; {
		n, err := from.Read(b)
		out, left := e.filter(b[:n])
		if len(out) > 0 {
			if _, err := to.Write(out); err != nil {
				return false
			}
		}
		if left || err != nil {
			return left
		}
	}
}

func (e *escape) filter(keys []byte) (out []byte, left bool) {
	for _, k := range keys {
		switch {
		case e.tilde && k == '.':
			return out, true
		case e.tilde && k == '~':
			e.tilde, e.within = false, true
			out = append(out, '~')
			continue
		case e.tilde:
			e.tilde = false
			out = append(out, '~')
		case !e.within && k == '~':
			e.tilde = true
			continue
		}
		e.within = k != '\r' && k != '\n'
		out = append(out, k)
	}
	return out, false
}
