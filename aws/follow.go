package aws

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A Follow is a deployment that somebody waits for: one that he has started, or has joined.
type Follow struct {
	Cluster, Service string // names or ARNs
	Definition       string // ARN of the task definition that it brings
	Joined           bool   // it was under way already
	Before           string // ARN of the service deployment that was the newest when it was started; "" without one
	Created          time.Time
	Healthy          bool // it is enough that its tasks serve: old ones may still be leaving

	Last *Deployment // as it was last seen; nil before it has begun

	failed  int32  // tasks, when it was last looked at
	why     string // the last of them failed
	checked *bool  // its containers have health checks; nil when not yet known
	halted  atomic.Bool
}

// Halted says whether this run has had the deployment stopped: see [ECS.Halt].
func (f *Follow) Halted() bool { return f.halted.Load() }

// Look says what the deployment lacks, "" when it has ended well. Its error is a RolledBackError or a NotRestoredError
// with what its tasks said, or an InProgressError when another deployment has taken its place.
func (c *Calls) Look(ctx context.Context, f *Follow) (missing string, err error) {
	d, err := c.ECS.LatestDeployment(ctx, f.Cluster, f.Service)
	switch {
	case err != nil:
		return "", err
	case d == nil, !f.Joined && d.ARN != "" && d.ARN == f.Before, !f.Joined && !d.Created.IsZero() && d.Created.Before(f.Created):
		return "the deployment to begin", nil // lists lag
	case shortName(d.TaskDefinition) != shortName(f.Definition):
		return "", &InProgressError{Service: shortName(f.Service), TaskDefinition: d.TaskDefinition, Since: d.Created}
	}
	f.Last = d
	if d.Err() != nil {
		return "", c.ECS.explained(ctx, f)
	}
	if f.Healthy && d.Status == types.ServiceDeploymentStatusInProgress && d.Desired > 0 && d.Running >= d.Desired {
		return c.unhealthy(ctx, f)
	}
	return c.ECS.missing(ctx, f), nil
}

// missing is what a deployment lacks, with what the last task that failed said.
func (c *ECS) missing(ctx context.Context, f *Follow) string {
	d := f.Last
	if d.Failed != f.failed {
		f.failed = d.Failed
		if why, err := c.WhyStopped(ctx, f.Cluster, f.Service, d.TaskDefinition, d.Created); err == nil {
			f.why = why
		}
	}
	if m := d.Missing(); d.Failed > 0 && f.why != "" && m != "" {
		return strings.TrimSuffix(m, ".") + ": " + f.why
	}
	return d.Missing()
}

// explained is how a deployment failed, with what its tasks said when they stopped: AWS itself only says that they did.
func (c *ECS) explained(ctx context.Context, f *Follow) error {
	why, err := c.WhyStopped(ctx, f.Cluster, f.Service, f.Last.TaskDefinition, f.Last.Created)
	if err == nil && why != "" {
		f.Last.Tasks = why
	}
	return f.Last.Err()
}
