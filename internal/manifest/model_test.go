package manifest

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yaml "go.yaml.in/yaml/v4"
)

const someService = "project_name: api\nresources:\n  - id: svc\n    type: aws_ecs_service\n    config: "

// TestFull reads a manifest with every key there is.
func TestFull(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "testdata", "manifests", "full.yaml")
	m, err := Load(file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := Service{
		Name: "my-service", LaunchType: "FARGATE",
		Build:         &Build{Dockerfile: "docker/Dockerfile", Context: "..", Target: "production", Args: map[string]string{"VERSION": "1.10"}, Platform: "linux/amd64,linux/arm64", Compression: "zstd", BaseMirror: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub"},
		ContainerPort: 3000, PortGiven: true, CPU: 1024, Memory: 3072, Architecture: "ARM64", Command: []string{"node", "server.js"}, ReleaseCommand: []string{"node", "migrate.js", "up"},
		Environment: map[string]string{"LOG_LEVEL": "debug", "RATIO": "0.50", "VERBOSE": "true", "PORT": "3000"},
		Secrets: []SecretRef{
			{Env: "DATABASE_URL", Secret: "database-url"},
			{Env: "DB_PASSWORD", Secret: "database-url", JSONKey: "password"},
			{Env: "SESSION_KEY_OLD", Secret: "session-key"},
			{Env: "STRIPE", ARN: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:stripe-AbCdEf", JSONKey: "key"},
		},
		HealthCheck:            &ContainerHealthCheck{Command: []string{"CMD-SHELL", "curl -f http://localhost:3000/health || exit 1"}, Interval: 15, Timeout: 3, Retries: 5, StartPeriod: 20},
		HealthCheckGracePeriod: 90, StopTimeout: 60, EphemeralStorage: 50, EnableExecuteCommand: true,
		CapacityProviders: map[string]int32{"FARGATE": 1, "FARGATE_SPOT": 3},
		DesiredCount:      4, MinCapacity: 3, MaxCapacity: 12, CPUTarget: 60, MemoryTarget: 75, RequestsPerTarget: 1000,
		ScaleInCooldown: 600, ScaleOutCooldown: 30,
		Schedules:  []Schedule{{Name: "morning", Schedule: "cron(0 8 ? * MON-FRI *)", Timezone: "Europe/Berlin", MinCapacity: 6, MaxCapacity: 24}},
		Deployment: Deployment{MinimumHealthyPercent: 50, MaximumPercent: 150},
	}
	if diff := cmp.Diff(want, m.Service); diff != "" {
		t.Error(diff)
	}
	role := Role{
		TaskPolicies: []string{"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"},
		TaskStatements: []Statement{{
			"Sid": "OwnPrefix", "Effect": "Allow", "Action": []any{"s3:PutObject", "s3:DeleteObject"},
			"Resource":  "arn:aws:s3:::my-bucket/${aws:PrincipalTag/team}/*",
			"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": true}},
		}},
		PermissionsBoundary: "arn:aws:iam::123456789012:policy/boundary", Path: "/team/",
	}
	if diff := cmp.Diff(role, m.Role); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Secret{{"database-url", "team/database", "DATABASE_URL", 0}, {"session-key", "my-api/session-key", "SESSION_KEY", 48}}, m.Secrets); diff != "" {
		t.Error(diff)
	}
	staging, err := Load(file, Options{Env: "staging"})
	if err != nil {
		t.Fatal(err)
	}
	if e := staging.Service.Environment; e["LOG_LEVEL"] != "trace" || e["VERBOSE"] != "true" || staging.ALB.Name != "my-staging-lb" || staging.Service.Name != "my-service-staging" {
		t.Errorf("%v %s %s", e, staging.ALB.Name, staging.Service.Name)
	}
}

