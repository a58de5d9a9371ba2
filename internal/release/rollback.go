package release

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// A Rollback is a step that brings the service back to the newest release that succeeded and is not the live one, or to
// the one that is named: its task definition, its images by their digests, its port, network and capacity, in one update.
// A deployment that is under way is stopped and rolled back by ECS itself; one that is on its way back already is joined.
type Rollback struct {
	*Service
	Revision string // to go back to: "7", "my-api:7", "sha256:…"; "" is the newest that succeeded before
	By       string // ARN of who does it
	Wait     string // as of a Deployment
	// Resolve is the digest that a tag points to now, "" when nobody could be asked; nil asks nobody.
	Resolve func(ctx context.Context, ref string) (string, error)

	under   *aws.Deployment       // under way when the command began; nil without one
	to      *types.TaskDefinition // to go back to; nil when ECS rolls a deployment back
	tags    []types.Tag           // of it
	then    past                  // the deployment of it
	pinned  map[string]string     // images by their digests, by container: their tags point elsewhere now
	restore *restore
	lost    []string // images
	notes   []string
}

// Name is the step's.
func (r *Rollback) Name() string { return "rollback" }

// Wanted is always true.
func (r *Rollback) Wanted() bool { return true }

// Read finds the release to go back to, and what of it is still there.
func (r *Rollback) Read(ctx context.Context) error {
	if err := r.Service.Read(ctx); err != nil {
		return err
	}
	all, err := r.past(ctx, 100)
	if err != nil {
		return err
	}
	running := len(all) > 0 && !all[0].Done()
	if running && (r.Revision != "" || slices.ContainsFunc(all, func(p past) bool { return p.good() })) {
		r.under, err = r.Calls.ECS.Deployment(ctx, all[0].ARN)
		return err
	}
	if err := r.choose(ctx, all); err != nil || r.to == nil {
		return err
	}
	if err := r.pin(ctx); err != nil {
		return err
	}
	if r.lost, err = r.images(ctx, r.to, r.imageOf); err != nil {
		return err
	}
	r.restore, err = r.Service.restore(ctx, r.then.Brought)
	return err
}

// choose finds the release: the one that is named, or else the newest that succeeded with another task definition than
// the live one. A forced restart brings the same and is no release. One whose task definition was deleted is passed over.
func (r *Rollback) choose(ctx context.Context, all []past) (err error) {
	if r.Revision != "" {
		return r.named(ctx, all)
	}
	tried := []string{val(r.Live.TaskDefinition)}
	for _, p := range all {
		if !p.good() || p.TaskDefinition == "" || slices.Contains(tried, p.TaskDefinition) {
			continue
		}
		tried = append(tried, p.TaskDefinition)
		r.then = p
		if r.to, r.tags, err = r.describe(ctx, p.TaskDefinition); !gone(err) {
			return err
		}
	}
	return &NoReleaseError{Service: r.Service.Name}
}

// named finds the release of a revision or of an image, also one that AWS has no deployment of any more: then the service
// stays as it is but for the task definition.
func (r *Rollback) named(ctx context.Context, all []past) (err error) {
	want := r.Revision
	if !strings.Contains(want, ":") {
		want = val(r.Definition.Family) + ":" + want
	}
	matches := func(p past) bool {
		if strings.HasPrefix(want, "sha256:") {
			return strings.HasPrefix(p.digest(val(r.Container().Name)), want)
		}
		return short(p.TaskDefinition) == want
	}
	i := slices.IndexFunc(all, func(p past) bool { return matches(p) && p.good() })
	if i < 0 {
		i = slices.IndexFunc(all, matches)
	}
	id := want
	switch {
	case i >= 0:
		if r.then, id = all[i], all[i].TaskDefinition; !r.then.good() {
			r.notes = append(r.notes, fmt.Sprintf("its deployment of %s has not succeeded: %s", when(r.then.Created), Outcome(string(r.then.Status))))
		}
	case strings.HasPrefix(want, "sha256:"):
		return &NoReleaseError{r.Service.Name, want}
	default:
		r.notes = append(r.notes, "AWS remembers no deployment of it: port, network and capacity stay as they are")
	}
	if short(id) == r.Service.Revision() { // that is live
		return nil
	}
	if r.to, r.tags, err = r.describe(ctx, id); gone(err) {
		return &NoReleaseError{r.Service.Name, want}
	}
	return err
}

// pin keeps the images as they were: ECS would ask anew where a tag points.
func (r *Rollback) pin(ctx context.Context) error {
	r.pinned = map[string]string{}
	for i := range r.to.ContainerDefinitions {
		c := &r.to.ContainerDefinitions[i]
		image, was := val(c.Image), r.then.digest(val(c.Name))
		if was == "" || strings.Contains(image, "@") || r.Resolve == nil {
			continue
		}
		switch is, err := r.Resolve(ctx, image); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil || is == "":
			r.notes = append(r.notes, fmt.Sprintf("image %s goes back by its tag, which was %s then: nobody could be asked whether it has moved", image, was))
		case is != was:
			if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
				image = image[:i]
			}
			r.pinned[val(c.Name)] = image + "@" + was
		}
	}
	return nil
}

// imageOf is the image that a container goes back to.
func (r *Rollback) imageOf(c *types.ContainerDefinition) string {
	if ref := r.pinned[val(c.Name)]; ref != "" {
		return ref
	}
	return val(c.Image)
}

