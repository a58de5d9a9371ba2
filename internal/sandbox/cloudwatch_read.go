package sandbox

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

// GetMetricData answers queries with a MetricStat; the sandbox has no expressions.
func (s *cloudwatchService) GetMetricData(ctx context.Context, in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
	switch {
	case len(in.MetricDataQueries) == 0 || len(in.MetricDataQueries) > 500:
		return nil, fail("ValidationError", "The collection MetricDataQueries must have a size between 1 and 500.")
	case in.StartTime == nil || in.EndTime == nil:
		return nil, fail("ValidationError", "StartTime and EndTime are required.")
	case !in.StartTime.Before(*in.EndTime):
		return nil, fail("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
	}
	r, out, seen := s.region(ctx), &cloudwatch.GetMetricDataOutput{}, map[string]bool{}
	for _, q := range in.MetricDataQueries {
		switch {
		case !queryID.MatchString(val(q.Id)) || seen[*q.Id]:
			return nil, fail("ValidationError", "The value '%s' for parameter MetricDataQueries.Id is not matching the expected pattern, or is there twice.", val(q.Id))
		case q.Expression != nil:
			return nil, fail("NotImplemented", "the sandbox has no metric expressions: query '%s' needs a MetricStat", *q.Id)
		case q.MetricStat == nil || q.MetricStat.Metric == nil:
			return nil, fail("ValidationError", "Either Expression or MetricStat must be specified for query '%s'.", *q.Id)
		}
		seen[*q.Id] = true
		st := q.MetricStat
		period, err := statPeriod(val(st.Period))
		if err != nil {
			return nil, err
		}
		if !knownStat(val(st.Stat)) {
			return nil, fail("NotImplemented", "the sandbox has no statistic %s", val(st.Stat))
		}
		if !or(q.ReturnData, true) {
			continue
		}
		res := types.MetricDataResult{Id: q.Id, Label: q.Label, StatusCode: types.StatusCodeComplete, Timestamps: []time.Time{}, Values: []float64{}}
		if res.Label == nil {
			res.Label = st.Metric.MetricName
		}
		points := s.points(r, *st.Metric, *st.Stat, st.Unit, period, *in.StartTime, *in.EndTime)
		if in.ScanBy != types.ScanByTimestampAscending {
			slices.Reverse(points)
		}
		for _, p := range points {
			res.Timestamps, res.Values = append(res.Timestamps, p.At), append(res.Values, p.Value)
		}
		out.MetricDataResults = append(out.MetricDataResults, res)
	}
	return out, nil
}

func statPeriod(seconds int32) (time.Duration, error) {
	if seconds < 60 || seconds%60 != 0 {
		return 0, fail("ValidationError", "The parameter Period must be a multiple of 60: the sandbox measures by the minute.")
	}
	return time.Duration(seconds) * time.Second, nil
}

func (s *cloudwatchService) GetMetricStatistics(ctx context.Context, in *cloudwatch.GetMetricStatisticsInput) (*cloudwatch.GetMetricStatisticsOutput, error) {
	period, err := statPeriod(val(in.Period))
	if err != nil {
		return nil, err
	}
	if in.StartTime == nil || in.EndTime == nil || !in.StartTime.Before(*in.EndTime) {
		return nil, fail("InvalidParameterCombination", "The parameter StartTime must be less than the parameter EndTime.")
	}
	if (len(in.Statistics) == 0) == (len(in.ExtendedStatistics) == 0) {
		return nil, fail("InvalidParameterCombination", "Exactly one of Statistics and ExtendedStatistics must be specified.")
	}
	m, at := types.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions}, map[time.Time]*types.Datapoint{}
	_, unit := s.metric(s.region(ctx), m)
	names := slices.Clone(in.ExtendedStatistics)
	for _, st := range in.Statistics {
		names = append(names, string(st))
	}
	for _, name := range names {
		if !knownStat(name) {
			return nil, fail("NotImplemented", "the sandbox has no statistic %s", name)
		}
		for _, p := range s.points(s.region(ctx), m, name, in.Unit, period, *in.StartTime, *in.EndTime) {
			d := at[p.At]
			if d == nil {
				d = &types.Datapoint{Timestamp: &p.At, Unit: unit}
				at[p.At] = d
			}
			setStatistic(d, name, p.Value)
		}
	}
	out := &cloudwatch.GetMetricStatisticsOutput{Label: in.MetricName}
	for _, t := range slices.SortedFunc(maps.Keys(at), time.Time.Compare) {
		out.Datapoints = append(out.Datapoints, *at[t])
	}
	return out, nil
}

func setStatistic(d *types.Datapoint, name string, v float64) {
	switch name {
	case "Average":
		d.Average = &v
	case "Sum":
		d.Sum = &v
	case "Minimum":
		d.Minimum = &v
	case "Maximum":
		d.Maximum = &v
	case "SampleCount":
		d.SampleCount = &v
	default:
		if d.ExtendedStatistics == nil {
			d.ExtendedStatistics = map[string]float64{}
		}
		d.ExtendedStatistics[name] = v
	}
}

// ListMetrics lists what clients have put, and what the region's services and balancers measure.
func (s *cloudwatchService) ListMetrics(ctx context.Context, in *cloudwatch.ListMetricsInput) (*cloudwatch.ListMetricsOutput, error) {
	if len(in.Dimensions) > 10 {
		return nil, fail("InvalidParameterValue", "The collection Dimensions must not have a size greater than 10.")
	}
	r, all := s.region(ctx), map[string]types.Metric{}
	for key, m := range r.CloudWatch.Metrics {
		all[key] = m.Metric
	}
	for _, m := range s.builtIns(r) {
		all[metricKey(*m.Namespace, *m.MetricName, m.Dimensions)] = m
	}
	out := &cloudwatch.ListMetricsOutput{}
	for _, m := range sorted(all) {
		lacks := func(f types.DimensionFilter) bool {
			return !slices.ContainsFunc(m.Dimensions, func(d types.Dimension) bool {
				return val(d.Name) == val(f.Name) && (f.Value == nil || *f.Value == val(d.Value))
			})
		}
		if (in.Namespace == nil || *in.Namespace == *m.Namespace) && (in.MetricName == nil || *in.MetricName == *m.MetricName) && !slices.ContainsFunc(in.Dimensions, lacks) {
			out.Metrics = append(out.Metrics, m)
		}
	}
	var err error
	if out.Metrics, out.NextToken, err = page(out.Metrics, in.NextToken, nil, 500); err != nil {
		return nil, fail("InvalidParameterValue", "The parameter NextToken is invalid.")
	}
	return out, nil
}
