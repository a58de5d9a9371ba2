package sandbox

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

var scanned = &types.ImageScanStatus{Status: types.ScanStatusComplete, Description: new("The scan was completed successfully.")}

// FindingsLabel is the image's label that says what its scan finds, so that a release can be stopped in the sandbox: each
// finding is a severity, a name, and perhaps a package and its version, with commas between findings:
// "HIGH CVE-2026-1 openssl 3.0.1, LOW CVE-2026-2". Without it a scan finds nothing.
const FindingsLabel = "sandbox.findings"

// findings are what the scan of an image with this configuration finds.
func findings(config []byte) (all []types.ImageScanFinding) {
	var c struct {
		Config struct{ Labels map[string]string } `json:"config"`
	}
	if json.Unmarshal(config, &c) != nil {
		return nil
	}
	for text := range strings.SplitSeq(c.Config.Labels[FindingsLabel], ",") {
		words := strings.Fields(text)
		if len(words) < 2 || !slices.Contains(types.FindingSeverity("").Values(), types.FindingSeverity(words[0])) {
			continue
		}
		f := types.ImageScanFinding{Severity: types.FindingSeverity(words[0]), Name: &words[1]}
		for i, key := range []string{"package_name", "package_version"} {
			if len(words) > 2+i {
				f.Attributes = append(f.Attributes, types.Attribute{Key: &key, Value: &words[2+i]})
			}
		}
		all = append(all, f)
	}
	return all
}

// severities counts the findings.
func (i *ociImage) severities() map[string]int32 {
	counts := map[string]int32{}
	for _, f := range i.Findings {
		counts[string(f.Severity)]++
	}
	return counts
}

// StartImageScan finds what the image's label says, at once.
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
	img := repo.Images[digest]
	at := img.Scanned
	if at == nil {
		return nil, fail("ScanNotFoundException", "Image scan does not exist for the image with '%s' in the repository with name '%s' in the registry with id '%s'", digest, *in.RepositoryName, Account)
	}
	return &ecr.DescribeImageScanFindingsOutput{
		RegistryId: new(Account), RepositoryName: in.RepositoryName, ImageId: &types.ImageIdentifier{ImageDigest: &digest}, ImageScanStatus: scanned,
		ImageScanFindings: &types.ImageScanFindings{
			ImageScanCompletedAt: at, VulnerabilitySourceUpdatedAt: at,
			Findings: append([]types.ImageScanFinding{}, img.Findings...), FindingSeverityCounts: img.severities(),
		},
	}, nil
}
