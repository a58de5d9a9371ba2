package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/manifest"
	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/internal/witness"
	"github.com/fargatectl/fargatectl/steps"
)

const failing = `project_name: app
resources:
  - { id: vpc, type: aws_vpc, config: { nat: none } }
  - { id: database-url, type: aws_secretsmanager_secret, config: { generate: { length: 40 } } }
  - { id: balancer, type: aws_alb, config: { health_check: { interval: 5, timeout: 3, unhealthy_threshold: 2 }, deregistration_delay: 5 } }
  - id: api
    type: aws_ecs_service
    config:
      assign_public_ip: true
      health_check_grace_period: 30
      health_check: { command: "curl -f http://localhost:8080/health || exit 1", interval: 5 }
      environment: { SMTP_PASSWORD: correct-horse-battery, GREETING: hello }
      deployment: { circuit_breaker: BREAKER }
`

// A bench is a folder with a manifest, and an account on a bubble's clock in which it is up.
type bench struct {
	*sandbox.Sandbox
	dir string
	up  func() // again: it mends what a fault has broken for good
}

// onBench runs a test beside an app that is up. It sets what the commands reach, so that no other test runs beside it.
func onBench(t *testing.T, yaml string, test func(t *testing.T, b *bench)) {
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none"} {
		t.Setenv(k, v)
	}
	dir, was := t.TempDir(), observe
	defer func() { observe = was }()
	if err := os.WriteFile(filepath.Join(dir, "fargatectl.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		box, err := sandbox.Open(sandbox.Options{Speed: 1, Wait: true})
		if err != nil {
			t.Fatal(err)
		}
		observe = func(awssdk.Config) awssdk.Config { return witness.Recorded(box.Config("us-east-1")) }
		m, err := manifest.Parse("fargatectl.yaml", []byte(yaml), manifest.Options{Getenv: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{box, dir, nil}
		b.up = func() {
			t.Helper()
			b.make(t, m)
		}
		b.up()
		test(t, b)
	})
}

// make brings the stack up.
func (b *bench) make(t *testing.T, m *manifest.Manifest) {
	t.Helper()
	app := &steps.App{
		Manifest: m, AWS: aws.Connect(b.Config("us-east-1")), Account: sandbox.Account, Region: "us-east-1", Registry: steps.Registry{Transport: b.Sandbox},
		Options: steps.Options{Image: "public.ecr.aws/docker/library/nginx:1.26", Offline: true},
	}
	stack, err := deploy.New(func(deploy.Event) {}, steps.All(app)...)
	if err == nil {
		err = stack.Read(t.Context())
	}
	if err == nil {
		err = stack.Apply(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// fargatectl runs a command in the folder.
func (b *bench) fargatectl(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	p := &process{
		terminal: ui.Terminal{Out: ui.Stream{Writer: &out}, Err: ui.Stream{Writer: &said}},
		stdin:    strings.NewReader(""), getenv: func(string) (string, bool) { return "", false }, began: time.Now(),
	}
	p.written = &results{to: &out}
	p.terminal.Out.Writer = p.written
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	p.interrupts = &interrupts{end: cancel}
	app := p.app()
	line, err := hoist(app, append([]string{"fargatectl", args[0], "--file", filepath.Join(b.dir, "fargatectl.yaml")}, args[1:]...))
	if err == nil {
		err = p.run(ctx, app, line)
	}
	code = p.report(err)
	return code, out.String(), said.String()
}

// secrets are the values that nobody may see: those of Secrets Manager, and what the manifest has under a secret's name.
func (b *bench) secrets(t *testing.T) []string {
	t.Helper()
	values := []string{"correct-horse-battery"}
	err := b.Do(func(st *sandbox.State) {
		for _, s := range st.Regions["us-east-1"].Secrets.Secrets {
			for _, v := range s.Versions {
				if v.String != nil {
					values = append(values, *v.String)
				}
			}
		}
	})
	if err != nil || len(values) < 2 {
		t.Fatal(err, values)
	}
	return values
}

// file is the evidence that was kept last, and takes it away.
func (b *bench) file(t *testing.T, code string) (text string, file map[string]any) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(b.dir, ".fargatectl", "failures", "*.json"))
	if err != nil || len(files) != 1 || !strings.HasSuffix(files[0], "Z-"+code+".json") {
		t.Fatalf("%v %v", files, err)
	}
	body, err := os.ReadFile(files[0])
	if err == nil {
		err = json.Unmarshal(body, &file)
	}
	if err == nil {
		err = os.Remove(files[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(body), file
}

// For every cause: the code, the cause and the hint, exit code 4, the evidence in a file without a secret, and the release
// before it serves on. Status says the same, and is no success; once a good one has followed it is.
func TestCauses(t *testing.T) {
	onBench(t, strings.ReplaceAll(failing, "BREAKER", "true"), func(t *testing.T, b *bench) {
		hidden := b.secrets(t)
		var harm []string
		b.Watch(func() { harm = append(harm, b.Harm()...) })
		for _, fault := range sandbox.Faults() {
			if err := b.Arm(fault.Code, ""); err != nil {
				t.Fatal(err)
			}
			harm = nil
			code, out, said := b.fargatectl(t, "deploy", "--yes", "--force-new-deployment", "--output", "json")
			var result struct{ Cause ui.Cause }
			if err := json.Unmarshal([]byte(out), &result); err != nil {
				t.Fatalf("%s: %v %s %s", fault.Code, err, out, said)
			}
			c := result.Cause
			if code != exitRolledBack || c.Code != fault.Code || c.Summary == "" || c.Hint == "" || len(c.Evidence) == 0 || c.File == "" {
				t.Errorf("%s: exit code %d, %+v", fault.Code, code, c)
			}
			for _, want := range []string{"rolled back: " + c.Summary + "\n", "\ncause     " + fault.Code + "\n", "\nhint: " + c.Hint, "\nserves    the release before it\n", "\nsaved     "} {
				if !strings.Contains(said, want) {
					t.Errorf("%s: the last screen lacks %q:\n%s", fault.Code, want, said)
				}
			}
			status, shown, _ := b.fargatectl(t, "status")
			if status != exitRolledBack || !strings.Contains(shown, fault.Code+": "+c.Summary) {
				t.Errorf("%s: status exits %d: %s", fault.Code, status, shown)
			}
			text, file := b.file(t, fault.Code)
			if file["code"] != fault.Code || file["summary"] != c.Summary || file["schema_version"] != ui.Schema || file["deployment"] == nil || file["events"] == nil {
				t.Errorf("%s: %s", fault.Code, text)
			}
			for _, value := range hidden {
				if strings.Contains(text+out+said+shown, value) {
					t.Errorf("%s: a secret is shown", fault.Code)
				}
			}
			if fault.Code == "SecurityGroupBlocks" { // the group that both releases share is shut, until the next one
				if code, _, said := b.fargatectl(t, "deploy", "--yes", "--force-new-deployment"); code != exitOK {
					t.Error(code, said)
				}
			} else if len(harm) > 0 {
				t.Errorf("%s: %q", fault.Code, harm)
			}
		}
		if code, _, said := b.fargatectl(t, "deploy", "--yes", "--force-new-deployment"); code != exitOK {
			t.Error(code, said)
		}
		if code, out, _ := b.fargatectl(t, "status"); code != exitOK || strings.Contains(out, "\ncause ") {
			t.Error(code, out)
		}
	})
}

// What was not awaited is told by the next status: it is no success either, from the moment that ECS goes back.
func TestAcceptedCause(t *testing.T) {
	onBench(t, strings.ReplaceAll(failing, "BREAKER", "true"), func(t *testing.T, b *bench) {
		if err := b.Arm("OutOfMemory", ""); err != nil {
			t.Fatal(err)
		}
		if code, _, said := b.fargatectl(t, "deploy", "--yes", "--force-new-deployment", "--wait", "accepted"); code != exitOK {
			t.Fatal(code, said)
		}
		var codes []int
		for range 100 {
			code, out, _ := b.fargatectl(t, "status", "--output", "json")
			if !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
			if code != exitOK && !strings.Contains(out, `"code": "OutOfMemory"`) {
				t.Fatalf("%d %s", code, out)
			}
			time.Sleep(3 * time.Second)
		}
		if !slices.Equal(codes, []int{exitOK, exitRolledBack}) {
			t.Errorf("exit codes %v", codes)
		}
	})
}

// Where nothing is restored the exit code is 5, and the stream of events has the cause, too.
func TestNotRestored(t *testing.T) {
	onBench(t, strings.ReplaceAll(failing, "BREAKER", "false"), func(t *testing.T, b *bench) {
		if err := b.Arm("ExitAtStart", ""); err != nil { // without a circuit breaker ECS tries on and on
			t.Fatal(err)
		}
		time.AfterFunc(3*time.Minute, func() {
			calls := aws.Connect(b.Config("us-east-1"))
			d, err := calls.ECS.LatestDeployment(t.Context(), "app-cluster", "app")
			if err == nil {
				_, err = calls.ECS.StopServiceDeployment(t.Context(), &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: &d.ARN, StopType: types.StopServiceDeploymentStopTypeAbort})
			}
			if err != nil {
				t.Error(err)
			}
		})
		code, _, said := b.fargatectl(t, "deploy", "--yes", "--force-new-deployment", "--progress", "json")
		var cause ui.Cause
		var lines []string
		for line := range strings.Lines(said) {
			var e struct {
				Type  string
				Cause ui.Cause
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(line)
			}
			if lines = append(lines, e.Type); e.Type == "cause" {
				cause = e.Cause
			}
		}
		if code != exitNotRestored || cause.Code != "StoppedByUser" || cause.Hint == "" || !strings.Contains(strings.Join(cause.Evidence, "\n"), "exit code 1") || lines[len(lines)-1] != "summary" {
			t.Errorf("%d %+v %v", code, cause, lines)
		}
		if again, _, _ := b.fargatectl(t, "status"); again != code {
			t.Errorf("status exits %d, deploy %d", again, code)
		}
	})
}

// A deployment whose tasks fail and that nothing gives up is told from the rest that takes too long.
func TestSuspected(t *testing.T) {
	onBench(t, strings.ReplaceAll(failing, "BREAKER", "false"), func(t *testing.T, b *bench) {
		if err := b.Arm("ExitAtStart", ""); err != nil {
			t.Fatal(err)
		}
		code, out, said := b.fargatectl(t, "deploy", "--yes", "--force-new-deployment", "--timeout", "5m", "--output", "json")
		if code != exitTimeout || !strings.Contains(out, `"code": "ExitAtStart"`) || !strings.Contains(said, "timed out after 5m0s: container app ended with exit code 1") ||
			!strings.Contains(said, "rollback stops it") || !strings.Contains(said, "tasks failed)") {
			t.Errorf("%d %s %s", code, out, said)
		}
		b.file(t, "ExitAtStart")
		if code, _, said := b.fargatectl(t, "rollback", "--yes"); code != exitOK {
			t.Error(code, said)
		}
		if code, out, _ := b.fargatectl(t, "deploy", "--yes", "--force-new-deployment", "--timeout", "10s", "--output", "json"); code != exitTimeout || !strings.Contains(out, `"code": "timed_out"`) {
			t.Errorf("nothing has failed: %d %s", code, out)
		}
	})
}

// Of somebody else's service the evidence lies where the command was run, and its commands name the service.
func TestForeignCause(t *testing.T) {
	onBench(t, strings.ReplaceAll(failing, "BREAKER", "true"), func(t *testing.T, b *bench) {
		if err := b.Arm("ExitAtStart", ""); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(b.dir, "fargatectl.yaml")); err != nil {
			t.Fatal(err)
		}
		code, _, said := b.fargatectl(t, "deploy", "--yes", "--force-new-deployment", "--cluster", "app-cluster", "--service", "app")
		if code != exitRolledBack || !strings.Contains(said, "--cluster app-cluster --service app logs tail") {
			t.Errorf("%d %s", code, said)
		}
		b.file(t, "ExitAtStart")
	})
}

// What the containers log of secrets is neither shown nor kept.
func TestSecretsInLogs(t *testing.T) {
	onBench(t, strings.ReplaceAll(failing, "BREAKER", "true"), func(t *testing.T, b *bench) {
		hidden := b.secrets(t)
		lines := []string{"\x1b[31mconfiguration:\x1b[0m"}
		for _, v := range hidden {
			lines = append(lines, "DATABASE_URL="+v, "connecting to postgres://app:"+v+"@db:5432/app", "Authorization: Bearer "+v, `{"password":"`+v+`"}`, "-----BEGIN PRIVATE KEY-----", v, "-----END PRIVATE KEY-----")
		}
		lines = append(lines, "mail with correct-horse-battery", "no database")
		exits := sandbox.Failure{StopCode: "EssentialContainerExited", StoppedReason: "Essential container in task exited", ExitCode: new(int32(3)), Log: lines}
		if err := b.Do(func(st *sandbox.State) {
			for _, d := range st.Regions["us-east-1"].ECS.Definitions["app"].Revisions {
				d.Broken = &exits
			}
		}); err != nil {
			t.Fatal(err)
		}
		code, out, said := b.fargatectl(t, "deploy", "--yes", "--force-new-deployment", "--output", "json")
		text, _ := b.file(t, "ExitAtStart")
		for _, v := range hidden {
			if strings.Contains(text+out+said, v) {
				t.Errorf("a secret is shown:\n%s\n%s", text, said)
			}
		}
		if code != exitRolledBack || !strings.Contains(said, "no database") || !strings.Contains(text, "[redacted]") || strings.Contains(said+out+text, "\x1b") {
			t.Errorf("%d %s %s", code, said, text)
		}
	})
}
