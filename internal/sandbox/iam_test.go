package sandbox

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const tasksTrust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}}`

// refused holds that a call was answered with an error code, and that its message has the words.
func refused(t *testing.T, err error, want, words string) {
	t.Helper()
	if got := code(err); got != want || !strings.Contains(err.Error(), words) {
		t.Errorf("%v, want %s %q", err, want, words)
	}
}

func TestRole(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	c, ctx := iam.NewFromConfig(s.Config("eu-west-1")), t.Context()
	made, err := c.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: new("app"), AssumeRolePolicyDocument: new(tasksTrust),
		Tags: []types.Tag{{Key: new("k"), Value: new("v")}}, PermissionsBoundary: new("arn:aws:iam::aws:policy/PowerUserAccess"),
	})
	if err != nil || *made.Role.Arn != "arn:aws:iam::"+Account+":role/app" || len(*made.Role.RoleId) != 21 {
		t.Fatal(made, err)
	}
	got, err := iam.NewFromConfig(s.Config("us-east-1")).GetRole(ctx, &iam.GetRoleInput{RoleName: new("app")})
	if err != nil || !strings.HasPrefix(*got.Role.AssumeRolePolicyDocument, "%7B%22Version") || len(got.Role.Tags) != 1 || got.Role.PermissionsBoundary == nil {
		t.Error("in another region:", got, err)
	}
	if doc, err := url.QueryUnescape(*got.Role.AssumeRolePolicyDocument); err != nil || doc != tasksTrust {
		t.Error(doc, err)
	}
	_, err = c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("APP"), AssumeRolePolicyDocument: new(tasksTrust)})
	refused(t, err, "EntityAlreadyExists", "Role with name APP already exists.")
	_, err = c.GetRole(ctx, &iam.GetRoleInput{RoleName: new("nobody")})
	refused(t, err, "NoSuchEntity", "The role with name nobody cannot be found.")

	const managed, doc = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::b/a b"}]}`
	for range 2 {
		if _, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: new("app"), PolicyArn: new(managed)}); err != nil {
			t.Error(err)
		}
	}
	_, err = c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: new("app"), PolicyArn: new("arn:aws:iam::" + Account + ":policy/mine")})
	refused(t, err, "NoSuchEntity", "does not exist or is not attachable")
	if _, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("app"), PolicyName: new("p"), PolicyDocument: new(doc)}); err != nil {
		t.Error(err)
	}
	inline, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: new("app"), PolicyName: new("p")})
	if err != nil || strings.ContainsAny(*inline.PolicyDocument, ` +{"`) {
		t.Error(inline, err)
	}
	_, err = c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("app"), PolicyName: new("big"), PolicyDocument: new(strings.Replace(doc, "a b", strings.Repeat("x", 10240), 1))})
	refused(t, err, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role app")

	del := &iam.DeleteRoleInput{RoleName: new("app")}
	_, err = c.DeleteRole(ctx, del)
	refused(t, err, "DeleteConflict", "must detach all policies first")
	if _, err := c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: new("app"), PolicyArn: new(managed)}); err != nil {
		t.Error(err)
	}
	_, err = c.DeleteRole(ctx, del)
	refused(t, err, "DeleteConflict", "must delete policies first")
	if _, err := c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: new("app"), PolicyName: new("p")}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteRole(ctx, del); err != nil {
		t.Error(err)
	}
}

func TestMalformedPolicies(t *testing.T) {
	t.Parallel()
	s := open(t, "")
	c := iam.NewFromConfig(s.Config("eu-west-1"))
	for i, tt := range []struct{ doc, words string }{
		{`{`, "invalid Json"},
		{`{"Version":"2012-10-17"}`, "Syntax errors"},
		{`{"Version":"2013-10-17","Statement":[]}`, "valid version"},
		{`{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}`, "Missing required field Principal"},
		{`{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*","Resource":"*"}}`, "prohibited field Resource"},
		{`{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Principal":"*"}}`, "STS AssumeRole actions"},
		{`{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::` + Account + `:role/nobody"}}}`, "Invalid principal in policy"},
	} {
		_, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: new(fmt.Sprint("r", i)), AssumeRolePolicyDocument: &tt.doc})
		refused(t, err, "MalformedPolicyDocument", tt.words)
	}
	if _, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: new("app"), AssumeRolePolicyDocument: new(tasksTrust)}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ doc, words string }{
		{`{"Statement":{"Effect":"Allow","Action":"s3:*"}}`, "must contain resources"},
		{`{"Statement":{"Effect":"Allow","Action":"s3","Resource":"*"}}`, "prefaced by a vendor"},
		{`{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}}`, "must be in ARN format"},
		{`{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}}`, "should not specify a principal"},
	} {
		_, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: new("app"), PolicyName: new("p"), PolicyDocument: &tt.doc})
		refused(t, err, "MalformedPolicyDocument", tt.words)
	}
}

func TestServiceLinkedRole(t *testing.T) {
	t.Parallel()
	c := iam.NewFromConfig(open(t, "").Config("eu-west-1"))
	in := &iam.CreateServiceLinkedRoleInput{AWSServiceName: new("ecs.amazonaws.com")}
	if out, err := c.CreateServiceLinkedRole(t.Context(), in); err != nil || *out.Role.Path != "/aws-service-role/ecs.amazonaws.com/" {
		t.Error(out, err)
	}
	_, err := c.CreateServiceLinkedRole(t.Context(), in)
	refused(t, err, "InvalidInput", "Service role name AWSServiceRoleForECS has been taken in this account")
	_, err = c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: new("AWSServiceRoleForECS")})
	refused(t, err, "UnmodifiableEntity", "only modifiable by AWS")
}

func TestListRolesPages(t *testing.T) {
	t.Parallel()
	c := iam.NewFromConfig(open(t, "").Config("eu-west-1"))
	for i := range 5 {
		if _, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: new(fmt.Sprint("r", i)), AssumeRolePolicyDocument: new(tasksTrust)}); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for p := iam.NewListRolesPaginator(c, &iam.ListRolesInput{MaxItems: new(int32(2))}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil || len(out.Roles) > 2 {
			t.Fatal(out, err)
		}
		for _, r := range out.Roles {
			names = append(names, *r.RoleName)
		}
	}
	if got := strings.Join(names, " "); got != "r0 r1 r2 r3 r4" {
		t.Error(got)
	}
}

// ECS can't assume a role at once, nor one that trusts somebody else.
func TestRoleReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Options{Speed: 2})
		if err != nil {
			t.Fatal(err)
		}
		c := iam.NewFromConfig(s.Config("eu-west-1"))
		for name, trust := range map[string]string{"task": tasksTrust, "other": trustFor("ec2.amazonaws.com")} {
			if _, err := c.CreateRole(context.Background(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}); err != nil {
				t.Fatal(err)
			}
		}
		ready := func(name string) (ok bool) {
			if err := s.Do(func(*State) { ok = s.roleReady(s.arn("iam", "", "role/"+name)) }); err != nil {
				t.Error(err)
			}
			return ok
		}
		time.Sleep(iamPropagation/2 - time.Millisecond)
		if ready("task") {
			t.Error("ready before its time")
		}
		time.Sleep(time.Millisecond)
		if !ready("task") || ready("other") || ready("nobody") {
			t.Error(ready("task"), ready("other"), ready("nobody"))
		}
	})
}

func TestRoleAllows(t *testing.T) {
	t.Parallel()
	s := open(t, "")
	c, ctx := iam.NewFromConfig(s.Config("eu-west-1")), t.Context()
	own := `{"Statement":[{"Effect":"Allow","Action":["secretsmanager:GetSecretValue"],"Resource":["arn:aws:secretsmanager:*:1:secret:app/*"]},{"Effect":"Deny","Action":"*","Resource":"arn:aws:secretsmanager:*:1:secret:app/No"}]}`
	bound, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new("bound"), PolicyDocument: new(`{"Statement":{"Effect":"Allow","NotAction":"logs:*","Resource":"*"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("app"), AssumeRolePolicyDocument: new(tasksTrust), PermissionsBoundary: bound.Policy.Arn, Path: new("/a/")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("app"), PolicyName: new("p"), PolicyDocument: &own}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: new("app"), PolicyArn: new("arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		action, resource string
		want             bool
	}{
		{"secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-west-1:1:secret:app/db", true},
		{"secretsmanager:getsecretvalue", "arn:aws:secretsmanager:eu-west-1:1:secret:app/a/b", true},
		{"secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-west-1:1:secret:App/db", false},
		{"secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-west-1:1:secret:app/No", false},
		{"secretsmanager:PutSecretValue", "arn:aws:secretsmanager:eu-west-1:1:secret:app/db", false},
		{"ecr:BatchGetImage", "arn:aws:ecr:eu-west-1:1:repository/app", true},
		{"logs:PutLogEvents", "arn:aws:logs:eu-west-1:1:log-group:a", false}, // by the boundary
	} {
		if err := s.Do(func(*State) {
			if got := s.roleAllows(*made.Role.Arn, tt.action, tt.resource); got != tt.want {
				t.Error(tt, got)
			}
		}); err != nil {
			t.Error(err)
		}
	}
}
