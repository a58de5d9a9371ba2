package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNames are all names of a stack, derived and given, in the default environment and in another.
func TestNames(t *testing.T) {
	t.Parallel()
	const given = `project_name: shop
resources:
  - {id: vpc, type: aws_vpc, name: net}
  - {id: ecr, type: aws_ecr_repository, name: team/shop}
  - {id: log, type: aws_cloudwatch_log_group, name: /team/shop}
  - {id: cluster, type: aws_ecs_cluster, name: Shared_1}
  - {id: lb, type: aws_alb, name: Shop-LB}
  - {id: svc, type: aws_ecs_service, name: web}
  - {id: db, type: aws_secretsmanager_secret, name: team/db}
  - {id: api-key, type: aws_secretsmanager_secret}
environments:
  dev:
  qa: {lb: {name: qa-lb}, db: {name: qa/db, env: QA_DB}, svc: {name: "${NAME}"}}
`
	for _, c := range []struct{ text, env, want string }{
		{"project_name: shop\nenvironments: {dev: }", "", "shop-vpc shop /ecs/shop shop-cluster shop-alb shop"},
		{"project_name: shop\nenvironments: {dev: }", "dev", "shop-dev-vpc shop-dev /ecs/shop-dev shop-dev-cluster shop-dev-alb shop-dev"},
		{given, "", "net team/shop /team/shop Shared_1 Shop-LB web db=team/db(DB) api-key=shop/api-key(API_KEY)"},
		{given, "dev", "net-dev team/shop-dev /team/shop-dev Shared_1-dev Shop-LB-dev web-dev db=team/db-dev(DB) api-key=shop-dev/api-key(API_KEY)"},
		{given, "qa", "net-qa team/shop-qa /team/shop-qa Shared_1-qa qa-lb from-env db=qa/db(QA_DB) api-key=shop-qa/api-key(API_KEY)"},
	} {
		m := must(t, c.text, c.env)
		got := []string{m.VPC.Name, m.Repository.Name, m.LogGroup.Name, m.Cluster.Name, m.ALB.Name, m.Service.Name}
		for _, s := range m.Secrets {
			got = append(got, s.ID+"="+s.Name+"("+s.Env+")")
		}
		if diff := cmp.Diff(strings.Fields(c.want), got); diff != "" {
			t.Errorf("%s: %s", c.env, diff)
		}
	}
	must(t, "project_name: "+strings.Repeat("a", 26), "")
	must(t, "project_name: api\nresources: [{id: lb, type: aws_alb, name: "+strings.Repeat("a", 32)+"}]", "")
}

