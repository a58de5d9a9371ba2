package release

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// A past is a deployment that was, with the service revision that it brought: AWS keeps both for 90 days.
type past struct {
	aws.Deployment
	Brought types.ServiceRevision // zero where AWS no longer has it
}

// past is the newest n deployments, newest first.
func (s *Service) past(ctx context.Context, n int) ([]past, error) {
	deployments, err := s.Calls.ECS.Deployments(ctx, s.Cluster, s.Name, n)
	if aws.Lacks(err) {
		return nil, ErrNoHistory
	}
	if err != nil {
		return nil, err
	}
	var arns []string
	for _, d := range deployments {
		if d.Revision != "" && !slices.Contains(arns, d.Revision) {
			arns = append(arns, d.Revision)
		}
	}
	revisions, err := s.revisions(ctx, arns)
	if err != nil {
		return nil, err
	}
	all := make([]past, len(deployments))
	for i, d := range deployments {
		all[i] = past{d, revisions[d.Revision]}
		all[i].TaskDefinition = val(all[i].Brought.TaskDefinition)
	}
	return all, nil
}

// revisions are service revisions by their ARNs; AWS describes 20 at a time.
func (s *Service) revisions(ctx context.Context, arns []string) (map[string]types.ServiceRevision, error) {
	var reads []func() error
	batches := slices.Collect(slices.Chunk(arns, 20))
	outs := make([]*ecs.DescribeServiceRevisionsOutput, len(batches))
	for i, batch := range batches {
		reads = append(reads, func() (err error) {
			outs[i], err = s.Calls.ECS.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: batch})
			return err
		})
	}
	if err := together(reads...); err != nil {
		return nil, err
	}
	of := map[string]types.ServiceRevision{}
	for _, out := range outs {
		for _, rev := range out.ServiceRevisions {
			of[val(rev.ServiceRevisionArn)] = rev
		}
	}
	return of, nil
}

func (p *past) good() bool { return p.Status == types.ServiceDeploymentStatusSuccessful }

// digest is that of the image that a container was started with, "" where AWS does not say.
func (p *past) digest(container string) string {
	for _, i := range p.Brought.ContainerImages {
		if val(i.ContainerName) == container {
			return val(i.ImageDigest)
		}
	}
	return ""
}

// when is a moment as the tool says it.
func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// gone says whether an error is that a task definition is not there: it has no code of its own.
func gone(err error) bool {
	return aws.Is(err, "ClientException") && strings.Contains(err.Error(), "Unable to describe task definition")
}

// A NoReleaseError is that there is nothing to go back to.
type NoReleaseError struct{ Service, Wanted string }

func (e *NoReleaseError) Error() string {
	if e.Wanted != "" {
		return fmt.Sprintf("service %s has no release %s", e.Service, e.Wanted)
	}
	return fmt.Sprintf("service %s has no earlier release that succeeded", e.Service)
}

// Hint says the way out.
func (e *NoReleaseError) Hint() string {
	if e.Wanted != "" {
		return "fargatectl history shows those there are"
	}
	return "ECS remembers deployments for 90 days; fargatectl deploy --image REF releases any image"
}
