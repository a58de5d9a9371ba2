package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/fargatectl/fargatectl"

// floors says what a package, or one below it, may have among all that it is linked with: of this module, and of AWS.
// What no line is about may have everything but what is for tests.
var floors = []struct {
	of       string
	packages []string // of this module
	sdk      bool
}{
	{"deploy", nil, false},
	{"image", []string{"internal/near"}, false},
	{"aws", nil, true},
	{"internal/datachannel", nil, true},
	{"internal/manifest", []string{"internal/near"}, false},
	{"internal/near", nil, false},
	{"internal/ui", []string{"deploy"}, false},
	{"internal/logs", []string{"aws"}, true},
	{"internal/session", []string{"aws", "deploy", "internal/datachannel", "internal/logs", "internal/manifest", "internal/near", "internal/oneoff", "internal/release", "internal/schedule"}, true},
	{"internal/oneoff", []string{"aws", "deploy", "internal/logs", "internal/manifest", "internal/near"}, true},
	{"internal/release", []string{"aws", "deploy", "internal/logs", "internal/manifest", "internal/near", "internal/oneoff", "internal/schedule"}, true},
	{"internal/sandbox", []string{"internal/datachannel", "internal/schedule"}, true},
	{"internal/schedule", nil, false},
	{"internal/witness", nil, true},
	{"steps", []string{"aws", "deploy", "image", "internal/logs", "internal/manifest", "internal/near", "internal/oneoff", "internal/release", "internal/schedule"}, true},
}

// Imports run one way: no package is linked with one of a floor above.
func TestFloors(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Deps", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Deps       []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		for _, floor := range floors {
			if !below(name, floor.of) {
				continue
			}
			seen[floor.of] = true
			for _, dep := range p.Deps {
				ours, isOurs := strings.CutPrefix(dep, module+"/")
				allowed := func(of string) bool { return below(ours, of) }
				if isOurs && !below(ours, floor.of) && !slices.ContainsFunc(floor.packages, allowed) {
					t.Errorf("%s is linked with %s", name, ours)
				}
				if !floor.sdk && strings.HasPrefix(dep, "github.com/aws/") {
					t.Errorf("%s is linked with %s", name, dep)
				}
			}
		}
		if slices.Contains(p.Deps, module+"/internal/witness") {
			t.Errorf("%s is linked with the witness, which is for tests", name)
		}
		if slices.Contains(p.Deps, module+"/internal/sandbox") && name != "" && !below(name, "internal/cli") && !below(name, "internal/sandbox") {
			t.Errorf("%s is linked with the sandbox, which is for the command line and for tests", name)
		}
	}
	for _, floor := range floors {
		if !seen[floor.of] {
			t.Errorf("there is no package %s", floor.of)
		}
	}
}

func below(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

// deploy needs the standard library and errgroup only.
func TestEngineStandsAlone(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./deploy").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		if dep != module+"/deploy" && dep != "golang.org/x/sync/errgroup" {
			t.Errorf("deploy is linked with %s", dep)
		}
	}
}

// longest is the hard bound of a file; 350 lines is where one should look for the second idea.
const longest = 400

// tables are files that hold one table: their length is that of the matter.
var tables = []string{"aws/calls.go"}

// What is unfinished stands in an issue, and a file is one idea.
func TestFiles(t *testing.T) {
	t.Parallel()
	unfinished := regexp.MustCompile(`(//|#|/\*|<!--).*\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	elsewhere := regexp.MustCompile(`(^|[\s"'` + "`" + `(=])/(work|root|home)/`) // a path of somebody's machine
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" || path == "bin" || path == "dist" || path == filepath.Join("testdata", "dockerfiles")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !slices.Contains([]string{".go", ".md", ".py", ".sh", ".yml", ".yaml", ".txtar", ""}, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := strings.Split(string(text), "\n")
		for i, line := range lines {
			if unfinished.MatchString(line) || elsewhere.MatchString(strings.ReplaceAll(line, "/home/app", "")) { // which is in images
				t.Errorf("%s:%d: %s", path, i+1, strings.TrimSpace(line))
			}
		}
		exempt := strings.HasPrefix(lines[0], "// Code generated ") || strings.HasSuffix(path, "_test.go") || slices.Contains(tables, filepath.ToSlash(path))
		if n := len(lines) - 1; n > longest && filepath.Ext(path) == ".go" && !exempt {
			t.Errorf("%s has %d lines, more than %d: it is two ideas", path, n, longest)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
