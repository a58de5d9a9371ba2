package ui

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
)

// Confirm asks a question on s (stderr). Only y and yes mean yes; the end of in means no.
func Confirm(ctx context.Context, in io.Reader, s Stream, question string) (bool, error) {
	answer, err := ask(ctx, in, s, question+" [y/N]")
	answer = strings.ToLower(answer)
	return answer == "y" || answer == "yes", unlessEnded(err)
}

// Type asks for a word to be typed, for what can't be undone, and says whether it was.
func Type(ctx context.Context, in io.Reader, s Stream, question, want string) (bool, error) {
	answer, err := ask(ctx, in, s, question+" (type "+want+")")
	return answer == want && want != "", unlessEnded(err)
}

// unlessEnded is err, but that in has ended is an answer.
func unlessEnded(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// A Choice is one of several answers to a question.
type Choice struct{ Key, Text string }

// Choose asks which of several things to do, on s (stderr), and returns the key of one. A key or a word that begins with
// it is an answer, enter alone is the first choice, and the end of in is "".
func Choose(ctx context.Context, in io.Reader, s Stream, question string, choices ...Choice) (key string, err error) {
	keys := make([]string, len(choices))
	s.print(s.in(bold, Safe(question)) + "\n")
	for i, c := range choices {
		keys[i] = c.Key
		s.print("  " + s.in(bold, c.Key) + "  " + Safe(c.Text) + "\n")
	}
	for {
		answer, err := ask(ctx, in, s, "which? ["+strings.ToUpper(keys[0])+"/"+strings.Join(keys[1:], "/")+"]")
		switch {
		case errors.Is(err, io.EOF):
			return "", nil
		case err != nil:
			return "", err
		case answer == "":
			return keys[0], nil
		}
		if i := slices.IndexFunc(keys, func(k string) bool { return strings.HasPrefix(strings.ToLower(answer), k) }); i >= 0 {
			return keys[i], nil
		}
	}
}

// ask returns the next line of in, io.EOF with what stood there when it ends, or the cause of ctx's end: Ctrl-C answers,
// too. The reading itself can't be
// stopped, so nothing may be asked after that.
func ask(ctx context.Context, in io.Reader, s Stream, question string) (string, error) {
	s.print(s.in(bold, Safe(question)) + " ")
	type answer struct {
		text string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		text, err := readLine(in)
		read <- answer{strings.TrimSpace(text), err}
	}()
	select {
	case a := <-read:
		if a.err != nil {
			s.print("\n") // nobody pressed enter
		}
		return a.text, a.err
	case <-ctx.Done():
		s.print("\n")
		return "", context.Cause(ctx)
	}
}

// readLine reads one line and no byte more, so that the next question finds its own answer.
func readLine(in io.Reader) (string, error) {
	var text []byte
	for b := make([]byte, 1); ; {
		n, err := in.Read(b)
		if n == 1 && b[0] == '\n' {
			return string(text), nil
		}
		text = append(text, b[:n]...)
		if err != nil {
			return string(text), err
		}
	}
}
