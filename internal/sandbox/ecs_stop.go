package sandbox

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// stop makes a task stop, for the service it belongs to as well.
func (s *ecsService) stop(r *Region, c *cluster, t *task, code types.TaskStopCode, reason string, how *stopping) {
	if *t.DesiredStatus == "STOPPED" {
		return
	}
	t.DesiredStatus, t.StopCode, t.StoppedReason, t.StoppingAt = new("STOPPED"), code, &reason, new(s.clock)
	t.Stopping = how
	s.forget("ecs task", r.Name+"/"+*c.ClusterName+"/"+t.id())
	sv := c.Services[t.Service]
	if sv != nil && code == types.TaskStopCodeTaskFailedToStart {
		s.event(sv, "was unable to place a task. Reason: %s.", strings.TrimSuffix(reason, "."))
	}
	if sv != nil && !t.Healthy && (code != types.TaskStopCodeServiceSchedulerInitiated || strings.HasPrefix(reason, "Task failed")) && code != types.TaskStopCodeUserInitiated {
		s.failed(r, sv, t.Deployment)
	}
	t.Healthy = false
	if how != nil {
		t.exited()
	}
	switch {
	case len(t.Targets) > 0 && *t.LastStatus == "RUNNING":
		t.LastStatus = new("DEACTIVATING")
		if sv != nil {
			s.event(sv, "has begun draining connections on 1 tasks.")
		}
		s.deregister(r, t)
	case *t.LastStatus == "RUNNING", *t.LastStatus == "ACTIVATING":
		s.deregister(r, t)
		t.LastStatus = new("STOPPING")
	default:
		t.LastStatus = new("DEPROVISIONING")
	}
	s.next(r, t, s.waneTime(t, how != nil))
	s.woken(r, c, t)
}

// waneTime is how long a task on its way out stays in its state. Draining is asked for every second.
func (s *ecsService) waneTime(t *task, ended bool) time.Duration {
	switch *t.LastStatus {
	case "DEACTIVATING":
		return time.Second
	case "STOPPING":
		if ended { // its containers have ended by themselves
			return time.Second
		}
		return taskStop - eniDetach
	}
	return eniDetach
}

// wane takes a stopping task on: its targets drain, its containers get SIGTERM, its network interface goes.
func (s *ecsService) wane(r *Region, c *cluster, t *task) {
	switch *t.LastStatus {
	case "DEACTIVATING":
		if s.draining(r, t) {
			s.again(time.Second, "ecs task", r.Name+"/"+*c.ClusterName+"/"+t.id())
			return
		}
		t.LastStatus = new("STOPPING")
	case "STOPPING":
		t.LastStatus, t.ExecutionStoppedAt = new("DEPROVISIONING"), new(s.clock)
		t.exited()
	case "DEPROVISIONING":
		s.disconnect(r, t)
		t.LastStatus, t.StoppedAt = new("STOPPED"), new(s.clock)
		t.exited()
		s.again(tasksRemembered, "ecs forget", r.Name+"/"+*c.ClusterName+"/"+t.id())
		s.purge(r)
		s.woken(r, c, t)
		return
	}
	s.next(r, t, s.waneTime(t, t.Stopping != nil))
	s.woken(r, c, t)
}

// exited shows how the containers have ended: the one to blame as it did, the others by SIGTERM. What never started has no
// exit code.
func (t *task) exited() {
	for i := range t.Containers {
		t.Containers[i].LastStatus = new("STOPPED")
		if t.StartedAt == nil || t.Containers[i].ExitCode != nil {
			continue
		}
		t.Containers[i].ExitCode = new(int32(0))
		if t.commanded() && *t.Containers[i].Name == t.Played {
			t.Containers[i].ExitCode = new(int32(killed))
		}
	}
	if how := t.Stopping; how != nil {
		t.Containers[how.Container].ExitCode = how.ExitCode
		if how.Reason != "" {
			t.Containers[how.Container].Reason = &how.Reason
		}
	}
}

// again plans an event that comes back or must not come at once: an instant sandbox takes real time for it.
func (s *Sandbox) again(d time.Duration, kind, id string) {
	if s.o.Speed != 0 {
		s.after(d, kind, id)
		return
	}
	s.state.Events = append(s.state.Events, event{s.clock.Add(d), s.nextSeq(), kind, id})
}

// forgetTask forgets a stopped task: DescribeTasks knows it for an hour.
func (s *ecsService) forgetTask(id string) {
	if _, c, t := s.findTask(id); t != nil {
		delete(c.Tasks, t.id())
	}
}

func (s *ecsService) deregister(r *Region, t *task) {
	sv := r.ECS.Clusters[(*t.ClusterArn)[strings.LastIndex(*t.ClusterArn, "/")+1:]].Services[t.Service]
	for _, lb := range t.Targets {
		s.deregisterTarget(r, *lb.TargetGroupArn, t.IP, *lb.ContainerPort)
		if sv != nil {
			s.event(sv, "deregistered 1 targets in (target-group %s)", *lb.TargetGroupArn)
		}
	}
}

// draining says whether a target of the task still drains. ECS stops its containers only then (developer guide,
// "Optimize load balancer connection draining parameters").
func (s *ecsService) draining(r *Region, t *task) bool {
	return slices.ContainsFunc(t.Targets, func(lb types.LoadBalancer) bool {
		return s.targetHealth(r, *lb.TargetGroupArn, t.IP, *lb.ContainerPort).State == "draining"
	})
}

func (s *ecsService) disconnect(r *Region, t *task) {
	if t.ENI != "" {
		s.detachENI(r, t.ENI)
		t.Attachments[0].Status = new("DELETED")
	}
}
