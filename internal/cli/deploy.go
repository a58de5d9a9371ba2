package cli

import (
	"fmt"
	"slices"
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
		Flags: slices.Concat(imageFlags(), []cli.Flag{
			waitFlag(), timeoutFlag(),
			&cli.BoolFlag{Name: "wait-for-turn", Usage: "while another deployment is under way, wait for its end instead of exit code 8"},
			&cli.BoolFlag{Name: "follow-logs", Usage: "show what the new tasks log while the deployment is awaited"},
		}, serviceFlags()), Action: p.doDeploy,
		Description: `Builds and pushes the image of this folder, or takes --image; registers the live task definition again, whole, with that
image; and updates the service, once. Nothing else is touched, and the desired count stays as it is. With
--force-new-deployment alone the same image is started anew.

The deployment is then watched to its end: exit code 4 when it failed and was rolled back, 5 when it was not restored.
A deployment of the same image that is under way already is joined; one of another is exit code 8, or waited for with
--wait-for-turn. Ctrl-C asks on a terminal whether to keep watching, to detach, or to stop it and roll back; elsewhere it
detaches, exit code 130.`,
	}
}

func (p *process) doDeploy(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	s, err := p.openRelease(c)
	if err != nil {
		return err
	}
	defer s.close()
	if s.named && c.String("image") == "" && !c.Bool("force-new-deployment") {
		return usageErrorf("of a service that --service names there is nothing to build: give --image REF or --force-new-deployment")
	}
	s.wanted() // the command line's wishes
	d := &release.Deployment{Service: s.service(), Queue: c.Bool("wait-for-turn"), Force: c.Bool("force-new-deployment"), By: s.who.ARN, Wait: c.String("wait")}
	switch {
	case s.named && c.String("image") != "": // is held against what the tasks run on; that they can't be read the deployment says itself
		if live := s.service(); live.Read(c.Context) == nil {
			s.app.Manifest.Service.Architecture = live.Architecture()
		}
	case !s.named:
		d.Git = s.git
		d.Command, d.Log, d.Speed, d.CommandTags = s.app.Manifest.Service.ReleaseCommand, s.app.Log, s.app.Speed, s.taskTags("release-command")
	}
	if c.Bool("follow-logs") {
		s.trail = &trail{s: s, of: d.Service, over: make(chan struct{})}
	}
	return s.release(s.deploymentSteps(d), func(took time.Duration) error { return s.released(d.Service, took, d.Joined()) })
}

// openRelease is open for a command that releases. Why it failed is its result for programs.
func (p *process) openRelease(c *cli.Context) (*session, error) {
	p.causes = true
	if w := c.String("wait"); !slices.Contains([]string{"accepted", "healthy", "steady"}, w) {
		return nil, usageErrorf("wait %q is none of accepted, healthy, steady", w)
	}
	return p.open(c)
}

// deploymentSteps are the image and the deployment of it. A restart without an image keeps the live one.
func (s *session) deploymentSteps(d *release.Deployment) []deploy.Step {
	if d.Force && s.app.Options.Image == "" && !s.app.Options.Rebuild {
		live := &release.Same{Of: d.Service}
		d.Image = live
		return []deploy.Step{live, d}
	}
	if s.named {
		given := &givenImage{&steps.Image{App: s.app, Fresh: true}}
		d.Image = given
		return []deploy.Step{given, d}
	}
	s.ecr = &steps.ECR{App: s.app}
	image := &steps.Image{App: s.app, ECR: s.ecr, Fresh: s.app.Options.Image != ""}
	scan := &steps.Scan{App: s.app, Image: image}
	d.Image = scan // behind the gate
	return []deploy.Step{s.ecr, image, scan, d}
}

// A givenImage is one that --image names for somebody else's service: no repository and no gate of ours is before it.
type givenImage struct{ *steps.Image }

// release reads, shows, asks and does what a few steps of the daily verbs have to do, and reports the end of it.
func (s *session) release(list []deploy.Step, report func(time.Duration) error) error {
	stack, err := s.read(list)
	if err != nil {
		return err
	}
	stack.Only("image", "scan", "deployment", "rollback")
	if err := s.refused(stack, list); err != nil {
		return err
	}
	plan := stack.Plan()
	if len(plan) > 0 { // that a deployment is joined is a note
		s.sink.Plan(plan)
	}
	if !plan.Empty() {
		if err := s.confirm("go on?"); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := s.await(list, stack.Apply); err != nil {
		return err
	}
	return report(time.Since(began))
}

// A releaseResult is how a release ended.
type releaseResult struct {
	Service        string  `json:"service"`
	TaskDefinition string  `json:"task_definition"`
	Image          string  `json:"image"`
	Status         string  `json:"status"` // of the service deployment; ACCEPTED when it was not awaited, NO_CHANGE without one
	Joined         bool    `json:"joined,omitempty"`
	Seconds        float64 `json:"seconds"`
}

func (s *session) released(svc *release.Service, took time.Duration, joined bool) error {
	if err := svc.Read(s.c.Context); err != nil {
		return err
	}
	last, deployed := svc.Deployed()
	status := "NO_CHANGE"
	switch {
	case last != nil:
		status = string(last.Status)
	case deployed:
		status = "ACCEPTED"
	}
	if status == string(types.ServiceDeploymentStatusSuccessful) {
		if err := s.keep(svc); err != nil {
			return fmt.Errorf("%s serves %s, but its image could not be marked to be kept: %w", svc.Name, svc.Revision(), err)
		}
	}
	r := releaseResult{svc.Name, svc.Revision(), svc.Image(), status, joined, inSeconds(took)}
	return s.result(r, func() {
		text := svc.Name + " serves " + svc.Revision() + " (" + ui.Took(took) + ")"
		switch {
		case !deployed && s.c.Command.Name == "rollback":
			text = "no changes: " + svc.Name + " runs " + r.TaskDefinition + " already"
		case !deployed:
			text = "no changes: " + svc.Name + " runs this image already"
		case last == nil:
			text = svc.Name + " is being deployed: " + s.again("status") + " shows how it goes"
		case !last.Done():
			text = svc.Name + ": the new tasks run; the old ones leave"
		}
		_, _ = fmt.Fprintln(s.terminal.Out, text)
		ui.Facts(s.terminal.Out, ui.Fact{Name: "revision", Value: r.TaskDefinition}, ui.Fact{Name: "image", Value: r.Image})
	})
}

// keep marks the image of a release, if it is in the stack's repository, so that the lifecycle policy keeps it.
func (s *session) keep(svc *release.Service) error {
	if s.named {
		return nil
	}
	name := s.app.Manifest.Repository.Name
	if s.ecr != nil { // it may have an older name
		name, _ = s.ecr.Repository.Known()
	}
	repository, digest, ok := strings.Cut(svc.Image(), "@")
	if ok && name != "" && strings.HasSuffix(repository, "/"+name) && strings.HasPrefix(repository, s.app.Account+".") {
		return aws.KeepLive(s.c.Context, s.app.AWS, name, digest, svc.Definition.Revision)
	}
	return nil
}
