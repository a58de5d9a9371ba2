package steps

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

func onlyIAM(app *App) []deploy.Step { return []deploy.Step{&IAM{App: app}} }

const iamManifest = "project_name: app\nresources:\n  - {id: role, type: aws_iam_role, config: {"

// iamWith is a manifest whose aws_iam_role has the config.
func iamWith(config string) string { return iamManifest + config + "}}\n" }

// same holds that two texts are the same.
func same(t *testing.T, got, want string) {
	t.Helper()
	if d := cmp.Diff(strings.TrimPrefix(want, "\n"), got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestIAMCreates(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyIAM
		m := iamWith(`task_policies: ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]`)
		same(t, w.plan(m), `
+ iam: role app-ecs-execution-us-east-1
+ iam: role app-ecs-task-us-east-1
`)
		if r := w.settled(m); r.took < propagation || r.took > 2*propagation {
			t.Errorf("up took %v: a new role is awaited for %v", r.took, propagation)
		}
		if r := w.up(m); r.took > time.Second {
			t.Errorf("an old role is awaited: %v", r.took)
		}
		c := iam.NewFromConfig(w.Config("us-east-1"))
		got, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: new("app-ecs-execution-us-east-1")})
		if err != nil {
			t.Fatal(err)
		}
		want := newDocument(map[string]any{
			"Effect": "Allow", "Action": []string{"sts:AssumeRole"}, "Principal": map[string]any{"Service": "ecs-tasks.amazonaws.com"},
			"Condition": map[string]any{
				"ArnLike":      map[string]any{"aws:SourceArn": "arn:aws:ecs:us-east-1:123456789012:*"},
				"StringEquals": map[string]any{"aws:SourceAccount": []string{"123456789012"}},
			},
		})
		if d := cmp.Diff(want, readDocument(*got.Role.AssumeRolePolicyDocument)); d != "" {
			t.Error(d)
		}
		policies, err := c.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: new("app-ecs-execution-us-east-1")})
		if err != nil || len(policies.AttachedPolicies) != 1 || *policies.AttachedPolicies[0].PolicyArn != "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy" {
			t.Error(policies, err)
		}
		w.destroy(m)
		w.roles(t, "")
	})
}

