package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// open reads a file of the context.
func (c *buildContext) open(name string, use func(io.Reader) error) error {
	f, err := c.file(name)
	if err != nil {
		return unreadable(name, err)
	}
	return errors.Join(use(f), f.Close())
}

// file opens a file of the context. What is no file any more since it was seen is refused, and not waited for: opening a
// pipe lasts until somebody writes to it.
func (c *buildContext) file(name string) (*os.File, error) {
	f, err := c.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// unreadable says of an error of the file system what it means for the build.
func unreadable(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return unsteady(name, "vanished")
	case errors.Is(err, fs.ErrPermission):
		return &Error{What: name + " can't be read", Ways: "get the permission to read it, or list it in .dockerignore", Err: fs.ErrPermission}
	}
	return err
}

// unsteady is the error of a file that somebody writes, renames or deletes while the context is read.
func unsteady(name, what string) error {
	return &Error{What: name + " " + what + " while the context was read", Ways: "run it again when nothing writes to the folder, or list it in .dockerignore"}
}
