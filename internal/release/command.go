package release

import (
	"context"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/oneoff"
)

// command is the change that runs the release command with the new image, before the service moves to it.
func (d *Deployment) command() []deploy.Change {
	if len(d.Command) == 0 {
		return nil
	}
	return []deploy.Change{{Op: deploy.Create, What: oneoff.ReleaseTask(d.Command), Do: func(ctx context.Context) error {
		if err := d.prepare(ctx); err != nil {
			return err
		}
		r := &oneoff.Run{
			Calls: d.Calls, In: oneoff.Beside(d.Live), Definition: d.next, Container: *d.container(d.next), Speed: d.Speed,
			Show: func(_ *oneoff.Task, line string) { d.Log(line) },
		}
		r.In.TaskDefinition, r.In.Tags = d.next.TaskDefinitionArn, d.CommandTags
		return r.Release(ctx, d.Service.Name, d.Command, nil)
	}}}
}
