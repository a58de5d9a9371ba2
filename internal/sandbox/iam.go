package sandbox

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// iamState is what IAM holds: it is the account's, not a region's.
type iamState struct {
	Roles    map[string]*role // by name
	Policies map[string]*managedPolicy
}

type role struct {
	types.Role
	Trust    string            // the trust policy as it came
	Inline   map[string]string // documents by name
	Attached []string          // ARNs of managed policies
}

type iamService struct{ *Sandbox }

func newIAM(s *Sandbox) *iamService { return &iamService{s} }

var (
	iamName    = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	policyName = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	iamPath    = regexp.MustCompile(`^/$|^/[\x21-\x7E]+/$`)
)

func (s *iamService) CreateRole(_ context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	name, path := val(in.RoleName), or(in.Path, "/")
	if !iamName.MatchString(name) {
		return nil, invalidIAM("roleName", "must match [\\w+=,.@-]+ and have at most 64 characters", name)
	}
	if !iamPath.MatchString(path) || len(path) > 512 {
		return nil, invalidIAM("path", "must begin and end with /", path)
	}
	if d := or(in.MaxSessionDuration, 3600); d < 3600 || d > 43200 {
		return nil, fail("ValidationError", "1 validation error detected: Value '%d' at 'maxSessionDuration' failed to satisfy constraint", d)
	}
	if err := s.checkTrust(val(in.AssumeRolePolicyDocument)); err != nil {
		return nil, err
	}
	if err := checkIAMTags(nil, in.Tags); err != nil {
		return nil, err
	}
	for other := range s.state.IAM.Roles { // names differ by more than case (API reference of CreateRole)
		if strings.EqualFold(other, name) {
			return nil, fail("EntityAlreadyExists", "Role with name %s already exists.", name)
		}
	}
	r := s.makeRole(path, name, *in.AssumeRolePolicyDocument)
	r.Description, r.MaxSessionDuration, r.Tags = in.Description, new(or(in.MaxSessionDuration, 3600)), in.Tags
	if in.PermissionsBoundary != nil {
		if err := s.bound(r, *in.PermissionsBoundary); err != nil {
			return nil, err
		}
	}
	put(&s.state.IAM.Roles, name, r)
	return &iam.CreateRoleOutput{Role: new(r.shown())}, nil
}

func (s *Sandbox) makeRole(path, name, trust string) *role {
	r := &role{Trust: trust}
	r.RoleName, r.Path, r.RoleId = &name, &path, new("AROA"+strings.ToUpper(s.hex(17)))
	r.Arn, r.CreateDate, r.MaxSessionDuration = new(s.arn("iam", "", "role"+path+name)), new(s.clock), new(int32(3600))
	return r
}

// shown is the role as IAM answers it: documents are URL-encoded.
func (r *role) shown() types.Role {
	shown := r.Role
	shown.AssumeRolePolicyDocument = new(encodeDocument(r.Trust))
	return shown
}

// role finds one by name.
func (s *Sandbox) role(name *string) (*role, error) {
	r := s.state.IAM.Roles[val(name)]
	if r == nil {
		return nil, fail("NoSuchEntity", "The role with name %s cannot be found.", val(name))
	}
	return r, nil
}

// editable is role, but for those that belong to AWS.
func (s *Sandbox) editable(name *string) (*role, error) {
	r, err := s.role(name)
	if err == nil && strings.HasPrefix(*r.Path, "/aws-service-role/") {
		return nil, fail("UnmodifiableEntity", "Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", *name)
	}
	return r, err
}

func (s *iamService) GetRole(_ context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	r, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	shown := r.shown()
	shown.RoleLastUsed = &types.RoleLastUsed{}
	return &iam.GetRoleOutput{Role: &shown}, nil
}

// ListRoles leaves out tags, boundary and last use, as IAM does.
func (s *iamService) ListRoles(_ context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	var all []types.Role
	for _, r := range sorted(s.state.IAM.Roles) {
		if strings.HasPrefix(*r.Path, val(in.PathPrefix)) {
			shown := r.shown()
			shown.Tags, shown.PermissionsBoundary = nil, nil
			all = append(all, shown)
		}
	}
	out := &iam.ListRolesOutput{}
	var err error
	out.Roles, out.Marker, err = page(all, in.Marker, in.MaxItems, 100)
	out.IsTruncated = out.Marker != nil
	return out, err
}

func (s *iamService) UpdateRole(_ context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	r, err := s.editable(in.RoleName)
	if err != nil {
		return nil, err
	}
	if in.Description != nil {
		r.Description = in.Description
	}
	if in.MaxSessionDuration != nil {
		r.MaxSessionDuration = in.MaxSessionDuration
	}
	return &iam.UpdateRoleOutput{}, nil
}

func (s *iamService) UpdateAssumeRolePolicy(_ context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	r, err := s.editable(in.RoleName)
	if err != nil {
		return nil, err
	}
	if err := s.checkTrust(val(in.PolicyDocument)); err != nil {
		return nil, err
	}
	r.Trust = *in.PolicyDocument
	return &iam.UpdateAssumeRolePolicyOutput{}, nil
}

