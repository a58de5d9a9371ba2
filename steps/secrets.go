package steps

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/manifest"
)

// Secrets is the secrets of the manifest, and the execution role's right to read them. A value comes from `secrets set`
// or, once, from AWS's random password; it is never read here. A secret's name is its identity: under a new name a new
// one is made.
type Secrets struct {
	*App
	IAM *IAM

	ARNs deploy.Out[map[string]string] // of those that are there, by id in the manifest

	mu     sync.Mutex         // changes run together
	live   map[string]*secret // ours and the wanted ones that exist, by name
	theirs map[string]*secret // those of others that the service reads, by ARN
}

// A secret is what Secrets Manager says about one, without its value.
type secret struct {
	name, arn string
	tags      map[string]string
	deleted   bool   // its deletion is scheduled
	version   string // id of the current one; "" while it has no value
	key       string // KMS key or alias; "" is AWS's own
}

// valued says whether a task can have it.
func (l *secret) valued() bool { return l.version != "" }

func (s *Secrets) Name() string { return "secrets" }

// Wanted is always true: without secrets there is nothing to do.
func (s *Secrets) Wanted() bool { return true }

// Read lists what is ours in one request. The list lags by up to five minutes (API reference, ListSecrets): so what is
// wanted and not in it, or has no value there, or another one than the live tasks have, is looked at by itself; so are the
// secrets of others, for their key.
func (s *Secrets) Read(ctx context.Context) error {
	s.live, s.theirs = map[string]*secret{}, map[string]*secret{}
	if err := s.list(ctx); err != nil {
		return err
	}
	renewed := s.renewed(ctx)
	var reads []func() error
	for _, m := range s.Manifest.Secrets {
		if l := s.live[m.Name]; l == nil || !l.valued() || slices.Contains(renewed, l.arn) {
			reads = append(reads, func() error { return s.look(ctx, m.Name, s.live) })
		}
	}
	for _, arn := range s.foreign() {
		reads = append(reads, func() error {
			// Others may hide what their secret is like. Then it is taken to have AWS's own key.
			return aws.Ignore(s.look(ctx, arn, s.theirs), "AccessDeniedException")
		})
	}
	if err := together(reads...); err != nil {
		return err
	}
	for _, m := range s.Manifest.Secrets {
		if l := s.live[m.Name]; l != nil {
			if err := s.own("secret", m.Name, l.tags); err != nil {
				return err
			}
		}
	}
	s.settle()
	return nil
}

