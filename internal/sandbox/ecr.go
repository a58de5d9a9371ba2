package sandbox

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// ecrState is what ECR holds; layers are in the blob store.
type ecrState struct{ Repositories map[string]*repository }

type repository struct {
	types.Repository
	Tags      []types.Tag
	Lifecycle string // policy text; "" is none
	Policy    string // who else may use it; "" is none
	Images    map[string]*ociImage
}

type ecrService struct{ *Sandbox }

func newECR(s *Sandbox) *ecrService {
	e := &ecrService{s}
	s.on["ecr expire"] = e.expire
	return e
}

var repositoryName = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

func (s *ecrService) CreateRepository(ctx context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	name, r := val(in.RepositoryName), s.region(ctx)
	if !repositoryName.MatchString(name) || len(name) < 2 || len(name) > 256 {
		return nil, invalidECR("repositoryName", "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'")
	}
	if r.ECR.Repositories[name] != nil {
		return nil, fail("RepositoryAlreadyExistsException", "The repository with name '%s' already exists in the registry with id '%s'", name, Account)
	}
	if err := checkMutability(in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters); err != nil {
		return nil, err
	}
	if err := checkECRTags(nil, in.Tags); err != nil {
		return nil, err
	}
	repo := &repository{Tags: in.Tags, Images: map[string]*ociImage{}}
	repo.Repository = types.Repository{
		CreatedAt: new(s.clock), RegistryId: new(Account), RepositoryName: &name,
		RepositoryArn:              new(s.arn("ecr", r.Name, "repository/"+name)),
		RepositoryUri:              new(registryHost(r.Name) + "/" + name),
		ImageScanningConfiguration: in.ImageScanningConfiguration,
		ImageTagMutability:         in.ImageTagMutability, ImageTagMutabilityExclusionFilters: in.ImageTagMutabilityExclusionFilters,
	}
	var err error
	if repo.EncryptionConfiguration, err = s.encryption(r.Name, in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	if repo.ImageScanningConfiguration == nil {
		repo.ImageScanningConfiguration = &types.ImageScanningConfiguration{}
	}
	if repo.ImageTagMutability == "" {
		repo.ImageTagMutability = types.ImageTagMutabilityMutable
	}
	put(&r.ECR.Repositories, name, repo)
	return &ecr.CreateRepositoryOutput{Repository: &repo.Repository}, nil
}

// encryption is a repository's as ECR answers it: without a key it is that of alias/aws/ecr, and a key is shown by its ARN.
// (CreateRepository: "The alias, key ID, or full ARN of the KMS key can be specified. The key must exist in the same Region
// as the repository.") Which keys there are, the sandbox does not know.
func (s *ecrService) encryption(region string, in *types.EncryptionConfiguration) (*types.EncryptionConfiguration, error) {
	switch {
	case in == nil:
		return &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256}, nil
	case !slices.Contains(in.EncryptionType.Values(), in.EncryptionType):
		return nil, invalidECR("encryptionConfiguration.encryptionType", "Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]")
	case in.EncryptionType == types.EncryptionTypeAes256:
		if in.KmsKey != nil {
			return nil, invalidECR("encryptionConfiguration", "a KMS key can't be given with encryption type AES256")
		}
		return in, nil
	}
	key, ok := s.kmsKey(region, or(in.KmsKey, "alias/aws/ecr"))
	if !ok {
		return nil, fail("KmsException", "The operation failed due to a KMS exception: Invalid arn %s", region)
	}
	return &types.EncryptionConfiguration{EncryptionType: in.EncryptionType, KmsKey: &key}, nil
}

func invalidECR(member, constraint string, args ...any) error {
	return fail("InvalidParameterException", "Invalid parameter at '%s' failed to satisfy constraint: '%s'", member, fmt.Sprintf(constraint, args...))
}

// checkMutability: filters belong to the modes that exclude tags, and to those only.
func checkMutability(m types.ImageTagMutability, filters []types.ImageTagMutabilityExclusionFilter) error {
	if m != "" && !slices.Contains(m.Values(), m) {
		return invalidECR("imageTagMutability", "Member must satisfy enum value set: [MUTABLE, IMMUTABLE, MUTABLE_WITH_EXCLUSION, IMMUTABLE_WITH_EXCLUSION]")
	}
	if strings.HasSuffix(string(m), "_WITH_EXCLUSION") != (len(filters) > 0) || len(filters) > 5 {
		return invalidECR("imageTagMutabilityExclusionFilters", "one to five filters with a mode of exclusion, else none")
	}
	return nil
}