// TestFullIsFull sees that full.yaml has every key, none with its default.
func TestFullIsFull(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(filepath.Join("..", "..", "testdata", "manifests", "full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var root yaml.Node
	if err := yaml.Load(src, &root); err != nil {
		t.Fatal(err)
	}
	except := []string{"document.provider", "document.architecture_type", "resource.provider", "Service.launch_type", "Service.assign_public_ip"}              // they can't differ, or not here
	elsewhere := []string{"Service.image", "Build.go", "Build.base", "Build.static", "Build.command", "Build.archive", "Build.image", "VPC.id", "VPC.subnets"} // they exclude what is there
	var compare func(n *yaml.Node, typ reflect.Type)
	compare = func(n *yaml.Node, typ reflect.Type) {
		for _, f := range fieldsOf(typ) {
			name := typ.Name() + "." + f.key
			if slices.Contains(elsewhere, name) {
				continue
			}
			c := child(n, f.key)
			switch {
			case c == nil:
				t.Errorf("%s is missing", name)
			case f.hasDef && c.Value == f.def && !slices.Contains(except, name):
				t.Errorf("%s has its default", name)
			case c.Kind == yaml.MappingNode && f.typ.Kind() == reflect.Struct:
				compare(c, f.typ)
			case c.Kind == yaml.MappingNode && f.typ.Kind() == reflect.Pointer:
				compare(c, f.typ.Elem())
			}
		}
	}
	top := content(&root)
	compare(top, reflect.TypeFor[document]())
	seen := map[string]bool{}
	for _, item := range child(top, "resources").Content {
		k, _ := kindOf(child(item, "type").Value)
		seen[k.word] = true
		if c := child(item, "config"); !k.many {
			compare(c, k.typ())
		}
	}
	if len(seen) != len(kinds) {
		t.Errorf("types %v, want all", seen)
	}
}

// TestFollow are defaults that follow from other values.
func TestFollow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config                         string
		cpu, memory, desired, min, max int32
	}{
		{"{}", 256, 512, 2, 2, 10},
		{"{cpu: 1024}", 1024, 2048, 2, 2, 10},
		{"{cpu: 32768}", 32768, 61440, 2, 2, 10},
		{"{memory: 2048}", 256, 2048, 2, 2, 10},
		{"{memory: 4096}", 512, 4096, 2, 2, 10},
		{"{memory: 9216}", 2048, 9216, 2, 2, 10},
		{"{desired_count: 1}", 256, 512, 1, 1, 10},
		{"{desired_count: 20}", 256, 512, 20, 2, 20},
		{"{min_capacity: 12}", 256, 512, 12, 12, 12},
		{"{max_capacity: 1}", 256, 512, 1, 1, 1},
		{"{min_capacity: 0}", 256, 512, 2, 0, 10},
		{"{desired_count: 0, min_capacity: 0}", 256, 512, 0, 0, 10},
		{"{min_capacity: 4, max_capacity: 6}", 256, 512, 4, 4, 6},
		{"{cpu: \"${CPU}\", memory: \"${EMPTY:-4096}\"}", 1024, 4096, 2, 2, 10},
	} {
		s := must(t, someService+c.config, "").Service
		if got := [5]int32{s.CPU, s.Memory, s.DesiredCount, s.MinCapacity, s.MaxCapacity}; got != [5]int32{c.cpu, c.memory, c.desired, c.min, c.max} {
			t.Errorf("%s: %v", c.config, got)
		}
	}
	h := must(t, "project_name: api\nresources: [{id: lb, type: aws_alb, config: {health_check: {interval: 5}}}]", "").ALB.HealthCheck
	if h.Interval != 5 || h.Timeout != 4 {
		t.Errorf("health check %+v", h)
	}
	for config, given := range map[string]bool{"{}": false, "{cpu: 512}": false, "{container_port: 8080}": true, "{environment: {PORT: 8080}}": true} {
		if s := must(t, someService+config, "").Service; s.PortGiven != given || s.ContainerPort != 8080 {
			t.Errorf("%s: port %d, given %t", config, s.ContainerPort, s.PortGiven)
		}
	}
	if c := must(t, someService+"{health_check: {command: [NONE]}}", "").Service.HealthCheck; c == nil || c.Command[0] != "NONE" || c.Interval != 10 {
		t.Errorf("container health check %+v", c)
	}
	for cidr, want := range map[string]string{
		"10.0.0.0/16":    "10.0.1.0/24 10.0.2.0/24 10.0.101.0/24 10.0.102.0/24",
		"172.31.0.0/16":  "172.31.1.0/24 172.31.2.0/24 172.31.101.0/24 172.31.102.0/24",
		"10.9.0.0/20":    "10.9.0.0/24 10.9.1.0/24 10.9.8.0/24 10.9.9.0/24",
		"192.168.7.0/24": "192.168.7.0/28 192.168.7.16/28 192.168.7.128/28 192.168.7.144/28",
	} {
		v := must(t, "project_name: api\nresources: [{id: v, type: aws_vpc, config: {cidr: "+cidr+"}}]", "").VPC
		if got := strings.Join(append(slices.Clone(v.PrivateSubnets), v.PublicSubnets...), " "); got != want {
			t.Errorf("%s: %s, want %s", cidr, got, want)
		}
	}
	v := must(t, "project_name: api\nresources: [{id: v, type: aws_vpc, config: {azs: [use1-az1, use1-az2, use1-az4]}}]", "").VPC
	if want := []string{"10.0.101.0/24", "10.0.102.0/24", "10.0.103.0/24"}; !slices.Equal(v.PublicSubnets, want) {
		t.Errorf("three zones: %v", v.PublicSubnets)
	}
	v = must(t, "project_name: api\nresources: [{id: v, type: aws_vpc, config: {id: vpc-0a1b2c3d, subnets: {public: [subnet-0a1b2c3d, subnet-1a1b2c3d], private: [subnet-2a1b2c3d, subnet-3a1b2c3d]}}}]", "").VPC
	if v.CIDR != "" || v.NAT != "" || v.PublicSubnets != nil || v.PrivateSubnets != nil || len(v.Subnets.Private) != 2 {
		t.Errorf("existing VPC: %+v", v)
	}
}

