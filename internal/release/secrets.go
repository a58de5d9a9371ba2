package release

import (
	"context"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/fargatectl/fargatectl/aws"
)

// secretVersions are those of the secrets that the live task definition has its containers read. What is not there, or
// not to be seen, is left out, and so is all of a service of others, which gets no tags.
func (s *Service) secretVersions(ctx context.Context) (aws.SecretVersions, error) {
	versions := aws.SecretVersions{}
	if !s.writesNotes() {
		return versions, nil
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	for arn := range s.Secrets() {
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

// Secrets are the variables that the live containers get from secrets, by the secrets' ARNs. What stands behind a secret's
// seven parts names a key in its value, a stage and a version (developer guide, "Pass Secrets Manager secrets").
func (s *Service) Secrets() map[string][]string {
	all := map[string][]string{}
	for _, c := range s.Definition.ContainerDefinitions {
		for _, secret := range c.Secrets {
			if parts := strings.Split(val(secret.ValueFrom), ":"); len(parts) >= 7 && parts[2] == "secretsmanager" {
				arn := strings.Join(parts[:7], ":")
				all[arn] = append(all[arn], val(secret.Name))
			}
		}
	}
	return all
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
