package steps

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

func onlyECR(app *App) []deploy.Step { return []deploy.Step{&ECR{App: app}} }

func repositoryWith(config string) string {
	return "project_name: app\nresources:\n  - {id: repo, type: aws_ecr_repository, config: {" + config + "}}\n"
}

func TestECR(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyECR
		same(t, w.plan("project_name: app"), "+ ecr: repository app\n")
		r := w.settled("project_name: app")
		if ops := strings.Join(r.changing(), " "); ops != "ecr.CreateRepository ecr.PutLifecyclePolicy" {
			t.Error(ops)
		}
		changed := `image_tag_mutability: IMMUTABLE, scan_on_push: false, keep: 5`
		p := w.plan(repositoryWith(changed))
		for _, want := range []string{
			"~ ecr: repository app\n    tag mutability: MUTABLE -> IMMUTABLE\n", "~ ecr: repository app\n    scan on push: true -> false\n",
			`"tagPatternList":["*"],"tagStatus":"tagged"}},`, `"countNumber":30,`, `"countNumber":5,`, `"tagPatternList":["live-*"]`,
		} {
			if !strings.Contains(p, want) {
				t.Errorf("%s lacks %s", p, want)
			}
		}
		w.settled(repositoryWith(changed))
		w.settled("project_name: app\ntags: {team: blue}")

		w.opts.KeepImages = true
		if r := w.destroy("project_name: app"); r.err != nil || len(r.changing()) > 0 {
			t.Error(r.err, r.changing())
		}
		w.opts.KeepImages = false
		if r := w.destroy("project_name: app"); r.err != nil || r.plan.String() != "- ecr: repository app (with 0 images)\n" {
			t.Error(r.err, r.plan)
		}
		if got := w.repositories(); got != "" {
			t.Error(got)
		}
	})
}

func (w *world) repositories() string {
	w.t.Helper()
	var names []string
	if err := w.Do(func(st *sandbox.State) {
		for name := range st.Regions["us-east-1"].ECR.Repositories {
			names = append(names, name)
		}
	}); err != nil {
		w.t.Error(err)
	}
	return strings.Join(names, " ")
}

func TestECRForeign(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyECR
		if _, err := ecr.NewFromConfig(w.Config("us-east-1")).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("app")}); err != nil {
			t.Fatal(err)
		}
		same(t, w.plan("project_name: app"), "error: ecr: read: repository app exists and is not fargatectl's: it lacks the tag fargatectl:project")
		w.opts.Adopt = true
		w.settled("project_name: app")
	})
}

// Law 5 for the repository.
func TestECRFails(t *testing.T) {
	t.Parallel()
	for _, fault := range []sandbox.Fault{{Code: "AccessDeniedException"}, {Lost: true}} {
		for n := 1; n <= 2; n++ {
			inWorld(t, func(t *testing.T, w *world) {
				w.pick = onlyECR
				f := fault
				f.Service, f.Changing, f.Nth = "ecr", true, n
				w.Inject(f)
				if r := w.up("project_name: app"); (r.err == nil) != f.Lost {
					t.Error(n, r.err)
				}
				w.Heal()
				w.settled("project_name: app")
			})
		}
	}
}
