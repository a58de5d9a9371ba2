package sandbox

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Nothing behind a task runs, so what it uses and answers is made up: requests come in waves that belong to the
// service's name, the tasks that run at the time share them, and what they use follows from that. The same minute of
// the same tasks always has the same values.

// A load is a service in one minute.
type load struct {
	running  []*task
	requests float64 // that reach a task
	failed   float64 // of them, answered with 5xx
	cpu      float64 // percent of a task that is not starting
	minute   time.Time
}

// builtInMetrics are those that the sandbox makes up: their units, what they read, and whether ELB leaves out zeros
// ("reporting criteria" in its user guide).
var builtInMetrics = map[string]struct {
	unit types.StandardUnit
	of   func(load) []datum
}{
	"AWS/ECS CPUUtilization":                       {types.StandardUnitPercent, load.cpuUse},
	"AWS/ECS MemoryUtilization":                    {types.StandardUnitPercent, load.memoryUse},
	"AWS/ApplicationELB RequestCount":              {types.StandardUnitCount, func(l load) []datum { return nonzero(l.requests) }},
	"AWS/ApplicationELB RequestCountPerTarget":     {types.StandardUnitCount, func(l load) []datum { return nonzero(l.requests / float64(max(1, len(l.running)))) }},
	"AWS/ApplicationELB HTTPCode_Target_2XX_Count": {types.StandardUnitCount, func(l load) []datum { return nonzero(l.requests - l.failed) }},
	"AWS/ApplicationELB HTTPCode_Target_5XX_Count": {types.StandardUnitCount, func(l load) []datum { return nonzero(l.failed) }},
	"AWS/ApplicationELB TargetResponseTime":        {types.StandardUnitSeconds, load.answerTimes},
}

func nonzero(v float64) []datum {
	if v = math.Round(v); v <= 0 {
		return nil
	}
	return []datum{once(v)}
}

// builtIn finds what reads a metric of a service or a balancer.
func (s *Sandbox) builtIn(r *Region, m types.Metric) (func(time.Time) []datum, types.StandardUnit) {
	made, ok := builtInMetrics[val(m.Namespace)+" "+val(m.MetricName)]
	if !ok || !measuredWith(*m.MetricName, m.Dimensions) {
		return nil, ""
	}
	services := s.measuredBy(r, *m.Namespace, m.Dimensions)
	if len(services) == 0 {
		return nil, ""
	}
	return func(minute time.Time) (data []datum) {
		for _, sv := range services {
			data = append(data, made.of(s.loadOf(r, sv, minute))...)
		}
		if strings.HasSuffix(string(made.unit), "Count") && len(data) > 0 { // of all of them together
			sum, _ := statistic("Sum", data)
			return []datum{once(sum)}
		}
		return data
	}, made.unit
}

// measuredWith says whether a metric has a set of dimensions: of those of a balancer, requests by target are measured
// for a target group, the others for a balancer (ELB user guide, "Metric dimensions").
func measuredWith(metric string, dimensions []types.Dimension) bool {
	if len(dimensions) != 1 {
		return true
	}
	switch val(dimensions[0].Name) {
	case "TargetGroup":
		return metric == "RequestCountPerTarget"
	case "LoadBalancer":
		return metric != "RequestCountPerTarget"
	}
	return true
}

// measuredBy are the services whose load a set of dimensions names.
func (s *Sandbox) measuredBy(r *Region, namespace string, dimensions []types.Dimension) (found []*service) {
	want := metricKey(namespace, "", dimensions)
	for _, c := range sorted(r.ECS.Clusters) {
		for _, sv := range sorted(c.Services) {
			if slices.ContainsFunc(s.dimensions(r, sv), func(d [2]string) bool { return metricKey(d[0], "", dimensionsOf(d[1])) == want }) {
				found = append(found, sv)
			}
		}
	}
	return found
}

// dimensions are the sets under which a service is measured: a namespace, and names and values.
func (s *Sandbox) dimensions(r *Region, sv *service) [][2]string {
	cluster := "ClusterName=" + sv.clusterName()
	sets := [][2]string{{"AWS/ECS", cluster + ",ServiceName=" + *sv.ServiceName}, {"AWS/ECS", cluster}}
	for _, lb := range sv.LoadBalancers {
		g := r.ELB.Groups[val(lb.TargetGroupArn)]
		if g == nil {
			continue
		}
		group := "TargetGroup=" + afterColon(*g.TargetGroupArn)
		sets = append(sets, [2]string{"AWS/ApplicationELB", group})
		for _, arn := range r.ELB.users(*g.TargetGroupArn) {
			_, balancer, _ := strings.Cut(arn, "loadbalancer/")
			sets = append(sets, [2]string{"AWS/ApplicationELB", "LoadBalancer=" + balancer}, [2]string{"AWS/ApplicationELB", "LoadBalancer=" + balancer + "," + group})
		}
	}
	return sets
}

