package release

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/fargatectl/fargatectl/aws"
)

// A Range is between how many tasks autoscaling may choose.
type Range struct {
	Min, Max int32
}

// A Scaling is a wish for another number of tasks.
type Scaling struct {
	Count    *int32 // the desired count; nil leaves it
	Relative bool   // Count is added to the live one
	Min, Max *int32 // the range; nil leaves it
	By       string // ARN of who does it
	Of       Range  // the manifest's range, zero without a manifest
}

// Scaled is what a Scaling has come to.
type Scaled struct {
	Before, Desired int32
	Range           *Range // nil: nothing scales the service
	Moved           bool   // the range is another than before
}

// Range is the autoscaling range of the service, nil without one.
func (s *Service) Range(ctx context.Context) (*Range, error) {
	out, err := s.Calls.Scaling.DescribeScalableTargets(ctx, &applicationautoscaling.DescribeScalableTargetsInput{
		ServiceNamespace: scaling.ServiceNamespaceEcs, ScalableDimension: scaling.ScalableDimensionECSServiceDesiredCount,
		ResourceIds: []string{s.scalable()},
	})
	if err != nil || len(out.ScalableTargets) == 0 {
		return nil, err
	}
	return &Range{val(out.ScalableTargets[0].MinCapacity), val(out.ScalableTargets[0].MaxCapacity)}, nil
}

// scalable is the service's id in Application Auto Scaling.
func (s *Service) scalable() string { return "service/" + short(s.Cluster) + "/" + s.Name }

// Scale moves the count and the range by one rule: a count outside the range moves the nearer bound to it. What was
// set is noted in a tag of the service, so that the next `up` keeps it.
func (s *Service) Scale(ctx context.Context, w Scaling) (*Scaled, error) {
	live, err := s.Range(ctx)
	if err != nil {
		return nil, err
	}
	out, err := w.resolve(s.Live.DesiredCount, live)
	if err != nil {
		return nil, err
	}
	if out.Moved { // before the count: autoscaling would put it back
		_, err = s.Calls.Scaling.RegisterScalableTarget(ctx, &applicationautoscaling.RegisterScalableTargetInput{
			ServiceNamespace: scaling.ServiceNamespaceEcs, ScalableDimension: scaling.ScalableDimensionECSServiceDesiredCount,
			ResourceId: new(s.scalable()), MinCapacity: &out.Range.Min, MaxCapacity: &out.Range.Max,
		})
		if err != nil {
			return nil, err
		}
	}
	if out.Desired != out.Before {
		if _, err = s.Calls.ECS.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &s.Cluster, Service: &s.Name, DesiredCount: &out.Desired}); err != nil {
			return nil, err
		}
	}
	if w.Of == (Range{}) || out.Range == nil {
		return out, nil
	}
	note := aws.ScaleNote{By: w.By, At: time.Now(), Min: out.Range.Min, Max: out.Range.Max, OfMin: w.Of.Min, OfMax: w.Of.Max}
	if w.Count != nil {
		note.Desired = out.Desired
	}
	return out, s.note(ctx, val(s.Live.ServiceArn), aws.TagScale, note)
}

// resolve is the rule, without a call.
func (w Scaling) resolve(desired int32, live *Range) (*Scaled, error) {
	out := &Scaled{Before: desired, Desired: desired}
	if w.Count != nil {
		out.Desired = *w.Count
		if w.Relative {
			out.Desired += desired
		}
	}
	if out.Desired < 0 {
		return nil, fmt.Errorf("%d tasks can't be fewer than none", out.Desired)
	}
	if live == nil {
		if w.Min != nil || w.Max != nil {
			return nil, fmt.Errorf("nothing scales this service: it has no range")
		}
		return out, nil
	}
	r := *live
	if w.Min != nil {
		r.Min = *w.Min
	}
	if w.Max != nil {
		r.Max = *w.Max
	}
	if r.Min > r.Max {
		return nil, fmt.Errorf("the range %d to %d is none", r.Min, r.Max)
	}
	if w.Count != nil {
		if err := w.outside(out.Desired); err != nil {
			return nil, err
		}
		r.Min, r.Max = min(r.Min, out.Desired), max(r.Max, out.Desired)
	}
	out.Desired = min(max(out.Desired, r.Min), r.Max) // AWS does so at once
	out.Range, out.Moved = &r, r != *live
	return out, nil
}

// outside refuses a count outside a bound of the same command.
func (w Scaling) outside(n int32) error {
	if w.Min != nil && n < *w.Min || w.Max != nil && n > *w.Max {
		return fmt.Errorf("%d tasks lie outside the range that is set with them", n)
	}
	return nil
}

// Text says what was done, a line each.
func (o *Scaled) Text() string {
	var lines []string
	if o.Desired != o.Before {
		lines = append(lines, fmt.Sprintf("desired count %d -> %d", o.Before, o.Desired))
	} else {
		lines = append(lines, fmt.Sprintf("desired count stays %d", o.Desired))
	}
	if o.Range != nil {
		state := "stays"
		if o.Moved {
			state = "is now"
		}
		lines = append(lines, fmt.Sprintf("the range %s %d to %d; autoscaling may move the count again within it", state, o.Range.Min, o.Range.Max))
	}
	return strings.Join(lines, "\n")
}
