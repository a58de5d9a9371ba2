package cli

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

func (p *process) push() *cli.Command {
	return &cli.Command{
		Name: "push", Category: "release", Usage: "build the image and push it to its repository; nothing is deployed",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "rebuild", Usage: "build although the image of these inputs is there"}, timeoutFlag(), failOnFlag(),
		}, buildFlags()...), Action: p.doPush,
	}
}

// A pushResult is an image in its repository.
type pushResult struct {
	Image          string  `json:"image"` // REPOSITORY@sha256:…, for deploy --image
	Tag            string  `json:"tag"`
	Digest         string  `json:"digest"`
	Index          string  `json:"index,omitempty"` // of an image for several platforms: what the tag names
	There          bool    `json:"already_there"`   // nothing was built or pushed
	Size           int64   `json:"size,omitempty"`
	Layers         int     `json:"layers,omitempty"`
	LayersUploaded int     `json:"layers_uploaded"`
	BytesUploaded  int64   `json:"bytes_uploaded"`
	Engine         string  `json:"engine,omitempty"`
	Route          string  `json:"route,omitempty"`
	BuildSeconds   float64 `json:"build_seconds"`
	PushSeconds    float64 `json:"push_seconds"`
}

func (p *process) doPush(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	s.wanted() // the command line's wishes
	if given := s.app.Manifest.Service.Image; given != "" {
		return &hinted{fmt.Errorf("there is nothing to push: the manifest runs the image %s", given), "`build:` says what to build instead of `image:`"}
	}
	repository := &steps.ECR{App: s.app}
	img := &steps.Image{App: s.app, ECR: repository}
	all := []deploy.Step{repository, img, &steps.Scan{App: s.app, Image: img}}
	stack, err := s.read(all)
	if err != nil {
		return err
	}
	if err := s.refused(stack, all); err != nil {
		return err
	}
	if plan := stack.Plan(); !plan.Empty() {
		s.sink.Plan(plan)
		if err := s.confirm("go on?"); err != nil {
			return err
		}
	}
	if err := s.stop(stack.Apply(s.c.Context)); err != nil {
		return err
	}
	return s.pushed(img)
}

func (s *session) pushed(img *steps.Image) error {
	r := pushResult{Image: img.Ref.Get(), Tag: img.Tag(), There: img.Pushed == nil}
	r.Digest = r.Image[len(img.ECR.URI.Get())+1:]
	if p, b := img.Pushed, img.Built; p != nil {
		r.Size, r.Layers, r.LayersUploaded, r.BytesUploaded = b.Size, p.Layers, p.New, p.Uploaded
		if b.Index != nil {
			r.Index = p.Index.String()
		}
		r.Engine, r.Route, r.BuildSeconds, r.PushSeconds = b.Tool, b.Route, inSeconds(b.Took), inSeconds(p.Took)
	}
	return s.result(r, func() {
		text := fmt.Sprintf("%d of %d layers, %s in %s", r.LayersUploaded, r.Layers, ui.Bytes(r.BytesUploaded), ui.Took(time.Duration(r.PushSeconds*float64(time.Second))))
		switch {
		case r.There:
			text = "nothing: the image of these inputs is there"
		case r.LayersUploaded == 0:
			text = "nothing: all its layers are there"
		}
		ui.Facts(s.terminal.Out, ui.Fact{Name: "image", Value: r.Image}, ui.Fact{Name: "tag", Value: r.Tag}, ui.Fact{Name: "uploaded", Value: text},
			ui.Fact{Name: "next", Value: s.again("deploy --image " + r.Image)})
	})
}
