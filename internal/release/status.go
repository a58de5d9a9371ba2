package release

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/fargatectl/fargatectl/aws"
)

// A Status is what a service is doing.
type Status struct {
	Service    ServiceStatus     `json:"service"`
	Deployment *DeploymentStatus `json:"deployment"`
	Cause      *Verdict          `json:"cause,omitempty"` // why the newest deployment failed; nil when it did not
	Tasks      []TaskStatus      `json:"tasks"`
	Targets    []TargetStatus    `json:"targets"`
	Scaling    *ScalingStatus    `json:"scaling"`
	Events     []EventStatus     `json:"events"`
}

// ServiceStatus is the service itself.
type ServiceStatus struct {
	Name           string `json:"name"`
	Cluster        string `json:"cluster"`
	Status         string `json:"status"`
	TaskDefinition string `json:"task_definition"`
	Image          string `json:"image"`
	DesiredCount   int32  `json:"desired_count"`
	RunningCount   int32  `json:"running_count"`
	PendingCount   int32  `json:"pending_count"`
	Release        string `json:"release,omitempty"` // who released it by deploy or rollback
}

// DeploymentStatus is the newest deployment.
type DeploymentStatus struct {
	Status         string     `json:"status"`
	Reason         string     `json:"reason,omitempty"`       // AWS's own words
	Progress       string     `json:"progress,omitempty"`     // what it still lacks
	LastFailure    string     `json:"last_failure,omitempty"` // what the last of its tasks that failed said
	TaskDefinition string     `json:"task_definition"`
	ARN            string     `json:"arn,omitempty"`
	CreatedAt      *time.Time `json:"created_at,omitempty"`
	FinishedAt     *time.Time `json:"finished_at,omitempty"`

	seen *aws.Deployment
}

// Err is how the newest deployment failed, nil when it did not: a RolledBackError, also while it is being rolled back,
// or a NotRestoredError.
func (d *DeploymentStatus) Err() error {
	switch {
	case d == nil || d.seen == nil:
		return nil
	case d.seen.GoesBack():
		return &aws.RolledBackError{Deployment: d.seen}
	}
	return d.seen.Err()
}

// TaskStatus is one task.
type TaskStatus struct {
	ID               string     `json:"id"`
	LastStatus       string     `json:"last_status"`
	DesiredStatus    string     `json:"desired_status"`
	HealthStatus     string     `json:"health_status,omitempty"`
	AvailabilityZone string     `json:"availability_zone"`
	TaskDefinition   string     `json:"task_definition"`
	PrivateIP        string     `json:"private_ip,omitempty"`
	StartedAt        *time.Time `json:"started_at,omitempty"`
	StoppedReason    string     `json:"stopped_reason,omitempty"`
}

// TargetStatus is one target of a target group.
type TargetStatus struct {
	ID          string `json:"id"`
	Port        int32  `json:"port"`
	State       string `json:"state"`
	Reason      string `json:"reason,omitempty"`
	Description string `json:"description,omitempty"`
}

// ScalingStatus is the range that autoscaling keeps.
type ScalingStatus struct {
	MinCapacity int32  `json:"min_capacity"`
	MaxCapacity int32  `json:"max_capacity"`
	Note        string `json:"note,omitempty"` // what scale has set
}

// EventStatus is one of the service's last events.
type EventStatus struct {
	CreatedAt time.Time `json:"created_at"`
	Message   string    `json:"message"`
}

// Status asks for all of it, in a few rounds.
func (s *Service) Status(ctx context.Context) (*Status, error) {
	if err := s.Read(ctx); err != nil {
		return nil, err
	}
	st := &Status{Tasks: []TaskStatus{}, Targets: []TargetStatus{}, Events: []EventStatus{}, Service: ServiceStatus{
		Name: s.Name, Cluster: short(s.Cluster), Status: val(s.Live.Status), TaskDefinition: s.Revision(), Image: s.Image(),
		DesiredCount: s.Live.DesiredCount, RunningCount: s.Live.RunningCount, PendingCount: s.Live.PendingCount,
	}}
	tags := tagsOf(s.Live.Tags)
	if n, ok := aws.ParseReleaseNote(tagsOf(s.Tags)[aws.TagRelease]); ok {
		st.Service.Release = n.Verb + " by " + n.By + " at " + n.At.Format(time.RFC3339)
	}
	for _, e := range s.Live.Events[:min(5, len(s.Live.Events))] {
		st.Events = append(st.Events, EventStatus{val(e.CreatedAt), val(e.Message)})
	}
	err := together(func() (err error) { st.Deployment, err = s.deployment(ctx); return err },
		func() (err error) { st.Tasks, err = s.tasks(ctx); return err },
		func() (err error) { st.Targets, err = s.targets(ctx); return err },
		func() (err error) { st.Scaling, err = s.scaling(ctx, tags[aws.TagScale]); return err })
	if err == nil && st.Deployment.Err() != nil {
		v := Judge((&Watch{Foreign: s.Foreign}).Gather(ctx, s.Calls, s.Cluster, s.Name, st.Deployment.seen))
		st.Cause = &v
	}
	return st, err
}

