package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

func (p *process) deploy() *cli.Command {
	return &cli.Command{
		Name: "deploy", Category: "release", Usage: "release a new image: its task definition and the service, and nothing else",
		Flags: append(imageFlags(), waitFlag(), timeoutFlag()), Action: p.doDeploy,
	}
}

func (p *process) doDeploy(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	s.wanted() // the command line's wishes
	d := &release.Deployment{
		Service: s.service(), Given: c.String("image"), Force: c.Bool("force-new-deployment"), By: s.who.ARN, Wait: c.String("wait"),
	}
	list, err := s.deploymentSteps(d)
	if err != nil {
		return err
	}
	return s.release(list, func(took time.Duration) error {
		return s.released(d.Service, d.Finished, took, d.Joined)
	})
}

// deploymentSteps are the image and the deployment of it. A restart without an image keeps the live one.
func (s *session) deploymentSteps(d *release.Deployment) ([]deploy.Step, error) {
	if d.Force && d.Given == "" && !s.c.Bool("rebuild") {
		if err := d.Service.Read(s.c.Context); err != nil {
			return nil, err
		}
		live := &release.Fixed{Ref: d.Service.Image()}
		d.Image = live
		return []deploy.Step{live, d}, nil
	}
	ecr := &steps.ECR{App: s.app}
	image := &steps.Image{App: s.app, ECR: ecr}
	d.Image = image
	return []deploy.Step{ecr, image, d}, nil
}

// release reads, shows, asks and does what a few steps of the daily verbs have to do, and reports the end of it.
func (s *session) release(list []deploy.Step, report func(time.Duration) error) error {
	stack, err := s.read(list)
	if err != nil {
		return err
	}
	stack.Only("image", "deployment", "rollback")
	if err := stack.Check(); err != nil {
		return err
	}
	plan := stack.Plan()
	s.show(plan)
	if !plan.Empty() {
		if err := s.confirm("go on?"); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := s.stop(stack.Apply(s.c.Context)); err != nil {
		return err
	}
	return report(time.Since(began))
}

// A releaseResult is how a release ended.
type releaseResult struct {
	Service        string  `json:"service"`
	TaskDefinition string  `json:"task_definition"`
	Image          string  `json:"image"`
	Status         string  `json:"status"`
	Joined         bool    `json:"joined,omitempty"`
	Seconds        float64 `json:"seconds"`
}

func (s *session) released(svc *release.Service, d *aws.Deployment, took time.Duration, joined bool) error {
	if err := svc.Read(s.c.Context); err != nil {
		return err
	}
	if d != nil && d.Status == types.ServiceDeploymentStatusSuccessful {
		if err := s.keep(svc); err != nil {
			return err
		}
	}
	r := releaseResult{svc.Name, svc.Revision(), svc.Image(), "NO_CHANGE", joined, took.Round(time.Millisecond).Seconds()}
	if d != nil {
		r.Status = string(d.Status)
	}
	return s.result(r, func() {
		switch {
		case d == nil:
			_, _ = fmt.Fprintf(s.terminal.Out, "no changes: %s runs this image already\n", svc.Name)
		case !d.Done():
			_, _ = fmt.Fprintf(s.terminal.Out, "%s: the new tasks run; the old ones leave\n", svc.Name)
		default:
			_, _ = fmt.Fprintf(s.terminal.Out, "%s serves %s (%s)\n", svc.Name, svc.Revision(), ui.Took(took))
		}
		ui.Facts(s.terminal.Out, ui.Fact{Name: "revision", Value: r.TaskDefinition}, ui.Fact{Name: "image", Value: r.Image})
	})
}

// keep marks the image of a release, if it is in the stack's repository, so that the lifecycle policy keeps it.
func (s *session) keep(svc *release.Service) error {
	repository, digest, ok := strings.Cut(svc.Image(), "@")
	if name := s.app.Manifest.Repository.Name; ok && strings.HasSuffix(repository, "/"+name) && strings.HasPrefix(repository, s.app.Account+".") {
		return aws.KeepLive(s.c.Context, s.app.AWS, name, digest, svc.Definition.Revision)
	}
	return nil
}

// service is the stack's, not yet read.
func (s *session) service() *release.Service {
	return &release.Service{Calls: s.app.AWS, Cluster: s.app.Manifest.Cluster.Name, Name: s.app.Manifest.Service.Name}
}
