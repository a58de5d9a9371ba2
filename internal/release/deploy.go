package release

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// An Image is the step that knows which image a release brings.
type Image interface {
	deploy.Step
	Reference() deploy.Out[string]
}

// A Deployment brings a service to a new revision of its task definition, or to the same one again. It is the last
// step of a release: ready when AWS's service deployment has ended.
type Deployment struct {
	*Service
	Image Image
	Given string // the reference as it was typed, kept in the tag of the task definition; "" for a build
	Force bool   // also when nothing changes
	By    string // ARN of who does it
	Wait  string // "accepted": ready at once; "healthy": when the new tasks run; "steady": when the deployment has ended

	Joined   bool            // a deployment of the same was under way
	Finished *aws.Deployment // how it ended

	began time.Time
	to    string // ARN of the task definition that is being brought; "" when nothing changes
}

// Name is the step's.
func (d *Deployment) Name() string { return "deployment" }

// Wanted is always true.
func (d *Deployment) Wanted() bool { return true }

// Read finds the live service. A deployment of the same image under way is joined, any other is refused.
func (d *Deployment) Read(ctx context.Context) error { return d.Service.Read(ctx) }

// Check refuses a second deployment beside one that is under way.
func (d *Deployment) Check() error {
	running := d.deploying()
	if running == nil {
		return nil
	}
	if ref, known := d.Image.Reference().Known(); known && ref == d.Service.Image() && !d.Force {
		d.Joined = true
		return nil
	}
	return &aws.InProgressError{Service: d.Service.Name, TaskDefinition: val(running.TaskDefinition), Since: val(running.CreatedAt)}
}

// Plan is one change: a revision with the new image, and the service on it.
func (d *Deployment) Plan() []deploy.Change {
	diff := deploy.Diff(deploy.FOut("image", d.Service.Image(), d.Image.Reference()))
	switch {
	case d.Joined:
		return nil
	case diff != nil:
		return []deploy.Change{{Op: deploy.Update, What: "service " + d.Service.Name, Diff: diff, Do: d.release}}
	case d.Force:
		return []deploy.Change{{Op: deploy.Update, What: "service " + d.Service.Name + ": start new tasks of " + d.Revision(), Do: d.restart}}
	}
	return nil
}

// release registers the clone with the new image and updates the service, once.
func (d *Deployment) release(ctx context.Context) error {
	in := aws.CloneTaskDefinition(d.Definition, d.Tags)
	for i := range in.ContainerDefinitions {
		if val(in.ContainerDefinitions[i].Name) == val(d.Container().Name) {
			in.ContainerDefinitions[i].Image = new(d.Image.Reference().Get())
		}
	}
	aws.SetTaskDefinitionTag(in, aws.TagImage, d.Given)
	out, err := d.Calls.ECS.RegisterTaskDefinition(ctx, in, func(o *ecs.Options) { o.Retryer = aws.Once() })
	if err != nil {
		return err
	}
	return d.update(ctx, "deploy", val(out.TaskDefinition.TaskDefinitionArn), d.Force)
}

// restart starts new tasks of the live task definition.
func (d *Deployment) restart(ctx context.Context) error {
	return d.update(ctx, "", val(d.Live.TaskDefinition), true)
}

// update moves the service to a task definition and keeps a note of it.
func (d *Deployment) update(ctx context.Context, verb, definition string, force bool) error {
	d.began = time.Now()
	out, err := d.Calls.ECS.UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster: &d.Cluster, Service: &d.Service.Name, TaskDefinition: &definition, ForceNewDeployment: force,
	})
	if err != nil {
		return err
	}
	deploy.Say(ctx, "%s", short(definition))
	d.Live, d.to = out.Service, definition
	if verb == "" {
		return nil
	}
	return d.note(ctx, aws.TagRelease, aws.ReleaseNote{Verb: verb, By: d.By, At: time.Now(), Revision: short(definition)})
}

// Remove is never asked for.
func (d *Deployment) Remove() []deploy.Change { return nil }

// Ready judges the newest service deployment, which must be the one that was asked for or joined.
func (d *Deployment) Ready(ctx context.Context) (string, error) {
	if d.to == "" && !d.Joined || d.Wait == "accepted" {
		return "", nil
	}
	want := val(d.Live.TaskDefinition)
	latest, err := d.Calls.ECS.LatestDeployment(ctx, d.Cluster, d.Service.Name)
	if err != nil {
		return "", err
	}
	if latest == nil || latest.TaskDefinition != want || !d.Joined && latest.Done() && latest.Finished.Before(d.began.Add(-time.Minute)) {
		return "the deployment to begin", nil // ListServiceDeployments lags behind UpdateService
	}
	d.Finished = latest
	if d.Wait == "healthy" && latest.Desired > 0 && latest.Running >= latest.Desired {
		return "", latest.Err()
	}
	return latest.Missing(), latest.Err()
}

// Fixed is an Image that is known from the beginning: one that somebody names, or the live one.
type Fixed struct{ Ref string }

// Name is the step's.
func (*Fixed) Name() string { return "image" }

// Wanted is always true.
func (*Fixed) Wanted() bool { return true }

// Read has nothing to find.
func (*Fixed) Read(context.Context) error { return nil }

// Plan has nothing to do.
func (*Fixed) Plan() []deploy.Change { return nil }

// Remove has nothing to take away.
func (*Fixed) Remove() []deploy.Change { return nil }

// Reference is the image.
func (f *Fixed) Reference() (o deploy.Out[string]) {
	o.Set(f.Ref)
	return o
}

var (
	_ deploy.Slow    = (*Deployment)(nil)
	_ deploy.Checker = (*Deployment)(nil)
)
