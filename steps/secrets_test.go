package steps

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

func iamAndSecrets(app *App) []deploy.Step {
	iam := &IAM{App: app}
	return []deploy.Step{iam, &Secrets{App: app, IAM: iam}}
}

// withSecrets is a manifest with secrets: "db", or "key: {generate: {length: 32}}" with a config.
func withSecrets(secrets ...string) string {
	m := "project_name: app\nresources:\n  - {id: api, type: aws_ecs_service}\n"
	for _, s := range secrets {
		id, config, ok := strings.Cut(s, ": ")
		if !ok {
			config = "{}"
		}
		m += fmt.Sprintf("  - {id: %s, type: aws_secretsmanager_secret, config: %s}\n", id, config)
	}
	return m
}

// set gives secrets values.
func (w *world) set(yaml string, ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		if err := SetSecret(w.t.Context(), w.app(yaml), id, []byte("the value of "+id)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// secrets are those of Secrets Manager: names with their values, "(deleted)" behind them.
func (w *world) secrets() string {
	w.t.Helper()
	var list []string
	c := secretsmanager.NewFromConfig(w.Config("us-east-1"))
	out, err := c.ListSecrets(w.t.Context(), &secretsmanager.ListSecretsInput{IncludePlannedDeletion: new(true), SortOrder: "asc"})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range out.SecretList {
		text := *e.Name
		if e.DeletedDate != nil {
			text += " (deleted)"
		} else if v, err := c.GetSecretValue(w.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: e.ARN}); err == nil {
			text += " = " + *v.SecretString
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// A secret without a value stops up before it begins; its value can be set before that.
func TestSecretsWithoutValue(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = iamAndSecrets
		m := withSecrets("db", "key")
		r := w.up(m)
		var missing *NoValueError
		if !errors.As(r.err, &missing) || missing.Error() != "secrets db, key have no value yet" || len(r.changing()) > 0 {
			t.Fatal(r.err, r.changing())
		}
		same(t, r.stack.Plan().String(), `
+ iam: role app-ecs-execution-us-east-1
+ iam: role app-ecs-task-us-east-1
+ secrets: secret app/db
+ secrets: secret app/key
+ secrets: role app-ecs-execution-us-east-1 policy secrets-access
    statement: none -> (known after apply)
`)
		w.set(m, "db")
		if got := w.secrets(); got != "app/db = the value of db" {
			t.Error(got)
		}
		if r := w.up(m); r.err == nil || !strings.Contains(r.err.Error(), "secret key has no value yet") {
			t.Error(r.err)
		}
		w.set(m, "app/key") // by its name in AWS
		if r := w.settled(m); !strings.Contains(r.plan.String(), `statement: none -> {"Action":["secretsmanager:GetSecretValue"],"Effect":"Allow","Resource":["arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-`) {
			t.Error(r.plan)
		}
		w.set(m, "db")
		if got := w.secrets(); got != "app/db = the value of db, app/key = the value of app/key" {
			t.Error(got)
		}
		for id, value := range map[string]string{"nobody": "x", "db": "", "key": "\xff"} {
			if err := SetSecret(t.Context(), w.app(m), id, []byte(value)); err == nil {
				t.Errorf("%s was set to %q", id, value)
			}
		}
	})
}

// The execution role may read exactly the manifest's secrets: a new one at once, an old one until the release.
func TestSecretsComeAndGo(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = iamAndSecrets
		a, b := withSecrets("db", "key: {generate: {length: 40}}"), withSecrets("db", "other: {generate: {length: 12}}")
		w.set(a, "db")
		first := w.settled(a)
		if !strings.Contains(first.plan.String(), "+ secrets: secret app/key (with 40 random characters)\n") {
			t.Error(first.plan)
		}
		generated, _ := strings.CutPrefix(w.secrets(), "app/db = the value of db, app/key = ")
		if len(generated) != 40 {
			t.Errorf("%d characters", len(generated))
		}
		for _, e := range first.events {
			if s := fmt.Sprintf("%+v %+v", e, e.Change); strings.Contains(s, generated) {
				t.Error("a value is in an event")
			}
		}
		arn := func(name string) (arn string) {
			if err := w.Do(func(st *sandbox.State) { arn = *st.Regions["us-east-1"].Secrets.Secrets[name].ARN }); err != nil {
				t.Error(err)
			}
			return arn
		}
		same(t, w.plan(b), `
+ secrets: secret app/other (with 12 random characters)
~ secrets: role app-ecs-execution-us-east-1 policy secrets-access
    statement: none -> (known after apply)
~ secrets: role app-ecs-execution-us-east-1 policy secrets-access, once the new release serves
    statement: {"Action":["secretsmanager:GetSecretValue"],"Effect":"Allow","Resource":["`+arn("app/key")+`"]} -> none
- secrets: secret app/key (can be restored for 30 days), once the new release serves
`)
		r := w.settled(b)
		if ops := fmt.Sprint(r.changing()); ops != "[secretsmanager.CreateSecret iam.PutRolePolicy iam.PutRolePolicy secretsmanager.DeleteSecret]" {
			t.Error(ops)
		}
		policy, err := iam.NewFromConfig(w.Config("us-east-1")).GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: new("app-ecs-execution-us-east-1"), PolicyName: new("secrets-access")})
		if err != nil {
			t.Fatal(err)
		}
		want := newDocument(map[string]any{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": []string{arn("app/db"), arn("app/other")}})
		same(t, readDocument(*policy.PolicyDocument).String(), want.String())
		if calls := len(w.up(b).calls); calls != 11 {
			t.Errorf("%d calls to see that nothing is to be done, want 7 for the roles and their policy, 1 for all secrets, 3 to find the service's task definition", calls)
		}

		same(t, w.plan(a), `
+ secrets: secret app/key (restored: its deletion was scheduled)
~ secrets: role app-ecs-execution-us-east-1 policy secrets-access
    statement: none -> {"Action":["secretsmanager:GetSecretValue"],"Effect":"Allow","Resource":["`+arn("app/key")+`"]}
~ secrets: role app-ecs-execution-us-east-1 policy secrets-access, once the new release serves
    statement: {"Action":["secretsmanager:GetSecretValue"],"Effect":"Allow","Resource":["`+arn("app/other")+`"]} -> none
- secrets: secret app/other (can be restored for 30 days), once the new release serves
`)
		w.settled(a)
		if got := w.secrets(); !strings.Contains(got, "app/key = "+generated) {
			t.Error("the restored secret has another value")
		}
		w.settled("project_name: app")
		if got := w.secrets(); got != "app/db (deleted), app/key (deleted), app/other (deleted)" {
			t.Error(got)
		}
	})
}

