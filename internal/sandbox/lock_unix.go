//go:build unix

package sandbox

import (
	"os"
	"path/filepath"
	"syscall"
)

// lock is held for one request; the system gives it back when the process dies.
func (f *folder) lock() (func(), error) {
	l, err := os.OpenFile(filepath.Join(f.path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(l.Fd()), syscall.LOCK_EX); err != nil {
		_ = l.Close()
		return nil, err
	}
	return func() { _ = l.Close() }, nil
}
