package release

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/fargatectl/fargatectl/aws"
)

// A Watch keeps what each look at a deployment has seen of it: ECS forgets stopped tasks in an hour, and a target that
// failed its checks is gone, with its reason, as soon as its task is. The zero value is ready.
type Watch struct {
	Foreign bool // somebody else's service

	evidence Evidence
	halted   bool          // who watches has had it stopped
	of       string        // ARN or moment of the deployment that the evidence is of
	starter  string        // its id as its tasks' startedBy has it, ecs-svc/…; "" until the service is seen to have it
	off      time.Duration // by how much starter began at another time
	defined  *types.TaskDefinition
	groups   []types.LoadBalancer
	network  *types.AwsVpcConfiguration
	known    map[string]bool // tasks of which there is no news: others', and those that have stopped
	looks    int
	failed   int32 // tasks, when it was last collected
}

// every is how many looks there are between two at which evidence is collected, unless a task has failed.
const every = 5

// collecting bounds what a look may take, gathering the reads about a deployment that has failed: who waits wants an
// answer.
const (
	collecting = 5 * time.Second
	gathering  = 10 * time.Second
)

// Look says what a deployment lacks, as aws.Calls.Look does, and keeps what is to be seen of it. Its error is a Failure
// when the deployment has failed.
func (w *Watch) Look(ctx context.Context, c *aws.Calls, f *aws.Follow) (string, error) {
	missing, err := c.Look(ctx, f)
	d := f.Last
	w.halted = f.Halted()
	switch {
	case d == nil:
	case d.Err() != nil:
		return missing, w.Judge(ctx, c, f.Cluster, f.Service, d)
	case err == nil && missing != "":
		if w.looks++; w.looks%every == 0 || d.Failed != w.failed {
			w.collect(ctx, c, f.Cluster, f.Service, d)
		}
	}
	return missing, err
}

// Judge reads what is left to read of a deployment that has failed, and returns it as a Failure; nil for one that has not.
func (w *Watch) Judge(ctx context.Context, c *aws.Calls, cluster, service string, d *aws.Deployment) error {
	err := d.Err()
	if err == nil {
		return nil
	}
	e := w.Gather(ctx, c, cluster, service, d)
	return &Failure{Err: err, Verdict: Judge(e), Evidence: e}
}

// Suspect is why a deployment that was waited for in vain does not get on; nil when none of its tasks has failed. Err is
// how the wait ended.
func (w *Watch) Suspect(ctx context.Context, c *aws.Calls, f *aws.Follow, err error) *Failure {
	if f == nil || f.Last == nil || f.Last.Failed == 0 {
		return nil
	}
	e := w.Gather(ctx, c, f.Cluster, f.Service, f.Last)
	return &Failure{Err: err, Verdict: Judge(e), Evidence: e}
}

