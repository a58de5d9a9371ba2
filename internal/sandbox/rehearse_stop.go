package sandbox

import (
	"maps"
	"slices"
	"strings"
	"time"

	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// stopped are causes for which the tasks are well and the deployment ends all the same.
var stopped = []Cause{
	{Code: "AlarmTriggered", Description: "A CloudWatch alarm goes off during the deployment; a service without alarms gets one for it."},
	{Code: "StoppedByUser", Description: "Somebody stops the deployment half-way."},
}

// halfway is when a deployment whose tasks are well is stopped: they are about to run.
const halfway = 30 * time.Second

// rehearse begins what an armed fault does to a deployment beside its tasks.
func (s *ecsService) rehearse(r *Region, sv *service, o *rollout, code string) {
	switch code {
	case "AlarmTriggered":
		if o.Alarms.Status == types.ServiceDeploymentRollbackMonitorsStatusDisabled {
			o.Alarms.AlarmNames, o.Alarms.Status = []string{*sv.ServiceName + "-5xx"}, types.ServiceDeploymentRollbackMonitorsStatusMonitoring
		}
	case "SecurityGroupBlocks":
		s.shutOut(r, sv)
		return
	case "StoppedByUser":
	default:
		return
	}
	s.after(halfway, "ecs halfway", sv.id(r)+" "+o.Deployment)
}

// interrupted is the moment at which a deployment is ended from outside.
func (s *ecsService) interrupted(id string) {
	where, deployment, _ := strings.Cut(id, " ")
	parts := strings.Split(where, "/")
	r := s.regionNamed(parts[0])
	c := r.ECS.Clusters[parts[1]]
	if c == nil || c.Services[parts[2]] == nil {
		return
	}
	sv := c.Services[parts[2]]
	if *sv.Status != "ACTIVE" || *sv.primary().Id != deployment || sv.Rollouts[0].ended() {
		return
	}
	switch live := sv.Live[deployment]; live.Fault {
	case "AlarmTriggered":
		name := sv.Rollouts[0].Alarms.AlarmNames[0]
		if a := r.CloudWatch.Alarms[name]; a != nil {
			a.turn(cloudwatchtypes.StateValueAlarm, "Threshold Crossed: rehearsed in the sandbox.", s.clock)
			a.Until = s.clock.Add(time.Duration(*a.Period) * time.Second)
		}
		s.alarmed(r, sv, []string{name})
	case "StoppedByUser":
		s.askToStop(r, sv, sv.Rollouts[0], sv.Completed != "")
	}
}

// shutOut takes away the rules that let anybody in to the ports of a service's tasks, until its next deployment.
func (s *ecsService) shutOut(r *Region, sv *service) {
	for id, rule := range sorted(r.EC2.Rules) {
		for _, lb := range sv.LoadBalancers {
			port := val(lb.ContainerPort)
			if !val(rule.IsEgress) && slices.Contains(sv.NetworkConfiguration.AwsvpcConfiguration.SecurityGroups, val(rule.GroupId)) && val(rule.FromPort) <= port && port <= val(rule.ToPort) {
				delete(r.EC2.Rules, id)
				sv.Shut = append(sv.Shut, *rule)
			}
		}
	}
}

// letIn puts the rules back that shutOut has taken away: a rehearsal leaves nothing for the deployment behind it. What
// somebody has put back, or whose group is gone, is left alone.
func (s *ecsService) letIn(r *Region, sv *service) {
	for _, rule := range sv.Shut {
		again := slices.ContainsFunc(slices.Collect(maps.Values(r.EC2.Rules)), func(live *ec2types.SecurityGroupRule) bool { return same(live, &rule) })
		if !again && r.EC2.Groups[*rule.GroupId] != nil {
			r.EC2.Rules[*rule.SecurityGroupRuleId] = &rule
		}
	}
	sv.Shut = nil
}
