package steps

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/oneoff"
)

// releaseCommand is the change that comes before the service moves to another revision: the manifest's command runs once
// with that revision's image. A service that has that revision already, that is only restarted or otherwise changed, has
// run it; so has one that this run has moved.
func (s *Service) releaseCommand() []deploy.Change {
	command := s.Manifest.Service.ReleaseCommand
	if len(command) == 0 || s.commanded {
		return nil
	}
	if s.live != nil && deploy.Diff(s.definitionDiff()) == nil {
		return nil
	}
	return []deploy.Change{{
		Op: deploy.Create, What: oneoff.ReleaseTask(command),
		Await: []deploy.Slow{s.NAT, s.Endpoints, s.IAM}, Do: s.command,
	}}
}

// command runs the release command in the network that the service is to have. What ECS does not know yet, of that which
// was made a moment before, is awaited.
func (s *Service) command(ctx context.Context) error {
	r := &oneoff.Run{
		Calls: s.AWS, Definition: s.TaskDef.live, Container: *s.TaskDef.container(s.TaskDef.live.ContainerDefinitions), Speed: s.Speed,
		In: &ecs.RunTaskInput{
			Cluster: new(s.Cluster.ARN.Get()), TaskDefinition: new(s.TaskDef.ARN.Get()), LaunchType: types.LaunchTypeFargate, PlatformVersion: new("LATEST"),
			NetworkConfiguration: s.network(), Tags: aws.Convert(s.tags("release-command"), ecsTag), EnableExecuteCommand: s.Manifest.Service.EnableExecuteCommand,
		},
		Show: func(_ *oneoff.Task, line string) {
			if s.Log != nil {
				s.Log(line)
			}
		},
	}
	began := time.Now()
	err := r.Release(ctx, s.name(), s.Manifest.Service.ReleaseCommand, func(err error) string {
		if time.Since(began) >= s.pause(soon) {
			return ""
		}
		return unknownYet(err)
	})
	s.commanded = err == nil
	return err
}

// name is the service's.
func (s *Service) name() string {
	if s.live != nil {
		return *s.live.ServiceName
	}
	return s.Manifest.Service.Name
}
