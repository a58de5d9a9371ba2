package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A goPackage is what is needed of one object of `go list -json`.
type goPackage struct {
	ImportPath, Name, Dir                          string
	Standard, DepOnly                              bool
	Module                                         *goModule
	GoFiles, SFiles, HFiles, SysoFiles, EmbedFiles []string
}

// A goModule is the module of a package. Sum is empty for what lies outside the module cache: the main module, a
// replacement by a folder, a vendored package.
type goModule struct {
	Path, Version, Sum, GoMod string
	Main                      bool
	Replace                   *goModule
}

// listFields are the fields of a goPackage; naming them spares the go tool the rest.
const listFields = "-json=ImportPath,Name,Dir,Standard,DepOnly,Module,GoFiles,SFiles,HFiles,SysoFiles,EmbedFiles"

// settings are those of the go tool's settings that change what it builds.
type settings struct{ GOVERSION, GOAMD64, GOARM64, GOEXPERIMENT, GOFIPS140, GOWORK string }

// goEnv is the user's environment for the go tool: proxies, private modules and caches are theirs, what is built is not.
func (s Spec) goEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains([]string{"CGO_ENABLED", "GOOS", "GOARCH", "GOFLAGS"}, name)
	})
	// GOFLAGS is set, not just taken away: a value kept by `go env -w` would count otherwise.
	if s.alone {
		env = append(env, "GOWORK=off")
	}
	return append(env, "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+s.platform().Architecture, "GOFLAGS=-buildvcs=false")
}

// goFlags are the flags of the build. Without -trimpath and -buildvcs=false the binary would hold the folder it was built
// in and the state of its repository.
func (s Spec) goFlags() []string {
	return append([]string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w"}, s.goTags()...)
}

// goTags brings the time zones into a binary that finds none in its image.
func (s Spec) goTags() []string {
	if s.Base != "" || s.alone {
		return nil
	}
	return []string{"-tags=timetzdata"}
}

// goTarget is the package as the go tool wants it: a path that begins with a dot is never taken for one of a module.
func (s Spec) goTarget() string {
	p := filepath.ToSlash(filepath.Clean(s.Go))
	if p == "." || p == ".." || strings.HasPrefix(p, "../") || filepath.IsAbs(p) {
		return p
	}
	return "./" + p
}

// goRun runs the go tool in the folder and returns its standard output.
func (s Spec) goRun(ctx context.Context, say func(string), show string, args ...string) ([]byte, error) {
	bin, err := exec.LookPath("go")
	if err != nil {
		return nil, &Error{
			What: "the go tool is not on PATH, and the image is built from the Go package " + s.Go,
			Ways: "install Go (https://go.dev/dl), or add a Dockerfile, or run an image that is there with --image REF",
			Err:  err,
		}
	}
	var out bytes.Buffer
	t := tool{dir: s.Dir, env: s.goEnv(), show: show}
	err = t.run(ctx, nil, &out, say, append([]string{bin}, args...)...)
	return out.Bytes(), err
}

// goList lists the package to build with everything it imports, the package itself last.
func (s Spec) goList(ctx context.Context) ([]goPackage, error) {
	args := append([]string{"list", "-deps", listFields}, s.goTags()...)
	out, err := s.goRun(ctx, nil, "go list "+s.Go, append(args, "--", s.goTarget())...)
	if failed, ok := errors.AsType[*BuildError](err); ok && strings.HasPrefix(failed.Tail, "go: go.mod file not found") {
		return nil, &Error{What: "there is no go.mod in " + s.Dir + " or above it", Ways: "make it with: go mod init NAME && go mod tidy"}
	}
	if err != nil {
		return nil, err
	}
	var list []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p goPackage
		if err := dec.Decode(&p); err != nil {
			return nil, fmt.Errorf("go list %s: %w", s.Go, err)
		}
		list = append(list, p)
	}
	roots := slices.DeleteFunc(slices.Clone(list), func(p goPackage) bool { return p.DepOnly })
	if len(roots) != 1 {
		return nil, &Error{
			What: fmt.Sprintf("%s names %d Go packages", s.Go, len(roots)),
			Ways: "`build: {go: PACKAGE}` takes one main package, such as . or ./cmd/api",
		}
	}
	if p := roots[0]; p.Name != "main" {
		ways := "`build: {go: PACKAGE}` takes a main package, such as . or ./cmd/api"
		if found := mains(ctx, s.Dir); len(found) > 0 {
			ways += "; here there is " + strings.Join(found, ", ")
		}
		return nil, &Error{What: fmt.Sprintf("%s is package %s, not a main package", s.Go, p.Name), Ways: ways}
	}
	return list, nil
}

