package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// theirs is what BuildKit's parser reads, in the words of ours.
func theirs(text string) (*File, error) {
	tree, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	stages, args, err := instructions.Parse(tree.AST, linter.New(&linter.Config{}))
	if err != nil {
		return nil, err
	}
	if len(stages) == 0 {
		return nil, errors.New("no stages")
	}
	f := &File{Escape: tree.EscapeToken}
	f.Syntax, _, _, _ = parser.DetectSyntax([]byte(text))
	for i := range args {
		f.Args = append(f.Args, translate(&args[i]))
	}
	for _, s := range stages {
		st := &Stage{Base: s.BaseName, Name: s.Name, From: &Instruction{Name: "FROM", Text: s.SourceCode, Line: s.Location[0].Start.Line}}
		if s.Platform != "" {
			st.From.Flags = []Flag{{"platform", s.Platform, true}}
		}
		for _, c := range s.Commands {
			st.Instructions = append(st.Instructions, translate(c))
		}
		f.Stages = append(f.Stages, st)
	}
	return f, nil
}

func translate(c instructions.Command) *Instruction {
	i := &Instruction{Name: strings.ToUpper(c.Name()), Text: fmt.Sprint(c), Line: c.Location()[0].Start.Line}
	flag := func(name, value string) {
		if value != "" && value != "false" {
			i.Flags = append(i.Flags, Flag{name, value, true})
		}
	}
	sources := func(s instructions.SourcesAndDest) {
		i.Args = append(append([]string{}, s.SourcePaths...), s.DestPath)
		for _, d := range s.SourceContents {
			i.Docs = append(i.Docs, Document{Name: d.Path, Text: d.Data, Expand: d.Expand})
		}
	}
	command := func(l instructions.ShellDependantCmdLine) {
		i.Args, i.List = append([]string{}, l.CmdLine...), !l.PrependShell
	}
	pairs := func(kv instructions.KeyValuePairs) {
		for _, p := range kv {
			i.Pairs = append(i.Pairs, Pair{Name: p.Key, Value: p.Value, Spaced: p.NoDelim})
		}
	}
	switch c := c.(type) {
	case *instructions.AddCommand:
		sources(c.SourcesAndDest)
		flag("chown", c.Chown)
		flag("chmod", c.Chmod)
		flag("link", fmt.Sprint(c.Link))
		flag("checksum", c.Checksum)
		for _, e := range c.ExcludePatterns {
			flag("exclude", e)
		}
	case *instructions.CopyCommand:
		sources(c.SourcesAndDest)
		flag("chown", c.Chown)
		flag("chmod", c.Chmod)
		flag("link", fmt.Sprint(c.Link))
		flag("from", c.From)
		flag("parents", fmt.Sprint(c.Parents))
		for _, e := range c.ExcludePatterns {
			flag("exclude", e)
		}
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			i.Pairs = append(i.Pairs, Pair{Name: a.Key, Value: a.ValueString(), Bare: a.Value == nil})
		}
	case *instructions.EnvCommand:
		pairs(c.Env)
	case *instructions.LabelCommand:
		pairs(c.Labels)
	case *instructions.CmdCommand:
		command(c.ShellDependantCmdLine)
	case *instructions.EntrypointCommand:
		command(c.ShellDependantCmdLine)
	case *instructions.RunCommand:
		command(c.ShellDependantCmdLine)
	case *instructions.HealthCheckCommand:
		i.Args = c.Health.Test
	case *instructions.ExposeCommand:
		i.Args = c.Ports
	case *instructions.VolumeCommand:
		i.Args = c.Volumes
	case *instructions.ShellCommand:
		i.Args = c.Shell
	case *instructions.OnbuildCommand:
		i.Args = []string{c.Expression}
	case *instructions.MaintainerCommand:
		i.Args = []string{c.Maintainer}
	case *instructions.UserCommand:
		i.Args = []string{c.User}
	case *instructions.WorkdirCommand:
		i.Args = []string{c.Path}
	case *instructions.StopSignalCommand:
		i.Args = []string{c.Signal}
	}
	return i
}

// plain brings what ours reads into the form of translate, which says less.
func plain(f *File) *File {
	f.SyntaxLine, f.Check = 0, ""
	all := append([]*Instruction{}, f.Args...)
	for _, s := range f.Stages {
		s.From.Args = nil
		all = append(append(all, s.From), s.Instructions...)
	}
	for _, i := range all {
		i.plain()
	}
	return f
}

