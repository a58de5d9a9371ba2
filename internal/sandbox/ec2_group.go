package sandbox

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var groups = kind[types.SecurityGroup]{
	prefix: "sg-", param: "groupId", code: "InvalidGroup.NotFound", message: "The security group '%s' does not exist",
	tags: func(g *types.SecurityGroup) *[]types.Tag { return &g.Tags },
	filters: map[string]func(*types.SecurityGroup) []string{
		"group-id":    text(func(g *types.SecurityGroup) *string { return g.GroupId }),
		"group-name":  text(func(g *types.SecurityGroup) *string { return g.GroupName }),
		"description": text(func(g *types.SecurityGroup) *string { return g.Description }),
		"vpc-id":      text(func(g *types.SecurityGroup) *string { return g.VpcId }),
		"owner-id":    text(func(g *types.SecurityGroup) *string { return g.OwnerId }),
		"ip-permission.group-id": func(g *types.SecurityGroup) (ids []string) {
			for _, p := range g.IpPermissions {
				ids = append(ids, each(func(*types.SecurityGroup) []types.UserIdGroupPair { return p.UserIdGroupPairs },
					func(u types.UserIdGroupPair) *string { return u.GroupId })(g)...)
			}
			return ids
		},
		"ip-permission.cidr": func(g *types.SecurityGroup) (cidrs []string) {
			for _, p := range g.IpPermissions {
				for _, r := range p.IpRanges {
					cidrs = append(cidrs, *r.CidrIp)
				}
			}
			return cidrs
		},
	},
}

// groupName and groupText are what AWS takes (API reference of CreateSecurityGroup).
var (
	groupName = regexp.MustCompile(`^[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}$`)
	groupText = regexp.MustCompile(`^[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}$`)
)

