package sandbox

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// cloudwatchState is what CloudWatch holds in one region: alarms by name, and the metrics that clients have put. The
// metrics of AWS's own services are worked out when they are read (cloudwatch_ecs.go).
type cloudwatchState struct {
	Alarms  map[string]*metricAlarm
	Metrics map[string]*series // by metricKey
}

// metricAlarm is one with its state.
type metricAlarm struct {
	types.MetricAlarm
	Tags  map[string]string
	Until time.Time // SetAlarmState has set its state: it is not evaluated before
}

type cloudwatchService struct{ *Sandbox }

func newCloudWatch(s *Sandbox) *cloudwatchService { return &cloudwatchService{s} }

// alarm finds one that must be there.
func (s *cloudwatchService) alarm(ctx context.Context, name *string) (*metricAlarm, error) {
	if a := s.region(ctx).CloudWatch.Alarms[val(name)]; a != nil {
		return a, nil
	}
	return nil, fail("ResourceNotFound", "Unknown")
}

// alarmState is what an alarm says now; false where there is none.
func (s *Sandbox) alarmState(r *Region, name string) (types.StateValue, bool) {
	a := r.CloudWatch.Alarms[name]
	if a == nil {
		return "", false
	}
	s.evaluate(r, a)
	return a.StateValue, true
}

// DescribeAlarms lists metric alarms; the sandbox has no others.
func (s *cloudwatchService) DescribeAlarms(ctx context.Context, in *cloudwatch.DescribeAlarmsInput) (*cloudwatch.DescribeAlarmsOutput, error) {
	switch {
	case in.AlarmNamePrefix != nil && len(in.AlarmNames) > 0:
		return nil, fail("InvalidParameterCombination", "AlarmNamePrefix and AlarmNames can't be specified together")
	case len(in.AlarmNames) > 100:
		return nil, fail("ValidationError", "AlarmNames must have length less than or equal to 100")
	case in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil:
		return nil, fail("NotImplemented", "the sandbox has no composite alarms")
	}
	out, r := &cloudwatch.DescribeAlarmsOutput{}, s.region(ctx)
	if len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, types.AlarmTypeMetricAlarm) {
		return out, nil
	}
	for name, a := range sorted(r.CloudWatch.Alarms) {
		s.evaluate(r, a)
		actions := slices.Concat(a.AlarmActions, a.OKActions, a.InsufficientDataActions)
		if strings.HasPrefix(name, val(in.AlarmNamePrefix)) && (len(in.AlarmNames) == 0 || slices.Contains(in.AlarmNames, name)) &&
			(in.StateValue == "" || in.StateValue == a.StateValue) &&
			(in.ActionPrefix == nil || slices.ContainsFunc(actions, func(arn string) bool { return strings.HasPrefix(arn, *in.ActionPrefix) })) {
			out.MetricAlarms = append(out.MetricAlarms, a.MetricAlarm)
		}
	}
	limit := in.MaxRecords
	if limit == nil {
		limit = new(int32(50))
	}
	var err error
	if out.MetricAlarms, out.NextToken, err = page(out.MetricAlarms, in.NextToken, limit, 100); err != nil {
		return nil, fail("InvalidNextToken", "The next token specified is invalid.")
	}
	return out, nil
}

func (s *cloudwatchService) DescribeAlarmsForMetric(ctx context.Context, in *cloudwatch.DescribeAlarmsForMetricInput) (*cloudwatch.DescribeAlarmsForMetricOutput, error) {
	out, r := &cloudwatch.DescribeAlarmsForMetricOutput{}, s.region(ctx)
	key := metricKey(val(in.Namespace), val(in.MetricName), in.Dimensions)
	for _, a := range sorted(r.CloudWatch.Alarms) {
		if metricKey(val(a.Namespace), val(a.MetricName), a.Dimensions) != key || in.Statistic != "" && in.Statistic != a.Statistic ||
			in.ExtendedStatistic != nil && *in.ExtendedStatistic != val(a.ExtendedStatistic) || in.Period != nil && *in.Period != *a.Period ||
			in.Unit != "" && in.Unit != a.Unit {
			continue
		}
		s.evaluate(r, a)
		out.MetricAlarms = append(out.MetricAlarms, a.MetricAlarm)
	}
	return out, nil
}

