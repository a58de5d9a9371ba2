package steps

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/schedule"
)

// readTarget finds the scalable target and its tags, which it does not show itself.
func (s *Scaling) readTarget(ctx context.Context) func() error {
	return func() error {
		out, err := s.AWS.Scaling.DescribeScalableTargets(ctx, &applicationautoscaling.DescribeScalableTargetsInput{
			ServiceNamespace: types.ServiceNamespaceEcs, ScalableDimension: types.ScalableDimensionECSServiceDesiredCount, ResourceIds: []string{s.id},
		})
		if err != nil || len(out.ScalableTargets) == 0 {
			return err
		}
		s.target = &out.ScalableTargets[0]
		if s.target.ScalableTargetARN == nil { // of before 2023
			return nil
		}
		s.liveTags, err = s.AWS.Scaling.Tags(ctx, *s.target.ScalableTargetARN)
		return err
	}
}

// bounds are the wanted range: the manifest's, or what scale has set.
func (s *Scaling) bounds() (least, most int32) {
	if s.set != nil {
		return s.set.Min, s.set.Max
	}
	return s.Manifest.Service.MinCapacity, s.Manifest.Service.MaxCapacity
}

// moved is the schedule of the manifest that has set the range which is live, "" when none has: its range is wanted
// until the next schedule's.
func (s *Scaling) moved() string {
	if s.target == nil {
		return ""
	}
	least, most := s.bounds()
	live := [2]int32{val(s.target.MinCapacity), val(s.target.MaxCapacity)}
	for _, a := range s.Manifest.Service.Schedules {
		action, ok := s.actions[s.prefix()+a.Name]
		if !ok || live != [2]int32{a.MinCapacity, a.MaxCapacity} || live == [2]int32{least, most} || s.planAction(a) != nil {
			continue
		}
		made := val(action.CreationTime)
		if first, err := schedule.Next(a.Schedule, a.Timezone, made, made); err == nil && !first.IsZero() && first.Before(time.Now()) {
			return a.Name
		}
	}
	return ""
}

// planRange makes the target, or moves its range, unless a schedule has set it.
func (s *Scaling) planRange() []deploy.Change {
	least, most := s.bounds()
	what := fmt.Sprintf("scalable target %d to %d tasks", least, most)
	if s.target == nil {
		return []deploy.Change{{Op: deploy.Create, What: what, Do: s.register}}
	}
	var plan []deploy.Change
	diff := deploy.Diff(deploy.F("minimum", val(s.target.MinCapacity), least), deploy.F("maximum", val(s.target.MaxCapacity), most))
	if diff != nil && s.moved() == "" {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what, Diff: diff, Do: s.register})
	}
	if s.liveTags == nil {
		return plan
	}
	return append(plan, retag("scalable target", s.liveTags, s.tags("scaling"), func(ctx context.Context, tags map[string]string) error {
		_, err := s.AWS.Scaling.TagResource(ctx, &applicationautoscaling.TagResourceInput{ResourceARN: s.target.ScalableTargetARN, Tags: tags})
		return err
	})...)
}

// register also updates. Tags in it are for the target's creation only.
func (s *Scaling) register(ctx context.Context) error {
	least, most := s.bounds()
	in := &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace: types.ServiceNamespaceEcs, ScalableDimension: types.ScalableDimensionECSServiceDesiredCount, ResourceId: s.resource(),
		MinCapacity: &least, MaxCapacity: &most,
	}
	if s.target == nil {
		in.Tags = s.tags("scaling")
	}
	return s.known(ctx, func(ctx context.Context) error {
		out, err := s.AWS.Scaling.RegisterScalableTarget(ctx, in)
		if err == nil {
			s.target = &types.ScalableTarget{ScalableTargetARN: out.ScalableTargetARN, MinCapacity: &least, MaxCapacity: &most}
		}
		return err
	})
}
