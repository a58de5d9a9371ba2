package release_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/manifest"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/witness"
	"github.com/fargatectl/fargatectl/steps"
)

const (
	me    = "arn:aws:iam::123456789012:user/me"
	first = "public.ecr.aws/docker/library/nginx:1.26"
	other = "public.ecr.aws/docker/library/nginx:1.27"
)

// A world is a sandbox on a bubble's clock in which an app is up, running the image first.
type world struct {
	*sandbox.Sandbox
	t    *testing.T
	yaml string
	said []string // events of the last command
}

// inWorld runs a test beside an app whose service has this configuration.
func inWorld(t *testing.T, config string, test func(t *testing.T, w *world)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := sandbox.Open(sandbox.Options{Speed: 1, Wait: true})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{Sandbox: s, t: t, yaml: "project_name: app\nresources:\n  - { id: vpc, type: aws_vpc, config: { nat: none } }\n" +
			"  - { id: api, type: aws_ecs_service, config: { assign_public_ip: true" + config + " } }\n"}
		if err := w.up(first); err != nil {
			t.Fatal(err)
		}
		test(t, w)
	})
}

func (w *world) calls() *aws.Calls { return aws.Connect(witness.Recorded(w.Config("us-east-1"))) }

func (w *world) ecs() *ecs.Client { return ecs.NewFromConfig(w.Config("us-east-1")) }

// app is a new process's view of the world.
func (w *world) app(image string) *steps.App {
	w.t.Helper()
	m, err := manifest.Parse("fargatectl.yaml", []byte(w.yaml), manifest.Options{Getenv: func(string) (string, bool) { return "", false }})
	if err != nil {
		w.t.Fatal(err)
	}
	return &steps.App{
		Manifest: m, AWS: w.calls(), Account: sandbox.Account, Region: "us-east-1", Registry: steps.Registry{Transport: w.Sandbox},
		Options: steps.Options{Image: image, Offline: true},
	}
}

func (w *world) up(image string) error { return w.upWithin(w.t.Context(), image) }

func (w *world) upWithin(ctx context.Context, image string) error {
	stack := w.stack(steps.All(w.app(image))...)
	return cmp(stack.Read(ctx), stack.Check, func() error { return stack.Apply(ctx) })
}

