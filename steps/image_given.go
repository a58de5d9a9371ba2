package steps

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/image"
)

// readGiven finds the digest of a reference by tag when it is first deployed. Afterwards the one that is deployed stays:
// a tag that moves is no change of the manifest. Who names the tag to a release of its own (Fresh) means what it is now.
func (s *Image) readGiven(ctx context.Context) error {
	deployed, err := s.deployed(ctx)
	if err != nil {
		return err
	}
	if strings.Contains(s.Given, "@sha256:") {
		s.Ref.Set(s.Given)
		if deployed != s.Given {
			s.broken = s.fits(ctx, s.Given)
		}
		return nil
	}
	if deployed != "" && !s.Fresh {
		s.Ref.Set(deployed)
		return nil
	}
	digest, err := s.Resolve(ctx, s.Given, s.platform())
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case deployed != "" && (errors.Is(err, image.ErrUnreachable) || errors.Is(err, image.ErrDenied)):
		s.note = fmt.Sprintf("%s stays what it was when it was deployed: nobody could be asked whether its tag has moved (%v)", s.Given, err)
		s.Ref.Set(deployed)
		return nil
	case errors.Is(err, image.ErrUnreachable), errors.Is(err, image.ErrDenied):
		s.note = fmt.Sprintf("%s goes in by its tag (%v); ECS settles the digest when it starts the tasks", s.Given, err)
	case err != nil && aws.Code(err) != "" && !aws.Is(err, "ImageNotFoundException", "RepositoryNotFoundException"):
		return err
	case err != nil:
		s.broken = err
		return nil //nolint:nilerr // Check reports it, when an image is needed
	}
	switch {
	case digest != "":
		s.Ref.Set(untagged(s.Given) + "@" + digest)
		if s.inECR(s.Given) { // Resolve has asked ECR for the digest alone
			s.broken = s.fits(ctx, s.Ref.Get())
		}
	case deployed != "":
		s.Ref.Set(deployed)
	default:
		s.Ref.Set(s.Given)
	}
	return nil
}

// fits refuses an image for another architecture than the service's before anything is registered with it: its tasks would
// only say "exec format error".
func (s *Image) fits(ctx context.Context, ref string) error {
	if s.platform() == "" || s.Options.Offline && !s.inECR(ref) {
		return nil
	}
	o, at, err := s.remote(ref)
	if err != nil {
		return err
	}
	return image.Fits(ctx, at, o)
}

// remote says how to ask for an image: one of this account and region where ECR is reached.
func (s *Image) remote(ref string) (o image.Remote, at string, err error) {
	o.Platform = s.platform()
	if !s.inECR(ref) {
		return o, ref, nil
	}
	repository := untagged(ref)
	if name, _, ok := strings.Cut(ref, "@"); ok {
		repository = untagged(name)
	}
	to, err := s.target(repository)
	o.Auth, o.Transport, o.Insecure = to.Auth, to.Transport, to.Insecure
	return o, to.Ref + ref[len(repository):], err
}

// inECR says whether a reference is to this account's registry in this region.
func (a *App) inECR(ref string) bool {
	return strings.HasPrefix(ref, a.Account+".dkr.ecr."+a.Region+".")
}

// untagged is a reference without its tag.
func untagged(ref string) string {
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") {
		return ref[:i]
	}
	return ref
}

// deployed is the image of the task definition that runs, or else is the newest, if it was made for the same reference.
func (s *Image) deployed(ctx context.Context) (string, error) {
	definition := s.Manifest.Stack()
	if definition == "" { // a service of somebody else's
		return "", nil
	}
	sv, err := s.liveService(ctx)
	if err != nil {
		return "", err
	}
	if active(sv) {
		definition = val(sv.TaskDefinition)
	}
	out, err := s.AWS.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: &definition, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags},
	})
	if err != nil { // ClientException "Unable to describe task definition." is how ECS says that there is none
		return "", aws.Ignore(err, "ClientException")
	}
	tags := ecsTags(out.Tags)
	if !s.owner().Owns(tags) || tags[aws.TagImage] != s.Given[:min(len(s.Given), 256)] {
		return "", nil
	}
	for _, c := range out.TaskDefinition.ContainerDefinitions {
		if strings.HasPrefix(val(c.Image), untagged(s.Given)+"@") || val(c.Image) == s.Given {
			return *c.Image, nil
		}
	}
	return "", nil
}

// Resolve is the digest that a reference points to now: it asks ECR for an image of this account and region, else the
// registry; nobody in the sandbox, for "".
func (a *App) Resolve(ctx context.Context, ref, platform string) (string, error) {
	if _, rest, _ := strings.Cut(ref, "/"); a.inECR(ref) {
		repo, tag, ok := strings.Cut(rest, ":")
		if !ok {
			tag = "latest"
		}
		out, err := a.AWS.ECR.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: &repo, ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: &tag}}})
		if err != nil {
			return "", err
		}
		if len(out.ImageDetails) != 1 {
			return "", fmt.Errorf("ECR has %d images %s", len(out.ImageDetails), ref)
		}
		return val(out.ImageDetails[0].ImageDigest), nil
	}
	if a.Options.Offline {
		return "", nil
	}
	return image.Resolve(ctx, ref, image.Remote{Platform: platform})
}
