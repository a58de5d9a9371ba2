package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A Deployment is one release of an ECS service, as its service deployment tells. That is the only truth about it: a
// service that runs as many tasks as are desired may run them of the release before.
type Deployment struct {
	ARN            string // "" where the endpoint knows no service deployments
	Status         types.ServiceDeploymentStatus
	Stage          string // of its lifecycle, such as SCALE_UP or BAKE_TIME; "" where ECS names none
	Reason         string // AWS's own words
	Tasks          string // what the last of its tasks that stopped said, where that was asked for
	TaskDefinition string // ARN of the revision that it brings
	Revision       string // ARN of the service revision that it brings

	Desired, Running, Pending int32    // tasks of that revision
	Alarms                    []string // of CloudWatch, that went off while it was watched
	Failed, Threshold         int32    // of its tasks, and at how many the circuit breaker ends it; 0 where it has none
	Created, Finished         time.Time
}

// Done says whether the deployment has ended, well or not.
func (d *Deployment) Done() bool {
	switch d.Status {
	case types.ServiceDeploymentStatusSuccessful, types.ServiceDeploymentStatusStopped,
		types.ServiceDeploymentStatusRollbackSuccessful, types.ServiceDeploymentStatusRollbackFailed:
		return true
	}
	return false
}

// Missing says what the deployment still lacks, "" when it has ended.
func (d *Deployment) Missing() string {
	switch {
	case d.Done():
		return ""
	case d.Status == types.ServiceDeploymentStatusRollbackInProgress, d.Status == types.ServiceDeploymentStatusRollbackRequested:
		return "failed, rolling back: " + d.Reason
	case d.Running >= d.Desired && d.Desired > 0:
		return fmt.Sprintf("%d of %d new tasks running, waiting for health checks and for old tasks to leave", d.Running, d.Desired)
	}
	text := fmt.Sprintf("%d of %d new tasks running", d.Running, d.Desired)
	switch {
	case d.Failed > 0 && d.Threshold > 0:
		text += fmt.Sprintf(", %d failed, at %d it is given up", d.Failed, d.Threshold)
	case d.Failed > 0:
		text += fmt.Sprintf(", %d failed", d.Failed)
	}
	return text
}

// Err is how the deployment ended: nil for success and while it goes on, a RolledBackError or a NotRestoredError.
func (d *Deployment) Err() error {
	switch d.Status {
	case types.ServiceDeploymentStatusRollbackSuccessful:
		return &RolledBackError{d}
	case types.ServiceDeploymentStatusStopped, types.ServiceDeploymentStatusRollbackFailed:
		return &NotRestoredError{d}
	}
	return nil
}

// A RolledBackError is a deployment that failed; the release before it serves again.
type RolledBackError struct{ *Deployment }

func (e *RolledBackError) Error() string {
	return "the deployment failed and was rolled back" + because(e.Deployment)
}

// Hint says where to look.
func (e *RolledBackError) Hint() string {
	return "the release before it serves; fargatectl logs tail --since 30m and fargatectl status show why the new one did not"
}

// A NotRestoredError is a deployment that failed and left the service without a release that works.
type NotRestoredError struct{ *Deployment }

func (e *NotRestoredError) Error() string {
	return "the deployment failed and was not restored" + because(e.Deployment)
}

// Hint says where to look.
func (e *NotRestoredError) Hint() string {
	return "nothing may be serving; fargatectl logs tail --since 30m and fargatectl status show why; run the command again once that is mended"
}

// An InProgressError is that a deployment of something else is under way.
type InProgressError struct {
	Service, TaskDefinition string
	Since                   time.Time
}

func (e *InProgressError) Error() string {
	text := fmt.Sprintf("a deployment of %s to service %s is in progress", shortName(e.TaskDefinition), e.Service)
	if !e.Since.IsZero() {
		text += " since " + e.Since.UTC().Format("15:04:05 UTC")
	}
	return text
}

// Hint says what to do meanwhile.
func (e *InProgressError) Hint() string {
	return "wait for its end (fargatectl status), and run the command again; fargatectl deploy --wait-for-turn waits by itself"
}

// because is why a deployment failed, behind a colon: what AWS says, and what its tasks said.
func because(d *Deployment) (text string) {
	if d.Reason != "" {
		text = ": " + strings.TrimSuffix(d.Reason, ".")
	}
	if d.Tasks != "" {
		text += "; its tasks: " + d.Tasks
	}
	return text
}

// shortName is what stands behind the last slash of an ARN: "my-api:7".
func shortName(arn string) string {
	for i := len(arn) - 1; i >= 0; i-- {
		if arn[i] == '/' {
			return arn[i+1:]
		}
	}
	return arn
}

// Deployments returns the service's deployments, newest first, at most n. Of those only ARN, Status, Reason, Revision
// and the times are set. AWS keeps them for 90 days (API reference, ListServiceDeployments).
func (c *ECS) Deployments(ctx context.Context, cluster, service string, n int) (all []Deployment, err error) {
	in := &ecs.ListServiceDeploymentsInput{Cluster: &cluster, Service: &service, MaxResults: new(int32(min(n, 100)))}
	for {
		page, err := c.ListServiceDeployments(ctx, in, few)
		if err != nil {
			return nil, err
		}
		for _, d := range page.ServiceDeployments {
			all = append(all, Deployment{
				ARN: deref(d.ServiceDeploymentArn), Status: d.Status, Reason: deref(d.StatusReason), Revision: deref(d.TargetServiceRevisionArn),
				Created: when(d.CreatedAt), Finished: when(d.FinishedAt),
			})
		}
		if in.NextToken = page.NextToken; in.NextToken == nil || len(all) >= n {
			return all[:min(n, len(all))], nil
		}
	}
}

