package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// ECR is the repository that the images are pushed to. Under a new name in the manifest the old one is used on: AWS
// can't rename it, and the images of the releases are in it.
type ECR struct {
	*App

	URI        deploy.Out[string] // "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app"
	Repository deploy.Out[string] // its name

	live      *types.Repository
	liveTags  map[string]string
	lifecycle string            // policy as ECR has it; "" is none
	images    map[string]string // digests by tag
	digests   map[string]bool   // of all images

	reading once[struct{}]
}

func (s *ECR) Name() string { return "ecr" }

// Wanted is always true: a service that runs somebody's image today is deployed from here tomorrow.
func (s *ECR) Wanted() bool { return true }

// Read finds the repository by its name, else by our tags, and lists its images. The image step asks for it as well;
// whoever comes first has it done.
func (s *ECR) Read(ctx context.Context) error {
	_, err := s.reading.get(func() (struct{}, error) { return struct{}{}, s.search(ctx) })
	return err
}

func (s *ECR) search(ctx context.Context) error {
	if err := s.read(ctx, s.Manifest.Repository.Name); err != nil || s.live != nil {
		return err
	}
	arns, err := s.find(ctx, "ecr")
	if err != nil {
		return nil //nolint:nilerr // the notes of the plan say that renames can't be seen
	}
	for _, arn := range arns {
		name := nameOfRepository(arn)
		if name == s.Manifest.Repository.Name {
			continue // the tagging API remembers what is gone
		}
		before := s.live
		if err := s.read(ctx, name); err != nil {
			return err
		}
		if before != nil && s.live != nil && *s.live.RepositoryName != *before.RepositoryName {
			return fmt.Errorf("two repositories are this project's: %s and %s: delete one", *before.RepositoryName, *s.live.RepositoryName)
		}
	}
	return nil
}

// read reads one repository; one that is not there leaves everything as it is.
func (s *ECR) read(ctx context.Context, name string) error {
	var (
		live      *types.Repository
		tags      map[string]string
		lifecycle string
		images    []types.ImageIdentifier
	)
	gone := func(err error) error { return aws.Ignore(err, "RepositoryNotFoundException") }
	err := together(
		func() (err error) { live, err = s.get(ctx, name); return err },
		func() (err error) { tags, err = s.tagsOf(ctx, name); return gone(err) },
		func() error {
			out, err := s.AWS.ECR.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: &name})
			if err == nil {
				lifecycle = val(out.LifecyclePolicyText)
			}
			return gone(aws.Ignore(err, "LifecyclePolicyNotFoundException"))
		},
		func() (err error) { images, err = s.list(ctx, name); return gone(err) },
	)
	if err != nil || live == nil {
		return err
	}
	if err := s.own("repository", name, tags); err != nil {
		return err
	}
	s.live, s.liveTags, s.lifecycle, s.images, s.digests = live, tags, lifecycle, map[string]string{}, map[string]bool{}
	for _, id := range images {
		s.digests[val(id.ImageDigest)] = true
		if id.ImageTag != nil {
			s.images[*id.ImageTag] = val(id.ImageDigest)
		}
	}
	s.known(live)
	return nil
}

func (s *ECR) known(r *types.Repository) {
	s.URI.Set(*r.RepositoryUri)
	s.Repository.Set(*r.RepositoryName)
}

func (s *ECR) get(ctx context.Context, name string) (*types.Repository, error) {
	out, err := s.AWS.ECR.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{name}})
	if err != nil {
		return nil, aws.Ignore(err, "RepositoryNotFoundException")
	}
	return first(out.Repositories), nil
}

func (s *ECR) tagsOf(ctx context.Context, name string) (map[string]string, error) {
	out, err := s.AWS.ECR.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: new(s.repositoryARN(name))})
	if err != nil {
		return nil, err
	}
	return aws.TagMap(out.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value }), nil
}

