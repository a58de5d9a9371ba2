package sandbox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	noise "github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

func makeRepo(t *testing.T, s *Sandbox, region string, in *ecr.CreateRepositoryInput) *ecr.Client {
	t.Helper()
	c := ecr.NewFromConfig(s.Config(region))
	if _, err := c.CreateRepository(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return c
}

// login is how remote reaches a sandbox's registry with a token of a region.
func login(t *testing.T, s *Sandbox, region string) []remote.Option {
	t.Helper()
	out, err := ecr.NewFromConfig(s.Config(region)).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		t.Fatal(err)
	}
	user, password, _ := strings.Cut(string(plain), ":")
	return []remote.Option{remote.WithAuth(&authn.Basic{Username: user, Password: password}), remote.WithTransport(s)}
}

func tagOf(t *testing.T, ref string) name.Tag {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func picture(t *testing.T) v1.Image {
	t.Helper()
	img, err := noise.Image(2000, 3)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

const host = Account + ".dkr.ecr.eu-west-1.amazonaws.com"

// What is pushed is an image of ECR, in this process and the next, in memory and over a port.
func TestPush(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	c := makeRepo(t, s, "eu-west-1", &ecr.CreateRepositoryInput{RepositoryName: new("app"), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}})
	img, other := picture(t), picture(t)
	if err := remote.Write(tagOf(t, host+"/app:one"), img, login(t, s, "eu-west-1")...); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	defer srv.Close()
	served := append(login(t, s, "eu-west-1"), remote.WithTransport(http.DefaultTransport))
	if err := remote.Write(tagOf(t, strings.TrimPrefix(srv.URL, "http://")+"/app:two"), other, served...); err != nil {
		t.Fatal(err)
	}
	next := open(t, dir)
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Image(tagOf(t, host+"/app:one"), login(t, next, "eu-west-1")...)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := got.Digest(); err != nil || d != digest {
		t.Error(d, err)
	}
	layers, err := got.Layers()
	if err != nil || len(layers) != 3 {
		t.Fatal(layers, err)
	}
	if r, err := layers[2].Compressed(); err != nil {
		t.Error(err)
	} else if b, err := io.ReadAll(r); err != nil || len(b) < 2000 {
		t.Error(len(b), err)
	}
	if tags, err := remote.List(tagOf(t, host+"/app:one").Repository, login(t, next, "eu-west-1")...); err != nil || fmt.Sprint(tags) != "[one two]" {
		t.Error(tags, err)
	}
	all, err := c.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: new("app"), ImageIds: []types.ImageIdentifier{{ImageTag: new("one")}}})
	if err != nil || len(all.ImageDetails) != 1 {
		t.Fatal(all, err)
	}
	if d := all.ImageDetails[0]; *d.ImageDigest != digest.String() || *d.ImageSizeInBytes < 6000 || d.ImageScanStatus == nil || *d.ImageManifestMediaType != "application/vnd.docker.distribution.manifest.v2+json" {
		t.Errorf("%+v", d)
	}
	if err := next.Do(func(*State) {
		for ref, want := range map[string]bool{
			host + "/app:one": true, host + "/app@" + digest.String(): true, host + "/app:three": false, host + "/app": false, host + "/no:one": false,
			strings.Replace(host, "eu-west-1", "us-east-1", 1) + "/app:one": false, "nginx": true, "public.ecr.aws/docker/library/nginx:1": true,
		} {
			if got := next.imageExists(ref); got != want {
				t.Error(ref, got)
			}
		}
	}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: new("app"), Force: true}); err != nil {
		t.Error(err)
	}
	if s.blobs.has("eu-west-1", "app", digest.String()) {
		t.Error("blobs are left")
	}
}

