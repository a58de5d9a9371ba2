package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// An ociImage is one manifest in a repository: an image, or an index of some.
type ociImage struct {
	Manifest  []byte
	MediaType string
	Artifact  string // media type of its configuration
	Tags      []string
	Pushed    time.Time
	Size      int64 // of configuration and layers, as they are stored
	Scanned   *time.Time
	Findings  []types.ImageScanFinding // of every scan
}

// A manifest is what both Docker's and OCI's formats say, of images and of indexes.
type manifest struct {
	MediaType string       `json:"mediaType"`
	Config    *descriptor  `json:"config"`
	Layers    []descriptor `json:"layers"`
	Manifests []descriptor `json:"manifests"`
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

func digestOf(b []byte) string {
	h := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(h[:])
}

// blobsOf are the layers and the configuration.
func (m *manifest) blobsOf() []descriptor {
	if m.Config == nil {
		return m.Layers
	}
	return append([]descriptor{*m.Config}, m.Layers...)
}

// tagged is the digest of a tag, "" when there is none.
func (r *repository) tagged(tag string) string {
	for digest, img := range r.Images {
		if slices.Contains(img.Tags, tag) {
			return digest
		}
	}
	return ""
}

// immutable says whether a tag that is there can't move.
func (r *repository) immutable(tag string) bool {
	excluded := slices.ContainsFunc(r.ImageTagMutabilityExclusionFilters, func(f types.ImageTagMutabilityExclusionFilter) bool {
		ok, err := path.Match(val(f.Filter), tag)
		return err == nil && ok
	})
	return strings.HasPrefix(string(r.ImageTagMutability), "IMMUTABLE") != excluded
}

// push puts a manifest into a repository, under a tag unless that is "". What it refers to must be there before.
func (s *Sandbox) push(region string, repo *repository, body []byte, mediaType, tag string) (string, error) {
	name, digest := *repo.RepositoryName, digestOf(body)
	var m manifest
	if err := json.Unmarshal(body, &m); err != nil {
		return "", invalidECR("imageManifest", "Invalid JSON syntax")
	}
	if len(m.Layers)+len(m.Manifests) == 0 && m.Config == nil {
		return "", invalidECR("imageManifest", "the manifest has no configuration, no layers and no manifests")
	}
	if old := repo.tagged(tag); tag != "" && old != "" && old != digest && repo.immutable(tag) {
		return "", fail("ImageTagAlreadyExistsException", "The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the tag is immutable.", tag, name)
	}
	img := &ociImage{Manifest: body, MediaType: mediaType, Pushed: s.clock}
	if img.MediaType == "" {
		img.MediaType = m.MediaType
	}
	var lacks []string
	for _, d := range m.blobsOf() {
		if !s.blobs.has(region, name, d.Digest) {
			lacks = append(lacks, d.Digest)
		}
		img.Size += d.Size
	}
	if lacks != nil {
		return "", fail("LayersNotFoundException", "Layers with digests '%v' required for pushing image into repository with name '%s' in the registry with id '%s' do not exist", lacks, name, Account)
	}
	for _, d := range m.Manifests {
		if repo.Images[d.Digest] == nil {
			return "", fail("ReferencedImagesNotFoundException", "Images with digests '[%s]' required for pushing image into repository with name '%s' in the registry with id '%s' do not exist", d.Digest, name, Account)
		}
	}
	if m.Config != nil {
		img.Artifact = m.Config.MediaType
		img.Findings = findings(s.blobs.read(region, name, m.Config.Digest))
	}
	if old := repo.Images[digest]; old != nil {
		img = old
	} else if put(&repo.Images, digest, img); repo.ImageScanningConfiguration.ScanOnPush && m.Config != nil {
		img.Scanned = new(s.clock)
	}
	if tag != "" {
		repo.untag(tag)
		img.Tags = append(img.Tags, tag)
	}
	return digest, nil
}

func (r *repository) untag(tag string) {
	for _, img := range r.Images {
		img.Tags = slices.DeleteFunc(img.Tags, func(t string) bool { return t == tag })
	}
}

func (s *ecrService) PutImage(ctx context.Context, in *ecr.PutImageInput) (*ecr.PutImageOutput, error) {
	repo, err := s.repo(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	body, tag := []byte(val(in.ImageManifest)), val(in.ImageTag)
	digest := digestOf(body)
	if in.ImageDigest != nil && *in.ImageDigest != digest {
		return nil, fail("ImageDigestDoesNotMatchException", "The image digest '%s' calculated from the image manifest does not match the provided image digest '%s'", digest, *in.ImageDigest)
	}
	if img := repo.Images[digest]; img != nil && (tag == "" || slices.Contains(img.Tags, tag)) {
		return nil, fail("ImageAlreadyExistsException", "Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'", digest, tag, *in.RepositoryName, Account)
	}
	if _, err := s.push(s.region(ctx).Name, repo, body, val(in.ImageManifestMediaType), tag); err != nil {
		return nil, err
	}
	return &ecr.PutImageOutput{Image: repo.image(digest, tag)}, nil
}

// image is one as PutImage and BatchGetImage answer it.
func (r *repository) image(digest, tag string) *types.Image {
	img := r.Images[digest]
	out := &types.Image{
		RegistryId: new(Account), RepositoryName: r.RepositoryName, ImageManifest: new(string(img.Manifest)),
		ImageId: &types.ImageIdentifier{ImageDigest: &digest},
	}
	if img.MediaType != "" {
		out.ImageManifestMediaType = &img.MediaType
	}
	if tag != "" {
		out.ImageId.ImageTag = &tag
	}
	return out
}

// resolve is the digest that an id names, "" when it names nothing.
func (r *repository) resolve(id types.ImageIdentifier) string {
	digest := val(id.ImageDigest)
	if id.ImageTag != nil {
		tagged := r.tagged(*id.ImageTag)
		if digest != "" && tagged != digest {
			return ""
		}
		return tagged
	}
	if r.Images[digest] == nil {
		return ""
	}
	return digest
}

func imageNotFound(id types.ImageIdentifier) types.ImageFailure {
	return types.ImageFailure{ImageId: &id, FailureCode: types.ImageFailureCodeImageNotFound, FailureReason: new("Requested image not found")}
}

func (s *ecrService) BatchGetImage(ctx context.Context, in *ecr.BatchGetImageInput) (*ecr.BatchGetImageOutput, error) {
	repo, err := s.repo(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchGetImageOutput{Images: []types.Image{}, Failures: []types.ImageFailure{}}
	for _, id := range in.ImageIds {
		if digest := repo.resolve(id); digest != "" {
			out.Images = append(out.Images, *repo.image(digest, val(id.ImageTag)))
		} else {
			out.Failures = append(out.Failures, imageNotFound(id))
		}
	}
	return out, nil
}

// BatchDeleteImage deletes by digest; by tag it takes the tag off, and the image with its last one.
func (s *ecrService) BatchDeleteImage(ctx context.Context, in *ecr.BatchDeleteImageInput) (*ecr.BatchDeleteImageOutput, error) {
	repo, err := s.repo(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchDeleteImageOutput{ImageIds: []types.ImageIdentifier{}, Failures: []types.ImageFailure{}}
	for _, id := range in.ImageIds {
		digest := repo.resolve(id)
		if digest == "" {
			out.Failures = append(out.Failures, imageNotFound(id))
			continue
		}
		img := repo.Images[digest]
		gone := img.Tags
		if id.ImageTag != nil {
			gone = []string{*id.ImageTag}
		}
		for _, tag := range gone {
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: &digest, ImageTag: &tag})
		}
		if len(gone) == 0 {
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: &digest})
		}
		if id.ImageTag != nil {
			if repo.untag(*id.ImageTag); len(img.Tags) > 0 {
				continue
			}
		}
		delete(repo.Images, digest)
	}
	return out, nil
}

