package image

import (
	"context"
	"errors"
	"go/build/constraint"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// dockerfiles are the names that a Dockerfile goes by, in the order they are looked for.
var dockerfiles = []string{"Dockerfile", "Containerfile"}

// Detect finds what to build in dir: the Dockerfile there, else the Go main package there. Where there is neither, the
// error is an [*Error] that says the ways out.
func Detect(ctx context.Context, dir string) (Spec, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Spec{}, err
	}
	for _, name := range dockerfiles {
		info, err := os.Stat(filepath.Join(dir, name))
		if err == nil && info.Mode().IsRegular() {
			return Spec{Dir: dir, Dockerfile: name}, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Spec{}, err
		}
	}
	main, err := isMain(dir)
	if main || err != nil {
		return Spec{Dir: dir, Go: "."}, err // what else is wrong with it, the build tells better
	}
	what := "nothing to build in " + dir + ": there is neither a Dockerfile nor a Go main package"
	ways := "add a Dockerfile, or say what to build with `build: {go: ./cmd/NAME}` or `build: {dockerfile: PATH}`, " +
		"or run an image that is there with `image: REF` or --image REF"
	if found := mains(ctx, dir); len(found) > 0 {
		ways = "Go main packages further down: " + strings.Join(found, ", ") + ". Choose one with `build: {go: " + found[0] + "}`, " +
			"or add a Dockerfile, or run an image that is there with `image: REF` or --image REF"
	}
	return Spec{}, &Error{What: what, Ways: ways}
}

// isMain says whether a file of dir that a build for Linux takes begins with "package main". The go tool may not be there
// to ask, and go/build would add half a megabyte to the program.
func isMain(dir string) (bool, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return false, err
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return false, err
		}
		if name, built := packageClause(string(text)); built && name == "main" {
			return true, nil
		}
	}
	return false, nil
}

// packageClause reads the head of a Go file: the name of its package, and whether its build constraint holds on Linux.
func packageClause(text string) (name string, built bool) {
	built, comment := true, false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if comment {
			line, comment = cutEnd(line)
		}
		for strings.HasPrefix(line, "/*") {
			line, comment = cutEnd(line[2:])
		}
		if name, ok := strings.CutPrefix(line, "package "); ok {
			name, _, _ = strings.Cut(name, "//")
			return strings.TrimSpace(name), built
		}
		if constraint.IsGoBuild(line) {
			if x, err := constraint.Parse(line); err == nil {
				built = x.Eval(func(tag string) bool {
					return tag == "linux" || tag == "unix" || tag == "amd64" || strings.HasPrefix(tag, "go1.")
				})
			}
		}
	}
	return "", false
}

// cutEnd is what stands behind the end of a comment, and whether the comment goes on in the next line.
func cutEnd(line string) (after string, goesOn bool) {
	_, after, ended := strings.Cut(line, "*/")
	return strings.TrimSpace(after), !ended
}

// mains lists the first main packages below dir, as they would be written in a manifest. It serves an error's hint alone,
// so that whatever goes wrong with it (no go tool, no module, too slow) is an empty list.
func mains(ctx context.Context, dir string) []string {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second) // no longer, for a hint
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "list", "-e", "-find", "-f", `{{if eq .Name "main"}}{{.Dir}}{{end}}`, "./...")
	cmd.Dir, cmd.Env = dir, Spec{}.goEnv()
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return nil
	}
	var found []string
	for path := range strings.Lines(string(out)) {
		rel, err := filepath.Rel(dir, strings.TrimSpace(path))
		if err == nil && filepath.IsLocal(rel) && len(found) < 5 {
			found = append(found, "./"+filepath.ToSlash(rel))
		}
	}
	return found
}
