package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// secretsState is what Secrets Manager holds.
type secretsState struct{ Secrets map[string]*secret } // by name

type secret struct {
	types.SecretListEntry
	Versions map[string]*secretVersion // by id
	Gone     bool                      // deleted by force: it goes in a moment, and is in nobody's sight until then
}

type secretVersion struct {
	String  *string
	Binary  []byte
	Stages  []string
	Created time.Time
}

const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

type secretsService struct{ *Sandbox }

func newSecrets(s *Sandbox) *secretsService {
	s.on["secret gone"] = func(id string) {
		region, name, _ := strings.Cut(id, " ")
		delete(s.regionNamed(region).Secrets.Secrets, name)
	}
	return &secretsService{s}
}

var secretName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]{1,512}$`)

func (s *secretsService) CreateSecret(ctx context.Context, in *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error) {
	name, r := val(in.Name), s.region(ctx)
	if !secretName.MatchString(name) {
		return nil, fail("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	if old := r.Secrets.Secrets[name]; old != nil {
		v := old.Versions[val(in.ClientRequestToken)]
		switch {
		case old.Gone:
			return nil, fail("InvalidRequestException", "You can't perform this operation on the secret because it was deleted.")
		case old.DeletedDate != nil:
			return nil, fail("InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
		case v == nil || !v.equal(in.SecretString, in.SecretBinary):
			return nil, fail("ResourceExistsException", "The operation failed because the secret %s already exists.", name)
		}
		return &secretsmanager.CreateSecretOutput{ARN: old.ARN, Name: old.Name, VersionId: in.ClientRequestToken}, nil
	}
	if err := checkSecretTags(nil, in.Tags); err != nil {
		return nil, err
	}
	sec := &secret{Versions: map[string]*secretVersion{}}
	sec.SecretListEntry = types.SecretListEntry{
		Name: &name, ARN: new(s.arn("secretsmanager", r.Name, "secret:"+name+"-"+s.suffix())), Description: in.Description,
		KmsKeyId: in.KmsKeyId, Tags: in.Tags, CreatedDate: new(s.clock), LastChangedDate: new(s.clock),
	}
	out := &secretsmanager.CreateSecretOutput{ARN: sec.ARN, Name: &name}
	if in.SecretString != nil || in.SecretBinary != nil {
		id, err := s.putVersion(sec, in.ClientRequestToken, in.SecretString, in.SecretBinary)
		if err != nil {
			return nil, err
		}
		out.VersionId = id
	}
	put(&r.Secrets.Secrets, name, sec)
	return out, nil
}

// suffix is the six characters behind a secret's name in its ARN.
func (s *Sandbox) suffix() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	b := []byte(s.hex(6))
	for i, c := range b {
		b[i] = letters[(int(c)*7+i*11)%len(letters)]
	}
	return string(b)
}

func (v *secretVersion) equal(text *string, binary []byte) bool {
	return val(v.String) == val(text) && bytes.Equal(v.Binary, binary)
}

// putVersion adds a value as the current one. A token that is used already must come with the same value.
func (s *secretsService) putVersion(sec *secret, token, text *string, binary []byte) (id *string, err error) {
	if (text == nil) == (binary == nil) {
		return nil, fail("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
	}
	if len(val(text)) > 65536 || len(binary) > 65536 {
		return nil, fail("ValidationException", "Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536")
	}
	if token == nil { // the SDKs and the AWS CLI send one
		token = new(s.hex(8) + "-" + s.hex(4) + "-4" + s.hex(3) + "-8" + s.hex(3) + "-" + s.hex(12))
	}
	if len(*token) < 32 || len(*token) > 64 {
		return nil, fail("InvalidParameterException", "ClientRequestToken must be 32-64 characters long.")
	}
	if v := sec.Versions[*token]; v != nil {
		if !v.equal(text, binary) {
			return nil, fail("ResourceExistsException", "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", *token, *sec.ARN)
		}
		return token, nil
	}
	for _, v := range sec.Versions { // the label moves; a version without labels is gone in time
		switch {
		case slices.Contains(v.Stages, current):
			v.Stages = []string{previous}
		default:
			v.Stages = slices.DeleteFunc(v.Stages, func(l string) bool { return l == previous })
		}
	}
	sec.Versions[*token] = &secretVersion{text, binary, []string{current}, s.clock}
	sec.LastChangedDate = new(s.clock)
	return token, nil
}

// stages are the labels of every version that has some.
func (sec *secret) stages() map[string][]string {
	stages := map[string][]string{}
	for id, v := range sec.Versions {
		if len(v.Stages) > 0 {
			stages[id] = v.Stages
		}
	}
	if len(stages) == 0 {
		return nil
	}
	return stages
}

// secret finds one by name, ARN, or an ARN that lacks its last six characters; nil when there is none.
func (r *Region) secret(id string) *secret {
	for name, sec := range r.Secrets.Secrets {
		if !sec.Gone && (name == id || *sec.ARN == id || (*sec.ARN)[:len(*sec.ARN)-7] == id) {
			return sec
		}
	}
	return nil
}

func (s *secretsService) find(ctx context.Context, id *string) (*secret, error) {
	sec := s.region(ctx).secret(val(id))
	if sec == nil {
		return nil, fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	return sec, nil
}

// alive is find for what can't be done to a secret that is scheduled for deletion.
func (s *secretsService) alive(ctx context.Context, id *string) (*secret, error) {
	sec, err := s.find(ctx, id)
	if err == nil && sec.DeletedDate != nil {
		return nil, fail("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
	}
	return sec, err
}

// value reads what a task would get: the version with a stage, by default the current one.
func (sec *secret) value(id, stage string) (string, *secretVersion, error) {
	stage = cmp.Or(stage, current)
	for vid, v := range sec.Versions {
		if id == vid || id == "" && slices.Contains(v.Stages, stage) {
			return vid, v, nil
		}
	}
	if id != "" {
		return "", nil, fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", id)
	}
	return "", nil, fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: %s", stage)
}

func (s *secretsService) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	sec, err := s.alive(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	id, v, err := sec.value(val(in.VersionId), val(in.VersionStage))
	if err != nil {
		return nil, err
	}
	return &secretsmanager.GetSecretValueOutput{
		ARN: sec.ARN, Name: sec.Name, VersionId: &id, VersionStages: v.Stages, CreatedDate: &v.Created, SecretString: v.String, SecretBinary: v.Binary,
	}, nil
}

func (s *secretsService) PutSecretValue(ctx context.Context, in *secretsmanager.PutSecretValueInput) (*secretsmanager.PutSecretValueOutput, error) {
	sec, err := s.alive(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	id, err := s.putVersion(sec, in.ClientRequestToken, in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.PutSecretValueOutput{ARN: sec.ARN, Name: sec.Name, VersionId: id, VersionStages: sec.Versions[*id].Stages}, nil
}

func (s *secretsService) UpdateSecret(ctx context.Context, in *secretsmanager.UpdateSecretInput) (*secretsmanager.UpdateSecretOutput, error) {
	sec, err := s.alive(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.UpdateSecretOutput{ARN: sec.ARN, Name: sec.Name}
	if in.SecretString != nil || in.SecretBinary != nil {
		if out.VersionId, err = s.putVersion(sec, in.ClientRequestToken, in.SecretString, in.SecretBinary); err != nil {
			return nil, err
		}
	}
	if in.Description != nil {
		sec.Description = in.Description
	}
	if in.KmsKeyId != nil {
		sec.KmsKeyId = in.KmsKeyId
	}
	return out, nil
}

func (s *secretsService) DescribeSecret(ctx context.Context, in *secretsmanager.DescribeSecretInput) (*secretsmanager.DescribeSecretOutput, error) {
	sec, err := s.find(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.DescribeSecretOutput{
		ARN: sec.ARN, Name: sec.Name, Description: sec.Description, KmsKeyId: sec.KmsKeyId, Tags: sec.Tags, CreatedDate: sec.CreatedDate,
		LastChangedDate: sec.LastChangedDate, DeletedDate: sec.DeletedDate, VersionIdsToStages: sec.stages(),
	}, nil
}

// DeleteSecret schedules a secret for deletion, by default in 30 days. By force it is gone in a moment, and AWS does not
// mind whether it was there (API reference of DeleteSecret).
func (s *secretsService) DeleteSecret(ctx context.Context, in *secretsmanager.DeleteSecretInput) (*secretsmanager.DeleteSecretOutput, error) {
	force, days := val(in.ForceDeleteWithoutRecovery), or(in.RecoveryWindowInDays, 30)
	switch {
	case force && in.RecoveryWindowInDays != nil:
		return nil, fail("InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case days < 7 || days > 30:
		return nil, fail("InvalidParameterException", "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	}
	r := s.region(ctx)
	sec, err := s.find(ctx, in.SecretId)
	if err != nil && force && !strings.HasPrefix(val(in.SecretId), "arn:") {
		return &secretsmanager.DeleteSecretOutput{
			Name: in.SecretId, ARN: new(s.arn("secretsmanager", r.Name, "secret:"+*in.SecretId+"-"+s.suffix())), DeletionDate: new(s.clock),
		}, nil
	}
	if err != nil {
		return nil, err
	}
	if sec.DeletedDate != nil && !force {
		return nil, fail("InvalidRequestException", "You can't perform this operation on the secret because it was already scheduled for deletion.")
	}
	id, due := r.Name+" "+*sec.Name, s.clock
	s.forget("secret gone", id)
	if force {
		sec.Gone = true
		s.after(secretGone, "secret gone", id)
	} else {
		due = s.clock.AddDate(0, 0, int(days))
		s.at(due, "secret gone", id)
	}
	sec.DeletedDate = &due
	return &secretsmanager.DeleteSecretOutput{ARN: sec.ARN, Name: sec.Name, DeletionDate: &due}, nil
}

func (s *secretsService) RestoreSecret(ctx context.Context, in *secretsmanager.RestoreSecretInput) (*secretsmanager.RestoreSecretOutput, error) {
	sec, err := s.find(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	sec.DeletedDate = nil
	s.forget("secret gone", s.region(ctx).Name+" "+*sec.Name)
	return &secretsmanager.RestoreSecretOutput{ARN: sec.ARN, Name: sec.Name}, nil
}
