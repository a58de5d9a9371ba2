package manifest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the files that tests hold against")

// TestBad holds every error of the manifests in testdata/bad.txtar against the text that follows them there, whole.
func TestBad(t *testing.T) {
	t.Parallel()
	file := filepath.Join("testdata", "bad.txtar")
	cases, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(cases.Files); i += 2 {
		name, src := strings.TrimSuffix(cases.Files[i].Name, ".yaml"), cases.Files[i].Data
		_, err := parse(t, strings.ReplaceAll(string(src), `\x01`, "\x01"), "")
		if !Invalid(err) {
			t.Errorf("%s: got %v, want Errors", name, err)
			continue
		}
		got := err.Error() + "\n"
		if *update {
			cases.Files[i+1].Data = []byte(got)
			continue
		}
		if diff := cmp.Diff(string(cases.Files[i+1].Data), got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		for _, value := range []string{"tell-nobody", "hunter2", "IOSFODNN7", "BEGIN RSA"} {
			if strings.Contains(got, value) {
				t.Errorf("%s: a secret is told: %s", name, value)
			}
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(cases), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTenMistakes gets ten errors in one run, each with its line and column, in the order of the file.
func TestTenMistakes(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(filepath.Join("..", "..", "testdata", "manifests", "ten-mistakes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parse(t, string(src), "")
	errs, ok := err.(Errors)
	if !ok || len(errs) != 10 {
		t.Fatalf("got %d errors:\n%v", len(errs), err)
	}
	for i, e := range errs {
		mark := "# mistake"
		if line := strings.Split(string(src), "\n")[e.Line-1]; !strings.Contains(line, mark) {
			t.Errorf("%d:%d is not marked as a mistake: %s", e.Line, e.Column, line)
		}
		if i > 0 && e.Line < errs[i-1].Line {
			t.Errorf("line %d comes behind line %d", e.Line, errs[i-1].Line)
		}
	}
}

// TestAttacks are files that would take time or memory; refusing them does no work that grows with what they would expand to.
func TestAttacks(t *testing.T) { // not parallel: it counts allocations
	bomb := "project_name: api\na: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'z'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+", ", 9), ", ") + "]\n"
	}
	bomb += "# " + strings.Repeat("x", maxSize-len(bomb)-3)
	for name, c := range map[string]struct {
		src, want string
	}{
		"alias bomb of 1 MiB": {bomb, "fargatectl.yaml:2:4: anchors (&) and aliases (*) are not used in a manifest"},
		"2 MiB":               {strings.Repeat("a: b\n", 2<<20/5), "fargatectl.yaml:1:1: the file is larger than 1 MiB"},
		"deep":                {"project_name: " + strings.Repeat("[", maxSize/2), "deep"},
		"NUL":                 {"project_name: a\npi: \x00", "fargatectl.yaml:2:5: the file has a NUL byte"},
		"binary":              {"project_name: é\xff\xfe", "fargatectl.yaml:1:16: the file has bytes that are not UTF-8"},
	} {
		begin := time.Now()
		_, err := Parse("fargatectl.yaml", []byte(c.src), Options{})
		if took := time.Since(begin); took > time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if !Invalid(err) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %.300v", name, err)
		}
		if allocs := testing.AllocsPerRun(1, func() { _, _ = Parse("fargatectl.yaml", []byte(c.src), Options{}) }); allocs > 2000 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
	file := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(file, bytes.Repeat([]byte("a: b\n"), 2<<20/5), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file, Options{}); !Invalid(err) {
		t.Errorf("got %v", err)
	}
}

// TestManyMistakes are told up to a number, in a time that grows with the file alone.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		"project_name: api\nresources: [" + strings.Repeat("{id: A, x: 1}, ", 6000) + "]",
		"project_name: api\ntags: {" + strings.Repeat("\"\u00e9;\": 1, ", 8000) + "}",
		someService + "{environment: {" + strings.Repeat("A: [], ", 10000) + "}}",
		someService + "{image: \"" + strings.Repeat("${U:-", 8000) + strings.Repeat("}", 8000) + "\"}",
		"project_name: api\nresources: [{id: r, type: aws_iam_role, config: {task_statements: [" + strings.Repeat("{Effect: No}, ", 6000) + "]}}]",
	} {
		begin := time.Now()
		_, err := parse(t, src, "")
		errs, ok := err.(Errors)
		if !ok || len(errs) > maxErrors+1 {
			t.Errorf("%.60s: %d errors", src, len(errs))
		}
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("%.60s: took %v", src, took)
		}
	}
}

// TestAccepted are forms that other editors and systems write.
func TestAccepted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"\ufeffproject_name: api\r\nregion: us-east-1\r\n",
		"---\nproject_name: api\nregion: us-east-1\n...\n",
		"{project_name: api, region: us-east-1, resources: , environments: , tags: }",
		"# yaml-language-server: $schema=x\nproject_name: 'api'\nregion: \"us-east-1\"",
	} {
		if m := must(t, text, ""); m.Region != "us-east-1" || m.Project != "api" {
			t.Errorf("%q: %+v", text, m)
		}
	}
}

func FuzzParse(f *testing.F) {
	cases, err := txtar.ParseFile(filepath.Join("testdata", "bad.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(cases.Files); i += 2 {
		f.Add(cases.Files[i].Data)
	}
	example, err := os.ReadFile(filepath.Join("..", "..", "testdata", "manifests", "example.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Fuzz(func(t *testing.T, src []byte) {
		m, err := Parse("f.yaml", src, Options{Getenv: func(string) (string, bool) { return "", false }})
		if err == nil {
			_ = m.TLSWithoutDomain()
			return
		}
		errs, ok := err.(Errors)
		if !ok || len(errs) == 0 {
			t.Fatalf("%T: %v", err, err)
		}
		lines := bytes.Count(src, []byte("\n")) + bytes.Count(src, []byte("\r")) + 1
		for _, e := range errs {
			if e.Line < 1 || e.Column < 1 || e.Line > lines || e.Message == "" || strings.ContainsAny(e.Message, "\n\x1b") || !utf8.ValidString(e.Excerpt) {
				t.Fatalf("%+v", e)
			}
		}
	})
}
