package steps

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// Keep holds the image of the release against the repository's lifecycle policy, once the release serves: as long as it
// may be gone back to, it has a tag that the policy never expires. It is about images in our repository only.
type Keep struct {
	*App
	Image   *Image
	TaskDef *TaskDef
	Rollout *Rollout
}

func (s *Keep) Name() string { return "keep" }

// Wanted is always true.
func (s *Keep) Wanted() bool { return true }

// Read has nothing to find: the repository's step lists all images.
func (s *Keep) Read(context.Context) error { return nil }

// Plan tags the image when its tag is not there, or names another image.
func (s *Keep) Plan() []deploy.Change {
	digest, ours := s.digest()
	if !ours || !s.Options.Awaited() { // then nobody knows yet whether it serves
		return nil
	}
	tag := deploy.Change{Op: deploy.Create, What: "tag that keeps the released image", Await: []deploy.Slow{s.Rollout}, Do: s.tag}
	if s.Rollout.Service.replaces {
		tag.With = []deploy.Step{s.Rollout.Service}
	}
	if revision, known := s.revision(); known {
		switch name := aws.LiveTag(revision); s.Image.ECR.images[name] {
		case "":
		case digest:
			return nil
		default:
			tag.Why = name + " is on another image"
		}
	}
	return []deploy.Change{tag}
}

// digest is the release's image in our repository, "" for one that is still to be built. An image of others is not ours.
func (s *Keep) digest() (digest string, ours bool) {
	ref, known := s.Image.Ref.Known()
	if !known {
		return "", s.Image.broken == nil
	}
	uri, known := s.Image.ECR.URI.Known()
	if !known {
		return "", false
	}
	digest, ours = strings.CutPrefix(ref, uri+"@")
	return digest, ours
}

// revision is the number behind the last colon of the task definition's ARN.
func (s *Keep) revision() (int32, bool) {
	arn, known := s.TaskDef.ARN.Known()
	n, err := strconv.ParseInt(last(arn), 10, 32)
	return int32(n), known && err == nil
}

func (s *Keep) tag(ctx context.Context) error {
	digest, _ := s.digest()
	revision, known := s.revision()
	if !known || digest == "" {
		return fmt.Errorf("image %s was released with no revision of a task definition", s.Image.Ref)
	}
	return aws.KeepLive(ctx, s.AWS, s.Image.ECR.Repository.Get(), digest, revision)
}

// Remove has nothing to take away: tags go with the repository.
func (s *Keep) Remove() []deploy.Change { return nil }

var _ deploy.Step = (*Keep)(nil)
