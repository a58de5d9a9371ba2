package steps

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/image"
)

// What an image says of itself becomes the task definition's, where the manifest says nothing:
//
//   - HEALTHCHECK, which ECS does not look at in an image (API reference, HealthCheck), if its program is in the image;
//   - EXPOSE, if it is one port: balancer, security group and PORT have to know it.
//
// USER and STOPSIGNAL need nothing: a container whose definition has no `user` runs as the image's (API reference,
// ContainerDefinition: it is docker's --user), and ECS stops it with the image's signal, on Fargate, too (API reference,
// StopTask), where a task definition has no member for it at all.
//
// What runs already is not asked again: while the digest is the same, it is read off the live task definition, whose tags
// say what of it is the image's.

// slowest is how far apart the checks are that an image asks for: a deployment waits for the first one that passes.
const slowest = 10

// port is the one that the container listens on: the manifest's, else the image's, else the default.
func (a *App) port() int32 {
	if a.exposed != 0 && !a.Manifest.Service.PortGiven {
		return a.exposed
	}
	return a.Manifest.Service.ContainerPort
}

// hear finds out what the image says of what the manifest leaves to it.
func (s *Image) hear(ctx context.Context) {
	if !s.Asked || s.broken != nil {
		return
	}
	live, tags, _ := s.liveDefinition(ctx) // its error is the task definition's
	check, port := s.Manifest.Service.HealthCheck == nil, !s.Manifest.Service.PortGiven
	ref, known := s.Ref.Known()
	var c *types.ContainerDefinition
	if live != nil {
		c = containerOf(live.ContainerDefinitions, s.Manifest.Stack())
	}
	keep := int32(0) // the image's port of before, when nobody says another
	if c != nil && tags[aws.TagPort] == aws.FromImage {
		keep = portOf(c)
	}
	if c != nil && known && val(c.Image) == ref {
		if from := tags[aws.TagHealthCheck]; check && (from == aws.FromImage || c.HealthCheck == nil && (from == "" || from == aws.FromNobody)) {
			s.check, s.told, check = c.HealthCheck, true, false
		}
		if port && tags[aws.TagPort] != aws.FromManifest && (keep != 0 || portOf(c) == s.Manifest.Service.ContainerPort) {
			s.exposed, port = keep, false
		}
	}
	switch {
	case !check && !port:
	case known:
		if !s.ask(ctx, ref, check, port, c) && port {
			s.exposed = keep
		}
	default:
		s.foretell(ctx, check, port, keep, c)
	}
}

// foretell takes what is known of an image before it is built.
func (s *Image) foretell(ctx context.Context, check, port bool, keep int32, runs *types.ContainerDefinition) {
	told, sure := s.spec.Foretell(ctx)
	if h := image.HealthCheck(told); check && h != nil {
		s.check = ecsCheck(h) // its program is looked for when it is built
	}
	if port {
		s.listen(told, runs)
	}
	if port && !sure && len(image.Ports(told)) == 0 {
		s.exposed = keep
	}
}

// ask reads the configuration of an image that exists, and for a health check its layers. It is false where nobody could be
// asked.
func (s *Image) ask(ctx context.Context, ref string, check, port bool, runs *types.ContainerDefinition) bool {
	if s.Options.Offline && !s.inECR(ref) {
		return false
	}
	s.unseen = check
	o, at, err := s.remote(ref)
	var told *v1.ConfigFile
	if err == nil {
		told, err = image.Config(ctx, at, o)
	}
	if err != nil {
		if s.note == "" {
			s.heard = append(s.heard, fmt.Sprintf("nobody could be asked for the health check and the port of the image (%v): where they matter, `health_check` and `container_port` say them", err))
		}
		return false
	}
	s.ports = image.Ports(told.Config)
	if port {
		s.listen(told.Config, runs)
	}
	if check {
		s.take(told.Config, func() (string, error) { return image.MissingTool(ctx, at, told.Config, o) })
	}
	return true
}

