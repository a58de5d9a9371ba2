package cli

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
)

func (p *process) history() *cli.Command {
	return &cli.Command{
		Name: "history", Category: "release", Usage: "list the releases, newest first: what, when, who, and how it ended",
		Description: `A release is a deployment of ECS: AWS remembers them for 90 days. REVISION, the number of the task definition, is what
fargatectl rollback takes. What brought the live task definition once more is a restart, and no release.

WHAT and WHO are noted at a task definition, for the last release of it: of one that was gone back to since, the first
release has them no more.

GIT is the commit of the folder that up or deploy has released from, where that is a git work tree; -dirty says that it
had changes.`,
		Flags:  append([]cli.Flag{&cli.IntFlag{Name: "number", Aliases: []string{"n"}, Value: 20, Usage: "at most `N` of them"}}, serviceFlags()...),
		Action: p.doHistory,
	}
}

func (p *process) doHistory(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	if n := c.Int("number"); n < 1 || n > 1000 {
		return usageErrorf("-n %d is no number of releases: 1 to 1000", n)
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	h, err := s.service().History(c.Context, c.Int("number"))
	if err != nil {
		return err
	}
	return s.result(h, func() {
		var rows [][]string
		for _, r := range h.Releases {
			rows = append(rows, releaseRow(r))
		}
		ui.Table(p.terminal.Out, []string{"revision", "when", "what", "who", "git", "image", "digest", "result", "took", "reason"}, rows...)
	})
}

// releaseRow is a release in a line of the table.
func releaseRow(r release.Release) []string {
	result, took := release.Outcome(r.Status), ""
	if r.Live {
		result += ", live"
	}
	if r.FinishedAt != nil {
		took = ui.Took(time.Duration(r.Seconds * float64(time.Second)))
	}
	digest := strings.TrimPrefix(r.ImageDigest, "sha256:")
	revision := "?"
	if r.Revision > 0 {
		revision = strconv.Itoa(int(r.Revision))
	}
	tag := r.ImageTag
	if len(tag) > 20 { // a hash
		tag = tag[:12] + "…"
	}
	name, _, _ := strings.Cut(r.Image, "@")
	name = name[strings.LastIndexByte(name, '/')+1:]
	name, _, _ = strings.Cut(name, ":")
	return []string{
		revision, r.CreatedAt.Local().Format(time.DateTime), cmp.Or(r.Verb, "-"), cmp.Or(r.By, "-"), cmp.Or(r.Git, "-"),
		strings.Trim(name+":"+tag, ":"), digest[:min(12, len(digest))], result, took, r.Reason,
	}
}
