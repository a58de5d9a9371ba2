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
	"github.com/fargatectl/fargatectl/deploy"
)

// A Rollback is a step that brings the service back to the newest release that succeeded and is not the live one. A
// deployment that is under way is stopped and rolled back by ECS itself; one that is on its way back already is joined.
type Rollback struct {
	*Service
	By   string // ARN of who does it
	Wait string // as of a Deployment

	under *aws.Deployment       // under way when the command began; nil without one
	to    *types.TaskDefinition // to go back to; nil when ECS rolls a deployment back
	tags  []types.Tag           // of it
}

// A NoReleaseError is that there is nothing to go back to.
type NoReleaseError struct{ Service string }

func (e *NoReleaseError) Error() string {
	return fmt.Sprintf("service %s has no earlier release that succeeded", e.Service)
}

// Hint says the way out.
func (e *NoReleaseError) Hint() string {
	return "ECS remembers deployments for 90 days; fargatectl deploy --image REF releases any image"
}

// Name is the step's.
func (r *Rollback) Name() string { return "rollback" }

// Wanted is always true.
func (r *Rollback) Wanted() bool { return true }

// Read finds the release to go back to, newest first: a deployment that succeeded, of another task definition than
// the live one. A forced restart brings the same definition and is no release.
func (r *Rollback) Read(ctx context.Context) error {
	if err := r.Service.Read(ctx); err != nil {
		return err
	}
	past, err := r.Calls.ECS.Deployments(ctx, r.Cluster, r.Service.Name, 100)
	if err != nil {
		return err
	}
	running := len(past) > 0 && !past[0].Done()
	good := slices.DeleteFunc(slices.Clone(past), func(d aws.Deployment) bool { return d.Status != types.ServiceDeploymentStatusSuccessful })
	if running && len(good) > 0 {
		r.under, err = r.Calls.ECS.Deployment(ctx, past[0].ARN)
		return err
	}
	definitions, err := r.definitions(ctx, good)
	if err != nil {
		return err
	}
	tried := []string{val(r.Live.TaskDefinition)}
	for _, d := range good {
		td := definitions[d.Revision]
		if td == "" || slices.Contains(tried, td) {
			continue
		}
		tried = append(tried, td)
		r.to, r.tags, err = r.describe(ctx, td)
		if aws.Is(err, "ClientException") && strings.Contains(err.Error(), "Unable to describe task definition") {
			continue // it was deleted
		}
		return err
	}
	return &NoReleaseError{r.Service.Name}
}

// definitions are the task definitions of the deployments' service revisions; AWS takes 20 at a time.
func (r *Rollback) definitions(ctx context.Context, past []aws.Deployment) (map[string]string, error) {
	var arns []string
	for _, d := range past {
		if d.Revision != "" && !slices.Contains(arns, d.Revision) {
			arns = append(arns, d.Revision)
		}
	}
	of := map[string]string{}
	for batch := range slices.Chunk(arns, 20) {
		out, err := r.Calls.ECS.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: batch})
		if err != nil {
			return nil, err
		}
		for _, rev := range out.ServiceRevisions {
			of[val(rev.ServiceRevisionArn)] = val(rev.TaskDefinition)
		}
	}
	return of, nil
}

// Plan is one change, none when ECS is rolling back already.
func (r *Rollback) Plan() []deploy.Change {
	c := deploy.Change{Op: deploy.Update, What: "service " + r.Service.Name}
	switch {
	case r.to != nil:
		c.Diff = deploy.Diff(deploy.F("task definition", r.Revision(), short(val(r.to.TaskDefinitionArn))), deploy.F("image", r.Image(), val(r.container(r.to).Image)))
		c.Do = r.back
		if r.to.Status == types.TaskDefinitionStatusInactive {
			c.Why = "it was deregistered: it is registered again"
		}
	case r.under.GoesBack():
		r.join()
		return nil
	default:
		c.What += ": stop the deployment of " + short(r.under.TaskDefinition) + " and roll it back"
		c.Do = r.halt
	}
	return []deploy.Change{c}
}

func (r *Rollback) join() {
	if r.follow != nil {
		return
	}
	r.follow = &aws.Follow{Cluster: r.Cluster, Service: r.Service.Name, Definition: r.under.TaskDefinition, Joined: true}
}

// Notes say that ECS is rolling back already.
func (r *Rollback) Notes() []string {
	if r.to != nil || !r.under.GoesBack() {
		return nil
	}
	return []string{"the deployment of " + short(r.under.TaskDefinition) + " is being rolled back already: it is joined"}
}

// halt has ECS roll its own deployment back.
func (r *Rollback) halt(ctx context.Context) error {
	_, err := r.Calls.ECS.StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{
		ServiceDeploymentArn: &r.under.ARN, StopType: types.StopServiceDeploymentStopTypeRollback,
	})
	r.join()
	return err
}

// back moves the service to the earlier release. A deregistered task definition can't be deployed: it is registered
// again, with all that it had.
func (r *Rollback) back(ctx context.Context) error {
	definition, note := val(r.to.TaskDefinitionArn), aws.ReleaseNote{Verb: "rollback", By: r.By, At: time.Now()}
	if r.to.Status != types.TaskDefinitionStatusInactive {
		if r.writesNotes() {
			if err := r.note(ctx, definition, aws.TagRelease, note); err != nil {
				return err
			}
		}
		return r.move(ctx, definition, false)
	}
	tags := r.tags
	if len(tags) == 0 { // of what is deregistered they may be gone
		tags = slices.DeleteFunc(slices.Clone(r.Tags), func(t types.Tag) bool { return val(t.Key) == aws.TagImage })
	}
	in := aws.CloneTaskDefinition(r.to, tags)
	if r.writesNotes() {
		aws.SetTaskDefinitionTag(in, aws.TagRelease, note.String())
	}
	definition, err := r.register(ctx, in)
	if err != nil {
		return err
	}
	return r.move(ctx, definition, false)
}

// Remove is never asked for.
func (r *Rollback) Remove() []deploy.Change { return nil }

// Ready judges the deployment that goes back; one that ECS has rolled back as it was told is a success.
func (r *Rollback) Ready(ctx context.Context) (string, error) {
	missing, err := r.settled(ctx, r.Wait)
	if last, ok := r.Deployed(); ok && last != nil && r.to == nil && last.Status == types.ServiceDeploymentStatusRollbackSuccessful {
		return "", nil
	}
	return missing, err
}

var (
	_ deploy.Slow  = (*Rollback)(nil)
	_ deploy.Noter = (*Rollback)(nil)
)
