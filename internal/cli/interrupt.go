package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/fargatectl/fargatectl/internal/ui"
)

// errInterrupted is the cause of a context that Ctrl-C has ended.
var errInterrupted = ui.ErrInterrupted

// interrupts is what Ctrl-C and SIGTERM do: the first ends the command's context, the second leaves at once. While a
// deployment is awaited, Ctrl-C asks: see awaited.
type interrupts struct {
	end context.CancelCauseFunc

	mu    sync.Mutex
	taken func() (why error) // what to do instead; nil goes on, an error ends the context
}

// interruptible is a context that Ctrl-C and SIGTERM end, until the function is called.
func interruptible(ctx context.Context) (context.Context, *interrupts, func()) {
	ctx, end := context.WithCancelCause(ctx)
	i := &interrupts{end: end}
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go i.listen(signals, done)
	return ctx, i, func() { signal.Stop(signals); close(done); end(nil) }
}

func (i *interrupts) listen(signals <-chan os.Signal, done <-chan struct{}) {
	for over := false; ; {
		select {
		case s := <-signals:
			if over {
				os.Exit(exitInterrupted)
			}
			if why := i.why(s); why != nil {
				over = true
				i.end(why)
			}
		case <-done:
			return
		}
	}
}

// why a signal ends the context; nil when it does not.
func (i *interrupts) why(s os.Signal) error {
	i.mu.Lock()
	taken := i.taken
	i.mu.Unlock()
	if taken == nil || s != os.Interrupt {
		return errInterrupted
	}
	return taken()
}

// take has Ctrl-C do something else; nil returns it to what it is.
func (i *interrupts) take(instead func() error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.taken = instead
}
