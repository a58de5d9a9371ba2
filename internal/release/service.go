// Package release operates an ECS service: a new release, the one before, the number of tasks, what it is doing. It needs
// no more than the names of cluster and service, so that it works on a service that somebody else has made, too.
//
// A release is a [deploy.Step], so that it is shown, interrupted and awaited as everything else is. The live task
// definition is cloned whole: what we do not know survives.
package release

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// A Service is a live one, with the task definition that it has.
type Service struct {
	Calls         *aws.Calls
	Cluster, Name string
	// Find is how the live service is found the first time, nil by cluster and name. It returns nil when there is none.
	Find    func(context.Context) (*types.Service, error)
	Foreign bool // somebody else's: nothing of ours is written to it, no tag and no note

	Live       *types.Service
	Definition *types.TaskDefinition
	Tags       []types.Tag // of the task definition

	judged *judged     // the last deployment that was seen to fail
	lost   string      // why the last deployment failed that left the service where it was; "" when none did
	follow *aws.Follow // what is being deployed by this command; nil when nothing is
	watch  Watch       // what was seen of it
}

// A MissingError is a service that is not there.
type MissingError struct {
	Cluster, Service string
	Foreign          bool // somebody else's
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("there is no service %s in cluster %s", e.Service, e.Cluster)
}

// Hint says how it is made, or where to look for its name.
func (e *MissingError) Hint() string {
	if e.Foreign {
		return "aws ecs list-clusters and aws ecs list-services --cluster " + e.Cluster + " show what there is"
	}
	return "fargatectl up makes it"
}

// Read finds the service and its task definition, in two requests.
func (s *Service) Read(ctx context.Context) (err error) {
	if err = s.locate(ctx); err == nil {
		s.Definition, s.Tags, err = s.describe(ctx, val(s.Live.TaskDefinition))
	}
	return err
}

// Architecture is ECS's word for what the tasks run on, as the manifest has it; "" where it is not known, or no Linux.
func (s *Service) Architecture() string {
	p, fargate := s.Definition.RuntimePlatform, slices.Contains(s.Definition.RequiresCompatibilities, types.CompatibilityFargate)
	switch {
	case p != nil && p.OperatingSystemFamily != "" && p.OperatingSystemFamily != types.OSFamilyLinux:
		return ""
	case p != nil && p.CpuArchitecture != "":
		return string(p.CpuArchitecture)
	case fargate: // API reference, RuntimePlatform: it is the default there
		return string(types.CPUArchitectureX8664)
	}
	return ""
}

// locate finds the service.
func (s *Service) locate(ctx context.Context) error {
	live, err := s.find(ctx)
	if err != nil {
		return err
	}
	if live == nil || val(live.Status) != "ACTIVE" {
		return &MissingError{short(s.Cluster), s.Name, s.Foreign}
	}
	s.Live = live
	s.Cluster, s.Name = val(s.Live.ClusterArn), val(s.Live.ServiceName)
	return nil
}

func (s *Service) find(ctx context.Context) (*types.Service, error) {
	if s.Find != nil && s.Live == nil {
		return s.Find(ctx)
	}
	out, err := s.Calls.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: &s.Cluster, Services: []string{s.Name}, Include: []types.ServiceField{types.ServiceFieldTags},
	})
	if err != nil || len(out.Services) == 0 {
		return nil, aws.Ignore(err, "ClusterNotFoundException")
	}
	return &out.Services[0], nil
}

func (s *Service) describe(ctx context.Context, definition string) (*types.TaskDefinition, []types.Tag, error) {
	out, err := s.Calls.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: &definition, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
	})
	if err != nil {
		return nil, nil, err
	}
	return out.TaskDefinition, out.Tags, nil
}

// Container is the one that a release is about: the one behind the load balancer, else the first essential one.
func (s *Service) Container() *types.ContainerDefinition { return s.container(s.Definition) }

func (s *Service) container(d *types.TaskDefinition) *types.ContainerDefinition {
	name := ""
	for _, lb := range s.Live.LoadBalancers {
		name = val(lb.ContainerName)
	}
	for i := range d.ContainerDefinitions {
		c := &d.ContainerDefinitions[i]
		if val(c.Name) == name || name == "" && (c.Essential == nil || *c.Essential) {
			return c
		}
	}
	return &d.ContainerDefinitions[0]
}

// Image is the reference that the service runs.
func (s *Service) Image() string { return val(s.Container().Image) }

// Revision is the task definition in short: "my-api:7".
func (s *Service) Revision() string { return short(val(s.Live.TaskDefinition)) }

// Platform is the task definition's, as images call it.
func (s *Service) Platform() string {
	if s.Architecture() == string(types.CPUArchitectureArm64) {
		return "linux/arm64"
	}
	return "linux/amd64"
}

// primary is the deployment that AWS drives the service to, nil without one.
func (s *Service) primary() *types.Deployment {
	for i := range s.Live.Deployments {
		if val(s.Live.Deployments[i].Status) == "PRIMARY" {
			return &s.Live.Deployments[i]
		}
	}
	return nil
}

// underWay is what is being deployed, nil when nothing is.
func (s *Service) underWay(ctx context.Context) (under *aws.Deployment, err error) {
	under, s.lost, err = s.Calls.ECS.UnderWay(ctx, s.Live)
	return under, err
}

// move brings the service to a task definition, and to what else is asked for, by one UpdateService, unless somebody else
// has begun a deployment in the meantime: ECS would drop that one. From then on it is followed.
func (s *Service) move(ctx context.Context, in *ecs.UpdateServiceInput) error {
	in.Cluster, in.Service = &s.Cluster, &s.Name
	f := &aws.Follow{Cluster: s.Cluster, Service: s.Name, Definition: *in.TaskDefinition, Created: val(s.Live.CreatedAt)}
	newest, err := s.Calls.ECS.LatestDeployment(ctx, s.Cluster, s.Name)
	switch {
	case err != nil:
		return err
	case newest != nil && !newest.Done():
		return s.busy(newest)
	case newest != nil:
		f.Before = newest.ARN
	}
	out, err := s.Calls.ECS.UpdateService(ctx, in)
	if err != nil {
		return err
	}
	deploy.Say(ctx, "%s", short(*in.TaskDefinition))
	s.Live, s.follow, s.lost = out.Service, f, ""
	return nil
}

func (s *Service) busy(d *aws.Deployment) error {
	return &aws.InProgressError{Service: s.Name, TaskDefinition: d.TaskDefinition, Since: d.Created}
}

// settled says what the deployment lacks that this command has started or joined, nothing without one.
func (s *Service) settled(ctx context.Context, wait string) (string, error) {
	if s.follow == nil || wait == "accepted" {
		return "", nil
	}
	s.follow.Healthy = wait == "healthy"
	s.watch.Foreign = s.Foreign
	return s.watch.Look(ctx, s.Calls, s.follow)
}

// Suspect is why the deployment that this command has started or joined does not get on: see [Watch.Suspect].
func (s *Service) Suspect(ctx context.Context, err error) *Failure {
	return s.watch.Suspect(ctx, s.Calls, s.follow, err)
}

// Halt stops the deployment that this command has started or joined and rolls it back: see [aws.ECS.Halt].
func (s *Service) Halt(ctx context.Context) error { return s.Calls.ECS.Halt(ctx, s.follow) }

// Deployed is the deployment that this command has started or joined, as it was last seen; ok is false without one.
func (s *Service) Deployed() (last *aws.Deployment, ok bool) {
	if s.follow == nil {
		return nil, false
	}
	return s.follow.Last, true
}

// writesNotes says whether what is done is noted in tags. Somebody else's service gets none, unless it is one of fargatectl's
// that is only named.
func (s *Service) writesNotes() bool { return !s.Foreign || tagsOf(s.Tags)[aws.TagProject] != "" }

// note writes what was done into a tag.
func (s *Service) note(ctx context.Context, arn, tag string, text fmt.Stringer) error {
	_, err := s.Calls.ECS.TagResource(ctx, &ecs.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: &tag, Value: new(text.String())}}})
	return err
}

func short(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// val is what p points to, the zero value for nil.
func val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
