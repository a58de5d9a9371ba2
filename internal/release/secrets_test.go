package release_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/release"
)

// A secret's new value is a release of the same image; up has nothing to do then.
func TestNewValue(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.yaml += "  - { id: token, type: aws_secretsmanager_secret, config: { generate: { length: 32 } } }\n"
		if err := w.up(first); err != nil {
			t.Fatal(err)
		}
		renew := func() {
			t.Helper()
			_, err := secretsmanager.NewFromConfig(w.Config("us-east-1")).PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: new("app/token"), SecretString: new("tell-nobody")})
			if err != nil {
				t.Fatal(err)
			}
		}
		deploys := func(change ...func(*release.Deployment)) (ops []string) {
			t.Helper()
			return w.changing(func() {
				if _, err := w.deploy(t.Context(), first, change...); err != nil {
					t.Error(err)
				}
			})
		}
		if ops := deploys(); ops != nil {
			t.Error("nothing is new:", ops)
		}
		before := tagsOf(w)[aws.TagSecrets]
		renew()
		if ops := deploys(); !slices.Equal(ops, []string{"ecs.RegisterTaskDefinition", "ecs.UpdateService"}) {
			t.Error(ops)
		}
		tags := tagsOf(w)
		if tags[aws.TagSecrets] == before || !strings.HasPrefix(tags[aws.TagSecrets], before[:5]) || tags[aws.TagImage] != first {
			t.Error(before, tags)
		}
		if p := w.plan(first); p != "" {
			t.Error(p)
		}
		renew()
		force := func(d *release.Deployment) { d.Force = true }
		if ops := deploys(force); !slices.Equal(ops, []string{"ecs.RegisterTaskDefinition", "ecs.UpdateService"}) {
			t.Error("forced, with new values:", ops)
		}
		if ops := deploys(force); !slices.Equal(ops, []string{"ecs.UpdateService"}) {
			t.Error("forced:", ops)
		}

		// What goes back reads the value of now: only its image is another.
		if _, err := w.deploy(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		renew()
		if _, err := w.rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p := w.plan(first); p != "" {
			t.Error(p)
		}
	})
}

// tagsOf are those of the task definition that runs.
func tagsOf(w *world) map[string]string {
	return aws.TagMap(w.definition(w.runs()).Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
}
