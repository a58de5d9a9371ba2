package aws

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// UnderWay is what is being deployed to a service, nil when nothing is; it may be on its way back already. failed is why
// nothing is although ECS drives the service to what it does not reach: the last deployment was stopped where it was, and
// ECS does not try again by itself. The service may call a deployment in progress whose service deployment has ended.
func (c *ECS) UnderWay(ctx context.Context, sv *types.Service) (under *Deployment, failed string, err error) {
	i := slices.IndexFunc(sv.Deployments, func(d types.Deployment) bool { return deref(d.Status) == "PRIMARY" })
	if i < 0 {
		return nil, "", nil
	}
	p := sv.Deployments[i]
	switch {
	case p.RolloutState == types.DeploymentRolloutStateFailed:
		return nil, cmp.Or(deref(p.RolloutStateReason), "ECS does not say why"), nil
	case p.RolloutState != types.DeploymentRolloutStateInProgress:
		return nil, "", nil
	}
	d, err := c.LatestDeployment(ctx, deref(sv.ClusterArn), deref(sv.ServiceName))
	switch {
	case err != nil || d == nil:
		return nil, "", err
	case !d.Done():
		return d, "", nil
	case errors.As(d.Err(), new(*NotRestoredError)):
		return nil, cmp.Or(d.Reason, "it was stopped"), nil
	}
	return nil, "", nil
}
