package steps

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// TaskDef is the task definition: what a task is. It can't be changed; a change is a new revision. It is rendered from
// the manifest and compared with the live one in facts (taskdef_facts.go), so that what AWS fills in is no difference.
// Containers and members that the manifest does not know are carried over.
type TaskDef struct {
	*App
	Scan    *Scan
	Images  *Image
	IAM     *IAM
	Secrets *Secrets
	Logs    *Logs

	ARN deploy.Out[string] // of the revision

	live     *types.TaskDefinition
	liveTags map[string]string
	values   []string         // the secrets whose new values are why there is a new revision
	set      *aws.ReleaseNote // deploy or rollback has set the live one
	replaces []deploy.Field   // what differs from that, once planned; nil when it stays
}

func (s *TaskDef) Name() string { return "taskdef" }

// Wanted is always true.
func (s *TaskDef) Wanted() bool { return true }

// Read finds the revision that the service runs: see liveDefinition.
func (s *TaskDef) Read(ctx context.Context) error {
	var err error
	s.live, s.liveTags, err = s.liveDefinition(ctx)
	if err != nil || s.live == nil {
		return err
	}
	if err := s.own("task definition", s.family(), s.liveTags); err != nil {
		return err
	}
	if n, ok := aws.ParseReleaseNote(s.liveTags[aws.TagRelease]); ok {
		s.set = &n
	}
	s.ARN.Set(*s.live.TaskDefinitionArn)
	return nil
}

// family is also the name of the container.
func (s *TaskDef) family() string { return s.Manifest.Stack() }

// Image is the reference that the live revision runs, "" without one.
func (s *TaskDef) Image() string {
	if s.live == nil {
		return ""
	}
	if c := s.container(s.live.ContainerDefinitions); c != nil {
		return val(c.Image)
	}
	return ""
}

func (s *TaskDef) container(all []types.ContainerDefinition) *types.ContainerDefinition {
	return containerOf(all, s.family())
}

// Plan is a new revision when a fact differs.
func (s *TaskDef) Plan() []deploy.Change {
	change := deploy.Change{Op: deploy.Create, What: "task definition " + s.family(), Do: s.register}
	s.replaces = nil
	if s.live != nil {
		change.Op = deploy.Update
		if change.Diff, s.values = s.diff(), s.renewed(); change.Diff == nil && s.values == nil {
			s.ARN.Set(*s.live.TaskDefinitionArn)
			return s.retag()
		}
		if slices.ContainsFunc(change.Diff, func(f deploy.Field) bool { return f.Name == "image" }) {
			if change.Why = s.why(); change.Why != "" {
				change.Loud, s.replaces = true, change.Diff
			}
		}
		change.Why = strings.Join(slices.DeleteFunc([]string{change.Why, newValues(s.values)}, func(why string) bool { return why == "" }), "; ")
	}
	s.ARN.Forget()
	return []deploy.Change{change}
}

// why warns when somebody's release by hand would be replaced. A `deploy` of what is built here is none: the next build
// is what follows it.
func (s *TaskDef) why() string {
	if s.set == nil {
		return ""
	}
	how := s.set.Verb
	if how == "deploy" {
		ref := s.liveTags[aws.TagImage]
		if ref == "" {
			return ""
		}
		how += " --image " + ref
	}
	with := "the build of this folder"
	if s.Images.Given != "" {
		with = s.Images.Given
	}
	return fmt.Sprintf("REPLACES the image set by %s, by %s at %s, with %s", how, s.set.By, s.set.At.UTC().Format("2006-01-02 15:04 UTC"), with)
}

// retag corrects the live revision's tags, which need no new revision.
func (s *TaskDef) retag() []deploy.Change {
	return retag("task definition "+short(*s.live.TaskDefinitionArn), s.liveTags, s.wantedTags(), func(ctx context.Context, tags map[string]string) error {
		_, err := s.AWS.ECS.TagResource(ctx, &ecs.TagResourceInput{ResourceArn: s.live.TaskDefinitionArn, Tags: aws.Convert(tags, ecsTag)})
		return err
	})
}

