package steps

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// builtSteps are the task definition and what it needs, with an image that is built.
func builtSteps(app *App) (some []deploy.Step) {
	app.Options.Offline = true
	for _, st := range All(app) {
		switch st.(type) {
		case *ECR, *Image, *Scan, *IAM, *Secrets, *Logs, *TaskDef:
			some = append(some, st)
		}
	}
	return some
}

// A docker folder is one with a Dockerfile on scratch and a program, /app, that is no program.
func dockerFolder(t *testing.T, dir, instructions string) string {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	for name, text := range map[string]string{"Dockerfile": "FROM scratch\nCOPY --chmod=755 app /app\n" + instructions + "\n", "app": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// running is the newest task definition's container, and its tags.
func (w *world) running() (types.ContainerDefinition, map[string]string) {
	w.t.Helper()
	out, err := ecs.NewFromConfig(w.Config("us-east-1")).DescribeTaskDefinition(w.t.Context(), &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: new("app"), Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.TaskDefinition.ContainerDefinitions[0], ecsTags(out.Tags)
}

// What the image says is the task definition's, where the manifest is silent; what ECS takes from the image by itself is
// not written down a second time. While it runs it is not asked for again.
func TestImageTold(t *testing.T) {
	t.Parallel()
	dir := dockerFolder(t, "", "USER 7\nSTOPSIGNAL SIGINT\nENV P=3000\nEXPOSE $P 53/udp\nHEALTHCHECK --interval=1m --timeout=3s --start-period=1500ms CMD [\"/app\", \"-check\"]")
	inWorld(t, func(t *testing.T, w *world) {
		w.pick, w.dir = builtSteps, dir
		const m, check = "project_name: app", "CMD /app -check every 10 s, timeout 3 s, 3 retries, after 2 s"
		p := w.plan(m)
		for _, line := range []string{"  taskdef: container port 3000: the image exposes it\n", "  taskdef: health check from the image: " + check + "\n"} {
			if strings.Count(p, line) != 1 {
				t.Errorf("no line %q in\n%s", line, p)
			}
		}
		w.settled(m)
		c, tags := w.running()
		if got := healthCheck(c.HealthCheck); got != check || tags[aws.TagHealthCheck] != "image" || tags[aws.TagPort] != "image" {
			t.Errorf("%s, tags %v", got, tags)
		}
		if len(c.PortMappings) != 1 || *c.PortMappings[0].ContainerPort != 3000 || *c.Environment[0].Name != "PORT" || *c.Environment[0].Value != "3000" {
			t.Errorf("ports %v, environment %v", c.PortMappings, c.Environment)
		}
		if c.User != nil || c.StopTimeout == nil {
			t.Errorf("user %v, stop timeout %v: ECS takes user and signal from the image", c.User, c.StopTimeout)
		}

		asked := w.counted()
		if r := w.up(m); r.err != nil || len(r.changing()) > 0 || asked.Load() > 0 {
			t.Errorf("%v, %v, %d requests to the registry", r.err, r.changing(), asked.Load())
		}

		// The same check of another image is no difference beside the image; one that can't work is left out, and said so.
		dockerFolder(t, dir, "EXPOSE 3000\nHEALTHCHECK --interval=1m --timeout=3s --start-period=1500ms CMD [\"/app\", \"-check\"]")
		if p := w.plan(m); strings.Contains(p, "health check") || !strings.Contains(p, "image: 123456789012") {
			t.Error(p)
		}
		dockerFolder(t, dir, "HEALTHCHECK CMD curl -f http://localhost/")
		r := w.settled(m)
		var notes []string
		for _, e := range r.events {
			notes = append(notes, e.Text)
		}
		if said := strings.Join(notes, "\n"); !strings.Contains(said, "health check is left out: /bin/sh is not in the image") {
			t.Error(said)
		}
		if c, tags := w.running(); c.HealthCheck != nil || tags[aws.TagHealthCheck] != "" || tags[aws.TagPort] != "default" || *c.PortMappings[0].ContainerPort != 8080 {
			t.Errorf("%+v, tags %v", c, tags)
		}
	})
}

// The manifest wins over the image, and gives way to it again: then the image that runs is asked.
func TestImageToldAndManifest(t *testing.T) {
	t.Parallel()
	dir := dockerFolder(t, "", "EXPOSE 3000\nHEALTHCHECK CMD [\"/app\"]")
	inWorld(t, func(t *testing.T, w *world) {
		w.pick, w.dir = builtSteps, dir
		plain := "project_name: app"
		config := func(text string) string {
			return plain + "\nresources: [{id: api, type: aws_ecs_service, config: {" + text + "}}]"
		}
		const of, timing = "    health check: ", " every 10 s, timeout 5 s, 3 retries, after 0 s"
		w.settled(config("health_check: {command: [CMD, /app]}, container_port: 4000"))
		for _, c := range []struct{ manifest, diff, check, port string }{
			{plain, "    container port: 4000/tcp -> 3000/tcp\n    env PORT: 4000 -> 3000\n" + of + "CMD /app" + timing + " -> from the image: CMD /app" + timing, "image", "image"},
			{config("health_check: {command: [CMD, /own], interval: 30}"), of + "from the image: CMD /app" + timing + " -> CMD /own every 30 s, timeout 5 s, 3 retries, after 0 s", "", "image"},
			{config("health_check: {command: [NONE]}, container_port: 3000"), of + "CMD /own every 30 s, timeout 5 s, 3 retries, after 0 s -> none", "none", "manifest"},
			{plain, of + "none -> from the image: CMD /app" + timing, "image", "image"},
			{config("environment: {PORT: 8080}"), "    container port: 3000/tcp -> 8080/tcp\n    env PORT: 3000 -> 8080", "image", "manifest"},
			// The manifest's port was the default's, and goes: the image that runs says another.
			{plain, "    container port: 8080/tcp -> 3000/tcp\n    env PORT: 8080 -> 3000", "image", "image"},
		} {
			if got, want := w.plan(c.manifest), "~ taskdef: task definition app\n"+c.diff+"\n"; got != want {
				t.Errorf("%s\n got %q\nwant %q", c.manifest, got, want)
			}
			w.settled(c.manifest)
			if _, tags := w.running(); tags[aws.TagHealthCheck] != c.check || tags[aws.TagPort] != c.port {
				t.Errorf("%s: tags %v", c.manifest, tags)
			}
			asked := w.counted()
			if r := w.up(c.manifest); r.err != nil || asked.Load() > 0 {
				t.Errorf("%s: %v, %d requests to the registry", c.manifest, r.err, asked.Load())
			}
		}
	})
}

// An image whose layers can't be read is asked for its health check again, until it has answered.
func TestImageToldLater(t *testing.T) {
	t.Parallel()
	for instructions, want := range map[string][2]string{
		"HEALTHCHECK CMD [\"/app\"]":  {"image", "~ taskdef: task definition app\n    health check: none -> from the image: CMD /app every 10 s, timeout 5 s, 3 retries, after 0 s\n"},
		"HEALTHCHECK CMD [\"/none\"]": {"default", "~ taskdef: task definition app:1 tags\n    tag fargatectl:health-check: unseen -> default\n"},
	} {
		dir := dockerFolder(t, "", instructions)
		inWorld(t, func(t *testing.T, w *world) {
			w.dir, w.pick = dir, ecrAndImage
			const m = "project_name: app"
			w.opts.Image = w.settled(m).ref()
			w.pick = builtSteps
			w.registry = transport(func(r *http.Request) (*http.Response, error) {
				resp, err := w.RoundTrip(r)
				if err != nil || r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
					return resp, err
				}
				text, err := io.ReadAll(resp.Body)
				if resp.Body = io.NopCloser(bytes.NewReader(text)); text[0] != '{' { // not the configuration
					resp.StatusCode = http.StatusServiceUnavailable
				}
				return resp, err
			})
			if p := w.plan(m); !strings.Contains(p, "the image's health check is left out: whether its program is there could not be seen (layers of ") || !strings.Contains(p, "the next up looks again") {
				t.Error(p)
			}
			w.settled(m)
			if c, tags := w.running(); c.HealthCheck != nil || tags[aws.TagHealthCheck] != "unseen" {
				t.Errorf("%v, tags %v", c.HealthCheck, tags)
			}
			w.registry = nil
			if p := w.plan(m); !strings.Contains(p, want[1]) {
				t.Errorf("%s\nwant %s", p, want[1])
			}
			w.settled(m)
			if _, tags := w.running(); tags[aws.TagHealthCheck] != want[0] {
				t.Errorf("tags %v", tags)
			}
			asked := w.counted()
			if r := w.up(m); r.err != nil || len(r.changing()) > 0 || asked.Load() > 0 {
				t.Errorf("%v, %v, %d requests to the registry", r.err, r.changing(), asked.Load())
			}
		})
	}
}

// The whole of the service follows the port; of several the manifest has to choose, unless one is what it would be anyway.
func TestImageToldPorts(t *testing.T) {
	t.Parallel()
	dir := dockerFolder(t, "", "EXPOSE 3000")
	inWorld(t, func(t *testing.T, w *world) {
		w.dir, w.opts.Offline = dir, true
		const m = "project_name: app"
		w.settled(m)
		out, err := ecs.NewFromConfig(w.Config("us-east-1")).DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: new("app-cluster"), Services: []string{"app"}})
		if err != nil || len(out.Services) != 1 || *out.Services[0].LoadBalancers[0].ContainerPort != 3000 {
			t.Errorf("%+v, %v", out, err)
		}
		dockerFolder(t, dir, "EXPOSE 9000")
		p := w.plan(m)
		for _, line := range []string{"container port: 3000/tcp -> 9000/tcp", "container port: app:3000 -> app:9000", "TCP 9000 from app-alb-sg"} {
			if !strings.Contains(p, line) {
				t.Errorf("%q is not in\n%s", line, p)
			}
		}
		w.settled(m)
		dockerFolder(t, dir, "EXPOSE 80 443")
		r := w.up(m)
		if r.err == nil || !strings.Contains(r.err.Error(), "image: the image exposes the ports 80, 443, and") || !strings.Contains(strings.Join(hintsOf(r.err), ""), "container_port") || len(r.changing()) > 0 {
			t.Error(r.err)
		}
		dockerFolder(t, dir, "EXPOSE 80 9000")
		if p := w.plan(m); strings.Contains(p, "port") {
			t.Error(p)
		}
		dockerFolder(t, dir, "EXPOSE 80 8080")
		if p := w.plan(m); !strings.Contains(p, "container port: 9000/tcp -> 8080/tcp") {
			t.Error(p)
		}
	})
}

