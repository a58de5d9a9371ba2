package sandbox

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// series is a metric that clients have put: what was measured in each minute.
type series struct {
	types.Metric
	Unit    types.StandardUnit
	Minutes map[string][]datum // by RFC 3339
}

// A datum is a set of values measured in one minute. Several are one value, as often as Count says, when Min is Max;
// only of such ones CloudWatch knows percentiles (PutMetricData in the API reference).
type datum struct{ Count, Sum, Min, Max float64 }

func once(v float64) datum               { return datum{1, v, v, v} }
func times(v float64, count int) datum   { return datum{float64(count), v * float64(count), v, v} }
func metricMinute(t time.Time) time.Time { return t.UTC().Truncate(time.Minute) }

// kept is how many minutes of a metric are kept.
const keptMinutes = 24 * 60

// metricKey is a metric's identity.
func metricKey(namespace, name string, dimensions []types.Dimension) string {
	ds := make([]string, len(dimensions))
	for i, d := range dimensions {
		ds[i] = val(d.Name) + "=" + val(d.Value)
	}
	slices.Sort(ds)
	return namespace + "|" + name + "|" + strings.Join(ds, "|")
}

// PutMetricData keeps what is measured by minute, as CloudWatch does at its standard resolution.
func (s *cloudwatchService) PutMetricData(ctx context.Context, in *cloudwatch.PutMetricDataInput) (*cloudwatch.PutMetricDataOutput, error) {
	namespace := val(in.Namespace)
	switch {
	case namespace == "" || len(namespace) > 255 || strings.HasPrefix(namespace, "AWS/"):
		return nil, fail("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.")
	case len(in.EntityMetricData) > 0:
		return nil, fail("NotImplemented", "the sandbox has no EntityMetricData")
	case len(in.MetricData) > 1000:
		return nil, fail("InvalidParameterValue", "The collection MetricData must not have a size greater than 1000.")
	}
	for i, d := range in.MetricData { // all or none
		if _, err := measured(i, d); err != nil {
			return nil, err
		}
		if at := or(d.Timestamp, s.clock); at.Before(s.clock.AddDate(0, 0, -14)) || at.After(s.clock.Add(2*time.Hour)) {
			return nil, fail("InvalidParameterValue", "The parameter MetricData.member.%d.Timestamp must specify a time within the past two weeks.", i+1)
		}
	}
	r := s.region(ctx)
	for i, d := range in.MetricData {
		data, _ := measured(i, d)
		key := metricKey(namespace, *d.MetricName, d.Dimensions)
		m := r.CloudWatch.Metrics[key]
		if m == nil {
			m = &series{Metric: types.Metric{Namespace: &namespace, MetricName: d.MetricName, Dimensions: d.Dimensions}, Minutes: map[string][]datum{}}
			put(&r.CloudWatch.Metrics, key, m)
		}
		m.Unit = d.Unit
		at := metricMinute(or(d.Timestamp, s.clock)).Format(time.RFC3339)
		m.Minutes[at] = append(m.Minutes[at], data...)
		for oldest := range sorted(m.Minutes) {
			if len(m.Minutes) <= keptMinutes {
				break
			}
			delete(m.Minutes, oldest)
		}
	}
	return &cloudwatch.PutMetricDataOutput{}, nil
}

// measured is what the i-th datum of a request says: a value, values with their counts, or a statistic set.
func measured(i int, d types.MetricDatum) ([]datum, error) {
	at := fmt.Sprintf("MetricData.member.%d.", i+1)
	switch {
	case val(d.MetricName) == "":
		return nil, fail("MissingParameter", "The parameter %sMetricName is required.", at)
	case len(d.Dimensions) > 30:
		return nil, fail("InvalidParameterValue", "The collection %sDimensions must not have a size greater than 30.", at)
	case d.StatisticValues != nil:
		v := d.StatisticValues
		return []datum{{val(v.SampleCount), val(v.Sum), val(v.Minimum), val(v.Maximum)}}, nil
	case d.Value != nil:
		if math.IsNaN(*d.Value) || math.IsInf(*d.Value, 0) {
			return nil, fail("InvalidParameterValue", "The value for parameter %sValue is invalid.", at)
		}
		return []datum{once(*d.Value)}, nil
	case len(d.Values) == 0:
		return nil, fail("MissingParameter", "At least one of the parameters must be specified: %sValue, Values or StatisticValues.", at)
	case len(d.Counts) > 0 && len(d.Counts) != len(d.Values):
		return nil, fail("InvalidParameterValue", "The parameters %sValues and %sCounts must be of the same size.", at, at)
	}
	var data []datum
	for i, v := range d.Values {
		n := 1
		if len(d.Counts) > 0 {
			n = int(d.Counts[i])
		}
		data = append(data, times(v, n))
	}
	return data, nil
}

var percentile = regexp.MustCompile(`^p(\d{1,2}(\.\d{1,10})?|100)$`)

func knownStat(stat string) bool {
	return slices.Contains([]string{"Average", "Sum", "Minimum", "Maximum", "SampleCount"}, stat) || percentile.MatchString(stat)
}

// statistic is one of the values measured in a period; false where CloudWatch has none.
func statistic(stat string, data []datum) (float64, bool) {
	if len(data) == 0 {
		return 0, false
	}
	all := data[0]
	for _, d := range data[1:] {
		all = datum{all.Count + d.Count, all.Sum + d.Sum, min(all.Min, d.Min), max(all.Max, d.Max)}
	}
	switch stat {
	case "Sum":
		return all.Sum, true
	case "SampleCount":
		return all.Count, true
	case "Minimum":
		return all.Min, true
	case "Maximum":
		return all.Max, true
	case "Average":
		return all.Sum / all.Count, all.Count > 0
	}
	if slices.ContainsFunc(data, func(d datum) bool { return d.Min != d.Max }) {
		return 0, false
	}
	p, _ := strconv.ParseFloat(strings.TrimPrefix(stat, "p"), 64)
	data = slices.Clone(data)
	sort.Slice(data, func(i, j int) bool { return data[i].Min < data[j].Min })
	rank := all.Count * p / 100
	for _, d := range data {
		if rank -= d.Count; rank <= 0 {
			return d.Min, true
		}
	}
	return all.Max, true
}

// A point is a statistic of the period that begins At.
type point struct {
	At    time.Time
	Value float64
}

// points are a metric's from until before to, oldest first, of the periods that have any. Unit "" is any.
func (s *Sandbox) points(r *Region, m types.Metric, stat string, unit types.StandardUnit, period time.Duration, from, to time.Time) (all []point) {
	read, has := s.metric(r, m)
	if read == nil || unit != "" && unit != has {
		return nil
	}
	for at := from.UTC().Truncate(period); at.Before(to); at = at.Add(period) {
		var data []datum
		for minute := at; minute.Before(at.Add(period)); minute = minute.Add(time.Minute) {
			data = append(data, read(minute)...)
		}
		if v, ok := statistic(stat, data); ok {
			all = append(all, point{at, v})
		}
	}
	return all
}

// metric finds what reads a metric by the minute, and its unit; nil where nothing is measured.
func (s *Sandbox) metric(r *Region, m types.Metric) (func(minute time.Time) []datum, types.StandardUnit) {
	if own := r.CloudWatch.Metrics[metricKey(val(m.Namespace), val(m.MetricName), m.Dimensions)]; own != nil {
		return func(minute time.Time) []datum { return own.Minutes[minute.UTC().Format(time.RFC3339)] }, own.Unit
	}
	return s.builtIn(r, m)
}