func TestPushRefused(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	s, err := Open(Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	makeRepo(t, s, "eu-west-1", &ecr.CreateRepositoryInput{RepositoryName: new("app"), ImageTagMutability: types.ImageTagMutabilityImmutable})
	makeRepo(t, s, "eu-west-1", &ecr.CreateRepositoryInput{RepositoryName: new("app/b")})
	img, auth, once := picture(t), login(t, s, "eu-west-1"), remote.WithRetryBackoff(remote.Backoff{Steps: 1})
	for range 2 { // the same image again is no other
		if err := remote.Write(tagOf(t, host+"/app:one"), img, auth...); err != nil {
			t.Fatal(err)
		}
	}
	manifest, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	password := func(p string) remote.Option { return remote.WithAuth(&authn.Basic{Username: "AWS", Password: p}) }
	push := func(ref string, o ...remote.Option) error {
		return remote.Write(tagOf(t, ref), picture(t), append([]remote.Option{remote.WithTransport(s), once}, o...)...)
	}
	for _, tt := range []struct {
		what   string
		err    error
		status int
		code   transport.ErrorCode
	}{
		{"immutable", push(host+"/app:one", auth...), 400, "TAG_INVALID"},
		{"no repository", push(host+"/none:one", auth...), 404, "NAME_UNKNOWN"},
		{"no credentials", push(host + "/app:two"), 401, "UNAUTHORIZED"},
		{"a password of one's own", push(host+"/app:two", password("secret")), 401, "UNAUTHORIZED"},
		{"another region's token", push(host+"/app:two", login(t, s, "us-east-1")...), 401, "UNAUTHORIZED"},
		{"layers of another repository", remote.Put(tagOf(t, host+"/app/b:one"), raw(manifest), append(auth, once)...), 400, "MANIFEST_BLOB_UNKNOWN"},
	} {
		var te *transport.Error
		if !errors.As(tt.err, &te) || te.StatusCode != tt.status || len(te.Errors) != 1 || te.Errors[0].Code != tt.code {
			t.Errorf("%s: %v", tt.what, tt.err)
		}
	}
	now = now.Add(12 * time.Hour)
	if err := push(host+"/app:two", auth...); err == nil || !strings.Contains(err.Error(), "authorization token has expired") {
		t.Error(err)
	}
}

// raw is a manifest as it is.
type raw []byte

func (r raw) RawManifest() ([]byte, error) { return r, nil }

func TestImages(t *testing.T) {
	t.Parallel()
	s := open(t, "")
	c, ctx := makeRepo(t, s, "eu-west-1", &ecr.CreateRepositoryInput{RepositoryName: new("app")}), context.Background()
	if err := remote.Write(tagOf(t, host+"/app:one"), picture(t), login(t, s, "eu-west-1")...); err != nil {
		t.Fatal(err)
	}
	one := []types.ImageIdentifier{{ImageTag: new("one")}}
	got, err := c.BatchGetImage(ctx, &ecr.BatchGetImageInput{RepositoryName: new("app"), ImageIds: append(one, types.ImageIdentifier{ImageTag: new("no")})})
	if err != nil || len(got.Images) != 1 || len(got.Failures) != 1 || got.Failures[0].FailureCode != "ImageNotFound" {
		t.Fatal(got, err)
	}
	again := &ecr.PutImageInput{RepositoryName: new("app"), ImageManifest: got.Images[0].ImageManifest, ImageManifestMediaType: got.Images[0].ImageManifestMediaType, ImageTag: new("live-1")}
	if _, err := c.PutImage(ctx, again); err != nil {
		t.Fatal(err)
	}
	_, err = c.PutImage(ctx, again)
	refused(t, err, "ImageAlreadyExistsException", "live-1")
	_, err = c.PutImage(ctx, &ecr.PutImageInput{RepositoryName: new("app"), ImageManifest: new(strings.Replace(*again.ImageManifest, "sha256:", "sha256:0", 1)), ImageTag: new("x")})
	refused(t, err, "LayersNotFoundException", "do not exist")
	if _, err := c.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RepositoryName: new("app"), ImageIds: one}); err != nil {
		t.Fatal(err)
	}
	_, err = c.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: new("app"), ImageIds: one})
	refused(t, err, "ImageNotFoundException", "{imageDigest:'null', imageTag:'one'} does not exist within the repository with name 'app'")
	_, err = c.DescribeImageScanFindings(ctx, &ecr.DescribeImageScanFindingsInput{RepositoryName: new("app"), ImageId: &types.ImageIdentifier{ImageTag: new("live-1")}})
	refused(t, err, "ScanNotFoundException", "")
	_, err = c.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: new("app")})
	refused(t, err, "RepositoryNotEmptyException", "still contains images")
	list, err := c.ListImages(ctx, &ecr.ListImagesInput{RepositoryName: new("app")})
	if err != nil || len(list.ImageIds) != 1 || *list.ImageIds[0].ImageTag != "live-1" {
		t.Error(list, err)
	}
	if _, err := c.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RepositoryName: new("app"), ImageIds: list.ImageIds}); err != nil {
		t.Error(err)
	}
	if list, err := c.ListImages(ctx, &ecr.ListImagesInput{RepositoryName: new("app")}); err != nil || len(list.ImageIds) != 0 {
		t.Error("an image without a tag is left:", list, err)
	}
}

