package steps

import (
	"context"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/release"
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
	if s.release == nil {
		return "", nil
	}
	f := s.release
	if f.Cluster == "" {
		f.Cluster, f.Service, f.Created, f.Healthy = val(s.live.ClusterArn), val(s.live.ServiceName), val(s.live.CreatedAt), s.Options.Wait == "healthy"
	}
	return s.watch.Look(ctx, s.AWS, f)
}

// Suspect is why the deployment that was awaited does not get on: see [release.Watch.Suspect].
func (s *Rollout) Suspect(ctx context.Context, err error) *release.Failure {
	return s.Service.watch.Suspect(ctx, s.AWS, s.Service.release, err)
}

// Halt stops the deployment that is awaited and rolls it back: see [aws.ECS.Halt].
func (s *Rollout) Halt(ctx context.Context) error { return s.AWS.ECS.Halt(ctx, s.Service.release) }

var _ deploy.Slow = (*Rollout)(nil)
