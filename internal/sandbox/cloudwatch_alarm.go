package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// PutMetricAlarm makes an alarm on one metric, or changes all of it but its state and tags.
func (s *cloudwatchService) PutMetricAlarm(ctx context.Context, in *cloudwatch.PutMetricAlarmInput) (*cloudwatch.PutMetricAlarmOutput, error) {
	if err := checkAlarm(in); err != nil {
		return nil, err
	}
	tags, err := alarmTags(in.Tags)
	if err != nil {
		return nil, err
	}
	s.putAlarm(s.region(ctx), types.MetricAlarm{
		AlarmName: in.AlarmName, AlarmDescription: in.AlarmDescription, ActionsEnabled: new(or(in.ActionsEnabled, true)), ActionConfiguration: in.ActionConfiguration,
		AlarmActions: in.AlarmActions, OKActions: in.OKActions, InsufficientDataActions: in.InsufficientDataActions,
		Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions, Unit: in.Unit, Period: in.Period,
		Statistic: in.Statistic, ExtendedStatistic: in.ExtendedStatistic, EvaluateLowSampleCountPercentile: in.EvaluateLowSampleCountPercentile,
		ComparisonOperator: in.ComparisonOperator, Threshold: in.Threshold, EvaluationPeriods: in.EvaluationPeriods, DatapointsToAlarm: in.DatapointsToAlarm,
		TreatMissingData: in.TreatMissingData,
	}, tags)
	return &cloudwatch.PutMetricAlarmOutput{}, nil
}

// putAlarm keeps an alarm. A new one has INSUFFICIENT_DATA until it is evaluated.
func (s *Sandbox) putAlarm(r *Region, a types.MetricAlarm, tags map[string]string) {
	old := r.CloudWatch.Alarms[*a.AlarmName]
	a.AlarmArn = new(s.arn("cloudwatch", r.Name, "alarm:"+*a.AlarmName))
	a.AlarmConfigurationUpdatedTimestamp = new(s.clock)
	if old != nil {
		a.StateValue, a.StateReason, a.StateReasonData = old.StateValue, old.StateReason, old.StateReasonData
		a.StateUpdatedTimestamp, a.StateTransitionedTimestamp = old.StateUpdatedTimestamp, old.StateTransitionedTimestamp
		old.MetricAlarm = a
		return
	}
	made := &metricAlarm{MetricAlarm: a, Tags: tags}
	made.turn(types.StateValueInsufficientData, "Unchecked: Initial alarm creation", s.clock)
	put(&r.CloudWatch.Alarms, *a.AlarmName, made)
}

