package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/image"
	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

func (p *process) build() *cli.Command {
	return &cli.Command{
		Name: "build", Category: "release", Usage: "build the image, and push it nowhere; needs neither account nor region",
		Flags:  append(buildFlags(), &cli.StringFlag{Name: "archive", Usage: "write the image to `FILE`, for docker load or podman load"}),
		Action: p.doBuild,
	}
}

// A buildResult is an image that was built.
type buildResult struct {
	Tag      string  `json:"tag"` // of the inputs
	Digest   string  `json:"digest"`
	Platform string  `json:"platform"`
	Size     int64   `json:"size"` // bytes, as a registry keeps it
	Layers   int     `json:"layers"`
	Engine   string  `json:"engine"`
	Route    string  `json:"route"`
	Seconds  float64 `json:"build_seconds"`
}

func (p *process) doBuild(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	s, err := p.offline(c)
	if err != nil {
		return err
	}
	defer s.close()
	s.app.Options = steps.Options{Builder: c.String("builder"), NoCache: c.Bool("no-cache"), Pass: passed(c), Offline: c.Bool("sandbox")}
	spec, ok, err := (&steps.Image{App: s.app}).Spec(c.Context)
	switch {
	case err != nil:
		return err
	case !ok:
		return &hinted{fmt.Errorf("there is nothing to build: the manifest runs the image %s", s.app.Manifest.Service.Image), "`build:` says what to build instead of `image:`"}
	}
	tag, err := spec.Tag(c.Context)
	if err != nil {
		return err
	}
	b, err := spec.Build(c.Context, s.say)
	if err != nil {
		return err
	}
	defer b.Close() // of temporary files, after all has been said
	if err := b.Settle(c.Context); err != nil {
		return err
	}
	if file := c.String("archive"); file != "" {
		if err := b.Archive(file, s.app.Manifest.Repository.Name+":"+tag); err != nil {
			return err
		}
	}
	r, err := builtAs(tag, b)
	if err != nil {
		return err
	}
	return s.result(r, func() { ui.Facts(p.terminal.Out, r.facts()...) })
}

func builtAs(tag string, b *image.Built) (buildResult, error) {
	layers, err := b.Image.Layers()
	return buildResult{
		tag, b.Digest.String(), b.Config.OS + "/" + b.Config.Architecture, b.Size, len(layers), b.Tool, b.Route, inSeconds(b.Took),
	}, err
}

func (r buildResult) facts() []ui.Fact {
	built := r.Engine + " in " + ui.Took(time.Duration(r.Seconds*float64(time.Second)))
	return []ui.Fact{
		{Name: "digest", Value: r.Digest},
		{Name: "tag", Value: r.Tag},
		{Name: "platform", Value: r.Platform},
		{Name: "size", Value: fmt.Sprintf("%.1f MB in %d layers", float64(r.Size)/1e6, r.Layers)},
		{Name: "built", Value: strings.TrimPrefix(built, " in ")},
	}
}

// say shows a line of a builder.
func (s *session) say(line string) {
	if s.mode != ui.ModeQuiet && s.mode != ui.ModeJSON {
		_, _ = fmt.Fprintln(s.terminal.Err, ui.Safe(line)) // progress: nobody's result
	}
}

// passed is what goes to the builder as it is written.
func passed(c *cli.Context) image.Pass {
	return image.Pass{Secrets: c.StringSlice("secret"), SSH: c.StringSlice("ssh"), CacheFrom: c.StringSlice("cache-from"), CacheTo: c.StringSlice("cache-to")}
}

// knownBuilder refuses a word that is no builder's.
func knownBuilder(word string) error {
	name, of, _ := strings.Cut(word, ":")
	if word == "" || slices.Contains(image.Builders(), name) && (of == "" || name == "docker") {
		return nil
	}
	return usageErrorf("--builder %q is none of %s", word, strings.Join(image.Builders(), ", "))
}
