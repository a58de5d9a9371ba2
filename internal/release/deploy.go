package release

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// An Image is the step that knows which image a release brings.
type Image interface {
	deploy.Step
	Reference() deploy.Out[string]
	Source() string // the reference as it was given, kept in the tag of the task definition; "" for a build
	// Told is what the image says of itself: see [Deployment.follows]. from is the value of [aws.TagHealthCheck], known is false
	// where nobody could be asked.
	Told(ctx context.Context) (check *types.HealthCheck, from string, ports []int32, notes []string, known bool)
}

// A Deployment brings a service to a new revision of its task definition, or to the same one again. It is the last
// step of a release: ready when AWS's service deployment has ended.
type Deployment struct {
	*Service
	Image Image
	Queue bool                         // a deployment of something else that is under way is awaited, not refused
	Force bool                         // also when nothing changes
	By    string                       // ARN of who does it
	Git   func(context.Context) string // the commit that it is released from, "" without one; nil is none
	Wait  string                       // "accepted": ready at once; "healthy": when the new tasks serve; "steady": when the deployment has ended

	// Command runs once with the new image before the service moves; nil: nothing does. Log shows what it prints.
	Command     []string
	CommandTags []types.Tag
	Log         func(line string)
	Speed       float64 // our own waits are divided by it

	versions aws.SecretVersions // of the secrets that the live tasks read

	next  *types.TaskDefinition // the revision that is being released, once it is registered
	under *aws.Deployment       // under way when the command began; nil without one
	image string                // that it brings
	queue string                // the revision behind whose deployment this one waits for its turn; "" when it has had it
}

// Name is the step's.
func (d *Deployment) Name() string { return "deployment" }

// Wanted is always true.
func (d *Deployment) Wanted() bool { return true }

// Read finds the live service, and what is being deployed to it, if anything is.
func (d *Deployment) Read(ctx context.Context) (err error) {
	if err := d.Service.Read(ctx); err != nil {
		return err
	}
	if d.versions, err = d.secretVersions(ctx, d.Definition); err != nil {
		return err
	}
	if d.under, err = d.underWay(ctx); err != nil || d.under == nil {
		return err
	}
	if short(d.under.TaskDefinition) == d.Revision() {
		d.image = d.Service.Image()
		return nil
	}
	brings, _, err := d.describe(ctx, d.under.TaskDefinition) // it is on its way back
	if err == nil {
		d.image = val(d.container(brings).Image)
	}
	return err
}

// Joined says whether a deployment of the same image was under way: then its end is the answer to what was asked for.
func (d *Deployment) Joined() bool {
	ref, known := d.Image.Reference().Known()
	return d.under != nil && known && ref == d.image && !d.Force
}

// Check refuses a second deployment beside one that is under way.
func (d *Deployment) Check() error {
	if d.under == nil || d.Joined() || d.Queue {
		return nil
	}
	return d.busy(d.under)
}

// Plan is one change: a revision with the new image, and the service on it.
func (d *Deployment) Plan() []deploy.Change {
	change := deploy.Change{Op: deploy.Update, What: "service " + d.Service.Name, Do: d.release}
	switch {
	case d.under != nil && d.Queue && !d.Joined():
		if change.Diff = deploy.Diff(deploy.FOut("image", d.image, d.Image.Reference())); change.Diff != nil {
			return d.queued(append(d.command(), change))
		}
		change.What += ": start new tasks"
		change.Do = func(ctx context.Context) error {
			if d.Service.Image() != d.Image.Reference().Get() || d.renewed() != "" { // that one was rolled back
				return d.release(ctx)
			}
			return d.restart(ctx)
		}
		return d.queued([]deploy.Change{change})
	case d.under != nil:
		if d.follow == nil && d.Joined() {
			d.follow = &aws.Follow{Cluster: d.Cluster, Service: d.Service.Name, Definition: d.under.TaskDefinition, Joined: true}
		}
		return nil
	}
	if change.Diff = deploy.Diff(deploy.FOut("image", d.Service.Image(), d.Image.Reference())); change.Diff != nil || d.renewed() != "" {
		if change.Why = d.renewed(); change.Diff == nil {
			change.What += ": new deployment"
		}
		return append(d.command(), change)
	}
	switch {
	case d.lost != "":
		change.Why = "the last deployment failed: " + d.lost
	case !d.Force:
		return nil
	}
	change.What, change.Do = change.What+": start new tasks of "+d.Revision(), d.restart
	return []deploy.Change{change}
}

// Notes say that a deployment is joined.
func (d *Deployment) Notes() []string {
	if !d.Joined() {
		return nil
	}
	return []string{"a deployment of " + short(d.under.TaskDefinition) + " is under way: it is joined"}
}

// release updates the service to the clone with the new image, once.
func (d *Deployment) release(ctx context.Context) error {
	if err := d.prepare(ctx); err != nil {
		return err
	}
	return d.move(ctx, &ecs.UpdateServiceInput{TaskDefinition: d.next.TaskDefinitionArn, ForceNewDeployment: d.Force})
}