// Whoever can't be asked says nothing, and that is said once; an image that is built elsewhere is asked where it is.
func TestImageToldGiven(t *testing.T) {
	t.Parallel()
	dir := dockerFolder(t, "", "EXPOSE 3000\nHEALTHCHECK CMD [\"/app\"]")
	inWorld(t, func(t *testing.T, w *world) {
		w.dir, w.pick = dir, ecrAndImage
		pushed := w.settled("project_name: app").ref()
		w.pick = builtSteps
		w.opts.Image = pushed
		if p := w.plan("project_name: app"); !strings.Contains(p, "container port 3000: the image exposes it\n") || !strings.Contains(p, "health check from the image: CMD /app every 10 s") {
			t.Error(p)
		}
		w.settled("project_name: app")
		repository, _, _ := strings.Cut(pushed, "@")
		w.opts.Image = repository + "@sha256:" + strings.Repeat("0", 64)
		p := w.plan("project_name: app")
		if n := strings.Count(p, "image: nobody could be asked for the health check and the port of the image (image "); n != 1 || strings.Contains(p, "port: ") || !strings.Contains(p, "health check: from the image: CMD /app") {
			t.Error(p)
		}
	})
}

// A check is within ECS's limits, and soon enough for a deployment not to wait for it.
func TestECSCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of   v1.HealthConfig
		want string
	}{
		{v1.HealthConfig{}, "every 10 s, timeout 5 s, 3 retries, after 0 s"},
		{v1.HealthConfig{Interval: time.Second, Timeout: time.Second, Retries: 1, StartPeriod: time.Millisecond}, "every 5 s, timeout 2 s, 1 retries, after 1 s"},
		{v1.HealthConfig{Interval: time.Hour, Timeout: time.Hour, Retries: 100, StartPeriod: time.Hour}, "every 10 s, timeout 60 s, 10 retries, after 300 s"},
		{v1.HealthConfig{Interval: 6500 * time.Millisecond, Timeout: 30 * time.Second, Retries: -1, StartPeriod: 40 * time.Second}, "every 7 s, timeout 30 s, 1 retries, after 40 s"},
	} {
		c.of.Test = []string{"CMD", "/a b"}
		got := ecsCheck(&c.of)
		if text := healthCheck(got); !strings.HasSuffix(text, c.want) || got.Command[1] != "/a b" {
			t.Errorf("%+v: %s, want %s", c.of, text, c.want)
		}
	}
}

// counted is how often the registry is asked from now on.
func (w *world) counted() *atomic.Int64 {
	n := new(atomic.Int64)
	w.registry = transport(func(r *http.Request) (*http.Response, error) {
		n.Add(1)
		return w.RoundTrip(r)
	})
	return n
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }
