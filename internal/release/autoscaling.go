package release

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/schedule"
)

// A ScalingStatus is what Application Auto Scaling does with a service, and what it has done.
type ScalingStatus struct {
	MinCapacity int32            `json:"min_capacity"`
	MaxCapacity int32            `json:"max_capacity"`
	Note        string           `json:"note,omitempty"` // what scale has set
	Suspended   []string         `json:"suspended"`      // of "scale_in", "scale_out" and "schedules"
	Policies    []PolicyStatus   `json:"policies"`
	Schedules   []ScheduleStatus `json:"schedules"`
	Activities  []ActivityStatus `json:"activities"` // newest first
}

// PolicyStatus is a scaling policy.
type PolicyStatus struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"` // "TargetTrackingScaling", "StepScaling", …
	Metric string   `json:"metric,omitempty"`
	Target float64  `json:"target,omitempty"` // of the metric; 0 of a policy that tracks none
	Alarms []string `json:"alarms"`           // that make it act
}

// ScheduleStatus is a scheduled action.
type ScheduleStatus struct {
	Name        string     `json:"name"`
	Schedule    string     `json:"schedule"`
	Timezone    string     `json:"timezone,omitempty"`
	MinCapacity *int32     `json:"min_capacity,omitempty"`
	MaxCapacity *int32     `json:"max_capacity,omitempty"`
	Next        *time.Time `json:"next"` // nil when it never comes again
}

// ActivityStatus is something that autoscaling has done, or tried to do.
type ActivityStatus struct {
	StartedAt   time.Time `json:"started_at"`
	Status      string    `json:"status"`
	Description string    `json:"description"`
	Cause       string    `json:"cause"`
	Message     string    `json:"message,omitempty"` // of one that was not successful
}

// Range is between what autoscaling chooses.
func (s *ScalingStatus) Range() Range { return Range{s.MinCapacity, s.MaxCapacity} }

// scalable is the service's id in Application Auto Scaling.
func (s *Service) scalable() string { return "service/" + short(s.Cluster) + "/" + s.Name }

// Scaling reads the service's scalable target, its policies, its schedules and its last activities, at most n, in one
// round; nil when nothing scales the service.
func (s *Service) Scaling(ctx context.Context, n int) (*ScalingStatus, error) {
	st := &ScalingStatus{Suspended: []string{}, Policies: []PolicyStatus{}, Schedules: []ScheduleStatus{}, Activities: []ActivityStatus{}}
	var found bool
	err := together(
		func() (err error) { found, err = s.target(ctx, st); return err },
		func() error { return s.policies(ctx, st) },
		func() error { return s.schedules(ctx, st) },
		func() error { return s.activities(ctx, st, n) })
	if err != nil || !found {
		return nil, err
	}
	return st, nil
}

func (s *Service) target(ctx context.Context, st *ScalingStatus) (bool, error) {
	out, err := s.Calls.Scaling.DescribeScalableTargets(ctx, &applicationautoscaling.DescribeScalableTargetsInput{
		ServiceNamespace: scaling.ServiceNamespaceEcs, ScalableDimension: scaling.ScalableDimensionECSServiceDesiredCount, ResourceIds: []string{s.scalable()},
	})
	if err != nil || len(out.ScalableTargets) == 0 {
		return false, err
	}
	t := out.ScalableTargets[0]
	st.MinCapacity, st.MaxCapacity = val(t.MinCapacity), val(t.MaxCapacity)
	is := val(t.SuspendedState)
	for _, k := range []struct {
		name string
		on   *bool
	}{{"scale_in", is.DynamicScalingInSuspended}, {"scale_out", is.DynamicScalingOutSuspended}, {"schedules", is.ScheduledScalingSuspended}} {
		if val(k.on) {
			st.Suspended = append(st.Suspended, k.name)
		}
	}
	return true, nil
}

