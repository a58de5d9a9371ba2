package release

import (
	"context"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/fargatectl/fargatectl/aws"
)

// secretVersions are those of the secrets that a task definition has its containers read. What is not there, or not to be
// seen, is left out, and so is all of a service of others, which gets no tags.
func (s *Service) secretVersions(ctx context.Context, d *types.TaskDefinition) (aws.SecretVersions, error) {
	versions := aws.SecretVersions{}
	if !s.writesNotes() {
		return versions, nil
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	for arn := range aws.SecretsOf(d) {
		wg.Go(func() {
			out, err := s.Calls.Secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &arn})
			err = aws.Ignore(err, "ResourceNotFoundException", "AccessDeniedException")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
			} else if out != nil {
				if id := aws.CurrentVersion(out.VersionIdsToStages); id != "" {
					versions[arn] = id
				}
			}
		})
	}
	wg.Wait()
	return versions, failed
}

// renewed says which secrets have other values than the live task definition was made with, "" when none has. Of one
// that does not say with which it was made, a restart is taken to bring new ones.
func (d *Deployment) renewed() string {
	tag := tagsOf(d.Tags)[aws.TagSecrets]
	if tag == "" && d.Force && len(d.versions) > 0 {
		return "its secrets are read anew"
	}
	var names []string
	for _, arn := range d.versions.Changed(tag) {
		names = append(names, aws.SecretName(arn))
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "secret " + names[0] + " has a new value"
	}
	return "secrets " + strings.Join(names, ", ") + " have new values"
}
