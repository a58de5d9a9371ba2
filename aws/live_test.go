package aws_test

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/witness"
)

// pushed makes a repository with two images, and returns their digests.
func pushed(t *testing.T, s *sandbox.Sandbox, calls *aws.Calls, m types.ImageTagMutability) (digests []string) {
	t.Helper()
	repo, err := calls.ECR.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("app"), ImageTagMutability: m})
	if err != nil {
		t.Fatal(err)
	}
	token, err := calls.ECR.GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := base64.StdEncoding.DecodeString(*token.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"src-a", "src-b"} {
		ref, err := name.NewTag(*repo.Repository.RepositoryUri + ":" + tag)
		if err != nil {
			t.Fatal(err)
		}
		img, err := random.Image(100, 1)
		if err != nil {
			t.Fatal(err)
		}
		auth := &authn.Basic{Username: "AWS", Password: strings.TrimPrefix(string(plain), "AWS:")}
		if err := remote.Write(ref, img, remote.WithAuth(auth), remote.WithTransport(s)); err != nil {
			t.Fatal(err)
		}
		d, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, d.String())
	}
	return digests
}

func tagsOf(t *testing.T, calls *aws.Calls, digest string) []string {
	t.Helper()
	out, err := calls.ECR.DescribeImages(context.Background(), &ecr.DescribeImagesInput{RepositoryName: new("app"), ImageIds: []types.ImageIdentifier{{ImageDigest: &digest}}})
	if err != nil {
		t.Fatal(err)
	}
	return out.ImageDetails[0].ImageTags
}

// Twenty releases keep their tags; an image that was released before that keeps its others.
func TestKeepLive(t *testing.T) {
	t.Parallel()
	for _, m := range []types.ImageTagMutability{types.ImageTagMutabilityMutable, types.ImageTagMutabilityImmutable} {
		s, err := sandbox.Open(sandbox.Options{})
		if err != nil {
			t.Fatal(err)
		}
		calls := aws.Connect(witness.Recorded(s.Config("eu-west-1")))
		d := pushed(t, s, calls, m)
		for revision := range int32(25) {
			digest := d[1]
			if revision < 3 {
				digest = d[0]
			}
			for range 2 {
				if err := aws.KeepLive(t.Context(), calls, "app", digest, revision+1); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := tagsOf(t, calls, d[0]); !slices.Equal(got, []string{"src-a"}) {
			t.Error(m, got)
		}
		got := tagsOf(t, calls, d[1])
		if len(got) != 21 || !slices.Contains(got, "live-25") || !slices.Contains(got, "live-6") || slices.Contains(got, "live-5") {
			t.Error(m, got)
		}
		// A revision that counts from 1 again takes its tag from another image.
		if err := aws.KeepLive(t.Context(), calls, "app", d[0], 25); err != nil || !slices.Contains(tagsOf(t, calls, d[0]), "live-25") || slices.Contains(tagsOf(t, calls, d[1]), "live-25") {
			t.Error(m, err, tagsOf(t, calls, d[0]))
		}
		if err := aws.KeepLive(t.Context(), calls, "app", "sha256:"+strings.Repeat("0", 64), 26); err == nil || !strings.Contains(err.Error(), "is not there") {
			t.Error(m, err)
		}
	}
}
