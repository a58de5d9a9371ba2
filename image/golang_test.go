package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"debug/elf"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const hello = "../testdata/hello"

// folder writes files (name → content; a name that ends with a slash is a folder) into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	return dir
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// module is a small Go module with two packages, an embedded file and a command.
var module = map[string]string{
	"go.mod":               "module example.com/m\n\ngo 1.24\n",
	"main.go":              "package main\n\nimport \"example.com/m/text\"\n\nfunc main() { println(text.Hello) }\n",
	"text/text.go":         "package text\n\nimport _ \"embed\"\n\n//go:embed hello.txt\nvar Hello string\n",
	"text/hello.txt":       "hello\n",
	"text/text_test.go":    "package text\n",
	"other/other.go":       "package other\n",
	"cmd/job/main.go":      "package main\n\nfunc main() {}\n",
	"text/text_windows.go": "package text\n",
}

func tagOf(t *testing.T, s Spec) string {
	t.Helper()
	tag, err := s.Tag(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func mustBuild(t *testing.T, s Spec) *Built {
	t.Helper()
	b, err := s.Build(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestGoTagFollowsTheInputs(t *testing.T) {
	t.Parallel()
	dir := folder(t, module)
	spec := Spec{Dir: dir, Go: "."}
	first := tagOf(t, spec)
	if !strings.HasPrefix(first, "src-") || len(first) != 24 {
		t.Errorf("tag %q, want src- and 20 digits", first)
	}
	other := folder(t, module)
	later := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(other, "main.go"), later, later); err != nil {
		t.Fatal(err)
	}
	same := map[string]map[string]string{
		"another folder, other times":  {},
		"a test":                       {"text/text_test.go": "package text\n\nvar X int\n"},
		"a package that is not used":   {"other/other.go": "package other\n\nvar X int\n"},
		"a file for another system":    {"text/text_windows.go": "package text\n\nvar X int\n"},
		"the manifest and other files": {"fargatectl.yaml": "project_name: x\n", "README.md": "x", ".git/HEAD": "x"},
	}
	for name, change := range same {
		dir := folder(t, module)
		write(t, dir, change)
		if got := tagOf(t, Spec{Dir: dir, Go: "."}); got != first {
			t.Errorf("%s: tag %s, want %s", name, got, first)
		}
	}
	differ := map[string]map[string]string{
		"the main package": {"main.go": "package main\n\nfunc main() {}\n"},
		"an imported one":  {"text/text.go": module["text/text.go"] + "\nvar X int\n"},
		"an embedded file": {"text/hello.txt": "hallo\n"},
		"go.mod":           {"go.mod": "module example.com/m\n\ngo 1.25\n"},
		"go.sum":           {"go.sum": "\n"},
		"a profile":        {"default.pgo": ""},
		"a file more":      {"text/more.go": "package text\n"},
	}
	seen := map[string]string{first: "the first"}
	check := func(name string, s Spec) {
		got := tagOf(t, s)
		if before, twice := seen[got]; twice {
			t.Errorf("%s: the same tag as %s", name, before)
		}
		seen[got] = name
	}
	for name, change := range differ {
		dir := folder(t, module)
		write(t, dir, change)
		check(name, Spec{Dir: dir, Go: "."})
	}
	check("platform", Spec{Dir: dir, Go: ".", Platform: "linux/arm64"})
	check("base", Spec{Dir: dir, Go: ".", Base: "gcr.io/distroless/static"})
	check("package", Spec{Dir: dir, Go: "./cmd/job"})
	if got := tagOf(t, Spec{Dir: dir, Go: ".", Platform: "linux/amd64"}); got != first {
		t.Error("linux/amd64 is the default platform and must not change the tag")
	}
	if got, want := tagOf(t, Spec{Dir: dir, Go: "cmd/job/"}), tagOf(t, Spec{Dir: dir, Go: "./cmd/job"}); got != want {
		t.Error("cmd/job/ and ./cmd/job are the same package")
	}
}

func TestGoTagIgnoresTheUsersFlags(t *testing.T) {
	want := tagOf(t, Spec{Dir: hello, Go: "."})
	t.Setenv("GOFLAGS", "-tags=netgo -mod=mod")
	t.Setenv("GOOS", "windows")
	t.Setenv("CGO_ENABLED", "1")
	if got := tagOf(t, Spec{Dir: hello, Go: "."}); got != want {
		t.Errorf("tag %s, want %s", got, want)
	}
}

// TestGoTagKnowsModules needs a package with dependencies from the module cache: our own.
func TestGoTagKnowsModules(t *testing.T) {
	t.Parallel()
	s := Spec{Dir: "..", Go: "."}
	if a, b := tagOf(t, s), tagOf(t, s); a != b {
		t.Errorf("%s, then %s", a, b)
	}
	p := goPackage{ImportPath: "a/b", Module: &goModule{Path: "a", Version: "v1", Sum: "h1:x"}}
	sums := map[string]bool{}
	for _, m := range []goModule{{Path: "a", Version: "v1", Sum: "h1:x"}, {Path: "a", Version: "v1", Sum: "h1:y"}, {Path: "a", Version: "v1", Replace: &goModule{Path: "c", Version: "v2", Sum: "h1:z"}}} {
		p.Module = &m
		h := newHash()
		if err := p.hash(h); err != nil {
			t.Fatal(err)
		}
		sums[h.sum()] = true
	}
	if len(sums) != 3 {
		t.Errorf("%d hashes of three modules", len(sums))
	}
}

// entries reads the only layer of an image: name → header and content.
func entries(t *testing.T, img v1.Image) (map[string]*tar.Header, map[string][]byte) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	r, err := layers[len(layers)-1].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	headers, content := map[string]*tar.Header{}, map[string][]byte{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return headers, content
		}
		if err != nil {
			t.Fatal(err)
		}
		headers[h.Name] = h
		if content[h.Name], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGoBuildIsReproducible(t *testing.T) {
	t.Parallel()
	var first v1.Hash
	for i := range 3 {
		dir := folder(t, module)
		spec := Spec{Dir: dir, Go: "."}
		if i == 2 {
			write(t, dir, map[string]string{"text/hello.txt": "other"})
		}
		b := mustBuild(t, spec)
		switch {
		case i == 0:
			first = b.Digest
		case (b.Digest == first) != (i == 1):
			t.Errorf("build %d: digest %s, the first %s", i, b.Digest, first)
		}
	}
}

func TestGoBuildOnScratch(t *testing.T) {
	t.Parallel()
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		var said []string
		b, err := Spec{Dir: hello, Go: ".", Platform: "linux/" + arch}.Build(t.Context(), func(l string) { said = append(said, l) })
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		c := b.Config
		if c.OS != "linux" || c.Architecture != arch || c.Config.User != "65532:65532" || !slices.Equal(c.Config.Entrypoint, []string{"/app"}) || len(c.Config.ExposedPorts) != 0 {
			t.Errorf("configuration %+v", c)
		}
		if len(said) == 0 || b.Took <= 0 || b.Size <= 0 || !strings.HasPrefix(b.Tool, "go1.") {
			t.Errorf("said %q, took %s, size %d, tool %q", said, b.Took, b.Size, b.Tool)
		}
		headers, content := entries(t, b.Image)
		want := []string{"app", "etc/", "etc/ssl/", "etc/ssl/certs/", "etc/ssl/certs/ca-certificates.crt", "tmp/"}
		if got := slices.Sorted(maps.Keys(headers)); !slices.Equal(got, want) {
			t.Errorf("layer holds %q, want %q", got, want)
		}
		for _, h := range headers {
			if h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(time.Unix(0, 0)) {
				t.Errorf("%s: owner %d:%d, time %s", h.Name, h.Uid, h.Gid, h.ModTime)
			}
		}
		if headers["app"].Mode != 0o755 || headers["tmp/"].Mode != 0o1777 {
			t.Errorf("modes %o of app, %o of tmp", headers["app"].Mode, headers["tmp/"].Mode)
		}
		f, err := elf.NewFile(bytes.NewReader(content["app"]))
		if err != nil {
			t.Fatal(err)
		}
		if libs, err := f.ImportedLibraries(); f.Machine != machine || err != nil || len(libs) != 0 {
			t.Errorf("binary for %s with libraries %q (%v)", f.Machine, libs, err)
		}
		if !bytes.Contains(content["app"], []byte("Europe/Berlin")) {
			t.Error("the binary holds no time zones")
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(content["etc/ssl/certs/ca-certificates.crt"]) || !bytes.Equal(content["etc/ssl/certs/ca-certificates.crt"], rootsPEM()) {
			t.Error("no root certificates")
		}
	}
}

func TestRootsHoldAmazons(t *testing.T) {
	t.Parallel()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(rootsPEM())
	found := false
	for _, name := range pool.Subjects() { //nolint:staticcheck // not the system's pool, for which it is deprecated
		found = found || bytes.Contains(name, []byte("Amazon Root CA 1"))
	}
	if !found {
		t.Error("without Amazon Root CA 1 no AWS endpoint can be called")
	}
}

func TestGoErrors(t *testing.T) {
	t.Parallel()
	broken := maps.Clone(module)
	broken["main.go"] = "package main\n\nfunc main() {\n\tundefined()\n}\n"
	missing := maps.Clone(module)
	missing["main.go"] = "package main\n\nimport \"example.com/m/nothing\"\n\nfunc main() { nothing.Do() }\n"
	for name, c := range map[string]struct {
		files      map[string]string
		pkg        string
		what, hint string
	}{
		"does not compile": {broken, ".", "./main.go:4:2: undefined: undefined", ""},
		"missing package":  {missing, ".", "main.go:3:8: no required module provides package example.com/m/nothing", ""},
		"not main":         {module, "./text", "./text is package text, not a main package", "., ./cmd/job"},
		"not there":        {module, "./nothing", "directory not found", ""},
		"many":             {module, "./...", "./... names 4 Go packages", "one main package"},
		"a flag":           {module, "-toolexec=x", "directory not found", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Spec{Dir: folder(t, c.files), Go: c.pkg}.Build(t.Context(), nil)
			if err == nil || !strings.Contains(err.Error(), c.what) {
				t.Fatalf("error %v, want %q", err, c.what)
			}
			var e *Error
			if c.hint != "" && (!errors.As(err, &e) || !strings.Contains(e.Hint(), c.hint)) {
				t.Errorf("error %#v, want a hint with %q", err, c.hint)
			}
		})
	}
}

func TestGoNotInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Spec{Dir: hello, Go: "."}.Tag(t.Context())
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "go tool is not on PATH") || !strings.Contains(e.Hint(), "--image") {
		t.Errorf("error %v", err)
	}
}

func TestGoBuildStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Spec{Dir: hello, Go: "."}).Build(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A package without a module says what is missing, not how the go tool was called.
func TestNoModule(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"main.go": "package main\n\nfunc main() {}\n"})
	_, err := Spec{Dir: dir, Go: "."}.Tag(t.Context())
	if e, ok := errors.AsType[*Error](err); !ok || e.What != "there is no go.mod in "+dir+" or above it" || !strings.Contains(e.Ways, "go mod init") {
		t.Errorf("error %v", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Spec{
		"exactly one of them":                  {Dir: hello},
		`platform "linux/s390x" is not one`:    {Dir: hello, Go: ".", Platform: "linux/s390x"},
		"base image alpine lies in a registry": {Dir: hello, Go: ".", Base: "alpine", Offline: true},
		"/nothing to build":                    {Dir: hello + "/nothing", Go: "."},
		"main.go is not a folder":              {Dir: hello + "/main.go", Go: "."},
	} {
		if _, err := s.Tag(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("tag: error %v, want %q", err, want)
		}
		if _, err := s.Build(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("build: error %v, want %q", err, want)
		}
	}
}

func TestDetect(t *testing.T) {
	t.Parallel()
	docker := maps.Clone(module)
	docker["Dockerfile"] = "FROM scratch\n"
	library := maps.Clone(module)
	delete(library, "main.go")
	ignored := map[string]string{"go.mod": module["go.mod"], "gen.go": "//go:build ignore\n\npackage main\n"}
	for name, c := range map[string]struct {
		files map[string]string
		want  Spec
		hint  string
	}{
		"Dockerfile first":  {docker, Spec{Dockerfile: "Dockerfile"}, ""},
		"Containerfile":     {map[string]string{"Containerfile": "FROM scratch\n"}, Spec{Dockerfile: "Containerfile"}, ""},
		"Go":                {module, Spec{Go: "."}, ""},
		"main further down": {library, Spec{}, "`build: {go: ./cmd/job}`"},
		"head of comments":  {map[string]string{"a.go": "// Copyright\n\n/* Package main\nis\n*/ /* more */\n//go:build linux && go1.18\n\npackage main // here\n"}, Spec{Go: "."}, ""},
		"another system":    {map[string]string{"a.go": "//go:build windows\n\npackage main\n"}, Spec{}, "--image REF"},
		"a test":            {map[string]string{"a_test.go": "package main\n"}, Spec{}, "--image REF"},
		"ignored file":      {ignored, Spec{}, "--image REF"},
		"nothing":           {map[string]string{"index.html": ""}, Spec{}, "--image REF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, c.files)
			got, err := Detect(t.Context(), dir)
			var e *Error
			switch {
			case c.hint != "" && (!errors.As(err, &e) || !strings.Contains(e.Hint(), c.hint)):
				t.Errorf("error %v, want a hint with %q", err, c.hint)
			case c.hint == "" && err != nil:
				t.Error(err)
			case c.hint == "" && (got.Dir != dir || got.Go != c.want.Go || got.Dockerfile != c.want.Dockerfile):
				t.Errorf("%+v, want %+v in %s", got, c.want, dir)
			}
		})
	}
}

// TestSample runs the sample's own test: it is a module of its own, which `go test ./...` leaves out.
func TestSample(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = hello
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %s: %v\n%s", args[0], err, out)
		}
	}
}
