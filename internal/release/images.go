package release

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/fargatectl/fargatectl/aws"
)

// A RepositoryImage is one in the repository of a stack.
type RepositoryImage struct {
	Digest   string    `json:"digest"`
	Tags     []string  `json:"tags"`
	PushedAt time.Time `json:"pushed_at"`
	Size     int64     `json:"size"`     // bytes, as the registry keeps it
	Releases []int32   `json:"releases"` // revisions that it was released with, of those one can go back to
	Running  bool      `json:"running"`  // the service's task definition names it
	Keep     string    `json:"keep"`     // why a prune leaves it; "" for what it deletes
	kind     string    // media type of the manifest
}

// Images are those of a repository, the newest first. A prune that keeps so many leaves, besides, what runs, what can be
// gone back to, and what an index among them may name. running is the image that the service runs, "" for none.
func Images(ctx context.Context, calls *aws.Calls, repository, running string, keep int) ([]RepositoryImage, error) {
	in := &ecr.DescribeImagesInput{RepositoryName: &repository, MaxResults: new(int32(1000))}
	all := []RepositoryImage{}
	for {
		page, err := calls.ECR.DescribeImages(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, d := range page.ImageDetails {
			all = append(all, repositoryImage(d, running))
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return cmp.Or(b.PushedAt.Compare(a.PushedAt), strings.Compare(a.Digest, b.Digest)) < 0
	})
	index := slices.ContainsFunc(all, func(i RepositoryImage) bool {
		return strings.Contains(i.kind, "index") || strings.Contains(i.kind, "list")
	})
	for n := range all {
		i := &all[n]
		switch {
		case i.Running:
			i.Keep = "runs"
		case len(i.Releases) > 0:
			i.Keep = "can be gone back to"
		case n < keep:
			i.Keep = "new"
		case index && len(i.Tags) == 0:
			i.Keep = "may be part of an index"
		}
	}
	return all, nil
}

func repositoryImage(d types.ImageDetail, running string) RepositoryImage {
	i := RepositoryImage{
		Digest: val(d.ImageDigest), Tags: append([]string{}, d.ImageTags...), PushedAt: val(d.ImagePushedAt), Size: val(d.ImageSizeInBytes),
		Releases: []int32{}, kind: val(d.ImageManifestMediaType),
	}
	slices.Sort(i.Tags)
	for _, tag := range i.Tags {
		if n := aws.LiveRevision(tag); n > 0 {
			i.Releases = append(i.Releases, int32(n))
		}
		i.Running = i.Running || strings.HasSuffix(running, ":"+tag)
	}
	slices.Sort(i.Releases)
	i.Running = i.Running || strings.HasSuffix(running, "@"+i.Digest)
	return i
}

// Prune deletes images by their digests, a hundred at a time, as many as the call takes. Those that are gone already are
// no error.
func Prune(ctx context.Context, calls *aws.Calls, repository string, digests []string) error {
	for some := range slices.Chunk(digests, 100) {
		in := &ecr.BatchDeleteImageInput{RepositoryName: &repository}
		for _, d := range some {
			in.ImageIds = append(in.ImageIds, types.ImageIdentifier{ImageDigest: &d})
		}
		out, err := calls.ECR.BatchDeleteImage(ctx, in)
		if err != nil {
			return err
		}
		for _, f := range out.Failures {
			if f.FailureCode != types.ImageFailureCodeImageNotFound {
				return errors.New("image " + val(f.ImageId.ImageDigest) + ": " + string(f.FailureCode) + ": " + val(f.FailureReason))
			}
		}
	}
	return nil
}
