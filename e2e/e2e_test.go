package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// binary is the program, as users have it.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fargatectl-e2e-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "fargatectl")
	build := exec.Command("go", "build", "-o", binary, "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// A place is an endpoint, and how a program reaches it.
type place struct {
	*proxy
	endpoint string // without the proxy
	kind     string // "moto": which deviations it has; "" for none
	dir      string // of the manifest
	excused  deviations
}

// deviations are what an endpoint can't do, with the reason.
type deviations struct {
	Calls      map[string]string `json:"calls"`      // changing calls that a second up makes there
	Attributes map[string]string `json:"attributes"` // what attributes.py reads back otherwise there
}

func newPlace(t *testing.T) *place {
	t.Helper()
	w := &place{endpoint: os.Getenv("FARGATECTL_TEST_ENDPOINT"), kind: os.Getenv("FARGATECTL_TEST_DEVIATIONS"), dir: t.TempDir()}
	if w.endpoint == "" {
		box, err := sandbox.Open(sandbox.Options{})
		if err != nil {
			t.Fatal(err)
		}
		srv := httptest.NewServer(box)
		t.Cleanup(srv.Close)
		w.endpoint = srv.URL
	}
	w.proxy = newProxy(t, w.endpoint)
	if w.kind != "" {
		text, err := os.ReadFile("deviations.json")
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]deviations{}
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		var ok bool
		if w.excused, ok = all[w.kind]; !ok {
			t.Fatalf("deviations.json knows no %q", w.kind)
		}
	}
	return w
}

// env is a surrounding without anything of this machine's AWS configuration.
func (w *place) env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "NO_COLOR=1",
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=e2e", "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL=" + w.url,
	}
}

// fargatectl runs a command and returns what it printed on stdout; its calls are taken.
func (w *place) fargatectl(t *testing.T, args ...string) (stdout string, calls []call, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	w.take()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = w.dir, w.env()
	var out, progress bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &progress
	began := time.Now()
	err := cmd.Run()
	calls = w.take()
	t.Logf("fargatectl %s: %.1f s, %d calls\n%s", strings.Join(args, " "), time.Since(began).Seconds(), len(calls), tail(progress.String(), 40))
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), calls, cmd.ProcessState.ExitCode()
}

// must is fargatectl where nothing but success will do.
func (w *place) must(t *testing.T, args ...string) (stdout string, calls []call) {
	t.Helper()
	stdout, calls, code := w.fargatectl(t, args...)
	if code != 0 {
		t.Fatalf("fargatectl %s: exit %d\n%s", strings.Join(args, " "), code, stdout)
	}
	return stdout, calls
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// image is one that is there already: what is built and pushed is tested where there is a registry.
const image = "public.ecr.aws/docker/library/nginx:1.27"

// From nothing to everything, the same again, and away: nothing of ours is left, and nothing else is touched.
func TestUpAgainDestroy(t *testing.T) {
	t.Parallel()
	w := newPlace(t)
	project := fmt.Sprintf("e2e-%06x", rand.N(1<<24))
	if err := os.WriteFile(filepath.Join(w.dir, "fargatectl.yaml"), []byte("project_name: "+project+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := connect(w.endpoint)
	foreign := a.makeForeign(t, project)
	before := a.everything(t, project)
	up := []string{"up", "--image", image, "--wait", "accepted", "--yes"}
	stdout, _ := w.must(t, up...)
	if !strings.Contains(stdout, project) {
		t.Errorf("the result does not speak of %s:\n%s", project, stdout)
	}
	w.readBack(t, project, w.kind)

	_, calls := w.must(t, up...)
	again := changing(calls)
	for _, op := range again {
		if w.excused.Calls[op] == "" {
			t.Errorf("the second up makes the changing call %s", op)
		}
	}
	for op := range maps.Keys(w.excused.Calls) { // an excuse that nobody needs hides the next mistake
		if !slices.Contains(again, op) {
			t.Errorf("deviations.json excuses %s, which a second up does not make", op)
		}
	}
	if len(again) > 0 { // what the endpoint forgot is there now, without any excuse
		w.readBack(t, project, "")
		if _, calls := w.must(t, up...); len(changing(calls)) > 0 {
			t.Errorf("the third up makes the changing calls %v", changing(calls))
		}
	}
	w.planIsEmpty(t)

	if out, calls, code := w.fargatectl(t, "destroy", "--confirm", "another"); code != 9 || len(changing(calls)) > 0 {
		t.Errorf("destroy under another name: exit %d want 9, changing calls %v\n%s", code, changing(calls), out)
	}
	w.must(t, "destroy", "--confirm", project, "--force")
	if left := diff(before, a.everything(t, project)); len(left) > 0 {
		t.Errorf("after destroy there is\n%s", strings.Join(left, "\n"))
	}
	for _, thing := range foreign {
		if !slices.Contains(a.everything(t, project), thing) {
			t.Errorf("destroy took %s, which is somebody else's", thing)
		}
	}
	a.removeForeign(t, project)
}

// planIsEmpty holds that a plan finds nothing to do, in both forms of its result.
func (w *place) planIsEmpty(t *testing.T) {
	t.Helper()
	if out, _, code := w.fargatectl(t, "plan", "--image", image, "--detailed-exitcode"); code != 0 {
		t.Errorf("plan --detailed-exitcode after up exits %d:\n%s", code, out)
	}
	out, _, code := w.fargatectl(t, "plan", "--image", image, "--detailed-exitcode", "--output", "json")
	var plan struct{ Changes []any }
	if err := json.Unmarshal([]byte(out), &plan); err != nil || code != 0 || plan.Changes == nil || len(plan.Changes) > 0 {
		t.Errorf("plan as JSON after up: exit %d, %v, changes %v, want []", code, err, plan.Changes)
	}
}

// diff lists what is new in after.
func diff(before, after []string) (fresh []string) {
	for _, thing := range after {
		if !slices.Contains(before, thing) {
			fresh = append(fresh, thing)
		}
	}
	return fresh
}

// readBack lets boto3 compare every attribute with the table. It is left out where only Go is: against the sandbox,
// make test-boto does it.
func (w *place) readBack(t *testing.T, project, deviations string) {
	t.Helper()
	if os.Getenv("FARGATECTL_TEST_ENDPOINT") == "" {
		return
	}
	cmd := exec.CommandContext(t.Context(), "python3", "attributes.py", w.endpoint, project, "--image", image, "--deviations", deviations)
	cmd.Env = w.env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("attributes.py: %v\n%s", err, out)
	}
	t.Logf("attributes.py: %s", tail(string(out), 12))
}
