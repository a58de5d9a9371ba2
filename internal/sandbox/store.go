package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// A store keeps the state as one file, and what only grows (log events, blobs) in files of their own.
type store interface {
	lock() (unlock func(), err error) // against other processes
	changed() ([]byte, error)         // the state, if it is not the one last seen; else nil
	save(state []byte) error
	append(name string, line []byte) error // a line to a file
	read(name string) ([]byte, error)      // nil when there is no such file
	remove(name string) error
	dir() string // "" in memory
}

func openStore(dir string) (store, error) {
	if dir == "" {
		return &memory{files: map[string][]byte{}}, nil
	}
	return &folder{path: dir}, os.MkdirAll(dir, 0o700)
}

// memory is a store that ends with the process.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (m *memory) lock() (func(), error)    { return func() {}, nil }
func (m *memory) changed() ([]byte, error) { return nil, nil }
func (m *memory) save([]byte) error        { return nil }
func (m *memory) dir() string              { return "" }
func (m *memory) remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, name)
	return nil
}

func (m *memory) read(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.files[name], nil
}

func (m *memory) append(name string, line []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = append(append(m.files[name], line...), '\n')
	return nil
}

// folder is a store in files. The state is replaced by a rename: a kill at any byte leaves the last whole one.
type folder struct {
	path string
	seen os.FileInfo
}

func (f *folder) dir() string { return f.path }

func (f *folder) state() string { return filepath.Join(f.path, "state.json") }

func (f *folder) changed() ([]byte, error) {
	info, err := os.Stat(f.state())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil || f.seen != nil && os.SameFile(info, f.seen) && info.ModTime().Equal(f.seen.ModTime()) {
		return nil, err
	}
	f.seen = info
	return os.ReadFile(f.state())
}

func (f *folder) save(state []byte) error {
	tmp := f.state() + ".new"
	if err := os.WriteFile(tmp, state, 0o600); err != nil {
		return err
	}
	if err := os.Rename(tmp, f.state()); err != nil {
		return err
	}
	info, err := os.Stat(f.state())
	f.seen = info
	return err
}

func (f *folder) append(name string, line []byte) error {
	path := filepath.Join(f.path, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	w, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return errors.Join(err, w.Close())
}

func (f *folder) read(name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(f.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (f *folder) remove(name string) error {
	err := os.Remove(filepath.Join(f.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