func registryHost(region string) string { return Account + ".dkr.ecr." + region + ".amazonaws.com" }

func (s *ecrService) repo(ctx context.Context, name *string) (*repository, error) {
	repo := s.region(ctx).ECR.Repositories[val(name)]
	if repo == nil {
		return nil, fail("RepositoryNotFoundException", "The repository with name '%s' does not exist in the registry with id '%s'", val(name), Account)
	}
	return repo, nil
}

func (s *ecrService) DescribeRepositories(ctx context.Context, in *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	out := &ecr.DescribeRepositoriesOutput{Repositories: []types.Repository{}}
	for _, name := range in.RepositoryNames {
		repo, err := s.repo(ctx, &name)
		if err != nil {
			return nil, err
		}
		out.Repositories = append(out.Repositories, repo.Repository)
	}
	if in.RepositoryNames != nil {
		return out, nil
	}
	for _, repo := range sorted(s.region(ctx).ECR.Repositories) {
		out.Repositories = append(out.Repositories, repo.Repository)
	}
	var err error
	out.Repositories, out.NextToken, err = page(out.Repositories, in.NextToken, in.MaxResults, 100)
	return out, err
}

func (s *ecrService) DeleteRepository(ctx context.Context, in *ecr.DeleteRepositoryInput) (*ecr.DeleteRepositoryOutput, error) {
	repo, err := s.repo(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if len(repo.Images) > 0 && !in.Force {
		return nil, fail("RepositoryNotEmptyException", "The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images", *in.RepositoryName, Account)
	}
	r := s.region(ctx)
	delete(r.ECR.Repositories, *in.RepositoryName)
	return &ecr.DeleteRepositoryOutput{Repository: &repo.Repository}, s.blobs.remove(r.Name, *in.RepositoryName)
}

func (s *ecrService) PutImageTagMutability(ctx context.Context, in *ecr.PutImageTagMutabilityInput) (*ecr.PutImageTagMutabilityOutput, error) {
	repo, err := s.repo(ctx, in.RepositoryName)
	if err == nil {
		err = checkMutability(in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters)
	}
	if err != nil {
		return nil, err
	}
	repo.ImageTagMutability, repo.ImageTagMutabilityExclusionFilters = in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters
	return &ecr.PutImageTagMutabilityOutput{
		RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName,
		ImageTagMutability: repo.ImageTagMutability, ImageTagMutabilityExclusionFilters: repo.ImageTagMutabilityExclusionFilters,
	}, nil
}

func (s *ecrService) PutImageScanningConfiguration(ctx context.Context, in *ecr.PutImageScanningConfigurationInput) (*ecr.PutImageScanningConfigurationOutput, error) {
	repo, err := s.repo(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	repo.ImageScanningConfiguration = in.ImageScanningConfiguration
	return &ecr.PutImageScanningConfigurationOutput{
		RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName, ImageScanningConfiguration: repo.ImageScanningConfiguration,
	}, nil
}

func (s *ecrService) PutLifecyclePolicy(ctx context.Context, in *ecr.PutLifecyclePolicyInput) (*ecr.PutLifecyclePolicyOutput, error) {
	repo, err := s.repo(ctx, in.RepositoryName)
	if err == nil {
		err = checkLifecycle(val(in.LifecyclePolicyText))
	}
	if err != nil {
		return nil, err
	}
	repo.Lifecycle = *in.LifecyclePolicyText
	s.expireLater(s.region(ctx).Name, *repo.RepositoryName)
	return &ecr.PutLifecyclePolicyOutput{RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName, LifecyclePolicyText: &repo.Lifecycle}, nil
}

func (s *ecrService) GetLifecyclePolicy(ctx context.Context, in *ecr.GetLifecyclePolicyInput) (*ecr.GetLifecyclePolicyOutput, error) {
	repo, err := s.lifecycle(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	return &ecr.GetLifecyclePolicyOutput{RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName, LifecyclePolicyText: &repo.Lifecycle}, nil
}

func (s *ecrService) lifecycle(ctx context.Context, name *string) (*repository, error) {
	repo, err := s.repo(ctx, name)
	if err == nil && repo.Lifecycle == "" {
		err = fail("LifecyclePolicyNotFoundException", "Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'", *name, Account)
	}
	return repo, err
}

func (s *ecrService) DeleteLifecyclePolicy(ctx context.Context, in *ecr.DeleteLifecyclePolicyInput) (*ecr.DeleteLifecyclePolicyOutput, error) {
	repo, err := s.lifecycle(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	text := repo.Lifecycle
	repo.Lifecycle = ""
	return &ecr.DeleteLifecyclePolicyOutput{RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName, LifecyclePolicyText: &text}, nil
}

func (s *ecrService) SetRepositoryPolicy(ctx context.Context, in *ecr.SetRepositoryPolicyInput) (*ecr.SetRepositoryPolicyOutput, error) {
	repo, err := s.repo(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if !json.Valid([]byte(val(in.PolicyText))) {
		return nil, invalidECR("PolicyText", "Invalid repository policy provided")
	}
	repo.Policy = *in.PolicyText
	return &ecr.SetRepositoryPolicyOutput{RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName, PolicyText: &repo.Policy}, nil
}

func (s *ecrService) GetRepositoryPolicy(ctx context.Context, in *ecr.GetRepositoryPolicyInput) (*ecr.GetRepositoryPolicyOutput, error) {
	repo, err := s.repo(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if repo.Policy == "" {
		return nil, fail("RepositoryPolicyNotFoundException", "Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", *in.RepositoryName, Account)
	}
	return &ecr.GetRepositoryPolicyOutput{RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName, PolicyText: &repo.Policy}, nil
}

// repoByARN finds the repository that tags are about.
func (s *ecrService) repoByARN(ctx context.Context, arn *string) (*repository, error) {
	_, name, ok := strings.Cut(val(arn), ":repository/")
	if !ok {
		return nil, fail("InvalidParameterException", "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'")
	}
	return s.repo(ctx, &name)
}

func (s *ecrService) ListTagsForResource(ctx context.Context, in *ecr.ListTagsForResourceInput) (*ecr.ListTagsForResourceOutput, error) {
	repo, err := s.repoByARN(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &ecr.ListTagsForResourceOutput{Tags: repo.Tags}, nil
}

func (s *ecrService) TagResource(ctx context.Context, in *ecr.TagResourceInput) (*ecr.TagResourceOutput, error) {
	repo, err := s.repoByARN(ctx, in.ResourceArn)
	if err == nil {
		err = checkECRTags(repo.Tags, in.Tags)
	}
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		repo.Tags = slices.DeleteFunc(repo.Tags, func(old types.Tag) bool { return *old.Key == *t.Key })
		repo.Tags = append(repo.Tags, t)
	}
	return &ecr.TagResourceOutput{}, nil
}

func (s *ecrService) UntagResource(ctx context.Context, in *ecr.UntagResourceInput) (*ecr.UntagResourceOutput, error) {
	repo, err := s.repoByARN(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	repo.Tags = slices.DeleteFunc(repo.Tags, func(t types.Tag) bool { return slices.Contains(in.TagKeys, *t.Key) })
	return &ecr.UntagResourceOutput{}, nil
}

func checkECRTags(old, more []types.Tag) error {
	keys := map[string]bool{}
	for _, t := range old {
		keys[*t.Key] = true
	}
	for _, t := range more {
		if t.Key == nil || t.Value == nil || strings.HasPrefix(*t.Key, "aws:") {
			return fail("InvalidTagParameterException", "Invalid tag: a key that does not begin with 'aws:', and a value")
		}
		keys[*t.Key] = true
	}
	if len(keys) > 50 {
		return fail("TooManyTagsException", "The repository can't have more than 50 tags")
	}
	return nil
}

// GetAuthorizationToken gives the password of user AWS for twelve hours. It holds all there is to check it.
func (s *ecrService) GetAuthorizationToken(ctx context.Context, _ *ecr.GetAuthorizationTokenInput) (*ecr.GetAuthorizationTokenOutput, error) {
	r := s.region(ctx)
	ends := s.clock.Add(12 * time.Hour)
	password := fmt.Sprintf("%s.%d.%s", r.Name, ends.Unix(), s.hex(32))
	return &ecr.GetAuthorizationTokenOutput{AuthorizationData: []types.AuthorizationData{{
		AuthorizationToken: new(base64.StdEncoding.EncodeToString([]byte("AWS:" + password))),
		ExpiresAt:          &ends, ProxyEndpoint: new("https://" + registryHost(r.Name)),
	}}}, nil
}

// readPassword is the region that a password is for, and when it ends; "" for one that was never given.
func readPassword(password string) (region string, ends time.Time) {
	p := strings.Split(password, ".")
	if len(p) != 3 || len(p[2]) != 32 {
		return "", ends
	}
	unix, err := strconv.ParseInt(p[1], 10, 64)
	if err != nil {
		return "", ends
	}
	return p[0], time.Unix(unix, 0)
}