func (s *iamService) DeleteRole(_ context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	r, err := s.editable(in.RoleName)
	switch {
	case err != nil:
		return nil, err
	case len(r.Attached) > 0:
		return nil, fail("DeleteConflict", "Cannot delete entity, must detach all policies first.")
	case len(r.Inline) > 0:
		return nil, fail("DeleteConflict", "Cannot delete entity, must delete policies first.")
	}
	delete(s.state.IAM.Roles, *in.RoleName)
	return &iam.DeleteRoleOutput{}, nil
}

func (s *iamService) PutRolePermissionsBoundary(_ context.Context, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	r, err := s.editable(in.RoleName)
	if err == nil {
		err = s.bound(r, val(in.PermissionsBoundary))
	}
	if err != nil {
		return nil, err
	}
	return &iam.PutRolePermissionsBoundaryOutput{}, nil
}

func (s *Sandbox) bound(r *role, arn string) error {
	if s.managed(arn) == nil {
		return fail("NoSuchEntity", "Scope ARN: %s does not exist or is not attachable.", arn)
	}
	r.PermissionsBoundary = &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn: &arn, PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
	return nil
}

func (s *iamService) DeleteRolePermissionsBoundary(_ context.Context, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	r, err := s.editable(in.RoleName)
	if err != nil {
		return nil, err
	}
	if r.PermissionsBoundary == nil {
		return nil, fail("NoSuchEntity", "The role with name %s does not have a permissions boundary.", *in.RoleName)
	}
	r.PermissionsBoundary = nil
	return &iam.DeleteRolePermissionsBoundaryOutput{}, nil
}

func (s *iamService) ListRoleTags(_ context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	r, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	out := &iam.ListRoleTagsOutput{}
	out.Tags, out.Marker, err = page(r.Tags, in.Marker, in.MaxItems, 100)
	out.IsTruncated = out.Marker != nil
	return out, err
}

func (s *iamService) TagRole(_ context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	r, err := s.editable(in.RoleName)
	if err == nil {
		err = checkIAMTags(r.Tags, in.Tags)
	}
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		r.Tags = slices.DeleteFunc(r.Tags, func(old types.Tag) bool { return strings.EqualFold(*old.Key, *t.Key) })
		r.Tags = append(r.Tags, t)
	}
	return &iam.TagRoleOutput{}, nil
}

func (s *iamService) UntagRole(_ context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	r, err := s.editable(in.RoleName)
	if err != nil {
		return nil, err
	}
	r.Tags = slices.DeleteFunc(r.Tags, func(t types.Tag) bool { return slices.Contains(in.TagKeys, *t.Key) })
	return &iam.UntagRoleOutput{}, nil
}

// checkIAMTags holds IAM's rules: keys are unique whatever their case, "aws:" is AWS's own, 50 at most.
func checkIAMTags(old, more []types.Tag) error {
	keys := map[string]bool{}
	for _, t := range more {
		k := strings.ToLower(val(t.Key))
		switch {
		case k == "" || t.Value == nil:
			return fail("ValidationError", "1 validation error detected: tags need a key and a value")
		case keys[k]:
			return fail("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		case strings.HasPrefix(k, "aws:"):
			return fail("InvalidInput", "Invalid tag key, 'aws:' prefixed system tags are reserved")
		}
		keys[k] = true
	}
	for _, t := range old {
		keys[strings.ToLower(*t.Key)] = true
	}
	if len(keys) > 50 {
		return fail("LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	return nil
}

func (s *iamService) CreateServiceLinkedRole(_ context.Context, in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	service := val(in.AWSServiceName)
	name := serviceRoles[service]
	if name == "" {
		return nil, fail("InvalidInput", "Service %s is not a valid service principal.", service)
	}
	if s.state.IAM.Roles[name] != nil {
		return nil, fail("InvalidInput", "Service role name %s has been taken in this account, please try a different suffix.", name)
	}
	r := s.makeServiceRole(service)
	return &iam.CreateServiceLinkedRoleOutput{Role: new(r.shown())}, nil
}

// serviceRoles are the roles that services keep for themselves, by the service's principal.
var serviceRoles = map[string]string{
	"ecs.amazonaws.com":                         "AWSServiceRoleForECS",
	"elasticloadbalancing.amazonaws.com":        "AWSServiceRoleForElasticLoadBalancing",
	"ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
	"rds.amazonaws.com":                         "AWSServiceRoleForRDS",
	"elasticache.amazonaws.com":                 "AWSServiceRoleForElastiCache",
}

// makeServiceRole makes a service's own role unless it is there, as services do when they are first used.
func (s *Sandbox) makeServiceRole(service string) *role {
	name := serviceRoles[service]
	if r := s.state.IAM.Roles[name]; r != nil {
		return r
	}
	r := s.makeRole("/aws-service-role/"+service+"/", name, trustFor(service))
	put(&s.state.IAM.Roles, name, r)
	return r
}

func trustFor(service string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`
}

// ListInstanceProfilesForRole is asked by Terraform before it deletes a role. There are none.
func (s *iamService) ListInstanceProfilesForRole(_ context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	if _, err := s.role(in.RoleName); err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: []types.InstanceProfile{}}, nil
}

func invalidIAM(member, constraint, value string) error {
	return fail("ValidationError", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member %s", value, member, constraint)
}
