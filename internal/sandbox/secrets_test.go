package sandbox

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// A secret's life: empty, valued, scheduled for deletion, restored, deleted by force.
func TestSecret(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Options{Speed: 1})
		if err != nil {
			t.Fatal(err)
		}
		c, ctx, name := secretsmanager.NewFromConfig(s.Config("eu-west-1")), context.Background(), new("app/db")
		create := &secretsmanager.CreateSecretInput{Name: name, Tags: []types.Tag{{Key: new("k"), Value: new("v")}}}
		made, err := c.CreateSecret(ctx, create)
		if err != nil || made.VersionId != nil || len(*made.ARN) != len("arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/db-123456") {
			t.Fatal(made, err)
		}
		_, err = c.CreateSecret(ctx, create)
		refused(t, err, "ResourceExistsException", "The operation failed because the secret app/db already exists.")
		get := &secretsmanager.GetSecretValueInput{SecretId: made.ARN}
		_, err = c.GetSecretValue(ctx, get)
		refused(t, err, "ResourceNotFoundException", "can't find the specified secret value for staging label: AWSCURRENT")

		token := strings.Repeat("t", 32)
		for range 2 { // the same token and value change nothing
			if _, err := c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: name, SecretString: new("one"), ClientRequestToken: &token}); err != nil {
				t.Error(err)
			}
		}
		_, err = c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: name, SecretString: new("two"), ClientRequestToken: &token})
		refused(t, err, "ResourceExistsException", "already in use for a version")
		if _, err := c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: name, SecretString: new("two")}); err != nil {
			t.Error(err)
		}
		for stage, want := range map[string]string{"AWSCURRENT": "two", "AWSPREVIOUS": "one"} {
			if out, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: new((*made.ARN)[:len(*made.ARN)-7]), VersionStage: &stage}); err != nil || *out.SecretString != want {
				t.Error(stage, out, err)
			}
		}

		del := &secretsmanager.DeleteSecretInput{SecretId: name, RecoveryWindowInDays: new(int64(7))}
		if _, err := c.DeleteSecret(ctx, del); err != nil {
			t.Fatal(err)
		}
		_, err = c.DeleteSecret(ctx, del)
		refused(t, err, "InvalidRequestException", "already scheduled for deletion")
		_, err = c.CreateSecret(ctx, create)
		refused(t, err, "InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
		_, err = c.GetSecretValue(ctx, get)
		refused(t, err, "InvalidRequestException", "marked for deletion")
		_, err = c.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: name, Tags: create.Tags})
		refused(t, err, "InvalidRequestException", "marked for deletion")
		if _, err := c.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: name}); err != nil {
			t.Error(err)
		}
		time.Sleep(8 * 24 * time.Hour)
		if out, err := c.GetSecretValue(ctx, get); err != nil || *out.SecretString != "two" {
			t.Error("restored:", out, err)
		}

		if _, err := c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: name, ForceDeleteWithoutRecovery: new(true)}); err != nil {
			t.Error(err)
		}
		_, err = c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: name})
		refused(t, err, "ResourceNotFoundException", "can't find the specified secret")
		_, err = c.CreateSecret(ctx, create)
		refused(t, err, "InvalidRequestException", "because it was deleted")
		time.Sleep(secretGone)
		if again, err := c.CreateSecret(ctx, create); err != nil || *again.ARN == *made.ARN {
			t.Error(again, err)
		}
		if _, err := c.DeleteSecret(ctx, del); err != nil {
			t.Error(err)
		}
		time.Sleep(7 * 24 * time.Hour)
		_, err = c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: name})
		refused(t, err, "ResourceNotFoundException", "")
	})
}

func TestListSecrets(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	c := secretsmanager.NewFromConfig(s.Config("eu-west-1"))
	for name, env := range map[string]string{"a/x": "default", "a/y": "staging", "b": "default"} {
		in := &secretsmanager.CreateSecretInput{Name: &name, SecretString: new("v"), Tags: []types.Tag{{Key: new("project"), Value: &name}, {Key: new("env"), Value: &env}}}
		if _, err := c.CreateSecret(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: new("b")}); err != nil {
		t.Fatal(err)
	}
	tag := func(v ...string) types.Filter { return types.Filter{Key: "tag-value", Values: v} }
	for _, tt := range []struct {
		filters []types.Filter
		planned bool
		want    string
	}{
		{nil, false, "a/x a/y"},
		{nil, true, "a/x a/y b"},
		{[]types.Filter{tag("default")}, true, "a/x b"},
		{[]types.Filter{tag("def", "stag"), {Key: "name", Values: []string{"a/"}}}, true, "a/x a/y"},
		{[]types.Filter{tag("!staging")}, true, "a/x b"},
		{[]types.Filter{{Key: "tag-key", Values: []string{"Env"}}}, true, ""},
	} {
		var names []string
		for p := secretsmanager.NewListSecretsPaginator(c, &secretsmanager.ListSecretsInput{Filters: tt.filters, IncludePlannedDeletion: &tt.planned, MaxResults: new(int32(1))}); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range out.SecretList {
				names = append(names, *e.Name)
				if len(e.SecretVersionsToStages) != 1 {
					t.Error(*e.Name, e.SecretVersionsToStages)
				}
			}
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.filters, got, tt.want)
		}
	}
}

func TestRandomPassword(t *testing.T) {
	t.Parallel()
	c := secretsmanager.NewFromConfig(open(t, "").Config("eu-west-1"))
	seen := map[string]bool{}
	for range 20 {
		out, err := c.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{PasswordLength: new(int64(4)), ExcludeCharacters: new("abc\"'")})
		if err != nil {
			t.Fatal(err)
		}
		p := *out.RandomPassword
		if len(p) != 4 || seen[p] || strings.ContainsAny(p, "abc\"'") || !strings.ContainsAny(p, "0123456789") || strings.ToLower(p) == p || strings.ToUpper(p) == p {
			t.Error("a password lacks a kind, or is not random")
		}
		seen[p] = true
	}
	_, err := c.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{PasswordLength: new(int64(3))})
	refused(t, err, "InvalidParameterException", "PasswordLength")
}
