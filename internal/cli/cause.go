package cli

import (
	"errors"
	"strings"

	"github.com/fargatectl/fargatectl/aws"
)

// A cause is why a release failed, as a result for programs.
type cause struct {
	Code     string   `json:"code"` // AWS's error code, or the word of the exit code
	Summary  string   `json:"summary"`
	Hint     string   `json:"hint"`
	Evidence []string `json:"evidence"` // what AWS and the tasks said
}

func causeOf(err error) cause {
	c := cause{Code: aws.Code(err), Summary: briefly(err).Error(), Hint: strings.Join(hints(err), "; "), Evidence: []string{}}
	for _, e := range exitCodes {
		if code := exitCode(err); code == e.code && (c.Code == "" || code != exitError) {
			c.Code = e.word
		}
	}
	for _, e := range flatten(err) {
		var d *aws.Deployment
		if back := (*aws.RolledBackError)(nil); errors.As(e, &back) {
			d = back.Deployment
		} else if lost := (*aws.NotRestoredError)(nil); errors.As(e, &lost) {
			d = lost.Deployment
		} else {
			continue
		}
		for _, text := range []string{d.ARN, d.TaskDefinition, d.Reason, d.Tasks} {
			if text != "" {
				c.Evidence = append(c.Evidence, text)
			}
		}
	}
	return c
}
