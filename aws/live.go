package aws

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// liveTags is how many releases keep their image from the lifecycle policy: those one can go back to.
const liveTags = 20

// LiveTag is the tag of an image that was released with a revision of the task definition. The repository's lifecycle
// policy never expires it.
func LiveTag(revision int32) string { return "live-" + strconv.Itoa(int(revision)) }

// LiveRevision is the revision in a LiveTag, 0 for any other tag.
func LiveRevision(tag string) int {
	n, ok := strings.CutPrefix(tag, "live-")
	if revision, err := strconv.Atoi(n); ok && err == nil && revision > 0 && "live-"+strconv.Itoa(revision) == tag {
		return revision
	}
	return 0
}

// KeepLive gives an image, by its digest, the tag of the revision that it was released with, and takes such tags off all
// but the newest twenty releases. Done twice, it changes nothing the second time.
func KeepLive(ctx context.Context, calls *Calls, repository, digest string, revision int32) error {
	out, err := calls.ECR.BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RepositoryName: &repository, ImageIds: []types.ImageIdentifier{{ImageDigest: &digest}},
	})
	if err != nil {
		return err
	}
	if len(out.Images) == 0 {
		return fmt.Errorf("image %s@%s is not there", repository, digest)
	}
	// The manifest goes back as it came: its digest is that of these bytes.
	in := &ecr.PutImageInput{
		RepositoryName: &repository, ImageTag: new(LiveTag(revision)), ImageDigest: &digest,
		ImageManifest: out.Images[0].ImageManifest, ImageManifestMediaType: out.Images[0].ImageManifestMediaType,
	}
	_, err = calls.ECR.PutImage(ctx, in)
	if Is(err, "ImageTagAlreadyExistsException") {
		// Tags are immutable, and a family of task definitions that began anew counts from 1 again.
		if err := untag(ctx, calls, repository, []string{*in.ImageTag}); err != nil {
			return err
		}
		_, err = calls.ECR.PutImage(ctx, in)
	}
	if err := Ignore(err, "ImageAlreadyExistsException"); err != nil {
		return err
	}
	return forgetOld(ctx, calls, repository)
}

// forgetOld takes the tags off all but the newest releases. An image that has no other tag goes with it.
func forgetOld(ctx context.Context, calls *Calls, repository string) error {
	in := &ecr.ListImagesInput{
		RepositoryName: &repository, MaxResults: new(int32(1000)), Filter: &types.ListImagesFilter{TagStatus: types.TagStatusTagged},
	}
	var tags []string
	for {
		page, err := calls.ECR.ListImages(ctx, in)
		if err != nil {
			return err
		}
		for _, id := range page.ImageIds {
			if tag := deref(id.ImageTag); LiveRevision(tag) > 0 {
				tags = append(tags, tag)
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	if len(tags) <= liveTags {
		return nil
	}
	slices.SortFunc(tags, func(a, b string) int { return cmp.Compare(LiveRevision(b), LiveRevision(a)) })
	return untag(ctx, calls, repository, tags[liveTags:])
}

// untag takes tags off their images, a hundred at a time, as many as the call takes. One that is off already is fine.
func untag(ctx context.Context, calls *Calls, repository string, tags []string) error {
	for some := range slices.Chunk(tags, 100) {
		in := &ecr.BatchDeleteImageInput{RepositoryName: &repository}
		for _, tag := range some {
			in.ImageIds = append(in.ImageIds, types.ImageIdentifier{ImageTag: &tag})
		}
		out, err := calls.ECR.BatchDeleteImage(ctx, in)
		if err != nil {
			return err
		}
		for _, f := range out.Failures {
			if f.FailureCode != types.ImageFailureCodeImageNotFound {
				return fmt.Errorf("tag of image %s: %s: %s", repository, f.FailureCode, deref(f.FailureReason))
			}
		}
	}
	return nil
}
