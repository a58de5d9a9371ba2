package cli

import (
	"os"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"
)

// volatile is what is another in every run, and what stands for it.
var volatile = []struct {
	text *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "sha256:DIGEST"},
	{regexp.MustCompile(`sha256:[0-9a-f]{12}\b`), "sha256:DIGEST"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`), "TIME"},
	{regexp.MustCompile(`"(\w*seconds)": [0-9.e-]+`), `"$1": 0`},
	{regexp.MustCompile(`(service-(?:deployment|revision)/[\w-]+/[\w-]+/)\w+`), "${1}ID"},
	{regexp.MustCompile(`"git": "[0-9a-f]{12}(-dirty)?"`), `"git": ""`},
	{regexp.MustCompile(`"image_tag": "src-[0-9a-f]+"`), `"image_tag": "TAG"`},
	{regexp.MustCompile(`"src-[0-9a-f]{20}"`), `"src-TAG"`},
	{regexp.MustCompile(`"engine": "go1[^"]*"`), `"engine": "go1"`},
	{regexp.MustCompile(`"(size|bytes_uploaded)": [1-9]\d*`), `"$1": 1`},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`"state": "(OK|ALARM|INSUFFICIENT_DATA)"`), `"state": "STATE"`}, // of an alarm, and why
	{regexp.MustCompile(`"(Threshold Crossed|Insufficient Data|Unchecked): [^"]*"`), `"REASON"`},
	{regexp.MustCompile(`"[0-9a-f]{32}"`), `"ID"`},
	{regexp.MustCompile(`"10\.\d+\.\d+\.\d+"`), `"ADDRESS"`},
	{regexp.MustCompile(`:[0-9a-f]{32,64}\b`), ":TAG"},
	{regexp.MustCompile(`"id": "[0-9a-f]{32}"`), `"id": "ID"`},
	{regexp.MustCompile(`"version": "[0-9a-f]{6}"`), `"version": "VERSION"`},
	{regexp.MustCompile(`(:secret:[\w/-]+)-\w{6}"`), `${1}-SUFFIX"`},
	{regexp.MustCompile(`((?:loadbalancer/app|targetgroup)/[\w-]+/)[0-9a-f]{16}`), "${1}ID"},
	{regexp.MustCompile(`-\d+(\.[a-z0-9-]+\.elb\.amazonaws\.com)`), "-N$1"},
}

// steady writes the last command's stdout into a file, with what is another in every run replaced, so that cmp can hold it
// against a golden: "steady FILE".
func steady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: steady FILE")
	}
	text := ts.ReadFile("stdout")
	for _, v := range volatile {
		text = v.text.ReplaceAllString(text, v.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
