package steps

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/manifest"
	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/witness"
)

// A world is a sandbox on a bubble's clock: hours pass in milliseconds. Its requests are served in memory, with an
// API's latency and with all of AWS's waits.
type world struct {
	*sandbox.Sandbox
	t    *testing.T
	pick func(*App) []deploy.Step // All by default: a test of one step picks those it needs
	opts Options
	poll time.Duration // between two looks at what is awaited, a second by default: fewer make a long test short
	dir  string        // of the manifest; the working directory by default

	registry http.RoundTripper // what the registry is asked through; nil: the sandbox itself
}

// inWorld runs a test in a world of its own.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := sandbox.Open(sandbox.Options{Speed: 1, Wait: true})
		if err != nil {
			t.Fatal(err)
		}
		test(t, &world{Sandbox: s, t: t, pick: All})
	})
}

// A run is one command, from a new process.
type run struct {
	stack  *deploy.Stack
	steps  []deploy.Step
	app    *App
	plan   deploy.Plan
	done   []string // "logs + log group /ecs/app"
	events []deploy.Event
	calls  []sandbox.Call
	err    error
	took   time.Duration
}

// app is a new process's view of the world, for a manifest.
func (w *world) app(yaml string, env ...string) *App {
	w.t.Helper()
	o := manifest.Options{Getenv: func(string) (string, bool) { return "", false }}
	if len(env) > 0 {
		o.Env = env[0]
	}
	m, err := manifest.Parse("fargatectl.yaml", []byte(yaml), o)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.dir != "" {
		m.Dir = w.dir
	}
	region := m.Region
	if region == "" {
		region = "us-east-1"
	}
	return &App{Manifest: m, AWS: aws.Connect(witness.Recorded(w.Config(region))), Account: sandbox.Account, Region: region, Options: w.opts, Registry: Registry{Transport: cmp.Or[http.RoundTripper](w.registry, w.Sandbox)}}
}

// read makes the steps for a manifest and reads what is live, to be brought up or destroyed.
func (w *world) read(ctx context.Context, app *App, destroy ...bool) *run {
	w.t.Helper()
	r := &run{app: app, steps: w.pick(app)}
	var err error
	r.stack, err = deploy.New(func(e deploy.Event) {
		r.events = append(r.events, e)
		if e.State == deploy.Done && e.Change != nil {
			r.done = append(r.done, e.Step+" "+string(e.Change.Op)+" "+e.Change.What)
		}
	}, r.steps...)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.poll > 0 {
		r.stack.Poll = w.poll
	}
	r.stack.Want(len(destroy) == 0 || !destroy[0])
	if r.err = r.stack.Read(ctx); r.err == nil {
		r.err = r.stack.Check()
	}
	return r
}

// plan is the plan for a manifest, as text.
func (w *world) plan(yaml string) string {
	w.t.Helper()
	r := w.read(w.t.Context(), w.app(yaml))
	if r.err != nil {
		return "error: " + r.err.Error()
	}
	return r.stack.Plan().String()
}

// up applies a manifest; destroy leaves nothing of it.
func (w *world) up(yaml string) *run { w.t.Helper(); return w.apply(w.t.Context(), w.app(yaml), false) }

func (w *world) destroy(yaml string) *run {
	w.t.Helper()
	return w.apply(w.t.Context(), w.app(yaml), true)
}

func (w *world) apply(ctx context.Context, app *App, destroy bool) *run {
	w.t.Helper()
	began, before := time.Now(), len(w.Calls())
	r := w.read(ctx, app, destroy)
	if r.err == nil {
		r.plan = r.stack.Plan()
		if app.Options.Awaited() {
			r.err = r.stack.Apply(ctx)
		} else { // as the command does
			r.err = r.stack.Grow(ctx)
		}
	}
	r.took, r.calls = time.Since(began), w.Calls()[before:]
	for _, d := range r.done { // law 3: what is done was shown
		if !strings.Contains(shown(r.plan), d+"\n") {
			w.t.Errorf("done but not shown: %s\nshown:\n%s", d, shown(r.plan))
		}
	}
	return r
}

func shown(p deploy.Plan) string {
	var b strings.Builder
	for _, st := range p {
		for _, c := range st.Changes {
			b.WriteString(st.Step + " " + string(c.Op) + " " + c.What + "\n")
		}
	}
	return b.String()
}

// changing lists the run's calls that changed something, "logs.CreateLogGroup".
func (r *run) changing() (ops []string) {
	for _, c := range r.calls {
		if c.Changing() {
			ops = append(ops, c.Service+"."+c.Op)
		}
	}
	return ops
}

// settled brings a manifest up, and holds that a second up does nothing and the plan is empty.
func (w *world) settled(yaml string) *run {
	w.t.Helper()
	r := w.up(yaml)
	if r.err != nil {
		w.t.Fatalf("up: %v", r.err)
	}
	if p := w.plan(yaml); strings.ContainsAny(p, "+~±-") && !onlyNotes(p) {
		w.t.Errorf("plan after up:\n%s", p)
	}
	if again := w.up(yaml); again.err != nil || len(again.changing()) > 0 {
		w.t.Errorf("second up: %v, changing calls %v", again.err, again.changing())
	}
	return r
}

// onlyNotes says whether a plan's text has no change in it: notes are indented.
func onlyNotes(plan string) bool {
	for line := range strings.Lines(plan) {
		if !strings.HasPrefix(line, "  ") {
			return false
		}
	}
	return true
}

// sandboxFault has an operation, "logs.CreateLogGroup", answer a code.
func sandboxFault(op, code string) sandbox.Fault {
	service, op, _ := strings.Cut(op, ".")
	return sandbox.Fault{Service: service, Op: op, Code: code, Message: "no"}
}