func (s *Service) policies(ctx context.Context, st *ScalingStatus) error {
	in := &applicationautoscaling.DescribeScalingPoliciesInput{ServiceNamespace: scaling.ServiceNamespaceEcs, ResourceId: new(s.scalable())}
	for {
		page, err := s.Calls.Scaling.DescribeScalingPolicies(ctx, in)
		if err != nil {
			return err
		}
		for _, p := range page.ScalingPolicies {
			ps := PolicyStatus{Name: val(p.PolicyName), Type: string(p.PolicyType), Alarms: []string{}}
			if c := p.TargetTrackingScalingPolicyConfiguration; c != nil {
				ps.Target = val(c.TargetValue)
				switch {
				case c.PredefinedMetricSpecification != nil:
					ps.Metric = string(c.PredefinedMetricSpecification.PredefinedMetricType)
				case c.CustomizedMetricSpecification != nil:
					ps.Metric = val(c.CustomizedMetricSpecification.MetricName)
				}
			}
			for _, a := range p.Alarms {
				ps.Alarms = append(ps.Alarms, val(a.AlarmName))
			}
			st.Policies = append(st.Policies, ps)
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			sort.Slice(st.Policies, func(i, j int) bool { return st.Policies[i].Name < st.Policies[j].Name })
			return nil
		}
	}
}

func (s *Service) schedules(ctx context.Context, st *ScalingStatus) error {
	in := &applicationautoscaling.DescribeScheduledActionsInput{ServiceNamespace: scaling.ServiceNamespaceEcs, ResourceId: new(s.scalable())}
	for {
		page, err := s.Calls.Scaling.DescribeScheduledActions(ctx, in)
		if err != nil {
			return err
		}
		for _, a := range page.ScheduledActions {
			ss := ScheduleStatus{Name: val(a.ScheduledActionName), Schedule: val(a.Schedule), Timezone: val(a.Timezone), Next: next(a, time.Now())}
			if do := a.ScalableTargetAction; do != nil {
				ss.MinCapacity, ss.MaxCapacity = do.MinCapacity, do.MaxCapacity
			}
			st.Schedules = append(st.Schedules, ss)
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			sort.Slice(st.Schedules, func(i, j int) bool { return st.Schedules[i].Name < st.Schedules[j].Name })
			return nil
		}
	}
}

// next is when a scheduled action is due; nil when it never is again, or nobody here can tell.
func next(a scaling.ScheduledAction, now time.Time) *time.Time {
	start := val(cmp.Or(a.StartTime, a.CreationTime))
	after := now
	if start.After(now) {
		after = start.Add(-time.Nanosecond)
	}
	at, err := schedule.Next(val(a.Schedule), val(a.Timezone), start, after)
	if err != nil || at.IsZero() || a.EndTime != nil && at.After(*a.EndTime) {
		return nil
	}
	return new(at.UTC())
}

