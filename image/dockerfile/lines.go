package dockerfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// A reader joins lines to instructions.
type reader struct {
	lines []string // with their ends
	at    int      // lines that are read
	begun bool     // the head, where directives stand, is over

	escape     rune
	syntax     string
	syntaxLine int
	check      string
	seen       map[string]bool
	comments   []string // since the last instruction, or an empty line
}

// line is the next one without its end; ok is false behind the last.
func (r *reader) line() (text string, ok bool) {
	if r.at >= len(r.lines) || r.at == len(r.lines)-1 && r.lines[r.at] == "" {
		return "", false
	}
	r.at++
	return strings.TrimRight(r.lines[r.at-1], "\r\n"), true
}

// next is the next instruction, nil behind the last.
func (r *reader) next() (*Instruction, error) {
	for {
		text, ok := r.line()
		if !ok {
			return nil, nil //nolint:nilnil // the end
		}
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
		if err := r.directive(text); err != nil {
			return nil, &Error{r.at, err}
		}
		first := r.at
		text, more := r.joined(text)
		if isComment(text) {
			r.comment(text)
			continue
		}
		if !more && text == "" {
			r.comments = nil
			continue
		}
		if more {
			after, err := r.rest()
			if err != nil {
				return nil, err
			}
			text += after
		}
		i, err := r.instruction(text)
		if err == nil {
			i.Line, i.Comments, r.comments = first, r.comments, nil
			err = r.documents(i, text)
		}
		if err != nil {
			return nil, &Error{first, err}
		}
		return i, nil
	}
}

// rest is what the following lines add to one that goes on: comments and empty ones nothing.
func (r *reader) rest() (string, error) {
	var all strings.Builder
	for {
		text, ok := r.line()
		if !ok {
			return all.String(), nil
		}
		if err := r.directive(text); err != nil {
			return "", &Error{r.at, err}
		}
		if isComment(text) {
			r.comment(text)
			continue
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		text, more := r.joined(text)
		all.WriteString(text)
		if !more {
			return all.String(), nil
		}
	}
}

// comment keeps a comment for the instruction that it stands before, or in.
func (r *reader) comment(text string) {
	r.comments = append(r.comments, strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(text), "#")))
}

func isComment(text string) bool {
	return strings.HasPrefix(strings.TrimLeftFunc(text, unicode.IsSpace), "#")
}

// joined takes off the escape at the end of a line, which goes on in the next one. Two of them are no escape.
func (r *reader) joined(text string) (rest string, more bool) {
	cut, ok := strings.CutSuffix(strings.TrimRight(text, " \t"), string(r.escape))
	if !ok || strings.HasSuffix(cut, string(r.escape)) {
		return text, false
	}
	return cut, true
}

var directiveForm = regexp.MustCompile(`^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`)

// directive reads "# syntax=", "# escape=" and "# check=", which stand before all else.
func (r *reader) directive(text string) error {
	if r.begun {
		return nil
	}
	m := directiveForm.FindStringSubmatch(text)
	if m == nil {
		r.begun = true
		return nil
	}
	name, value := strings.ToLower(m[1]), m[2]
	switch name {
	case "escape":
		if value != "`" && value != `\` {
			return fmt.Errorf("# escape=%s: want \\ or `", value)
		}
	case "syntax", "check":
	default:
		r.begun = true
		return nil
	}
	if r.seen[name] {
		return fmt.Errorf("# %s= is there twice", name)
	}
	switch r.seen[name] = true; name {
	case "escape":
		r.escape = rune(value[0])
	case "syntax":
		r.syntax, r.syntaxLine = strings.Fields(value)[0], r.at
	case "check":
		r.check = value
	}
	return nil
}

// documents reads the documents that an instruction announces.
func (r *reader) documents(i *Instruction, text string) error {
	takes := i.Name
	if takes == "ONBUILD" && len(i.Args) > 0 {
		takes = strings.ToUpper(i.Args[0])
	}
	if takes != "ADD" && takes != "COPY" && takes != "RUN" || i.List || !strings.Contains(text, "<<") {
		return nil
	}
	lex := shell.NewLex('\\')
	lex.RawQuotes, lex.RawEscapes, lex.SkipUnsetEnv = true, true, true
	words, _ := lex.ProcessWords(text, noVariables{}) // of a text with an error BuildKit takes what there is, too
	for _, w := range words {
		d := document(w)
		if d == nil {
			continue
		}
		var all strings.Builder
		for {
			line, ok := r.line()
			if !ok {
				return fmt.Errorf("the document <<%s has no end", d.Name)
			}
			end := line
			if d.Chomp {
				end = strings.TrimLeft(end, "\t")
			}
			if end == d.Name {
				break
			}
			all.WriteString(r.lines[r.at-1])
		}
		d.Text = all.String()
		i.Docs = append(i.Docs, *d)
	}
	if i.Name == "ONBUILD" {
		for _, d := range i.Docs {
			i.Args[len(i.Args)-1] += "\n" + d.Text + d.Name
		}
	}
	return nil
}

var (
	documentForm = regexp.MustCompile(`^\d*<<(-?)\s*([^<]*)$`)
	leadingTabs  = regexp.MustCompile(`(?m)^\t+`)
)

// document is the document that a word announces, nil if it is an ordinary word.
func document(word string) *Document {
	m := documentForm.FindStringSubmatch(word)
	if len(m) == 0 || m[2] == "" {
		return nil
	}
	lex := shell.NewLex('\\')
	lex.SkipUnsetEnv = true
	plain, err := lex.ProcessWords(m[2], noVariables{})
	if err != nil || len(plain) != 1 {
		return nil
	}
	lex.RawQuotes = true
	raw, err := lex.ProcessWords(m[2], noVariables{})
	if err != nil || len(raw) != 1 {
		return nil
	}
	quotes := func(s string) int { return strings.Count(s, "'") + strings.Count(s, `"`) }
	return &Document{Name: plain[0], Chomp: m[1] == "-", Expand: quotes(plain[0]) == quotes(raw[0])}
}

// Content is the text of a document as a file has it.
func (d Document) Content() string {
	if d.Chomp {
		return leadingTabs.ReplaceAllString(d.Text, "")
	}
	return d.Text
}

// Document is the one that a source of COPY or ADD stands for; nil if it is a path.
func (i *Instruction) Document(source string) *Document {
	named := document(source)
	if named == nil {
		return nil
	}
	for _, d := range i.Docs {
		if d.Name == named.Name {
			named.Text = d.Text
		}
	}
	return named
}

type noVariables struct{}

// Get knows none.
func (noVariables) Get(string) (string, bool) { return "", false }

// Keys are none.
func (noVariables) Keys() []string { return nil }

var errNotTexts = errors.New("a list must be of texts alone")
