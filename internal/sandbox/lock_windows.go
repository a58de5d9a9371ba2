package sandbox

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// lock is held for one request; the system gives it back when the process dies.
func (f *folder) lock() (func(), error) {
	l, err := os.OpenFile(filepath.Join(f.path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := windows.LockFileEx(windows.Handle(l.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, new(windows.Overlapped)); err != nil {
		_ = l.Close()
		return nil, err
	}
	return func() { _ = l.Close() }, nil
}
