package dockerfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var blanks = regexp.MustCompile(`[\t\v\f\r ]+`)

var onbuildWord = regexp.MustCompile(`(?i)^\s*ONBUILD\s*`)

// instruction splits a line.
func (r *reader) instruction(text string) (*Instruction, error) {
	parts := blanks.Split(strings.TrimSpace(text), 2)
	i := &Instruction{Name: strings.ToUpper(parts[0]), Text: strings.TrimSpace(text)}
	rest := ""
	if len(parts) == 2 {
		i.Flags, rest = r.flags(parts[1])
		rest = strings.TrimSpace(rest)
	}
	var err error
	switch i.Name {
	case "ADD", "COPY", "VOLUME":
		if err = i.list(rest); errors.Is(err, errNoList) && rest != "" {
			i.Args, err = blanks.Split(rest, -1), nil
		}
	case "CMD", "ENTRYPOINT", "RUN", "SHELL":
		err = i.listOrText(rest)
	case "EXPOSE", "FROM":
		if rest != "" {
			i.Args = blanks.Split(rest, -1)
		}
		if i.Name == "EXPOSE" {
			slices.Sort(i.Args)
		}
	case "HEALTHCHECK":
		end := strings.IndexFunc(rest+" ", unicode.IsSpace)
		if err = i.listOrText(strings.TrimLeftFunc(rest[end:], unicode.IsSpace)); err == nil && rest != "" {
			i.Args = append([]string{rest[:end]}, i.Args...)
		}
	case "ENV", "LABEL":
		err = i.pairs(r.words(rest), rest)
	case "ARG":
		for _, w := range r.words(rest) {
			name, value, given := strings.Cut(w, "=")
			i.Pairs = append(i.Pairs, Pair{Name: name, Value: value, Bare: !given})
		}
	case "ONBUILD":
		if rest != "" {
			inner, err := r.instruction(rest)
			if err != nil {
				return nil, err
			}
			i.Args, i.List = []string{inner.Name, onbuildWord.ReplaceAllString(text, "")}, inner.List
		}
	default:
		if rest != "" {
			i.Args = []string{rest}
		}
	}
	if errors.Is(err, errNoList) {
		err = nil
	}
	return i, err
}

var errNoList = errors.New("not a list")

// list reads ["a", "b"].
func (i *Instruction) list(text string) error {
	text = strings.TrimLeftFunc(text, unicode.IsSpace)
	if !strings.HasPrefix(text, "[") {
		return errNoList
	}
	var items []any
	if json.Unmarshal([]byte(text), &items) != nil {
		return errNoList
	}
	args := []string{}
	for _, item := range items {
		s, ok := item.(string)
		if !ok {
			return errNotTexts
		}
		args = append(args, s)
	}
	i.Args, i.List = args, true
	return nil
}

// listOrText reads a list, or takes the text as it is.
func (i *Instruction) listOrText(text string) error {
	if text == "" {
		return nil
	}
	err := i.list(text)
	if errors.Is(err, errNoList) {
		i.Args, err = []string{text}, nil
	}
	return err
}

// pairs reads NAME=VALUE …, or NAME VALUE.
func (i *Instruction) pairs(words []string, text string) error {
	if len(words) == 0 {
		return nil
	}
	if !strings.Contains(words[0], "=") {
		parts := blanks.Split(text, 2)
		if len(parts) < 2 {
			return fmt.Errorf("%s needs a name and a value", i.Name)
		}
		i.Pairs = []Pair{{Name: parts[0], Value: parts[1], Spaced: true}}
		return nil
	}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return fmt.Errorf("%s: there is no = in %q", i.Name, w)
		}
		i.Pairs = append(i.Pairs, Pair{Name: name, Value: value})
	}
	return nil
}

// words splits a text at blanks that are neither quoted nor escaped. Quotes and escapes stay.
func (r *reader) words(text string) (words []string) {
	var word strings.Builder
	in, quote := false, rune(0)
	for text != "" {
		ch, size := utf8.DecodeRuneInString(text)
		text = text[size:]
		switch {
		case quote == 0 && unicode.IsSpace(ch):
			if in && word.Len() > 0 {
				words = append(words, word.String())
			}
			in = false
			word.Reset()
			continue
		case ch == r.escape && quote != '\'':
			in = true
			if text == "" {
				continue // at the end it is nothing
			}
			word.WriteRune(ch)
			ch, size = utf8.DecodeRuneInString(text)
			text = text[size:]
		case quote == 0 && (ch == '\'' || ch == '"'):
			quote = ch
		case ch == quote:
			quote = 0
		}
		in = true
		word.WriteRune(ch)
	}
	if word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}

// flags takes the words that begin with -- off the head of a text. Their quotes and escapes are gone; -- alone ends them.
func (r *reader) flags(text string) (flags []Flag, rest string) {
	for {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
		if !strings.HasPrefix(text, "--") {
			return flags, text
		}
		word, after := r.flagWord(text)
		text = after
		if word == "--" {
			return flags, text
		}
		name, value, given := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		flags = append(flags, Flag{name, value, given})
	}
}

// flagWord is the first word of a text.
func (r *reader) flagWord(text string) (word, rest string) {
	var b strings.Builder
	quote := rune(0)
	for text != "" {
		ch, size := utf8.DecodeRuneInString(text)
		switch {
		case quote == 0 && unicode.IsSpace(ch):
			return b.String(), text
		case quote == 0 && (ch == '\'' || ch == '"'):
			quote = ch
		case quote != 0 && ch == quote:
			quote = 0
		case ch == r.escape:
			text = text[size:]
			if ch, size = utf8.DecodeRuneInString(text); size > 0 {
				b.WriteRune(ch)
			}
		default:
			b.WriteRune(ch)
		}
		text = text[size:]
	}
	return b.String(), ""
}
