package steps

import (
	"encoding/json"
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
		same(t, w.plan(repositoryWith(changed)), `
~ ecr: repository app
    tag mutability: MUTABLE -> IMMUTABLE
~ ecr: repository app
    scan on push: true -> false
~ ecr: repository app
    images kept: 30 -> 5
`)
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

// A lifecycle policy that somebody has changed is set right again.
func TestECRLifecycleByHand(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyECR
		const m = "project_name: app"
		w.settled(m)
		c := ecr.NewFromConfig(w.Config("us-east-1"))
		ours, err := c.GetLifecyclePolicy(t.Context(), &ecr.GetLifecyclePolicyInput{RepositoryName: new("app")})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"tagPatternList":["live-*"]`, `"tagPatternList":["*"]`, `"countType":"sinceImagePushed"`} {
			if !strings.Contains(*ours.LifecyclePolicyText, want) {
				t.Errorf("%s lacks %s", *ours.LifecyclePolicyText, want)
			}
		}
		// Other white space and another order of keys are the same policy; another rule is not.
		var any any
		if err := json.Unmarshal([]byte(*ours.LifecyclePolicyText), &any); err != nil {
			t.Fatal(err)
		}
		indented, err := json.MarshalIndent(any, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]string{
			string(indented): "",
			strings.Replace(*ours.LifecyclePolicyText, "live-*", "dead-*", 1): "~ ecr: repository app\n    lifecycle policy: ",
		} {
			if _, err := c.PutLifecyclePolicy(t.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: new("app"), LifecyclePolicyText: &text}); err != nil {
				t.Fatal(err)
			}
			if p := w.plan(m); !strings.HasPrefix(p, want) || want == "" && p != "" {
				t.Error(p)
			}
		}
		w.settled(m)
	})
}

// Under a new name in the manifest the repository is used on, with its images, and destroyed with the rest.
func TestECRRenamed(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyECR
		w.settled("project_name: app")
		renamed := "project_name: app\nresources:\n  - {id: repo, type: aws_ecr_repository, name: other}\n"
		const note = "  ecr: repository app is used on, for AWS can't rename it to other: destroy and up would\n"
		same(t, w.plan(renamed), note)
		w.settled(renamed)
		if got := w.repositories(); got != "app" {
			t.Error(got)
		}
		if r := w.destroy(renamed); r.err != nil || w.repositories() != "" {
			t.Error(r.err, w.repositories())
		}
		// Another environment has one of its own.
		w.settled("project_name: app")
		staging := w.app("project_name: app\nenvironments: {staging: {}}", "staging")
		if r := w.apply(t.Context(), staging, false); r.err != nil || r.plan.String() != "+ ecr: repository app-staging\n" {
			t.Error(r.err, r.plan)
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

// What a repository is encrypted with is settled when it is made.
func TestECREncryption(t *testing.T) {
	t.Parallel()
	const key = "1234abcd-12ab-34cd-56ef-1234567890ab"
	arn := "arn:aws:kms:us-east-1:123456789012:key/" + key
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyECR
		w.settled("project_name: plain")
		w.settled(repositoryWith("encryption_type: KMS, kms_key: " + key))
		w.settled(repositoryWith("encryption_type: KMS, kms_key: " + arn))
		w.settled(repositoryWith("encryption_type: KMS, kms_key: alias/mine"))
		w.settled(repositoryWith("encryption_type: KMS"))
		out, err := ecr.NewFromConfig(w.Config("us-east-1")).DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"app"}})
		if err != nil {
			t.Fatal(err)
		}
		if e := out.Repositories[0].EncryptionConfiguration; e.EncryptionType != "KMS" || *e.KmsKey != arn {
			t.Errorf("%s, %s", e.EncryptionType, *e.KmsKey)
		}
		for manifest, want := range map[string]string{
			"project_name: app": "repository app is encrypted with KMS, and AWS can't change that to AES256: write `encryption_type: KMS`, ",
			strings.Replace(repositoryWith("encryption_type: KMS"), "project_name: app", "project_name: plain", 1):      "repository plain is encrypted with AES256, and AWS can't change that to KMS: write `encryption_type: AES256`, ",
			repositoryWith("encryption_type: KMS, kms_key: 'arn:aws:kms:us-east-1:123456789012:key/" + key[:35] + "0'"): "repository app is encrypted with " + arn + ", and AWS can't change that to arn:aws:kms:us-east-1:123456789012:key/" + key[:35] + "0: write `kms_key: " + arn + "`, ",
		} {
			if r := w.up(manifest); r.err == nil || !strings.Contains(r.err.Error(), want) || len(r.changing()) > 0 {
				t.Errorf("%v, %v\nwant %s", r.err, r.changing(), want)
			}
		}
		if r := w.destroy("project_name: app"); r.err != nil { // a wish that can't be fulfilled is no obstacle
			t.Error(r.err)
		}
	})
}
