package sandbox

import (
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

func anAlarm(change ...func(*cloudwatch.PutMetricAlarmInput)) *cloudwatch.PutMetricAlarmInput {
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName: new("errors"), Namespace: new("App"), MetricName: new("Errors"), Dimensions: []types.Dimension{{Name: new("Service"), Value: new("web")}},
		Statistic: types.StatisticSum, Period: new(int32(60)), EvaluationPeriods: new(int32(3)), DatapointsToAlarm: new(int32(2)),
		Threshold: new(5.0), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, Tags: []types.Tag{{Key: new("team"), Value: new("a")}},
	}
	for _, c := range change {
		c(in)
	}
	return in
}

// An alarm goes by its metric; a state set by hand stands for a period.
func TestAlarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "")
		c, ctx := cloudwatch.NewFromConfig(s.Config("eu-west-1")), t.Context()
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
		put := func(v float64) {
			must(c.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: new("App"), MetricData: []types.MetricDatum{
				{MetricName: new("Errors"), Dimensions: anAlarm().Dimensions, Value: &v},
			}}))(t)
			time.Sleep(time.Minute)
		}
		state := func(want types.StateValue) types.MetricAlarm {
			t.Helper()
			a := must(c.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"errors"}}))(t).MetricAlarms[0]
			if a.StateValue != want {
				t.Errorf("%s since %s: %s, want %s", a.StateValue, a.StateTransitionedTimestamp, *a.StateReason, want)
			}
			return a
		}
		must(c.PutMetricAlarm(ctx, anAlarm()))(t)
		a := state(types.StateValueInsufficientData)
		if *a.AlarmArn != "arn:aws:cloudwatch:eu-west-1:"+Account+":alarm:errors" || !*a.ActionsEnabled {
			t.Errorf("%+v", a)
		}
		put(1)
		state(types.StateValueOk)
		put(6)
		state(types.StateValueOk) // one of two
		put(7)
		state(types.StateValueAlarm)
		must(c.PutMetricAlarm(ctx, anAlarm(func(in *cloudwatch.PutMetricAlarmInput) { in.Threshold, in.Tags = new(50.0), nil })))(t)
		state(types.StateValueOk)
		tags := must(c.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: a.AlarmArn}))(t).Tags
		if len(tags) != 1 || *tags[0].Key != "team" {
			t.Errorf("a change touches the tags: %v", tags)
		}
		must(c.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: new("errors"), StateValue: types.StateValueAlarm, StateReason: new("drill")}))(t)
		if got := state(types.StateValueAlarm); *got.StateReason != "drill" {
			t.Errorf("%+v", got)
		}
		time.Sleep(time.Minute)
		state(types.StateValueOk)
		time.Sleep(5 * time.Minute)
		state(types.StateValueInsufficientData)
		if n := len(must(c.DescribeAlarmsForMetric(ctx, &cloudwatch.DescribeAlarmsForMetricInput{Namespace: new("App"), MetricName: new("Errors"), Dimensions: anAlarm().Dimensions}))(t).MetricAlarms); n != 1 {
			t.Errorf("%d alarms for the metric", n)
		}
		must(c.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"nobody", "errors"}}))(t)
		_, err := c.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: new("errors"), StateValue: types.StateValueOk, StateReason: new("r")})
		refused(t, err, "ResourceNotFound", "Unknown")
	})
}

// Missing data counts as the alarm says.
func TestAlarmMissingData(t *testing.T) {
	t.Parallel()
	for treat, want := range map[string]types.StateValue{
		"breaching": types.StateValueAlarm, "notBreaching": types.StateValueOk, "ignore": types.StateValueInsufficientData, "missing": types.StateValueInsufficientData,
	} {
		c := cloudwatch.NewFromConfig(open(t, "").Config("eu-west-1"))
		must(c.PutMetricAlarm(t.Context(), anAlarm(func(in *cloudwatch.PutMetricAlarmInput) { in.TreatMissingData = &treat })))(t)
		if a := must(c.DescribeAlarms(t.Context(), nil))(t).MetricAlarms[0]; a.StateValue != want {
			t.Errorf("%s: %s", treat, a.StateValue)
		}
	}
}

