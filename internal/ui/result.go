package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/charmbracelet/x/ansi"
)

// Schema is the version of all JSON that the tool writes. What is added raises the minor number, what is taken away
// or means something else the major one.
const Schema = "1.0"

// Table prints rows below a head, each column as wide as its widest cell. Nothing is cut: a result is whole.
//
//	TASK    ZONE        STATE
//	1d20aa  us-east-1a  RUNNING
func Table(s Stream, head []string, rows ...[]string) {
	width := make([]int, len(head))
	cells := make([][]string, 0, len(rows)+1)
	for _, r := range append([][]string{head}, rows...) {
		c := make([]string, len(head))
		for i := range min(len(r), len(head)) {
			c[i] = line(r[i])
			width[i] = max(width[i], ansi.StringWidth(c[i]))
		}
		cells = append(cells, c)
	}
	for n, r := range cells {
		var b strings.Builder
		for i, c := range r {
			b.WriteString(pad(c, width[i]+2))
		}
		text := strings.TrimRight(b.String(), " ")
		if n == 0 {
			text = s.in(bold, strings.ToUpper(text))
		}
		s.print(text + "\n")
	}
}

// A Fact is a name and a value of a result.
type Fact struct{ Name, Value string }

// Facts prints facts below each other, their values in one column; those without a value are left out.
//
//	url     https://api.example.com
//	image   my-api@sha256:9c1f…
func Facts(s Stream, facts ...Fact) {
	width := 0
	for _, f := range facts {
		if f.Value != "" {
			width = max(width, ansi.StringWidth(line(f.Name)))
		}
	}
	for _, f := range facts {
		if f.Value != "" {
			s.print(s.in(dim, pad(line(f.Name), width+2)) + indent(f.Value, strings.Repeat(" ", width+2)) + "\n")
		}
	}
}

// JSON writes a result: v, a struct or a map, indented, with schema_version before its own members.
func JSON(w io.Writer, v any) error {
	text, err := versioned(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// JSONEvent writes a result as one line: it will be followed by others of the same form.
func JSONEvent(w io.Writer, v any) error {
	text, err := versioned(v)
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

// versioned is v in JSON, with schema_version before its own members.
func versioned(v any) ([]byte, error) {
	text, err := encode(v)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, fmt.Errorf("%T is no JSON object", v)
	}
	if _, ok := members["schema_version"]; !ok {
		version := fmt.Sprintf("{%q:%q", "schema_version", Schema)
		if len(members) > 0 {
			version += ","
		}
		text = append([]byte(version), text[1:]...)
	}
	return text, nil
}

// JSONLine writes v as one line: an event of a stream that has no end.
func JSONLine(w io.Writer, v any) error {
	text, err := encode(v)
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

// encode is v in JSON with a newline behind it. HTML's characters stay as they are; those that could harm a terminal
// are escaped, so that they are there for who decodes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return escape(b.Bytes()), nil
}

// escape writes the hostile characters of JSON, which stand only in its strings, as \u sequences.
func escape(text []byte) []byte {
	if plainText(text) {
		return text
	}
	var out []byte
	for _, r := range string(text) {
		if !hostile(r) {
			out = append(out, string(r)...)
			continue
		}
		for _, u := range utf16.Encode([]rune{r}) {
			out = fmt.Appendf(out, `\u%04x`, u)
		}
	}
	return out
}

// Bytes is a size as people read it: "719 B", "12.3 kB", "2.8 MB".
func Bytes(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 999_950:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
