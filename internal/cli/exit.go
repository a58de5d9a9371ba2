package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/manifest"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/steps"
)

// The exit codes. Nothing else in the program chooses one.
const (
	exitOK          = 0
	exitError       = 1
	exitChanges     = 2   // plan --detailed-exitcode: there are changes
	exitFound       = 3   // a check found errors
	exitRolledBack  = 4   // the deployment failed and was rolled back
	exitNotRestored = 5   // the deployment failed and was not restored
	exitTimeout     = 6   // timed out waiting
	exitDenied      = 7   // credentials or permission
	exitBusy        = 8   // another deployment is in progress
	exitConfirm     = 9   // confirmation needed
	exitUsage       = 64  // wrong use
	exitManifest    = 65  // the manifest is invalid
	exitOurSide     = 125 // run, exec: failed on our side; else the container's code
	exitInterrupted = 130 // Ctrl-C
)

// exitCodes are all of them, with the word for them in a cause, and what they mean to a script.
var exitCodes = []struct {
	code          int
	word, meaning string
}{
	{exitOK, "ok", "done"},
	{exitError, "error", "any other error"},
	{exitChanges, "changes", "`plan --detailed-exitcode`: there are changes"},
	{exitFound, "found", "`--fail-on`: the scan of the image has found what stops a release"},
	{exitRolledBack, "rolled_back", "the deployment failed and was rolled back: the release before it serves. Of `status`: the newest deployment was, or is being, rolled back"},
	{exitNotRestored, "not_restored", "the deployment failed and was not restored: nothing may be serving. Of `status`: the newest deployment was not"},
	{exitTimeout, "timed_out", "timed out waiting; AWS may still finish"},
	{exitDenied, "denied", "credentials or permission"},
	{exitBusy, "deployment_in_progress", "another deployment, or another `up` of this stack, is in progress"},
	{exitConfirm, "confirmation_needed", "a confirmation is needed, or was not given"},
	{exitUsage, "usage", "wrong use of the command line"},
	{exitManifest, "manifest_invalid", "the manifest is invalid"},
	{exitOurSide, "not_run", "`run`, `exec`: the command could not be run; any other code is the command's own"},
	{exitInterrupted, "interrupted", "interrupted"},
}

// exitCode is the code of an error; of several joined ones the gravest of the known.
func exitCode(err error) int {
	var (
		usage       *usageError
		confirm     *confirmError
		quiet       *quietError
		rolledBack  *aws.RolledBackError
		notRestored *aws.NotRestoredError
		busy        *aws.InProgressError
		other       *steps.OtherRunError
		scan        *steps.ScanError
		ourSide     *ourSideError
	)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.As(err, &quiet):
		return quiet.code
	case errors.As(err, &usage), errors.Is(err, aws.ErrNoRegion):
		return exitUsage
	case errors.As(err, &confirm):
		return exitConfirm
	case errors.As(err, &ourSide):
		return exitOurSide
	case errors.As(err, &notRestored):
		return exitNotRestored
	case errors.As(err, &rolledBack):
		return exitRolledBack
	case errors.As(err, &scan):
		return exitFound
	case errors.As(err, &busy), errors.As(err, &other):
		return exitBusy
	case manifest.Invalid(err):
		return exitManifest
	case errors.Is(err, errTimeout):
		return exitTimeout
	case aws.Explain(err).Kind == aws.Credentials, aws.Explain(err).Kind == aws.Denied:
		return exitDenied
	}
	return exitError
}

// hints are what to do about an error, nearest first. Denied actions are one hint.
func hints(err error) (all []string) {
	var denied []string
	for _, e := range flatten(err) {
		if action := aws.DeniedAction(e); action != "" {
			denied = append(denied, action)
			continue
		}
		all = append(all, hint(e))
	}
	if len(denied) > 0 {
		slices.Sort(denied)
		all = append(all, "allow to who runs this: "+strings.Join(slices.Compact(denied), ", "))
	}
	return slices.DeleteFunc(all, func(h string) bool { return h == "" })
}

func hint(err error) string {
	var hinter interface{ Hint() string }
	var bug *deploy.Bug
	switch {
	case errors.As(err, &bug):
		return "this is a mistake in fargatectl, not yours; what was begun at AWS goes on there, and the same command again continues\nplease report the line above with " + at(bug.Stack) + ": https://github.com/fargatectl/fargatectl/issues"
	case errors.As(err, &hinter):
		return hinter.Hint()
	case errors.Is(err, errInterrupted):
		return "what was begun at AWS goes on there; run the same command again to continue"
	case errors.Is(err, errTimeout):
		return "AWS may still finish; run the same command again to wait on, or see fargatectl status"
	}
	return aws.Explain(err).Hint
}

// at is the first place in a stack that is ours, "steps/vpc.go:81": that of a panic.
func at(stack []byte) string {
	_, below, _ := strings.Cut(string(stack), "panic(")
	if found := ours.FindString(below); found != "" {
		return found
	}
	return "what you did"
}

var ours = regexp.MustCompile(`(aws|deploy|image|internal/\w+|steps)/\w+\.go:\d+`)

// briefly is an error as it is shown: each of several joined ones without the SDK's frame.
func briefly(err error) error {
	var shown []error
	for _, e := range flatten(err) {
		shown = append(shown, brief{e})
	}
	return errors.Join(shown...)
}

// A brief error is shown without the SDK's frame.
type brief struct{ error }

func (b brief) Error() string {
	if f, ok := errors.AsType[*release.Failure](b.error); ok { // whichever step waited for the deployment
		return f.Error()
	}
	return aws.Brief(b.error)
}
func (b brief) Unwrap() error { return b.error }

// flatten lists the errors that were joined.
func flatten(err error) (all []error) {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	return []error{err}
}

// A usageError is a command line that can't be understood.
type usageError struct {
	err  error
	hint string
}

func usageErrorf(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), ""}
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }
func (e *usageError) Hint() string  { return e.hint }

// A confirmError is a change that nobody has agreed to.
type confirmError struct{ text, hint string }

func (e *confirmError) Error() string { return e.text }
func (e *confirmError) Hint() string  { return e.hint }

// A quietError ends the program with a code after all has been said.
type quietError struct{ code int }

func (e *quietError) Error() string { return fmt.Sprintf("exit %d", e.code) }

var errTimeout = errors.New("timed out")
