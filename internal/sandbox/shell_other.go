//go:build !linux && !darwin

package sandbox

import (
	"context"
	"errors"
	"io"

	"github.com/fargatectl/fargatectl/internal/datachannel"
)

// canShell says no: a program in a terminal of its own is a matter of Linux and macOS here.
func canShell() error {
	return fail("NotImplemented", "the sandbox runs commands on Linux and macOS only")
}

type shell struct {
	*session
	in *io.PipeWriter
}

func (p *shell) take(t datachannel.PayloadType, data []byte) error {
	switch t {
	case datachannel.Output:
	case datachannel.Flag:
		return p.in.Close() // no connection goes on
	default:
		return nil
	}
	_, err := p.in.Write(data)
	return err
}

func (p *shell) run(context.Context, *io.PipeReader, io.Writer) error {
	return errors.New("the sandbox runs commands on Linux and macOS only")
}
