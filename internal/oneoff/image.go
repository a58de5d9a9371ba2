package oneoff

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// Family is the task definition family of clones with another image. A clone in the service's own family would move the
// numbers of its releases, and be taken for the newest of them. No project's family has an underscore.
func Family(of string) string { return of + "_run" }

// Clone registers a task definition again, in the family of clones, with another image in one container, which then has
// the image's own command. RunTask can override everything else but this.
func Clone(ctx context.Context, c *aws.Calls, def *types.TaskDefinition, container, image string, tags []types.Tag) (arn string, err error) {
	in := aws.CloneTaskDefinition(def, tags)
	in.Family = new(Family(val(def.Family)))
	for i := range in.ContainerDefinitions {
		if d := &in.ContainerDefinitions[i]; val(d.Name) == container {
			d.Image, d.Command, d.EntryPoint = &image, nil, nil
		}
	}
	out, err := c.ECS.RegisterTaskDefinition(ctx, in, func(o *ecs.Options) { o.Retryer = aws.Once() })
	if err != nil {
		return "", err
	}
	return val(out.TaskDefinition.TaskDefinitionArn), nil
}

// Forget deletes a clone. Its tasks go on: AWS keeps a deleted definition for as long as one uses it (API reference,
// DeleteTaskDefinitions).
func Forget(ctx context.Context, c *aws.Calls, arn string) error {
	if _, err := c.ECS.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &arn}); err != nil {
		return err
	}
	out, err := c.ECS.DeleteTaskDefinitions(ctx, &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: []string{arn}})
	if err == nil && len(out.Failures) > 0 {
		err = errors.New(failure(out.Failures[0]))
	}
	return err
}
