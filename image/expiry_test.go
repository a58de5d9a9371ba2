package image

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// TestECRTokenExpires has a token of ECR end half-way, after twelve hours on the sandbox's clock: whoever pushes, an image
// that is in files here (as an OCI layout is) or an engine through the bridge, goes on with a fresh one and sends nothing
// twice but the layer that was refused.
func TestECRTokenExpires(t *testing.T) { //nolint:paralleltest // the bridge keeps its secret in the user's cache
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for route, from := range map[string]func(*Built) *Built{
		"layout": func(b *Built) *Built { return b },
		"bridge": func(b *Built) *Built { return keptBy(t, b, b) },
	} {
		later := atomic.Int64{} // the clock's hours ahead
		box, err := sandbox.Open(sandbox.Options{Now: func() time.Time { return time.Unix(1_800_000_000, 0).Add(time.Duration(later.Load()) * time.Hour) }})
		if err != nil {
			t.Fatal(err)
		}
		calls := ecr.NewFromConfig(box.Config("us-east-1"))
		repository, err := calls.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("app")})
		if err != nil {
			t.Fatal(err)
		}
		given := atomic.Int64{}
		auth := func(ctx context.Context) (authn.Authenticator, error) {
			given.Add(1)
			out, err := calls.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
			if err != nil {
				return nil, err
			}
			plain, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
			user, password, _ := strings.Cut(string(plain), ":")
			return &authn.Basic{Username: user, Password: password}, err
		}
		uploads, refused := atomic.Int64{}, atomic.Int64{}
		way := roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPatch && uploads.Add(1) == 2 {
				later.Store(13)
			}
			resp, err := box.RoundTrip(r)
			if err == nil && resp.StatusCode == http.StatusUnauthorized && r.Header.Get("Authorization") != "" {
				refused.Add(1)
			}
			return resp, err
		})
		b := made(t, noise(10_000), noise(20_000), noise(30_000), noise(40_000))
		p, err := from(b).Push(t.Context(), Target{Ref: *repository.Repository.RepositoryUri, Tag: "one", Auth: auth, Transport: way}, nil)
		if err != nil || p.Digest != b.Digest || p.New != 4 || given.Load() != 2 || refused.Load() == 0 {
			t.Errorf("%s: %+v, %v; %d tokens, %d answers 401", route, p, err, given.Load(), refused.Load())
		}
		list, err := calls.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: new("app")})
		if err != nil || len(list.ImageDetails) != 1 || *list.ImageDetails[0].ImageDigest != b.Digest.String() {
			t.Errorf("%s: %+v, %v", route, list, err)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