func (i *Instruction) plain() {
	i.Comments = nil
	var order []string
	switch i.Name {
	case "ADD":
		order = []string{"chown", "chmod", "link", "checksum", "exclude"}
	case "COPY":
		order = []string{"chown", "chmod", "link", "from", "parents", "exclude"}
	case "FROM":
		order = []string{"platform"}
	}
	var flags []Flag
	for _, name := range order {
		for _, v := range i.All(name) {
			if v != "" && v != "false" {
				flags = append(flags, Flag{name, v, true})
			}
		}
	}
	i.Flags = flags
	switch i.Name {
	case "ADD", "COPY":
		var paths []string
		var docs []Document
		for _, a := range i.Args {
			if d := i.Document(a); d != nil {
				docs = append(docs, Document{Name: d.Name, Text: d.Content(), Expand: d.Expand})
			} else {
				paths = append(paths, a)
			}
		}
		i.Args, i.Docs, i.List = paths, docs, false
	case "CMD", "ENTRYPOINT", "RUN":
		i.Docs = nil
	case "HEALTHCHECK":
		if i.Args[0] = strings.ToUpper(i.Args[0]); i.Args[0] == "CMD" && !i.List {
			i.Args[0] = "CMD-SHELL"
		}
		i.List = false
	case "ONBUILD":
		i.Args, i.List, i.Docs = i.Args[1:], false, nil
	default:
		i.List = false
	}
}

// same parses a text with both, and says how they differ.
func same(text string) string {
	want, theirErr := theirs(text)
	got, err := Parse(text)
	if (err == nil) != (theirErr == nil) {
		return fmt.Sprintf("error %v, BuildKit's %v", err, theirErr)
	}
	if err != nil {
		var e *Error
		var at *parser.LocationError
		if errors.As(err, &e) && errors.As(theirErr, &at) && len(at.Locations) > 0 && at.Locations[0][0].Start.Line > 0 && e.Line > 0 && e.Line != at.Locations[0][0].Start.Line &&
			at.Locations[0][0].Start.Line != e.Line-1 { // BuildKit counts the lines of directives from 0
			return fmt.Sprintf("error %v in line %d, BuildKit's %v in line %d", err, e.Line, theirErr, at.Locations[0][0].Start.Line)
		}
		return ""
	}
	return cmp.Diff(want, plain(got), cmp.Transformer("none", func(s []string) []string {
		return append([]string{}, s...)
	}))
}

func corpus(t testing.TB) (texts []string) {
	t.Helper()
	files, err := filepath.Glob("../../testdata/dockerfiles/*/Dockerfile")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	return texts
}

func TestAsBuildKitReads(t *testing.T) {
	t.Parallel()
	for _, text := range append(corpus(t), extra...) {
		if diff := same(text); diff != "" {
			t.Errorf("BuildKit's (-) and ours (+):\n%s\n%s", text, diff)
		}
	}
}

// Comments belong to the instruction that they stand right before, or in.
func TestComments(t *testing.T) {
	t.Parallel()
	f, err := Parse("# check=skip=a,b;error=true\n# of nobody\n\n# of FROM\nFROM x\n#of RUN \\\nRUN a \\\n  ## in RUN\n b <<E\n# of the document\nE\nCMD c\n# of nobody\n")
	if err != nil {
		t.Fatal(err)
	}
	if f.Check != "skip=a,b;error=true" {
		t.Errorf("check %q", f.Check)
	}
	got := [][]string{f.Stages[0].From.Comments, f.Stages[0].Instructions[0].Comments, f.Stages[0].Instructions[1].Comments}
	if diff := cmp.Diff([][]string{{"of FROM"}, {`of RUN`, "in RUN"}, nil}, got); diff != "" {
		t.Error(diff)
	}
}

