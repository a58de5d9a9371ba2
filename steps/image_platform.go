package steps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fargatectl/fargatectl/image"
)

// platform is the service's, as images call it, "" without a manifest.
func (s *Image) platform() string {
	return map[string]string{"ARM64": "linux/arm64", "X86_64": "linux/amd64"}[s.Manifest.Service.Architecture]
}

// platforms reads a wish like "linux/amd64,linux/arm64": the service's own, and the others. The service's must be there.
func (s *Image) platforms(wish string) (own string, also []string, err error) {
	own = s.platform()
	if wish == "" {
		return own, nil, nil
	}
	all := strings.Split(wish, ",")
	at := slices.Index(all, own)
	if at < 0 {
		return "", nil, &image.Error{
			What: fmt.Sprintf("the image would be for %s, the service runs on %s", wish, own),
			Ways: "add " + own + " to the platforms, or set the service's `architecture`",
		}
	}
	return own, slices.Delete(all, at, at+1), nil
}

// part is the digest of the service's image in an index. It is that which is deployed: what ECS would choose by itself is
// then known before, and the same index serves a service of the other architecture.
func (s *Image) part(ctx context.Context, digest string) (string, error) {
	repository := s.ECR.Repository.Get()
	out, err := s.AWS.ECR.BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RepositoryName: &repository, ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &digest}},
	})
	if err != nil {
		return "", err
	}
	if len(out.Images) != 1 {
		return "", fmt.Errorf("image %s@%s is gone: try again", repository, digest)
	}
	index, err := v1.ParseIndexManifest(strings.NewReader(val(out.Images[0].ImageManifest)))
	if err != nil {
		return "", fmt.Errorf("image %s@%s: %w", repository, digest, err)
	}
	for _, m := range index.Manifests {
		if m.Platform != nil && m.Platform.OS+"/"+m.Platform.Architecture == s.platform() {
			return m.Digest.String(), nil
		}
	}
	return "", fmt.Errorf("image %s@%s has none for %s: --rebuild makes it anew", repository, digest, s.platform())
}
