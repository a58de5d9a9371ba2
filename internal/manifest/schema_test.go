package manifest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	yaml "go.yaml.in/yaml/v4"
)

// compiled is the schema under draft-07, which it names itself.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	if v := doc.(map[string]any)["$schema"]; v != "http://json-schema.org/draft-07/schema#" {
		t.Fatalf("$schema is %v", v)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("fargatectl.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("fargatectl.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance is YAML as an editor hands it to the schema.
func instance(t *testing.T, src []byte) (any, bool) {
	t.Helper()
	var v any
	if err := yaml.Load(src, &v); err != nil {
		return nil, false
	}
	return v, true
}

// TestSchemaAccepts what Parse accepts.
func TestSchemaAccepts(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	for _, name := range []string{"example", "minimal", "full"} {
		src, err := os.ReadFile(filepath.Join("..", "..", "testdata", "manifests", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		v, _ := instance(t, src)
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	v, _ := instance(t, []byte(`
project_name: ${NAME}
account: ${ACCOUNT}
resources:
  - id: svc
    type: aws_ecs_service
    config: {cpu: "${CPU}", enable_execute_command: "${EXEC:-true}", image: "${IMAGE}", capacity_providers: {FARGATE: "${W}"}}
  - {id: c, type: aws_ecs_cluster, config: {container_insights: "${INSIGHTS}"}}
  - {id: vpc, type: aws_vpc, config: }
`))
	if err := s.Validate(v); err != nil {
		t.Errorf("variables: %v", err)
	}
}

// TestSchemaRejects the manifests of testdata/bad.txtar, but for those whose mistakes a schema can't see.
func TestSchemaRejects(t *testing.T) {
	t.Parallel()
	unseen := map[string]string{
		"alias":                                "the parser has resolved it",
		"variables":                            "the schema doesn't know the environment",
		"project-too-long":                     "the length depends on the environment",
		"range-turned-over":                    "compares two values",
		"network-small":                        "compares two values",
		"network-one-zone":                     "compares two values",
		"existing-vpc":                         "compares two values",
		"existing-vpc-too-few":                 "compares two values",
		"subnets-without-a-vpc":                "compares two values",
		"balancer-again":                       "compares two values",
		"repository-key":                       "compares two values",
		"two-builds":                           "compares two values",
		"a-command-alone":                      "compares two values",
		"same-secrets":                         "compares two values",
		"zone-of-another-domain-reserved-name": "compares two values",
	}
	s := compiled(t)
	cases, err := txtar.ParseFile(filepath.Join("testdata", "bad.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	rejected := 0
	for i := 0; i < len(cases.Files); i += 2 {
		name := strings.TrimSuffix(cases.Files[i].Name, ".yaml")
		v, ok := instance(t, cases.Files[i].Data)
		if !ok {
			continue // no YAML, or a key twice
		}
		_, blind := unseen[name]
		if err := s.Validate(v); (err == nil) != blind {
			t.Errorf("%s: %v, want accepted: %v", name, err, blind)
		} else if err != nil {
			rejected++
		}
	}
	if rejected < 12 {
		t.Errorf("only %d manifests were rejected", rejected)
	}
}