// roles holds which roles there are.
func (w *world) roles(t *testing.T, want string) {
	t.Helper()
	if err := w.Do(func(st *sandbox.State) {
		var names []string
		for name := range st.IAM.Roles {
			names = append(names, name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("roles %q, want %q", got, want)
		}
	}); err != nil {
		t.Error(err)
	}
}

// What a role may do grows at once and shrinks when the new release serves.
func TestIAMChanges(t *testing.T) {
	t.Parallel()
	const s3, sqs = `{Effect: Allow, Action: "s3:GetObject", Resource: ["arn:aws:s3:::b/*", "arn:aws:s3:::a/*"]}`, `{Effect: Allow, Action: ["sqs:*"], Resource: "*"}`
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyIAM
		w.settled("project_name: app")
		for _, tt := range []struct{ config, plan string }{
			{`task_policies: ["arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"]`, `
~ iam: role app-ecs-task-us-east-1 tags
    tag fargatectl:policies: none -> 217d3342 942e3689
+ iam: role app-ecs-task-us-east-1 policy A
+ iam: role app-ecs-task-us-east-1 policy B
`},
			{`task_policies: ["arn:aws:iam::aws:policy/C"]`, `
~ iam: role app-ecs-task-us-east-1 tags
    tag fargatectl:policies: 217d3342 942e3689 -> 217d3342 76266b79 942e3689
+ iam: role app-ecs-task-us-east-1 policy C
~ iam: role app-ecs-task-us-east-1 policies, once the new release serves
    attached: arn:aws:iam::aws:policy/A, arn:aws:iam::aws:policy/B, arn:aws:iam::aws:policy/C -> arn:aws:iam::aws:policy/C
`},
			{``, `
~ iam: role app-ecs-task-us-east-1 policies, once the new release serves
    attached: arn:aws:iam::aws:policy/C -> none
`},
			{`task_statements: [` + s3 + `]`, `
+ iam: role app-ecs-task-us-east-1 policy task
    statement: none -> {"Action":["s3:GetObject"],"Effect":"Allow","Resource":["arn:aws:s3:::a/*"]}
    statement: none -> {"Action":["s3:GetObject"],"Effect":"Allow","Resource":["arn:aws:s3:::b/*"]}
`},
			{`task_statements: [` + sqs + `, ` + strings.Replace(s3, "a/*", "c/*", 1) + `]`, `
~ iam: role app-ecs-task-us-east-1 policy task
    statement: none -> {"Action":["s3:GetObject"],"Effect":"Allow","Resource":["arn:aws:s3:::c/*"]}
    statement: none -> {"Action":["sqs:*"],"Effect":"Allow","Resource":["*"]}
~ iam: role app-ecs-task-us-east-1 policy task, once the new release serves
    statement: {"Action":["s3:GetObject"],"Effect":"Allow","Resource":["arn:aws:s3:::a/*"]} -> none
`},
			{`task_statements: []`, `
- iam: role app-ecs-task-us-east-1 policy task, once the new release serves
`},
			{`permissions_boundary: "arn:aws:iam::aws:policy/P"`, `
~ iam: role app-ecs-execution-us-east-1
    permissions boundary: none -> arn:aws:iam::aws:policy/P
~ iam: role app-ecs-task-us-east-1
    permissions boundary: none -> arn:aws:iam::aws:policy/P
`},
			{`path: "/"`, `
~ iam: role app-ecs-execution-us-east-1
    permissions boundary: arn:aws:iam::aws:policy/P -> none
~ iam: role app-ecs-task-us-east-1
    permissions boundary: arn:aws:iam::aws:policy/P -> none
`},
		} {
			same(t, w.plan(iamWith(tt.config)), tt.plan)
			w.settled(iamWith(tt.config))
		}
		same(t, w.plan(iamWith(`path: "/x/"`)), "error: iam: role app-ecs-execution-us-east-1 has path /, and IAM can't change it to /x/: keep `path: /`, or destroy and bring up anew")
		exec := "project_name: app\nresources: [{id: s, type: aws_ecs_service, config: {enable_execute_command: true}}]"
		if p := w.plan(exec); !strings.Contains(p, `"ssmmessages:OpenDataChannel"],"Effect":"Allow"`) {
			t.Error(p)
		}
		w.settled(exec)
	})
}

