package steps

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/fargatectl/fargatectl/deploy"
)

// Traffic is which target group gets the requests. It comes behind the rollout: a new group must have healthy tasks
// before it gets any request, and the old one keeps its tasks until it gets none.
type Traffic struct {
	*App
	ALB     *ALB
	Rollout *Rollout
}

func (s *Traffic) Name() string { return "traffic" }

// Wanted is false while the rollout is not awaited: then nobody knows whether the new group can serve.
func (s *Traffic) Wanted() bool { return s.Options.Awaited() }

// Read does nothing: the listeners say it all, and ALB has them.
func (s *Traffic) Read(context.Context) error { return nil }

// Remove does nothing: requests end with the listeners.
func (s *Traffic) Remove() []deploy.Change { return nil }

// Plan sends the requests to the wanted group. The old ones stay with the listeners, without weight, until no task is
// registered in them: ECS counts no task as healthy in a group that no balancer uses, and would not keep it running.
func (s *Traffic) Plan() []deploy.Change {
	var elsewhere []string
	for _, port := range s.ALB.forwarding() {
		for _, t := range s.others(port) {
			if name := groupOf(*t.TargetGroupArn); weight(t) > 0 && !slices.Contains(elsewhere, name) {
				elsewhere = append(elsewhere, name)
			}
		}
	}
	if len(elsewhere) == 0 {
		return nil
	}
	return []deploy.Change{{
		Op: deploy.Update, What: "requests", Diff: deploy.Diff(deploy.Field{Name: "forward to", From: strings.Join(elsewhere, ", "), To: s.ALB.groupName()}),
		Await: []deploy.Slow{s.Rollout}, Do: s.move,
	}}
}

// others are the target groups of a listener besides the wanted one.
func (s *Traffic) others(port int32) (groups []types.TargetGroupTuple) {
	tg, made := s.ALB.TargetGroup.Known()
	for _, t := range forwards(s.ALB.on(port)) {
		if !made || *t.TargetGroupArn != tg {
			groups = append(groups, t)
		}
	}
	return groups
}

func (s *Traffic) move(ctx context.Context) error {
	for _, port := range s.ALB.forwarding() {
		groups := []types.TargetGroupTuple{{TargetGroupArn: new(s.ALB.TargetGroup.Get()), Weight: new(int32(1))}}
		for _, t := range s.others(port) {
			groups = append(groups, types.TargetGroupTuple{TargetGroupArn: t.TargetGroupArn, Weight: new(int32(0))})
		}
		if err := s.ALB.act(ctx, port, forwardTo(groups...)); err != nil {
			return err
		}
	}
	return nil
}

var _ deploy.Step = (*Traffic)(nil)
