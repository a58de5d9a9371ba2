package steps

import (
	"context"
	"fmt"
	"slices"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// A targetGroup is a live one.
type targetGroup struct {
	types.TargetGroup
	attributes map[string]string
	serving    bool // one of its targets is healthy; only looked at when the health check is to change
}

func (g *targetGroup) arn() string  { return *g.TargetGroupArn }
func (g *targetGroup) name() string { return *g.TargetGroupName }

// groupNames are the two that a target group of ours has in turns.
func (s *ALB) groupNames() []string {
	return []string{s.Manifest.Stack() + "-tg", s.Manifest.Stack() + "-tg-2"}
}

// targetGroups lists those with one of our names, and ours under older ones.
func (s *ALB) targetGroups(ctx context.Context) (found []types.TargetGroup, err error) {
	renamed, _ := s.find(ctx, "target-group")
	for in, more := new(elb.DescribeTargetGroupsInput), true; more; {
		page, err := s.AWS.ELB.DescribeTargetGroups(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, g := range page.TargetGroups {
			if slices.Contains(s.groupNames(), *g.TargetGroupName) || slices.Contains(renamed, *g.TargetGroupArn) {
				found = append(found, g)
			}
		}
		in.Marker, more = page.NextMarker, val(page.NextMarker) != ""
	}
	return found, nil
}

func (s *ALB) targetGroup(ctx context.Context, g types.TargetGroup) (*targetGroup, error) {
	live := &targetGroup{TargetGroup: g, attributes: map[string]string{}}
	out, err := s.AWS.ELB.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: g.TargetGroupArn})
	if err != nil {
		return nil, err
	}
	for _, a := range out.Attributes {
		live.attributes[val(a.Key)] = val(a.Value)
	}
	if s.answerDiff(live) == nil {
		return live, nil
	}
	health, err := s.AWS.ELB.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn})
	if err != nil {
		return nil, err
	}
	live.serving = slices.ContainsFunc(health.TargetHealthDescriptions, func(d types.TargetHealthDescription) bool {
		return d.TargetHealth != nil && d.TargetHealth.State == types.TargetHealthStateEnumHealthy
	})
	return live, nil
}

// fits says whether a group can be brought to what is wanted: protocol, version, kind and VPC never change. Its port
// may be any, since ECS registers every task with its own.
func (s *ALB) fits(g *targetGroup) bool {
	vpc := s.vpc
	if s.lb != nil && !s.failed() {
		vpc = *s.lb.VpcId
	}
	return g.Protocol == types.ProtocolEnumHttp && (g.ProtocolVersion == nil || *g.ProtocolVersion == "HTTP1") && g.TargetType == types.TargetTypeEnumIp &&
		vpc == val(g.VpcId)
}

// choose takes the group that fits, of two the one that gets requests; the others are replaced.
func (s *ALB) choose(groups []*targetGroup) {
	s.tg, s.old, s.taken = nil, nil, nil
	for _, g := range groups {
		s.taken = append(s.taken, g.name())
		switch {
		case !s.fits(g):
			s.old = append(s.old, g)
		case s.tg == nil:
			s.tg = g
		case slices.Contains(s.inUse(), g.arn()):
			s.tg, s.old = g, append(s.old, s.tg)
		default:
			s.old = append(s.old, g)
		}
	}
	s.TargetGroup.Forget()
	if s.tg != nil {
		s.TargetGroup.Set(s.tg.arn())
	}
}

// groupName is that of the wanted group, be it to be made.
func (s *ALB) groupName() string {
	if s.tg != nil {
		return s.tg.name()
	}
	names := s.groupNames()
	if slices.Contains(s.taken, names[0]) {
		return names[1]
	}
	return names[0]
}

// planGroup makes the target group, or brings it to what the manifest says.
func (s *ALB) planGroup() (plan []deploy.Change) {
	what := "target group " + s.groupName()
	if s.tg == nil {
		return []deploy.Change{{Op: deploy.Create, What: what, Group: "balancer", Why: s.whyNewGroup(), Do: s.createGroup}}
	}
	delay := fmt.Sprint(s.Manifest.ALB.DeregistrationDelay)
	if diff := deploy.Diff(deploy.F("deregistration delay", s.tg.attributes["deregistration_delay.timeout_seconds"], delay)); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what, Diff: diff, Do: s.setDelay})
	}
	if diff := s.paceDiff(s.tg); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what + " health check", Diff: diff, Do: func(ctx context.Context) error {
			h := s.Manifest.ALB.HealthCheck
			return s.modifyGroup(ctx, &elb.ModifyTargetGroupInput{
				HealthCheckIntervalSeconds: &h.Interval, HealthCheckTimeoutSeconds: &h.Timeout,
				HealthyThresholdCount: &h.HealthyThreshold, UnhealthyThresholdCount: &h.UnhealthyThreshold,
			})
		}})
	}
	if diff := s.answerDiff(s.tg); diff != nil {
		plan = append(plan, s.planAnswer(what, diff))
	}
	return append(plan, retag(what, s.liveTags[s.tg.arn()], s.tags("target-group"), s.addTags(s.tg.arn()))...)
}