func TestAlarmRefused(t *testing.T) {
	t.Parallel()
	c := cloudwatch.NewFromConfig(open(t, "").Config("eu-west-1"))
	for _, r := range []struct {
		code, words string
		change      func(*cloudwatch.PutMetricAlarmInput)
	}{
		{"NotImplemented", "EvaluationWindow", func(in *cloudwatch.PutMetricAlarmInput) { in.Metrics = []types.MetricDataQuery{{Id: new("a")}} }},
		{"NotImplemented", "tm90", func(in *cloudwatch.PutMetricAlarmInput) { in.Statistic, in.ExtendedStatistic = "", new("tm90") }},
		{"InvalidParameterCombination", "Statistic", func(in *cloudwatch.PutMetricAlarmInput) { in.ExtendedStatistic = new("p90") }},
		{"MissingParameter", "Threshold", func(in *cloudwatch.PutMetricAlarmInput) { in.Threshold = nil }},
		{"ValidationError", "Period", func(in *cloudwatch.PutMetricAlarmInput) { in.Period = new(int32(61)) }},
		{"ValidationError", "more than a day", func(in *cloudwatch.PutMetricAlarmInput) { in.EvaluationPeriods = new(int32(1441)) }},
		{"ValidationError", "DatapointsToAlarm", func(in *cloudwatch.PutMetricAlarmInput) { in.DatapointsToAlarm = new(int32(4)) }},
		{"ValidationError", "comparisonOperator", func(in *cloudwatch.PutMetricAlarmInput) { in.ComparisonOperator = "Above" }},
		{"ValidationError", "TreatMissingData", func(in *cloudwatch.PutMetricAlarmInput) { in.TreatMissingData = new("zero") }},
	} {
		_, err := c.PutMetricAlarm(t.Context(), anAlarm(r.change))
		refused(t, err, r.code, r.words)
	}
	_, err := c.DescribeAlarmHistory(t.Context(), &cloudwatch.DescribeAlarmHistoryInput{})
	refused(t, err, "NotImplemented", "monitoring DescribeAlarmHistory")
	_, err = c.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: new("a"), AlarmNames: []string{"b"}})
	refused(t, err, "InvalidParameterCombination", "AlarmNamePrefix")
}

// Statistics of what clients put, in periods of several minutes; percentiles only of single values.
func TestMetricData(t *testing.T) {
	t.Parallel()
	c, ctx := cloudwatch.NewFromConfig(open(t, "").Config("eu-west-1")), t.Context()
	start := time.Now().Truncate(5 * time.Minute).Add(-10 * time.Minute)
	must(c.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: new("App"), MetricData: []types.MetricDatum{
		{MetricName: new("Time"), Timestamp: new(start), Values: []float64{1, 2, 30}, Counts: []float64{90, 9, 1}, Unit: types.StandardUnitSeconds},
		{MetricName: new("Time"), Timestamp: new(start.Add(3 * time.Minute)), Value: new(3.0), Unit: types.StandardUnitSeconds},
		{MetricName: new("Set"), Timestamp: new(start), StatisticValues: &types.StatisticSet{SampleCount: new(4.0), Sum: new(10.0), Minimum: new(1.0), Maximum: new(4.0)}},
	}}))(t)
	read := func(name, stat string, period int32) []float64 {
		return must(c.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
			StartTime: &start, EndTime: new(start.Add(10 * time.Minute)),
			MetricDataQueries: []types.MetricDataQuery{{Id: new("q"), MetricStat: &types.MetricStat{
				Metric: &types.Metric{Namespace: new("App"), MetricName: &name}, Stat: &stat, Period: &period,
			}}},
		}))(t).MetricDataResults[0].Values
	}
	for _, r := range []struct {
		name, stat string
		period     int32
		want       []float64
	}{
		{"Time", "Sum", 60, []float64{3, 138}}, // newest first
		{"Time", "Sum", 300, []float64{141}},
		{"Time", "SampleCount", 300, []float64{101}},
		{"Time", "p50", 300, []float64{1}},
		{"Time", "p95", 60, []float64{3, 2}},
		{"Time", "p100", 300, []float64{30}},
		{"Set", "Average", 60, []float64{2.5}},
		{"Set", "p95", 60, []float64{}},
		{"Nothing", "Sum", 60, []float64{}},
	} {
		if got := read(r.name, r.stat, r.period); !slices.Equal(got, r.want) {
			t.Errorf("%s %s by %d: %v, want %v", r.name, r.stat, r.period, got, r.want)
		}
	}
	stats := must(c.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: new("App"), MetricName: new("Time"), StartTime: &start, EndTime: new(start.Add(time.Hour)), Period: new(int32(300)),
		Statistics: []types.Statistic{types.StatisticMaximum, types.StatisticAverage},
	}))(t).Datapoints
	if len(stats) != 1 || *stats[0].Maximum != 30 || math.Abs(*stats[0].Average-141.0/101) > 1e-9 || stats[0].Unit != types.StandardUnitSeconds {
		t.Errorf("%+v", stats)
	}
	_, err := c.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: &start, EndTime: new(time.Now()),
		MetricDataQueries: []types.MetricDataQuery{{Id: new("q"), Expression: new("SUM(METRICS())")}},
	})
	refused(t, err, "NotImplemented", "expressions")
	_, err = c.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: new("AWS/ECS"), MetricData: []types.MetricDatum{{MetricName: new("CPUUtilization"), Value: new(1.0)}}})
	refused(t, err, "InvalidParameterValue", "AWS/")
	if ms := must(c.ListMetrics(ctx, &cloudwatch.ListMetricsInput{Namespace: new("App")}))(t).Metrics; len(ms) != 2 {
		t.Errorf("%+v", ms)
	}
}