// SetAlarmState sets a state for a test. AWS's evaluation takes it back "quickly, often within seconds"; here it stands
// for one period of the alarm, so that a rehearsal sees it.
func (s *cloudwatchService) SetAlarmState(ctx context.Context, in *cloudwatch.SetAlarmStateInput) (*cloudwatch.SetAlarmStateOutput, error) {
	switch {
	case in.StateReason == nil:
		return nil, fail("MissingParameter", "The parameter StateReason is required.")
	case !slices.Contains(in.StateValue.Values(), in.StateValue):
		return nil, fail("ValidationError", "1 validation error detected: Value '%s' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]", in.StateValue)
	}
	a, err := s.alarm(ctx, in.AlarmName)
	if err != nil {
		return nil, err
	}
	a.turn(in.StateValue, *in.StateReason, s.clock)
	a.StateReasonData, a.Until = in.StateReasonData, s.clock.Add(time.Duration(*a.Period)*time.Second)
	return &cloudwatch.SetAlarmStateOutput{}, nil
}

// turn gives an alarm a state.
func (a *metricAlarm) turn(to types.StateValue, reason string, at time.Time) {
	if a.StateValue != to {
		a.StateTransitionedTimestamp = &at
	}
	a.StateValue, a.StateReason, a.StateReasonData, a.StateUpdatedTimestamp = to, &reason, nil, &at
}

// DeleteAlarms takes no notice of names that are not there.
func (s *cloudwatchService) DeleteAlarms(ctx context.Context, in *cloudwatch.DeleteAlarmsInput) (*cloudwatch.DeleteAlarmsOutput, error) {
	if len(in.AlarmNames) > 100 {
		return nil, fail("ValidationError", "AlarmNames must have length less than or equal to 100")
	}
	for _, name := range in.AlarmNames {
		delete(s.region(ctx).CloudWatch.Alarms, name)
	}
	return &cloudwatch.DeleteAlarmsOutput{}, nil
}

func (s *cloudwatchService) EnableAlarmActions(ctx context.Context, in *cloudwatch.EnableAlarmActionsInput) (*cloudwatch.EnableAlarmActionsOutput, error) {
	s.actions(ctx, in.AlarmNames, true)
	return &cloudwatch.EnableAlarmActionsOutput{}, nil
}

func (s *cloudwatchService) DisableAlarmActions(ctx context.Context, in *cloudwatch.DisableAlarmActionsInput) (*cloudwatch.DisableAlarmActionsOutput, error) {
	s.actions(ctx, in.AlarmNames, false)
	return &cloudwatch.DisableAlarmActionsOutput{}, nil
}

func (s *cloudwatchService) actions(ctx context.Context, names []string, on bool) {
	for _, name := range names {
		if a := s.region(ctx).CloudWatch.Alarms[name]; a != nil {
			a.ActionsEnabled = &on
		}
	}
}

// tagged finds what has an ARN: alarms are all that can be tagged here.
func (s *cloudwatchService) tagged(ctx context.Context, arn *string) (*metricAlarm, error) {
	_, name, ok := strings.Cut(val(arn), ":alarm:")
	if a := s.region(ctx).CloudWatch.Alarms[name]; ok && a != nil && *a.AlarmArn == *arn {
		return a, nil
	}
	return nil, fail("ResourceNotFoundException", "The resource %s does not exist.", val(arn))
}

func (s *cloudwatchService) ListTagsForResource(ctx context.Context, in *cloudwatch.ListTagsForResourceInput) (*cloudwatch.ListTagsForResourceOutput, error) {
	a, err := s.tagged(ctx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	out := &cloudwatch.ListTagsForResourceOutput{}
	for k, v := range sorted(a.Tags) {
		out.Tags = append(out.Tags, types.Tag{Key: &k, Value: &v})
	}
	return out, nil
}

func (s *cloudwatchService) TagResource(ctx context.Context, in *cloudwatch.TagResourceInput) (*cloudwatch.TagResourceOutput, error) {
	a, err := s.tagged(ctx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	tags, err := alarmTags(in.Tags)
	if err == nil {
		a.Tags = merge(a.Tags, tags)
	}
	return &cloudwatch.TagResourceOutput{}, err
}

func (s *cloudwatchService) UntagResource(ctx context.Context, in *cloudwatch.UntagResourceInput) (*cloudwatch.UntagResourceOutput, error) {
	a, err := s.tagged(ctx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(a.Tags, k)
	}
	return &cloudwatch.UntagResourceOutput{}, nil
}

func alarmTags(list []types.Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, t := range list {
		if k := val(t.Key); k == "" || len(k) > 128 || strings.HasPrefix(k, "aws:") || len(val(t.Value)) > 256 {
			return nil, fail("InvalidParameterValue", "The tag '%s' is not valid", k)
		}
		tags[*t.Key] = val(t.Value)
	}
	if len(tags) > 50 {
		return nil, fail("InvalidParameterValue", "Too many tags: a resource can have 50")
	}
	return tags, nil
}
