package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	yaml "go.yaml.in/yaml/v4"
)

// Options are what a command knows beside the file.
type Options struct {
	Env    string                      // --env; "" is the default environment
	Domain string                      // --domain; wins over the file's
	Getenv func(string) (string, bool) // nil: os.LookupEnv
}

// Load reads a manifest. A file that isn't there is an error that is fs.ErrNotExist; what is wrong in it is [Errors].
func Load(file string, o Options) (*Manifest, error) {
	f, err := os.Open(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &missing{file}
	case err != nil:
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(&folder{file}, f.Close())
	}
	src, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return Parse(file, src, o)
}

// missing is a manifest that isn't there.
type missing struct{ file string }

func (e *missing) Error() string { return "there is no manifest " + e.file }

// Hint says the ways out.
func (e *missing) Hint() string {
	return "write one, one line is enough (project_name: my-api), or name another file with --file FILE"
}

func (*missing) Unwrap() error { return fs.ErrNotExist }

// Parse reads the text of a manifest; file is its name for messages and for the folder that its paths are relative to.
func Parse(file string, src []byte, o Options) (*Manifest, error) {
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	if format := formats["domain"]; o.Domain != "" && !format.match(o.Domain) {
		return nil, fmt.Errorf("--domain %q: it must be %s, %s", o.Domain, format.what, format.hint)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	s := &source{file: file, places: map[string]place{}, roots: map[string]string{}}
	root, mistake := s.tree(src)
	if mistake != nil {
		return nil, Errors{*mistake}
	}
	r := &reading{
		decoder: &decoder{source: s, getenv: o.Getenv, failed: map[string]bool{}, within: map[string]bool{}},
		m:       &Manifest{File: file, Dir: dir, Env: o.Env, source: s}, o: o,
		names: map[string]given{}, kinds: map[string]kind{}, secrets: map[string]*Secret{}, ids: map[string]place{},
	}
	r.root(root)
	if root.Kind == yaml.MappingNode {
		r.settle()
		r.name()
		r.refer()
		r.check()
	}
	if err := r.result(); err != nil {
		return nil, err
	}
	return r.m, nil
}

// folder is a manifest that is none.
type folder struct{ file string }

func (e *folder) Error() string { return "the manifest " + e.file + " is a folder" }

// Hint says the way out.
func (e *folder) Hint() string {
	return "name the file in it: --file " + filepath.Join(e.file, "fargatectl.yaml")
}
