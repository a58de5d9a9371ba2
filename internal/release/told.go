package release

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// follows has a container follow what its new image says of itself, where it has followed the old one: the old health check
// might call a program that the new image lacks. A check that the manifest has set stays, as does everything of a service
// that is somebody else's. The port stays as well, since balancer and security group have it, but it is not the image's any
// more where that exposes another.
func (d *Deployment) follows(ctx context.Context, in *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition) {
	if !d.writesNotes() || val(c.Image) == d.Service.Image() {
		return
	}
	tags := tagsOf(d.Tags)
	from, port := tags[aws.TagHealthCheck], tags[aws.TagPort] == aws.FromImage
	check := from == aws.FromImage || c.HealthCheck == nil && from != "none"
	if !check && !port {
		return
	}
	told, from, ports, notes, known := d.Image.Told(ctx)
	if check {
		if c.HealthCheck != nil && from == aws.Unseen && len(notes) == 0 {
			notes = []string{"the health check of the image before is left out: nobody was asked whether this one has one that can work"}
		}
		c.HealthCheck = told
		aws.SetTaskDefinitionTag(in, aws.TagHealthCheck, from)
		for _, line := range notes {
			deploy.Say(ctx, "%s", line)
		}
	}
	same := func(p types.PortMapping) bool { return slices.Contains(ports, val(p.ContainerPort)) }
	if port && known && !slices.ContainsFunc(c.PortMappings, same) {
		aws.SetTaskDefinitionTag(in, aws.TagPort, "")
	}
}
