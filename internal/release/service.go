// Package release operates an ECS service: a new release, the one before, the number of tasks, what it is doing. It needs
// no more than the names of cluster and service, so that it works on a service that somebody else has made, too.
//
// A release is a [deploy.Step], so that it is shown, interrupted and awaited as everything else is. The live task
// definition is cloned whole: what we do not know survives.
package release

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// A Service is a live one, with the task definition that its newest deployment brings.
type Service struct {
	Calls         *aws.Calls
	Cluster, Name string

	Live       *types.Service
	Definition *types.TaskDefinition
	Tags       []types.Tag // of the task definition
}

// A MissingError is a service that is not there.
type MissingError struct{ Cluster, Service string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("there is no service %s in cluster %s", e.Service, e.Cluster)
}

// Hint says how it is made.
func (e *MissingError) Hint() string { return "fargatectl up makes it" }

// Read finds the service and its task definition, in two requests.
func (s *Service) Read(ctx context.Context) error {
	out, err := s.Calls.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: &s.Cluster, Services: []string{s.Name}, Include: []types.ServiceField{types.ServiceFieldTags},
	})
	if aws.Is(err, "ClusterNotFoundException") {
		return &MissingError{s.Cluster, s.Name}
	}
	if err != nil {
		return err
	}
	if len(out.Services) == 0 || val(out.Services[0].Status) != "ACTIVE" {
		return &MissingError{s.Cluster, s.Name}
	}
	s.Live = &out.Services[0]
	s.Cluster, s.Name = val(s.Live.ClusterArn), val(s.Live.ServiceName)
	def, err := s.Calls.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: s.Live.TaskDefinition, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
	})
	if err != nil {
		return err
	}
	s.Definition, s.Tags = def.TaskDefinition, def.Tags
	return nil
}

// Container is the one that a release is about: the one behind the load balancer, else the first essential one.
func (s *Service) Container() *types.ContainerDefinition {
	name := ""
	for _, lb := range s.Live.LoadBalancers {
		name = val(lb.ContainerName)
	}
	for i := range s.Definition.ContainerDefinitions {
		c := &s.Definition.ContainerDefinitions[i]
		if val(c.Name) == name || name == "" && (c.Essential == nil || *c.Essential) {
			return c
		}
	}
	return &s.Definition.ContainerDefinitions[0]
}

// Image is the reference that the service runs.
func (s *Service) Image() string { return val(s.Container().Image) }

// Revision is the task definition in short: "my-api:7".
func (s *Service) Revision() string { return short(val(s.Live.TaskDefinition)) }

// deploying is the service's deployment that has not ended, nil without one.
func (s *Service) deploying() *types.Deployment {
	for _, d := range s.Live.Deployments {
		if val(d.Status) == "PRIMARY" && d.RolloutState == types.DeploymentRolloutStateInProgress {
			return &d
		}
	}
	return nil
}

// note writes what was done into a tag of the service.
func (s *Service) note(ctx context.Context, tag string, text fmt.Stringer) error {
	_, err := s.Calls.ECS.TagResource(ctx, &ecs.TagResourceInput{
		ResourceArn: s.Live.ServiceArn, Tags: []types.Tag{{Key: &tag, Value: new(text.String())}},
	})
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
