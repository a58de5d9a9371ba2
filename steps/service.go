package steps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/release"
)

// Service is the ECS service: it keeps tasks of the task definition running behind the target group. A change of what
// its tasks are is one UpdateService and one deployment, which Rollout follows to its end; one that is under way
// already for the same task definition is joined.
//
// How many tasks there are belongs to autoscaling: the desired count is set when the service is made and never again.
type Service struct {
	*App
	Cluster   *Cluster
	TaskDef   *TaskDef
	Subnets   *Subnets
	Groups    *Groups
	NAT       *NAT
	Endpoints *Endpoints
	IAM       *IAM
	ALB       *ALB

	ARN         deploy.Out[string]
	ServiceName deploy.Out[string]

	live     *types.Service  // ACTIVE
	leaving  *types.Service  // DRAINING: its name is free once it is INACTIVE
	under    *aws.Deployment // that is under way; nil without one
	lost     string          // why the last one failed that left the service where it was; "" when none did
	release  *aws.Follow     // the deployment that Rollout follows; nil when nothing is being deployed
	watch    release.Watch   // what was seen of it
	liveTags map[string]string

	commanded bool // the release command has run
	replaces  bool // its change puts something in the place of a release by hand
}

func (s *Service) Name() string { return "service" }

// Wanted is always true.
func (s *Service) Wanted() bool { return true }

// Read finds the service, and what is being deployed to it, if anything is.
func (s *Service) Read(ctx context.Context) error {
	live, err := s.liveService(ctx)
	if err != nil || live == nil {
		return err
	}
	switch val(live.Status) {
	case "ACTIVE":
	case "DRAINING":
		s.leaving = live
		return nil
	default:
		return nil
	}
	s.liveTags = ecsTags(live.Tags)
	if err := s.own("service", *live.ServiceName, s.liveTags); err != nil {
		return err
	}
	s.take(live)
	now, err := s.underWay(ctx)
	s.under, s.lost = now.under, now.lost
	return err
}

func (s *Service) take(live *types.Service) {
	s.live, s.lost = live, ""
	s.ARN.Set(*live.ServiceArn)
	s.ServiceName.Set(*live.ServiceName)
}

// joins says whether what is being deployed is what is wanted: then there is nothing to do but to follow it. That holds
// for one that is being rolled back as well: its end is the answer to what was asked for.
func (s *Service) joins() bool {
	if s.under == nil {
		return false
	}
	want, known := s.TaskDef.ARN.Known()
	return known && short(want) == short(s.under.TaskDefinition)
}

// Check refuses to deploy beside another deployment, and what AWS can't change.
func (s *Service) Check() error {
	if s.live == nil {
		return nil
	}
	var errs []error
	if c := s.live.DeploymentController; c != nil && c.Type != types.DeploymentControllerTypeEcs {
		errs = append(errs, fmt.Errorf("service %s is deployed by %s, and fargatectl only knows ECS's own rolling deployments: choose another `name:` for a new service beside it", *s.live.ServiceName, c.Type))
	}
	if s.live.SchedulingStrategy == types.SchedulingStrategyDaemon {
		errs = append(errs, fmt.Errorf("service %s has the scheduling strategy DAEMON, and AWS can't change that: choose another `name:` for a new service beside it", *s.live.ServiceName))
	}
	if s.under != nil && !s.joins() {
		errs = append(errs, &aws.InProgressError{Service: *s.live.ServiceName, TaskDefinition: s.under.TaskDefinition, Since: s.under.Created})
	}
	return errors.Join(errs...)
}

