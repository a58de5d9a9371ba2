package sandbox

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// wake makes the scheduler look at a service in a while, or earlier if it would do so anyway.
func (s *ecsService) wake(r *Region, sv *service, d time.Duration) {
	s.wakeAt(r, sv, s.clock.Add(s.scaled(d)))
}

func (s *ecsService) wakeAt(r *Region, sv *service, at time.Time) {
	id := sv.id(r)
	for _, e := range s.state.Events {
		if e.Kind == "ecs schedule" && e.ID == id && !e.At.After(at) {
			return
		}
	}
	s.forget("ecs schedule", id)
	s.state.Events = append(s.state.Events, event{at, s.nextSeq(), "ecs schedule", id})
}

// schedule is one look of the scheduler at a service: it judges the tasks' health, starts those that lack, stops those
// that are too many, and ends the deployment when all is as it should be.
func (s *ecsService) schedule(id string) {
	parts := strings.Split(id, "/")
	r := s.regionNamed(parts[0])
	c := r.ECS.Clusters[parts[1]]
	if c == nil || c.Services[parts[2]] == nil {
		return
	}
	sv := c.Services[parts[2]]
	switch *sv.Status {
	case "DRAINING":
		s.drain(r, c, sv)
		return
	case "INACTIVE":
		return
	}
	if o := sv.Rollouts[0]; o.Status == types.ServiceDeploymentStatusPending {
		o.Status, o.StartedAt, o.UpdatedAt = types.ServiceDeploymentStatusInProgress, new(s.clock), new(s.clock)
	}
	s.stopRollout(r, sv, sv.Rollouts[0])
	s.judge(r, c, sv)
	s.watchAlarms(r, sv)
	s.grow(r, c, sv)
	s.shrink(r, c, sv)
	if !s.settle(r, c, sv) {
		s.lookAgain(r, sv)
	}
}

// lookAgain plans the next look at a service that is not as it should be. An instant sandbox would look for ever.
func (s *ecsService) lookAgain(r *Region, sv *service) {
	sv.Looks++
	at := s.clock.Add(s.scaled(steadyNotice))
	if s.o.Speed == 0 && sv.Looks > 10 {
		at = s.clock.Add(time.Second)
	}
	if sv.LaunchNext.After(at) {
		at = sv.LaunchNext
	}
	s.wakeAt(r, sv, at)
}

// active are the service's tasks that are not stopping.
func (c *cluster) active(sv *service) []*task {
	return slices.DeleteFunc(c.of(sv), func(t *task) bool { return *t.DesiredStatus != "RUNNING" })
}

// drain stops all tasks of a deleted service, which is INACTIVE once the last has stopped.
func (s *ecsService) drain(r *Region, c *cluster, sv *service) {
	for _, t := range c.active(sv) {
		s.stop(r, c, t, types.TaskStopCodeServiceSchedulerInitiated, "Scaling activity initiated by (deployment "+*sv.primary().Id+")", nil)
	}
	if !slices.ContainsFunc(c.of(sv), func(t *task) bool { return *t.LastStatus != "STOPPED" }) {
		sv.Status, sv.Deployments, sv.Tags = new("INACTIVE"), nil, nil
		s.purge(r)
	}
}

// judge sees which tasks count as healthy, and replaces those that fail the balancer's checks beyond the grace period.
func (s *ecsService) judge(r *Region, c *cluster, sv *service) {
	grace := time.Duration(val(sv.HealthCheckGracePeriodSeconds)) * time.Second
	for _, t := range c.active(sv) {
		if *t.LastStatus != "RUNNING" {
			continue
		}
		checked := t.Broken.failsCheck() || slices.ContainsFunc(r.ECS.definition(*t.TaskDefinitionArn).ContainerDefinitions, func(d types.ContainerDefinition) bool { return d.HealthCheck != nil })
		healthy := t.Known || len(t.Targets) > 0 && !checked
		for _, lb := range t.Targets {
			h := s.targetHealth(r, *lb.TargetGroupArn, t.IP, *lb.ContainerPort)
			healthy = healthy && h.State == "healthy"
			if h.State == "unhealthy" && s.clock.Sub(*t.StartedAt) >= s.scaled(grace) {
				s.event(sv, "(task %s) (port %d) is unhealthy in (target-group %s) due to (reason %s).", t.id(), *lb.ContainerPort, *lb.TargetGroupArn, val(h.Description))
				s.stop(r, c, t, types.TaskStopCodeServiceSchedulerInitiated, "Task failed ELB health checks in (target-group "+*lb.TargetGroupArn+")", nil)
				break
			}
		}
		t.Healthy = healthy && *t.DesiredStatus == "RUNNING" && (t.Broken == nil || t.Broken.HealthyFor == 0)
		if t.Healthy && t.Deployment == *sv.primary().Id && sv.primary().FailedTasks > 0 && s.resets(sv) {
			sv.primary().FailedTasks = 0
		}
	}
}