func (s *ECR) list(ctx context.Context, name string) (all []types.ImageIdentifier, err error) {
	in := &ecr.ListImagesInput{RepositoryName: &name, MaxResults: new(int32(1000))}
	for {
		page, err := s.AWS.ECR.ListImages(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.ImageIds...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

// repositoryARN is the ARN of a repository of ours.
func (s *ECR) repositoryARN(name string) string { return s.arn("ecr", "repository/"+name) }

// nameOfRepository is the name in a repository's ARN.
func nameOfRepository(arn string) string {
	_, name, _ := strings.Cut(arn, ":repository/")
	return name
}

// lifecyclePolicy keeps what is released (rule 1 has these images, and its count is never reached), the newest of the
// others, and for two weeks what no tag names. An image belongs to the first rule that it matches.
func lifecyclePolicy(keep int32) string {
	rule := func(n int, description string, selection map[string]any) any {
		return map[string]any{"rulePriority": n, "description": description, "selection": selection, "action": map[string]any{"type": "expire"}}
	}
	b, err := json.Marshal(map[string]any{"rules": []any{
		rule(1, "released images stay", map[string]any{
			"tagStatus": "tagged", "tagPatternList": []string{"live-*"}, "countType": "imageCountMoreThan", "countNumber": 9999,
		}),
		rule(2, "of the others the newest stay", map[string]any{
			"tagStatus": "tagged", "tagPatternList": []string{"*"}, "countType": "imageCountMoreThan", "countNumber": keep,
		}),
		rule(3, "untagged images stay for two weeks", map[string]any{
			"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14,
		}),
	}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// sameJSON says whether two texts are the same JSON.
func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	return compact(x) == compact(y)
}

// diffLifecycle compares the live policy with the one that keeps so many images; one of ours differs by that number only.
func diffLifecycle(live string, keep int32) []deploy.Field {
	var p struct {
		Rules []struct{ Selection struct{ CountNumber int32 } }
	}
	if json.Unmarshal([]byte(live), &p) == nil && len(p.Rules) == 3 {
		if n := p.Rules[1].Selection.CountNumber; sameJSON(live, lifecyclePolicy(n)) {
			return deploy.Diff(deploy.F("images kept", n, keep))
		}
	}
	return deploy.Diff(deploy.F("lifecycle policy", live, lifecyclePolicy(keep)))
}

// Check refuses to encrypt a repository with something else than it is: AWS can't.
func (s *ECR) Check() error {
	want := s.Manifest.Repository
	if s.live == nil || s.live.EncryptionConfiguration == nil { // older endpoints say nothing
		return nil
	}
	live := s.live.EncryptionConfiguration
	is, wants := string(live.EncryptionType), want.EncryptionType
	if is == wants && sameKey(want.KMSKey, val(live.KmsKey)) {
		return nil
	}
	back := "`encryption_type: " + is + "`"
	if is == wants {
		is, wants, back = val(live.KmsKey), want.KMSKey, "`kms_key: "+val(live.KmsKey)+"`"
	}
	return fmt.Errorf("repository %s is encrypted with %s, and AWS can't change that to %s: write %s, take another project_name, or destroy first",
		*s.live.RepositoryName, is, wants, back)
}

// sameKey says whether a key of the manifest is the one that a repository shows, by its ARN. What an alias stands for, KMS
// alone knows, and it may have moved; without a key in the manifest any is right.
func sameKey(want, arn string) bool {
	return want == "" || want == arn || strings.HasSuffix(arn, ":key/"+want) || strings.HasPrefix(want, "alias/") || strings.Contains(want, ":alias/")
}

// encryption is what a new repository is encrypted with; nil is S3's own way.
func (s *ECR) encryption() *types.EncryptionConfiguration {
	want := s.Manifest.Repository
	if want.EncryptionType == string(types.EncryptionTypeAes256) {
		return nil
	}
	e := &types.EncryptionConfiguration{EncryptionType: types.EncryptionType(want.EncryptionType)}
	if want.KMSKey != "" {
		e.KmsKey = &want.KMSKey
	}
	return e
}

// Plan makes the repository, or brings it to what the manifest says. What it is encrypted with stays as it is: AWS can't
// change it.
func (s *ECR) Plan() (plan []deploy.Change) {
	want := s.Manifest.Repository
	if s.live == nil {
		return []deploy.Change{{Op: deploy.Create, What: "repository " + want.Name, Do: s.create}}
	}
	name := *s.live.RepositoryName
	what := "repository " + name
	if diff := deploy.Diff(deploy.F("tag mutability", string(s.live.ImageTagMutability), want.ImageTagMutability)); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what, Diff: diff, Do: func(ctx context.Context) error {
			_, err := s.AWS.ECR.PutImageTagMutability(ctx, &ecr.PutImageTagMutabilityInput{
				RepositoryName: &name, ImageTagMutability: types.ImageTagMutability(want.ImageTagMutability),
			})
			return err
		}})
	}
	scans := s.live.ImageScanningConfiguration != nil && s.live.ImageScanningConfiguration.ScanOnPush
	if diff := deploy.Diff(deploy.F("scan on push", scans, want.ScanOnPush)); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what, Diff: diff, Do: func(ctx context.Context) error {
			_, err := s.AWS.ECR.PutImageScanningConfiguration(ctx, &ecr.PutImageScanningConfigurationInput{
				RepositoryName: &name, ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: want.ScanOnPush},
			})
			return err
		}})
	}
	if diff := diffLifecycle(s.lifecycle, want.Keep); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what, Diff: diff, Do: func(ctx context.Context) error { return s.expire(ctx, name) }})
	}
	return append(plan, retag(what, s.liveTags, s.tags("ecr"), func(ctx context.Context, tags map[string]string) error {
		_, err := s.AWS.ECR.TagResource(ctx, &ecr.TagResourceInput{ResourceArn: s.live.RepositoryArn, Tags: aws.Convert(tags, ecrTag)})
		return err
	})...)
}

