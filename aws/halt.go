package aws

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// GoesBack says whether ECS is rolling the deployment back already, or is about to.
func (d *Deployment) GoesBack() bool {
	return d.Status == types.ServiceDeploymentStatusRollbackInProgress || d.Status == types.ServiceDeploymentStatusRollbackRequested ||
		d.Status == types.ServiceDeploymentStatusStopRequested
}

// Halt has ECS stop the deployment that is followed and roll it back. Only a person's word may lead here: no end of a
// wait does. Whoever follows sees the end of it as that of any deployment that was rolled back.
func (c *ECS) Halt(ctx context.Context, f *Follow) error {
	d, err := c.LatestDeployment(ctx, f.Cluster, f.Service)
	switch {
	case err != nil:
		return err
	case d == nil || !f.Joined && d.ARN != "" && d.ARN == f.Before:
		return errors.New("the deployment has not begun yet")
	case d.Done() || shortName(d.TaskDefinition) != shortName(f.Definition):
		return errors.New("the deployment is over")
	case d.GoesBack():
		return errors.New("the deployment is being rolled back already")
	case d.ARN == "":
		return errors.New("this endpoint can't stop a deployment")
	}
	_, err = c.StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{
		ServiceDeploymentArn: &d.ARN, StopType: types.StopServiceDeploymentStopTypeRollback,
	})
	if err == nil {
		f.halted.Store(true)
	}
	return err
}