// What a service uses and answers follows from its tasks: the same minute is always the same, fewer tasks do more each,
// and nothing is measured while none runs.
func TestServiceMetrics(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		c, ctx := cloudwatch.NewFromConfig(f.Config("eu-west-1")), t.Context()
		must(f.ecs.CreateService(ctx, f.service(f.register(), func(in *ecs.CreateServiceInput) { in.DesiredCount = new(int32(4)) })))(t)
		scale := func(n int32) {
			must(f.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: new("c"), Service: new("web"), DesiredCount: &n}))(t)
			time.Sleep(10 * time.Minute)
		}
		time.Sleep(10 * time.Minute)
		four := time.Now()
		scale(1)
		one := time.Now()
		scale(0)
		service := []types.Dimension{{Name: new("ClusterName"), Value: new("c")}, {Name: new("ServiceName"), Value: new("web")}}
		var balancer []types.Dimension
		for _, m := range must(c.ListMetrics(ctx, &cloudwatch.ListMetricsInput{Namespace: new("AWS/ApplicationELB"), MetricName: new("RequestCount")}))(t).Metrics {
			if len(m.Dimensions) == 1 && *m.Dimensions[0].Name == "LoadBalancer" {
				balancer = m.Dimensions
			}
		}
		last := func(end time.Time, namespace, name, stat string, dimensions []types.Dimension) []float64 {
			in := &cloudwatch.GetMetricDataInput{
				StartTime: new(end.Add(-5 * time.Minute)), EndTime: &end,
				MetricDataQueries: []types.MetricDataQuery{{Id: new("q"), MetricStat: &types.MetricStat{
					Metric: &types.Metric{Namespace: &namespace, MetricName: &name, Dimensions: dimensions}, Stat: &stat, Period: new(int32(60)),
				}}},
			}
			a, b := must(c.GetMetricData(ctx, in))(t).MetricDataResults[0].Values, must(c.GetMetricData(ctx, in))(t).MetricDataResults[0].Values
			if !slices.Equal(a, b) {
				t.Errorf("%s changes: %v %v", name, a, b)
			}
			return a
		}
		few, many := last(one, "AWS/ECS", "CPUUtilization", "Average", service), last(four, "AWS/ECS", "CPUUtilization", "Average", service)
		if len(few) < 4 || len(many) < 4 || slices.Min(few) < 1.5*slices.Max(many) || slices.Max(few) > 100 {
			t.Errorf("one task uses %v, each of four %v", few, many)
		}
		if m := last(four, "AWS/ECS", "MemoryUtilization", "Average", service); len(m) < 4 || m[0] < 20 || m[0] > 60 {
			t.Errorf("memory %v", m)
		}
		if n := last(four, "AWS/ApplicationELB", "RequestCount", "Sum", balancer); len(n) < 4 || n[0] < 100 {
			t.Errorf("requests %v", n)
		}
		p50, p95 := last(four, "AWS/ApplicationELB", "TargetResponseTime", "p50", balancer), last(four, "AWS/ApplicationELB", "TargetResponseTime", "p95", balancer)
		if len(p50) < 4 || p50[0] <= 0 || p95[0] < 2*p50[0] || p95[0] > 1 {
			t.Errorf("p50 %v, p95 %v", p50, p95)
		}
		for _, name := range []string{"RequestCount", "HTTPCode_Target_5XX_Count"} {
			if n := last(time.Now(), "AWS/ApplicationELB", name, "Sum", balancer); len(n) != 0 {
				t.Errorf("%s without tasks: %v", name, n)
			}
		}
		if n := last(time.Now(), "AWS/ECS", "CPUUtilization", "Average", service); len(n) != 0 {
			t.Errorf("CPU without tasks: %v", n)
		}
	})
}