func (s *ecrService) DescribeImages(ctx context.Context, in *ecr.DescribeImagesInput) (*ecr.DescribeImagesOutput, error) {
	repo, err := s.repo(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	out := &ecr.DescribeImagesOutput{ImageDetails: []types.ImageDetail{}}
	for _, id := range in.ImageIds {
		digest := repo.resolve(id)
		if digest == "" {
			return nil, noImage(*in.RepositoryName, id)
		}
		out.ImageDetails = append(out.ImageDetails, repo.detail(digest))
	}
	if in.ImageIds != nil {
		return out, nil
	}
	for digest, img := range sorted(repo.Images) {
		if in.Filter == nil || hasStatus(in.Filter.TagStatus, img) {
			out.ImageDetails = append(out.ImageDetails, repo.detail(digest))
		}
	}
	out.ImageDetails, out.NextToken, err = page(out.ImageDetails, in.NextToken, in.MaxResults, 100)
	return out, err
}

func noImage(repo string, id types.ImageIdentifier) error {
	return fail("ImageNotFoundException", "The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
		or(id.ImageDigest, "null"), or(id.ImageTag, "null"), repo, Account)
}

func hasStatus(want types.TagStatus, img *ociImage) bool {
	return want == "" || want == types.TagStatusAny || (want == types.TagStatusTagged) == (len(img.Tags) > 0)
}

func (r *repository) detail(digest string) types.ImageDetail {
	img := r.Images[digest]
	d := types.ImageDetail{
		RegistryId: new(Account), RepositoryName: r.RepositoryName, ImageDigest: &digest, ImageTags: img.Tags, ImagePushedAt: &img.Pushed,
		ImageSizeInBytes: &img.Size, ImageStatus: types.ImageStatusActive,
	}
	if img.MediaType != "" {
		d.ImageManifestMediaType = &img.MediaType
	}
	if img.Artifact != "" {
		d.ArtifactMediaType = &img.Artifact
	}
	if img.Scanned != nil {
		d.ImageScanStatus = scanned
		d.ImageScanFindingsSummary = &types.ImageScanFindingsSummary{ImageScanCompletedAt: img.Scanned, FindingSeverityCounts: img.severities()}
	}
	return d
}

func (s *ecrService) ListImages(ctx context.Context, in *ecr.ListImagesInput) (*ecr.ListImagesOutput, error) {
	repo, err := s.repo(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	out := &ecr.ListImagesOutput{ImageIds: []types.ImageIdentifier{}}
	for digest, img := range sorted(repo.Images) {
		if in.Filter != nil && !hasStatus(in.Filter.TagStatus, img) {
			continue
		}
		for _, tag := range img.Tags {
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: &digest, ImageTag: &tag})
		}
		if len(img.Tags) == 0 {
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: &digest})
		}
	}
	out.ImageIds, out.NextToken, err = page(out.ImageIds, in.NextToken, in.MaxResults, 100)
	return out, err
}

func (s *ecrService) BatchCheckLayerAvailability(ctx context.Context, in *ecr.BatchCheckLayerAvailabilityInput) (*ecr.BatchCheckLayerAvailabilityOutput, error) {
	if _, err := s.repo(ctx, in.RepositoryName); err != nil {
		return nil, err
	}
	out := &ecr.BatchCheckLayerAvailabilityOutput{Layers: []types.Layer{}, Failures: []types.LayerFailure{}}
	for _, digest := range in.LayerDigests {
		status := types.LayerAvailabilityUnavailable
		if s.blobs.has(s.region(ctx).Name, *in.RepositoryName, digest) {
			status = types.LayerAvailabilityAvailable
		}
		out.Layers = append(out.Layers, types.Layer{LayerDigest: &digest, LayerAvailability: status})
	}
	return out, nil
}
