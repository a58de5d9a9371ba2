package image

import (
	"slices"
	"strings"
)

// Words that a shell knows itself: those before a command, those that are no program, and those that end an alternative.
var (
	shellPrefixes = strings.Fields("! { ( if while until then do else elif exec command time")
	shellBuiltins = strings.Fields(": . [ [[ alias bg cd echo eval exit export false fg getopts hash jobs kill local printf pwd read readonly return set shift source test times trap true type ulimit umask unset wait for case fi done esac } )")
)

// programs are those that a line for the shell begins with, one for each part between ||: of "curl -f URL || exit 1" it is
// curl. What the shell does itself is passed over; a name that comes out of a variable can't be known and is none.
func programs(line string) (found []string) {
	for _, part := range alternatives(line) {
		for _, command := range part {
			i := slices.IndexFunc(command, func(word string) bool {
				return !slices.Contains(shellPrefixes, word) && !isAssignment(word)
			})
			if i < 0 || slices.Contains(shellBuiltins, command[i]) {
				continue
			}
			if !strings.ContainsAny(command[i], "$`*?<>") {
				found = append(found, command[i])
			}
			break
		}
	}
	return found
}

// isAssignment says whether a word is NAME=VALUE, which may stand before a command.
func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// alternatives are the words of the commands of a line, by the parts between ||.
func alternatives(line string) (parts [][][]string) {
	var part [][]string
	var command []string
	word, quote, begun := "", rune(0), false
	endWord := func() {
		if begun {
			command = append(command, word)
		}
		word, begun = "", false
	}
	endCommand := func() {
		endWord()
		if command != nil {
			part = append(part, command)
		}
		command = nil
	}
	text := []rune(line)
	for i := 0; i < len(text); i++ {
		r := text[i]
		switch {
		case quote == '\'' && r != '\'', quote == '"' && r != '"' && r != '\\':
			word += string(r)
		case r == '\\' && i+1 < len(text):
			i++
			word, begun = word+string(text[i]), true
		case r == quote && quote != 0:
			quote = 0
		case r == '\'' || r == '"':
			quote, begun = r, true
		case r == ' ' || r == '\t':
			endWord()
		case r == '|' && i+1 < len(text) && text[i+1] == '|':
			i++
			endCommand()
			parts, part = append(parts, part), nil
		case r == '&' && strings.HasSuffix(word, ">"): // 2>&1
			word += "&"
		case strings.ContainsRune(";&|\n", r):
			endCommand()
		case r == '(' || r == ')':
			endWord()
		default:
			word, begun = word+string(r), true
		}
	}
	endCommand()
	return append(parts, part)
}
