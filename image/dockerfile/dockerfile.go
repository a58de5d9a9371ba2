// Package dockerfile reads Dockerfiles: stages, instructions, their flags and documents, each with its line. It reads them
// as BuildKit's parser does (a test holds it against that one), which itself would bring 2 MB of protobuf into the program.
//
// Nothing is expanded: that takes the variables of a stage.
package dockerfile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/fargatectl/fargatectl/internal/near"
)

// A File is a Dockerfile.
type File struct {
	Syntax     string // what "# syntax=" names; "" without one
	SyntaxLine int
	Check      string         // what "# check=" says; "" without one
	Escape     rune           // what escapes, and joins lines: \ unless "# escape=" says `
	Args       []*Instruction // ARG before the first FROM
	Stages     []*Stage
}

// A Stage is a FROM and what follows it.
type Stage struct {
	From         *Instruction
	Base         string // what FROM names
	Name         string // AS name, in lower case; "" without one
	Instructions []*Instruction
}

// An Instruction is one of a Dockerfile.
type Instruction struct {
	Name  string // in upper case: COPY
	Text  string // as it is written, on one line
	Line  int    // where it begins, from 1
	Flags []Flag
	Args  []string // words, items of a list, or one text, as the instruction has it; of HEALTHCHECK the first is CMD or NONE
	List  bool     // Args were written as ["a", "b"]
	Pairs []Pair   // of ENV, LABEL and ARG
	Docs  []Document

	Comments []string // on the lines right before it and in between, without #
}

// A Flag is --Name or --Name=Value.
type Flag struct {
	Name, Value string
	Given       bool // there was a "="
}

// A Pair is NAME=VALUE.
type Pair struct {
	Name, Value string
	Bare        bool // ARG NAME: without a value
	Spaced      bool // ENV NAME VALUE: the old form
}

// A Document is <<NAME, with the lines up to NAME.
type Document struct {
	Name, Text string
	Expand     bool // its name is not quoted
	Chomp      bool // <<-NAME: tabs at the beginning of lines are for the eye
}