// Destroy leaves the recovery window, and up restores; by force nothing stays, and the names come free in a moment.
func TestSecretsDestroyed(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = iamAndSecrets
		m := withSecrets("db", "key: {generate: {length: 20}}")
		w.set(m, "db")
		w.settled(m)
		before := w.secrets()
		if r := w.destroy(m); r.err != nil || w.secrets() != "app/db (deleted), app/key (deleted)" {
			t.Error(r.err, w.secrets())
		}
		w.roles(t, "")
		w.settled(m)
		if got := w.secrets(); got != before {
			t.Errorf("%s, want %s", got, before)
		}
		w.destroy(m)
		w.opts.Force = true
		if r := w.destroy(m); r.err != nil || w.secrets() != "" || !strings.Contains(r.plan.String(), "- secrets: secret app/db (at once, with its value)\n") {
			t.Error(r.err, w.secrets(), r.plan)
		}
		m = withSecrets("key: {generate: {length: 20}}")
		began := time.Now()
		w.settled(m)
		if took := time.Since(began); took < 5*time.Second {
			t.Errorf("the name was free after %v", took)
		}
	})
}

// Secrets of others are read as they are: their key may be used, and one that is not there is refused.
func TestSecretsOfOthers(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = iamAndSecrets
		c := secretsmanager.NewFromConfig(w.Config("us-east-1"))
		var refs string
		for name, key := range map[string]string{"aaa": "", "bbb": "1234abcd-12ab-34cd-56ef-1234567890ab", "ccc": "alias/mine", "ddd": "alias/aws/secretsmanager"} {
			in := &secretsmanager.CreateSecretInput{Name: &name, SecretString: new("v")}
			if key != "" {
				in.KmsKeyId = &key
			}
			out, err := c.CreateSecret(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			refs += strings.ToUpper(name) + ": '" + *out.ARN + "', "
		}
		m := "project_name: app\nresources: [{id: s, type: aws_ecs_service, config: {secrets: {" + refs + "}}}]"
		w.settled(m)
		policy, err := iam.NewFromConfig(w.Config("us-east-1")).GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: new("app-ecs-execution-us-east-1"), PolicyName: new("secrets-access")})
		if err != nil {
			t.Fatal(err)
		}
		via := map[string]any{"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}
		want := newDocument(
			map[string]any{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", "Condition": map[string]any{"StringEquals": via}},
			map[string]any{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:us-east-1:123456789012:key/*", "Condition": map[string]any{
				"StringEquals": via, "ForAnyValue:StringEquals": map[string]any{"kms:ResourceAliases": "alias/mine"},
			}},
		)
		got := readDocument(*policy.PolicyDocument)
		if !got.covers(want) || len(got) != len(want)+4 {
			t.Error(got)
		}
		if r := w.destroy(m); r.err != nil || strings.Count(w.secrets(), "= v") != 4 {
			t.Error(r.err, w.secrets())
		}
		gone := "project_name: app\nresources: [{id: s, type: aws_ecs_service, config: {secrets: {A: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:no-AbCdEf'}}}]"
		if p := w.plan(gone); !strings.Contains(p, "secret:no-AbCdEf is not there") {
			t.Error(p)
		}
	})
}

// A secret with our name that is somebody's is refused, also by `secrets set`.
func TestSecretsForeign(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = iamAndSecrets
		c := secretsmanager.NewFromConfig(w.Config("us-east-1"))
		if _, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: new("app/db"), SecretString: new("theirs")}); err != nil {
			t.Fatal(err)
		}
		want := "secret app/db exists and is not fargatectl's: it lacks the tag fargatectl:project"
		same(t, w.plan(withSecrets("db")), "error: secrets: read: "+want)
		if err := SetSecret(t.Context(), w.app(withSecrets("db")), "db", []byte("ours")); err == nil || err.Error() != want {
			t.Error(err)
		}
		w.opts.Adopt = true
		w.settled(withSecrets("db"))
		if got := w.secrets(); got != "app/db = theirs" {
			t.Error(got)
		}
	})
}

// Law 5 for secrets, and law 7: no value is in an error.
func TestSecretsFail(t *testing.T) {
	t.Parallel()
	a, b := withSecrets("one: {generate: {length: 20}}", "two: {generate: {length: 20}}"), withSecrets("two: {generate: {length: 20}}", "new: {generate: {length: 20}}")
	for _, fault := range []sandbox.Fault{{Code: "AccessDeniedException"}, {Lost: true}} {
		for n, hit := 1, true; hit; n++ {
			inWorld(t, func(t *testing.T, w *world) {
				w.pick = iamAndSecrets
				f := fault
				f.Service, f.Changing, f.Nth = "secretsmanager", true, n
				w.Inject(f)
				calls := len(append(w.up(a).changing(), w.up(b).changing()...))
				hit = calls >= n
				w.Heal()
				w.settled(b)
				if got := w.secrets(); strings.Count(got, " = ") != 2 || strings.Contains(got, "app/one =") {
					t.Error(got)
				}
				w.opts.Force = true
				if r := w.destroy(b); r.err != nil || w.secrets() != "" {
					t.Error(r.err, w.secrets())
				}
			})
		}
	}
}
