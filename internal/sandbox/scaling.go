package sandbox

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"

	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
)

// scalingState is what Application Auto Scaling holds of ECS services, by resource id: "service/CLUSTER/SERVICE".
type scalingState struct{ Targets map[string]*scalable }

// scalable is a scalable target with its policies and scheduled actions, by name.
type scalable struct {
	types.ScalableTarget
	Tags       map[string]string
	Policies   map[string]*types.ScalingPolicy
	Actions    map[string]*types.ScheduledAction
	Activities []types.ScalingActivity // newest first
}

type scalingService struct{ *Sandbox }

func newScaling(s *Sandbox) *scalingService {
	a := &scalingService{s}
	s.on["scheduled action"] = a.act
	return a
}

var scalableID = regexp.MustCompile(`^service/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)$`)

// scalesECS holds a request to what the sandbox knows: the desired count of an ECS service.
func scalesECS(namespace types.ServiceNamespace, dimension types.ScalableDimension) error {
	if namespace != types.ServiceNamespaceEcs {
		return validation("Unsupported service namespace: %s", namespace)
	}
	if dimension != "" && dimension != types.ScalableDimensionECSServiceDesiredCount {
		return validation("Unsupported service namespace, resource type or scalable dimension")
	}
	return nil
}

func validation(format string, args ...any) error {
	return fail("ValidationException", format, args...)
}

// target finds a registered one. What says what was asked for: "scalable target found".
func (s *scalingService) target(ctx context.Context, namespace types.ServiceNamespace, id *string, dimension types.ScalableDimension, what string) (*scalable, error) {
	if err := scalesECS(namespace, dimension); err != nil {
		return nil, err
	}
	t := s.region(ctx).Scaling.Targets[val(id)]
	if t == nil {
		return nil, fail("ObjectNotFoundException", "No %s for service namespace: %s, resource ID: %s, scalable dimension: %s", what, namespace, val(id), dimension)
	}
	return t, nil
}

// serviceOf is the service that a resource id names.
func serviceOf(r *Region, id string) (*service, error) {
	m := scalableID.FindStringSubmatch(id)
	if m == nil {
		return nil, validation("Unsupported service namespace, resource type or scalable dimension")
	}
	if c := r.ECS.Clusters[m[1]]; c != nil && c.Services[m[2]] != nil && *c.Services[m[2]].Status == "ACTIVE" {
		return c.Services[m[2]], nil
	}
	return nil, validation("ECS service doesn't exist: %s", id)
}

// RegisterScalableTarget makes or changes a target, and moves a service that is outside the range to its nearer bound
// at once, also when the request names no bounds (RegisterScalableTarget in the API reference).
func (s *scalingService) RegisterScalableTarget(ctx context.Context, in *scaling.RegisterScalableTargetInput) (*scaling.RegisterScalableTargetOutput, error) {
	if err := scalesECS(in.ServiceNamespace, cmp.Or(in.ScalableDimension, "none")); err != nil {
		return nil, err
	}
	r, id := s.region(ctx), val(in.ResourceId)
	sv, err := serviceOf(r, id)
	if err != nil {
		return nil, err
	}
	t := r.Scaling.Targets[id]
	made := t == nil
	if made {
		t = &scalable{Tags: map[string]string{}, Policies: map[string]*types.ScalingPolicy{}, Actions: map[string]*types.ScheduledAction{}}
		t.ScalableTarget = types.ScalableTarget{
			ResourceId: in.ResourceId, ServiceNamespace: in.ServiceNamespace, ScalableDimension: in.ScalableDimension,
			ScalableTargetARN: new(s.arn("application-autoscaling", r.Name, "scalable-target/0ec5"+s.hex(32))), CreationTime: new(s.clock),
			SuspendedState: &types.SuspendedState{DynamicScalingInSuspended: new(false), DynamicScalingOutSuspended: new(false), ScheduledScalingSuspended: new(false)},
		}
	}
	least, most := cmp.Or(in.MinCapacity, t.MinCapacity), cmp.Or(in.MaxCapacity, t.MaxCapacity)
	switch {
	case least == nil || most == nil:
		return nil, validation("MinCapacity and MaxCapacity are required when a scalable target is registered.")
	case *least < 0 || *least > *most:
		return nil, validation("Invalid capacity: MinCapacity (%d) must be between 0 and MaxCapacity (%d).", *least, *most)
	}
	if len(in.Tags) > 50 {
		return nil, fail("TooManyTagsException", "The number of tags exceeds the limit of 50.")
	}
	t.MinCapacity, t.MaxCapacity, t.Tags = least, most, merge(t.Tags, in.Tags)
	if in.SuspendedState != nil {
		t.SuspendedState = suspend(t.SuspendedState, in.SuspendedState)
	}
	if made {
		t.RoleARN = s.makeServiceRole("ecs.application-autoscaling.amazonaws.com").Arn
		put(&r.Scaling.Targets, id, t)
	}
	s.hold(r, t, sv)
	return &scaling.RegisterScalableTargetOutput{ScalableTargetARN: t.ScalableTargetARN}, nil
}

