package steps

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

func ecrAndImage(app *App) []deploy.Step {
	ecr := &ECR{App: app}
	return []deploy.Step{ecr, &Image{App: app, ECR: ecr}}
}

// program makes a folder with a Go main package that prints a text.
func program(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, src := range map[string]string{"go.mod": "module prog\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() { println(" + text + ") }\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// ref is what the image step gives the others.
func (r *run) ref() string {
	for _, st := range r.steps {
		if i, ok := st.(*Image); ok {
			return i.Ref.String()
		}
	}
	return ""
}

// What has not changed is not built again; what has is another image, beside the first.
func TestImageBuilt(t *testing.T) {
	t.Parallel()
	dir := program(t, `"one"`)
	inWorld(t, func(t *testing.T, w *world) {
		w.pick, w.dir = ecrAndImage, dir
		const m = "project_name: app"
		planned := regexp.MustCompile(`^\+ ecr: repository app\n\+ image: image app:src-[0-9a-f]{20}, built and pushed\n$`)
		if p := w.plan(m); !planned.MatchString(p) {
			t.Error(p)
		}
		first := w.settled(m)
		byDigest := regexp.MustCompile(`^123456789012\.dkr\.ecr\.us-east-1\.amazonaws\.com/app@sha256:[0-9a-f]{64}$`)
		if !byDigest.MatchString(first.ref()) {
			t.Error(first.ref())
		}
		again := w.up(m)
		if again.ref() != first.ref() {
			t.Errorf("the same inputs: %s, then %s", first.ref(), again.ref())
		}
		if n := len(again.calls); n != 4 {
			t.Errorf("%d calls to find an image, want 4", n)
		}
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() { println(2) }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if p := w.plan(m); !strings.HasPrefix(p, "+ image: image app:src-") {
			t.Error(p)
		}
		if second := w.settled(m); second.ref() == first.ref() {
			t.Error("another program, the same image")
		}
		w.opts.Rebuild = true
		if r := w.up(m); r.err != nil || !strings.Contains(r.plan.String(), "(rebuild)") || r.ref() == "(known after apply)" {
			t.Error(r.err, r.plan, r.ref())
		}
		w.opts.Rebuild = false
		if r := w.destroy(m); r.err != nil || r.plan.String() != "- ecr: repository app (with 2 images)\n" {
			t.Error(r.err, r.plan)
		}
	})
}

// A folder that can't be built stops up before anything is made; destroy does not mind.
func TestImageUnbuildable(t *testing.T) {
	t.Parallel()
	empty, wrong := t.TempDir(), program(t, `nothing`)
	inWorld(t, func(t *testing.T, w *world) {
		w.pick, w.dir = ecrAndImage, empty
		const m = "project_name: app"
		if r := w.up(m); r.err == nil || !strings.Contains(r.err.Error(), "image: nothing to build in") || len(r.changing()) > 0 {
			t.Error(r.err, r.changing())
		}
		w.dir = wrong
		r := w.up(m)
		if r.err == nil || !strings.Contains(r.err.Error(), "undefined: nothing") {
			t.Error(r.err)
		}
		if got := w.repositories(); got != "app" {
			t.Error(got)
		}
	})
}

// An image that is given is not built. In the sandbox nobody outside is asked for its digest.
func TestImageGiven(t *testing.T) {
	t.Parallel()
	dir := program(t, `"one"`)
	inWorld(t, func(t *testing.T, w *world) {
		w.pick, w.dir = ecrAndImage, dir
		w.opts.Offline = true
		built := w.settled("project_name: app").ref()
		repo, digest, _ := strings.Cut(built, "@")
		list, err := ecr.NewFromConfig(w.Config("us-east-1")).ListImages(t.Context(), &ecr.ListImagesInput{RepositoryName: new("app")})
		if err != nil || len(list.ImageIds) != 1 {
			t.Fatal(list, err)
		}
		for given, want := range map[string]string{
			"nginx:1.27":                            "nginx:1.27",
			"nginx@" + digest:                       "nginx@" + digest,
			repo + ":" + *list.ImageIds[0].ImageTag: built,
			"localhost:5000/a/b":                    "localhost:5000/a/b",
			"public.ecr.aws/x/y:1@" + digest:        "public.ecr.aws/x/y:1@" + digest,
		} {
			w.opts.Image = given
			r := w.up("project_name: app")
			if r.err != nil || r.ref() != want || len(r.changing()) > 0 {
				t.Error(given, r.err, r.ref(), r.changing())
			}
		}
		w.opts.Image = repo + ":none"
		if r := w.up("project_name: app"); r.err == nil || !strings.Contains(r.err.Error(), "does not exist") {
			t.Error(r.err)
		}
		// What is deployed stays, wherever the tag has moved.
		w.opts.Image = "nginx:1.27"
		_, err = ecs.NewFromConfig(w.Config("us-east-1")).RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
			Family: new("app"), ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: new("app"), Image: new("nginx@" + digest), Memory: new(int32(128))}},
			Tags: aws.Convert(w.app("project_name: app").owner().Tags("taskdef", map[string]string{aws.TagImage: "nginx:1.27"}), ecsTag),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.up("project_name: app").ref(); got != "nginx@"+digest {
			t.Error(got)
		}
		// Who names the tag to a release of its own means where it points now.
		w.opts.Image = repo + ":" + *list.ImageIds[0].ImageTag
		_, err = ecs.NewFromConfig(w.Config("us-east-1")).RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
			Family: new("app"), ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: new("app"), Image: new(repo + "@sha256:" + strings.Repeat("0", 64)), Memory: new(int32(128))}},
			Tags: aws.Convert(w.app("project_name: app").owner().Tags("taskdef", map[string]string{aws.TagImage: w.opts.Image}), ecsTag), ExecutionRoleArn: new("arn:aws:iam::123456789012:role/x"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.up("project_name: app").ref(); got != repo+"@sha256:"+strings.Repeat("0", 64) {
			t.Error(got)
		}
		fresh := &Image{App: w.app("project_name: app"), Fresh: true}
		if err := fresh.Read(t.Context()); err != nil || fresh.Ref.Get() != built {
			t.Error(err, fresh.Ref)
		}
		w.opts.Image = "nginx:1.28"
		if got := w.up("project_name: app").ref(); got != "nginx:1.28" {
			t.Error(got)
		}
	})
}
