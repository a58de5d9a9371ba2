package steps

import (
	"strings"

	"github.com/fargatectl/fargatectl/aws"
)

// The values of secrets are no part of a task definition, but tasks read them only when they start. So the versions that
// were current are kept in a tag of the revision, and a later one is a difference: a new revision, and new tasks.

// versions are those of the secrets that the service reads, as far as they are known, with the secrets' names here.
func (s *TaskDef) versions() (versions aws.SecretVersions, names map[string]string) {
	versions, names = aws.SecretVersions{}, map[string]string{}
	s.Secrets.mu.Lock()
	defer s.Secrets.mu.Unlock()
	for _, ref := range s.Manifest.Service.Secrets {
		l, name := s.Secrets.theirs[ref.ARN], aws.SecretName(ref.ARN)
		if ref.ARN == "" {
			name = ref.Secret
			for _, m := range s.Manifest.Secrets {
				if m.ID == ref.Secret {
					l = s.Secrets.live[m.Name]
				}
			}
		}
		if l != nil && l.valued() {
			versions[l.arn], names[l.arn] = l.version, name
		}
	}
	return versions, names
}

// renewed names the secrets that have another value than the live revision was made with.
func (s *TaskDef) renewed() (list []string) {
	versions, names := s.versions()
	for _, arn := range versions.Changed(s.liveTags[aws.TagSecrets]) {
		list = append(list, names[arn])
	}
	return list
}

// newValues says it in words, "" for no secrets.
func newValues(secrets []string) string {
	switch len(secrets) {
	case 0:
		return ""
	case 1:
		return "secret " + secrets[0] + " has a new value"
	}
	return "secrets " + strings.Join(secrets, ", ") + " have new values"
}