func TestRepositories(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	c, ctx := makeRepo(t, s, "eu-west-1", &ecr.CreateRepositoryInput{RepositoryName: new("app"), Tags: []types.Tag{{Key: new("k"), Value: new("v")}}}), t.Context()
	out, err := c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"app"}})
	if err != nil || *out.Repositories[0].RepositoryUri != host+"/app" || out.Repositories[0].EncryptionConfiguration.EncryptionType != "AES256" || out.Repositories[0].ImageTagMutability != "MUTABLE" {
		t.Error(out, err)
	}
	_, err = c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"no"}})
	refused(t, err, "RepositoryNotFoundException", "The repository with name 'no' does not exist in the registry with id '"+Account+"'")
	_, err = c.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: new("app")})
	refused(t, err, "RepositoryAlreadyExistsException", "already exists")
	_, err = c.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: new("App")})
	refused(t, err, "InvalidParameterException", "repositoryName")
	_, err = c.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: new("app")})
	refused(t, err, "LifecyclePolicyNotFoundException", "")
	rule := func(selection string) string {
		return `{"rules":[{"rulePriority":1,"description":"` + strings.Repeat("x", 100) + `","selection":` + selection + `,"action":{"type":"expire"}}]}`
	}
	for selection, ok := range map[string]bool{
		`{"tagStatus":"tagged","tagPatternList":["live-*"],"countType":"imageCountMoreThan","countNumber":9999}`:  true,
		`{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":14}`:             true,
		`{"tagStatus":"untagged","countType":"sinceImagePushed","countNumber":14}`:                                false,
		`{"tagStatus":"tagged","countType":"imageCountMoreThan","countNumber":1}`:                                 false,
		`{"tagStatus":"any","tagPrefixList":["a"],"countType":"imageCountMoreThan","countNumber":1}`:              false,
		`{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":0}`:                                    false,
		`{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1,"more":true}`:                        false,
		`{"tagStatus":"tagged","tagPatternList":["*a*b*c*d*"],"countType":"imageCountMoreThan","countNumber":99}`: false,
	} {
		_, err := c.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: new("app"), LifecyclePolicyText: new(rule(selection))})
		if ok && err != nil || !ok && code(err) != "InvalidParameterException" {
			t.Error(selection, err)
		}
	}
	tags, err := c.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: out.Repositories[0].RepositoryArn})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != "v" {
		t.Error(tags, err)
	}
	if other, err := ecr.NewFromConfig(s.Config("us-east-1")).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{}); err != nil || len(other.Repositories) != 0 {
		t.Error("another region:", other, err)
	}
}