// TestFargateSizes holds the table against some rows of AWS's.
func TestFargateSizes(t *testing.T) {
	t.Parallel()
	pairs := 0
	for _, s := range fargateSizes {
		pairs += len(s.memory)
	}
	if pairs != 3+4+7+13+23+12+12+3 {
		t.Errorf("%d pairs", pairs)
	}
	for _, pair := range [][2]int32{{256, 2048}, {512, 4096}, {1024, 8192}, {2048, 16384}, {4096, 30720}, {8192, 61440}, {16384, 122880}, {32768, 249856}} {
		if s, ok := sizeOf(pair[0]); !ok || s.memory[len(s.memory)-1] != pair[1] {
			t.Errorf("%v is not the greatest", pair)
		}
	}
}

// TestTLS is the rule of HTTPS: wanted with a domain or certificate, and a mistake when wanted without.
func TestTLS(t *testing.T) {
	t.Parallel()
	arn := "arn:aws:acm:us-east-1:123456789012:certificate/x"
	for _, c := range []struct {
		config, flag string
		https        bool
		mistake      string
	}{
		{"{}", "", false, ""},
		{"{}", "api.example.com", true, ""},
		{"{domain: api.example.com}", "", true, ""},
		{"{domain: \"${EMPTY}\"}", "", false, ""},
		{"{certificate_arn: " + arn + "}", "", true, ""},
		{"{domain: api.example.com, ssl_certificate: false}", "", false, ""},
		{"{ssl_certificate: false}", "api.example.com", false, ""},
		{"{ssl_certificate: true}", "api.example.com", true, ""},
		{"{ssl_certificate: true}", "", true, `fargatectl.yaml:2:62: ssl_certificate is true, but there is no domain for a certificate
  2 | resources: [{id: a, type: aws_alb, config: {ssl_certificate: true}}]
    |                                                              ^
  hint: give the domain (` + "`domain: api.example.com` in the config of aws_alb, or --domain), or a certificate of ACM (`certificate_arn:`); or `ssl_certificate: false` for HTTP alone"},
	} {
		m, err := Parse("fargatectl.yaml", []byte("project_name: api\nresources: [{id: a, type: aws_alb, config: "+c.config+"}]"), Options{
			Domain: c.flag, Getenv: func(name string) (string, bool) { return "", name == "EMPTY" },
		})
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		got := ""
		if d := m.TLSWithoutDomain(); d != nil {
			got = d.Error()
			if !Invalid(d) {
				t.Error("a diagnostic is not Invalid")
			}
		}
		if m.ALB.SSLCertificate != c.https || got != c.mistake {
			t.Errorf("%s with %q: %v\n%s", c.config, c.flag, m.ALB.SSLCertificate, got)
		}
	}
	if _, err := Parse("f.yaml", []byte("project_name: api"), Options{Domain: "https://x"}); err == nil || Invalid(err) {
		t.Errorf("got %v, want a mistake of the flag", err)
	}
}

