package sandbox

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

var scanned = &types.ImageScanStatus{Status: types.ScanStatusComplete, Description: new("The scan was completed successfully.")}

// severities counts the findings.
func (r *repository) severities() map[string]int32 {
	counts := map[string]int32{}
	for _, f := range r.Findings {
		counts[string(f.Severity)]++
	}
	return counts
}

// StartImageScan finds what the repository's Findings are, nothing by default, at once.
func (s *ecrService) StartImageScan(ctx context.Context, in *ecr.StartImageScanInput) (*ecr.StartImageScanOutput, error) {
	repo, digest, err := s.scan(ctx, in.RepositoryName, in.ImageId)
	if err != nil {
		return nil, err
	}
	repo.Images[digest].Scanned = new(s.clock)
	return &ecr.StartImageScanOutput{
		RegistryId: new(Account), RepositoryName: in.RepositoryName, ImageId: &types.ImageIdentifier{ImageDigest: &digest},
		ImageScanStatus: &types.ImageScanStatus{Status: types.ScanStatusInProgress},
	}, nil
}

func (s *ecrService) scan(ctx context.Context, name *string, id *types.ImageIdentifier) (*repository, string, error) {
	repo, err := s.repo(ctx, name)
	if err != nil {
		return nil, "", err
	}
	digest := repo.resolve(val(id))
	if digest == "" {
		return nil, "", noImage(*name, val(id))
	}
	return repo, digest, nil
}

func (s *ecrService) DescribeImageScanFindings(ctx context.Context, in *ecr.DescribeImageScanFindingsInput) (*ecr.DescribeImageScanFindingsOutput, error) {
	repo, digest, err := s.scan(ctx, in.RepositoryName, in.ImageId)
	if err != nil {
		return nil, err
	}
	at := repo.Images[digest].Scanned
	if at == nil {
		return nil, fail("ScanNotFoundException", "Image scan does not exist for the image with '%s' in the repository with name '%s' in the registry with id '%s'", digest, *in.RepositoryName, Account)
	}
	return &ecr.DescribeImageScanFindingsOutput{
		RegistryId: new(Account), RepositoryName: in.RepositoryName, ImageId: &types.ImageIdentifier{ImageDigest: &digest}, ImageScanStatus: scanned,
		ImageScanFindings: &types.ImageScanFindings{
			ImageScanCompletedAt: at, VulnerabilitySourceUpdatedAt: at,
			Findings: append([]types.ImageScanFinding{}, repo.Findings...), FindingSeverityCounts: repo.severities(),
		},
	}, nil
}