func afterColon(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }

func dimensionsOf(text string) (ds []types.Dimension) {
	for kv := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(kv, "=")
		ds = append(ds, types.Dimension{Name: &name, Value: &value})
	}
	return ds
}

// builtIns lists the metrics of all services.
func (s *Sandbox) builtIns(r *Region) (all []types.Metric) {
	for _, c := range sorted(r.ECS.Clusters) {
		for _, sv := range sorted(c.Services) {
			for _, set := range s.dimensions(r, sv) {
				for name := range sorted(builtInMetrics) {
					if namespace, metric, _ := strings.Cut(name, " "); namespace == set[0] && measuredWith(metric, dimensionsOf(set[1])) {
						all = append(all, types.Metric{Namespace: &namespace, MetricName: &metric, Dimensions: dimensionsOf(set[1])})
					}
				}
			}
		}
	}
	return all
}

// loadOf works out a whole minute of a service, from its tasks: stopped ones are remembered for an hour.
func (s *Sandbox) loadOf(r *Region, sv *service, minute time.Time) load {
	l, end := load{minute: minute}, minute.Add(time.Minute)
	if end.After(s.clock) || end.Before(*sv.CreatedAt) {
		return l
	}
	cpu, broken := 256.0, 0.0
	for _, t := range r.ECS.Clusters[sv.clusterName()].of(sv) {
		if t.StartedAt != nil && t.StartedAt.Before(end) && (t.StoppingAt == nil || t.StoppingAt.After(minute)) {
			l.running = append(l.running, t)
			cpu, _ = strconv.ParseFloat(val(t.Cpu), 64)
		}
		if t.StoppingAt != nil && !t.StoppingAt.Before(minute) && t.StoppingAt.Before(end) && (t.StopCode == ecs.TaskStopCodeEssentialContainerExited || t.Broken != nil) {
			broken++
		}
	}
	if len(l.running) == 0 {
		return l
	}
	n, name := float64(len(l.running)), *sv.ServiceName
	at := float64(minute.Unix()/60%1440) / 60
	arrive := 240 + 90*math.Sin(at*math.Pi/1.5+chance(name, "phase", time.Time{})*6) + 60*chance(name, "requests", minute)
	l.cpu = min(98, 7+arrive/n*0.13*256/max(cpu, 128)+4*chance(name, "cpu", minute))
	if len(sv.LoadBalancers) == 0 {
		return l
	}
	l.requests = math.Round(arrive)
	l.failed = math.Round(arrive * min(0.5, broken*0.04))
	if chance(name, "5xx", minute) > 0.93 {
		l.failed++
	}
	return l
}

// cpuUse is a value a task; one that starts uses more.
func (l load) cpuUse() (data []datum) {
	for _, t := range l.running {
		use := l.cpu + 3*chance(t.id(), "cpu", l.minute)
		if l.minute.Sub(*t.StartedAt) < time.Minute {
			use += 35
		}
		data = append(data, once(min(100, use)))
	}
	return data
}

// memoryUse is a value a task, which grows with its age.
func (l load) memoryUse() (data []datum) {
	for _, t := range l.running {
		age := max(0, l.minute.Sub(*t.StartedAt).Hours())
		data = append(data, once(min(95, 31+12*(1-math.Exp(-age/2))+2*chance(t.id(), "memory", l.minute))))
	}
	return data
}

// answerTimes has a long tail, and grows as the tasks have less to spare.
func (l load) answerTimes() (data []datum) {
	if l.requests == 0 {
		return nil
	}
	base := 0.024 * (1 + 3*(l.cpu/100)*(l.cpu/100)) * (0.9 + 0.2*chance("", "time", l.minute))
	for i, share := range []float64{50, 25, 15, 6, 3, 1} { // p50 … p100
		data = append(data, times(base*[]float64{1, 1.4, 2.1, 3.4, 5.6, 11}[i], max(1, int(l.requests*share/100))))
	}
	return data
}

// chance is a number in [0, 1) that belongs to a name, a use and a minute.
func chance(name, of string, minute time.Time) float64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, name, of, minute.Unix())
	x := h.Sum64()
	x ^= x >> 33 // FNV's high bits change little with the last digits
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}
