package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sent reads the stream that a builder gets: name → header and content.
func sent(t *testing.T, s Spec) (map[string]*tar.Header, map[string]string) {
	t.Helper()
	c, err := s.openContext()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var stream bytes.Buffer
	if err := c.send(&stream); err != nil {
		t.Fatal(err)
	}
	// docker looks at the first block alone to see that it is a tar.
	if _, err := tar.NewReader(bytes.NewReader(stream.Bytes()[:512])).Next(); err != nil {
		t.Errorf("docker does not take the stream for a tar: %v", err)
	}
	headers, content := map[string]*tar.Header{}, map[string]string{}
	for tr := tar.NewReader(&stream); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return headers, content
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if h.Name != "./" {
			headers[h.Name], content[h.Name] = h, string(b)
		}
	}
}

func TestContextIgnores(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"Dockerfile": "FROM scratch\n", "app.go": "", "app_test.go": "", "docs/a.md": "", "docs/deep/b.md": "", "docs/deep/c.txt": "",
		"fargatectl.yaml": "", ".git/HEAD": "", ".fargatectl/sandbox/x": "", "sub/.git/HEAD": "", "build/Dockerfile.dev": "FROM scratch\n",
	}
	everything := []string{
		"Dockerfile", "app.go", "app_test.go", "build/", "build/Dockerfile.dev", "docs/", "docs/a.md", "docs/deep/",
		"docs/deep/b.md", "docs/deep/c.txt", "sub/", "sub/.git/", "sub/.git/HEAD",
	}
	without := func(names ...string) []string {
		return slices.DeleteFunc(slices.Clone(everything), func(n string) bool { return slices.Contains(names, n) })
	}
	for name, c := range map[string]struct {
		ignore     map[string]string
		dockerfile string
		want       []string
	}{
		"nothing":        {nil, "", everything},
		"a long name":    {map[string]string{"A" + strings.Repeat("ä", 100): ""}, "", slices.Concat([]string{"A" + strings.Repeat("ä", 100)}, everything)},
		"a pattern":      {map[string]string{".dockerignore": "# tests\n*_test.go\n\n.dockerignore\n"}, "", without("app_test.go")},
		"a folder":       {map[string]string{".dockerignore": "docs/\n.dockerignore"}, "", without("docs/", "docs/a.md", "docs/deep/", "docs/deep/b.md", "docs/deep/c.txt")},
		"any depth":      {map[string]string{".dockerignore": "**/*.md\n.dockerignore"}, "", without("docs/a.md", "docs/deep/b.md")},
		"brought back":   {map[string]string{".dockerignore": "docs\n!docs/deep/c.txt\n.dockerignore"}, "", without("docs/a.md", "docs/deep/b.md")},
		"by a wildcard":  {map[string]string{".dockerignore": "docs\n!**/c.*\n.dockerignore"}, "", without("docs/a.md", "docs/deep/b.md")},
		"the last wins":  {map[string]string{".dockerignore": "!docs/a.md\ndocs/a.md\n.dockerignore"}, "", without("docs/a.md")},
		"all but one":    {map[string]string{".dockerignore": "*\n!app.go"}, "", []string{"Dockerfile", "app.go"}},
		"never back":     {map[string]string{".dockerignore": "*\n!.git\n!.fargatectl\n!fargatectl.yaml"}, "", []string{"Dockerfile"}},
		"the Dockerfile": {map[string]string{".dockerignore": "*"}, "build/Dockerfile.dev", []string{"build/", "build/Dockerfile.dev"}},
		"its own file": {
			map[string]string{".dockerignore": "*", "Dockerfile.dockerignore": "docs\nsub\nbuild\n*dockerignore"},
			"",
			[]string{"Dockerfile", "app.go", "app_test.go"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, files)
			write(t, dir, c.ignore)
			s := Spec{Dir: dir, Dockerfile: "Dockerfile", Exclude: []string{"./fargatectl.yaml"}}
			if c.dockerfile != "" {
				s.Dockerfile = c.dockerfile
			}
			headers, _ := sent(t, s)
			if got := slices.Sorted(maps.Keys(headers)); !slices.Equal(got, c.want) {
				t.Errorf("sent %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestContextEntries(t *testing.T) {
	t.Parallel()
	outside := folder(t, map[string]string{"secret": "secret", "Dockerfile": "FROM scratch\n"})
	dir := folder(t, map[string]string{"real/Dockerfile": "FROM busybox\n", "run.sh": "#!/bin/sh\n", "shared": ""})
	for link, to := range map[string]string{"Dockerfile": "real/Dockerfile", "out": filepath.Join(outside, "secret"), "up": "../..", "broken": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"run.sh": 0o775, "shared": 0o666} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	headers, content := sent(t, Spec{Dir: dir, Dockerfile: "Dockerfile"})
	if headers["Dockerfile"].Typeflag != tar.TypeReg || content["Dockerfile"] != "FROM busybox\n" {
		t.Errorf("a Dockerfile behind a link is sent as %q, %q", headers["Dockerfile"].Typeflag, content["Dockerfile"])
	}
	for link, to := range map[string]string{"out": filepath.Join(outside, "secret"), "up": "../..", "broken": "nowhere"} {
		if h := headers[link]; h == nil || h.Typeflag != tar.TypeSymlink || h.Linkname != to || content[link] != "" {
			t.Errorf("%s: %+v", link, h)
		}
	}
	if len(headers) != 8 {
		t.Errorf("%d entries: something was followed", len(headers))
	}
	if a, b := headers["run.sh"].Mode, headers["shared"].Mode; a != 0o755 || b != 0o646 {
		t.Errorf("modes %o, %o; group write permission must not be sent", a, b)
	}
	for name, h := range headers {
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s belongs to %d:%d %s:%s", name, h.Uid, h.Gid, h.Uname, h.Gname)
		}
	}
	// A Dockerfile must not lie outside, whichever way.
	if err := os.Symlink(filepath.Join(outside, "Dockerfile"), filepath.Join(dir, "Evil")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Evil", "../" + filepath.Base(outside) + "/Dockerfile"} {
		if _, err := (Spec{Dir: dir, Dockerfile: name}).Tag(t.Context()); err == nil || !strings.Contains(err.Error(), "does not lie in the context's folder") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := (Spec{Dir: dir, Dockerfile: "none"}).Tag(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no none in") {
		t.Errorf("error %v", err)
	}
}

func mkfifo(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestContextRefusesWhatNoImageHolds(t *testing.T) {
	t.Parallel()
	short, err := os.MkdirTemp("/tmp", "ctx") //nolint:usetesting // a socket's path has at most 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(short)
	write(t, short, map[string]string{"Dockerfile": "FROM scratch\n"})
	s := Spec{Dir: short, Dockerfile: "Dockerfile"}
	l, err := net.Listen("unix", filepath.Join(short, "app.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := s.Tag(t.Context()); err == nil || err.Error() != "app.sock is a socket, which can't be part of an image" {
		t.Errorf("error %v", err)
	}
	write(t, short, map[string]string{".dockerignore": "app.sock\n"})
	tagOf(t, s)
	mkfifo(t, filepath.Join(short, "pipe"))
	if _, err := s.Tag(t.Context()); err == nil || !strings.Contains(err.Error(), "pipe is a named pipe") {
		t.Errorf("error %v", err)
	}
}

func TestDockerTagFollowsTheInputs(t *testing.T) {
	t.Parallel()
	files := map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", "a": "1", "b/c": "2", ".dockerignore": "ignored\n"}
	make := func(change map[string]string) Spec {
		dir := folder(t, files)
		write(t, dir, change)
		return Spec{Dir: dir, Dockerfile: "Dockerfile", Args: map[string]string{"A": "1", "B": "2"}, Exclude: []string{"fargatectl.yaml"}}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	first := tagOf(t, make(nil))
	same := map[string]func(*Spec){
		"another folder": func(*Spec) {},
		"other times":    func(s *Spec) { must(os.Chtimes(filepath.Join(s.Dir, "a"), time.Unix(1, 0), time.Unix(2, 0))) },
		"umask": func(s *Spec) {
			must(os.Chmod(filepath.Join(s.Dir, "a"), 0o664))
			must(os.Chmod(filepath.Join(s.Dir, "b"), 0o775))
		},
		"ignored": func(s *Spec) {
			write(t, s.Dir, map[string]string{"ignored": "x", ".git/HEAD": "x", ".fargatectl/x": "x", "fargatectl.yaml": "x"})
		},
		"default":                     func(s *Spec) { s.Platform = "linux/amd64" },
		"same Dockerfile":             func(s *Spec) { s.Dockerfile = "./Dockerfile" },
		"base of a Go build, offline": func(s *Spec) { s.Offline = true },
	}
	for name, change := range same {
		s := make(nil)
		change(&s)
		if got := tagOf(t, s); got != first {
			t.Errorf("%s: tag %s, want %s", name, got, first)
		}
	}
	differ := map[string]func(*Spec){
		"content":         func(s *Spec) { write(t, s.Dir, map[string]string{"b/c": "3"}) },
		"a file more":     func(s *Spec) { write(t, s.Dir, map[string]string{"b/d": ""}) },
		"a file less":     func(s *Spec) { must(os.Remove(filepath.Join(s.Dir, "a"))) },
		"a name":          func(s *Spec) { must(os.Rename(filepath.Join(s.Dir, "a"), filepath.Join(s.Dir, "z"))) },
		"an empty folder": func(s *Spec) { must(os.Mkdir(filepath.Join(s.Dir, "e"), 0o755)) },
		"executable":      func(s *Spec) { must(os.Chmod(filepath.Join(s.Dir, "a"), 0o755)) },
		"private":         func(s *Spec) { must(os.Chmod(filepath.Join(s.Dir, "a"), 0o600)) },
		"a link":          func(s *Spec) { must(os.Symlink("a", filepath.Join(s.Dir, "l"))) },
		"another link":    func(s *Spec) { must(os.Symlink("b", filepath.Join(s.Dir, "l"))) },
		"Dockerfile":      func(s *Spec) { write(t, s.Dir, map[string]string{"Dockerfile": "FROM scratch\n"}) },
		"patterns":        func(s *Spec) { write(t, s.Dir, map[string]string{".dockerignore": "a\n"}) },
		"target":          func(s *Spec) { s.Target = "x" },
		"argument":        func(s *Spec) { s.Args["A"] = "2" },
		"moved value":     func(s *Spec) { s.Args = map[string]string{"A": "1B", "": "2"} },
		"no arguments":    func(s *Spec) { s.Args = nil },
		"platform":        func(s *Spec) { s.Platform = "linux/arm64" },
	}
	seen := map[string]string{first: "the first"}
	for name, change := range differ {
		s := make(nil)
		change(&s)
		got := tagOf(t, s)
		if before, twice := seen[got]; twice {
			t.Errorf("%s: the same tag as %s", name, before)
		}
		seen[got] = name
	}
}

// TestDockerTagOfAnIgnoredDockerfile: it is an input although no COPY sees it.
func TestDockerTagOfAnIgnoredDockerfile(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"Dockerfile": "FROM scratch\n", ".dockerignore": "*\n"})
	s := Spec{Dir: dir, Dockerfile: "Dockerfile"}
	before := tagOf(t, s)
	write(t, dir, map[string]string{"Dockerfile": "FROM busybox\n"})
	if tagOf(t, s) == before {
		t.Error("another Dockerfile has the same tag")
	}
}

func BenchmarkDockerTag(b *testing.B) {
	dir := b.TempDir()
	for i := range 10_000 {
		name := filepath.Join(dir, fmt.Sprint("d", i%100), fmt.Sprint("e", i%10), fmt.Sprint(i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, bytes.Repeat([]byte{'x'}, 4000), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), nil, 0o644); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := (Spec{Dir: dir, Dockerfile: "Dockerfile"}).Tag(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
