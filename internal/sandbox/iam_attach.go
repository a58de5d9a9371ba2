package sandbox

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// A managedPolicy is one with an ARN: AWS's, or the account's own.
type managedPolicy struct {
	types.Policy
	Document string
}

func (s *iamService) PutRolePolicy(_ context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	r, err := s.editable(in.RoleName)
	if err != nil {
		return nil, err
	}
	if name := val(in.PolicyName); !policyName.MatchString(name) {
		return nil, invalidIAM("policyName", "must match [\\w+=,.@-]+", name)
	}
	if err := checkIdentityPolicy(val(in.PolicyDocument)); err != nil {
		return nil, err
	}
	size := packed(*in.PolicyDocument)
	for name, doc := range r.Inline {
		if name != *in.PolicyName {
			size += packed(doc)
		}
	}
	if size > 10240 { // of all inline policies of a role, white space not counted (IAM quotas)
		return nil, fail("LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role %s", *in.RoleName)
	}
	put(&r.Inline, *in.PolicyName, *in.PolicyDocument)
	return &iam.PutRolePolicyOutput{}, nil
}

func (s *iamService) GetRolePolicy(_ context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	r, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	doc, ok := r.Inline[val(in.PolicyName)]
	if !ok {
		return nil, noInline(in.PolicyName)
	}
	return &iam.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: new(encodeDocument(doc))}, nil
}

func noInline(name *string) error {
	return fail("NoSuchEntity", "The role policy with name %s cannot be found.", val(name))
}

func (s *iamService) DeleteRolePolicy(_ context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	r, err := s.editable(in.RoleName)
	if err != nil {
		return nil, err
	}
	if _, ok := r.Inline[val(in.PolicyName)]; !ok {
		return nil, noInline(in.PolicyName)
	}
	delete(r.Inline, *in.PolicyName)
	return &iam.DeleteRolePolicyOutput{}, nil
}

func (s *iamService) ListRolePolicies(_ context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	r, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for name := range sorted(r.Inline) {
		names = append(names, name)
	}
	out := &iam.ListRolePoliciesOutput{}
	out.PolicyNames, out.Marker, err = page(names, in.Marker, in.MaxItems, 100)
	out.IsTruncated = out.Marker != nil
	return out, err
}

func (s *iamService) AttachRolePolicy(_ context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	r, err := s.editable(in.RoleName)
	if err != nil {
		return nil, err
	}
	if s.managed(val(in.PolicyArn)) == nil {
		return nil, fail("NoSuchEntity", "Policy %s does not exist or is not attachable.", val(in.PolicyArn))
	}
	if slices.Contains(r.Attached, *in.PolicyArn) {
		return &iam.AttachRolePolicyOutput{}, nil
	}
	if len(r.Attached) == 10 {
		return nil, fail("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10")
	}
	r.Attached = append(r.Attached, *in.PolicyArn)
	return &iam.AttachRolePolicyOutput{}, nil
}

func (s *iamService) DetachRolePolicy(_ context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	r, err := s.editable(in.RoleName)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(r.Attached, val(in.PolicyArn)) {
		return nil, fail("NoSuchEntity", "Policy %s was not found.", val(in.PolicyArn))
	}
	r.Attached = slices.DeleteFunc(r.Attached, func(arn string) bool { return arn == *in.PolicyArn })
	return &iam.DetachRolePolicyOutput{}, nil
}

func (s *iamService) ListAttachedRolePolicies(_ context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	r, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	all := []types.AttachedPolicy{}
	for _, arn := range r.Attached {
		all = append(all, types.AttachedPolicy{PolicyArn: &arn, PolicyName: new(arn[strings.LastIndex(arn, "/")+1:])})
	}
	out := &iam.ListAttachedRolePoliciesOutput{}
	out.AttachedPolicies, out.Marker, err = page(all, in.Marker, in.MaxItems, 100)
	out.IsTruncated = out.Marker != nil
	return out, err
}

