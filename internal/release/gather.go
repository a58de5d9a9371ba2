package release

import (
	"context"
	"fmt"
	"slices"
	"time"

	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/fargatectl/fargatectl/aws"
)

// The reads about a deployment. What can't be read is noted in the evidence, and is no failure: less of it is better
// than none. Reads that run beside each other keep nothing; what they have read is kept when all of them have ended.

// collect reads what is gone soon: tasks, targets and events.
func (w *Watch) collect(ctx context.Context, c *aws.Calls, cluster, service string, d *aws.Deployment) {
	ctx, cancel := context.WithTimeout(ctx, collecting)
	defer cancel()
	w.begin(cluster, service, d)
	var (
		stopped, running []types.Task
		sv               *types.Service
		defined          *types.TaskDefinition
		revision         types.ServiceRevision
	)
	reads := []func() error{
		func() (err error) {
			stopped, err = w.tasksOf(ctx, c, cluster, service, types.DesiredStatusStopped)
			return err
		},
		func() (err error) {
			running, err = w.tasksOf(ctx, c, cluster, service, types.DesiredStatusRunning)
			return err
		},
		func() (err error) {
			sv, err = (&Service{Calls: c, Cluster: cluster, Name: service}).find(ctx)
			return err
		},
	}
	if w.defined == nil {
		reads = append(reads,
			func() (err error) { defined, _, err = (&Service{Calls: c}).describe(ctx, d.TaskDefinition); return err },
			func() (err error) { revision, err = revisionOf(ctx, c, d.Revision); return err })
	}
	w.unread(together(reads...))
	if defined != nil {
		w.define(defined)
		if revision.LoadBalancers == nil && revision.NetworkConfiguration == nil && sv != nil { // an endpoint without revisions
			revision.LoadBalancers, revision.NetworkConfiguration = sv.LoadBalancers, sv.NetworkConfiguration
		}
		w.place(revision.LoadBalancers, revision.NetworkConfiguration)
	}
	if sv != nil {
		w.live(sv)
	}
	for _, t := range append(running, stopped...) {
		w.task(t)
	}
	w.health(ctx, c)
}

func revisionOf(ctx context.Context, c *aws.Calls, arn string) (types.ServiceRevision, error) {
	if arn == "" {
		return types.ServiceRevision{}, nil
	}
	out, err := c.ECS.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{arn}})
	if err != nil || len(out.ServiceRevisions) == 0 {
		return types.ServiceRevision{}, err
	}
	return out.ServiceRevisions[0], nil
}

// tasksOf are a service's tasks of one desired status that may have news. AWS lists them 100 at a time in no order, and
// those that stopped for another hour: a service that fails for long has many.
func (w *Watch) tasksOf(ctx context.Context, c *aws.Calls, cluster, service string, desired types.DesiredStatus) (all []types.Task, err error) {
	in := &ecs.ListTasksInput{Cluster: &cluster, ServiceName: new(short(service)), DesiredStatus: desired}
	for range 10 {
		list, err := c.ECS.ListTasks(ctx, in)
		if err != nil {
			return all, err
		}
		if news := slices.DeleteFunc(list.TaskArns, func(arn string) bool { return w.known[short(arn)] }); len(news) > 0 {
			out, err := c.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: news})
			if err != nil {
				return all, err
			}
			all = append(all, out.Tasks...)
		}
		if in.NextToken = list.NextToken; in.NextToken == nil {
			break
		}
	}
	return all, nil
}

// unread notes what could not be read, once.
func (w *Watch) unread(err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range many.Unwrap() {
			w.unread(err)
		}
		return
	}
	if err == nil {
		return
	}
	if text := w.evidence.words.text(aws.Brief(err)); !slices.Contains(w.evidence.Unread, text) {
		w.evidence.Unread = append(w.evidence.Unread, text)
	}
}

// health reads the health of the targets.
func (w *Watch) health(ctx context.Context, c *aws.Calls) {
	out := make([]*elb.DescribeTargetHealthOutput, len(w.groups))
	var reads []func() error
	for i, lb := range w.groups {
		if lb.TargetGroupArn != nil {
			reads = append(reads, func() (err error) {
				out[i], err = c.ELB.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: lb.TargetGroupArn})
				return err
			})
		}
	}
	w.unread(together(reads...))
	for _, o := range out {
		if o == nil {
			continue
		}
		for _, d := range o.TargetHealthDescriptions {
			w.target(d)
		}
	}
}

// checks reads how the targets are checked, and whether the tasks let their balancer in.
func (w *Watch) checks(ctx context.Context, c *aws.Calls) error {
	var arns []string
	for _, lb := range w.groups {
		if arn := val(lb.TargetGroupArn); arn != "" {
			arns = append(arns, arn)
		}
	}
	if len(arns) == 0 {
		return nil
	}
	out, err := c.ELB.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: arns})
	if err != nil {
		return err
	}
	w.evidence.Checks = []CheckSeen{}
	for _, g := range out.TargetGroups {
		w.evidence.Checks = append(w.evidence.Checks, w.check(g))
	}
	return w.doors(ctx, c)
}

