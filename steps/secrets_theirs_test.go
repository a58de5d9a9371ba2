package steps

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/witness"
)

// A secret that somebody else's tasks read is found by its name and by their variables, and a value that they could not
// read is refused before it is written.
func TestSecretsOfAnybody(t *testing.T) {
	t.Parallel()
	box, err := sandbox.Open(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := witness.Recorded(box.Config("us-east-1"))
	app, client, ctx := &App{AWS: aws.Connect(cfg)}, secretsmanager.NewFromConfig(cfg), t.Context()
	var arns []string
	for _, name := range []string{"db", "plain"} {
		out, err := client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &name, SecretString: new("old")})
		if err != nil {
			t.Fatal(err)
		}
		arns = append(arns, *out.ARN)
	}
	d := &types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{{Secrets: []types.Secret{
		{Name: new("DB_USER"), ValueFrom: new(arns[0] + ":user::")},
		{Name: new("DB_PASSWORD"), ValueFrom: new(arns[0] + ":password:AWSCURRENT:")},
		{Name: new("PLAIN"), ValueFrom: &arns[1]},
		{Name: new("PARAMETER"), ValueFrom: new("arn:aws:ssm:us-east-1:123456789012:parameter/x")},
	}}}}

	for name, want := range map[string]string{"db": arns[0], "DB_USER": arns[0], "DB_PASSWORD": arns[0], "plain": arns[1], "PLAIN": arns[1], "PARAMETER": "", "d": ""} {
		arn, err := SecretRead(d, name)
		if arn != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", name, arn, err)
		}
	}
	if _, err := SecretRead(&types.TaskDefinition{}, "db"); err == nil || !strings.Contains(err.Error(), "read no secret of") {
		t.Error(err)
	}
	twice := &types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{{Secrets: append([]types.Secret{{Name: new("db"), ValueFrom: &arns[1]}}, d.ContainerDefinitions[0].Secrets...)}}}
	if _, err := SecretRead(twice, "db"); err == nil || !strings.Contains(err.Error(), arns[0]) || !strings.Contains(err.Error(), arns[1]) {
		t.Error(err)
	}
	states, err := SecretsRead(ctx, app, d)
	if err != nil || len(states) != 2 || strings.Join(states[0].UsedBy, " ") != "DB_PASSWORD DB_USER" || states[1].State != "set" || states[1].SetAt == nil {
		t.Errorf("%+v, %v", states, err)
	}

	for value, want := range map[string]string{
		"s3cret": "the key user of secret db as DB_USER", `["user","password"]`: "the key user of secret db as DB_USER", "null": "the key user of secret db as DB_USER",
		`{"user":"me"}`: "the key password of secret db as DB_PASSWORD", "": "empty", "\xff": "no text",
	} {
		if err := ReplaceSecret(ctx, app, d, arns[0], []byte(value)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", value, err)
		}
	}
	for arn, value := range map[string]string{arns[0]: `{"user":"me","password":"new"}`, arns[1]: "new"} {
		if err := ReplaceSecret(ctx, app, d, arn, []byte(value)); err != nil {
			t.Error(err)
		}
		if out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn}); err != nil || *out.SecretString != value {
			t.Errorf("%s: %+v, %v", arn, out, err)
		}
	}
}
