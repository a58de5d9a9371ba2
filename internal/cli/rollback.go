package cli

import (
	"context"
	"regexp"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/release"
)

func (p *process) rollback() *cli.Command {
	return &cli.Command{
		Name: "rollback", Category: "release", ArgsUsage: "[REVISION]",
		Usage: "go back to the newest release before this one that succeeded, or to REVISION; migrations of data are not undone",
		Description: `REVISION is the number of a task definition (7), one with its family (my-api:7) or the digest of an image
(sha256:…): fargatectl history shows them. Without it, it is the newest release that succeeded and is not the live one;
a forced restart is no release, and a failed one is never gone back to.

The release comes back as it was: its task definition, its images by their digests, its target groups and port, subnets,
security groups, platform version and capacity, in one update of the service. What is gone is named and refused, exit
code 1. Nothing is deregistered or deleted: the same command again goes forth.

While a deployment is under way it is stopped, and ECS itself rolls it back.`,
		Flags: append([]cli.Flag{waitFlag(), timeoutFlag()}, serviceFlags()...), Action: p.doRollback,
	}
}

// revisions are what names a release, hashes a digest without its algorithm, as fargatectl history shows it: no number of a
// task definition is as long.
var (
	revisions = regexp.MustCompile(`^([\w-]+:)?[1-9][0-9]*$|^sha256:[0-9a-f]{7,64}$`)
	hashes    = regexp.MustCompile(`^[0-9a-f]{12,64}$`)
)

func (p *process) doRollback(c *cli.Context) error {
	word := c.Args().First()
	if hashes.MatchString(word) {
		word = "sha256:" + word
	}
	switch {
	case c.NArg() > 1:
		return usageErrorf("rollback takes one revision, and got %q, too", c.Args().Get(1))
	case word != "" && !revisions.MatchString(word):
		return usageErrorf("%q is no revision: 7, my-api:7 or sha256:…", word)
	}
	s, err := p.openRelease(c)
	if err != nil {
		return err
	}
	defer s.close()
	r := &release.Rollback{Service: s.service(), Revision: word, By: s.who.ARN, Wait: c.String("wait")}
	r.Resolve = func(ctx context.Context, ref string) (string, error) { return s.app.Resolve(ctx, ref, r.Platform()) }
	return s.release([]deploy.Step{r}, func(took time.Duration) error {
		return s.released(r.Service, took, false)
	})
}