// Gather is all that was seen, and is still to be seen, of a deployment that fails or has failed.
func (w *Watch) Gather(ctx context.Context, c *aws.Calls, cluster, service string, d *aws.Deployment) *Evidence {
	ctx, cancel := context.WithTimeout(ctx, gathering)
	defer cancel()
	w.collect(ctx, c, cluster, service, d)
	w.unread(together(func() error { return w.checks(ctx, c) }, func() error { return w.logs(ctx, c) }))
	e := &w.evidence
	e.Foreign, e.halted = w.Foreign, w.halted
	slices.SortStableFunc(e.Tasks, func(a, b TaskSeen) int {
		if n := val(b.CreatedAt).Compare(val(a.CreatedAt)); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	return e
}

// begin forgets what was seen of another deployment.
func (w *Watch) begin(cluster, service string, d *aws.Deployment) {
	if of := d.ARN + d.TaskDefinition + d.Created.String(); w.of != of {
		*w = Watch{Foreign: w.Foreign, halted: w.halted, of: of, looks: w.looks, known: map[string]bool{}}
		w.evidence = Evidence{
			Service: short(service), Cluster: short(cluster), TaskDefinition: short(d.TaskDefinition),
			Containers: []ContainerSeen{}, Tasks: []TaskSeen{}, Targets: []TargetSeen{}, Checks: []CheckSeen{}, Events: []EventStatus{}, Logs: []LogSeen{},
		}
	}
	w.failed = d.Failed
	w.evidence.Deployment = DeploymentSeen{
		ARN: d.ARN, Status: string(d.Status), Reason: d.Reason, Failed: d.Failed, Threshold: d.Threshold, Alarms: d.Alarms,
		CreatedAt: moment(d.Created), FinishedAt: moment(d.Finished),
	}
}

// define keeps what matters of the task definition.
func (w *Watch) define(d *types.TaskDefinition) {
	w.defined = d
	e := &w.evidence
	e.words = redactionOf(d)
	e.ExecutionRole, e.Memory, e.Disk, e.Architecture = val(d.ExecutionRoleArn), val(d.Memory), 20, string(types.CPUArchitectureX8664)
	if d.EphemeralStorage != nil {
		e.Disk = d.EphemeralStorage.SizeInGiB
	}
	if p := d.RuntimePlatform; p != nil && p.CpuArchitecture != "" {
		e.Architecture = string(p.CpuArchitecture)
	}
	e.Containers = nil
	for _, c := range d.ContainerDefinitions {
		seen := ContainerSeen{Name: val(c.Name), Image: val(c.Image), Essential: c.Essential == nil || *c.Essential, Memory: val(c.Memory)}
		for _, p := range c.PortMappings[:min(1, len(c.PortMappings))] {
			seen.Port = val(p.ContainerPort)
		}
		if c.HealthCheck != nil {
			for _, word := range c.HealthCheck.Command {
				seen.HealthCheck = append(seen.HealthCheck, e.words.text(word))
			}
		}
		if l := c.LogConfiguration; l != nil && l.LogDriver == types.LogDriverAwslogs {
			seen.LogGroup, seen.prefix = l.Options["awslogs-group"], l.Options["awslogs-stream-prefix"]
		}
		for _, s := range c.Secrets {
			if seen.Secrets == nil {
				seen.Secrets = map[string]string{}
			}
			seen.Secrets[val(s.Name)] = val(s.ValueFrom)
		}
		e.Containers = append(e.Containers, seen)
	}
}

// place keeps where the tasks run and are registered, and which container the release is about.
func (w *Watch) place(groups []types.LoadBalancer, network *types.NetworkConfiguration) {
	e := &w.evidence
	w.groups = groups
	if network != nil && network.AwsvpcConfiguration != nil {
		w.network = network.AwsvpcConfiguration
		e.Subnets = w.network.Subnets
	}
	for _, lb := range groups {
		e.Container = val(lb.ContainerName)
	}
	for _, c := range e.Containers {
		if e.Container == "" && c.Essential {
			e.Container = c.Name
		}
	}
	e.Image = e.definition(e.Container).Image
}

// live keeps what the service tells: its events since the deployment began, and which of its deployments this one is.
func (w *Watch) live(sv *types.Service) {
	e := &w.evidence
	e.Grace = val(sv.HealthCheckGracePeriodSeconds)
	began := val(e.Deployment.CreatedAt)
	for _, d := range sv.Deployments {
		if off := val(d.CreatedAt).Sub(began).Abs(); short(val(d.TaskDefinition)) == e.TaskDefinition && off < slack && (w.starter == "" || off < w.off) {
			w.starter, w.off = val(d.Id), off
		}
	}
	for _, ev := range sv.Events {
		seen := EventStatus{val(ev.CreatedAt), e.words.text(val(ev.Message))}
		if !seen.CreatedAt.Before(began) && !slices.Contains(e.Events, seen) {
			e.Events = append(e.Events, seen)
		}
	}
	slices.SortStableFunc(e.Events, func(a, b EventStatus) int { return b.CreatedAt.Compare(a.CreatedAt) })
}

// slack is by how much the clocks of ECS's parts may differ.
const slack = 2 * time.Second

// mine says whether a task is one of the deployment's: started by it, where that is known. A restart, and what is gone
// back to for it, has the task definition of the deployment before: then what else there is to tell is the time.
func (w *Watch) mine(t types.Task) bool {
	e := &w.evidence
	if short(val(t.TaskDefinitionArn)) != e.TaskDefinition || val(t.CreatedAt).Before(val(e.Deployment.CreatedAt).Add(-slack)) {
		return false
	}
	by := val(t.StartedBy)
	return w.starter == "" || by == w.starter || !strings.HasPrefix(by, "ecs-svc/")
}

// task keeps a task as it is now, if it is one of the deployment's.
func (w *Watch) task(t types.Task) {
	e := &w.evidence
	others := !w.mine(t)
	if w.known[short(val(t.TaskArn))] = others || val(t.LastStatus) == "STOPPED"; others {
		return
	}
	seen := TaskSeen{
		ID: short(val(t.TaskArn)), LastStatus: val(t.LastStatus), StopCode: string(t.StopCode), StoppedReason: e.words.text(val(t.StoppedReason)),
		Zone: val(t.AvailabilityZone), PrivateIP: aws.PrivateIP(t), Capacity: val(t.CapacityProviderName), Health: string(t.HealthStatus),
		CreatedAt: t.CreatedAt, StartedAt: t.StartedAt, StoppedAt: t.StoppingAt, Containers: []Ended{},
	}
	for _, at := range []*time.Time{t.ExecutionStoppedAt, t.StoppedAt} {
		if seen.StoppedAt == nil {
			seen.StoppedAt = at
		}
	}
	for _, c := range t.Containers {
		seen.Containers = append(seen.Containers, Ended{val(c.Name), c.ExitCode, e.words.text(val(c.Reason)), string(c.HealthStatus)})
	}
	if t.HealthStatus == types.HealthStatusHealthy {
		seen.HealthyAt = new(time.Now())
	}
	i := slices.IndexFunc(e.Tasks, func(o TaskSeen) bool { return o.ID == seen.ID })
	if i < 0 {
		e.Tasks = append(e.Tasks, seen)
		return
	}
	if before := e.Tasks[i]; before.HealthyAt != nil {
		seen.HealthyAt = before.HealthyAt
	}
	e.Tasks[i] = seen
}

// target keeps why a target of a task is unhealthy, and when it was first seen healthy.
func (w *Watch) target(d elbtypes.TargetHealthDescription) {
	e := &w.evidence
	if d.Target == nil || d.TargetHealth == nil {
		return
	}
	ip, now := val(d.Target.Id), time.Now()
	i := slices.IndexFunc(e.Tasks, func(t TaskSeen) bool { return t.PrivateIP == ip })
	if i < 0 {
		return
	}
	switch d.TargetHealth.State {
	case elbtypes.TargetHealthStateEnumHealthy:
		if e.Tasks[i].HealthyAt == nil {
			e.Tasks[i].HealthyAt = &now
		}
	case elbtypes.TargetHealthStateEnumUnhealthy:
		e.Targets = slices.DeleteFunc(e.Targets, func(t TargetSeen) bool { return t.ID == ip && t.Port == val(d.Target.Port) })
		e.Targets = append(e.Targets, TargetSeen{ip, val(d.Target.Port), string(d.TargetHealth.Reason), val(d.TargetHealth.Description), now})
	default: // on its way in or out
	}
}
