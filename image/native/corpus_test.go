package native

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const corpus = "../../testdata/dockerfiles"

// A testCase is a folder of the corpus: a Dockerfile and its context. The file "case" says what git can't keep and how it is built.
type testCase struct {
	name, dir  string
	dockerfile string
	target     string
	args       map[string]string
	platform   v1.Platform
	refused    string // by native: the whole message
	fails      bool   // with everyone
	older      string // why Debian's docker (20.10) and buildah (1.28) can't be asked
	buildah    string // why buildah can't
	want       string // what BuildKit made of it
}

// corpusCases reads the corpus, each context in a folder of its own.
func corpusCases(t *testing.T) (cases []*testCase) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(corpus, "*", "Dockerfile"))
	if err != nil || len(found) < 60 {
		t.Fatalf("%d Dockerfiles in the corpus (%v), want 60 at least", len(found), err)
	}
	for _, f := range found {
		c := readCase(t, filepath.Dir(f), t.TempDir())
		age(t, c.dir)
		cases = append(cases, c)
	}
	return cases
}

// readCase copies a case to a folder: modes are set, since git keeps one bit of them.
func readCase(t *testing.T, from, to string) *testCase {
	t.Helper()
	c := &testCase{name: filepath.Base(from), dir: to, dockerfile: "Dockerfile", args: map[string]string{}, platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(from, p)
		if err != nil || rel == "." || rel == "case" || rel == "want" {
			return err
		}
		dst := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return errors.Join(os.Mkdir(dst, 0o755), os.Chmod(dst, 0o755))
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(p)
			return errors.Join(err, os.Symlink(link, dst))
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		info, err := d.Info()
		mode := fs.FileMode(0o644)
		if err == nil && info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		return errors.Join(err, os.WriteFile(dst, b, mode), os.Chmod(dst, mode))
	})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(from, "want")); err == nil {
		c.want = string(b)
	}
	b, err := os.ReadFile(filepath.Join(from, "case"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if err := c.prepare(t, word, rest); err != nil {
			t.Fatalf("%s: case: %s: %v", c.name, line, err)
		}
	}
	return c
}

var moment atomic.Int64

// age gives every file another time: BuildKit takes files of the same size and time for the same file.
func age(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		at := time.Unix(1_500_000_000+moment.Add(10), 0)
		return os.Chtimes(p, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// prepare does a line of the file "case".
func (c *testCase) prepare(t *testing.T, word, rest string) error {
	first, more, _ := strings.Cut(rest, " ")
	at := filepath.Join(c.dir, first)
	switch word {
	case "", "#":
	case "dockerfile":
		c.dockerfile = rest
	case "target":
		c.target = rest
	case "arg":
		k, v, _ := strings.Cut(rest, "=")
		c.args[k] = v
	case "platform":
		c.platform.Architecture = strings.TrimPrefix(rest, "linux/")
	case "refused":
		c.refused = rest
	case "fails":
		c.fails = true
	case "older":
		c.older = rest
	case "buildah":
		c.buildah = rest
	case "mode": // FILE MODE
		var mode uint32
		if _, err := fmt.Sscanf(more, "%o", &mode); err != nil {
			return err
		}
		h := tar.Header{Mode: int64(mode)}
		return os.Chmod(at, h.FileInfo().Mode())
	case "mkdir":
		return os.MkdirAll(at, 0o755)
	case "hardlink": // NEW OLD
		return os.Link(filepath.Join(c.dir, more), at)
	case "tar", "targz": // FILE, then items (see items) separated by semicolons
		b := items(t, strings.ReplaceAll(more, "; ", "\n"))
		if word == "targz" {
			b = gzipped(t, b)
		}
		return os.WriteFile(at, b, 0o644)
	default:
		return errors.New("not a word of a case")
	}
	return nil
}

// folder is a context as package image has it, in few lines.
type folder struct {
	root   *os.Root
	ignore *patternmatcher.PatternMatcher
}

func openFolder(t *testing.T, dir, dockerfile string) folder {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	f := folder{root: root}
	var patterns []string
	for _, name := range []string{dockerfile + ".dockerignore", ".dockerignore"} {
		if r, err := root.Open(name); err == nil {
			if patterns, err = ignorefile.ReadAll(r); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if f.ignore, err = patternmatcher.New(patterns); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f folder) Open(name string) (io.ReadCloser, error) { return f.root.Open(name) }

func (f folder) Walk(visit func(Entry) error) error {
	seen := map[string]bool{}
	var add func(name string) error
	add = func(name string) error {
		if name == "." || seen[name] {
			return nil
		}
		seen[name] = true
		if err := add(path.Dir(name)); err != nil {
			return err
		}
		info, err := f.root.Lstat(name)
		if err != nil {
			return err
		}
		e := Entry{Name: name, Mode: info.Mode(), Size: info.Size()}
		if e.Mode&fs.ModeSymlink != 0 {
			e.Link, err = f.root.Readlink(name)
		}
		return errors.Join(err, visit(e))
	}
	return fs.WalkDir(f.root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		ignored, err := f.ignore.MatchesOrParentMatches(name)
		if err != nil || ignored {
			return err
		}
		return add(name)
	})
}

// options are those of a case.
func (c *testCase) options(t *testing.T) Options {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, c.dockerfile))
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Dockerfile: text, Name: c.dockerfile, Target: c.target, Args: c.args, Platform: c.platform,
		Context: openFolder(t, c.dir, c.dockerfile), Dir: t.TempDir(), Base: baseOf,
		Fetch: func(context.Context, string) (io.ReadCloser, error) {
			return nil, errors.New("nothing outside is asked")
		},
	}
}