// planAnswer changes what a healthy target answers. While tasks serve, that is done once the new release does: changed
// before, it would fail the running tasks, and a new release that answers both is never found unhealthy. Where no
// task is healthy there is nothing to protect, and the change may be what cures it.
func (s *ALB) planAnswer(what string, diff []deploy.Field) deploy.Change {
	h := s.Manifest.ALB.HealthCheck
	c := deploy.Change{Op: deploy.Update, What: what + " health check answer", Diff: diff, Do: func(ctx context.Context) error {
		return s.modifyGroup(ctx, &elb.ModifyTargetGroupInput{
			HealthCheckPath: &h.Path, Matcher: &types.Matcher{HttpCode: &h.Matcher},
			HealthCheckProtocol: types.ProtocolEnumHttp, HealthCheckPort: new("traffic-port"),
		})
	}}
	if s.tg.serving {
		c.After = true
		c.Why = fmt.Sprintf("what runs then must answer %s; until then %s is asked", h.Path, val(s.tg.HealthCheckPath))
	}
	return c
}

func (s *ALB) whyNewGroup() string {
	if len(s.old) == 0 {
		return ""
	}
	return "beside " + s.old[0].name() + ", whose protocol, kind or VPC AWS can't change"
}

// answerDiff is what targets have to answer, paceDiff how often they are asked.
func (s *ALB) answerDiff(g *targetGroup) []deploy.Field {
	h := s.Manifest.ALB.HealthCheck
	return deploy.Diff(
		deploy.F("health check path", val(g.HealthCheckPath), h.Path),
		deploy.F("matcher", val(val(g.Matcher).HttpCode), h.Matcher),
		deploy.F("health check port", val(g.HealthCheckPort), "traffic-port"),
		deploy.F("health check protocol", g.HealthCheckProtocol, types.ProtocolEnumHttp),
	)
}

func (s *ALB) paceDiff(g *targetGroup) []deploy.Field {
	h := s.Manifest.ALB.HealthCheck
	return deploy.Diff(
		deploy.F("interval", val(g.HealthCheckIntervalSeconds), h.Interval),
		deploy.F("timeout", val(g.HealthCheckTimeoutSeconds), h.Timeout),
		deploy.F("healthy threshold", val(g.HealthyThresholdCount), h.HealthyThreshold),
		deploy.F("unhealthy threshold", val(g.UnhealthyThresholdCount), h.UnhealthyThreshold),
	)
}

func (s *ALB) modifyGroup(ctx context.Context, in *elb.ModifyTargetGroupInput) error {
	in.TargetGroupArn = s.tg.TargetGroupArn
	out, err := s.AWS.ELB.ModifyTargetGroup(ctx, in)
	if err == nil {
		s.tg.TargetGroup = out.TargetGroups[0]
	}
	return err
}

// createGroup makes the group, and sets the delay in a second call: a crash between the two leaves AWS's 300 s, which
// the next plan shows.
func (s *ALB) createGroup(ctx context.Context) error {
	h := s.Manifest.ALB.HealthCheck
	out, err := s.AWS.ELB.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: new(s.groupName()), VpcId: new(s.VPC.ID.Get()), Port: new(s.port()),
		Protocol: types.ProtocolEnumHttp, ProtocolVersion: new("HTTP1"), TargetType: types.TargetTypeEnumIp,
		HealthCheckEnabled: new(true), HealthCheckProtocol: types.ProtocolEnumHttp, HealthCheckPort: new("traffic-port"), HealthCheckPath: &h.Path,
		HealthCheckIntervalSeconds: &h.Interval, HealthCheckTimeoutSeconds: &h.Timeout, HealthyThresholdCount: &h.HealthyThreshold,
		UnhealthyThresholdCount: &h.UnhealthyThreshold, Matcher: &types.Matcher{HttpCode: &h.Matcher},
		Tags: aws.Convert(s.tags("target-group"), elbTag),
	})
	if err != nil {
		return err
	}
	s.tg = &targetGroup{TargetGroup: out.TargetGroups[0], attributes: map[string]string{}}
	s.TargetGroup.Set(s.tg.arn())
	return s.known(ctx, func() error { return s.setDelay(ctx) })
}

func (s *ALB) setDelay(ctx context.Context) error {
	const key = "deregistration_delay.timeout_seconds"
	delay := fmt.Sprint(s.Manifest.ALB.DeregistrationDelay)
	_, err := s.AWS.ELB.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{
		TargetGroupArn: s.tg.TargetGroupArn, Attributes: []types.TargetGroupAttribute{{Key: new(key), Value: &delay}},
	})
	if err == nil {
		s.tg.attributes[key] = delay
	}
	return err
}
