package lint

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

//go:generate go test -run TestDocs -update .

var update = flag.Bool("update", false, "write what is generated")

const docsFile = "../../docs/images.md"

// The table of the rules is made from the rules themselves.
func TestDocs(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	const head, foot = "<!-- The rules: go generate ./image/lint -->\n", "<!-- The end of the rules -->\n"
	before, rest, ok := strings.Cut(string(b), head)
	_, after, ok2 := strings.Cut(rest, foot)
	if !ok || !ok2 {
		t.Fatal("docs/images.md has no place for the rules")
	}
	table := "| rule | | fires when | way out |\n|---|---|---|---|\n"
	for _, r := range Rules() {
		table += fmt.Sprintf("| %s | %s | %s | %s |\n", "`"+r.Name+"`", r.Severity, r.Means, r.Hint)
	}
	want := before + head + table + foot + after
	if *update {
		if err := os.WriteFile(docsFile, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if want != string(b) {
		t.Error("docs/images.md is out of date: go generate ./image/lint")
	}
}

// Every rule has a name of its own, in one form, and says what it is and what to do.
func TestRuleList(t *testing.T) {
	t.Parallel()
	form, order := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`), []Severity{Error, Warning, Note}
	seen, worst := map[string]bool{}, 0
	for _, r := range Rules() {
		at := slices.Index(order, r.Severity)
		if !form.MatchString(r.Name) || seen[r.Name] || r.Means == "" || r.Hint == "" || at < worst || strings.ContainsAny(r.Means+r.Hint, "|\n") {
			t.Errorf("%+v", r)
		}
		seen[r.Name], worst = true, max(worst, at)
	}
}
