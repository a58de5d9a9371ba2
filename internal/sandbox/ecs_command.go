package sandbox

import (
	"strconv"
	"strings"
	"time"
)

// What a command does in a simulated container. Nothing is run: a few programs are known, so that a run can be
// rehearsed with its lines, its time and its end, and any other says that it has run and ends with exit code 0.
//
//	echo WORDS      printenv NAME      sleep SECONDS      true      false      exit N
//	sh -c "..."     of them, with ; && || and line ends between them, and $NAME in words

// A program is what a command writes, when, and how it ends.
type program struct {
	Lines []spoken
	Ends  time.Duration // after its start
	Exit  int32
}

// spoken is a line with its moment after the start.
type spoken struct {
	After time.Duration
	Text  string
}

// interpret says what a command does with these variables.
func interpret(command []string, env map[string]string) *program {
	p := &program{}
	switch name := base(command[0]); {
	case (name == "sh" || name == "bash" || name == "ash") && len(command) > 2 && command[1] == "-c":
		p.script(command[2], env)
	default:
		p.simple(command, env)
	}
	return p
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// script does the simple commands of a line of the shell one after the other.
func (p *program) script(text string, env map[string]string) {
	for _, c := range shellCommands(text, env) {
		if c.after == "&&" && p.Exit != 0 || c.after == "||" && p.Exit == 0 {
			continue
		}
		if p.simple(c.words, env); c.words[0] == "exit" {
			return
		}
	}
}

// simple does one command.
func (p *program) simple(words []string, env map[string]string) {
	arg := ""
	if len(words) > 1 {
		arg = words[1]
	}
	number, _ := strconv.ParseFloat(arg, 64)
	code := int32(0)
	switch base(words[0]) {
	case "true", ":", "set":
	case "false":
		code = 1
	case "exit":
		code = int32(uint8(int(number))) // modulo 256, as the kernel keeps it
		if arg == "" {
			code = p.Exit
		}
	case "sleep":
		p.Ends += time.Duration(number * float64(time.Second))
	case "echo":
		p.say(strings.Join(words[1:], " "))
	case "printenv":
		if v, ok := env[arg]; ok {
			p.say(v)
		} else {
			code = 1
		}
	default:
		p.say("running " + strings.Join(words, " "))
		p.Ends += commandRuns
		p.say(words[0] + " is done (the sandbox runs no programs)")
	}
	p.Exit = code
}

// say writes a text now, a line an event, as awslogs does.
func (p *program) say(text string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		p.Lines = append(p.Lines, spoken{p.Ends, line})
	}
}

// A shellCommand is a simple command, and what stands between it and the one before.
type shellCommand struct {
	after string
	words []string
}

// shellCommands takes a line of the shell apart. Redirections of output are dropped: both streams go to the log.
func shellCommands(text string, env map[string]string) (all []shellCommand) {
	c := shellCommand{after: ";"}
	word, in := "", false
	endWord := func() {
		if in && !strings.HasPrefix(word, ">") && !strings.HasPrefix(word, "2>") {
			c.words = append(c.words, word)
		}
		word, in = "", false
	}
	end := func(operator string) {
		if endWord(); len(c.words) > 0 {
			all = append(all, c)
		}
		c = shellCommand{after: operator}
	}
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '\'' || b == '"':
			n := strings.IndexByte(text[i+1:], b)
			if n < 0 {
				n = len(text) - i - 1
			}
			part := text[i+1 : i+1+n]
			if b == '"' {
				part = expand(part, env)
			}
			word, in, i = word+part, true, i+n+1
		case strings.HasPrefix(text[i:], "&&"), strings.HasPrefix(text[i:], "||"):
			end(text[i : i+2])
			i++
		case b == ';' || b == '\n':
			end(";")
		case b == ' ' || b == '\t':
			endWord()
		case b == '$':
			n := i + 1
			for n < len(text) && strings.IndexByte(" \t\n;&|\"'$", text[n]) < 0 {
				n++
			}
			word, in, i = word+expand(text[i:n], env), true, n-1
		default:
			word, in = word+string(b), true
		}
	}
	end("")
	return all
}

// expand puts variables in.
func expand(text string, env map[string]string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if name, rest, braced := strings.Cut(strings.TrimPrefix(after, "{"), "}"); braced && strings.HasPrefix(after, "{") {
			b.WriteString(env[name])
			text = rest
			continue
		}
		n := 0
		for n < len(after) && (after[n] == '_' || after[n] >= '0' && after[n] <= '9' || after[n]|0x20 >= 'a' && after[n]|0x20 <= 'z') {
			n++
		}
		b.WriteString(env[after[:n]])
		text = after[n:]
	}
}
