package image

import (
	"context"
	"errors"
	"go/build"
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
func Detect(dir string) (Spec, error) {
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
	linux := build.Default
	linux.GOOS, linux.CgoEnabled = "linux", false
	p, err := linux.ImportDir(dir, 0)
	if p != nil && p.Name == "main" {
		return Spec{Dir: dir, Go: "."}, nil // what else is wrong with it, the build tells better
	}
	var none *build.NoGoError
	var several *build.MultiplePackageError
	if err != nil && !errors.As(err, &none) && !errors.As(err, &several) && p.Name == "" {
		return Spec{}, err
	}
	what := "nothing to build in " + dir + ": there is neither a Dockerfile nor a Go main package"
	ways := "add a Dockerfile, or say what to build with `build: {go: ./cmd/NAME}` or `build: {dockerfile: PATH}`, " +
		"or run an image that is there with `image: REF` or --image REF"
	if found := mains(dir); len(found) > 0 {
		ways = "Go main packages further down: " + strings.Join(found, ", ") + ". Choose one with `build: {go: " + found[0] + "}`, " +
			"or add a Dockerfile, or run an image that is there with `image: REF` or --image REF"
	}
	return Spec{}, &Error{What: what, Ways: ways}
}

// mains lists the first main packages below dir, as they would be written in a manifest. It serves an error's hint alone,
// so that whatever goes wrong with it (no go tool, no module, too slow) is an empty list.
func mains(dir string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second) //nolint:forbidigo // three seconds, for a hint
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
