package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

func (p *process) images() *cli.Command {
	return &cli.Command{
		Name: "images", Category: "operate", Usage: "show the images of the repository, and delete those that nothing needs",
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "show every image, which releases it belongs to, and what a prune would do with it", Action: p.doImagesList},
			{
				Name: "prune", Usage: "delete what neither runs nor can be gone back to, except the newest",
				Flags: []cli.Flag{
					&cli.IntFlag{Name: "keep", Usage: "leave the newest `N`, too; the repository's `keep` by default"},
					&cli.BoolFlag{Name: "dry-run", Usage: "only show what would be deleted"},
				},
				Action: p.doImagesPrune,
			},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageErrorf("images has no command %q: images list, images prune", c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// repositoryImages are the images of the stack's repository.
func (s *session) repositoryImages(keep int) (repository string, all []release.RepositoryImage, err error) {
	step := &steps.ECR{App: s.app}
	if err := step.Read(s.c.Context); err != nil {
		return "", nil, err
	}
	repository, known := step.Repository.Known()
	if !known {
		return "", nil, &hinted{errors.New("there is no repository yet"), "fargatectl up or fargatectl push makes it"}
	}
	running := ""
	svc := s.service()
	if err := svc.Read(s.c.Context); err == nil {
		running = svc.Image()
	} else if missing := (*release.MissingError)(nil); !errors.As(err, &missing) {
		return "", nil, err // who does not know what runs must not delete
	}
	all, err = release.Images(s.c.Context, s.app.AWS, repository, running, keep)
	return repository, all, err
}

func (p *process) doImagesList(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	repository, all, err := s.repositoryImages(int(s.app.Manifest.Repository.Keep))
	if err != nil {
		return err
	}
	return s.result(map[string]any{"repository": repository, "images": all}, func() { showImages(p.terminal.Out, all) })
}

func showImages(out ui.Stream, all []release.RepositoryImage) {
	rows := make([][]string, len(all))
	for i, m := range all {
		var tags []string
		for _, t := range m.Tags {
			if aws.LiveRevision(t) == 0 {
				tags = append(tags, t)
			}
		}
		var releases []string
		for _, r := range m.Releases {
			releases = append(releases, fmt.Sprint(r))
		}
		prune := m.Keep
		if prune == "" {
			prune = "would be deleted"
		}
		rows[i] = []string{
			strings.TrimPrefix(m.Digest, "sha256:")[:12], strings.Join(tags, " "), ui.Bytes(m.Size),
			m.PushedAt.Local().Format(time.DateTime), strings.Join(releases, " "), prune,
		}
	}
	ui.Table(out, []string{"digest", "tags", "size", "pushed", "releases", "prune"}, rows...)
}

func (p *process) doImagesPrune(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	if c.Int("keep") < 0 {
		return usageErrorf("--keep %d is no number of images", c.Int("keep"))
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	keep := int(s.app.Manifest.Repository.Keep)
	if c.IsSet("keep") {
		keep = c.Int("keep")
	}
	repository, all, err := s.repositoryImages(keep)
	if err != nil {
		return err
	}
	gone, digests := []release.RepositoryImage{}, []string{}
	freed := int64(0)
	for _, i := range all {
		if i.Keep == "" {
			gone, digests, freed = append(gone, i), append(digests, i.Digest), freed+i.Size
		}
	}
	result := map[string]any{"repository": repository, "images": gone, "deleted": len(gone), "kept": len(all) - len(gone), "dry_run": c.Bool("dry-run")}
	what := fmt.Sprintf("%d of %d images, %s with layers that others share", len(gone), len(all), ui.Bytes(freed))
	if len(gone) == 0 || c.Bool("dry-run") {
		return s.result(result, func() {
			if len(gone) == 0 {
				_, _ = fmt.Fprintf(p.terminal.Out, "nothing to delete of %d images: fargatectl images list shows why each stays\n", len(all))
				return
			}
			showImages(p.terminal.Out, gone)
			_, _ = fmt.Fprintln(p.terminal.Out, "would delete "+what)
		})
	}
	if !s.json && s.asks() {
		showImages(p.terminal.Err, gone)
	}
	if err := s.confirm("delete " + what + "?"); err != nil {
		return err
	}
	if err := release.Prune(c.Context, s.app.AWS, repository, digests); err != nil {
		return err
	}
	return s.result(result, func() { _, _ = fmt.Fprintln(p.terminal.Out, "deleted "+what) })
}
