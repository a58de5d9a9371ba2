package release_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

//go:generate go test -run TestDocs -update .

var update = flag.Bool("update", false, "write what is generated")

const causesFile = "../../docs/causes.md"

// The list of causes is made from the rules themselves.
func TestDocs(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`# Why a deployment failed

<!-- Generated from the rules of internal/release: go generate ./internal/release -->

A deployment that fails ends with one cause: a line that says it, the evidence, the end of the container's log, and what
to do. The exit code is 4 when the release before it serves again, 5 when nothing was restored. With ` + "`--output json`" + ` the
result is ` + "`cause` {`code`, `summary`, `hint`, `evidence`}" + `; with ` + "`--progress json`" + ` there is a line of the type ` + "`cause`" + `. All
that was seen is kept in ` + "`.fargatectl/failures/`" + ` beside the manifest, since AWS forgets a stopped task in an hour, with what
looks like a secret taken out. ` + "`fargatectl sandbox fault CODE`" + ` rehearses each.

The codes are stable. Where a deployment shows several, the cause of the most tasks wins, and of as many the one that
stands first here; a person or an alarm that ended the deployment is always the cause.

| code | what it means | what to do |
|---|---|---|
`)
	for _, c := range release.All() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Code, c.Meaning, c.Remedy)
	}
	fmt.Fprintf(&b, "| `%s` | No rule knows what was seen. Nothing is guessed. | Read the evidence: the file has all of it. |\n", release.Unknown)
	if *update {
		if err := os.WriteFile(causesFile, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(causesFile); err != nil || string(want) != b.String() {
		t.Errorf("docs/causes.md is out of date (%v): go generate ./internal/release", err)
	}
}

// Every cause can be rehearsed in the sandbox, and what it rehearses is a cause.
func TestRehearsals(t *testing.T) {
	t.Parallel()
	var rules, faults []string
	for _, c := range release.All() {
		rules = append(rules, c.Code)
	}
	for _, c := range sandbox.Faults() {
		faults = append(faults, c.Code)
	}
	slices.Sort(rules)
	slices.Sort(faults)
	if !slices.Equal(rules, faults) {
		t.Errorf("rules %q\nfaults %q", rules, faults)
	}
}