// Plan makes the service, or brings it to what is wanted by one UpdateService.
func (s *Service) Plan() (plan []deploy.Change) {
	reachable := []deploy.Slow{s.NAT, s.Endpoints, s.IAM} // without them a task can't pull its image: it hangs, and counts as failed
	if s.live == nil {
		create := deploy.Change{Op: deploy.Create, What: "service " + s.Manifest.Service.Name, Await: reachable, Do: s.create}
		if s.leaving != nil {
			create.Why = "when the deleted one is gone"
		}
		return append(s.releaseCommand(), create)
	}
	what := "service " + *s.live.ServiceName
	if s.joins() {
		s.release = &aws.Follow{Definition: s.under.TaskDefinition, Joined: true}
	} else if diff, why := s.diff(), cmp.Or(s.anew(), s.newValues()); diff != nil || why != "" {
		change := deploy.Change{Op: deploy.Update, What: what, Diff: diff, Why: why, Await: reachable, Do: s.update}
		if why != "" {
			change.What += ": new deployment"
		}
		s.instead(&change)
		plan = append(s.releaseCommand(), change)
	}
	plan = append(plan, s.leave(what)...)
	return append(plan, retag(what, s.liveTags, s.tags("service"), s.tag)...)
}

// instead makes one change of what only puts another image in the place of somebody's release by hand: the image's build,
// the task definition and the service are one wish, and one warning.
func (s *Service) instead(c *deploy.Change) {
	if s.replaces = false; s.TaskDef.replaces == nil || c.Why != "" || len(c.Diff) != 1 || c.Diff[0].Name != "task definition" {
		return
	}
	c.Why, c.Loud, c.With, s.replaces = s.TaskDef.why(), true, []deploy.Step{s.TaskDef, s.TaskDef.Images}, true
	c.Diff = slices.Concat(s.TaskDef.replaces, c.Diff)
}

// anew is why a deployment is started although the service may be as it should: it is asked for, or the last one failed
// and ECS does not try again by itself.
func (s *Service) anew() string {
	switch {
	case s.lost != "":
		return "the last one failed: " + s.lost
	case s.Options.ForceNewDeployment:
		return "as asked for"
	}
	return ""
}

// newValues is that new tasks are started because secrets have new values, which the new revision says; "" otherwise.
func (s *Service) newValues() string {
	if deploy.Diff(s.definitionDiff()) == nil {
		return ""
	}
	return newValues(s.TaskDef.values)
}

// leave takes the service out of target groups that are replaced, once no request goes to them any more.
func (s *Service) leave(what string) []deploy.Change {
	gone := slices.DeleteFunc(s.registered(), func(arn string) bool { return !slices.Contains(s.ALB.Replaced(), arn) })
	if len(gone) == 0 {
		return nil
	}
	return []deploy.Change{{Op: deploy.Update, What: what + ": leave the replaced target group", After: true, Do: func(ctx context.Context) error {
		return s.follow(ctx, []string{s.ALB.TargetGroup.Get()})
	}}}
}

func (s *Service) tag(ctx context.Context, tags map[string]string) error {
	return s.tagECS(ctx, *s.live.ServiceArn, tags)
}

// Notes says what is kept although the manifest says otherwise.
func (s *Service) Notes() (notes []string) {
	if s.live == nil {
		return nil
	}
	want, name := s.Manifest.Service, *s.live.ServiceName
	if name != want.Name {
		notes = append(notes, fmt.Sprintf("service %s keeps its name, which AWS can't change; destroy and up makes %s", name, want.Name))
	}
	if n, ok := aws.ParseScaleNote(s.liveTags[aws.TagScale]); ok && n.OfMin == want.MinCapacity && n.OfMax == want.MaxCapacity {
		count := ""
		if n.Desired > 0 {
			count = fmt.Sprintf("%d tasks, ", n.Desired)
		}
		notes = append(notes, fmt.Sprintf("kept as `scale` has set it: %s%d to %d, by %s at %s; another range in the manifest wins over it", count, n.Min, n.Max, n.By, n.At.UTC().Format("2006-01-02 15:04 UTC")))
	} else if s.live.DesiredCount != want.DesiredCount {
		notes = append(notes, fmt.Sprintf("%d tasks are desired: autoscaling chooses between %d and %d; desired_count %d is for a new service", s.live.DesiredCount, want.MinCapacity, want.MaxCapacity, want.DesiredCount))
	}
	if s.joins() {
		notes = append(notes, "a deployment of "+short(s.under.TaskDefinition)+" is under way: it is joined")
	}
	return notes
}

var (
	_ deploy.Step    = (*Service)(nil)
	_ deploy.Checker = (*Service)(nil)
	_ deploy.Noter   = (*Service)(nil)
)