func tagsOf(tags []types.Tag) map[string]string {
	return aws.TagMap(tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
}

// together runs independent reads at once. All of them end, and all their errors are returned.
func together(reads ...func() error) error {
	errs := make([]error, len(reads))
	var wg sync.WaitGroup
	for i, read := range reads {
		wg.Go(func() { errs[i] = read() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// scaling is the range, with the note of who has set it as long as it is that one.
func (s *Service) scaling(ctx context.Context, note string) (*ScalingStatus, error) {
	r, err := s.Range(ctx)
	if err != nil || r == nil {
		return nil, err
	}
	st := &ScalingStatus{MinCapacity: r.Min, MaxCapacity: r.Max}
	if n, ok := aws.ParseScaleNote(note); ok && (Range{n.Min, n.Max}) == *r {
		st.Note = "scale by " + n.By + " at " + n.At.Format(time.RFC3339)
	}
	return st, nil
}

func (s *Service) deployment(ctx context.Context) (*DeploymentStatus, error) {
	d, err := s.Calls.ECS.LatestDeployment(ctx, s.Cluster, s.Name)
	if err != nil || d == nil {
		return nil, err
	}
	st := &DeploymentStatus{
		Status: string(d.Status), Reason: d.Reason, Progress: d.Missing(), TaskDefinition: short(d.TaskDefinition), ARN: d.ARN, CreatedAt: moment(d.Created), FinishedAt: moment(d.Finished), seen: d,
	}
	if d.Failed > 0 || d.Err() != nil {
		st.LastFailure, err = s.Calls.ECS.WhyStopped(ctx, s.Cluster, s.Name, d.TaskDefinition)
	}
	return st, err
}

// tasks are the service's, those that run first. AWS describes 100 at a time.
func (s *Service) tasks(ctx context.Context) ([]TaskStatus, error) {
	all := []TaskStatus{}
	in := &ecs.ListTasksInput{Cluster: &s.Cluster, ServiceName: &s.Name}
	for more := true; more; {
		page, err := s.Calls.ECS.ListTasks(ctx, in)
		if err != nil {
			return nil, err
		}
		in.NextToken, more = page.NextToken, page.NextToken != nil
		if len(page.TaskArns) == 0 {
			continue
		}
		out, err := s.Calls.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &s.Cluster, Tasks: page.TaskArns})
		if err != nil {
			return nil, err
		}
		for _, t := range out.Tasks {
			all = append(all, task(t))
		}
	}
	slices.SortFunc(all, func(a, b TaskStatus) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

func task(t types.Task) TaskStatus {
	st := TaskStatus{
		ID: short(val(t.TaskArn)), LastStatus: val(t.LastStatus), DesiredStatus: val(t.DesiredStatus), HealthStatus: string(t.HealthStatus),
		AvailabilityZone: val(t.AvailabilityZone), TaskDefinition: short(val(t.TaskDefinitionArn)), StartedAt: t.StartedAt, StoppedReason: val(t.StoppedReason), PrivateIP: aws.PrivateIP(t),
	}
	return st
}

// targets are those of all target groups that the service registers in.
func (s *Service) targets(ctx context.Context) ([]TargetStatus, error) {
	all := []TargetStatus{}
	for _, lb := range s.Live.LoadBalancers {
		if val(lb.TargetGroupArn) == "" {
			continue
		}
		out, err := s.Calls.ELB.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: lb.TargetGroupArn})
		if err != nil {
			return nil, err
		}
		for _, d := range out.TargetHealthDescriptions {
			t := TargetStatus{}
			if d.Target != nil {
				t.ID, t.Port = val(d.Target.Id), val(d.Target.Port)
			}
			if h := d.TargetHealth; h != nil {
				t.State, t.Reason, t.Description = string(h.State), string(h.Reason), val(h.Description)
			}
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b TargetStatus) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
