package steps

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/fargatectl/fargatectl/aws"
)

// renew gives a secret a new value.
func (w *world) renew(name, value string) {
	w.t.Helper()
	_, err := secretsmanager.NewFromConfig(w.Config("us-east-1")).PutSecretValue(w.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &value})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A new value of a secret is a new revision and new tasks, which the plan names; then nothing is left to do.
func TestNewValue(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.opts.Offline = true
		yaml := start.with(ofSecret("other")).yaml()
		w.settled(yaml)
		w.renew("app/token", "tell-nobody")
		same(t, w.plan(yaml), `~ taskdef: task definition app (secret token has a new value)
  alb: HTTP only: nothing is encrypted between clients and the balancer; `+"`domain:` or `certificate_arn:`"+` give HTTPS
~ service: service app: new deployment (secret token has a new value)
    task definition: app:1 -> (known after apply)
`)
		if r := w.settled(yaml); !slices.Equal(r.order(), []string{"RegisterTaskDefinition", "UpdateService"}) {
			t.Error(r.order())
		}
		w.renew("app/token", "tell-nobody-2")
		w.renew("app/other", "tell-nobody-3")
		if p := w.plan(yaml); !strings.Contains(p, "(secrets other, token have new values)") && !strings.Contains(p, "(secrets token, other have new values)") {
			t.Error(p)
		}
		w.settled(yaml)
	})
}

// A revision that was made before its secrets' versions were kept gets the tag and nothing else.
func TestVersionsUnknown(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.opts.Offline = true
		w.settled(start.yaml())
		client := ecs.NewFromConfig(w.Config("us-east-1"))
		out, err := client.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: new("app")})
		if err == nil {
			_, err = client.UntagResource(t.Context(), &ecs.UntagResourceInput{ResourceArn: out.TaskDefinition.TaskDefinitionArn, TagKeys: []string{aws.TagSecrets}})
		}
		if err != nil {
			t.Fatal(err)
		}
		r := w.settled(start.yaml())
		if got := r.changing(); !slices.Equal(got, []string{"ecs.TagResource"}) {
			t.Error(got)
		}
	})
}