// extra are what the corpus has no case for.
var extra = []string{
	"", "\n\n", "# only a comment\n", "FROM", "FROM a b", "FROM a as 1b", "FROM a AS b c", "COPY a b\nFROM x", "ARG a\nENV b=c\nFROM x", "FROM x\nFROM y AS z\n",
	"FROM x\nNOPE y\n", "FROM x\nCOPY a\n", "FROM x\nCOPY [\"a\"]\n", "FROM x\nCOPY [\"a\", 1]\n", "FROM x\nCOPY [a b] c\n", "FROM x\nCOPY --nope a b\n", "FROM x\nCOPY --chown a b\n",
	"FROM x\nCOPY --link=maybe a b\n", "FROM x\nCOPY --link= a b\n", "FROM x\nCOPY --link=FALSE --link a b\n", "FROM x\nCOPY --chown=1 --chown=2 a b\n", "FROM x\nCOPY -- --a b\n",
	"FROM x\nCOPY --chown='1 2' --exclude=\"a b\" --exclude=c a b\n", "FROM x\nCOPY --chown=1\\:2 a b\n", "FROM x\nCOPY a b \\\n", "FROM x\nCOPY a \\\n\n# c\n  b\n", "FROM x\nCOPY a b\\\\\n",
	"FROM x\nENV\n", "FROM x\nENV a\n", "FROM x\nENV a b c\n", "FROM x\nENV a=b c\n", "FROM x\nENV =b\n", "FROM x\nENV a='b c' d=\"e \\\" f\" g=h\\ i\n", "FROM x\nENV a=\\\n", "FROM x\nENV a=\"b\n",
	"FROM x\nLABEL\n", "FROM x\nLABEL a\n", "FROM x\nLABEL \"a b\"=c\n", "FROM x\nLABEL a b\\\n c\n", "FROM x\nARG\n", "FROM x\nARG =a\n", "FROM x\nARG a=b c d=\n", "FROM x\nARG --a b\n",
	"FROM x\nCMD\n", "FROM x\nCMD []\n", "FROM x\nCMD [\"a\"\n", "FROM x\nCMD [1]\n", "FROM x\nCMD --x a\n", "FROM x\nSHELL a b\n", "FROM x\nSHELL []\n", "FROM x\nSHELL [\"a\"]\n",
	"FROM x\nHEALTHCHECK\n", "FROM x\nHEALTHCHECK NONE x\n", "FROM x\nHEALTHCHECK --nope none\n", "FROM x\nHEALTHCHECK CMD\n", "FROM x\nHEALTHCHECK cmd a  b\n", "FROM x\nHEALTHCHECK CMD []\n",
	"FROM x\nHEALTHCHECK TRY a\n", "FROM x\nHEALTHCHECK --retries=2 CMD [\"a\", \"b\"]\n", "FROM x\nONBUILD\n", "FROM x\nONBUILD FROM y\n", "FROM x\nONBUILD ONBUILD RUN a\n", "FROM x\nonbuild  copy a b\n",
	"FROM x\nONBUILD COPY <<E /a\nt\nE\n", "FROM x\nEXPOSE\n", "FROM x\nEXPOSE 3 1  2\n", "FROM x\nUSER\n", "FROM x\nUSER a b\n", "FROM x\nWORKDIR  /a b \n", "FROM x\nVOLUME\n", "FROM x\nVOLUME [\" \"]\n",
	"FROM x\nVOLUME [ \" a \" ]\n", "FROM x\nSTOPSIGNAL\n", "FROM x\nMAINTAINER\n", "FROM x\nRUN <<A cat <<B\na\nA\nb\nB\n", "FROM x\nCOPY <<A b\n", "FROM x\nCOPY a <<A\nA\n", "FROM x\nCOPY <<'A B' /c\nt\nA B\n",
	"FROM x\nCOPY <<-A <<A2 /d/\n\t\tt\n\tA\nu\nA2\n", "FROM x\nCOPY << A\n", "FROM x\nCOPY 3<<A /d\nA\n", "\ufeffFROM x\n", "#!/bin/x\nFROM x\n", "# syntax=a\n# syntax=b\nFROM x\n", "# escape=x\nFROM x\n",
	"# escape=`\nFROM x\nCOPY a `\n b\\\n", "# nope=1\n# escape=`\nFROM x\n", "#escape = `   \nFROM x\n", "\n# escape=`\nFROM x\nCOPY a `\n", "FROM x\r\nCOPY a \\\r\n b\r\n", "FROM x\n\tCOPY\ta\tb\t\n", "from x As Y\n",
	"FROM --platform=a/b x\n", "FROM --platform x\n", "FROM --nope=1 x\n", "\\\nFROM x\n", "FROM x\n\\\n", "FROM \\\n# comment\n\n x\n", "FROM x\nCMD a \\ \t\n b\n", "FROM x\nCMD a \\\\ \n", "FROM x\nENV a=b\\ \n",
}

// Texts with a few random changes are read as BuildKit reads them.
func TestAsBuildKitReadsHarm(t *testing.T) {
	t.Parallel()
	texts := append(corpus(t), extra...)
	pieces := []string{" ", "\n", "\\", "\\\n", "\"", "'", "#", "=", "$", "--", "[", "]", "<<", "<<E", "E\n", "FROM ", "COPY ", "ENV ", "a", "\t", "`", ",", "\r\n", "<<-'E'", "--from=x ", "ONBUILD ", "HEALTHCHECK CMD ", "ARG "}
	r := rand.New(rand.NewPCG(1, 2))
	n := 20_000
	if testing.Short() {
		n = 2_000
	}
	for range n {
		text := []byte(texts[r.IntN(len(texts))])
		for range 1 + r.IntN(3) {
			at := r.IntN(len(text) + 1)
			switch r.IntN(3) {
			case 0:
				text = append(text[:at:at], append([]byte(pieces[r.IntN(len(pieces))]), text[at:]...)...)
			case 1:
				end := min(len(text), at+r.IntN(8))
				text = append(text[:at:at], text[end:]...)
			default:
				other := texts[r.IntN(len(texts))]
				if other != "" {
					text = append(text[:at:at], other[r.IntN(len(other)):]...)
				}
			}
		}
		if bytes.ContainsFunc(text, func(r rune) bool { return r > 0x7e }) { // BuildKit mangles such letters in flags
			continue
		}
		if diff := same(string(text)); diff != "" {
			t.Errorf("BuildKit's (-) and ours (+):\n%q\n%s", text, diff)
		}
	}
}