// TestPosition finds keys for mistakes that are found later.
func TestPosition(t *testing.T) {
	t.Parallel()
	m := must(t, `project_name: api
resources:
  - id: lb
    type: aws_lb
    config:
      internal: false
      health_check: {interval: 10}
  - id: db
    type: aws_secretsmanager_secret
    config: {env: DB}
environments:
  staging:
    lb: {internal: true}
`, "staging")
	for _, c := range []struct {
		path         string
		line, column int
	}{
		{"lb config internal", 13, 20},
		{"aws_alb config internal", 13, 20},
		{"aws_lb config internal", 13, 20},
		{"lb config health_check interval", 7, 32},
		{"lb config health_check timeout", 7, 7},
		{"lb config domain", 5, 5},
		{"db config env", 10, 19},
		{"lb", 3, 5},
		{"aws_ecs_service config cpu", 1, 1},
		{"project_name", 1, 15},
		{"environments staging", 12, 3},
	} {
		if line, column := m.Position(strings.Fields(c.path)...); line != c.line || column != c.column {
			t.Errorf("%s: %d:%d, want %d:%d", c.path, line, column, c.line, c.column)
		}
	}
	if line, column := (&Manifest{}).Position("x"); line != 1 || column != 1 {
		t.Errorf("no source: %d:%d", line, column)
	}
	if d := (&Manifest{File: "x"}).Diagnostic("no", "", "y"); d.Error() != "x:1:1: no" {
		t.Error(d)
	}
}

// TestBuilds sees what each way to build comes to.
func TestBuilds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Service{
		"{build: {static: public}}":                                          {Build: &Build{Static: "public", Context: "."}},
		"{build: {command: nix build, archive: result}}":                     {Build: &Build{Command: []string{"sh", "-c", "nix build"}, Archive: "result", Context: "."}},
		"{build: {command: [ko, build], archive: out.tar, context: server}}": {Build: &Build{Command: []string{"ko", "build"}, Archive: "out.tar", Context: "server"}},
		"{build: {image: nginx}}":                                            {Image: "nginx", Build: &Build{Image: "nginx", Context: "."}},
	} {
		m, err := parse(t, "project_name: api\nresources: [{id: svc, type: aws_ecs_service, config: "+text+"}]\n", "")
		if err != nil {
			t.Error(text, err)
			continue
		}
		if want.Build != nil {
			want.Build.Compression = "gzip"
		}
		if diff := cmp.Diff(want.Build, m.Service.Build); diff != "" || m.Service.Image != want.Image {
			t.Errorf("%s: image %s\n%s", text, m.Service.Image, diff)
		}
	}
}
