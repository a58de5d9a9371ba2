package steps

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/manifest"
)

// A SecretState is what there is to say of a secret without its value.
type SecretState struct {
	ID       string          `json:"id"`      // in the manifest; "" for one that is not there
	Name     string          `json:"name"`    // in AWS
	ARN      string          `json:"arn"`     // "" before it is made
	Env      []string        `json:"env"`     // the variables that the manifest gives it
	UsedBy   []string        `json:"used_by"` // the variables of the live task definition that read it
	State    string          `json:"state"`   // set, no_value, not_made, deleted (until DeletedAt it can be restored), not_seen
	Version  string          `json:"version"` // the hash of the current version's id in short, as plans show it; "" without one
	SetAt    *time.Time      `json:"set_at"`  // when the current version was made; null when that is not to be seen
	Deleted  *time.Time      `json:"deleted_at"`
	Rotation *SecretRotation `json:"rotation"` // null: AWS does not rotate it
}

// SecretRotation is when AWS changes a secret's value by itself.
type SecretRotation struct {
	EveryDays int64      `json:"every_days,omitempty"`
	Last      *time.Time `json:"last_at"`
	Next      *time.Time `json:"next_at"`
}

// SecretStates tells of the manifest's secrets, of those of others that the service reads, and of ours that the manifest
// no longer has, sorted by name.
func SecretStates(ctx context.Context, app *App) ([]SecretState, error) {
	s := &Secrets{App: app, live: map[string]*secret{}}
	if err := s.list(ctx); err != nil {
		return nil, err
	}
	states := s.known()
	definition, _, err := app.liveDefinition(ctx)
	if err != nil {
		return nil, err
	}
	var reads []func() error
	for i := range states {
		reads = append(reads, func() error { return s.inspect(ctx, &states[i]) })
	}
	if err := together(reads...); err != nil {
		return nil, err
	}
	for i := range states {
		st := &states[i]
		if definition != nil {
			st.UsedBy = append(st.UsedBy, aws.SecretsOf(definition)[st.ARN]...)
		}
		slices.Sort(st.Env)
		slices.Sort(st.UsedBy)
	}
	sort.Slice(states, func(i, j int) bool { return states[i].Name < states[j].Name })
	return states, nil
}

// known are the secrets to tell of, with what the manifest says.
func (s *Secrets) known() (states []SecretState) {
	env := func(match func(manifest.SecretRef) bool) []string {
		list := []string{}
		for _, ref := range s.Manifest.Service.Secrets {
			if match(ref) {
				list = append(list, ref.Env)
			}
		}
		return list
	}
	for _, m := range s.Manifest.Secrets {
		states = append(states, SecretState{ID: m.ID, Name: m.Name, Env: env(func(ref manifest.SecretRef) bool { return ref.Secret == m.ID }), UsedBy: []string{}})
	}
	for _, arn := range s.foreign() {
		states = append(states, SecretState{Name: aws.SecretName(arn), ARN: arn, Env: env(func(ref manifest.SecretRef) bool { return ref.ARN == arn }), UsedBy: []string{}})
	}
	for name, l := range s.live {
		if !slices.ContainsFunc(s.Manifest.Secrets, func(m manifest.Secret) bool { return m.Name == name }) {
			states = append(states, SecretState{Name: name, ARN: l.arn, Env: []string{}, UsedBy: []string{}})
		}
	}
	return states
}

// inspect asks for one secret.
func (s *Secrets) inspect(ctx context.Context, st *SecretState) error {
	id := cmp.Or(st.ARN, st.Name)
	d, err := s.AWS.Secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
	switch {
	case aws.Is(err, "ResourceNotFoundException"):
		st.State = "not_made"
		return nil
	case aws.Is(err, "AccessDeniedException") && st.ID == "":
		st.State = "not_seen"
		return nil
	case err != nil:
		return err
	}
	st.ARN, st.Deleted = *d.ARN, d.DeletedDate
	version := aws.CurrentVersion(d.VersionIdsToStages)
	switch {
	case d.DeletedDate != nil:
		st.State = "deleted"
	case version == "":
		st.State = "no_value"
	default:
		st.State = "set"
	}
	if val(d.RotationEnabled) {
		st.Rotation = &SecretRotation{Last: d.LastRotatedDate, Next: d.NextRotationDate}
		if d.RotationRules != nil {
			st.Rotation.EveryDays = val(d.RotationRules.AutomaticallyAfterDays)
		}
	}
	if version == "" {
		return nil
	}
	st.Version = aws.ShortVersion(version)
	out, err := s.AWS.Secrets.ListSecretVersionIds(ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: &id, MaxResults: new(int32(100))})
	if err != nil {
		return aws.Ignore(err, "AccessDeniedException", "InvalidRequestException")
	}
	for _, v := range out.Versions {
		if val(v.VersionId) == version {
			st.SetAt = v.CreatedDate
		}
	}
	return nil
}

// A SecretInUseError is a secret that is not to be removed.
type SecretInUseError struct{ Name, By string }

func (e *SecretInUseError) Error() string {
	return fmt.Sprintf("secret %s is in use: %s", e.Name, e.By)
}

// Hint says how it goes.
func (e *SecretInUseError) Hint() string {
	return "take it out of the manifest; the next up removes it once no task reads it any more"
}

// Removable says of a secret, by its name or its id in the manifest, whether it is ours and not in use. One that is on its
// way out already is returned as well.
func Removable(ctx context.Context, app *App, name string) (*SecretState, error) {
	states, err := SecretStates(ctx, app)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(states, func(st SecretState) bool { return st.Name == name || st.ID == name && name != "" })
	switch {
	case i < 0:
		return nil, fmt.Errorf("there is no secret of this stack with that name")
	case states[i].ID != "":
		return nil, &SecretInUseError{states[i].Name, "the manifest has it as " + states[i].ID}
	case len(states[i].Env) > 0:
		return nil, fmt.Errorf("secret %s is not of this stack: the manifest only reads it", states[i].Name)
	case len(states[i].UsedBy) > 0:
		return nil, &SecretInUseError{states[i].Name, "the running tasks read it as " + states[i].UsedBy[0]}
	}
	return &states[i], nil
}

// RemoveSecret schedules the end of a secret, in days, and returns when that is.
func RemoveSecret(ctx context.Context, app *App, arn string, days int64) (time.Time, error) {
	out, err := app.AWS.Secrets.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &arn, RecoveryWindowInDays: &days})
	if err != nil {
		return time.Time{}, err
	}
	return val(out.DeletionDate), nil
}

// ImportSecret gives a secret of the manifest a value unless it has it already. changed is false then. Who may not read
// the secret can't compare: it gets the value.
func ImportSecret(ctx context.Context, app *App, m manifest.Secret, value []byte) (changed bool, err error) {
	out, err := app.AWS.Secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &m.Name})
	if err == nil && out.SecretString != nil && *out.SecretString == string(value) {
		return false, nil
	}
	// Whatever keeps it from being read (no right, no value, no secret, its deletion) is SetSecret's to meet.
	return true, SetSecret(ctx, app, m.Name, value)
}