// TestEnvironments are mistakes that only an environment has.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, env, want string }{
		{"project_name: api", "staging", "fargatectl.yaml:1:1: the manifest has no environment \"staging\"\n" +
			"  1 | project_name: api\n    | ^\n  hint: `environments: { staging: {} }` makes one without a difference"},
		{"project_name: api\nenvironments:\n  staging:\n  prod:", "stagin", "fargatectl.yaml:3:3: the manifest has no environment \"stagin\"\n" +
			"  3 |   staging:\n    |   ^\n  hint: did you mean \"staging\"?"},
		{"project_name: api\nenvironments:\n  staging:\n  prod:", "dev", "fargatectl.yaml:3:3: the manifest has no environment \"dev\"\n" +
			"  3 |   staging:\n    |   ^\n  hint: there are staging and prod; `dev: {}` below environments makes another"},
		{"project_name: a-project-name-of-23-ch\nenvironments: {production: }", "production", "fargatectl.yaml:1:15: \"a-project-name-of-23-ch-production\", with the environment, has 34 characters, 8 too many: at most 26\n" +
			"  1 | project_name: a-project-name-of-23-ch\n    |               ^\n  hint: the balancer's name is made from it and ends at 32 characters"},
		{
			"project_name: api\nresources: [{id: db, type: aws_secretsmanager_secret, name: db}]\nenvironments: {canary: }", "canary",
			"fargatectl.yaml:2:61: the name \"db-canary\" must not end in a dash and six characters: Secrets Manager takes that for the end of an ARN\n" +
				"  2 | resources: [{id: db, type: aws_secretsmanager_secret, name: db}]\n    |                                                             ^\n" +
				"  hint: the environment is part of it; the overlay can set another name",
		},
		{someService + "{desired_count: 3}\nenvironments: {prod: {svc: {max_capacity: 2}}}", "prod", "fargatectl.yaml:5:29: desired_count (3) is outside the range from min_capacity (2) to max_capacity (2)\n" +
			"  5 |     config: {desired_count: 3}\n    |                             ^\n  hint: scaling would move it at once"},
	} {
		_, err := parse(t, c.text, c.env)
		if err == nil {
			t.Errorf("%s: no error", c.env)
			continue
		}
		if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Errorf("%s: %s", c.env, diff)
		}
	}
	// A mistake of another environment's values is not this one's; one in its keys is.
	const other = someService + "{}\nenvironments: {prod: {svc: {image: '${NOT_SET}', min_capacity: 50}}, dev: {svc: {build: {target: x}}}}"
	if m := must(t, other, ""); m.Service.Build != nil || m.Service.MinCapacity != 2 {
		t.Errorf("an environment that is not chosen has changed %+v", m.Service)
	}
	must(t, other, "dev")
	if _, err := parse(t, other, "prod"); err == nil || !strings.Contains(err.Error(), "NOT_SET is not set") {
		t.Errorf("got %v", err)
	}
	const shared = someService + "{build: {args: {A: b}}}\nenvironments: {dev: {svc: {build: {target: x, args: {A: c}}}}}"
	if b := must(t, shared, "").Service.Build; b.Target != "" || b.Args["A"] != "b" {
		t.Errorf("an environment that is not chosen has changed %+v", b)
	}
}

// TestInterpolate is the table of ${…}.
func TestInterpolate(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"A": "a", "EMPTY": "", "N": "${A}"}
	getenv := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	for text, want := range map[string]string{
		"":                 "",
		"plain":            "plain",
		"${A}":             "a",
		"x${A}y${A}z":      "xayaz",
		"$A $ 5$":          "$A $ 5$",
		"$$":               "$",
		"$${A}":            "${A}",
		"$$${A}":           "$a",
		"${EMPTY}":         "",
		"${EMPTY:-d}":      "d",
		"${A:-d}":          "a",
		"${U:-}":           "",
		"${U:-${A}}":       "a",
		"${U:-${U:-deep}}": "deep",
		"${U:-a b:c-d?e}":  "a b:c-d?e",
		"${U:-$$5}":        "$5",
		"${N}":             "${A}", // what a variable holds is not looked into
		"${A:?must}":       "a",
		"${U}":             "error: the variable U is not set",
		"${U:?set it}":     "error: the variable U: set it",
		"${EMPTY:?}":       "error: the variable EMPTY: it is not set or empty",
		"${U:-${V}}":       "error: the variable V is not set",
		"${A":              `error: "${" is never closed`,
		"${}":              `error: "${}" is no form of a variable`,
		"${A-b}":           `error: "${A-b}" is no form of a variable`,
		"${1}":             `error: "${1}" is no form of a variable`,
		"${ A }":           `error: "${ A }" is no form of a variable`,
		"${aws:SourceIp}":  `error: "${aws:SourceIp}" is no form of a variable`,
	} {
		got, _, err := interpolate(text, getenv)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	m := must(t, someService+"{environment: {A: '${CPU}', '_': $$x}}", "") // values, never keys
	if e := m.Service.Environment; e["A"] != "1024" || e["_"] != "$x" {
		t.Error(e)
	}
	if _, err := parse(t, "${NAME}: api\nproject_name: api", ""); err == nil || !strings.Contains(err.Error(), `no key "${NAME}"`) {
		t.Errorf("got %v", err)
	}
}
