package aws

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Notes are kept in tags, so that whoever runs a command next knows what was done by hand: that of scale at the service,
// that of a release at its task definition, since a deployment that fails leaves the one before it in force. A tag's
// value holds letters, digits, spaces and + - = . _ : / @ only, at most 256 of them.

// TagScale is the tag of a ScaleNote, TagRelease that of a ReleaseNote.
const (
	TagScale   = "fargatectl:scale"
	TagRelease = "fargatectl:release"
)

// A ScaleNote is what `scale` has set. It holds as long as the manifest has the range that it had then.
type ScaleNote struct {
	By           string // ARN of who did it
	At           time.Time
	Desired      int32 // 0 when only the range was set
	Min, Max     int32 // the range that was set
	OfMin, OfMax int32 // the manifest's range at that moment
}

func (n ScaleNote) String() string {
	return fmt.Sprintf("desired=%d min=%d max=%d of=%d:%d at=%s by=%s", n.Desired, n.Min, n.Max, n.OfMin, n.OfMax, n.At.UTC().Format(time.RFC3339), Who(n.By))
}

// ParseScaleNote reads what String has written; ok is false for anything else.
func ParseScaleNote(text string) (n ScaleNote, ok bool) {
	f := words(text)
	var bad bool
	number := func(s string) int32 {
		v, err := strconv.ParseInt(s, 10, 32)
		bad = bad || err != nil
		return int32(v)
	}
	of, to, _ := strings.Cut(f["of"], ":")
	n = ScaleNote{By: f["by"], Desired: number(f["desired"]), Min: number(f["min"]), Max: number(f["max"]), OfMin: number(of), OfMax: number(to)}
	var err error
	n.At, err = time.Parse(time.RFC3339, f["at"])
	return n, !bad && err == nil
}

// A ReleaseNote is who has released a task definition by `deploy` or `rollback`.
type ReleaseNote struct {
	Verb string // "deploy", "rollback"
	By   string
	At   time.Time
}

func (n ReleaseNote) String() string {
	return fmt.Sprintf("%s at=%s by=%s", n.Verb, n.At.UTC().Format("2006-01-02T15:04:05.000Z07:00"), Who(n.By)) // in milliseconds, as AWS dates deployments
}

// ParseReleaseNote reads what String has written; ok is false for anything else.
func ParseReleaseNote(text string) (n ReleaseNote, ok bool) {
	f := words(text)
	verb, _, _ := strings.Cut(text, " ")
	at, err := time.Parse(time.RFC3339, f["at"])
	return ReleaseNote{verb, f["by"], at}, err == nil && (verb == "deploy" || verb == "rollback")
}

// words are the key=value pairs of a note.
func words(text string) map[string]string {
	m := map[string]string{}
	for w := range strings.FieldsSeq(text) {
		if k, v, ok := strings.Cut(w, "="); ok {
			m[k] = v
		}
	}
	return m
}

// Who is a caller in short: it leaves out the partition, the service and the account of his ARN, and cuts what is very long.
func Who(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		arn = parts[5]
	}
	return arn[:min(len(arn), 120)]
}