func (s *scalingService) DescribeScalableTargets(ctx context.Context, in *scaling.DescribeScalableTargetsInput) (*scaling.DescribeScalableTargetsOutput, error) {
	if err := scalesECS(in.ServiceNamespace, in.ScalableDimension); err != nil {
		return nil, err
	}
	out := &scaling.DescribeScalableTargetsOutput{}
	for id, t := range sorted(s.region(ctx).Scaling.Targets) {
		if len(in.ResourceIds) == 0 || slices.Contains(in.ResourceIds, id) {
			out.ScalableTargets = append(out.ScalableTargets, t.ScalableTarget)
		}
	}
	var err error
	out.ScalableTargets, out.NextToken, err = page(out.ScalableTargets, in.NextToken, in.MaxResults, 50)
	return out, err
}

// DeregisterScalableTarget takes the policies and the scheduled actions along.
func (s *scalingService) DeregisterScalableTarget(ctx context.Context, in *scaling.DeregisterScalableTargetInput) (*scaling.DeregisterScalableTargetOutput, error) {
	t, err := s.target(ctx, in.ServiceNamespace, in.ResourceId, in.ScalableDimension, "scalable target found")
	if err != nil {
		return nil, err
	}
	for _, p := range t.Policies {
		s.untrack(s.region(ctx), p)
	}
	delete(s.region(ctx).Scaling.Targets, *in.ResourceId)
	return &scaling.DeregisterScalableTargetOutput{}, nil
}

func (s *scalingService) DescribeScalingActivities(ctx context.Context, in *scaling.DescribeScalingActivitiesInput) (*scaling.DescribeScalingActivitiesOutput, error) {
	if err := scalesECS(in.ServiceNamespace, in.ScalableDimension); err != nil {
		return nil, err
	}
	out := &scaling.DescribeScalingActivitiesOutput{}
	for id, t := range sorted(s.region(ctx).Scaling.Targets) {
		if in.ResourceId == nil || *in.ResourceId == id {
			out.ScalingActivities = append(out.ScalingActivities, t.Activities...)
		}
	}
	var err error
	out.ScalingActivities, out.NextToken, err = page(out.ScalingActivities, in.NextToken, in.MaxResults, 50)
	return out, err
}

// byARN finds a target by its own ARN, which is what can have tags.
func (s *scalingService) byARN(ctx context.Context, arn *string) (*scalable, error) {
	for _, t := range s.region(ctx).Scaling.Targets {
		if *t.ScalableTargetARN == val(arn) {
			return t, nil
		}
	}
	return nil, fail("ResourceNotFoundException", "The specified resource doesn't exist: %s", val(arn))
}

func (s *scalingService) ListTagsForResource(ctx context.Context, in *scaling.ListTagsForResourceInput) (*scaling.ListTagsForResourceOutput, error) {
	t, err := s.byARN(ctx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return &scaling.ListTagsForResourceOutput{Tags: t.Tags}, nil
}

func (s *scalingService) TagResource(ctx context.Context, in *scaling.TagResourceInput) (*scaling.TagResourceOutput, error) {
	t, err := s.byARN(ctx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	for k := range in.Tags {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, validation("Tag key %s is reserved.", k)
		}
	}
	t.Tags = merge(t.Tags, in.Tags)
	return &scaling.TagResourceOutput{}, nil
}

func (s *scalingService) UntagResource(ctx context.Context, in *scaling.UntagResourceInput) (*scaling.UntagResourceOutput, error) {
	t, err := s.byARN(ctx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(t.Tags, k)
	}
	return &scaling.UntagResourceOutput{}, nil
}
