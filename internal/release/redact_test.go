package release

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// What looks like a secret is taken out, and what does not is left as it is.
func TestRedact(t *testing.T) {
	t.Parallel()
	r := redactionOf(&types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{{
		Environment: []types.KeyValuePair{{Name: new("SMTP_PASSWORD"), Value: new("correct horse")}, {Name: new("PORT"), Value: new("8080")}, {Name: new("API_TOKEN"), Value: new("x")}},
		Secrets:     []types.Secret{{Name: new("DATABASE_URL"), ValueFrom: new("arn:aws:secretsmanager:us-east-1:123456789012:secret:app/database-url-AbCdEf")}},
	}}})
	const secret = "hunter2hunter2"
	for _, line := range []string{
		"DATABASE_URL=" + secret, `DATABASE_URL: "` + secret + `"`, "map[DATABASE_URL:" + secret + " PORT:8080]",
		"connecting to postgres://app:" + secret + "@db:5432/app", "redis://:" + secret + "@cache:6379", "amqp://u:a/" + secret + "@mq", `url="mysql://u:` + secret + `@h"`,
		"Authorization: Bearer " + secret, "authorization: basic " + secret, `{"password":"` + secret + `","port":8080}`, `{"db_password": "a\"` + secret + `"}`,
		"aws_secret_access_key = " + secret, "token=" + secret + "&x=1", "password: " + secret, "STRIPE_API_KEY='" + secret + "'",
		"GITHUB_TOKEN=" + secret, "got ghp_" + secret, "sk_live_" + secret, "eyJ" + secret + ".eyJ" + secret + "." + secret, "-----BEGIN RSA PRIVATE KEY-----" + secret + "-----END RSA PRIVATE KEY-----",
		`--db-password=` + secret, "Secret: " + secret, "privateKey=" + secret,
	} {
		got := r.logged([]LogLine{{Message: line}})[0].Message
		if strings.Contains(got, secret) || !strings.Contains(got, Redacted) {
			t.Errorf("%s became %s", line, got)
		}
	}
	if got := r.text(`open "correct horse": no such file`); got != `open "`+Redacted+`": no such file` {
		t.Error(got)
	}
	for _, line := range []string{
		"listening on http://localhost:8080/users/@me", "GET /health 404", "exec /app: exec format error", "a tokenizer is ready", "signed in at 10:30", "the password is wrong", "secrets are not readable",
	} {
		if got := r.logged([]LogLine{{Message: line}})[0].Message; got != line {
			t.Errorf("%s became %s", line, got)
		}
	}
	const told = "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: failed to fetch secret arn:aws:secretsmanager:us-east-1:123456789012:secret:app/database-url-AbCdEf from secrets manager: context deadline exceeded"
	if got := r.text(told); got != told {
		t.Error(got)
	}
}

// A key goes over many lines, and an end of a log may begin or end within one.
func TestRedactKey(t *testing.T) {
	t.Parallel()
	var lines []LogLine
	for line := range strings.SplitSeq("loading\nkey: -----BEGIN PRIVATE KEY-----\nMIIEabc\nMIIEdef\n-----END PRIVATE KEY----- loaded\nready\n-----BEGIN EC PRIVATE KEY-----\nMIIEghi", "\n") {
		lines = append(lines, LogLine{Message: line})
	}
	var all []string
	for _, l := range (redaction{}).logged(lines) {
		all = append(all, l.Message)
	}
	for i, l := range (redaction{}).logged(lines[2:6]) { // the beginning is further back
		if i < 3 && strings.Contains(l.Message, "MIIE") || i == 3 && l.Message != "ready" {
			t.Errorf("%d: %s", i, l.Message)
		}
	}
	if got := strings.Join(all, "\n"); strings.Contains(got, "MIIE") || !strings.Contains(got, "loading\n") || !strings.Contains(got, " loaded\nready\n") {
		t.Errorf("%s", got)
	}
}