// prepare registers the clone with the new image.
func (d *Deployment) prepare(ctx context.Context) (err error) {
	if d.next != nil {
		return nil
	}
	in := aws.CloneTaskDefinition(d.Definition, d.Tags)
	for i := range in.ContainerDefinitions {
		if c := &in.ContainerDefinitions[i]; val(c.Name) == val(d.Container().Name) {
			c.Image = new(d.Image.Reference().Get())
			d.follows(ctx, in, c)
		}
	}
	if d.writesNotes() {
		if d.Image.Reference().Get() != d.Service.Image() { // else it is as it was given then
			aws.SetTaskDefinitionTag(in, aws.TagImage, d.Image.Source())
		}
		aws.SetTaskDefinitionTag(in, aws.TagSecrets, d.versions.String())
		aws.SetTaskDefinitionTag(in, aws.TagRelease, aws.ReleaseNote{Verb: "deploy", By: d.By, At: time.Now()}.String())
		git := ""
		if d.Git != nil {
			git = d.Git(ctx)
		}
		aws.SetTaskDefinitionTag(in, aws.TagGit, git)
	}
	d.next, err = d.register(ctx, in)
	return err
}

// queued are changes that wait until nothing is being deployed. Another may have come before, or have been rolled back
// meanwhile, so the service is looked at anew, and nothing is done when it runs the image then.
func (d *Deployment) queued(all []deploy.Change) []deploy.Change {
	for i := range all {
		do := all[i].Do
		all[i].Why = "once the deployment of " + short(d.under.TaskDefinition) + " has ended"
		all[i].Do = func(ctx context.Context) error {
			for {
				if err := deploy.Until(ctx, d.turn); err != nil {
					return err
				}
				if d.Service.Image() == d.Image.Reference().Get() && d.renewed() == "" && d.lost == "" && !d.Force {
					return nil
				}
				err := do(ctx)
				if busy := (*aws.InProgressError)(nil); !errors.As(err, &busy) {
					return err
				}
			}
		}
	}
	return all
}

// Behind is the revision whose deployment this one still waits for, having changed nothing; "" otherwise.
func (d *Deployment) Behind() string { return d.queue }

// turn says what is still being deployed.
func (d *Deployment) turn(ctx context.Context) (string, error) {
	if err := d.Service.Read(ctx); err != nil {
		return "", err
	}
	now, err := d.underWay(ctx)
	if err != nil || now == nil {
		d.under, d.queue = nil, ""
		return "", err
	}
	d.queue = short(now.TaskDefinition)
	d.next = nil // it was made from what is being replaced
	return "its turn, behind the deployment of " + short(now.TaskDefinition) + ": " + now.Missing(), nil
}

func (s *Service) register(ctx context.Context, in *ecs.RegisterTaskDefinitionInput) (*types.TaskDefinition, error) {
	out, err := s.Calls.ECS.RegisterTaskDefinition(ctx, in, func(o *ecs.Options) { o.Retryer = aws.Once() })
	if err != nil {
		return nil, err
	}
	return out.TaskDefinition, nil
}

// restart starts new tasks of the live task definition.
func (d *Deployment) restart(ctx context.Context) error {
	return d.move(ctx, &ecs.UpdateServiceInput{TaskDefinition: d.Live.TaskDefinition, ForceNewDeployment: true})
}

// Remove is never asked for.
func (d *Deployment) Remove() []deploy.Change { return nil }

// Ready judges the service deployment that was started or joined.
func (d *Deployment) Ready(ctx context.Context) (string, error) { return d.settled(ctx, d.Wait) }

// Same is the image that the service runs: of a restart.
type Same struct{ Of *Service }

// Name is the step's.
func (*Same) Name() string { return "image" }

// Wanted is always true.
func (*Same) Wanted() bool { return true }

// Read has nothing to find: the deployment reads the service.
func (*Same) Read(context.Context) error { return nil }

// Plan has nothing to do.
func (*Same) Plan() []deploy.Change { return nil }

// Remove has nothing to take away.
func (*Same) Remove() []deploy.Change { return nil }

// Reference is the image, known once the service is read.
func (s *Same) Reference() (o deploy.Out[string]) {
	if s.Of.Live != nil {
		o.Set(s.Of.Image())
	}
	return o
}

// Told is nothing: no other image comes.
func (*Same) Told(context.Context) (*types.HealthCheck, string, []int32, []string, bool) {
	return nil, "", nil, nil, false
}

// Source is nobody's: no task definition is made with it.
func (*Same) Source() string { return "" }

var (
	_ deploy.Noter   = (*Deployment)(nil)
	_ deploy.Slow    = (*Deployment)(nil)
	_ deploy.Checker = (*Deployment)(nil)
)
