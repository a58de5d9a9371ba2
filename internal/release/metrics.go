package release

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/fargatectl/fargatectl/aws"
)

// Minutes is how far back metrics are read.
const Minutes = 30

// Metrics are what a service has used and answered, a value a minute from Since on, oldest first; nil where CloudWatch
// has none. Those of the balancer are nil wholly for a service without one.
type Metrics struct {
	Since    time.Time  `json:"since"`
	CPU      []*float64 `json:"cpu_percent"`
	Memory   []*float64 `json:"memory_percent"`
	Requests []*float64 `json:"requests"` // a minute
	Errors   []*float64 `json:"errors_5xx"`
	P95      []*float64 `json:"p95_seconds"`
}

// A Meter reads metrics by one GetMetricData a minute at most, which AWS charges for by the metric. What was denied once
// is not asked for again.
type Meter struct {
	last     *Metrics
	asked    time.Time // the minute in which it last did
	note     string
	given    bool   // what can't be read was denied
	balancer string // "app/NAME/ID" of the service's first target group, known once asked
	group    string
}

// read returns what is newest, or a note on why there is nothing. A nil meter reads nothing.
func (m *Meter) read(ctx context.Context, s *Service) (*Metrics, string, error) {
	if m == nil {
		return nil, "", nil
	}
	minute := time.Now().UTC().Truncate(time.Minute)
	if m.given || m.asked.Equal(minute) {
		return m.last, m.note, nil
	}
	m.asked = minute
	got, err := m.ask(ctx, s, minute)
	if err != nil {
		if m.note, err = unreadable("metrics", err); err != nil {
			return nil, "", err
		}
		m.given, m.last = true, nil
		return nil, m.note, nil
	}
	m.last = got
	return got, "", nil
}

// front finds the balancer of the first target group: ELB's metrics are by balancer.
func (m *Meter) front(ctx context.Context, s *Service) error {
	groups := s.groups()
	if len(groups) == 0 || m.group != "" {
		return nil
	}
	out, err := s.Calls.ELB.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: groups[:1]})
	if err != nil {
		return err
	}
	for _, g := range out.TargetGroups {
		for _, arn := range g.LoadBalancerArns {
			if _, m.balancer, _ = strings.Cut(arn, ":loadbalancer/"); m.balancer != "" {
				m.group = groups[0][strings.LastIndexByte(groups[0], ':')+1:]
				return nil
			}
		}
	}
	return nil
}

func (m *Meter) ask(ctx context.Context, s *Service, end time.Time) (*Metrics, error) {
	if err := m.front(ctx, s); err != nil {
		return nil, err
	}
	got := &Metrics{Since: end.Add(-Minutes * time.Minute)}
	into := map[string]*[]*float64{}
	in := &cloudwatch.GetMetricDataInput{StartTime: &got.Since, EndTime: &end, ScanBy: types.ScanByTimestampAscending}
	add := func(id, namespace, name, stat string, to *[]*float64, dimensions ...types.Dimension) {
		*to, into[id] = make([]*float64, Minutes), to
		in.MetricDataQueries = append(in.MetricDataQueries, types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: &namespace, MetricName: &name, Dimensions: dimensions}, Stat: &stat, Period: new(int32(60)),
		}})
	}
	of := []types.Dimension{{Name: new("ClusterName"), Value: new(short(s.Cluster))}, {Name: new("ServiceName"), Value: &s.Name}}
	add("cpu", "AWS/ECS", "CPUUtilization", "Average", &got.CPU, of...)
	add("memory", "AWS/ECS", "MemoryUtilization", "Average", &got.Memory, of...)
	if m.group != "" {
		of = []types.Dimension{{Name: new("TargetGroup"), Value: &m.group}, {Name: new("LoadBalancer"), Value: &m.balancer}}
		add("requests", "AWS/ApplicationELB", "RequestCount", "Sum", &got.Requests, of...)
		add("errors", "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum", &got.Errors, of...)
		add("p95", "AWS/ApplicationELB", "TargetResponseTime", "p95", &got.P95, of...)
	}
	out, err := s.Calls.CloudWatch.GetMetricData(ctx, in, aws.QuickCloudWatch)
	if err != nil {
		return nil, err
	}
	for _, r := range out.MetricDataResults {
		to := into[val(r.Id)]
		for i := range min(len(r.Timestamps), len(r.Values)) {
			if at := int(r.Timestamps[i].Sub(got.Since) / time.Minute); to != nil && at >= 0 && at < Minutes {
				(*to)[at] = &r.Values[i]
			}
		}
	}
	for i, n := range got.Requests { // ELB reports errors where there are any (user guide, "Reporting criteria")
		if n != nil && got.Errors[i] == nil {
			got.Errors[i] = new(0.0)
		}
	}
	return got, nil
}