// resets says whether a healthy task makes the circuit breaker count anew, as it does by default.
func (s *ecsService) resets(sv *service) bool {
	return or(sv.DeploymentConfiguration.DeploymentCircuitBreaker.ResetOnHealthyTask, true)
}

// grow starts the tasks that the primary deployment lacks, as far as the maximum percent lets it.
func (s *ecsService) grow(r *Region, c *cluster, sv *service) {
	p, active := sv.primary(), c.active(sv)
	if p.RolloutState == types.DeploymentRolloutStateFailed || sv.LaunchNext.After(s.clock) {
		return
	}
	mine := slices.DeleteFunc(slices.Clone(active), func(t *task) bool { return t.Deployment != *p.Id })
	most := int(math.Floor(float64(sv.DesiredCount) * float64(*sv.DeploymentConfiguration.MaximumPercent) / 100))
	n := min(int(sv.DesiredCount)-len(mine), most-len(active))
	if n <= 0 {
		return
	}
	rev, d := sv.Revisions[sv.Live[*p.Id].Revision], r.ECS.definition(*p.TaskDefinition)
	if d == nil {
		return
	}
	for _, role := range []*string{d.ExecutionRoleArn, d.TaskRoleArn} {
		if role != nil && !s.roleReady(*role) {
			s.event(sv, "failed to launch a task with (error ECS was unable to assume the role '%s' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.).", *role)
			s.failed(r, sv, *p.Id)
			s.delay(sv, roleRetry)
			return
		}
	}
	if why := s.unplaced(r, sv, d); why != "" {
		s.event(sv, "%s", why)
		s.failed(r, sv, *p.Id)
		return
	}
	var started []*task
	for range n {
		t := &task{Service: *sv.ServiceName, Deployment: *p.Id, Network: s.placed(r, rev.NetworkConfiguration.AwsvpcConfiguration)}
		t.Subnet = c.emptiest(sv, t.Network.Subnets)
		t.Group, t.StartedBy = new("service:"+*sv.ServiceName), p.Id
		t.LaunchType, t.EnableExecuteCommand = rev.LaunchType, sv.EnableExecuteCommand
		if len(rev.CapacityProviderStrategy) > 0 {
			t.CapacityProviderName, t.LaunchType = new(c.provider(sv, rev.CapacityProviderStrategy)), types.LaunchTypeFargate
		}
		t.Tags = s.taskTags(c, sv, d)
		s.launch(r, c, d, t)
		s.play(r, sv, d, t)
		started = append(started, t)
	}
	sv.Looks = 0
	s.event(sv, "has started %d tasks: %s.", len(started), taskLine(started))
}

// delay keeps a service from launching tasks for a while. An instant sandbox waits a second, or it would try for ever.
func (s *ecsService) delay(sv *service, d time.Duration) {
	at := s.clock.Add(s.scaled(d))
	if s.o.Speed == 0 && d > schedulerDelay {
		at = s.clock.Add(time.Second)
	}
	if at.After(sv.LaunchNext) {
		sv.LaunchNext = at
	}
}

// throttle launches tasks that keep failing ever more slowly (developer guide, "Service throttle logic").
func (s *ecsService) throttle(sv *service, failures int32) {
	if failures < 3 {
		s.delay(sv, schedulerDelay)
		return
	}
	s.event(sv, "is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.")
	s.delay(sv, min(15*time.Minute, time.Minute<<min(failures-3, 4)))
}

// emptiest is the subnet with the fewest tasks of the service, which spreads it over the zones.
func (c *cluster) emptiest(sv *service, subnets []string) string {
	count := map[string]int{}
	for _, t := range c.active(sv) {
		if t.Deployment == *sv.primary().Id {
			count[t.Subnet]++
		}
	}
	return slices.MinFunc(subnets, func(a, b string) int { return count[a] - count[b] })
}

