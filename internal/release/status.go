package release

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

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
	Alarms     []AlarmStatus     `json:"alarms"`
	Events     []EventStatus     `json:"events"`
	Metrics    *Metrics          `json:"metrics,omitempty"` // of a status that is watched
	Notes      []string          `json:"notes,omitempty"`   // what can't be shown, and why
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
	Stage          string     `json:"stage,omitempty"`        // of its lifecycle, in ECS's word
	Reason         string     `json:"reason,omitempty"`       // AWS's own words
	Progress       string     `json:"progress,omitempty"`     // what it still lacks
	LastFailure    string     `json:"last_failure,omitempty"` // what the last of its tasks that failed said
	TaskDefinition string     `json:"task_definition"`
	ARN            string     `json:"arn,omitempty"`
	DesiredCount   int32      `json:"desired_count"` // tasks of the revision that it brings
	RunningCount   int32      `json:"running_count"`
	PendingCount   int32      `json:"pending_count"`
	FailedTasks    int32      `json:"failed_tasks"`
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
	ID               string            `json:"id"`
	LastStatus       string            `json:"last_status"`
	DesiredStatus    string            `json:"desired_status"`
	HealthStatus     string            `json:"health_status,omitempty"` // of its containers' own checks; UNKNOWN without any
	ExecAgent        string            `json:"exec_agent,omitempty"`    // its state; "" where exec is not enabled
	AvailabilityZone string            `json:"availability_zone"`
	TaskDefinition   string            `json:"task_definition"`
	PrivateIP        string            `json:"private_ip,omitempty"`
	CreatedAt        *time.Time        `json:"created_at,omitempty"`
	StartedAt        *time.Time        `json:"started_at,omitempty"`
	StoppedReason    string            `json:"stopped_reason,omitempty"`
	Containers       []ContainerStatus `json:"containers"`
}

// ContainerStatus is one container of a task.
type ContainerStatus struct {
	Name         string `json:"name"`
	LastStatus   string `json:"last_status"`
	HealthStatus string `json:"health_status,omitempty"`
	ExitCode     *int32 `json:"exit_code,omitempty"`
	Reason       string `json:"reason,omitempty"`
}

// TargetStatus is one target of a target group.
type TargetStatus struct {
	ID          string `json:"id"`
	Port        int32  `json:"port"`
	State       string `json:"state"`
	Reason      string `json:"reason,omitempty"`
	Description string `json:"description,omitempty"`
}

// EventStatus is one of the service's last events.
type EventStatus struct {
	CreatedAt time.Time `json:"created_at"`
	Message   string    `json:"message"`
}

// A View is how much of a status is wanted.
type View struct {
	Events int    // of the service, the newest; AWS keeps 100
	Meter  *Meter // reads what the service uses, nil: nobody does
}

// Status asks for all of it: in three rounds of requests, and one or two more for the tasks of a deployment that fails.
func (s *Service) Status(ctx context.Context, v View) (*Status, error) {
	if err := s.locate(ctx); err != nil {
		return nil, err
	}
	st := &Status{Tasks: []TaskStatus{}, Targets: []TargetStatus{}, Alarms: []AlarmStatus{}, Events: []EventStatus{}}
	for _, e := range s.Live.Events[:max(0, min(v.Events, len(s.Live.Events)))] {
		st.Events = append(st.Events, EventStatus{val(e.CreatedAt), val(e.Message)})
	}
	notes := make([]string, 2)
	err := together(
		func() (err error) {
			s.Definition, s.Tags, err = s.describe(ctx, val(s.Live.TaskDefinition))
			return err
		},
		func() (err error) { st.Deployment, err = s.deployment(ctx); return err },
		func() (err error) { st.Tasks, err = s.tasks(ctx); return err },
		func() (err error) { st.Targets, err = s.targets(ctx); return err },
		func() (err error) { st.Scaling, st.Alarms, notes[0], err = s.scaled(ctx); return err },
		func() (err error) { st.Metrics, notes[1], err = v.Meter.read(ctx, s); return err })
	if err != nil {
		return nil, err
	}
	st.Service = ServiceStatus{
		Name: s.Name, Cluster: short(s.Cluster), Status: val(s.Live.Status), TaskDefinition: s.Revision(), Image: s.Image(),
		DesiredCount: s.Live.DesiredCount, RunningCount: s.Live.RunningCount, PendingCount: s.Live.PendingCount,
	}
	if n, ok := aws.ParseReleaseNote(tagsOf(s.Tags)[aws.TagRelease]); ok {
		st.Service.Release = n.Verb + " by " + n.By + " at " + n.At.Format(time.RFC3339)
	}
	if st.Deployment.Err() != nil {
		st.Cause = s.cause(ctx, st.Deployment.seen)
	}
	for _, n := range notes {
		if n != "" {
			st.Notes = append(st.Notes, n)
		}
	}
	return st, nil
}

// A judged deployment is one whose cause is known: it is looked for once in each of its states.
type judged struct {
	arn   string
	state types.ServiceDeploymentStatus
	why   *Verdict
}

// cause is why a deployment failed.
func (s *Service) cause(ctx context.Context, d *aws.Deployment) *Verdict {
	if s.judged == nil || s.judged.arn != d.ARN || s.judged.state != d.Status || d.ARN == "" {
		v := Judge((&Watch{Foreign: s.Foreign}).Gather(ctx, s.Calls, s.Cluster, s.Name, d))
		s.judged = &judged{d.ARN, d.Status, &v}
	}
	return s.judged.why
}

// shown is how many scaling activities a status has.
const shown = 3

// scaled is who moves the count, and the alarms that make them, with a note where those can't be read.
func (s *Service) scaled(ctx context.Context) (st *ScalingStatus, alarms []AlarmStatus, note string, err error) {
	if st, err = s.Scaling(ctx, shown); err != nil {
		return nil, nil, "", err
	}
	if st != nil {
		if n, ok := aws.ParseScaleNote(tagsOf(s.Live.Tags)[aws.TagScale]); ok && (Range{n.Min, n.Max}) == st.Range() {
			st.Note = "scale by " + n.By + " at " + n.At.Format(time.RFC3339)
		}
	}
	if alarms, err = s.alarms(ctx, st); err != nil {
		note, err = unreadable("alarms", err)
		alarms = []AlarmStatus{}
	}
	return st, alarms, note, err
}

// unreadable makes a note of an error that a status can do without: CloudWatch is denied, or not served.
func unreadable(what string, err error) (string, error) {
	m := aws.Explain(err)
	switch {
	case m.Kind == aws.Denied && m.Message != "":
		return "no " + what + ": " + m.Message, nil
	case m.Kind == aws.Denied:
		return "no " + what + ": CloudWatch is denied", nil
	case aws.Lacks(err):
		return "no " + what + ": this endpoint does not serve CloudWatch", nil
	}
	return "", err
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

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
