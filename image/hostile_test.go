package image

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// hinted is an error's text with its hint.
func hinted(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Ways != "" {
		return err.Error() + "; " + e.Ways
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// opened opens the context of a folder with a Dockerfile.
func opened(t *testing.T, dir string) *buildContext {
	t.Helper()
	c, err := Spec{Dir: dir, Dockerfile: "Dockerfile"}.openContext()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.close() }) // opened for reading
	return c
}

// Patterns that name nothing in the folder do nothing; those that mean nothing are an error that names the file.
func TestIgnoreFiles(t *testing.T) {
	t.Parallel()
	files := map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", "a": "", "b/c": ""}
	all := []string{".dockerignore", "Dockerfile", "a", "b/", "b/c"}
	for pattern, want := range map[string][]string{
		"../a": all, "../*": all, "..": all, "b/../../a": all, "!../a": all, "/../a": {".dockerignore", "Dockerfile", "b/", "b/c"},
		"b/../a": {".dockerignore", "Dockerfile", "b/", "b/c"}, "/b": {".dockerignore", "Dockerfile", "a"}, strings.Repeat("**/", 500) + "z": all,
	} {
		dir := folder(t, files)
		write(t, dir, map[string]string{".dockerignore": pattern + "\n"})
		var got []string
		headers, _ := sent(t, Spec{Dir: dir, Dockerfile: "Dockerfile"})
		for name := range headers {
			got = append(got, name)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%.50q: %q, want %q", pattern, got, want)
		}
	}
	for content, want := range map[string]string{
		"a\n[": `.dockerignore: pattern "[": syntax error in pattern`, "!": `.dockerignore: pattern "!": illegal exclusion pattern`, strings.Repeat("x", 1<<20): ".dockerignore: ",
	} {
		dir := folder(t, files)
		write(t, dir, map[string]string{".dockerignore": content})
		if _, err := (Spec{Dir: dir, Dockerfile: "Dockerfile"}).Tag(t.Context()); err == nil || !strings.HasPrefix(err.Error(), want) || len(err.Error()) > 200 {
			t.Errorf("%.50q: error %.300v, want %s", content, err, want)
		}
	}
	for name, make := range map[string]func(string) error{
		"a pipe":         func(f string) error { return syscall.Mkfifo(f, 0o600) },
		"a folder":       func(f string) error { return os.Mkdir(f, 0o755) },
		"a link outside": func(f string) error { return os.Symlink("/etc/passwd", f) },
	} {
		dir := folder(t, files)
		if err := make(filepath.Join(dir, ".dockerignore")); err != nil {
			t.Fatal(err)
		}
		if _, err := (Spec{Dir: dir, Dockerfile: "Dockerfile"}).Tag(t.Context()); err == nil || !strings.Contains(err.Error(), ".dockerignore") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// What never belongs to a context is told to an engine in patterns, whatever signs are in its name.
func TestIgnoreForEngines(t *testing.T) {
	t.Parallel()
	names := []string{"a*b.yaml", "a?.yaml", "a[1].yaml", `a\b.yaml`, "plain.yaml"}
	dir := folder(t, map[string]string{"Dockerfile": "FROM scratch\n", ".dockerignore": "docs\n"})
	c := opened(t, dir)
	c.never = names
	file := filepath.Join(t.TempDir(), "ignore")
	if err := c.writeIgnore(file); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	patterns, err := ignorefile.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(names, []string{"docs"}) {
		if hit, err := m.MatchesOrParentMatches(name); !hit || err != nil {
			t.Errorf("%s is not ignored (%v) by %q", name, err, patterns)
		}
	}
	for _, name := range []string{"aXb.yaml", "aX.yaml", "a1.yaml", `a\Xb.yaml`} {
		if hit, err := m.MatchesOrParentMatches(name); hit || err != nil {
			t.Errorf("%s is ignored (%v) by %q", name, err, patterns)
		}
	}
}

// Names that no engine could send are refused, unless they are ignored; names that differ in their case are two files.
func TestContextNames(t *testing.T) {
	t.Parallel()
	const dockerfile = "FROM scratch\nCOPY . /\n"
	for name, want := range map[string]string{
		"caf\xe9":   `the name "caf\xe9" is not UTF-8, which those in an image are; rename it, or list it in .dockerignore`,
		"\xff/file": `the name "\xff" is not UTF-8`,
	} {
		dir := folder(t, map[string]string{"Dockerfile": dockerfile})
		write(t, dir, map[string]string{name: "x"})
		s := Spec{Dir: dir, Dockerfile: "Dockerfile"}
		if _, err := s.Tag(t.Context()); !strings.HasPrefix(hinted(err), want) {
			t.Errorf("%q: error %v", name, err)
		}
		if _, err := s.Build(t.Context(), nil); !strings.Contains(hinted(err), want) {
			t.Errorf("%q: error %v", name, err)
		}
		write(t, dir, map[string]string{".dockerignore": "caf?\n?\n"})
		tagOf(t, s)
	}
	dir := folder(t, map[string]string{"Dockerfile": dockerfile, ".dockerignore": "Dockerfile\n.dockerignore\n"})
	write(t, dir, map[string]string{"Readme": "1", "README": "2", "new\nline": "3", "caf\u00e9": "4", "cafe\u0301": "5", strings.Repeat("n", 255): "6"})
	b := mustBuild(t, Spec{Dir: dir, Dockerfile: "Dockerfile"})
	if headers, content := entries(t, b.Image); len(headers) != 6 || string(content["Readme"]) != "1" || string(content["README"]) != "2" {
		t.Errorf("%d files: %q", len(headers), content)
	}
}

// A path that no Linux takes can stand in a folder, made part by part.
func TestContextTooDeep(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n"})
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	name := ""
	for range 25 {
		name = strings.TrimPrefix(name+"/"+strings.Repeat("d", 200), "/")
		if err := root.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := root.Close(); err != nil {
		t.Fatal(err)
	}
	s := Spec{Dir: dir, Dockerfile: "Dockerfile"}
	tagOf(t, s)
	if _, err := s.Build(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "Linux takes 4095") {
		t.Errorf("error %.200v", err)
	}
}

// What changes while it is read is an error that names it. Nothing waits for a pipe that has taken a file's place.
func TestContextChanges(t *testing.T) {
	t.Parallel()
	const again = "; run it again when nothing writes to the folder, or list it in .dockerignore"
	for name, c := range map[string]struct {
		change func(file string) error
		want   string
	}{
		"gone":             {os.Remove, "file vanished while the context was read" + again},
		"a pipe":           {func(f string) error { return errors.Join(os.Remove(f), syscall.Mkfifo(f, 0o600)) }, "file is not a file"},
		"a folder":         {func(f string) error { return errors.Join(os.Remove(f), os.Mkdir(f, 0o755)) }, "file is not a file"},
		"a link outside":   {func(f string) error { return errors.Join(os.Remove(f), os.Symlink("/etc/passwd", f)) }, "openat file: path escapes from parent"},
		"shorter":          {func(f string) error { return os.Truncate(f, 2) }, "file changed while the context was read" + again},
		"longer":           {func(f string) error { return os.Truncate(f, 1000) }, "file changed while the context was read" + again},
		"its folder, gone": {func(f string) error { return os.RemoveAll(filepath.Dir(f)) }, "file vanished while the context was read" + again},
	} {
		dir := folder(t, map[string]string{"Dockerfile": "FROM scratch\n", "file": "content"})
		// The stream's header of a file is written before the file is opened.
		done := false
		err := opened(t, dir).send(writerFunc(func(p []byte) (int, error) {
			if !done && bytes.HasPrefix(p, []byte("file\x00")) {
				done = true
				if err := c.change(filepath.Join(dir, "file")); err != nil {
					return 0, err
				}
			}
			return len(p), nil
		}))
		if got := hinted(err); !done || got != c.want {
			t.Errorf("%s: error %s\nwant %s", name, got, c.want)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }
