package steps

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// plan makes the role, or brings it to what is wanted: what it may do grows at once and shrinks once the new release
// serves.
func (r *role) plan() (plan []deploy.Change) {
	if r.live == nil {
		return []deploy.Change{{Op: deploy.Create, What: r.what(), Group: "roles", Do: r.create}}
	}
	if diff := readDocument(val(r.live.AssumeRolePolicyDocument)).diff(r.trust); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: r.what() + " trust policy", Diff: diff, Do: func(ctx context.Context) error {
			_, err := r.AWS.IAM.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &r.name, PolicyDocument: new(r.trust.String())})
			return err
		}})
	}
	plan = append(plan, r.planBoundary()...)
	dropped := r.dropped()
	// The tags come before what they are about: a crash between the two leaves nothing attached that is not marked.
	plan = append(plan, retag(r.what(), roleTags(r.live), r.wantTags(append(dropped, r.managed...)), r.tag)...)
	plan = append(plan, r.planManaged()...)
	if r.inline != secretsPolicy { // which the secrets step plans
		plan = append(plan, r.planInline(r.inline, func() (document, bool) { return r.policy, true })...)
	}
	if len(dropped) > 0 {
		plan = append(plan, deploy.Change{
			Op: deploy.Update, What: r.what() + " policies", Diff: deploy.Diff(deploy.FSet("attached", append(dropped, r.managed...), r.managed)),
			After: true, Do: func(ctx context.Context) error { return r.drop(ctx, dropped) },
		})
	}
	return plan
}

func (r *role) planManaged() (plan []deploy.Change) {
	for _, arn := range r.managed {
		if !slices.Contains(r.attached, arn) {
			plan = append(plan, deploy.Change{Op: deploy.Create, What: r.what() + " policy " + last(arn), Group: "policies", Do: func(ctx context.Context) error {
				return r.attach(ctx, arn)
			}})
		}
	}
	return plan
}

// planInline brings an inline policy from what is live to what is wanted: what it lacks is added at once, what it has too
// much is taken away once the new release serves. wanted also says whether that is all, or some of it is not known yet.
func (r *role) planInline(name string, wanted func() (want document, all bool)) (plan []deploy.Change) {
	live := r.policies[name]
	want, all := wanted()
	change := deploy.Change{Op: deploy.Update, What: r.what() + " policy " + name, Diff: live.diff(live.with(want))}
	if !all {
		change.Diff = append(change.Diff, deploy.Field{Name: "statement", From: "none", To: "(known after apply)"})
	}
	if len(live) == 0 {
		change.Op = deploy.Create
	}
	if change.Diff != nil {
		change.Do = func(ctx context.Context) error {
			want, _ := wanted()
			return r.put(ctx, name, want.with(live))
		}
		plan = append(plan, change)
	}
	if want.covers(live) {
		return plan
	}
	shrink := deploy.Change{Op: deploy.Update, What: change.What, Diff: live.with(want).diff(want), After: true, Do: func(ctx context.Context) error {
		want, _ := wanted()
		return r.put(ctx, name, want)
	}}
	if len(want) == 0 && all {
		shrink.Op, shrink.Diff, shrink.Do = deploy.Delete, nil, func(ctx context.Context) error {
			_, err := r.AWS.IAM.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &r.name, PolicyName: &name})
			return aws.Ignore(err, "NoSuchEntity")
		}
	}
	return append(plan, shrink)
}

func (r *role) planBoundary() []deploy.Change {
	want := r.Manifest.Role.PermissionsBoundary
	live := ""
	if b := r.live.PermissionsBoundary; b != nil {
		live = val(b.PermissionsBoundaryArn)
	}
	diff := deploy.Diff(deploy.F("permissions boundary", live, want))
	if diff == nil {
		return nil
	}
	return []deploy.Change{{Op: deploy.Update, What: r.what(), Diff: diff, Do: func(ctx context.Context) error {
		if want == "" {
			_, err := r.AWS.IAM.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: &r.name})
			return aws.Ignore(err, "NoSuchEntity")
		}
		_, err := r.AWS.IAM.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &r.name, PermissionsBoundary: &want})
		return err
	}}}
}