// checkAlarm holds a request to the API reference of PutMetricAlarm.
func checkAlarm(in *cloudwatch.PutMetricAlarmInput) error {
	name, period, periods := val(in.AlarmName), val(in.Period), val(in.EvaluationPeriods)
	switch {
	case name == "" || len(name) > 255 || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' }):
		return fail("ValidationError", "1 validation error detected: Value '%s' at 'alarmName' failed to satisfy constraint: Member must have length between 1 and 255", name)
	case len(in.Metrics) > 0, in.EvaluationCriteria != nil, in.ThresholdMetricId != nil, in.EvaluationWindow != nil, in.WarmUpConfiguration != nil:
		return fail("NotImplemented", "the sandbox has alarms on one metric with a threshold only: no Metrics, EvaluationCriteria, ThresholdMetricId, EvaluationWindow or WarmUpConfiguration")
	case in.MetricName == nil || in.Namespace == nil:
		return fail("ValidationError", "Either MetricName and Namespace, or a Metrics array must be specified")
	case in.ComparisonOperator == "" || strings.Contains(string(in.ComparisonOperator), "UpperThreshold") || strings.Contains(string(in.ComparisonOperator), "LowerThreshold"),
		!slices.Contains(in.ComparisonOperator.Values(), in.ComparisonOperator):
		return fail("ValidationError", "1 validation error detected: Value '%s' at 'comparisonOperator' failed to satisfy constraint", in.ComparisonOperator)
	case in.Threshold == nil:
		return fail("MissingParameter", "The parameter Threshold is required.")
	case (in.Statistic == "") == (in.ExtendedStatistic == nil):
		return fail("InvalidParameterCombination", "Exactly one of Statistic and ExtendedStatistic must be specified")
	case in.Statistic != "" && !slices.Contains(in.Statistic.Values(), in.Statistic):
		return fail("ValidationError", "1 validation error detected: Value '%s' at 'statistic' failed to satisfy constraint", in.Statistic)
	case in.ExtendedStatistic != nil && !knownStat(*in.ExtendedStatistic):
		return fail("NotImplemented", "the sandbox has no statistic %s", *in.ExtendedStatistic)
	case !slices.Contains([]int32{10, 20, 30}, period) && (period < 60 || period%60 != 0):
		return fail("ValidationError", "Period must be 10, 20, 30 or a multiple of 60")
	case periods < 1:
		return fail("ValidationError", "1 validation error detected: Value '%d' at 'evaluationPeriods' failed to satisfy constraint: Member must have value greater than or equal to 1", periods)
	case period < 3600 && int(period)*int(periods) > 86400, int(period)*int(periods) > 604800:
		return fail("ValidationError", "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)")
	case in.DatapointsToAlarm != nil && (*in.DatapointsToAlarm < 1 || *in.DatapointsToAlarm > periods):
		return fail("ValidationError", "DatapointsToAlarm must be less than or equal to EvaluationPeriods")
	case in.TreatMissingData != nil && !slices.Contains([]string{"breaching", "notBreaching", "ignore", "missing"}, *in.TreatMissingData):
		return fail("ValidationError", "Option %s is not supported for TreatMissingData parameter.", *in.TreatMissingData)
	}
	return nil
}

// evaluate looks at the alarm's last whole periods (user guide, "Evaluating an alarm"): it is in ALARM when as many of
// them breach as it takes. Of those that lack, breaching and notBreaching count as such, ignore keeps the state, and
// missing ones are left out, unless all are.
func (s *Sandbox) evaluate(r *Region, a *metricAlarm) {
	if s.clock.Before(a.Until) {
		return
	}
	period, n := time.Duration(*a.Period)*time.Second, int(*a.EvaluationPeriods)
	end := s.clock.Truncate(max(period, time.Minute))
	stat := string(a.Statistic)
	if a.ExtendedStatistic != nil {
		stat = *a.ExtendedStatistic
	}
	metric := types.Metric{Namespace: a.Namespace, MetricName: a.MetricName, Dimensions: a.Dimensions}
	points := s.points(r, metric, stat, a.Unit, max(period, time.Minute), end.Add(-time.Duration(n)*period), end)
	breach, need := 0, int(or(a.DatapointsToAlarm, *a.EvaluationPeriods))
	for _, p := range points {
		if breaches(a.ComparisonOperator, p.Value, *a.Threshold) {
			breach++
		}
	}
	missing, treat := n-len(points), or(a.TreatMissingData, "missing")
	if treat == "breaching" {
		breach += missing
	}
	var to types.StateValue
	reason := fmt.Sprintf("Threshold Crossed: %d of the last %d datapoints breach the threshold (%g).", breach, n, *a.Threshold)
	switch {
	case breach >= need:
		to = types.StateValueAlarm
	case len(points) == 0 && treat == "missing":
		to, reason = types.StateValueInsufficientData, "Insufficient Data: no datapoints were received in the last evaluation periods."
	case len(points) == 0 && treat == "ignore":
		return
	default:
		to = types.StateValueOk
	}
	if to != a.StateValue {
		a.turn(to, reason, s.clock)
		s.dirty = true
	}
}

func breaches(op types.ComparisonOperator, v, threshold float64) bool {
	switch op {
	case types.ComparisonOperatorGreaterThanThreshold:
		return v > threshold
	case types.ComparisonOperatorGreaterThanOrEqualToThreshold:
		return v >= threshold
	case types.ComparisonOperatorLessThanThreshold:
		return v < threshold
	}
	return v <= threshold
}
