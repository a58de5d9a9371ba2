package release

import (
	"context"
	"fmt"
	"slices"
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
	Suspend  *bool  // whether autoscaling rests; nil leaves it
	By       string // ARN of who does it
	Of       Range  // the manifest's range, zero without a manifest
}

// Scaled is what a Scaling has come to.
type Scaled struct {
	Before, Desired int32
	Was             Range
	Range           *Range         // nil: nothing scales the service
	Moved           bool           // the range is another than before
	Suspended       bool           // autoscaling rests, wholly
	Turned          bool           // it did not before, or the other way round
	Scaling         *ScalingStatus // who else moves the count, as it is from now on; nil: nobody
	Alarms          []AlarmStatus  // of the policies, as far as they can be read
}

// Scale moves the count and the range by one rule: a count outside the range moves the nearer bound to it. What was
// set is noted in a tag of the service, so that the next `up` keeps it.
func (s *Service) Scale(ctx context.Context, w Scaling) (*Scaled, error) {
	live, err := s.Scaling(ctx, 0)
	if err != nil {
		return nil, err
	}
	out, err := w.resolve(s.Live.DesiredCount, live)
	if err != nil {
		return nil, err
	}
	if out.Moved || out.Turned { // before the count: autoscaling would put it back
		if err := s.setTarget(ctx, out); err != nil {
			return nil, err
		}
	}
	if out.Desired != out.Before {
		if _, err = s.Calls.ECS.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &s.Cluster, Service: &s.Name, DesiredCount: &out.Desired}); err != nil {
			return nil, err
		}
	}
	if live != nil {
		live.MinCapacity, live.MaxCapacity = out.Range.Min, out.Range.Max
		if out.Turned {
			live.suspend(out.Suspended)
		}
		out.Scaling = live
		out.Alarms, _ = s.alarms(ctx, live) // it is scaled without them, too
	}
	if w.Of == (Range{}) || out.Range == nil || w.Count == nil && w.Min == nil && w.Max == nil || !s.writesNotes() {
		return out, nil
	}
	note := aws.ScaleNote{By: w.By, At: time.Now(), Min: out.Range.Min, Max: out.Range.Max, OfMin: w.Of.Min, OfMax: w.Of.Max}
	if w.Count != nil {
		note.Desired = out.Desired
	}
	return out, s.note(ctx, val(s.Live.ServiceArn), aws.TagScale, note)
}

// setTarget sets the range, and whether scaling rests: all three kinds of it together.
func (s *Service) setTarget(ctx context.Context, out *Scaled) error {
	in := &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace: scaling.ServiceNamespaceEcs, ScalableDimension: scaling.ScalableDimensionECSServiceDesiredCount,
		ResourceId: new(s.scalable()), MinCapacity: &out.Range.Min, MaxCapacity: &out.Range.Max,
	}
	if out.Turned {
		off := &out.Suspended
		in.SuspendedState = &scaling.SuspendedState{DynamicScalingInSuspended: off, DynamicScalingOutSuspended: off, ScheduledScalingSuspended: off}
	}
	_, err := s.Calls.Scaling.RegisterScalableTarget(ctx, in)
	return err
}

// resolve is the rule, without a call.
func (w Scaling) resolve(desired int32, live *ScalingStatus) (*Scaled, error) {
	out := &Scaled{Before: desired, Desired: desired}
	if w.Count != nil {
		out.Desired = *w.Count
		if w.Relative {
			out.Desired += desired
		}
	}
	if out.Desired < 0 {
		return nil, fmt.Errorf("there are %s to take from, and %d are to go", tasks(desired), -*w.Count)
	}
	if live == nil {
		if w.Min != nil || w.Max != nil || w.Suspend != nil {
			return nil, fmt.Errorf("nothing scales this service: it has no range")
		}
		return out, nil
	}
	out.Suspended = len(live.Suspended) == len(kinds)
	if w.Suspend != nil {
		rests := len(live.Suspended) == len(kinds)
		if !*w.Suspend {
			rests = len(live.Suspended) > 0
		}
		out.Suspended, out.Turned = *w.Suspend, rests != *w.Suspend
	}
	out.Was = live.Range()
	r := out.Was
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
	out.Range, out.Moved = &r, r != out.Was
	return out, nil
}

// outside refuses a count outside a bound of the same command.
func (w Scaling) outside(n int32) error {
	if w.Min != nil && n < *w.Min || w.Max != nil && n > *w.Max {
		return fmt.Errorf("%s: that is outside the range that is set with it", tasks(n))
	}
	return nil
}

// Lines say what was done, and who moves the count from now on.
func (o *Scaled) Lines() (lines []string) {
	if o.Desired != o.Before {
		lines = append(lines, fmt.Sprintf("desired count %d -> %d", o.Before, o.Desired))
	} else {
		lines = append(lines, fmt.Sprintf("desired count stays %d", o.Desired))
	}
	if o.Range == nil {
		return append(lines, "nothing scales this service: the count stays until somebody sets another")
	}
	lines = append(lines, o.span())
	if o.Suspended {
		return append(lines, "autoscaling is suspended: nothing moves the count until scale --resume")
	}
	if o.Turned {
		lines = append(lines, "autoscaling goes on")
	}
	if o.Scaling != nil {
		if len(o.Scaling.Policies)+len(o.Scaling.Schedules) == 0 {
			lines = append(lines, "no policy and no schedule moves the count")
		}
		lines = append(lines, o.Scaling.Outlook(o.Desired, o.Alarms)...)
	}
	return lines
}

// span says what the range is, and which bound has moved.
func (o *Scaled) span() string {
	r := *o.Range
	if !o.Moved {
		return fmt.Sprintf("the range stays %d to %d; autoscaling may move the count again within it", r.Min, r.Max)
	}
	var was []string
	if r.Min != o.Was.Min {
		was = append(was, fmt.Sprintf("its minimum was %d", o.Was.Min))
	}
	if r.Max != o.Was.Max {
		was = append(was, fmt.Sprintf("its maximum was %d", o.Was.Max))
	}
	return fmt.Sprintf("the range is now %d to %d (%s); autoscaling may move the count again within it", r.Min, r.Max, strings.Join(was, ", "))
}

// kinds of scaling that can rest.
var kinds = []string{"scale_in", "scale_out", "schedules"}

func (s *ScalingStatus) suspend(all bool) {
	s.Suspended = []string{}
	if all {
		s.Suspended = slices.Clone(kinds)
	}
}
