package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// keptFailure holds that the evidence of the last failure lies beside the manifest, with this code, for nobody else to read, and
// out of git's sight: "kept CODE". Words behind it are secrets that no file may have.
func keptFailure(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: kept CODE [SECRET...]")
	}
	files, err := filepath.Glob(ts.MkAbs(".fargatectl/failures/*-" + args[0] + ".json"))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("no file of %s", args[0])
	}
	_, err = os.Stat(ts.MkAbs(".fargatectl/.gitignore"))
	ts.Check(err)
	path := files[len(files)-1]
	info, err := os.Stat(path)
	ts.Check(err)
	if mode := info.Mode().Perm(); mode != 0o600 {
		ts.Fatalf("%s may be read by others: %s", path, mode)
	}
	text, err := os.ReadFile(path)
	ts.Check(err)
	var file map[string]any
	ts.Check(json.Unmarshal(text, &file))
	for _, member := range []string{
		"schema_version", "failed_at", "code", "summary", "hint", "evidence", "service", "cluster", "task_definition", "image", "deployment", "tasks", "targets", "events", "logs",
	} {
		if file[member] == nil {
			ts.Fatalf("%s lacks %s", path, member)
		}
	}
	if file["code"] != args[0] || file["schema_version"] != "1.0" {
		ts.Fatalf("%s", text)
	}
	for _, secret := range args[1:] {
		if strings.Contains(string(text), secret) {
			ts.Fatalf("%s has the secret %s", path, secret)
		}
	}
}
