package steps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/manifest"
)

// Scaling is the range of tasks that Application Auto Scaling keeps, its policies and its schedules. What `scale` has set
// holds until the manifest's range is another than it was then. Whether scaling is suspended is nobody's drift.
type Scaling struct {
	*App
	ALB     *ALB
	Service *Service

	target   *types.ScalableTarget
	liveTags map[string]string // of the target, nil when they can't be read
	policies map[string]types.ScalingPolicy
	actions  map[string]types.ScheduledAction
	id       string         // "service/CLUSTER/NAME" of the live service, "" without one
	set      *aws.ScaleNote // what scale has set, while it holds
}

func (s *Scaling) Name() string { return "scaling" }

// Wanted is always true.
func (s *Scaling) Wanted() bool { return true }

// Read finds target, policies and scheduled actions of the live service, all at once.
func (s *Scaling) Read(ctx context.Context) error {
	sv, err := s.liveService(ctx)
	if err != nil || !active(sv) {
		return err
	}
	s.id = "service/" + short(*sv.ClusterArn) + "/" + *sv.ServiceName
	m := s.Manifest.Service
	if n, ok := aws.ParseScaleNote(ecsTags(sv.Tags)[aws.TagScale]); ok && n.OfMin == m.MinCapacity && n.OfMax == m.MaxCapacity {
		s.set = &n
	}
	return together(s.readTarget(ctx), s.readPolicies(ctx), s.readActions(ctx))
}

func (s *Scaling) readPolicies(ctx context.Context) func() error {
	return func() error {
		s.policies = map[string]types.ScalingPolicy{}
		in := &applicationautoscaling.DescribeScalingPoliciesInput{ServiceNamespace: types.ServiceNamespaceEcs, ResourceId: &s.id}
		for {
			page, err := s.AWS.Scaling.DescribeScalingPolicies(ctx, in)
			if err != nil {
				return err
			}
			for _, p := range page.ScalingPolicies {
				s.policies[*p.PolicyName] = p
			}
			if in.NextToken = page.NextToken; in.NextToken == nil {
				return nil
			}
		}
	}
}

func (s *Scaling) readActions(ctx context.Context) func() error {
	return func() error {
		s.actions = map[string]types.ScheduledAction{}
		in := &applicationautoscaling.DescribeScheduledActionsInput{ServiceNamespace: types.ServiceNamespaceEcs, ResourceId: &s.id}
		for {
			page, err := s.AWS.Scaling.DescribeScheduledActions(ctx, in)
			if err != nil {
				return err
			}
			for _, a := range page.ScheduledActions {
				s.actions[*a.ScheduledActionName] = a
			}
			if in.NextToken = page.NextToken; in.NextToken == nil {
				return nil
			}
		}
	}
}

// Plan sets the range, then the policies and schedules that the manifest has, and drops ours that it has no more.
func (s *Scaling) Plan() (plan []deploy.Change) {
	plan = s.planRange()
	for _, p := range s.wantedPolicies() {
		plan = append(plan, s.planPolicy(p)...)
	}
	for _, a := range s.Manifest.Service.Schedules {
		plan = append(plan, s.planAction(a)...)
	}
	return append(plan, s.planDrops()...)
}

func (s *Scaling) prefix() string { return s.Manifest.Stack() + "-" }

// resource is the service's id in Application Auto Scaling.
func (s *Scaling) resource() *string {
	if s.id == "" {
		arn := s.Service.ARN.Get() // arn:…:service/CLUSTER/NAME
		s.id = arn[strings.Index(arn, ":service/")+1:]
	}
	return &s.id
}

// known repeats a call while the service or the target, just made, is not known to Application Auto Scaling.
func (s *Scaling) known(ctx context.Context, do func(context.Context) error) error {
	looks := 0
	return deploy.Until(ctx, func(ctx context.Context) (string, error) {
		err := do(ctx)
		late := aws.Is(err, "ObjectNotFoundException") || aws.Is(err, "ValidationException") && strings.Contains(err.Error(), "doesn't exist")
		if looks++; late && looks < 120 {
			return "the service to be known to autoscaling", nil
		}
		return "", err
	})
}

// A policy is a target that autoscaling tracks.
type policy struct {
	name   string
	metric types.MetricType
	target float64
}

