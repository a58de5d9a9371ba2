package steps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// tagPolicies marks the managed policies that we attached, so that one that the manifest drops is told from one that
// somebody attached by hand: short hashes of their ARNs, since a tag's value has 256 characters.
const tagPolicies = "fargatectl:policies"

// A role is one role that we make: whom it trusts, its inline policy and its managed ones.
type role struct {
	*App
	arn        *deploy.Out[string]
	name, word string // word is the tag fargatectl:resource
	trust      document
	managed    []string // ARNs of policies
	inline     string   // the name of the one inline policy that is ours
	policy     document // that policy; nil where another step writes it, or for none

	live     *types.Role
	attached []string            // ARNs
	policies map[string]document // inline ones by name
	made     time.Time           // when it was created, by our clock; zero without a role
}

func (r *role) what() string { return "role " + r.name }

// read finds the role, what is attached to it, and its inline policies.
func (r *role) read(ctx context.Context) error {
	var names []string
	err := together(
		func() (err error) { r.live, err = r.get(ctx); return err },
		func() (err error) { r.attached, err = r.listAttached(ctx); return err },
		func() (err error) { names, err = r.listInline(ctx); return err },
	)
	if err != nil || r.live == nil {
		return err
	}
	if err := r.own("role", r.name, roleTags(r.live)); err != nil {
		return err
	}
	r.arn.Set(*r.live.Arn)
	r.made = time.Now()
	if at := val(r.live.CreateDate); at.Before(r.made) {
		r.made = at
	}
	docs := make([]document, len(names))
	var reads []func() error
	for i, name := range names {
		reads = append(reads, func() error {
			out, err := r.AWS.IAM.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &r.name, PolicyName: &name})
			if err == nil {
				docs[i] = readDocument(*out.PolicyDocument)
			}
			return aws.Ignore(err, "NoSuchEntity")
		})
	}
	err = together(reads...)
	r.policies = map[string]document{}
	for i, name := range names {
		if docs[i] != nil {
			r.policies[name] = docs[i]
		}
	}
	return err
}

func (r *role) get(ctx context.Context) (*types.Role, error) {
	out, err := r.AWS.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: &r.name})
	if err != nil {
		return nil, aws.Ignore(err, "NoSuchEntity")
	}
	return out.Role, nil
}

func (r *role) listAttached(ctx context.Context) (arns []string, err error) {
	in := &iam.ListAttachedRolePoliciesInput{RoleName: &r.name}
	for {
		page, err := r.AWS.IAM.ListAttachedRolePolicies(ctx, in)
		if err != nil {
			return nil, aws.Ignore(err, "NoSuchEntity")
		}
		for _, p := range page.AttachedPolicies {
			arns = append(arns, *p.PolicyArn)
		}
		if in.Marker = page.Marker; !page.IsTruncated {
			return arns, nil
		}
	}
}

func (r *role) listInline(ctx context.Context) (names []string, err error) {
	in := &iam.ListRolePoliciesInput{RoleName: &r.name}
	for {
		page, err := r.AWS.IAM.ListRolePolicies(ctx, in)
		if err != nil {
			return nil, aws.Ignore(err, "NoSuchEntity")
		}
		names = append(names, page.PolicyNames...)
		if in.Marker = page.Marker; !page.IsTruncated {
			return names, nil
		}
	}
}

func roleTags(r *types.Role) map[string]string {
	return aws.TagMap(r.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
}

// mark is a managed policy in the tag.
func mark(arn string) string {
	h := sha256.Sum256([]byte(arn))
	return hex.EncodeToString(h[:4])
}

// wantTags are the role's tags while the policies of the ARNs are attached by us.
func (r *role) wantTags(arns []string) map[string]string {
	tags := r.tags(r.word)
	var marks []string
	for _, arn := range arns {
		marks = append(marks, mark(arn))
	}
	slices.Sort(marks)
	if v := strings.Join(slices.Compact(marks), " "); v != "" {
		tags[tagPolicies] = v
	}
	return tags
}

// dropped are the policies that we attached and the manifest no longer has.
func (r *role) dropped() (arns []string) {
	marks := strings.Fields(roleTags(r.live)[tagPolicies])
	for _, arn := range r.attached {
		if slices.Contains(marks, mark(arn)) && !slices.Contains(r.managed, arn) {
			arns = append(arns, arn)
		}
	}
	return arns
}

// foreign are the policies that others attached.
func (r *role) foreign() (arns []string) {
	if r.live == nil {
		return nil
	}
	dropped := r.dropped()
	for _, arn := range r.attached {
		if !slices.Contains(r.managed, arn) && !slices.Contains(dropped, arn) {
			arns = append(arns, arn)
		}
	}
	return arns
}

// others are the inline policies that others wrote.
func (r *role) others() (names []string) {
	for name := range r.policies {
		if name != r.inline {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r *role) notes() (notes []string) {
	for _, arn := range r.foreign() {
		notes = append(notes, fmt.Sprintf("%s has policy %s, attached by others: kept until destroy", r.what(), last(arn)))
	}
	for _, name := range r.others() {
		notes = append(notes, fmt.Sprintf("%s has inline policy %s, written by others: kept until destroy", r.what(), name))
	}
	return notes
}