func ecrTag(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }

func (s *ECR) create(ctx context.Context) error {
	want := s.Manifest.Repository
	out, err := s.AWS.ECR.CreateRepository(ctx, &ecr.CreateRepositoryInput{
		RepositoryName: &want.Name, ImageTagMutability: types.ImageTagMutability(want.ImageTagMutability),
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: want.ScanOnPush},
		EncryptionConfiguration:    s.encryption(),
		Tags:                       aws.Convert(s.tags("ecr"), ecrTag),
	})
	switch {
	case err == nil:
		s.known(out.Repository)
	case aws.Is(err, "RepositoryAlreadyExistsException"): // the answer to our own first attempt was lost, or somebody was quicker
		tags, err := s.tagsOf(ctx, want.Name)
		if err != nil {
			return err
		}
		if err := s.own("repository", want.Name, tags); err != nil {
			return err
		}
		live, err := s.get(ctx, want.Name)
		if err != nil {
			return err
		}
		if live == nil {
			return fmt.Errorf("repository %s was deleted meanwhile", want.Name)
		}
		s.known(live)
	default:
		return err
	}
	return s.expire(ctx, want.Name)
}

// expire sets the lifecycle policy. A new repository may not be known everywhere for a moment.
func (s *ECR) expire(ctx context.Context, name string) error {
	until := time.Now().Add(s.pause(2 * time.Minute))
	return deploy.Until(ctx, func(ctx context.Context) (string, error) {
		_, err := s.AWS.ECR.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: &name, LifecyclePolicyText: new(lifecyclePolicy(s.Manifest.Repository.Keep))})
		if aws.Is(err, "RepositoryNotFoundException") && time.Now().Before(until) {
			return "the new repository becomes known", nil
		}
		return "", err
	})
}

// Notes says that the repository has another name than the manifest.
func (s *ECR) Notes() []string {
	if s.live == nil || *s.live.RepositoryName == s.Manifest.Repository.Name {
		return nil
	}
	return []string{fmt.Sprintf("repository %s is used on, for AWS can't rename it to %s: destroy and up would", *s.live.RepositoryName, s.Manifest.Repository.Name)}
}

// Remove deletes the repository with its images, unless these are to be kept.
func (s *ECR) Remove() []deploy.Change {
	if s.live == nil || s.Options.KeepImages {
		return nil
	}
	name := *s.live.RepositoryName
	return []deploy.Change{{Op: deploy.Delete, What: "repository " + name, Why: fmt.Sprintf("with %s", count(len(s.digests), "image")), Do: func(ctx context.Context) error {
		_, err := s.AWS.ECR.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: &name, Force: true})
		return aws.Ignore(err, "RepositoryNotFoundException")
	}}}
}

// count is "1 image", "3 images".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

var (
	_ deploy.Step    = (*ECR)(nil)
	_ deploy.Checker = (*ECR)(nil)
	_ deploy.Noter   = (*ECR)(nil)
)