// Check refuses what can't be put back, and a certain release while ECS can only go back to the last.
func (r *Rollback) Check() error {
	switch {
	case r.under != nil && r.Revision != "":
		return r.busy(r.under)
	case r.to == nil:
		return nil
	}
	if lost := slices.Concat(r.lost, r.restore.gone); len(lost) > 0 {
		return &GoneError{short(val(r.to.TaskDefinitionArn)), lost}
	}
	return nil
}

// Plan is one change, none when ECS is rolling back already or the release is live.
func (r *Rollback) Plan() []deploy.Change {
	c := deploy.Change{Op: deploy.Update, What: "service " + r.Service.Name}
	switch {
	case r.to != nil:
		fields := []deploy.Field{deploy.F("task definition", r.Service.Revision(), short(val(r.to.TaskDefinitionArn))), deploy.F("image", r.Image(), r.imageOf(r.container(r.to)))}
		c.Diff = deploy.Diff(append(fields, r.restore.diff...)...)
		c.Do = r.back
		if r.to.Status == types.TaskDefinitionStatusInactive {
			c.Why = "it was deregistered: it is registered again"
		} else if len(r.pinned) > 0 {
			c.Why = "a tag has moved since: it is registered again with the digest of then"
		}
	case r.under == nil:
		return nil
	case r.under.GoesBack():
		r.join()
		return nil
	default:
		c.What += ": stop the deployment of " + short(r.under.TaskDefinition) + " and roll it back"
		c.Do = r.halt
	}
	return []deploy.Change{c}
}

func (r *Rollback) join() {
	if r.follow != nil {
		return
	}
	r.follow = &aws.Follow{Cluster: r.Cluster, Service: r.Service.Name, Definition: r.under.TaskDefinition, Joined: true}
}

// Notes say which release it goes back to, what can't be said of it for sure, and what is not undone.
func (r *Rollback) Notes() (notes []string) {
	switch {
	case r.to != nil && !r.then.Created.IsZero():
		text := fmt.Sprintf("back to %s, deployed at %s", short(val(r.to.TaskDefinitionArn)), when(r.then.Created))
		if digest := r.then.digest(val(r.container(r.to).Name)); digest != "" {
			text += ", image " + digest
		}
		notes = append(notes, text)
	case r.under != nil && r.under.GoesBack():
		notes = append(notes, "the deployment of "+short(r.under.TaskDefinition)+" is being rolled back already: it is joined")
	}
	notes = append(notes, r.notes...)
	if r.to != nil || r.under != nil {
		notes = append(notes, "migrations of data are not undone")
	}
	return notes
}

// halt has ECS roll its own deployment back.
func (r *Rollback) halt(ctx context.Context) error {
	r.join()
	return r.Halt(ctx)
}

// back moves the service to the earlier release. A deregistered task definition can't be deployed, and a tag that has
// moved would bring another image: then it is registered again, with all that it had.
func (r *Rollback) back(ctx context.Context) error {
	definition, note := val(r.to.TaskDefinitionArn), aws.ReleaseNote{Verb: "rollback", By: r.By, At: time.Now()}
	versions, err := r.secretVersions(ctx, r.to) // its new tasks read the values of now
	if err != nil {
		return err
	}
	switch {
	case r.to.Status == types.TaskDefinitionStatusInactive || len(r.pinned) > 0:
		again, err := r.register(ctx, r.again(note, versions))
		if err != nil {
			return err
		}
		definition = val(again.TaskDefinitionArn)
	case r.writesNotes():
		if err := r.note(ctx, definition, aws.TagRelease, note); err != nil {
			return err
		}
		if len(versions) > 0 {
			if err := r.note(ctx, definition, aws.TagSecrets, versions); err != nil {
				return err
			}
		}
	}
	in := r.restore.in
	in.TaskDefinition = &definition
	return r.move(ctx, &in)
}

// again is the request that registers the earlier task definition once more.
func (r *Rollback) again(note aws.ReleaseNote, versions aws.SecretVersions) *ecs.RegisterTaskDefinitionInput {
	tags := r.tags
	if len(tags) == 0 { // of what is deregistered they may be gone
		ofImage := []string{aws.TagImage, aws.TagHealthCheck, aws.TagPort} // of the live one
		tags = slices.DeleteFunc(slices.Clone(r.Tags), func(t types.Tag) bool { return slices.Contains(ofImage, val(t.Key)) })
	}
	in := aws.CloneTaskDefinition(r.to, tags)
	for i := range in.ContainerDefinitions {
		in.ContainerDefinitions[i].Image = new(r.imageOf(&in.ContainerDefinitions[i]))
	}
	if r.writesNotes() {
		aws.SetTaskDefinitionTag(in, aws.TagRelease, note.String())
		aws.SetTaskDefinitionTag(in, aws.TagSecrets, versions.String())
	}
	return in
}

// Remove is never asked for.
func (r *Rollback) Remove() []deploy.Change { return nil }

// Ready judges the deployment that goes back; one that ECS has rolled back as it was told is a success.
func (r *Rollback) Ready(ctx context.Context) (string, error) {
	missing, err := r.settled(ctx, r.Wait)
	if last, ok := r.Deployed(); ok && last != nil && r.to == nil && last.Status == types.ServiceDeploymentStatusRollbackSuccessful {
		return "", nil
	}
	return missing, err
}

var (
	_ deploy.Slow    = (*Rollback)(nil)
	_ deploy.Noter   = (*Rollback)(nil)
	_ deploy.Checker = (*Rollback)(nil)
)
