package cli

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/ui"
)

//go:generate go test -run TestReference -update .

var update = flag.Bool("update", false, "write what is generated")

const referenceFile = "../../docs/cli.md"

// The reference of the command line is made from the commands themselves.
func TestReference(t *testing.T) {
	t.Parallel()
	got := reference((&process{terminal: ui.Terminal{}}).app())
	if *update {
		if err := os.WriteFile(referenceFile, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(referenceFile); err != nil || string(want) != got {
		t.Errorf("docs/cli.md is out of date (%v): go generate ./internal/cli", err)
	}
}

func reference(app *cli.App) string {
	var b strings.Builder
	b.WriteString("# The command line\n\nMade from the commands by `go generate ./internal/cli`. Flags stand anywhere on the line.\n\n## Flags of every command\n\n")
	flagTable(&b, app.Flags)
	for _, c := range app.Commands {
		commandPage(&b, "fargatectl", c)
	}
	b.WriteString("\n## Exit codes\n\nWith `--output json` a command that fails and has no other result writes `cause` {`code`, `summary`, `hint`, `evidence`} to\nstdout; `logs` only before its first line.\n\n| code | meaning |\n|---|---|\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.meaning)
	}
	return b.String()
}

func commandPage(b *strings.Builder, parent string, c *cli.Command) {
	fmt.Fprintf(b, "\n## `%s`\n\n%s.\n", strings.TrimSpace(parent+" "+c.Name+" "+c.ArgsUsage), strings.ToUpper(c.Usage[:1])+c.Usage[1:])
	if c.Description != "" {
		fmt.Fprintf(b, "\n%s\n", c.Description)
	}
	if len(c.Flags) > 0 {
		b.WriteString("\n")
		flagTable(b, c.Flags)
	}
	for _, sub := range c.Subcommands {
		commandPage(b, parent+" "+c.Name, sub)
	}
}

func flagTable(b *strings.Builder, flags []cli.Flag) {
	b.WriteString("| flag | environment | meaning |\n|---|---|---|\n")
	for _, f := range flags {
		doc, ok := f.(cli.DocGenerationFlag)
		if !ok || slices.Contains(f.Names(), "help") {
			continue
		}
		var names []string
		for _, n := range f.Names() {
			names = append(names, map[bool]string{true: "-", false: "--"}[len(n) == 1]+n)
		}
		usage := strings.ReplaceAll(strings.ReplaceAll(doc.GetUsage(), "`", ""), "|", "\\|")
		if v := doc.GetDefaultText(); v != "" && v != "false" && v != `""` && v != "0" {
			usage += " (default: " + strings.Trim(v, `"`) + ")"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", strings.Join(names, "`, `"), strings.Join(doc.GetEnvVars(), ", "), usage)
	}
}