func (r *role) create(ctx context.Context) error {
	in := &iam.CreateRoleInput{
		RoleName: &r.name, Path: &r.Manifest.Role.Path, AssumeRolePolicyDocument: new(r.trust.String()),
		Description: new("made by fargatectl for " + r.Manifest.Stack()),
		Tags:        iamTags(r.wantTags(r.managed)),
	}
	if b := r.Manifest.Role.PermissionsBoundary; b != "" {
		in.PermissionsBoundary = &b
	}
	out, err := r.AWS.IAM.CreateRole(ctx, in)
	live := (*types.Role)(nil)
	switch {
	case err == nil:
		live = out.Role
	case aws.Is(err, "EntityAlreadyExists"): // the answer to our own first attempt was lost, or somebody was quicker
		if live, err = r.get(ctx); err != nil {
			return err
		}
		if err := r.own("role", r.name, roleTags(live)); err != nil {
			return err
		}
	default:
		return err
	}
	r.made = time.Now()
	r.arn.Set(*live.Arn)
	for _, arn := range r.managed {
		if err := r.attach(ctx, arn); err != nil {
			return err
		}
	}
	if len(r.policy) == 0 {
		return nil
	}
	return r.put(ctx, r.inline, r.policy)
}

func (r *role) attach(ctx context.Context, arn string) error {
	return r.settled(ctx, func() error {
		_, err := r.AWS.IAM.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &r.name, PolicyArn: &arn})
		return err
	})
}

func (r *role) put(ctx context.Context, name string, d document) error {
	return r.settled(ctx, func() error {
		_, err := r.AWS.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &r.name, PolicyName: &name, PolicyDocument: new(d.String())})
		return err
	})
}

// settled does a call again, for two minutes at most, while IAM does not know everywhere yet what was done before: that
// the role is there, that its policies are gone.
func (r *role) settled(ctx context.Context, call func() error) error {
	until := time.Now().Add(r.pause(2 * time.Minute))
	return deploy.Until(ctx, func(context.Context) (string, error) {
		err := call()
		lag := aws.Is(err, "DeleteConflict", "ConcurrentModification", "EntityTemporarilyUnmodifiable") ||
			aws.Is(err, "NoSuchEntity") && strings.Contains(err.Error(), "role with name")
		if lag && time.Now().Before(until) {
			return "IAM settles", nil
		}
		return "", err
	})
}

func (r *role) tag(ctx context.Context, tags map[string]string) error {
	_, err := r.AWS.IAM.TagRole(ctx, &iam.TagRoleInput{RoleName: &r.name, Tags: iamTags(tags)})
	return err
}

func iamTags(tags map[string]string) []types.Tag {
	return aws.Convert(tags, func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} })
}

// drop detaches what we attached and the manifest no longer has, then says so in the tag.
func (r *role) drop(ctx context.Context, arns []string) error {
	for _, arn := range arns {
		if err := r.detach(ctx, arn); err != nil {
			return err
		}
	}
	if tags := r.wantTags(r.managed); tags[tagPolicies] != "" {
		return r.tag(ctx, tags)
	}
	_, err := r.AWS.IAM.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &r.name, TagKeys: []string{tagPolicies}})
	return err
}

func (r *role) detach(ctx context.Context, arn string) error {
	_, err := r.AWS.IAM.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &r.name, PolicyArn: &arn})
	return aws.Ignore(err, "NoSuchEntity")
}

// remove deletes the role, and before that whatever is attached to it.
func (r *role) remove() []deploy.Change {
	if r.live == nil {
		return nil
	}
	var others []string
	for _, arn := range r.foreign() {
		others = append(others, last(arn))
	}
	why := ""
	if others = append(others, r.others()...); len(others) > 0 {
		why = "with policies of others: " + strings.Join(others, ", ")
	}
	return []deploy.Change{{Op: deploy.Delete, What: r.what(), Why: why, Group: "roles", Do: func(ctx context.Context) error {
		attached, err := r.listAttached(ctx)
		if err != nil {
			return err
		}
		for _, arn := range attached {
			if err := r.detach(ctx, arn); err != nil {
				return err
			}
		}
		names, err := r.listInline(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			_, err := r.AWS.IAM.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &r.name, PolicyName: &name})
			if err := aws.Ignore(err, "NoSuchEntity"); err != nil {
				return err
			}
		}
		return aws.Ignore(r.settled(ctx, func() error {
			_, err := r.AWS.IAM.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &r.name})
			if aws.Is(err, "NoSuchEntity") {
				return nil
			}
			return err
		}), "NoSuchEntity")
	}}}
}