func (s *Scaling) wantedPolicies() (all []policy) {
	m := s.Manifest.Service
	for _, p := range []policy{
		{s.prefix() + "cpu", types.MetricTypeECSServiceAverageCPUUtilization, float64(m.CPUTarget)},
		{s.prefix() + "memory", types.MetricTypeECSServiceAverageMemoryUtilization, float64(m.MemoryTarget)},
		{s.prefix() + "requests", types.MetricTypeALBRequestCountPerTarget, float64(m.RequestsPerTarget)},
	} {
		if p.target > 0 {
			all = append(all, p)
		}
	}
	return all
}

func (s *Scaling) planPolicy(p policy) []deploy.Change {
	m := s.Manifest.Service
	change := deploy.Change{Op: deploy.Create, What: fmt.Sprintf("scaling policy %s", p.name), Do: s.put(p)}
	live, ok := s.policies[p.name]
	if !ok {
		return []deploy.Change{change}
	}
	c := val(live.TargetTrackingScalingPolicyConfiguration)
	metric := types.MetricType("")
	label := ""
	if d := c.PredefinedMetricSpecification; d != nil {
		metric, label = d.PredefinedMetricType, val(d.ResourceLabel)
	}
	change.Op = deploy.Update
	change.Diff = deploy.Diff(deploy.F("target", val(c.TargetValue), p.target), deploy.F("metric", metric, p.metric), deploy.F("resource label", label, s.label(p)),
		deploy.F("scale-in cooldown", val(c.ScaleInCooldown), m.ScaleInCooldown), deploy.F("scale-out cooldown", val(c.ScaleOutCooldown), m.ScaleOutCooldown))
	if change.Diff == nil {
		return nil
	}
	return []deploy.Change{change}
}

// label names balancer and target group to the metric of requests: app/NAME/ID/targetgroup/NAME/ID.
func (s *Scaling) label(p policy) string {
	lb, ok := s.ALB.ARN.Known()
	tg, both := s.ALB.TargetGroup.Known()
	if p.metric != types.MetricTypeALBRequestCountPerTarget || !ok || !both {
		return ""
	}
	return lb[strings.Index(lb, ":loadbalancer/")+len(":loadbalancer/"):] + "/" + tg[strings.Index(tg, ":targetgroup/")+1:]
}

func (s *Scaling) put(p policy) func(context.Context) error {
	m := s.Manifest.Service
	return func(ctx context.Context) error {
		spec := &types.PredefinedMetricSpecification{PredefinedMetricType: p.metric}
		if l := s.label(p); l != "" {
			spec.ResourceLabel = &l
		}
		return s.known(ctx, func(ctx context.Context) error {
			_, err := s.AWS.Scaling.PutScalingPolicy(ctx, &applicationautoscaling.PutScalingPolicyInput{
				PolicyName: &p.name, PolicyType: types.PolicyTypeTargetTrackingScaling,
				ServiceNamespace: types.ServiceNamespaceEcs, ScalableDimension: types.ScalableDimensionECSServiceDesiredCount, ResourceId: s.resource(),
				TargetTrackingScalingPolicyConfiguration: &types.TargetTrackingScalingPolicyConfiguration{
					PredefinedMetricSpecification: spec, TargetValue: &p.target, ScaleInCooldown: &m.ScaleInCooldown, ScaleOutCooldown: &m.ScaleOutCooldown,
				},
			})
			return err
		})
	}
}