// plan is what up would do, as text without notes.
func (w *world) plan(image string) string {
	w.t.Helper()
	stack := w.stack(steps.All(w.app(image))...)
	if err := cmp(stack.Read(w.t.Context()), stack.Check); err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(stack.Plan().String()) {
		if !strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "    ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// cmp is err, or else the error of the first that fails.
func cmp(err error, next ...func() error) error {
	for _, do := range next {
		if err == nil {
			err = do()
		}
	}
	return err
}

func (w *world) stack(list ...deploy.Step) *deploy.Stack {
	w.t.Helper()
	w.said = nil
	stack, err := deploy.New(func(e deploy.Event) { w.said = append(w.said, e.Step+" "+string(e.State)+" "+e.Text) }, list...)
	if err != nil {
		w.t.Fatal(err)
	}
	return stack
}

// service is the app's, as the daily verbs have it.
func (w *world) service() *release.Service {
	return &release.Service{Calls: w.calls(), Cluster: "app-cluster", Name: "app"}
}

// A given image is one that is named.
type given struct {
	release.Same
	ref   string
	check *types.HealthCheck
	ports []int32
	notes []string

	unseen bool
}

func (g *given) Told(context.Context) (*types.HealthCheck, string, []int32, []string, bool) {
	from := ""
	switch {
	case g.check != nil:
		from = aws.FromImage
	case g.unseen:
		from = aws.Unseen
	}
	return g.check, from, g.ports, g.notes, !g.unseen
}

func (g *given) Source() string { return g.ref }

func (g *given) Reference() (o deploy.Out[string]) {
	o.Set(g.ref)
	return o
}

// deploy releases an image; change what the step is like before it runs.
func (w *world) deploy(ctx context.Context, image string, change ...func(*release.Deployment)) (*release.Deployment, error) {
	w.t.Helper()
	ref := &given{ref: image}
	d := &release.Deployment{Service: w.service(), Image: ref, By: me}
	for _, c := range change {
		c(d)
	}
	stack := w.stack(ref, d)
	return d, cmp(stack.Read(ctx), stack.Check, func() error { return stack.Apply(ctx) })
}

func (w *world) rollback(ctx context.Context, to ...string) (*release.Rollback, error) {
	w.t.Helper()
	r := &release.Rollback{Service: w.service(), Revision: strings.Join(to, ""), By: me}
	r.Resolve = func(ctx context.Context, ref string) (string, error) {
		return w.app("").Resolve(ctx, ref, r.Platform())
	}
	stack := w.stack(r)
	return r, cmp(stack.Read(ctx), stack.Check, func() error { return stack.Apply(ctx) })
}

// changing lists what commands change, "ecs.UpdateService".
func (w *world) changing(do func()) (ops []string) {
	before := len(w.Calls())
	do()
	for _, c := range w.Calls()[before:] {
		if c.Changing() {
			ops = append(ops, c.Service+"."+c.Op)
		}
	}
	return ops
}

func (w *world) live() types.Service {
	w.t.Helper()
	out, err := w.ecs().DescribeServices(w.t.Context(), &ecs.DescribeServicesInput{Cluster: new("app-cluster"), Services: []string{"app"}, Include: []types.ServiceField{types.ServiceFieldTags}})
	if err != nil || len(out.Services) != 1 {
		w.t.Fatal(err, out)
	}
	return out.Services[0]
}

// runs is the revision that the service has, "app:2".
func (w *world) runs() string {
	w.t.Helper()
	td := *w.live().TaskDefinition
	return td[strings.LastIndexByte(td, '/')+1:]
}

// serving is how many tasks that have started since are healthy in the target group.
func (w *world) serving(since time.Time) (n int) {
	w.t.Helper()
	s := w.service()
	st, err := s.Status(w.t.Context(), release.View{Events: 5})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, task := range st.Tasks {
		for _, target := range st.Targets {
			if task.StartedAt != nil && task.StartedAt.After(since) && target.ID == task.PrivateIP && target.State == "healthy" {
				n++
			}
		}
	}
	return n
}

func (w *world) definition(id string) *ecs.DescribeTaskDefinitionOutput {
	w.t.Helper()
	out, err := w.ecs().DescribeTaskDefinition(w.t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &id, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) state(f func(r *sandbox.Region)) {
	w.t.Helper()
	if err := w.Do(func(st *sandbox.State) { f(st.Regions["us-east-1"]) }); err != nil {
		w.t.Fatal(err)
	}
}

// exits is how a task ends that can't work.
var exits = sandbox.Failure{StopCode: types.TaskStopCodeEssentialContainerExited, StoppedReason: "Essential container in task exited", ExitCode: new(int32(3))}

func (w *world) break_() { w.state(func(r *sandbox.Region) { r.ECS.Break("app", exits) }) }
func (w *world) mend()   { w.state(func(r *sandbox.Region) { r.ECS.Mend("app") }) }

// heard says whether an event of the last command has this in it.
func (w *world) heard(text string) bool {
	return slices.ContainsFunc(w.said, func(s string) bool { return strings.Contains(s, text) })
}

// ended is how the deployment ended that a step has started or joined, "" when it has not, "none" without one.
func ended(s *release.Service) types.ServiceDeploymentStatus {
	last, ok := s.Deployed()
	switch {
	case !ok:
		return "none"
	case last == nil:
		return ""
	}
	return last.Status
}

func as[E error](err error) bool { _, ok := errors.AsType[E](err); return ok }

// begin starts a deployment and goes away, d later.
func (w *world) begin(image string, d time.Duration) {
	w.t.Helper()
	if _, err := w.deploy(w.t.Context(), image, func(d *release.Deployment) { d.Wait = "accepted" }); err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(d)
}