// CreatePolicy makes a managed policy of the account, with one version.
func (s *iamService) CreatePolicy(_ context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	name, path := val(in.PolicyName), or(in.Path, "/")
	if !policyName.MatchString(name) {
		return nil, invalidIAM("policyName", "must match [\\w+=,.@-]+", name)
	}
	if err := checkIdentityPolicy(val(in.PolicyDocument)); err != nil {
		return nil, err
	}
	arn := s.arn("iam", "", "policy"+path+name)
	switch {
	case s.state.IAM.Policies[arn] != nil:
		return nil, fail("EntityAlreadyExists", "A policy called %s already exists. Duplicate names are not allowed.", name)
	case packed(*in.PolicyDocument) > 6144:
		return nil, fail("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
	}
	p := &managedPolicy{Document: *in.PolicyDocument, Policy: types.Policy{
		Arn: &arn, PolicyName: &name, Path: &path, PolicyId: new("ANPA" + strings.ToUpper(s.hex(17))), DefaultVersionId: new("v1"),
		Description: in.Description, Tags: in.Tags, IsAttachable: true, CreateDate: new(s.clock), UpdateDate: new(s.clock),
	}}
	put(&s.state.IAM.Policies, arn, p)
	return &iam.CreatePolicyOutput{Policy: &p.Policy}, nil
}

func (s *iamService) GetPolicy(_ context.Context, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	p := s.managed(val(in.PolicyArn))
	if p == nil {
		return nil, noManaged(in.PolicyArn)
	}
	out := p.Policy
	out.AttachmentCount = new(int32(s.attachments(*out.Arn)))
	return &iam.GetPolicyOutput{Policy: &out}, nil
}

func noManaged(arn *string) error { return fail("NoSuchEntity", "Policy %s was not found.", val(arn)) }

func (s *Sandbox) attachments(arn string) (n int) {
	for _, r := range s.state.IAM.Roles {
		if slices.Contains(r.Attached, arn) {
			n++
		}
	}
	return n
}

func (s *iamService) GetPolicyVersion(_ context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	p := s.managed(val(in.PolicyArn))
	if p == nil || val(in.VersionId) != *p.DefaultVersionId {
		return nil, noManaged(in.PolicyArn)
	}
	return &iam.GetPolicyVersionOutput{PolicyVersion: &types.PolicyVersion{
		VersionId: in.VersionId, IsDefaultVersion: true, Document: new(encodeDocument(p.Document)), CreateDate: p.CreateDate,
	}}, nil
}

// ListPolicyVersions is asked by Terraform before it deletes a policy.
func (s *iamService) ListPolicyVersions(_ context.Context, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	p := s.managed(val(in.PolicyArn))
	if p == nil {
		return nil, noManaged(in.PolicyArn)
	}
	return &iam.ListPolicyVersionsOutput{Versions: []types.PolicyVersion{{VersionId: p.DefaultVersionId, IsDefaultVersion: true, CreateDate: p.CreateDate}}}, nil
}

func (s *iamService) DeletePolicy(_ context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	arn := val(in.PolicyArn)
	if s.state.IAM.Policies[arn] == nil {
		return nil, noManaged(in.PolicyArn)
	}
	if s.attachments(arn) > 0 {
		return nil, fail("DeleteConflict", "Cannot delete a policy attached to entities.")
	}
	delete(s.state.IAM.Policies, arn)
	return &iam.DeletePolicyOutput{}, nil
}

// managed is the managed policy of an ARN, nil when there is none. Of AWS's own those in awsPolicies have their
// documents; any other name is taken for one that allows nothing, since the sandbox does not know them all.
func (s *Sandbox) managed(arn string) *managedPolicy {
	if p := s.state.IAM.Policies[arn]; p != nil {
		return p
	}
	name, ok := strings.CutPrefix(arn, "arn:aws:iam::aws:policy/")
	if !ok || name == "" || strings.HasSuffix(name, "/") {
		return nil
	}
	path := "/" + name[:strings.LastIndex(name, "/")+1]
	return &managedPolicy{Document: awsPolicies[name], Policy: types.Policy{
		Arn: &arn, PolicyName: new(name[strings.LastIndex(name, "/")+1:]), Path: &path, PolicyId: new("ANPASANDBOX"),
		DefaultVersionId: new("v1"), IsAttachable: true,
	}}
}
