package ui

import (
	"context"
	"errors"
	"io"
	"strings"
)

// Confirm asks a question on s (stderr). Only y and yes mean yes; the end of in means no.
func Confirm(ctx context.Context, in io.Reader, s Stream, question string) (bool, error) {
	answer, err := ask(ctx, in, s, question+" [y/N]")
	answer = strings.ToLower(answer)
	return answer == "y" || answer == "yes", err
}

// Type asks for a word to be typed, for what can't be undone, and says whether it was.
func Type(ctx context.Context, in io.Reader, s Stream, question, want string) (bool, error) {
	answer, err := ask(ctx, in, s, question+" (type "+want+")")
	return answer == want && want != "", err
}

// ask returns the next line of in, or the cause of ctx's end: Ctrl-C answers, too. The reading itself can't be
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
		if errors.Is(a.err, io.EOF) {
			a.err = nil
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
