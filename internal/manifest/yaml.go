package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// maxSize is the size of a manifest in bytes. A manifest has some kilobytes; YAML of megabytes is an attack.
const maxSize = 1 << 20

// maxDepth is how deep lists and mappings may stand in one another.
const maxDepth = 50

// tree parses src into the mapping at its root, or gives the one mistake that keeps it from being read.
func (s *source) tree(src []byte) (*yaml.Node, *Diagnostic) {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	if d := s.text(src); d != nil {
		return nil, d
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithPlugin(limits{}), yaml.WithPlugin(noAnchors{}))
	if err != nil {
		return nil, s.syntax(err)
	}
	var root, second yaml.Node
	switch err := loader.Load(&root); {
	case errors.Is(err, io.EOF):
		return nil, new(s.diagnostic(place{}, false, "the manifest is empty", "its least is one line: project_name: my-api"))
	case err != nil:
		return nil, s.syntax(err)
	}
	switch err := loader.Load(&second); {
	case err == nil:
		return nil, new(s.diagnostic(spot(content(&second)), false, "a second document begins here", `a manifest is one document: drop what follows "---", or make it a file of its own`))
	case !errors.Is(err, io.EOF):
		return nil, s.syntax(err)
	}
	return content(&root), nil
}

// text splits src into lines, or says that it isn't text.
func (s *source) text(src []byte) *Diagnostic {
	if len(src) > maxSize {
		return &Diagnostic{File: s.file, Line: 1, Column: 1, Message: "the file is larger than 1 MiB: that is no manifest"}
	}
	bad, what := bytes.IndexByte(src, 0), "a NUL byte"
	if bad < 0 && !utf8.Valid(src) {
		bad, what = 0, "bytes that are not UTF-8"
		for r, size := utf8.DecodeRune(src); r != utf8.RuneError || size > 1; r, size = utf8.DecodeRune(src[bad:]) {
			bad += size
		}
	}
	if bad >= 0 {
		before := src[:bad]
		line := bytes.Count(before, []byte("\n")) + 1
		column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
		return &Diagnostic{File: s.file, Line: line, Column: column, Message: "the file has " + what + ": that is no manifest", Hint: "a manifest is YAML, in UTF-8"}
	}
	s.lines = strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(src)), "\n")
	if n := len(s.lines); n > 1 && s.lines[n-1] == "" {
		s.lines = s.lines[:n-1]
	}
	return nil
}

// content is the root of a document.
func content(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		return n.Content[0]
	}
	return n
}

// spot is the place of a node.
func spot(n *yaml.Node) place { return place{line: n.Line, column: n.Column} }

// syntax puts the parser's error into our words where people meet it often.
func (s *source) syntax(err error) *Diagnostic {
	e, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		return new(s.diagnostic(place{}, false, err.Error(), ""))
	}
	at, message, hint := e.Mark, e.Message, ""
	switch {
	case errors.Is(err, errAnchor):
		message, hint = errAnchor.Error(), "write the value out where it is used"
	case strings.Contains(message, "exceeded max depth"):
		message = fmt.Sprintf("lists and mappings stand more than %d deep", maxDepth)
	case strings.Contains(message, "control characters"):
		message = "a control character is not allowed"
		at.Line, at.Column = s.control()
	case strings.Contains(message, "tab character") || s.tabbed(at.Line):
		message, hint = "a tab can't indent", "use spaces"
	case message == "found unexpected end of stream" && e.ContextMsg == "while scanning a quoted scalar":
		at, message = e.ContextMark, "this quote is never closed"
	case e.ContextMsg == "while parsing a flow sequence" || e.ContextMsg == "while parsing a flow mapping":
		at, message = e.ContextMark, "this bracket is never closed, or a comma is missing behind it"
	case message == "mapping values are not allowed in this context":
		message, hint = "a key is not expected here", "look at the indentation, or put a value with a colon into quotes"
	case message == "found character that cannot start any token":
		message, hint = "a value can't begin with this character", "put it into quotes"
	}
	return new(s.diagnostic(place{line: at.Line, column: at.Column}, false, message, hint))
}

// tabbed says whether a line is indented with a tab: the parser trips over it in several ways.
func (s *source) tabbed(line int) bool {
	if line < 1 || line > len(s.lines) {
		return false
	}
	text := s.lines[line-1]
	return strings.Contains(text[:len(text)-len(strings.TrimLeft(text, " \t"))], "\t")
}

// control is the place of the first control character, for which the parser has none.
func (s *source) control() (line, column int) {
	for i, text := range s.lines {
		if j := slices.IndexFunc([]rune(text), func(r rune) bool {
			return r < 0x20 && r != '\t' || r >= 0x7f && r < 0xa0 && r != 0x85 || r == 0xfffe || r == 0xffff
		}); j >= 0 {
			return i + 1, j + 1
		}
	}
	return 1, 1
}

// limits ends the parsing of what is nested too deep.
type limits struct{}

func (limits) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > maxDepth {
		return fmt.Errorf("exceeded max depth of %d", maxDepth)
	}
	return nil
}

func (limits) CheckAlias(int, int) error { return nil }

var errAnchor = errors.New("anchors (&) and aliases (*) are not used in a manifest")

// noAnchors ends the parsing at the first anchor or alias: a few lines of them expand to gigabytes.
type noAnchors struct{}

func (noAnchors) NewAliasDataContext(yaml.AliasDataServices) (yaml.AliasDataContext, error) {
	return noAnchors{}, nil
}

func (noAnchors) BeginDocument() error                          { return nil }
func (noAnchors) EndDocument() error                            { return nil }
func (noAnchors) DefineAnchor(string, *yaml.Node) error         { return errAnchor }
func (noAnchors) ResolveAlias(string) (*yaml.Node, bool, error) { return nil, false, errAnchor }