// list finds the secrets with our tags. The filters match beginnings, and keys apart from values.
func (s *Secrets) list(ctx context.Context) error {
	in := &secretsmanager.ListSecretsInput{
		IncludePlannedDeletion: new(true), MaxResults: new(int32(100)),
		Filters: []types.Filter{
			{Key: types.FilterNameStringTypeTagKey, Values: []string{aws.TagProject}},
			{Key: types.FilterNameStringTypeTagValue, Values: []string{s.owner().Project}},
		},
	}
	for {
		page, err := s.AWS.Secrets.ListSecrets(ctx, in)
		if err != nil {
			return err
		}
		for _, e := range page.SecretList {
			l := &secret{*e.Name, *e.ARN, secretTags(e.Tags), e.DeletedDate != nil, aws.CurrentVersion(e.SecretVersionsToStages), val(e.KmsKeyId)}
			if s.owner().Owns(l.tags) && l.tags[aws.TagResource] == "secret" {
				s.live[l.name] = l
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return nil
		}
	}
}

// renewed are the ARNs of the secrets that have another value, by the list, than the live task definition was made with.
func (s *Secrets) renewed(ctx context.Context) []string {
	versions := aws.SecretVersions{}
	for _, m := range s.Manifest.Secrets {
		if l := s.live[m.Name]; l != nil && l.valued() {
			versions[l.arn] = l.version
		}
	}
	if len(versions) == 0 {
		return nil
	}
	_, tags, err := s.liveDefinition(ctx)
	if err != nil {
		return nil // the task definition's own step says so
	}
	return versions.Changed(tags[aws.TagSecrets])
}

// look describes one secret into m, under the id that it is asked for by. One that is not there is left out.
func (s *Secrets) look(ctx context.Context, id string, m map[string]*secret) error {
	d, err := s.AWS.Secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		return aws.Ignore(err, "ResourceNotFoundException")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m[id] = &secret{*d.Name, *d.ARN, secretTags(d.Tags), d.DeletedDate != nil, aws.CurrentVersion(d.VersionIdsToStages), val(d.KmsKeyId)}
	return nil
}

func secretTags(tags []types.Tag) map[string]string {
	return aws.TagMap(tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
}

// foreign are the ARNs of secrets that the manifest does not make.
func (s *Secrets) foreign() (arns []string) {
	for _, ref := range s.Manifest.Service.Secrets {
		if ref.ARN != "" && !slices.Contains(arns, ref.ARN) {
			arns = append(arns, ref.ARN)
		}
	}
	return arns
}

// settle makes the ARNs of all that are there known.
func (s *Secrets) settle() {
	arns := map[string]string{}
	for _, m := range s.Manifest.Secrets {
		if l := s.live[m.Name]; l != nil {
			arns[m.ID] = l.arn
		}
	}
	s.ARNs.Set(arns)
}

// Missing are the ids of the secrets that have no value and get none by themselves.
func (s *Secrets) Missing() (ids []string) {
	for _, m := range s.Manifest.Secrets {
		if l := s.live[m.Name]; m.Generate == 0 && (l == nil || !l.valued()) {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// A NoValueError is about secrets that nobody has given a value yet: a task that needs one does not start.
type NoValueError struct{ IDs []string }

func (e *NoValueError) Error() string {
	if len(e.IDs) == 1 {
		return fmt.Sprintf("secret %s has no value yet", e.IDs[0])
	}
	return fmt.Sprintf("secrets %s have no value yet", strings.Join(e.IDs, ", "))
}

// Hint says how to set them.
func (e *NoValueError) Hint() string {
	return fmt.Sprintf("`fargatectl secrets set %s` reads the value from stdin, also before the first up; `generate: {length: 32}` has AWS make one", e.IDs[0])
}

// Check refuses to begin before every secret has its value, and a secret of others that is not there.
func (s *Secrets) Check() error {
	if ids := s.Missing(); ids != nil {
		return &NoValueError{ids}
	}
	for _, arn := range s.foreign() {
		if l := s.theirs[arn]; l == nil && strings.HasPrefix(arn, s.arn("secretsmanager", "secret:")) {
			return fmt.Errorf("secret %s is not there, or not to be seen", arn)
		} else if l != nil && (l.deleted || !l.valued()) {
			return fmt.Errorf("secret %s has no value, or is scheduled for deletion", arn)
		}
	}
	return nil
}

// Plan makes what is missing, lets the execution role read exactly these secrets, and deletes those that the manifest
// no longer has.
func (s *Secrets) Plan() (plan []deploy.Change) {
	for _, m := range s.Manifest.Secrets {
		plan = append(plan, s.planOne(m)...)
	}
	plan = append(plan, s.IAM.execution.planInline(secretsPolicy, s.access)...)
	for _, l := range s.removed() {
		plan = append(plan, s.deletion(l, true))
	}
	return plan
}

// removed are ours that the manifest no longer has.
func (s *Secrets) removed() (list []*secret) {
	for _, name := range slices.Sorted(maps.Keys(s.live)) {
		wanted := slices.ContainsFunc(s.Manifest.Secrets, func(m manifest.Secret) bool { return m.Name == name })
		if l := s.live[name]; !wanted && !l.deleted {
			list = append(list, l)
		}
	}
	return list
}

// access is what the execution role may do: read these secrets, and decrypt with the keys of those that have one of
// their own (developer guide, "Passing sensitive data": permissions). Whether that is all, or some are still to be made.
func (s *Secrets) access() (d document, all bool) {
	all = true
	var list []*secret
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.Manifest.Secrets {
		if l := s.live[m.Name]; l != nil {
			list = append(list, l)
		} else {
			all = false
		}
	}
	for _, arn := range s.foreign() {
		if l := s.theirs[arn]; l != nil {
			list = append(list, l)
		} else {
			list = append(list, &secret{arn: arn})
		}
	}
	var statements []manifest.Statement
	for _, l := range list {
		statements = append(statements, manifest.Statement{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": l.arn})
		if l.key != "" && !strings.HasSuffix(l.key, "alias/aws/secretsmanager") {
			statements = append(statements, s.decrypt(l.key))
		}
	}
	return newDocument(statements...), all
}

// decrypt allows the use of a key, named by id, ARN or alias, through Secrets Manager only. Policies know keys by ARN and
// aliases by a condition.
func (s *Secrets) decrypt(key string) manifest.Statement {
	when := map[string]any{"StringEquals": map[string]any{"kms:ViaService": "secretsmanager." + s.Region + ".amazonaws.com"}}
	_, alias, isAlias := strings.Cut(":"+key, ":alias/")
	switch {
	case isAlias:
		when["ForAnyValue:StringEquals"] = map[string]any{"kms:ResourceAliases": "alias/" + alias}
		key = s.arn("kms", "key/*")
	case !strings.HasPrefix(key, "arn:"):
		key = s.arn("kms", "key/"+key)
	}
	return manifest.Statement{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key, "Condition": when}
}

// Remove deletes all of ours. With --force those whose deletion is already scheduled go at once, too.
func (s *Secrets) Remove() (plan []deploy.Change) {
	for _, name := range slices.Sorted(maps.Keys(s.live)) {
		if l := s.live[name]; !l.deleted || s.Options.Force {
			plan = append(plan, s.deletion(l, false))
		}
	}
	return plan
}

var (
	_ deploy.Step    = (*Secrets)(nil)
	_ deploy.Checker = (*Secrets)(nil)
)
