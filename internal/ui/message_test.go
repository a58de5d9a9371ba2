package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestError(t *testing.T) {
	t.Parallel()
	a, b := errors.New("vpc: read: denied"), errors.New("alb: read: denied")
	joined := errors.Join(a, b)
	for _, c := range []struct {
		err   error
		hints []string
		want  string
	}{
		{a, nil, "error: vpc: read: denied\n"},
		{joined, []string{"log in", "", "log in", "or not"}, "error: vpc: read: denied\nerror: alb: read: denied\nhint: log in\nhint: or not\n"},
		{errors.Join(nil, joined, errors.New("x")), nil, "error: vpc: read: denied\nerror: alb: read: denied\nerror: x\n"},
		{fmt.Errorf("up: %w", joined), nil, "error: up: vpc: read: denied\n  alb: read: denied\n"},
		{fmt.Errorf("%w and %w", a, b), nil, "error: vpc: read: denied and alb: read: denied\n"},
		{fmt.Errorf("f.yaml:1:2: no\n%s", "  1 | a\n    | ^\n"), nil, "error: f.yaml:1:2: no\n    1 | a\n      | ^\n"},
		{nil, nil, ""},
	} {
		var out bytes.Buffer
		Error(Stream{Writer: &out}, c.err, c.hints...)
		if out.String() != c.want {
			t.Errorf("%v: %q, want %q", c.err, out.String(), c.want)
		}
	}
	var out bytes.Buffer
	s := Stream{Writer: &out, Color: true}
	Error(s, a, "log in")
	Note(s, "http only")
	want := "\x1b[31merror:\x1b[m vpc: read: denied\n\x1b[36mhint:\x1b[m log in\n\x1b[33mnote:\x1b[m http only\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	b, s := at(20) // narrower than the table: it is whole all the same
	Table(s, []string{"task", "zone", "state"},
		[]string{"1d20aa", "us-east-1a", "RUNNING"},
		[]string{"中文", "us-east-1b", "two\nlines"},
		[]string{"short"})
	Facts(s, Fact{"url", "https://a.example"}, Fact{"left out", ""}, Fact{"records", "one\ntwo"})
	want := `TASK    ZONE        STATE
1d20aa  us-east-1a  RUNNING
中文    us-east-1b  two lines
short
url      https://a.example
records  one
         two
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{"y\n": true, "Yes\r\n": true, " yes": true, "n\n": false, "\n": false, "": false, "yeah\n": false} {
		var b bytes.Buffer
		got, err := Confirm(t.Context(), strings.NewReader(answer), Stream{Writer: &b}, "do it?")
		if got != want || err != nil || !strings.HasPrefix(b.String(), "do it? [y/N] ") {
			t.Errorf("%q: %v, %v, %q", answer, got, err, b.String())
		}
	}
	var b bytes.Buffer
	in, s := strings.NewReader("y\nmy-api\nmy-apis\n"), Stream{Writer: &b}
	first, _ := Confirm(t.Context(), in, s, "?")
	second, _ := Type(t.Context(), in, s, "all of it is deleted", "my-api")
	third, _ := Type(t.Context(), in, s, "?", "my-api")
	end, _ := Type(t.Context(), in, s, "?", "")
	if !first || !second || third || end {
		t.Errorf("%v %v %v %v, want true true false false", first, second, third, end)
	}
}

// Ctrl-C answers a question, too.
func TestConfirmCancelled(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	closing(t, w)
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	cancel(interrupted)
	if yes, err := Confirm(ctx, r, Stream{Writer: io.Discard}, "?"); yes || !errors.Is(err, interrupted) {
		t.Errorf("%v, %v", yes, err)
	}
}
