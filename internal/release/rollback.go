package release

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// A Rollback is a step that brings the service back to the newest release that succeeded and is not the live one. A
// deployment that is under way is stopped and rolled back by ECS itself.
type Rollback struct {
	*Service
	By   string // ARN of who does it
	Wait string // as of a Deployment

	To       string          // ARN of the task definition to go back to; "" when ECS stops a deployment
	Finished *aws.Deployment // how it ended

	stop  string // ARN of the service deployment to stop
	began time.Time
}

// A NoReleaseError is that there is nothing to go back to.
type NoReleaseError struct{ Service string }

func (e *NoReleaseError) Error() string {
	return fmt.Sprintf("service %s has no earlier release that succeeded", e.Service)
}

// Hint says the way out.
func (e *NoReleaseError) Hint() string { return "deploy one: fargatectl deploy --image REF" }

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
	if len(past) > 0 && !past[0].Done() {
		r.stop = past[0].ARN
		return nil
	}
	past = slices.DeleteFunc(past, func(d aws.Deployment) bool { return d.Status != types.ServiceDeploymentStatusSuccessful })
	definitions, err := r.definitions(ctx, past)
	if err != nil {
		return err
	}
	for _, d := range past {
		if td := definitions[d.Revision]; td != "" && td != val(r.Live.TaskDefinition) {
			r.To = td
			return nil
		}
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

// Plan is one change.
func (r *Rollback) Plan() []deploy.Change {
	if r.stop != "" {
		return []deploy.Change{{Op: deploy.Update, What: "service " + r.Service.Name + ": stop the deployment under way and roll it back", Do: r.halt}}
	}
	return []deploy.Change{{
		Op: deploy.Update, What: "service " + r.Service.Name, Diff: deploy.Diff(deploy.F("task definition", r.Revision(), short(r.To))), Do: r.back,
	}}
}

// halt has ECS roll its own deployment back.
func (r *Rollback) halt(ctx context.Context) error {
	_, err := r.Calls.ECS.StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{
		ServiceDeploymentArn: &r.stop, StopType: types.StopServiceDeploymentStopTypeRollback,
	})
	return err
}

func (r *Rollback) back(ctx context.Context) error {
	d := &Deployment{Service: r.Service, By: r.By}
	if err := d.update(ctx, "rollback", r.To, false); err != nil {
		return err
	}
	r.began = d.began
	return nil
}

// Remove is never asked for.
func (r *Rollback) Remove() []deploy.Change { return nil }

// Ready judges the deployment that goes back; one that ECS has rolled back as it was told is a success.
func (r *Rollback) Ready(ctx context.Context) (string, error) {
	if r.Wait == "accepted" {
		return "", nil
	}
	var latest *aws.Deployment
	var err error
	if r.stop != "" {
		latest, err = r.Calls.ECS.Deployment(ctx, r.stop)
	} else {
		latest, err = r.Calls.ECS.LatestDeployment(ctx, r.Cluster, r.Service.Name)
	}
	switch {
	case err != nil:
		return "", err
	case latest == nil || r.stop == "" && latest.TaskDefinition != r.To:
		return "the deployment to begin", nil
	}
	r.Finished = latest
	if r.stop != "" && latest.Status == types.ServiceDeploymentStatusRollbackSuccessful {
		return "", nil
	}
	if r.Wait == "healthy" && latest.Desired > 0 && latest.Running >= latest.Desired {
		return "", latest.Err()
	}
	return latest.Missing(), latest.Err()
}

var _ deploy.Slow = (*Rollback)(nil)
