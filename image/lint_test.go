package image

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fargatectl/fargatectl/image/dockerfile"
	"github.com/fargatectl/fargatectl/image/lint"
)

// lintedIn lints the Dockerfile of a folder with these files; "" as a name is the Dockerfile.
func lintedIn(t *testing.T, b *Built, s Spec, files ...string) ([]string, error) {
	t.Helper()
	s.Dir = t.TempDir()
	for _, f := range files {
		name, text, _ := strings.Cut(f, ":")
		if err := os.MkdirAll(filepath.Dir(filepath.Join(s.Dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := s.Lint(b, lint.Options{Port: 8080})
	var said []string
	for _, f := range found {
		said = append(said, strings.TrimSuffix(strings.SplitAfterN(f.String(), ":", 3)[1], ":")+" "+f.Rule)
	}
	return said, err
}

// What .dockerignore leaves out is not copied, and what the image has counts more than what the Dockerfile lacks.
func TestLint(t *testing.T) {
	t.Parallel()
	const file = "Dockerfile:FROM base:1@sha256:00\nCOPY . .\nHEALTHCHECK NONE\n"
	ofUser := &Built{Config: &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{User: "app"}}, Size: 500e6 + 1}
	for _, c := range []struct {
		name  string
		b     *Built
		files []string
		want  []string
	}{
		{"alone", nil, []string{file, ".env:A=b"}, []string{"1 non-root", "2 secret-in-copy", "2 no-dockerignore"}},
		{"ignored", nil, []string{file, ".env:A=b", ".dockerignore:.e*"}, []string{"1 non-root"}},
		{"built", ofUser, []string{file, "Dockerfile.dockerignore:x"}, []string{"1 image-size"}},
		{"kept by an engine", &Built{kept: &kept{}}, []string{file, ".dockerignore:x"}, []string{"1 non-root"}},
	} {
		got, err := lintedIn(t, c.b, Spec{Dockerfile: "Dockerfile"}, c.files...)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q %v, want %q", c.name, got, err, c.want)
		}
	}
}

// A Dockerfile that only its builder can read is an error before it is built; afterwards the image speaks for it.
func TestLintOfAnotherLanguage(t *testing.T) {
	t.Parallel()
	s := Spec{Dockerfile: "Dockerfile", Dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(s.Dir, "Dockerfile"), []byte("FROM a\nINCLUDE b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var at *dockerfile.Error
	if _, err := s.Lint(nil, lint.Options{}); !errors.As(err, &at) || at.Line != 2 {
		t.Errorf("%v", err)
	}
	found, err := s.Lint(&Built{Config: &v1.ConfigFile{OS: "linux", Architecture: "amd64"}}, lint.Options{})
	if err != nil || len(found) != 1 || found[0].Rule != "non-root" || found[0].Line != 0 {
		t.Errorf("%v %v", found, err)
	}
}
