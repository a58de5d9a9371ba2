package release

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/fargatectl/fargatectl/aws"
)

// AlarmStatus is an alarm that has a say in the service: it ends a deployment, or makes a policy act.
type AlarmStatus struct {
	Name      string     `json:"name"`
	Of        string     `json:"of"`        // "deployment", or the name of the scaling policy
	State     string     `json:"state"`     // "OK", "ALARM", "INSUFFICIENT_DATA"; "MISSING": there is no such alarm
	Condition string     `json:"condition"` // "CPUUtilization > 70 for 3 minutes"; "" of a composite alarm
	Reason    string     `json:"reason,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
}

// alarms reads those of the deployment configuration and of the scaling policies; sc may be nil. AWS describes 100 at a
// time.
func (s *Service) alarms(ctx context.Context, sc *ScalingStatus) ([]AlarmStatus, error) {
	all := []AlarmStatus{}
	if d := s.Live.DeploymentConfiguration; d != nil && d.Alarms != nil && d.Alarms.Enable {
		for _, name := range d.Alarms.AlarmNames {
			all = append(all, AlarmStatus{Name: name, Of: "deployment", State: "MISSING"})
		}
	}
	if sc != nil {
		for _, p := range sc.Policies {
			for _, name := range p.Alarms {
				all = append(all, AlarmStatus{Name: name, Of: p.Name, State: "MISSING"})
			}
		}
	}
	for part := range slices.Chunk(all, 100) {
		in := &cloudwatch.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}, MaxRecords: new(int32(100))}
		for _, a := range part {
			in.AlarmNames = append(in.AlarmNames, a.Name)
		}
		out, err := s.Calls.CloudWatch.DescribeAlarms(ctx, in, aws.QuickCloudWatch)
		if err != nil {
			return nil, err
		}
		for i := range part {
			part[i].found(out)
		}
	}
	return all, nil
}

// found takes over what AWS says of the alarm.
func (a *AlarmStatus) found(out *cloudwatch.DescribeAlarmsOutput) {
	for _, m := range out.MetricAlarms {
		if val(m.AlarmName) == a.Name {
			a.State, a.Reason, a.Since, a.Condition = string(m.StateValue), val(m.StateReason), m.StateTransitionedTimestamp, condition(m)
		}
	}
	for _, c := range out.CompositeAlarms {
		if val(c.AlarmName) == a.Name {
			a.State, a.Reason, a.Since = string(c.StateValue), val(c.StateReason), c.StateTransitionedTimestamp
		}
	}
}

// condition says when a metric alarm goes off.
func condition(m types.MetricAlarm) string {
	op := map[types.ComparisonOperator]string{
		types.ComparisonOperatorGreaterThanThreshold: ">", types.ComparisonOperatorGreaterThanOrEqualToThreshold: ">=",
		types.ComparisonOperatorLessThanThreshold: "<", types.ComparisonOperatorLessThanOrEqualToThreshold: "<=",
	}[m.ComparisonOperator]
	if m.MetricName == nil || m.Threshold == nil || op == "" {
		return ""
	}
	seconds, text := val(m.Period)*val(m.EvaluationPeriods), ""
	switch {
	case seconds == 60:
		text = "a minute"
	case seconds%60 == 0:
		text = fmt.Sprintf("%d minutes", seconds/60)
	default:
		text = fmt.Sprintf("%d seconds", seconds)
	}
	return fmt.Sprintf("%s %s %g for %s", *m.MetricName, op, *m.Threshold, text)
}