func (s *Service) activities(ctx context.Context, st *ScalingStatus, n int) error {
	if n == 0 {
		return nil
	}
	out, err := s.Calls.Scaling.DescribeScalingActivities(ctx, &applicationautoscaling.DescribeScalingActivitiesInput{
		ServiceNamespace: scaling.ServiceNamespaceEcs, ScalableDimension: scaling.ScalableDimensionECSServiceDesiredCount,
		ResourceId: new(s.scalable()), MaxResults: new(int32(n)),
	}, aws.QuickScaling)
	if aws.Lacks(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, a := range out.ScalingActivities[:min(n, len(out.ScalingActivities))] {
		as := ActivityStatus{StartedAt: val(a.StartTime), Status: string(a.StatusCode), Description: val(a.Description), Cause: val(a.Cause)}
		if a.StatusCode != scaling.ScalingActivityStatusCodeSuccessful {
			as.Message = val(a.StatusMessage)
		}
		st.Activities = append(st.Activities, as)
	}
	return nil
}

// units are the metrics that AWS names for a policy, as one says them.
var units = map[string]struct{ name, unit string }{
	"ECSServiceAverageCPUUtilization":    {"CPU", " %"},
	"ECSServiceAverageMemoryUtilization": {"memory", " %"},
	"ALBRequestCountPerTarget":           {"requests a minute of each task", ""},
}

// Text says what a policy does: "app-cpu keeps CPU at 70 %".
func (p PolicyStatus) Text() string {
	if p.Target == 0 {
		return fmt.Sprintf("%s moves the count by its alarms (%s)", p.Name, p.Type)
	}
	u, ok := units[p.Metric]
	if !ok {
		u.name = p.Metric
	}
	return fmt.Sprintf("%s keeps %s at %g%s", p.Name, u.name, p.Target, u.unit)
}

// Text says what a schedule does, and when: "night sets 1 to 2 tasks at 2026-11-24 22:00 UTC".
func (s ScheduleStatus) Text() string {
	what := ""
	switch {
	case s.MinCapacity != nil && s.MaxCapacity != nil && *s.MinCapacity == *s.MaxCapacity:
		what = tasks(*s.MinCapacity)
	case s.MinCapacity != nil && s.MaxCapacity != nil:
		what = fmt.Sprintf("%d to %s", *s.MinCapacity, tasks(*s.MaxCapacity))
	case s.MinCapacity != nil:
		what = "at least " + tasks(*s.MinCapacity)
	case s.MaxCapacity != nil:
		what = "at most " + tasks(*s.MaxCapacity)
	}
	if s.Next == nil {
		return fmt.Sprintf("%s (%s) does not come again", s.Name, s.Schedule)
	}
	return fmt.Sprintf("%s sets %s at %s", s.Name, what, s.Next.UTC().Format("2006-01-02 15:04 UTC"))
}

// tasks is a number of tasks in words.
func tasks(n int32) string {
	if n == 1 {
		return "1 task"
	}
	return fmt.Sprintf("%d tasks", n)
}

// Outlook says who moves the count next, and where to, a line each: by the state of the policies' alarms, where that is
// known, and by the schedules.
func (s *ScalingStatus) Outlook(desired int32, alarms []AlarmStatus) (lines []string) {
	for _, p := range s.Policies {
		lines = append(lines, p.Text()+s.moves(p, desired, alarms))
	}
	for _, a := range s.Schedules {
		text := a.Text()
		if slices.Contains(s.Suspended, "schedules") {
			text += ", but is suspended"
		} else if a.Next != nil {
			if to := min(max(desired, or(a.MinCapacity, s.MinCapacity)), or(a.MaxCapacity, s.MaxCapacity)); to != desired {
				text += ": " + tasks(to) + " then"
			}
		}
		lines = append(lines, text)
	}
	return lines
}

// moves is what a policy is about to do.
func (s *ScalingStatus) moves(p PolicyStatus, desired int32, alarms []AlarmStatus) string {
	in, out := slices.Contains(s.Suspended, "scale_in"), slices.Contains(s.Suspended, "scale_out")
	if in && out {
		return ", but is suspended"
	}
	known, text := false, ""
	for _, a := range alarms {
		if !slices.Contains(p.Alarms, a.Name) || p.Target == 0 {
			continue
		}
		known = known || a.State == "OK" || a.State == "ALARM"
		switch high := strings.Contains(a.Name, "-AlarmHigh-"); {
		case a.State != "ALARM":
		case high && out:
			text = ": above it now, but adding tasks is suspended"
		case high && desired < s.MaxCapacity:
			text = fmt.Sprintf(": above it now, so tasks are added, up to %d", s.MaxCapacity)
		case high:
			text = fmt.Sprintf(": above it now, and there are as many tasks as there may be (%d)", s.MaxCapacity)
		case in:
			text = ": well below it now, but taking tasks away is suspended"
		case desired > s.MinCapacity:
			text = fmt.Sprintf(": well below it now, so tasks are taken away, down to %d", s.MinCapacity)
		default:
			text = fmt.Sprintf(": well below it now, with as few tasks as there may be (%d)", s.MinCapacity)
		}
	}
	if text == "" && known {
		return ": nothing to do now"
	}
	return text
}

func or[T any](p *T, def T) T {
	if p != nil {
		return *p
	}
	return def
}
