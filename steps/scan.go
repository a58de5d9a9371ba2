package steps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// Severities are those of ECR's findings, the gravest first.
var Severities = []string{"critical", "high", "medium", "low", "informational"}

// Scan is the gate that an image passes before anything is released with it: ECR's scan has ended, and has found nothing
// of the severity that --fail-on names, or worse. Without the flag it is not there.
type Scan struct {
	*App
	Image *Image

	note string
}

func (s *Scan) Name() string { return "scan" }

// Wanted says whether the command line asks for the gate.
func (s *Scan) Wanted() bool { return s.Options.FailOn != "" }

// Reference and Source are the image's, for the steps of a release: behind the gate.
func (s *Scan) Reference() deploy.Out[string] { return s.Image.Reference() }

// Source is the image's.
func (s *Scan) Source() string { return s.Image.Source() }

// Told is what the image says of itself.
func (s *Scan) Told(ctx context.Context) (check *ecstypes.HealthCheck, from string, ports []int32, notes []string, known bool) {
	return s.Image.Told(ctx)
}

// Read has nothing to find: there may be no image yet.
func (s *Scan) Read(context.Context) error { return nil }

// Check refuses an image that ECR here does not hold.
func (s *Scan) Check() error {
	ref, known := s.Image.Ref.Known()
	if s.Wanted() && known && !strings.HasPrefix(ref, s.Account+".dkr.ecr."+s.Region+".") {
		return fmt.Errorf("--fail-on %s: %s is not in this account's ECR, whose scan it would be", s.Options.FailOn, ref)
	}
	return nil
}

// Plan looks every time that it is asked for: new vulnerabilities become known of images that are old.
func (s *Scan) Plan() []deploy.Change {
	if !s.Wanted() {
		return nil
	}
	return []deploy.Change{{Op: deploy.Update, What: "release only without findings that are " + s.Options.FailOn + " or worse", Do: s.look}}
}

// Notes say what the scan could not look at.
func (s *Scan) Notes() []string {
	if s.note == "" {
		return nil
	}
	return []string{s.note}
}

// Remove has nothing to take away.
func (s *Scan) Remove() []deploy.Change { return nil }

// look waits for the end of the scan and judges it.
func (s *Scan) look(ctx context.Context) error {
	repository, digest, _ := strings.Cut(s.Image.Ref.Get(), "@")
	_, repository, _ = strings.Cut(repository, "/")
	in := &ecr.DescribeImageScanFindingsInput{RepositoryName: &repository, ImageId: &types.ImageIdentifier{ImageDigest: &digest}, MaxResults: new(int32(1000))}
	return deploy.Until(ctx, func(ctx context.Context) (string, error) {
		out, err := s.AWS.ECR.DescribeImageScanFindings(ctx, in)
		if aws.Is(err, "ScanNotFoundException") { // scan on push is off, or was when it came
			_, err := s.AWS.ECR.StartImageScan(ctx, &ecr.StartImageScanInput{RepositoryName: &repository, ImageId: in.ImageId})
			return "the scan", aws.Ignore(err, "LimitExceededException") // one a day: it is there
		}
		if err != nil {
			return "", err
		}
		status := out.ImageScanStatus
		switch status.Status {
		case types.ScanStatusComplete, types.ScanStatusActive:
			return "", s.judge(ctx, in, out)
		case types.ScanStatusPending, types.ScanStatusInProgress:
			return "the scan", nil
		case types.ScanStatusUnsupportedImage:
			s.unscannable(ctx, val(status.Description))
			return "", nil
		}
		if strings.Contains(val(status.Description), "UnsupportedImage") { // how basic scanning says it
			s.unscannable(ctx, val(status.Description))
			return "", nil
		}
		return "", fmt.Errorf("ECR could not scan %s: %s %s", digest, strings.ToLower(string(status.Status)), val(status.Description))
	})
}

// unscannable says that there is nothing in the image that ECR's scan knows: an image from scratch has no packages.
func (s *Scan) unscannable(ctx context.Context, why string) {
	s.note = "ECR's scan knows nothing in this image: " + why + "; enhanced scanning reads the modules of programs, too"
	deploy.Say(ctx, "%s", s.note)
}

// A ScanError is findings that stop a release.
type ScanError struct {
	FailOn   string
	Counts   map[string]int32 // by severity
	Findings []string         // "CVE-2026-1234 critical openssl 3.0.1", those that stop, the gravest first
}

func (e *ScanError) Error() string {
	var counts []string
	for _, severity := range Severities {
		if n := e.Counts[strings.ToUpper(severity)]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, severity))
		}
	}
	return fmt.Sprintf("the scan has found %s:\n  %s", strings.Join(counts, ", "), strings.Join(e.Findings, "\n  "))
}

// Hint says the way out.
func (e *ScanError) Hint() string {
	return "build on a newer base image, or release without --fail-on " + e.FailOn
}

// judge reads the findings to their end, if there is one that stops.
func (s *Scan) judge(ctx context.Context, in *ecr.DescribeImageScanFindingsInput, out *ecr.DescribeImageScanFindingsOutput) error {
	if out.ImageScanFindings == nil {
		return nil
	}
	e := &ScanError{FailOn: s.Options.FailOn, Counts: out.ImageScanFindings.FindingSeverityCounts}
	stops := Severities[:slices.Index(Severities, s.Options.FailOn)+1]
	if !slices.ContainsFunc(stops, func(severity string) bool { return e.Counts[strings.ToUpper(severity)] > 0 }) {
		return nil
	}
	found := map[string][]string{}
	for {
		f := out.ImageScanFindings
		for _, v := range f.Findings {
			found[string(v.Severity)] = append(found[string(v.Severity)], val(v.Name)+" "+strings.ToLower(string(v.Severity))+packageOf(v))
		}
		for _, v := range f.EnhancedFindings {
			found[val(v.Severity)] = append(found[val(v.Severity)], val(v.Title)+" "+strings.ToLower(val(v.Severity)))
		}
		if out.NextToken == nil {
			break
		}
		in.NextToken = out.NextToken
		var err error
		if out, err = s.AWS.ECR.DescribeImageScanFindings(ctx, in); err != nil {
			return err
		}
	}
	for _, severity := range stops {
		slices.Sort(found[strings.ToUpper(severity)])
		e.Findings = append(e.Findings, found[strings.ToUpper(severity)]...)
	}
	return e
}

// packageOf is the package that a finding is about: " openssl 3.0.1".
func packageOf(f types.ImageScanFinding) (text string) {
	for _, key := range []string{"package_name", "package_version"} {
		for _, a := range f.Attributes {
			if val(a.Key) == key {
				text += " " + val(a.Value)
			}
		}
	}
	return text
}

var (
	_ deploy.Checker = (*Scan)(nil)
	_ deploy.Noter   = (*Scan)(nil)
)
