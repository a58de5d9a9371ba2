package release

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/fargatectl/fargatectl/aws"
)

func (s *Service) deployment(ctx context.Context) (*DeploymentStatus, error) {
	d, err := s.Calls.ECS.LatestDeployment(ctx, s.Cluster, s.Name)
	if err != nil || d == nil {
		return nil, err
	}
	st := &DeploymentStatus{
		Status: string(d.Status), Stage: d.Stage, Reason: d.Reason, Progress: d.Missing(), TaskDefinition: short(d.TaskDefinition), ARN: d.ARN, seen: d,
		DesiredCount: d.Desired, RunningCount: d.Running, PendingCount: d.Pending, FailedTasks: d.Failed, CreatedAt: moment(d.Created), FinishedAt: moment(d.Finished),
	}
	if d.Failed > 0 || d.Err() != nil {
		st.LastFailure, err = s.Calls.ECS.WhyStopped(ctx, s.Cluster, s.Name, d.TaskDefinition, d.Created)
	}
	return st, err
}

// tasks are the service's that are to run, oldest first. AWS describes 100 at a time.
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
	sort.Slice(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return cmp.Or(val(a.CreatedAt).Compare(val(b.CreatedAt)), cmp.Compare(a.ID, b.ID)) < 0
	})
	return all, nil
}

func task(t types.Task) TaskStatus {
	st := TaskStatus{
		ID: short(val(t.TaskArn)), LastStatus: val(t.LastStatus), DesiredStatus: val(t.DesiredStatus), HealthStatus: string(t.HealthStatus),
		AvailabilityZone: val(t.AvailabilityZone), TaskDefinition: short(val(t.TaskDefinitionArn)), CreatedAt: t.CreatedAt, StartedAt: t.StartedAt,
		StoppedReason: val(t.StoppedReason), PrivateIP: aws.PrivateIP(t), Containers: []ContainerStatus{},
	}
	for _, c := range t.Containers {
		st.Containers = append(st.Containers, ContainerStatus{val(c.Name), val(c.LastStatus), string(c.HealthStatus), c.ExitCode, val(c.Reason)})
		for _, a := range c.ManagedAgents {
			if a.Name == types.ManagedAgentNameExecuteCommandAgent {
				st.ExecAgent = cmp.Or(st.ExecAgent, val(a.LastStatus))
			}
		}
	}
	return st
}

// targets are those of all target groups that the service registers in, all groups asked at once.
func (s *Service) targets(ctx context.Context) ([]TargetStatus, error) {
	groups := s.groups()
	found, reads := make([][]TargetStatus, len(groups)), make([]func() error, len(groups))
	for i, arn := range groups {
		reads[i] = func() (err error) { found[i], err = s.targetsOf(ctx, arn); return err }
	}
	if err := together(reads...); err != nil {
		return nil, err
	}
	all := append([]TargetStatus{}, slices.Concat(found...)...)
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	return all, nil
}

// groups are the ARNs of the service's target groups.
func (s *Service) groups() (arns []string) {
	for _, lb := range s.Live.LoadBalancers {
		if arn := val(lb.TargetGroupArn); arn != "" {
			arns = append(arns, arn)
		}
	}
	return arns
}

func (s *Service) targetsOf(ctx context.Context, group string) (all []TargetStatus, err error) {
	out, err := s.Calls.ELB.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &group})
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
	return all, nil
}