// take takes the health check over if it can work. Without its program every check would fail, and ECS would replace task
// after task.
func (s *Image) take(c v1.Config, missing func() (string, error)) {
	s.check, s.told, s.unseen = nil, true, false
	h := image.HealthCheck(c)
	if h == nil {
		return
	}
	switch tool, err := missing(); {
	case err != nil:
		s.unseen = true
		s.heard = append(s.heard, fmt.Sprintf("the image's health check is left out: whether its program is there could not be seen (%v); the next up looks again", err))
	case tool != "":
		s.heard = append(s.heard, fmt.Sprintf("the image's health check is left out: %s is not in the image, so it would fail in every task; put it in, or set a `health_check` that can do without", tool))
	default:
		s.check = ecsCheck(h)
	}
}

// listen takes the port that the image exposes. Of several it is the default if that is among them, or what runs; else the
// manifest has to say.
func (s *Image) listen(c v1.Config, runs *types.ContainerDefinition) {
	ports, live := image.Ports(c), s.Manifest.Service.ContainerPort
	if runs != nil {
		live = portOf(runs)
	}
	s.exposed = 0
	switch {
	case len(ports) == 0 || slices.Contains(ports, s.Manifest.Service.ContainerPort):
	case len(ports) == 1:
		s.exposed = ports[0]
	case slices.Contains(ports, live):
		s.exposed = live
	case runs == nil || live != s.Manifest.Service.ContainerPort:
		names := strings.Trim(strings.ReplaceAll(fmt.Sprint(ports), " ", ", "), "[]")
		s.broken = &image.Error{
			What: "the image exposes the ports " + names + ", and the manifest does not say which of them the balancer is to reach",
			Ways: "set the service's `container_port` to one of them",
		}
	}
}

// learn hears what the image says that was just built: a Dockerfile has only foretold it.
func (s *Image) learn(ctx context.Context) {
	if s.Built.Config == nil {
		return
	}
	c, before := s.Built.Config.Config, len(s.heard)
	s.take(c, func() (string, error) {
		if s.Built.Image != nil {
			return s.Built.MissingTool(ctx)
		}
		o, at, err := s.remote(s.Ref.Get()) // an engine has pushed it
		if err != nil {
			return "", err
		}
		return image.MissingTool(ctx, at, c, o)
	})
	s.ports = image.Ports(c)
	if !s.Asked {
		return
	}
	if !s.Manifest.Service.PortGiven && len(s.ports) == 1 && s.ports[0] != s.port() {
		s.heard = append(s.heard, fmt.Sprintf("the image exposes port %d, which could not be known before it was built, and the service is reached at %d: `container_port` decides", s.ports[0], s.port()))
	}
	for _, line := range s.heard[before:] {
		deploy.Say(ctx, "%s", line)
	}
}

// Told is what the image says of itself, for a release of it: its health check, nil where it has none that can work, with the
// value of its tag, and the ports that it exposes; notes say what is in the way. known is false where nobody could be asked.
func (s *Image) Told(ctx context.Context) (check *types.HealthCheck, from string, ports []int32, notes []string, known bool) {
	if ref, known := s.Ref.Known(); known && !s.told {
		s.ask(ctx, ref, true, false, nil)
	}
	switch {
	case s.check != nil:
		from = aws.FromImage
	case s.unseen || !s.told:
		from = aws.Unseen
	}
	return s.check, from, s.ports, s.heard, s.told
}

// ecsCheck is a health check within ECS's limits (API reference, HealthCheck). What the image leaves open is ECS's default,
// but for the interval.
func ecsCheck(h *v1.HealthConfig) *types.HealthCheck {
	seconds := func(d time.Duration, def, from, to int32) *int32 {
		if d == 0 {
			return &def
		}
		return new(int32(min(max(math.Ceil(d.Seconds()), float64(from)), float64(to))))
	}
	retries := int32(3)
	if h.Retries != 0 {
		retries = int32(min(max(h.Retries, 1), 10))
	}
	return &types.HealthCheck{
		Command: h.Test, Interval: seconds(h.Interval, slowest, 5, slowest), Timeout: seconds(h.Timeout, 5, 2, 60), Retries: &retries,
		StartPeriod: seconds(h.StartPeriod, 0, 0, 300),
	}
}

func containerOf(all []types.ContainerDefinition, name string) *types.ContainerDefinition {
	for i := range all {
		if val(all[i].Name) == name {
			return &all[i]
		}
	}
	return nil
}

// portOf is the first port of a container, 0 without one.
func portOf(c *types.ContainerDefinition) int32 {
	if p := first(c.PortMappings); p != nil {
		return val(p.ContainerPort)
	}
	return 0
}