func (s *ec2Service) CreateSecurityGroup(ctx context.Context, in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	r := s.region(ctx)
	v, err := vpcs.get(r.EC2.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	if err := cmpErr(needed("GroupName", in.GroupName), needed("GroupDescription", in.Description)); err != nil {
		return nil, err
	}
	tags, err := tagsFor(in.TagSpecifications, types.ResourceTypeSecurityGroup)
	name := *in.GroupName
	switch {
	case err != nil:
		return nil, err
	case name == "default":
		return nil, fail("InvalidParameterValue", "Cannot use reserved security group name: default")
	case strings.HasPrefix(name, "sg-"):
		return nil, fail("InvalidParameterValue", "Invalid security group name. Group names may not be in the format sg-*.")
	case !groupName.MatchString(name):
		return nil, fail("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", name)
	case !groupText.MatchString(*in.Description):
		return nil, fail("InvalidParameterValue", "Value (%s) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.", *in.Description)
	}
	for _, g := range r.EC2.Groups {
		if *g.VpcId == *v.VpcId && *g.GroupName == name {
			return nil, fail("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, *v.VpcId)
		}
	}
	g := s.makeSecurityGroup(r, &types.SecurityGroup{GroupName: &name, Description: in.Description, VpcId: v.VpcId, Tags: tags})
	return &ec2.CreateSecurityGroupOutput{GroupId: g.GroupId, SecurityGroupArn: g.SecurityGroupArn, Tags: tags}, nil
}

// cmpErr is the first error.
func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// makeSecurityGroup gives a group its id and the rule that AWS gives every group: all may go out. A VPC's default one
// lets its own members in as well.
func (s *Sandbox) makeSecurityGroup(r *Region, g *types.SecurityGroup) *types.SecurityGroup {
	g.GroupId, g.OwnerId = new(s.id("sg")), new(Account)
	g.SecurityGroupArn = new(s.arn("ec2", r.Name, "security-group/"+*g.GroupId))
	put(&r.EC2.Groups, *g.GroupId, g)
	s.addRule(r, types.SecurityGroupRule{GroupId: g.GroupId, IsEgress: new(true), IpProtocol: new("-1"), FromPort: new(int32(-1)), ToPort: new(int32(-1)), CidrIpv4: new("0.0.0.0/0")})
	if *g.GroupName == "default" {
		s.addRule(r, types.SecurityGroupRule{
			GroupId: g.GroupId, IsEgress: new(false), IpProtocol: new("-1"), FromPort: new(int32(-1)), ToPort: new(int32(-1)),
			ReferencedGroupInfo: &types.ReferencedSecurityGroup{GroupId: g.GroupId, UserId: new(Account)},
		})
	}
	return g
}

func (s *ec2Service) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput) (*ec2.DescribeSecurityGroupsOutput, error) {
	e := &s.region(ctx).EC2
	filters, all := in.Filters, map[string]*types.SecurityGroup{}
	for id, g := range e.Groups {
		all[id] = new(e.withRules(g))
	}
	if len(in.GroupNames) > 0 {
		filters = append(filters, types.Filter{Name: new("group-name"), Values: in.GroupNames})
	}
	found, err := groups.list(all, in.GroupIds, filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSecurityGroupsOutput{}
	out.SecurityGroups, out.NextToken, err = page(values(found), in.NextToken, in.MaxResults, 1000)
	return out, err
}

// withRules is a group as DescribeSecurityGroups shows it: its rules as permissions, one for a protocol and port range.
func (e *ec2State) withRules(g *types.SecurityGroup) types.SecurityGroup {
	shown := *g
	for _, r := range sorted(e.Rules) {
		if *r.GroupId != *g.GroupId {
			continue
		}
		list := &shown.IpPermissions
		if *r.IsEgress {
			list = &shown.IpPermissionsEgress
		}
		i := slices.IndexFunc(*list, func(p types.IpPermission) bool {
			return *p.IpProtocol == *r.IpProtocol && (*r.IpProtocol == "-1" || val(p.FromPort) == val(r.FromPort) && val(p.ToPort) == val(r.ToPort))
		})
		if i < 0 {
			i = len(*list)
			p := types.IpPermission{ // all four lists are there, empty ones too
				IpProtocol: r.IpProtocol, FromPort: r.FromPort, ToPort: r.ToPort,
				IpRanges: []types.IpRange{}, Ipv6Ranges: []types.Ipv6Range{}, PrefixListIds: []types.PrefixListId{}, UserIdGroupPairs: []types.UserIdGroupPair{},
			}
			if *r.IpProtocol == "-1" {
				p.FromPort, p.ToPort = nil, nil
			}
			*list = append(*list, p)
		}
		p := &(*list)[i]
		switch {
		case r.CidrIpv4 != nil:
			p.IpRanges = append(p.IpRanges, types.IpRange{CidrIp: r.CidrIpv4, Description: r.Description})
		case r.CidrIpv6 != nil:
			p.Ipv6Ranges = append(p.Ipv6Ranges, types.Ipv6Range{CidrIpv6: r.CidrIpv6, Description: r.Description})
		case r.PrefixListId != nil:
			p.PrefixListIds = append(p.PrefixListIds, types.PrefixListId{PrefixListId: r.PrefixListId, Description: r.Description})
		case r.ReferencedGroupInfo != nil:
			p.UserIdGroupPairs = append(p.UserIdGroupPairs, types.UserIdGroupPair{
				GroupId: r.ReferencedGroupInfo.GroupId, UserId: r.ReferencedGroupInfo.UserId, Description: r.Description,
			})
		}
	}
	return shown
}

// DeleteSecurityGroup is refused while an interface has the group or another group's rule names it.
func (s *ec2Service) DeleteSecurityGroup(ctx context.Context, in *ec2.DeleteSecurityGroupInput) (*ec2.DeleteSecurityGroupOutput, error) {
	e := &s.region(ctx).EC2
	g, err := groups.get(e.Groups, in.GroupId)
	if err != nil {
		return nil, err
	}
	id := *g.GroupId
	if *g.GroupName == "default" {
		return nil, fail("CannotDelete", "the specified group: %q name: %q cannot be deleted by a user", id, *g.GroupName)
	}
	inUse := fail("DependencyViolation", "resource %s has a dependent object", id)
	for _, n := range e.ENIs {
		if slices.ContainsFunc(n.Groups, func(g types.GroupIdentifier) bool { return *g.GroupId == id }) {
			return nil, inUse
		}
	}
	for _, r := range e.Rules {
		if *r.GroupId != id && r.ReferencedGroupInfo != nil && *r.ReferencedGroupInfo.GroupId == id {
			return nil, inUse
		}
	}
	e.dropGroup(id)
	return &ec2.DeleteSecurityGroupOutput{Return: new(true), GroupId: &id}, nil
}

func (e *ec2State) dropGroup(id string) {
	for rid, r := range e.Rules {
		if *r.GroupId == id {
			delete(e.Rules, rid)
		}
	}
	delete(e.Groups, id)
}
