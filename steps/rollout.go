package steps

import (
	"context"
	"strings"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// Rollout changes nothing: it is ready when the deployment that this run has started or joined has ended, and fails
// when that did. It judges by AWS's service deployment. It comes last, so that all that shrinks waits for it; the
// balancer, which it needs, is awaited by itself.
type Rollout struct {
	*App
	Service *Service
	ALB     *ALB
}

func (s *Rollout) Name() string { return "rollout" }

// Wanted is always true.
func (s *Rollout) Wanted() bool { return true }

// Read has nothing to find.
func (s *Rollout) Read(context.Context) error { return nil }

// Plan has nothing to do.
func (s *Rollout) Plan() []deploy.Change { return nil }

// Remove has nothing to take away.
func (s *Rollout) Remove() []deploy.Change { return nil }

// Ready says what the deployment lacks. Its error is a RolledBackError, a NotRestoredError, or an InProgressError when
// another deployment took its place.
func (s *Rollout) Ready(ctx context.Context) (string, error) {
	if s.Options.Wait == "accepted" {
		return "", nil
	}
	return s.Service.settled(ctx)
}

// settled says what the deployment that this run follows lacks, nothing without one.
func (s *Service) settled(ctx context.Context) (string, error) {
	r := s.release
	if r == nil {
		return "", nil
	}
	d, err := s.AWS.ECS.LatestDeployment(ctx, *s.live.ClusterArn, *s.live.ServiceName)
	switch {
	case err != nil:
		return "", err
	case d == nil, !r.joined && d.ARN != "" && d.ARN == r.before, !r.joined && !d.Created.IsZero() && d.Created.Before(*s.live.CreatedAt):
		return "the deployment to begin", nil // lists lag
	case short(d.TaskDefinition) != short(r.definition):
		return "", &aws.InProgressError{Service: *s.live.ServiceName, TaskDefinition: d.TaskDefinition, Since: d.Created}
	}
	if d.Err() != nil {
		return "", s.explained(ctx, d)
	}
	if s.Options.Wait == "healthy" && d.Desired > 0 && d.Running >= d.Desired {
		return "", nil
	}
	return s.missing(ctx, d), nil
}

// missing is what a deployment lacks, with what the last task that failed said.
func (s *Service) missing(ctx context.Context, d *aws.Deployment) string {
	r := s.release
	if d.Failed != r.failed {
		r.failed = d.Failed
		if why, err := s.AWS.ECS.WhyStopped(ctx, *s.live.ClusterArn, *s.live.ServiceName, d.TaskDefinition); err == nil {
			r.why = why
		}
	}
	if d.Failed > 0 && r.why != "" {
		return strings.TrimSuffix(d.Missing(), ".") + ": " + r.why
	}
	return d.Missing()
}

// explained is how a deployment failed, with what its tasks said when they stopped: AWS itself only says that they did.
func (s *Service) explained(ctx context.Context, d *aws.Deployment) error {
	why, err := s.AWS.ECS.WhyStopped(ctx, *s.live.ClusterArn, *s.live.ServiceName, d.TaskDefinition)
	if err == nil && why != "" {
		d.Reason += "; its tasks: " + why
	}
	return d.Err()
}

var _ deploy.Slow = (*Rollout)(nil)