// goSettings asks the go tool for the settings in force in the folder: go.mod may choose another toolchain.
func (s Spec) goSettings(ctx context.Context) (set settings, err error) {
	out, err := s.goRun(ctx, nil, "go env", "env", "-json", "GOVERSION", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOFIPS140", "GOWORK")
	if err != nil {
		return set, err
	}
	return set, json.Unmarshal(out, &set)
}

// hashGo hashes the inputs of a Go build.
func (s Spec) hashGo(ctx context.Context, h inputs) error {
	list, err := s.goList(ctx)
	if err != nil {
		return err
	}
	set, err := s.goSettings(ctx)
	if err != nil {
		return err
	}
	h.line("go", set.GOVERSION, set.GOAMD64, set.GOARM64, set.GOEXPERIMENT, set.GOFIPS140)
	h.line(s.goFlags()...)
	h.line("base", s.Base)
	if s.Base == "" {
		h.line("roots", string(rootsPEM()))
	}
	if err := hashModules(h, list, set.GOWORK); err != nil {
		return err
	}
	for _, p := range list {
		if p.Standard { // the toolchain's version covers them
			continue
		}
		if err := p.hash(h); err != nil {
			return err
		}
	}
	return nil
}

// hashModules hashes go.mod and go.sum of the modules that are worked on, and the workspace's files if there is one.
func hashModules(h inputs, list []goPackage, work string) error {
	var files []string
	if work != "" && work != "off" {
		files = append(files, work, work+".sum")
	}
	for _, p := range list {
		if m := p.Module; m != nil && m.Main && !slices.Contains(files, m.GoMod) {
			files = append(files, m.GoMod, strings.TrimSuffix(m.GoMod, ".mod")+".sum")
		}
	}
	for _, name := range files {
		h.line("module file", filepath.Base(name))
		if err := hashFile(h, name); err != nil && !errors.Is(err, fs.ErrNotExist) { // no dependencies, no go.sum
			return err
		}
	}
	return nil
}

// hash adds a package: by its module's checksum where it comes from the module cache, else by its files.
func (p goPackage) hash(h inputs) error {
	h.line("package", p.ImportPath)
	m := p.Module
	if m != nil && m.Replace != nil {
		m = m.Replace
	}
	if m != nil && m.Sum != "" {
		h.line("sum", m.Path, m.Version, m.Sum)
		return nil
	}
	files := slices.Concat(p.GoFiles, p.SFiles, p.HFiles, p.SysoFiles, p.EmbedFiles)
	if !p.DepOnly { // the profile that -pgo=auto takes
		if _, err := os.Stat(filepath.Join(p.Dir, "default.pgo")); err == nil {
			files = append(files, "default.pgo")
		}
	}
	slices.Sort(files)
	for _, name := range slices.Compact(files) {
		h.line("file", filepath.ToSlash(name))
		if err := hashFile(h, filepath.Join(p.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func hashFile(h inputs, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(h.content(f), f.Close())
}

// buildGo builds the binary and puts it into an image of one layer, on the base if there is one.
func (s Spec) buildGo(ctx context.Context, b *Built, say func(string)) error {
	if _, err := s.goList(ctx); err != nil { // go build makes an archive of what is not a main package, silently
		return err
	}
	set, err := s.goSettings(ctx)
	if err != nil {
		return err
	}
	b.Tool = set.GOVERSION
	say("go build " + s.Go + " for " + s.platform().String())
	binary := filepath.Join(b.dir, "app")
	args := append([]string{"build", "-o", binary}, s.goFlags()...)
	if _, err := s.goRun(ctx, say, "go build "+s.Go, append(args, "--", s.goTarget())...); err != nil {
		return err
	}
	b.Image, err = s.assemble(ctx, binary)
	return err
}