// described is an image as text: configuration, history and every file, with all that must agree between builders.
func described(t *testing.T, img v1.Image) string {
	t.Helper()
	var out strings.Builder
	raw, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Architecture, OS, Variant, Author string
		Config                            map[string]any
		History                           []struct {
			By    string `json:"created_by"`
			Empty bool   `json:"empty_layer"`
		}
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&out, strings.TrimSpace(strings.Join([]string{"platform", c.OS + "/" + c.Architecture, c.Variant}, " ")))
	if c.Author != "" {
		fmt.Fprintln(&out, "author", c.Author)
	}
	for _, k := range slices.Sorted(maps.Keys(c.Config)) {
		if v, err := json.Marshal(c.Config[k]); err == nil && !emptyValue(c.Config[k]) {
			fmt.Fprintln(&out, "config", k, string(v))
		}
	}
	for _, h := range c.History {
		kind := "layer"
		if h.Empty {
			kind = "empty"
		}
		fmt.Fprintln(&out, "history", kind, strings.TrimSuffix(h.By, " # buildkit"))
	}
	out.WriteString(listed(t, mutate.Extract(img)))
	return out.String()
}

// emptyValue: what is not there and what is empty mean the same; which one is written differs between builders.
func emptyValue(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// listed is every entry of a tar in the order of its paths.
func listed(t *testing.T, r io.ReadCloser) string {
	t.Helper()
	defer r.Close()
	lines, contents := map[string]string{}, map[string]string{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := path.Join("/", h.Name)
		if name == "/" {
			continue
		}
		what := ""
		switch h.Typeflag {
		case tar.TypeReg:
			b, err := io.ReadAll(tr)
			if err != nil {
				t.Fatal(err)
			}
			what = fmt.Sprintf("%d %x", len(b), sha256.Sum256(b))[:20]
			if len(b) < 40 && !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\n' || r > '~' }) {
				what = fmt.Sprintf("%q", b)
			}
			contents[name] = what
		case tar.TypeLink: // which name comes first differs between builders: both are files with this content
			h.Typeflag, what = tar.TypeReg, "="+path.Join("/", h.Linkname)
		case tar.TypeSymlink:
			h.Mode, what = 0o777, "-> "+h.Linkname
		case tar.TypeChar, tar.TypeBlock:
			what = fmt.Sprintf("%d,%d", h.Devmajor, h.Devminor)
		}
		var x []string
		for k, v := range h.PAXRecords {
			if k, ok := strings.CutPrefix(k, xattrPrefix); ok {
				x = append(x, fmt.Sprintf(" %s=%q", k, v))
			}
		}
		slices.Sort(x)
		kind := map[byte]string{tar.TypeReg: "file", tar.TypeDir: "dir ", tar.TypeSymlink: "link"}[h.Typeflag]
		lines[name] = strings.TrimSpace(fmt.Sprintf("%s %4o %d:%d %s %s%s", kind, h.Mode&0o7777, h.Uid, h.Gid, name, what, strings.Join(x, "")))
	}
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		line := lines[name]
		if i := strings.LastIndex(line, " =/"); i >= 0 {
			line = line[:i+1] + contents[line[i+2:]]
		}
		fmt.Fprintln(&out, line)
	}
	return out.String()
}

// TestCorpus holds what is built here against what BuildKit made of the same Dockerfile.
func TestCorpus(t *testing.T) {
	t.Parallel()
	for _, c := range corpusCases(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			img, err := Build(t.Context(), c.options(t))
			var r *Refusal
			switch refused := errors.As(err, &r); {
			case c.refused != "":
				if !refused || err.Error() != c.refused {
					t.Errorf("%v\nwant it refused: %s", err, c.refused)
				}
				if early := Check(c.options(t)); early == nil && !strings.Contains(c.refused, "ONBUILD") {
					t.Error("Check does not say so")
				}
			case c.fails:
				if err == nil || refused {
					t.Errorf("built (%v), and BuildKit fails", err)
				}
			case err != nil:
				t.Error(err)
			default:
				if diff := cmp.Diff(strings.Split(c.want, "\n"), strings.Split(described(t, img), "\n")); diff != "" {
					t.Errorf("BuildKit's (-) and ours (+):\n%s", diff)
				}
			}
		})
	}
}