func (w *Watch) check(g elbtypes.TargetGroup) CheckSeen {
	seen := CheckSeen{
		TargetGroup: val(g.TargetGroupName), Protocol: string(g.HealthCheckProtocol), CheckPort: val(g.HealthCheckPort), Path: val(g.HealthCheckPath),
		Interval: val(g.HealthCheckIntervalSeconds), Timeout: val(g.HealthCheckTimeoutSeconds), Unhealthy: val(g.UnhealthyThresholdCount),
		balancers: g.LoadBalancerArns,
	}
	if g.Matcher != nil {
		seen.Matcher = val(g.Matcher.HttpCode) + val(g.Matcher.GrpcCode)
	}
	for _, lb := range w.groups {
		if val(lb.TargetGroupArn) == val(g.TargetGroupArn) {
			seen.Container, seen.Port = val(lb.ContainerName), val(lb.ContainerPort)
		}
	}
	return seen
}

// doors reads the security groups of the tasks and of their balancers.
func (w *Watch) doors(ctx context.Context, c *aws.Calls) error {
	for i := range w.evidence.Checks {
		k := &w.evidence.Checks[i]
		if w.network == nil || len(w.network.SecurityGroups) == 0 || len(k.balancers) == 0 {
			continue
		}
		var (
			balancers *elb.DescribeLoadBalancersOutput
			groups    *ec2.DescribeSecurityGroupsOutput
		)
		err := together(
			func() (err error) {
				balancers, err = c.ELB.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: k.balancers})
				return err
			}, func() (err error) {
				groups, err = c.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: w.network.SecurityGroups})
				return err
			})
		if err != nil {
			return err
		}
		k.Tasks = w.network.SecurityGroups
		for _, lb := range balancers.LoadBalancers {
			k.Balancer = append(k.Balancer, lb.SecurityGroups...)
		}
		k.Blocked = len(k.Balancer) > 0 && len(groups.SecurityGroups) > 0 && !slices.ContainsFunc(groups.SecurityGroups, func(g ec2types.SecurityGroup) bool {
			return slices.ContainsFunc(g.IpPermissions, func(p ec2types.IpPermission) bool { return admits(p, k.port(), k.Balancer) })
		})
	}
	return nil
}

// admits says whether a rule may let the balancer's groups in on a port. One about addresses is taken to: what matters
// is to be sure when the answer is no.
func admits(p ec2types.IpPermission, port int32, balancer []string) bool {
	protocol := val(p.IpProtocol)
	if protocol != "-1" && (protocol != "tcp" && protocol != "6" || port < val(p.FromPort) || port > val(p.ToPort)) {
		return false
	}
	return len(p.IpRanges)+len(p.Ipv6Ranges)+len(p.PrefixListIds) > 0 ||
		slices.ContainsFunc(p.UserIdGroupPairs, func(g ec2types.UserIdGroupPair) bool { return slices.Contains(balancer, val(g.GroupId)) })
}

// logs reads the end of what the containers of the tasks that failed have logged: of the newest of each kind, of three
// kinds at most. A container that never started has no stream.
func (w *Watch) logs(ctx context.Context, c *aws.Calls) error {
	e := &w.evidence
	e.Logs = []LogSeen{}
	slices.SortStableFunc(e.Tasks, func(a, b TaskSeen) int { return val(b.CreatedAt).Compare(val(a.CreatedAt)) })
	tasks := e.groups()
	if len(e.failed()) == 0 && len(e.Tasks) > 0 {
		tasks = [][]TaskSeen{e.Tasks}
	}
	var reads []func() error
	var all []LogSeen
	for _, group := range tasks[:min(3, len(tasks))] {
		for _, d := range e.Containers {
			if d.LogGroup == "" || group[0].ID == "" {
				continue
			}
			stream := fmt.Sprintf("%s/%s/%s", d.prefix, d.Name, group[0].ID)
			i := len(all)
			all = append(all, LogSeen{Container: d.Name, Task: group[0].ID, Stream: stream})
			reads = append(reads, func() (err error) {
				all[i].Lines, err = tail(ctx, c, d.LogGroup, stream)
				return err
			})
		}
	}
	err := together(reads...)
	for _, l := range all {
		if len(l.Lines) > 0 {
			l.Lines = e.words.logged(l.Lines)
			e.Logs = append(e.Logs, l)
		}
	}
	return err
}

// tail is the end of a stream.
func tail(ctx context.Context, c *aws.Calls, group, stream string) (lines []LogLine, err error) {
	out, err := c.Logs.GetLogEvents(ctx, &logs.GetLogEventsInput{
		LogGroupName: &group, LogStreamName: &stream, Limit: new(int32(LogLines)), StartFromHead: new(false),
	})
	if err != nil {
		return nil, aws.Ignore(err, "ResourceNotFoundException")
	}
	for _, ev := range out.Events {
		lines = append(lines, LogLine{time.UnixMilli(val(ev.Timestamp)).UTC(), val(ev.Message)})
	}
	return lines[max(0, len(lines)-LogLines):], nil
}