func (s *Scaling) planAction(a manifest.Schedule) []deploy.Change {
	name, want := s.prefix()+a.Name, types.ScalableTargetAction{MinCapacity: &a.MinCapacity, MaxCapacity: &a.MaxCapacity}
	change := deploy.Change{Op: deploy.Create, What: "scheduled action " + name, Do: func(ctx context.Context) error {
		in := &applicationautoscaling.PutScheduledActionInput{
			ScheduledActionName: &name, Schedule: &a.Schedule, ScalableTargetAction: &want,
			ServiceNamespace: types.ServiceNamespaceEcs, ScalableDimension: types.ScalableDimensionECSServiceDesiredCount, ResourceId: s.resource(),
		}
		if a.Timezone != "" {
			in.Timezone = &a.Timezone
		}
		return s.known(ctx, func(ctx context.Context) error {
			_, err := s.AWS.Scaling.PutScheduledAction(ctx, in)
			return err
		})
	}}
	live, ok := s.actions[name]
	if !ok {
		return []deploy.Change{change}
	}
	had := val(live.ScalableTargetAction)
	change.Op = deploy.Update
	change.Diff = deploy.Diff(deploy.F("schedule", val(live.Schedule), a.Schedule), deploy.F("timezone", val(live.Timezone), a.Timezone),
		deploy.F("minimum", val(had.MinCapacity), val(want.MinCapacity)), deploy.F("maximum", val(had.MaxCapacity), val(want.MaxCapacity)))
	if change.Diff == nil {
		return nil
	}
	return []deploy.Change{change}
}

// planDrops deletes what has one of our names and is not wanted.
func (s *Scaling) planDrops() (plan []deploy.Change) {
	wanted := map[string]bool{}
	for _, p := range s.wantedPolicies() {
		wanted[p.name] = true
	}
	for _, kind := range []string{"cpu", "memory", "requests"} {
		name := s.prefix() + kind
		if _, live := s.policies[name]; live && !wanted[name] {
			plan = append(plan, deploy.Change{Op: deploy.Delete, What: "scaling policy " + name, Do: func(ctx context.Context) error {
				_, err := s.AWS.Scaling.DeleteScalingPolicy(ctx, &applicationautoscaling.DeleteScalingPolicyInput{
					PolicyName: &name, ServiceNamespace: types.ServiceNamespaceEcs, ScalableDimension: types.ScalableDimensionECSServiceDesiredCount, ResourceId: s.resource(),
				})
				return aws.Ignore(err, "ObjectNotFoundException")
			}})
		}
	}
	for _, a := range s.Manifest.Service.Schedules {
		wanted[s.prefix()+a.Name] = true
	}
	for _, name := range s.scheduled() {
		if !strings.HasPrefix(name, s.prefix()) || wanted[name] {
			continue
		}
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: "scheduled action " + name, Do: func(ctx context.Context) error {
			_, err := s.AWS.Scaling.DeleteScheduledAction(ctx, &applicationautoscaling.DeleteScheduledActionInput{
				ScheduledActionName: &name, ServiceNamespace: types.ServiceNamespaceEcs, ScalableDimension: types.ScalableDimensionECSServiceDesiredCount, ResourceId: s.resource(),
			})
			return aws.Ignore(err, "ObjectNotFoundException")
		}})
	}
	return plan
}

// scheduled are the names of all scheduled actions, sorted.
func (s *Scaling) scheduled() (names []string) {
	for name := range s.actions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Notes say what others have added, and which schedule has moved the range.
func (s *Scaling) Notes() (notes []string) {
	if name := s.moved(); name != "" {
		notes = append(notes, fmt.Sprintf("the range %d to %d is kept: schedule %s has set it", val(s.target.MinCapacity), val(s.target.MaxCapacity), name))
	}
	for name := range s.policies {
		if !strings.HasPrefix(name, s.prefix()) {
			notes = append(notes, "scaling policy "+name+" kept: not in the manifest")
		}
	}
	for _, name := range s.scheduled() {
		if !strings.HasPrefix(name, s.prefix()) {
			notes = append(notes, "scheduled action "+name+" kept: not in the manifest")
		}
	}
	slices.Sort(notes)
	return notes
}

// Remove deregisters the target, which takes its policies and schedules along.
func (s *Scaling) Remove() []deploy.Change {
	if s.target == nil {
		return nil
	}
	return []deploy.Change{{Op: deploy.Delete, What: "scalable target", Do: func(ctx context.Context) error {
		_, err := s.AWS.Scaling.DeregisterScalableTarget(ctx, &applicationautoscaling.DeregisterScalableTargetInput{
			ServiceNamespace: types.ServiceNamespaceEcs, ScalableDimension: types.ScalableDimensionECSServiceDesiredCount, ResourceId: &s.id,
		})
		return aws.Ignore(err, "ObjectNotFoundException")
	}}}
}

var (
	_ deploy.Step  = (*Scaling)(nil)
	_ deploy.Noter = (*Scaling)(nil)
)
