package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/fargatectl/fargatectl/internal/oneoff"
	"github.com/fargatectl/fargatectl/internal/ui"
)

// A runResult is how a run ended.
type runResult struct {
	Cluster        string      `json:"cluster"`
	TaskDefinition string      `json:"task_definition"`
	ExitCode       *int        `json:"exit_code"` // of the program as well; null while the tasks run, and when none ran
	Seconds        float64     `json:"seconds"`
	Tasks          []taskEnded `json:"tasks"`
}

// taskEnded is how one task ended.
type taskEnded struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	ExitCode *int32 `json:"exit_code"` // null: the command never ran, or still does
	StopCode string `json:"stop_code,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

func resultOf(r *oneoff.Run) runResult {
	out := runResult{Cluster: lastPart(*r.In.Cluster), TaskDefinition: lastPart(*r.In.TaskDefinition), Tasks: []taskEnded{}}
	for _, t := range r.Tasks {
		status := t.Status
		if t.ExitCode != nil { // what is left is AWS's tidying up
			status = "STOPPED"
		}
		out.Tasks = append(out.Tasks, taskEnded{t.ID(), status, t.ExitCode, string(t.StopCode), t.Reason})
	}
	return out
}

// detached prints which tasks were started.
func (s *session) detached(r *oneoff.Run) error {
	for _, t := range r.Tasks {
		if t.ARN == "" {
			return &ourSideError{&oneoff.StartError{Task: t}}
		}
	}
	return s.result(resultOf(r), func() {
		for _, t := range r.Tasks {
			_, _ = fmt.Fprintln(s.terminal.Out, t.ARN)
		}
	})
}

// ran reports how the tasks ended, and ends the program with their exit code.
func (s *session) ran(r *oneoff.Run, took time.Duration) error {
	out := resultOf(r)
	out.Seconds = inSeconds(took)
	code, ok := r.Code()
	if ok {
		out.ExitCode = &code
	}
	if s.json {
		if err := ui.JSON(s.terminal.Out, out); err != nil {
			return err
		}
	}
	for _, t := range r.Tasks {
		switch err := t.Err(); {
		case err != nil && t.ExitCode == nil && len(r.Tasks) == 1:
			return &ourSideError{err}
		case err != nil && len(r.Tasks) == 1:
			s.tell(err.Error())
		case err != nil:
			s.tell(t.Short() + ": " + err.Error())
		case len(r.Tasks) > 1:
			s.tell(t.Short() + ": exit code 0")
		}
	}
	switch {
	case code != 0:
		return &quietError{code}
	case !ok:
		return &quietError{exitOurSide}
	}
	return nil
}

// An ourSideError is a command that could not be run: no exit code of its own says how it ended.
type ourSideError struct{ err error }

func (e *ourSideError) Error() string { return e.err.Error() }
func (e *ourSideError) Unwrap() error { return e.err }

func lastPart(arn string) string {
	for i := len(arn) - 1; i >= 0; i-- {
		if arn[i] == '/' {
			return arn[i+1:]
		}
	}
	return arn
}

// number is a size in a task definition, 0 for none.
func number(text *string) int32 {
	if text == nil {
		return 0
	}
	n, err := strconv.ParseInt(*text, 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}
