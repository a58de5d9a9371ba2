package sandbox

import (
	"fmt"
	"slices"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Watch has a test look at the account after every request and after everything that time does. It is called under the
// lock: it makes no requests, and may ask for Harm.
func (s *Sandbox) Watch(look func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = look
}

func (s *Sandbox) watched() {
	if s.watch != nil {
		s.watch()
	}
}

// Harm is what keeps services that have once come up from being reached, or their healthy tasks from being started
// again, at this moment, a line each. It is for Watch and Do.
func (s *Sandbox) Harm() (lines []string) {
	e := &ecsService{s}
	for _, r := range sorted(s.state.Regions) {
		for _, c := range sorted(r.ECS.Clusters) {
			for name, sv := range sorted(c.Services) {
				if *sv.Status != "ACTIVE" || sv.Completed == "" || sv.DesiredCount == 0 {
					continue
				}
				for _, what := range append(r.unreached(c, sv), e.unstartable(r, c, sv)...) {
					lines = append(lines, name+": "+what)
				}
			}
		}
	}
	return lines
}

// unreached says which listeners lead to no task of a service behind a balancer, and which of its targets get requests
// that don't arrive.
func (r *Region) unreached(c *cluster, sv *service) (lines []string) {
	forwarding := 0
	for _, l := range sorted(r.ELB.Listeners) {
		for _, a := range l.DefaultActions {
			if a.ForwardConfig == nil {
				continue
			}
			for _, t := range a.ForwardConfig.TargetGroups {
				g := r.ELB.Groups[*t.TargetGroupArn]
				if g == nil || or(t.Weight, 1) == 0 || !slices.ContainsFunc(sv.LoadBalancers, func(lb types.LoadBalancer) bool { return *lb.TargetGroupArn == *g.TargetGroupArn }) {
					continue
				}
				forwarding++
				lines = append(lines, r.unanswered(c, sv, l, g)...)
			}
		}
	}
	if forwarding == 0 && len(sv.LoadBalancers) > 0 {
		lines = append(lines, "no listener forwards to it")
	}
	return lines
}

// unanswered says whether a listener's requests to a group find no healthy target, or one that does not let them in.
func (r *Region) unanswered(c *cluster, sv *service, l *listener, g *targetGroup) (lines []string) {
	lb, healthy := r.ELB.Balancers[*l.LoadBalancerArn], 0
	if !r.admits(lb.SecurityGroups, *l.Port, nil) {
		lines = append(lines, fmt.Sprintf("nobody is let in to port %d of the balancer", *l.Port))
	}
	if !slices.ContainsFunc(lb.SecurityGroups, r.lets) {
		lines = append(lines, "the balancer can't send anything")
	}
	for _, t := range g.Targets {
		if r.ELB.health(g, t).State != "healthy" {
			continue
		}
		healthy++
		for _, task := range c.of(sv) {
			if task.IP == t.ID && *task.LastStatus == "RUNNING" && !r.admits(task.Network.SecurityGroups, t.Port, lb.SecurityGroups) {
				lines = append(lines, fmt.Sprintf("its tasks don't let the balancer in to port %d", t.Port))
			}
		}
	}
	if healthy == 0 {
		lines = append(lines, fmt.Sprintf("port %d forwards to %s, where no target is healthy", *l.Port, *g.TargetGroupName))
	}
	return lines
}

// admits says whether security groups let TCP in to a port from one of the peers; from anybody for nil.
func (r *Region) admits(groups []string, port int32, peers []string) bool {
	for _, rule := range r.EC2.Rules {
		ports := val(rule.IpProtocol) == "-1" || val(rule.IpProtocol) == "tcp" && val(rule.FromPort) <= port && port <= val(rule.ToPort)
		if val(rule.IsEgress) || !ports || !slices.Contains(groups, val(rule.GroupId)) {
			continue
		}
		if peers == nil || rule.ReferencedGroupInfo != nil && slices.Contains(peers, val(rule.ReferencedGroupInfo.GroupId)) {
			return true
		}
	}
	return false
}

// unstartable says why healthy tasks of a service could not be started again: by a crash, or where Fargate moves them.
func (s *ecsService) unstartable(r *Region, c *cluster, sv *service) (lines []string) {
	for _, t := range c.active(sv) {
		d := r.ECS.definition(*t.TaskDefinitionArn)
		switch {
		case !t.Healthy:
			continue
		case d == nil || d.Status != types.TaskDefinitionStatusActive:
			lines = append(lines, "the task definition of a running task is gone")
			continue
		}
		for _, role := range []*string{d.ExecutionRoleArn, d.TaskRoleArn} {
			if role != nil && !s.roleReady(*role) {
				lines = append(lines, "ECS can't assume "+*role)
			}
		}
		for _, why := range []string{s.withheld(r, d), s.unpullable(d), s.unreachable(r, t, d), r.homeless(t)} {
			if why != "" {
				lines = append(lines, why)
			}
		}
	}
	return slices.Compact(lines)
}

// homeless says what of a task's network is gone.
func (r *Region) homeless(t *task) string {
	for _, g := range t.Network.SecurityGroups {
		if r.EC2.Groups[g] == nil {
			return "security group " + g + " of a running task is gone"
		}
	}
	for _, id := range t.Network.Subnets {
		if n := r.EC2.Subnets[id]; n == nil || n.State != ec2types.SubnetStateAvailable {
			return "subnet " + id + " of a running task is gone"
		}
	}
	return ""
}
