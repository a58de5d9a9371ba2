package steps

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/manifest"
)

// planOne makes one secret, restores it, or gives it its random value.
func (s *Secrets) planOne(m manifest.Secret) []deploy.Change {
	l := s.live[m.Name]
	c := deploy.Change{Op: deploy.Create, What: "secret " + m.Name, Group: "secrets", Do: func(ctx context.Context) error { return s.make(ctx, m) }}
	switch {
	case l == nil:
		if m.Generate > 0 {
			c.Why = fmt.Sprintf("with %d random characters", m.Generate)
		}
	case l.deleted:
		c.Why = "restored: its deletion was scheduled"
	case !l.valued() && m.Generate > 0:
		c.Op, c.Why = deploy.Update, fmt.Sprintf("gets %d random characters", m.Generate)
	default:
		return retag(c.What, l.tags, s.tags("secret"), func(ctx context.Context, tags map[string]string) error { return s.tag(ctx, m.Name, tags) })
	}
	return []deploy.Change{c}
}

// make brings one secret to be there, with our tags, and with a value if AWS is to make it.
func (s *Secrets) make(ctx context.Context, m manifest.Secret) error {
	s.mu.Lock()
	l := s.live[m.Name]
	s.mu.Unlock()
	if l == nil {
		value, err := s.random(ctx, m)
		if err != nil {
			return err
		}
		if l, err = s.create(ctx, m.Name, value); err != nil {
			return err
		}
	}
	if l.deleted {
		if _, err := s.AWS.Secrets.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: &l.arn}); err != nil {
			return err
		}
	}
	if missing := aws.Missing(l.tags, s.tags("secret")); len(missing) > 0 {
		if err := s.tag(ctx, l.arn, missing); err != nil {
			return err
		}
	}
	if !l.valued() && m.Generate > 0 {
		value, err := s.random(ctx, m)
		if err != nil {
			return err
		}
		if l.version, err = s.put(ctx, l.arn, value); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[m.Name] = l
	s.settle()
	return nil
}

// random is a new value for a secret that AWS is to fill, nil for another. It is kept nowhere but in the secret.
// Quotes, backslash, slash and @ are left out: values end in URLs and shells.
func (s *Secrets) random(ctx context.Context, m manifest.Secret) (*string, error) {
	if m.Generate == 0 {
		return nil, nil
	}
	out, err := s.AWS.Secrets.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{
		PasswordLength: new(int64(m.Generate)), ExcludeCharacters: new("\"'`\\/@ "), RequireEachIncludedType: new(m.Generate >= 4),
	})
	if err != nil {
		return nil, err
	}
	return out.RandomPassword, nil
}

// create makes a secret, without a value for nil, or finds that it is there and ours. A name is taken for seconds after
// a deletion by force.
func (s *Secrets) create(ctx context.Context, name string, value *string) (l *secret, err error) {
	in := &secretsmanager.CreateSecretInput{Name: &name, SecretString: value, Tags: aws.Convert(s.tags("secret"), secretTag)}
	until := time.Now().Add(s.pause(2 * time.Minute))
	err = deploy.Until(ctx, func(ctx context.Context) (string, error) {
		out, err := s.AWS.Secrets.CreateSecret(ctx, in)
		if err == nil {
			l = &secret{name: name, arn: *out.ARN, tags: s.tags("secret")}
			if value != nil {
				l.version = val(out.VersionId)
			}
			return "", nil
		}
		if aws.Is(err, "InvalidRequestException") && strings.Contains(err.Error(), "was deleted") && time.Now().Before(until) {
			return "AWS lets go of the deleted secret", nil
		}
		return "", err
	})
	if err == nil || !aws.Is(err, "ResourceExistsException") && !scheduled(err) {
		return l, err
	}
	found := map[string]*secret{}
	if lookErr := s.look(ctx, name, found); lookErr != nil {
		return nil, lookErr
	}
	if found[name] == nil {
		return nil, err
	}
	return found[name], s.own("secret", name, found[name].tags)
}

// scheduled is the error of a create whose name belongs to a secret on its way out.
func scheduled(err error) bool {
	return aws.Is(err, "InvalidRequestException") && strings.Contains(err.Error(), "scheduled for deletion")
}

func secretTag(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }

func (s *Secrets) tag(ctx context.Context, id string, tags map[string]string) error {
	_, err := s.AWS.Secrets.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: &id, Tags: aws.Convert(tags, secretTag)})
	return err
}

// put sets the current value, and returns its version. The SDK gives the call one random token, which it keeps in its retries: so an answer that
// is lost makes no second version. The token is the version's public id, so it never follows from the value.
func (s *Secrets) put(ctx context.Context, id string, value *string) (version string, err error) {
	out, err := s.AWS.Secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: value})
	if err != nil {
		return "", err
	}
	return val(out.VersionId), nil
}

// deletion schedules the end of a secret, in AWS's thirty days, or ends it at once by force.
func (s *Secrets) deletion(l *secret, after bool) deploy.Change {
	in := &secretsmanager.DeleteSecretInput{SecretId: &l.arn}
	why := "can be restored for 30 days"
	if s.Options.Force {
		in.ForceDeleteWithoutRecovery, why = new(true), "at once, with its value"
	}
	return deploy.Change{Op: deploy.Delete, What: "secret " + l.name, Why: why, After: after, Group: "delete", Do: func(ctx context.Context) error {
		_, err := s.AWS.Secrets.DeleteSecret(ctx, in)
		if scheduled(err) {
			return nil
		}
		return aws.Ignore(err, "ResourceNotFoundException")
	}}
}

// FindSecret is a secret of the manifest by its id there or its name in AWS.
func FindSecret(app *App, nameOrID string) (manifest.Secret, error) {
	known := "none"
	for _, m := range app.Manifest.Secrets {
		if m.ID == nameOrID || m.Name == nameOrID {
			return m, nil
		}
		known = strings.TrimPrefix(known+", "+m.ID, "none, ")
	}
	return manifest.Secret{}, fmt.Errorf("the manifest has no secret %s (its secrets: %s)", nameOrID, known)
}

// SetSecret gives a secret of the manifest a value, which has to be text, as tasks get it in a variable. The secret is
// called by its id in the manifest or by its name in AWS. Before the first up it is made, and one that was to be
// deleted is restored.
func SetSecret(ctx context.Context, app *App, nameOrID string, value []byte) error {
	m, err := FindSecret(app, nameOrID)
	if err != nil {
		return err
	}
	if err := secretText(value); err != nil {
		return err
	}
	name := m.Name
	s := &Secrets{App: app}
	found := map[string]*secret{}
	if err := s.look(ctx, name, found); err != nil {
		return err
	}
	l := found[name]
	if l == nil {
		made, err := s.create(ctx, name, new(string(value)))
		if err != nil || made.valued() {
			return err
		}
		l = made // somebody made it meanwhile
	}
	if err := s.own("secret", name, l.tags); err != nil {
		return err
	}
	if l.deleted {
		if _, err := s.AWS.Secrets.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: &l.arn}); err != nil {
			return err
		}
	}
	_, err = s.put(ctx, l.arn, new(string(value)))
	return err
}

// secretText holds that a value can be a secret's, and a variable's.
func secretText(value []byte) error {
	switch {
	case len(value) == 0:
		return errors.New("the value is empty, and Secrets Manager keeps no empty one")
	case !utf8.Valid(value):
		return errors.New("the value is no text (UTF-8), and a task gets it in a variable")
	}
	return nil
}