// The trust policy is set right again; what others added to our roles stays until destroy, which says so.
func TestIAMByHand(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyIAM
		const m, name = "project_name: app", "app-ecs-task-us-east-1"
		w.settled(m)
		c, ctx := iam.NewFromConfig(w.Config("us-east-1")), t.Context()
		open := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`
		if _, err := c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: new(name), PolicyDocument: &open}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: new(name), PolicyArn: new("arn:aws:iam::aws:policy/ReadOnlyAccess")}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new(name), PolicyName: new("extra"), PolicyDocument: new(newDocument(map[string]any{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}).String())}); err != nil {
			t.Fatal(err)
		}
		notes := `  iam: role app-ecs-task-us-east-1 has policy ReadOnlyAccess, attached by others: kept until destroy
  iam: role app-ecs-task-us-east-1 has inline policy extra, written by others: kept until destroy
`
		if p := w.plan(m); !strings.HasPrefix(p, "~ iam: role app-ecs-task-us-east-1 trust policy\n") || !strings.HasSuffix(p, notes) {
			t.Error(p)
		}
		w.settled(m)
		same(t, w.plan(m), notes)
		r := w.destroy(m)
		if p := r.plan.String(); r.err != nil || !strings.Contains(p, "- iam: role app-ecs-task-us-east-1 (with policies of others: ReadOnlyAccess, extra)\n") {
			t.Error(r.err, p)
		}
		w.roles(t, "")
	})
}

// A role with our name that is somebody's is refused; one that is nobody's can be taken over.
func TestIAMForeign(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyIAM
		const m, name = "project_name: app", "app-ecs-task-us-east-1"
		make := func(tags ...types.Tag) {
			c := iam.NewFromConfig(w.Config("us-east-1"))
			if _, err := c.CreateRole(context.Background(), &iam.CreateRoleInput{
				RoleName: new(name), Tags: tags,
				AssumeRolePolicyDocument: new(serviceTrust("ecs-tasks.amazonaws.com", "1", "*").String()),
			}); err != nil {
				t.Fatal(err)
			}
		}
		make()
		same(t, w.plan(m), "error: iam: read: role app-ecs-task-us-east-1 exists and is not fargatectl's: it lacks the tag fargatectl:project")
		w.opts.Adopt = true
		w.settled(m)
		w.destroy(m)
		make(types.Tag{Key: new("fargatectl:project"), Value: new("other")}, types.Tag{Key: new("fargatectl:env"), Value: new("default")})
		same(t, w.plan(m), "error: iam: read: role app-ecs-task-us-east-1 exists and belongs to project other, environment default")
	})
}

// IAM knows what was done a moment ago not everywhere: such an answer is waited out, and a wrong name is not.
func TestIAMLags(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyIAM
		m := iamWith(`task_policies: ["arn:aws:iam::aws:policy/A"], task_statements: [{Effect: Allow, Action: "s3:*", Resource: "*"}]`)
		for n := range 3 {
			w.Inject(sandbox.Fault{Op: "AttachRolePolicy", Nth: n + 1, Code: "NoSuchEntity", Message: "The role with name x cannot be found."})
		}
		w.Inject(sandbox.Fault{Op: "PutRolePolicy", Nth: 1, Code: "ConcurrentModification"})
		w.settled(m)
		w.Inject(sandbox.Fault{Op: "DeleteRole", Nth: 1, Code: "DeleteConflict", Message: "Cannot delete entity, must detach all policies first."})
		if r := w.destroy(m); r.err != nil {
			t.Error(r.err)
		}
		w.roles(t, "")
		w.Heal()
		unknown := iamWith(`task_policies: ["arn:aws:iam::123456789012:policy/none"]`)
		if r := w.up(unknown); r.err == nil || !strings.Contains(r.err.Error(), "does not exist or is not attachable") || r.took > 10*time.Second {
			t.Error(r.err, r.took)
		}
		w.Inject(sandbox.Fault{Op: "AttachRolePolicy", Code: "NoSuchEntity", Message: "The role with name x cannot be found."})
		if r := w.up(m); r.err == nil || r.took < 2*time.Minute || r.took > 3*time.Minute {
			t.Error("a lag that never ends:", r.err, r.took)
		}
	})
}

// Law 5: an up that fails, or loses an answer, at any of its changing calls is completed by the next one.
func TestIAMFails(t *testing.T) {
	t.Parallel()
	const before = `task_policies: ["arn:aws:iam::aws:policy/A"], task_statements: [{Effect: Allow, Action: "s3:*", Resource: "*"}]`
	const after = `task_policies: ["arn:aws:iam::aws:policy/B"], permissions_boundary: "arn:aws:iam::aws:policy/P"`
	for _, fault := range []sandbox.Fault{{Code: "AccessDenied"}, {Lost: true}, {Code: "ServiceFailure"}} {
		for n := 1; ; n += stride {
			failed := false
			inWorld(t, func(t *testing.T, w *world) {
				w.pick = onlyIAM
				f := fault
				f.Changing, f.Nth = true, n
				w.Inject(f)
				first := w.up(iamWith(before))
				second := w.up(iamWith(after))
				failed = len(first.changing())+len(second.changing()) >= n
				w.Heal()
				w.settled(iamWith(after))
				w.destroy(iamWith(after))
				w.roles(t, "")
			})
			if !failed {
				break
			}
			if n > 40 {
				t.Fatal("the faults never end")
			}
		}
	}
}
