package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// hoist puts flags where the library finds them: it stops at the first word, ours may stand anywhere. Global flags go
// before the command, the command's own right behind it, words last; what stands behind "--" stays as it is.
func hoist(app *cli.App, args []string) ([]string, error) {
	if len(args) == 0 {
		return args, nil
	}
	head, tail := args[1:], []string(nil)
	if i := slices.Index(head, "--"); i >= 0 {
		head, tail = head[:i], head[i:]
	}
	path := commandPath(app, head)
	known := [][]cli.Flag{app.Flags}
	for _, c := range path {
		known = append(known, c.Flags)
	}
	flags := make([][]string, len(known))
	var words []string
	for i, depth := 0, 0; i < len(head); i++ {
		arg := head[i]
		if !isFlag(arg) {
			if depth < len(path) && path[depth].HasName(arg) {
				depth++
			} else {
				words = append(words, arg)
			}
			continue
		}
		level, f := owner(known, depth, arg)
		flags[level] = append(flags[level], arg)
		value, has := "x", true
		if takesValue(f, arg) {
			if i++; i < len(head) {
				value = head[i]
				flags[level] = append(flags[level], value)
			} else {
				has = false // it would take the command for its value
			}
		} else if strings.HasSuffix(arg, "=") {
			value = ""
		}
		if !has || value == "" {
			return nil, usageErrorf("%s needs a value", strings.TrimSuffix(arg, "="))
		}
	}
	out := append([]string{args[0]}, flags[0]...)
	for i, c := range path {
		out = append(append(out, c.Name), flags[i+1]...)
	}
	if splits(path, words, tail) {
		out = append(out, "--")
	}
	return slices.Concat(out, words, tail), nil
}

// splits says whether the words need a "--" before them, which the library takes away: words that look like flags, and
// exec, which tells TASK from COMMAND by the "--" between them.
func splits(path []*cli.Command, words, tail []string) bool {
	if tail != nil {
		return len(path) > 0 && path[len(path)-1].Name == "exec"
	}
	return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") })
}

// isFlag tells a flag from a word; a negative number is a word.
func isFlag(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' && (arg[1] < '0' || arg[1] > '9')
}

// commandPath is the command that the words name, from the outermost: "logs", "tail". The value of a flag is no word,
// whichever command has the flag.
func commandPath(app *cli.App, args []string) (path []*cli.Command) {
	all := every(app.Flags, app.Commands)
	commands := app.Commands
	for i := 0; i < len(args); i++ {
		if isFlag(args[i]) {
			if _, f := owner([][]cli.Flag{all}, 0, args[i]); takesValue(f, args[i]) {
				i++
			}
			continue
		}
		at := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(args[i]) })
		if at < 0 {
			return path
		}
		path, commands = append(path, commands[at]), commands[at].Subcommands
	}
	return path
}

func every(flags []cli.Flag, commands []*cli.Command) []cli.Flag {
	flags = slices.Clone(flags)
	for _, c := range commands {
		flags = append(flags, every(c.Flags, c.Subcommands)...)
	}
	return flags
}

// owner is the level that a flag belongs to: where it stands, else one further in, else one further out. Nobody's flag
// stays with the innermost command, which then says that it has none such.
func owner(known [][]cli.Flag, depth int, arg string) (level int, f cli.Flag) {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	order := []int{depth}
	for l := depth + 1; l < len(known); l++ {
		order = append(order, l)
	}
	for l := depth - 1; l >= 0; l-- {
		order = append(order, l)
	}
	for _, l := range order {
		for _, f := range known[l] {
			if slices.Contains(f.Names(), name) {
				return l, f
			}
		}
	}
	return len(known) - 1, nil
}

func takesValue(f cli.Flag, arg string) bool {
	_, isBool := f.(*cli.BoolFlag)
	return f != nil && !isBool && !strings.Contains(arg, "=")
}