// provider is the next task's capacity provider: the bases first, then by the weights.
func (c *cluster) provider(sv *service, strategy []types.CapacityProviderStrategyItem) string {
	count, total := map[string]int32{}, int32(0)
	for _, t := range c.active(sv) {
		if t.Deployment == *sv.primary().Id {
			count[val(t.CapacityProviderName)]++
			total++
		}
	}
	for _, i := range strategy {
		if count[*i.CapacityProvider] < i.Base {
			return *i.CapacityProvider
		}
	}
	weights := slices.DeleteFunc(slices.Clone(strategy), func(i types.CapacityProviderStrategyItem) bool { return i.Weight == 0 })
	return *slices.MinFunc(weights, func(a, b types.CapacityProviderStrategyItem) int {
		return int(count[*a.CapacityProvider]*b.Weight - count[*b.CapacityProvider]*a.Weight)
	}).CapacityProvider
}

// shrink stops tasks of older deployments as the minimum healthy percent lets it, and surplus ones of the primary.
func (s *ecsService) shrink(r *Region, c *cluster, sv *service) {
	p, active := sv.primary(), c.active(sv)
	least := int(math.Ceil(float64(sv.DesiredCount) * float64(*sv.DeploymentConfiguration.MinimumHealthyPercent) / 100))
	healthy, mine := 0, 0
	for _, t := range active {
		if t.Healthy {
			healthy++
		}
		if t.Deployment == *p.Id {
			mine++
		}
	}
	if p.RolloutState == types.DeploymentRolloutStateFailed { // the old tasks stay as they are
		return
	}
	stopped := map[string][]*task{}
	for _, t := range active {
		surplus := t.Deployment == *p.Id && mine > int(sv.DesiredCount)
		if !surplus && t.Deployment == *p.Id || t.Healthy && healthy <= least {
			continue
		}
		if t.Healthy {
			healthy--
		}
		if surplus {
			mine--
		}
		s.stop(r, c, t, types.TaskStopCodeServiceSchedulerInitiated, "Scaling activity initiated by (deployment "+*p.Id+")", nil)
		stopped[t.Deployment] = append(stopped[t.Deployment], t)
	}
	for _, list := range sorted(stopped) {
		s.event(sv, "has stopped %d running tasks: %s.", len(list), taskLine(list))
	}
}

// settle ends the deployment when enough of its tasks are healthy and those of others have stopped; it says whether
// there is nothing left to wait for.
func (s *ecsService) settle(r *Region, c *cluster, sv *service) bool {
	healthy, young, others := 0, 0, map[string]int{}
	for _, t := range c.of(sv) {
		switch {
		case *t.LastStatus == "STOPPED":
		case t.Deployment != *sv.primary().Id:
			others[t.Deployment]++
		case *t.DesiredStatus == "RUNNING" && t.Healthy:
			healthy++
		case *t.DesiredStatus == "RUNNING":
			young++
		}
	}
	sv.Deployments = slices.DeleteFunc(sv.Deployments, func(d types.Deployment) bool { return *d.Status == "ACTIVE" && others[*d.Id] == 0 })
	p, o := sv.primary(), sv.Rollouts[0]
	if p.RolloutState == types.DeploymentRolloutStateFailed {
		return young == 0
	}
	steady := young == 0 && len(others) == 0 && healthy == int(sv.DesiredCount)
	if p.RolloutState == types.DeploymentRolloutStateInProgress && (steady || early(sv, healthy, len(others) == 0)) {
		if s.planned("ecs halfway", sv.id(r)+" "+*p.Id) || s.bakes(r, o) {
			return false
		}
		s.completed(sv)
	}
	if steady && !sv.Steady {
		sv.Steady = true
		s.event(sv, "has reached a steady state.")
	}
	return steady
}

// early says whether a service's early success criteria let its deployment end: enough tasks are healthy, and nothing is
// left of the others, unless that may come later (documentation of types.DeploymentEarlySuccessCriteria).
func early(sv *service, healthy int, alone bool) bool {
	e := sv.DeploymentConfiguration.EarlySuccessCriteria
	if e == nil || !e.Enable {
		return false
	}
	enough := (int(sv.DesiredCount)*int(*e.HealthyPercent) + 99) / 100
	return healthy >= enough && (alone || e.SourceServiceRevisionCleanup == types.ServiceRevisionCleanupDeferred)
}
