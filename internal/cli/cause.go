package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
)

// shownLines is how many lines of a log stand on the last screen: the file has all that were kept.
const shownLines = 10

// causeOf is why a command failed, as a result for programs: of a deployment its cause, else AWS's error code or the word
// of the exit code.
func (p *process) causeOf(err error) ui.Cause {
	if f := failure(err); f != nil {
		c := ui.Cause{Code: f.Verdict.Code, Summary: f.Verdict.Summary, Hint: f.Verdict.Hint, Evidence: f.Verdict.Evidence, File: p.saved}
		for _, l := range f.Evidence.Log(f.Verdict) {
			c.Log = append(c.Log, l.Message)
		}
		return c
	}
	c := ui.Cause{Code: aws.Code(err), Summary: briefly(err).Error(), Hint: strings.Join(hints(err), "; "), Evidence: []string{}}
	for _, e := range exitCodes {
		if code := exitCode(err); code == e.code && (c.Code == "" || code != exitError) {
			c.Code = e.word
		}
	}
	return c
}

// failure is the deployment that has failed, nil when an error is about something else.
func failure(err error) *release.Failure {
	for _, e := range flatten(err) {
		if f, ok := errors.AsType[*release.Failure](e); ok {
			return f
		}
	}
	return nil
}

// A causedError is an error with its cause, for the stream of events.
type causedError struct {
	error
	cause ui.Cause
}

func (c *causedError) Cause() ui.Cause { return c.cause }
func (c *causedError) Unwrap() error   { return c.error }

// caused is an error as it is shown, with its cause when it is a deployment that has failed.
func (p *process) caused(err error) error {
	if failure(err) == nil {
		return briefly(err)
	}
	return &causedError{briefly(err), p.causeOf(err)}
}

// showCause shows the cause of a deployment that has failed, with its evidence.
func (p *process) showCause(err error) {
	f := failure(err)
	if f == nil {
		return
	}
	c := p.causeOf(err)
	log := c.Log[max(0, len(c.Log)-shownLines):]
	for i := range log {
		log[i] = strings.TrimRight(log[i], "\r\n")
	}
	serves := "the release before it"
	if lost := (*aws.NotRestoredError)(nil); errors.As(err, &lost) {
		serves = "nothing was restored: nothing may be serving"
	} else if errors.Is(err, errTimeout) {
		serves = "what served before; AWS goes on trying"
	}
	ui.Facts(p.terminal.Err,
		ui.Fact{Name: "cause", Value: c.Code}, ui.Fact{Name: "evidence", Value: strings.Join(c.Evidence, "\n")}, ui.Fact{Name: "log", Value: strings.Join(log, "\n")},
		ui.Fact{Name: "serves", Value: serves}, ui.Fact{Name: "saved", Value: c.File})
}

// A failureFile is the evidence of one failure, as it is kept: AWS forgets a stopped task in an hour.
type failureFile struct {
	At time.Time `json:"failed_at"`
	release.Verdict
	*release.Evidence
}

// failures is the folder of them, beside the manifest.
func (s *session) failures() string {
	return filepath.Join(s.app.Manifest.Dir, ".fargatectl", "failures")
}

// save keeps the evidence of a deployment that has failed. That it can't be kept is a note: the failure is the news.
func (s *session) save(err error) {
	f := failure(err)
	if f == nil || s.saved != "" {
		return
	}
	f.Verdict.Hint = s.retyped(f.Verdict.Hint)
	path := filepath.Join(s.failures(), time.Now().UTC().Format("20060102T150405Z")+"-"+f.Verdict.Code+".json")
	if err := s.write(path, failureFile{time.Now().UTC(), f.Verdict, f.Evidence}); err != nil {
		s.saved = "not saved: " + err.Error()
		return
	}
	s.saved = path
	if rel, err := filepath.Rel(s.workingDir(), path); err == nil && !strings.HasPrefix(rel, "..") {
		s.saved = rel
	}
}

// A suspected deployment is awaited, and may be failing.
type suspected interface {
	Suspect(ctx context.Context, err error) *release.Failure
}

// A queued deployment may wait for its turn.
type queued interface{ Behind() string }

// suspect is what a wait that ended too late was for: a deployment whose tasks fail and that nothing gives up says why.
func (s *session) suspect(list []deploy.Step, err error) error {
	if !errors.Is(err, errTimeout) {
		return err
	}
	for _, st := range list {
		if q, ok := st.(queued); ok && q.Behind() != "" {
			return &hinted{err, "nothing was released, as the deployment of " + q.Behind() + " goes on: run the same command again to wait for its end"}
		}
		if d, ok := st.(suspected); ok {
			if f := d.Suspect(context.WithoutCancel(s.c.Context), err); f != nil {
				f.Verdict.Hint += "; meanwhile AWS goes on trying: fargatectl rollback stops it"
				return f
			}
		}
	}
	return err
}

// retyped is a hint whose commands of ours have the flags that this one was called with.
func (s *session) retyped(hint string) string {
	flags := strings.TrimSpace(strings.TrimPrefix(s.again(""), "fargatectl"))
	if flags == "" {
		return hint
	}
	return strings.ReplaceAll(hint, "fargatectl ", "fargatectl "+flags+" ")
}

func (s *session) workingDir() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return dir
}

func (s *session) write(path string, f failureFile) error {
	if err := hidden(filepath.Dir(filepath.Dir(path))); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(ui.JSON(file, f), file.Close())
}

// remembered is the cause of a deployment that an earlier command has kept, nil when none did.
func (s *session) remembered(arn string) *release.Verdict {
	names, err := fs.Glob(os.DirFS(s.failures()), "*.json")
	if err != nil || arn == "" {
		return nil
	}
	slices.Sort(names)
	for _, name := range slices.Backward(names) {
		var kept failureFile
		text, err := os.ReadFile(filepath.Join(s.failures(), name))
		if err == nil && json.Unmarshal(text, &kept) == nil && kept.Evidence != nil && kept.Deployment.ARN == arn {
			return &kept.Verdict
		}
	}
	return nil
}