func (s *TaskDef) wantedTags() map[string]string {
	tags := s.tags("taskdef")
	if ref := s.Images.Given; ref != "" {
		tags[aws.TagImage] = ref[:min(len(ref), 256)]
	}
	if from := s.checkFrom(); from != "" {
		tags[aws.TagHealthCheck] = from
	}
	tags[aws.TagPort] = s.portFrom()
	if versions, _ := s.versions(); len(versions) > 0 {
		tags[aws.TagSecrets] = versions.String()
	}
	return tags
}

// diff is what differs between the live revision and the wanted one.
func (s *TaskDef) diff() (diff []deploy.Field) {
	live, want := s.liveFacts(), s.facts()
	names := slices.Collect(maps.Keys(live))
	for name := range want {
		if _, both := live[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		diff = append(diff, deploy.F(name, live[name], want[name]))
	}
	return deploy.Diff(diff...)
}

// register makes a revision. One that a run has made before it died is taken instead of a twin of it.
func (s *TaskDef) register(ctx context.Context) error {
	newest, tags, err := s.describeDefinition(ctx, s.family())
	if err != nil {
		return err
	}
	if newest != nil && s.owner().Owns(tags) && (s.live == nil || newest.Revision > s.live.Revision) {
		before, had := s.live, s.liveTags
		s.live, s.liveTags = newest, tags
		if s.diff() == nil && len(aws.Missing(tags, s.wantedTags())) == 0 {
			s.ARN.Set(*newest.TaskDefinitionArn)
			return nil
		}
		s.live, s.liveTags = before, had
	}
	in := s.request()
	if s.Git != nil { // it is no fact: another commit alone is no other revision
		aws.SetTaskDefinitionTag(in, aws.TagGit, s.Git(ctx))
	}
	out, err := s.AWS.ECS.RegisterTaskDefinition(ctx, in, func(o *ecs.Options) { o.Retryer = aws.Once() })
	if err != nil {
		return err
	}
	s.live, s.liveTags = out.TaskDefinition, s.wantedTags()
	s.ARN.Set(*s.live.TaskDefinitionArn)
	deploy.Say(ctx, "%s", short(*s.live.TaskDefinitionArn))
	return nil
}

// Notes names what is carried over, and what the image has said when there is nothing yet that it could differ from.
func (s *TaskDef) Notes() (notes []string) {
	if s.live == nil && s.portFrom() == aws.FromImage {
		notes = append(notes, fmt.Sprintf("container port %d: the image exposes it", s.exposed))
	}
	if s.live == nil && s.checkFrom() == aws.FromImage {
		notes = append(notes, "health check "+s.checkText(s.healthCheck(), aws.FromImage))
	}
	if s.live == nil || s.Options.Prune {
		return notes
	}
	for _, what := range s.unknown() {
		notes = append(notes, what+" kept: not in the manifest (--prune drops it)")
	}
	return notes
}

// Remove deregisters and deletes every revision: AWS keeps deregistered ones until that is asked for, too.
func (s *TaskDef) Remove() []deploy.Change {
	if s.live == nil {
		return nil
	}
	return []deploy.Change{{Op: deploy.Delete, What: "task definition " + s.family() + ", all revisions", Do: func(ctx context.Context) error {
		arns, err := s.revisions(ctx, types.TaskDefinitionStatusActive)
		if err != nil {
			return err
		}
		for _, arn := range arns {
			if _, err := s.AWS.ECS.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &arn}); err != nil {
				return err
			}
		}
		inactive, err := s.revisions(ctx, types.TaskDefinitionStatusInactive)
		if err != nil {
			return err
		}
		for batch := range slices.Chunk(inactive, 10) { // AWS takes no more at a time
			if _, err := s.AWS.ECS.DeleteTaskDefinitions(ctx, &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: batch}); err != nil {
				return err
			}
		}
		return nil
	}}}
}

func (s *TaskDef) revisions(ctx context.Context, status types.TaskDefinitionStatus) (arns []string, err error) {
	in := &ecs.ListTaskDefinitionsInput{FamilyPrefix: new(s.family()), Status: status}
	for {
		page, err := s.AWS.ECS.ListTaskDefinitions(ctx, in)
		if err != nil {
			return nil, err
		}
		arns = append(arns, page.TaskDefinitionArns...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return arns, nil
		}
	}
}

var (
	_ deploy.Step  = (*TaskDef)(nil)
	_ deploy.Noter = (*TaskDef)(nil)
)
