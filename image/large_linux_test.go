package image

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The full size, by `go test -tags bench`: 100,000 files and 5 GB. Without the tag a twentieth and a fortieth of it, which tell
// just as well what memory follows from.
var largeFiles, largeBytes, largeSlack = 5_000, int64(128 << 20), int64(16 << 20)

// childBuild has the test's program build one folder, and tell what it took. Its memory is nobody else's.
const childBuild = "FARGATECTL_TEST_BUILD"

type childCost struct {
	Digest      string
	Files       int
	Before, Top int64 // bytes of memory: when it began, and the most there were
	Tag, Build  time.Duration
}

// peak is the most memory that the process has held since it was started, in bytes (proc(5), VmHWM). That of getrusage(2)
// goes on from the process that started it.
func peak() (kb int64, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(after, &kb)
	return kb << 10, err
}

func TestChildBuild(t *testing.T) {
	dir := os.Getenv(childBuild)
	if dir == "" {
		return // it is not a child
	}
	var c childCost
	var err error
	if c.Before, err = peak(); err != nil {
		t.Fatal(err)
	}
	s, begin := Spec{Dir: dir, Dockerfile: "Dockerfile"}, time.Now()
	tagOf(t, s)
	c.Tag, begin = time.Since(begin), time.Now()
	b := mustBuild(t, s)
	c.Build, c.Digest = time.Since(begin), b.Digest.String()
	if c.Top, err = peak(); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv(childBuild)+".cost", out, 0o600); err != nil {
		t.Fatal(err)
	}
}

// costOf builds a folder in a process of its own.
func costOf(t *testing.T, dir string) childCost {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildBuild$")
	cmd.Env = append(os.Environ(), childBuild+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	raw, err := os.ReadFile(dir + ".cost")
	if err != nil {
		t.Fatal(err)
	}
	var c childCost
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: tag %v, build %v, memory %d MB, %d MB at the beginning", filepath.Base(dir), c.Tag.Round(time.Millisecond), c.Build.Round(time.Millisecond), c.Top>>20, c.Before>>20)
	return c
}

// A context of many files takes less than two kilobytes of memory for each, and finds every one of them.
func TestLargeContextOfFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "files")
	for i := range largeFiles {
		name := filepath.Join(dir, "node_modules", fmt.Sprint("package-", i/100), fmt.Sprint("file-", i, ".js"))
		if i%100 == 0 {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(name, []byte("content\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, map[string]string{"Dockerfile": "FROM scratch\nCOPY node_modules /m\n"})
	c := costOf(t, dir)
	if grown, most := c.Top-c.Before, int64(largeFiles)*2000+largeSlack; grown > most {
		t.Errorf("%d files took %d MB of memory, want at most %d", largeFiles, grown>>20, most>>20)
	}
	if !strings.HasPrefix(c.Digest, "sha256:") {
		t.Errorf("built %q", c.Digest)
	}
}

// A context of many bytes takes no memory for them.
func TestLargeContextOfBytes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "bytes")
	write(t, dir, map[string]string{"Dockerfile": "FROM scratch\nCOPY data /\n", "data": ""})
	if err := os.Truncate(filepath.Join(dir, "data"), largeBytes); err != nil {
		t.Fatal(err)
	}
	if c := costOf(t, dir); c.Top-c.Before > largeSlack {
		t.Errorf("%d MB took %d MB of memory", largeBytes>>20, (c.Top-c.Before)>>20)
	}
}