// LatestDeployment is the newest deployment of a service, nil when there was none. An endpoint that knows no service
// deployments is asked for the service's own PRIMARY deployment instead.
func (c *ECS) LatestDeployment(ctx context.Context, cluster, service string) (*Deployment, error) {
	newest, err := c.Deployments(ctx, cluster, service, 1)
	switch {
	case Lacks(err):
		return c.primary(ctx, cluster, service)
	case err != nil || len(newest) == 0:
		return nil, err
	}
	return c.whole(ctx, newest[0].ARN, newest[0].Revision)
}

// Deployment reads one service deployment whole.
func (c *ECS) Deployment(ctx context.Context, arn string) (*Deployment, error) {
	return c.whole(ctx, arn, "")
}

// whole reads a service deployment, and its service revision at the same time where that is known already.
func (c *ECS) whole(ctx context.Context, arn, revision string) (*Deployment, error) {
	var definition string
	var unread error
	done := make(chan struct{})
	go func() {
		defer close(done)
		if revision != "" {
			definition, unread = c.revisionTaskDefinition(ctx, revision)
		}
	}()
	d, err := c.describeDeployment(ctx, arn)
	<-done
	switch {
	case err != nil:
		return nil, err
	case d.Revision == "":
	case d.Revision == revision:
		d.TaskDefinition, err = definition, unread
	default:
		d.TaskDefinition, err = c.revisionTaskDefinition(ctx, d.Revision)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// describeDeployment reads a service deployment but for its task definition, which only the service revision knows.
func (c *ECS) describeDeployment(ctx context.Context, arn string) (*Deployment, error) {
	out, err := c.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{arn}})
	if err != nil {
		return nil, err
	}
	if len(out.ServiceDeployments) == 0 {
		return nil, fmt.Errorf("AWS no longer knows the deployment %s", shortName(arn))
	}
	sd := out.ServiceDeployments[0]
	d := &Deployment{
		ARN: arn, Status: sd.Status, Stage: string(sd.LifecycleStage), Reason: deref(sd.StatusReason), Created: when(sd.CreatedAt), Finished: when(sd.FinishedAt),
	}
	if b := sd.DeploymentCircuitBreaker; b != nil {
		d.Failed = b.FailureCount
		if b.Status != types.ServiceDeploymentRollbackMonitorsStatusDisabled {
			d.Threshold = b.Threshold
		}
	}
	if sd.Alarms != nil {
		d.Alarms = sd.Alarms.TriggeredAlarmNames
	}
	if d.Reason == "" && sd.Rollback != nil {
		d.Reason = deref(sd.Rollback.Reason)
	}
	if r := sd.TargetServiceRevision; r != nil {
		d.Revision, d.Desired, d.Running, d.Pending = deref(r.Arn), r.RequestedTaskCount, r.RunningTaskCount, r.PendingTaskCount
	}
	return d, nil
}

func (c *ECS) revisionTaskDefinition(ctx context.Context, arn string) (string, error) {
	out, err := c.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{arn}})
	if err != nil || len(out.ServiceRevisions) == 0 {
		return "", err
	}
	return deref(out.ServiceRevisions[0].TaskDefinition), nil
}

// primary is the deployment as DescribeServices tells it.
func (c *ECS) primary(ctx context.Context, cluster, service string) (*Deployment, error) {
	out, err := c.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{service}})
	if err != nil || len(out.Services) == 0 {
		return nil, err
	}
	for _, d := range out.Services[0].Deployments {
		if deref(d.Status) == "PRIMARY" {
			return Primary(d), nil
		}
	}
	return nil, nil
}

// Primary is what a service's own list of deployments tells of one.
func Primary(d types.Deployment) *Deployment {
	status := map[types.DeploymentRolloutState]types.ServiceDeploymentStatus{
		types.DeploymentRolloutStateCompleted:  types.ServiceDeploymentStatusSuccessful,
		types.DeploymentRolloutStateFailed:     types.ServiceDeploymentStatusStopped,
		types.DeploymentRolloutStateInProgress: types.ServiceDeploymentStatusInProgress,
	}[d.RolloutState]
	return &Deployment{
		Status: status, Reason: deref(d.RolloutStateReason), TaskDefinition: deref(d.TaskDefinition),
		Desired: d.DesiredCount, Running: d.RunningCount, Pending: d.PendingCount, Failed: d.FailedTasks, Created: when(d.CreatedAt),
	}
}

// Lacks says whether an error is that an endpoint lacks the operation: it says so by a code, or fails without one.
func Lacks(err error) bool {
	if err == nil {
		return false
	}
	if Is(err, "UnknownOperationException", "UnknownOperation", "InvalidAction", "NotImplemented") {
		return true
	}
	var resp *awshttp.ResponseError
	if !errors.As(err, &resp) || Code(err) != "" && Code(err) != "UnknownError" {
		return false
	}
	return resp.HTTPStatusCode() >= http.StatusInternalServerError || resp.HTTPStatusCode() == http.StatusNotFound // no such path, as CBOR has
}

// few keeps a call that an endpoint may lack from being repeated for long.
func few(o *ecs.Options) { o.Retryer = quick() }

func when(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
