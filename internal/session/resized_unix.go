//go:build !windows

package session

import (
	"os"
	"os/signal"
	"syscall"
)

// resized says when the window may have another size.
func resized() (changes <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	return c, func() { signal.Stop(c) }
}
