package steps

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/image"
	"github.com/fargatectl/fargatectl/internal/sandbox"
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

// An image of the wrong architecture is refused before anything is registered with it, by tag and by digest; what has both
// is not.
func TestImageOfTheOtherArchitecture(t *testing.T) {
	t.Parallel()
	dir := program(t, `"one"`)
	inWorld(t, func(t *testing.T, w *world) {
		w.pick, w.dir, w.opts.Offline = All, dir, true
		arm := "project_name: other\nresources:\n  - {id: api, type: aws_ecs_service, config: {architecture: ARM64}}\n"
		if r := w.up(arm); r.err != nil {
			t.Fatal(r.err)
		}
		list, err := ecr.NewFromConfig(w.Config("us-east-1")).DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: new("other")})
		if err != nil || len(list.ImageDetails) != 1 {
			t.Fatal(list, err)
		}
		const repo = "123456789012.dkr.ecr.us-east-1.amazonaws.com/other"
		tags := slices.DeleteFunc(list.ImageDetails[0].ImageTags, func(t string) bool { return aws.LiveRevision(t) > 0 })
		for _, ref := range []string{repo + ":" + tags[0], repo + "@" + *list.ImageDetails[0].ImageDigest} {
			w.opts.Image = ref
			r := w.up("project_name: app")
			var e *image.Error
			if !errors.As(r.err, &e) || !strings.Contains(r.err.Error(), "it is linux/arm64, the service runs on linux/amd64") || len(r.changing()) > 0 {
				t.Errorf("%s: %v, %v", ref, r.err, r.changing())
				continue
			}
			for _, way := range []string{"build it for linux/amd64", "`architecture: ARM64`"} {
				if !strings.Contains(e.Hint(), way) {
					t.Errorf("%s: hint %s", ref, e.Hint())
				}
			}
			if r := w.up(strings.Replace(arm, "other", "third", 1)); r.err != nil {
				t.Errorf("%s, where it belongs: %v", ref, r.err)
			}
		}
	})
}

// For both platforms the tag names an index, and the service's own image is deployed, in the first run as in the next.
func TestImageForBothPlatforms(t *testing.T) {
	t.Parallel()
	dir := program(t, `"one"`)
	inWorld(t, func(t *testing.T, w *world) {
		w.pick, w.dir = ecrAndImage, dir
		m := "project_name: app\nresources:\n  - {id: api, type: aws_ecs_service, config: {build: {go: ., platform: 'linux/amd64,linux/arm64', compression: zstd}}}\n"
		first := w.settled(m)
		if again := w.up(m); again.err != nil || again.ref() != first.ref() {
			t.Errorf("%s, then %s, %v", first.ref(), again.ref(), again.err)
		}
		c := ecr.NewFromConfig(w.Config("us-east-1"))
		list, err := c.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: new("app")})
		if err != nil || len(list.ImageDetails) != 3 {
			t.Fatal(list, err)
		}
		for _, d := range list.ImageDetails {
			if index := strings.Contains(*d.ImageManifestMediaType, "index"); index != (len(d.ImageTags) == 1) || index && strings.HasSuffix(first.ref(), *d.ImageDigest) {
				t.Errorf("%s %s %v", *d.ImageManifestMediaType, *d.ImageDigest, d.ImageTags)
			}
		}
		// The service of the other architecture has its image from there, too.
		arm := w.app(strings.Replace(m, "config: {", "config: {architecture: ARM64, ", 1))
		img := &Image{App: arm, ECR: &ECR{App: arm}}
		if err := img.Read(t.Context()); err != nil || img.broken != nil {
			t.Fatal(err, img.broken)
		}
		w.opts.Platform = "linux/arm64"
		if r := w.up("project_name: app"); r.err == nil || !strings.Contains(r.err.Error(), "the image would be for linux/arm64, the service runs on linux/amd64") || len(r.changing()) > 0 {
			t.Error(r.err)
		}
	})
}

// Where tags are immutable, a rebuild that comes out otherwise is refused with the ways out, and nothing is half done.
func TestImageRebuiltWhereTagsAreImmutable(t *testing.T) {
	t.Parallel()
	dir := program(t, `"one"`)
	inWorld(t, func(t *testing.T, w *world) {
		w.pick, w.dir = ecrAndImage, dir
		m := repositoryWith("image_tag_mutability: IMMUTABLE")
		first := w.settled(m).ref()
		w.opts.Rebuild = true
		if r := w.up(m); r.err != nil || r.ref() != first { // the same again is no other image
			t.Error(r.err, r.ref(), first)
		}
		// Somebody else's image has the tag of these inputs.
		w.state(func(r *sandbox.Region) {
			repo := r.ECR.Repositories["app"]
			_, digest, _ := strings.Cut(first, "@")
			other := *repo.Images[digest]
			other.Manifest = append([]byte(" "), other.Manifest...)
			sum := sha256.Sum256(other.Manifest)
			delete(repo.Images, digest)
			repo.Images["sha256:"+hex.EncodeToString(sum[:])] = &other
		})
		r := w.up(m)
		var e *image.Error
		if !errors.Is(r.err, image.ErrTagTaken) || !errors.As(r.err, &e) || !strings.Contains(r.err.Error(), "tag exists with another digest") {
			t.Fatal(r.err)
		}
		for _, way := range []string{"--rebuild", "--image", "MUTABLE"} {
			if !strings.Contains(strings.Join(hintsOf(r.err), " "), way) {
				t.Errorf("hints %q lack %s", hintsOf(r.err), way)
			}
		}
	})
}

func hintsOf(err error) (all []string) {
	for err != nil {
		if h, ok := err.(interface{ Hint() string }); ok {
			all = append(all, h.Hint())
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				all = append(all, hintsOf(e)...)
			}
			return all
		}
		err = errors.Unwrap(err)
	}
	return all
}

// A base image in ECR, by its own name or as the mirror of Docker Hub, is read with a token of ECR: nobody has to log in.
func TestImageOnABaseInECR(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	dir := program(t, `"one"`)
	inWorld(t, func(t *testing.T, w *world) {
		w.pick, w.dir = ecrAndImage, dir
		const host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
		built := w.settled("project_name: app\nresources:\n  - {id: repo, type: aws_ecr_repository, name: hub/library/base}\n").ref()
		_, digest, _ := strings.Cut(built, "@")
		for _, build := range []string{
			"base: '" + host + "/hub/library/base@" + digest + "'",
			"base: 'base@" + digest + "', base_mirror: " + host + "/hub",
		} {
			r := w.up("project_name: other\nresources:\n  - {id: api, type: aws_ecs_service, config: {build: {go: ., " + build + "}}}\n")
			if r.err != nil || r.ref() == built {
				t.Fatalf("%s: %v, %s", build, r.err, r.ref())
			}
		}
		list, err := ecr.NewFromConfig(w.Config("us-east-1")).DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: new("other")})
		if err != nil || len(list.ImageDetails) != 1 || len(list.ImageDetails[0].ImageTags) != 2 { // the same image, by two inputs
			t.Fatal(list, err)
		}
		w.opts.Rebuild = true
		r := w.up("project_name: other\nresources:\n  - {id: api, type: aws_ecs_service, config: {build: {go: ., base: 'base:none', base_mirror: " + host + "/hub}}}\n")
		if r.err == nil || !strings.Contains(r.err.Error(), "base image base:none at "+host+"/hub/library/base:none: not found") {
			t.Error(r.err)
		}
	})
}
