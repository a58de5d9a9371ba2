package manifest

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// parse reads text as fargatectl.yaml with some variables set.
func parse(t *testing.T, text, env string) (*Manifest, error) {
	t.Helper()
	vars := map[string]string{"CPU": "1024", "EMPTY": "", "TOKEN": "tell-nobody", "NAME": "from-env"}
	return Parse("fargatectl.yaml", []byte(text), Options{Env: env, Getenv: func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}})
}

// must is parse of what is right.
func must(t *testing.T, text, env string) *Manifest {
	t.Helper()
	m, err := parse(t, text, env)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// noSource leaves out what is no part of the model.
var noSource = cmpopts.IgnoreUnexported(Manifest{})

// TestDefaults is the table of defaults in the design: a manifest with a project alone.
func TestDefaults(t *testing.T) {
	t.Parallel()
	got := must(t, "project_name: my-ecs-api\n", "")
	want := &Manifest{
		File: "fargatectl.yaml", Dir: got.Dir, Project: "my-ecs-api",
		Cluster: Cluster{Name: "my-ecs-api-cluster", ContainerInsights: "enabled"},
		Service: Service{
			Name: "my-ecs-api", LaunchType: "FARGATE", ContainerPort: 8080, CPU: 256, Memory: 512, Architecture: "X86_64",
			HealthCheckGracePeriod: 60, StopTimeout: 30, DesiredCount: 2, MinCapacity: 2, MaxCapacity: 10, CPUTarget: 70,
			ScaleInCooldown: 300, ScaleOutCooldown: 60,
			Deployment: Deployment{MinimumHealthyPercent: 100, MaximumPercent: 200, CircuitBreaker: true},
		},
		ALB: ALB{
			Name: "my-ecs-api-alb", SSLPolicy: "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
			HealthCheck:         TargetHealthCheck{Path: "/health", Interval: 30, Timeout: 5, HealthyThreshold: 2, UnhealthyThreshold: 10, Matcher: "200"},
			DeregistrationDelay: 30, IdleTimeout: 60, DropInvalidHeaderFields: true,
		},
		VPC: VPC{
			Name: "my-ecs-api-vpc", CIDR: "10.0.0.0/16", NAT: "single",
			PublicSubnets: []string{"10.0.101.0/24", "10.0.102.0/24"}, PrivateSubnets: []string{"10.0.1.0/24", "10.0.2.0/24"},
		},
		Repository: Repository{Name: "my-ecs-api", ImageTagMutability: "MUTABLE", ScanOnPush: true, EncryptionType: "AES256", Keep: 30},
		Role:       Role{Path: "/"},
		LogGroup:   LogGroup{Name: "/ecs/my-ecs-api", RetentionInDays: 14},
	}
	if diff := cmp.Diff(want, got, noSource, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if dir := filepath.Base(got.Dir); dir != "manifest" || !filepath.IsAbs(got.Dir) {
		t.Errorf("Dir is %s, want the folder of the file", got.Dir)
	}
	if got.Stack() != "my-ecs-api" || got.EnvTag() != "default" {
		t.Errorf("stack %s, env %s", got.Stack(), got.EnvTag())
	}
}

// TestExample is the example of the design, in the default environment and in staging.
func TestExample(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "testdata", "manifests", "example.yaml")
	m, err := Load(file, Options{Domain: "api.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	s := m.Service
	if m.Region != "us-east-1" || m.Cluster.Name != "my-api-cluster" || s.Name != "my-api" || m.ALB.Name != "my-api-alb" ||
		s.CPU != 256 || s.Memory != 512 || s.DesiredCount != 2 || s.MinCapacity != 2 || s.MaxCapacity != 10 ||
		!m.ALB.SSLCertificate || m.ALB.Domain != "api.example.com" || m.ALB.Internal {
		t.Errorf("%+v", m)
	}
	m, err = Load(file, Options{Env: "staging"})
	if err != nil {
		t.Fatal(err)
	}
	s = m.Service
	if m.Cluster.Name != "my-api-cluster-staging" || s.Name != "my-api-staging" || m.ALB.Name != "my-api-alb-staging" ||
		m.VPC.Name != "my-ecs-api-staging-vpc" || s.DesiredCount != 1 || s.MinCapacity != 1 || s.MaxCapacity != 10 ||
		m.EnvTag() != "staging" || m.Stack() != "my-ecs-api-staging" {
		t.Errorf("%+v", m)
	}
}

func TestNoFile(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "fargatectl.yaml"), Options{})
	if !errors.Is(err, fs.ErrNotExist) || Invalid(err) || !strings.HasPrefix(err.Error(), "there is no manifest /") {
		t.Errorf("got %v", err)
	}
}
