package sandbox

import (
	"context"
	"crypto/rand"
	"math/big"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// ListSecrets lists what matches all filters, the newest first.
func (s *secretsService) ListSecrets(ctx context.Context, in *secretsmanager.ListSecretsInput) (*secretsmanager.ListSecretsOutput, error) {
	all := []types.SecretListEntry{}
	for _, sec := range sorted(s.region(ctx).Secrets.Secrets) {
		if sec.Gone || sec.DeletedDate != nil && !val(in.IncludePlannedDeletion) {
			continue
		}
		ok := true
		for _, f := range in.Filters {
			hit, err := sec.matches(f)
			if err != nil {
				return nil, err
			}
			ok = ok && hit
		}
		if ok {
			shown := sec.SecretListEntry
			shown.SecretVersionsToStages = sec.stages()
			all = append(all, shown)
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].CreatedDate.After(*all[j].CreatedDate) })
	if in.SortOrder == types.SortOrderTypeAsc {
		slices.Reverse(all)
	}
	out := &secretsmanager.ListSecretsOutput{}
	var err error
	out.SecretList, out.NextToken, err = page(all, in.NextToken, in.MaxResults, 100)
	return out, err
}

// matches works one filter: a text that begins with one of the values; a value behind ! is one that must not match.
// Names and tags are case-sensitive (user guide, "Search for secrets").
func (sec *secret) matches(f types.Filter) (bool, error) {
	var texts []string
	for _, t := range sec.Tags {
		switch f.Key {
		case types.FilterNameStringTypeTagKey:
			texts = append(texts, *t.Key)
		case types.FilterNameStringTypeTagValue:
			texts = append(texts, *t.Value)
		case types.FilterNameStringTypeAll:
			texts = append(texts, *t.Key, *t.Value)
		}
	}
	fold := false
	switch f.Key {
	case types.FilterNameStringTypeTagKey, types.FilterNameStringTypeTagValue:
	case types.FilterNameStringTypeName:
		texts = []string{*sec.Name}
	case types.FilterNameStringTypeDescription:
		texts, fold = strings.Fields(val(sec.Description)), true
	case types.FilterNameStringTypeAll:
		texts, fold = append(texts, *sec.Name, val(sec.Description)), true
	case types.FilterNameStringTypeOwningService, types.FilterNameStringTypePrimaryRegion:
	default:
		return false, fail("ValidationException", "1 validation error detected: Value '%s' at 'filters.1.member.key' failed to satisfy constraint: Member must satisfy enum value set: [all, name, tag-key, description, tag-value]", f.Key)
	}
	return slices.ContainsFunc(f.Values, func(want string) bool {
		want, not := strings.CutPrefix(want, "!")
		return not != slices.ContainsFunc(texts, func(text string) bool {
			if fold {
				text, want = strings.ToLower(text), strings.ToLower(want)
			}
			return strings.HasPrefix(text, want)
		})
	}), nil
}

func (s *secretsService) ListSecretVersionIds(ctx context.Context, in *secretsmanager.ListSecretVersionIdsInput) (*secretsmanager.ListSecretVersionIdsOutput, error) {
	sec, err := s.find(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.ListSecretVersionIdsOutput{ARN: sec.ARN, Name: sec.Name}
	for id, v := range sorted(sec.Versions) {
		if len(v.Stages) > 0 || val(in.IncludeDeprecated) {
			out.Versions = append(out.Versions, types.SecretVersionsListEntry{VersionId: &id, VersionStages: v.Stages, CreatedDate: &v.Created})
		}
	}
	out.Versions, out.NextToken, err = page(out.Versions, in.NextToken, in.MaxResults, 100)
	return out, err
}

func (s *secretsService) TagResource(ctx context.Context, in *secretsmanager.TagResourceInput) (*secretsmanager.TagResourceOutput, error) {
	sec, err := s.alive(ctx, in.SecretId)
	if err == nil {
		err = checkSecretTags(sec.Tags, in.Tags)
	}
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		sec.Tags = slices.DeleteFunc(sec.Tags, func(old types.Tag) bool { return *old.Key == *t.Key })
		sec.Tags = append(sec.Tags, t)
	}
	return &secretsmanager.TagResourceOutput{}, nil
}

func (s *secretsService) UntagResource(ctx context.Context, in *secretsmanager.UntagResourceInput) (*secretsmanager.UntagResourceOutput, error) {
	sec, err := s.alive(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	sec.Tags = slices.DeleteFunc(sec.Tags, func(t types.Tag) bool { return slices.Contains(in.TagKeys, *t.Key) })
	return &secretsmanager.UntagResourceOutput{}, nil
}

func checkSecretTags(old, more []types.Tag) error {
	keys := map[string]bool{}
	for _, t := range more {
		switch k := val(t.Key); {
		case k == "" || t.Value == nil:
			return fail("ValidationException", "1 validation error detected: tags need a key and a value")
		case strings.HasPrefix(k, "aws:"):
			return fail("InvalidParameterException", "The tag key %s is reserved: keys that begin with aws: are AWS's own.", k)
		default:
			keys[k] = true
		}
	}
	for _, t := range old {
		keys[*t.Key] = true
	}
	if len(keys) > 50 {
		return fail("InvalidParameterException", "You can't attach more than 50 tags to a secret.")
	}
	return nil
}

// GetResourcePolicy is asked by Terraform. There are no resource policies.
func (s *secretsService) GetResourcePolicy(ctx context.Context, in *secretsmanager.GetResourcePolicyInput) (*secretsmanager.GetResourcePolicyOutput, error) {
	sec, err := s.find(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.GetResourcePolicyOutput{ARN: sec.ARN, Name: sec.Name}, nil
}

// GetRandomPassword makes 32 characters by default, at least one of each kind that is not excluded.
func (s *secretsService) GetRandomPassword(_ context.Context, in *secretsmanager.GetRandomPasswordInput) (*secretsmanager.GetRandomPasswordOutput, error) {
	n := or(in.PasswordLength, 32)
	var kinds []string
	for _, k := range []struct {
		off   *bool
		chars string
	}{
		{in.ExcludeLowercase, "abcdefghijklmnopqrstuvwxyz"},
		{in.ExcludeUppercase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		{in.ExcludeNumbers, "0123456789"},
		{in.ExcludePunctuation, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"},
	} {
		chars := strings.Map(func(r rune) rune {
			if strings.ContainsRune(val(in.ExcludeCharacters), r) {
				return -1
			}
			return r
		}, k.chars)
		if !val(k.off) && chars != "" {
			kinds = append(kinds, chars)
		}
	}
	if val(in.IncludeSpace) {
		kinds = append(kinds, " ")
	}
	switch each := or(in.RequireEachIncludedType, true); {
	case n < 1 || n > 4096 || each && int(n) < len(kinds):
		return nil, fail("InvalidParameterException", "PasswordLength must be between 1 and 4096, and long enough for each included type.")
	case len(kinds) == 0:
		return nil, fail("InvalidParameterException", "Password can't be generated: all characters are excluded.")
	}
	b := make([]byte, n)
	for i := range b {
		from := strings.Join(kinds, "")
		if i < len(kinds) && or(in.RequireEachIncludedType, true) {
			from = kinds[i]
		}
		b[i] = from[random(len(from))]
	}
	for i := range b {
		j := random(i + 1)
		b[i], b[j] = b[j], b[i]
	}
	return &secretsmanager.GetRandomPasswordOutput{RandomPassword: new(string(b))}, nil
}

// random is a number below n that nobody can guess.
func random(n int) int {
	v, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err)
	}
	return int(v.Int64())
}
