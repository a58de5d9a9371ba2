package sandbox

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// ModifySecurityGroupRules writes rules anew under their ids. Their group and direction stay.
func (s *ec2Service) ModifySecurityGroupRules(ctx context.Context, in *ec2.ModifySecurityGroupRulesInput) (*ec2.ModifySecurityGroupRulesOutput, error) {
	e := &s.region(ctx).EC2
	g, err := groups.get(e.Groups, in.GroupId)
	if err != nil {
		return nil, err
	}
	written := map[string]types.SecurityGroupRule{}
	for _, u := range in.SecurityGroupRules {
		live, err := rules.get(e.Rules, u.SecurityGroupRuleId)
		if err != nil {
			return nil, err
		}
		if *live.GroupId != *g.GroupId || u.SecurityGroupRule == nil {
			return nil, rules.absent(*u.SecurityGroupRuleId)
		}
		n := u.SecurityGroupRule
		list, err := e.expand(g, *live.IsEgress, []types.IpPermission{permission(n)})
		if err != nil {
			return nil, err
		}
		rule := list[0]
		rule.SecurityGroupRuleId, rule.SecurityGroupRuleArn, rule.GroupOwnerId, rule.Tags = live.SecurityGroupRuleId, live.SecurityGroupRuleArn, live.GroupOwnerId, live.Tags
		for id, other := range e.Rules {
			if id != *u.SecurityGroupRuleId && same(other, &rule) {
				return nil, fail("InvalidPermission.Duplicate", "the specified rule %q already exists", describe(&rule))
			}
		}
		written[*u.SecurityGroupRuleId] = rule
	}
	for id, rule := range written {
		e.Rules[id] = &rule
	}
	return &ec2.ModifySecurityGroupRulesOutput{Return: new(true)}, nil
}

// permission is what ModifySecurityGroupRules takes, as the other operations take it.
func permission(n *types.SecurityGroupRuleRequest) types.IpPermission {
	p := types.IpPermission{IpProtocol: n.IpProtocol, FromPort: n.FromPort, ToPort: n.ToPort}
	switch {
	case n.CidrIpv4 != nil:
		p.IpRanges = []types.IpRange{{CidrIp: n.CidrIpv4, Description: n.Description}}
	case n.CidrIpv6 != nil:
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: n.CidrIpv6, Description: n.Description}}
	case n.PrefixListId != nil:
		p.PrefixListIds = []types.PrefixListId{{PrefixListId: n.PrefixListId, Description: n.Description}}
	case n.ReferencedGroupId != nil:
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: n.ReferencedGroupId, Description: n.Description}}
	}
	return p
}

// redescribe gives rules new descriptions, by id or by what they say.
func (s *ec2Service) redescribe(ctx context.Context, group *string, egress bool, perms []types.IpPermission, byID []types.SecurityGroupRuleDescription) error {
	e := &s.region(ctx).EC2
	g, err := groups.get(e.Groups, group)
	if err != nil {
		return err
	}
	for _, d := range byID {
		r, err := rules.get(e.Rules, d.SecurityGroupRuleId)
		if err != nil {
			return err
		}
		r.Description = d.Description
	}
	if len(perms) == 0 && len(byID) > 0 {
		return nil
	}
	list, err := e.expand(g, egress, perms)
	if err != nil {
		return err
	}
	for _, want := range list {
		found := false
		for _, r := range e.Rules {
			if same(r, &want) {
				r.Description, found = want.Description, true
			}
		}
		if !found {
			return fail("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
	}
	return nil
}

func (s *ec2Service) UpdateSecurityGroupRuleDescriptionsIngress(ctx context.Context, in *ec2.UpdateSecurityGroupRuleDescriptionsIngressInput) (*ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput, error) {
	err := s.redescribe(ctx, in.GroupId, false, in.IpPermissions, in.SecurityGroupRuleDescriptions)
	return &ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput{Return: new(err == nil)}, err
}

func (s *ec2Service) UpdateSecurityGroupRuleDescriptionsEgress(ctx context.Context, in *ec2.UpdateSecurityGroupRuleDescriptionsEgressInput) (*ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput, error) {
	err := s.redescribe(ctx, in.GroupId, true, in.IpPermissions, in.SecurityGroupRuleDescriptions)
	return &ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput{Return: new(err == nil)}, err
}