// An Error is what makes a Dockerfile none.
type Error struct {
	Line int // 0: none in particular
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// An UnknownFlagError is a flag that this language does not have: it may be that of a newer one.
type UnknownFlagError struct{ Instruction, Flag string }

func (e *UnknownFlagError) Error() string {
	return fmt.Sprintf("%s has no flag --%s", e.Instruction, e.Flag)
}

// Flag is the value of a flag, "" without it; "true" or "false" of one that is on or off.
func (i *Instruction) Flag(name string) string {
	for _, f := range i.Flags {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// All are the values of a flag that may be given several times.
func (i *Instruction) All(name string) (values []string) {
	for _, f := range i.Flags {
		if f.Name == name {
			values = append(values, f.Value)
		}
	}
	return values
}

// Has says whether a flag is given.
func (i *Instruction) Has(name string) bool {
	for _, f := range i.Flags {
		if f.Name == name {
			return true
		}
	}
	return false
}

// Parse reads a Dockerfile; errors are *Error.
func Parse(text string) (*File, error) {
	r := &reader{lines: strings.SplitAfter(strings.TrimPrefix(text, "\ufeff"), "\n"), escape: '\\', seen: map[string]bool{}}
	f := &File{}
	var all []*Instruction
	for {
		i, err := r.next()
		if err != nil {
			return nil, err
		}
		if i == nil {
			break
		}
		all = append(all, i)
	}
	for _, i := range all {
		if err := f.add(i); err != nil {
			return nil, &Error{i.Line, err}
		}
	}
	f.Escape, f.Syntax, f.SyntaxLine, f.Check = r.escape, r.syntax, r.syntaxLine, r.check
	if len(f.Stages) == 0 {
		return nil, &Error{0, errors.New("there is no FROM")}
	}
	return f, nil
}

// add puts an instruction to its stage.
func (f *File) add(i *Instruction) error {
	if err := i.check(); err != nil {
		return err
	}
	switch {
	case i.Name == "FROM":
		s := &Stage{From: i, Base: i.Args[0]}
		if len(i.Args) > 1 {
			s.Name = strings.ToLower(i.Args[2])
		}
		f.Stages = append(f.Stages, s)
	case len(f.Stages) > 0:
		s := f.Stages[len(f.Stages)-1]
		s.Instructions = append(s.Instructions, i)
	case i.Name == "ARG":
		f.Args = append(f.Args, i)
	default:
		return fmt.Errorf("%s stands before the first FROM", i.Name)
	}
	return nil
}

// Flags of an instruction: whether it is on or off, a value, or any number of values.
const (
	onOff = iota + 1
	single
	many
)

// known are the instructions and their flags. ARG and STOPSIGNAL take none, and look at none.
var known = map[string]map[string]int{
	"ADD":  {"chown": single, "chmod": single, "link": onOff, "keep-git-dir": onOff, "checksum": single, "unpack": onOff, "exclude": many},
	"COPY": {"chown": single, "chmod": single, "link": onOff, "from": single, "exclude": many, "parents": onOff},
	"FROM": {"platform": single},
	"HEALTHCHECK": {
		"interval": single, "timeout": single, "start-period": single, "start-interval": single, "retries": single,
	},
	"RUN": {"mount": many, "network": single, "security": single, "device": many},
	"CMD": {}, "ENTRYPOINT": {}, "ENV": {}, "EXPOSE": {}, "LABEL": {}, "MAINTAINER": {}, "ONBUILD": {}, "SHELL": {}, "ARG": nil, "STOPSIGNAL": nil,
	"USER": {}, "VOLUME": {}, "WORKDIR": {},
}

var stageName = regexp.MustCompile(`^[a-z][a-z0-9-_.]*$`)

// check holds an instruction against its form.
func (i *Instruction) check() error {
	flags, ok := known[i.Name]
	if !ok {
		err := "unknown instruction: " + i.Name
		if meant := near.Word(i.Name, slices.Sorted(maps.Keys(known))); meant != "" {
			err += " (did you mean " + meant + "?)"
		}
		return errors.New(err)
	}
	if flags != nil && !(i.Name == "HEALTHCHECK" && len(i.Args) > 0 && strings.EqualFold(i.Args[0], "NONE")) {
		if err := i.checkFlags(flags); err != nil {
			return err
		}
	}
	n := len(i.Args)
	switch i.Name {
	case "FROM":
		if n != 1 && (n != 3 || !strings.EqualFold(i.Args[1], "as")) {
			return errors.New("FROM takes an image, or an image AS a name")
		}
		if n == 3 && !stageName.MatchString(strings.ToLower(i.Args[2])) {
			return fmt.Errorf("%q can't be the name of a stage: it begins with a letter, and has letters, digits, dashes, underscores and dots", i.Args[2])
		}
	case "ADD", "COPY":
		if n < 2 {
			return fmt.Errorf("%s needs a source and a destination", i.Name)
		}
		if d := document(i.Args[n-1]); d != nil {
			return fmt.Errorf("%s: a document can't be a destination", i.Name)
		}
	case "MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR":
		if n != 1 {
			return fmt.Errorf("%s needs one argument", i.Name)
		}
	case "EXPOSE", "VOLUME", "SHELL", "HEALTHCHECK", "ONBUILD":
		if n == 0 {
			return fmt.Errorf("%s needs an argument", i.Name)
		}
	case "ENV", "LABEL", "ARG":
		return i.checkPairs()
	}
	return i.checkWords()
}

func (i *Instruction) checkPairs() error {
	if len(i.Pairs) == 0 {
		return fmt.Errorf("%s needs an argument", i.Name)
	}
	for _, p := range i.Pairs {
		if p.Name == "" {
			return fmt.Errorf("%s: a name is empty", i.Name)
		}
	}
	return nil
}

// checkWords is for what the words themselves say.
func (i *Instruction) checkWords() error {
	switch i.Name {
	case "VOLUME":
		for n, v := range i.Args {
			if i.Args[n] = strings.TrimSpace(v); i.Args[n] == "" {
				return errors.New("VOLUME: a name is empty")
			}
		}
	case "SHELL":
		if !i.List {
			return errors.New("SHELL takes a list of words in JSON")
		}
	case "HEALTHCHECK":
		_, err := i.Health()
		return err
	case "ONBUILD":
		switch word := strings.ToUpper(i.Args[0]); word {
		case "ONBUILD", "MAINTAINER", "FROM":
			return fmt.Errorf("ONBUILD %s is not allowed", word)
		}
	}
	return nil
}

// checkFlags settles what is on or off.
func (i *Instruction) checkFlags(flags map[string]int) error {
	seen := map[string]bool{}
	for n := range i.Flags {
		f := &i.Flags[n]
		kind := flags[f.Name]
		switch {
		case kind == 0:
			return &UnknownFlagError{i.Name, f.Name}
		case seen[f.Name] && kind != many:
			return fmt.Errorf("--%s is given twice", f.Name)
		case f.Given && f.Value == "" && kind == onOff, !f.Given && kind != onOff:
			return fmt.Errorf("--%s needs a value", f.Name)
		case kind == onOff && f.Value == "":
			f.Value = "true"
		case kind == onOff:
			if f.Value = strings.ToLower(f.Value); f.Value != "true" && f.Value != "false" {
				return fmt.Errorf("--%s is true or false, not %s", f.Name, f.Value)
			}
		}
		seen[f.Name] = true
	}
	return nil
}
