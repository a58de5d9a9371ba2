package sandbox

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var rules = kind[types.SecurityGroupRule]{
	prefix: "sgr-", param: "securityGroupRuleId", code: "InvalidSecurityGroupRuleId.NotFound", message: "The security group rule ID '%s' does not exist",
	tags: func(r *types.SecurityGroupRule) *[]types.Tag { return &r.Tags },
	filters: map[string]func(*types.SecurityGroupRule) []string{
		"security-group-rule-id": text(func(r *types.SecurityGroupRule) *string { return r.SecurityGroupRuleId }),
		"group-id":               text(func(r *types.SecurityGroupRule) *string { return r.GroupId }),
	},
}

// addRule puts a rule into its group.
func (s *Sandbox) addRule(r *Region, rule types.SecurityGroupRule) *types.SecurityGroupRule {
	rule.SecurityGroupRuleId, rule.GroupOwnerId = new(s.id("sgr")), new(Account)
	rule.SecurityGroupRuleArn = new(s.arn("ec2", r.Name, "security-group-rule/"+*rule.SecurityGroupRuleId))
	put(&r.EC2.Rules, *rule.SecurityGroupRuleId, &rule)
	return &rule
}

// peer is whom a rule lets in or out to.
func peer(r *types.SecurityGroupRule) string {
	if r.ReferencedGroupInfo != nil {
		return val(r.ReferencedGroupInfo.GroupId)
	}
	return val(r.CidrIpv4) + val(r.CidrIpv6) + val(r.PrefixListId)
}

// same says whether two rules are one to AWS: the description does not count.
func same(a, b *types.SecurityGroupRule) bool {
	return *a.GroupId == *b.GroupId && *a.IsEgress == *b.IsEgress && *a.IpProtocol == *b.IpProtocol && peer(a) == peer(b) &&
		(*a.IpProtocol == "-1" || val(a.FromPort) == val(b.FromPort) && val(a.ToPort) == val(b.ToPort))
}

// expand makes rules of permissions: one for each range, prefix list and group.
func (e *ec2State) expand(g *types.SecurityGroup, egress bool, perms []types.IpPermission) (list []types.SecurityGroupRule, err error) {
	for _, p := range perms {
		if err := checkPorts(&p); err != nil {
			return nil, err
		}
		peers, err := e.peers(g, p)
		if err != nil {
			return nil, err
		}
		if len(peers) == 0 {
			return nil, fail("MissingParameter", "Missing source specification: include source security group or CIDR information")
		}
		for _, rule := range peers {
			rule.GroupId, rule.IsEgress, rule.IpProtocol, rule.FromPort, rule.ToPort = g.GroupId, &egress, p.IpProtocol, p.FromPort, p.ToPort
			list = append(list, rule)
		}
	}
	if len(list) == 0 {
		return nil, fail("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
	}
	return list, nil
}

// peers are the other ends of a permission, each as a rule that has nothing else yet.
func (e *ec2State) peers(g *types.SecurityGroup, p types.IpPermission) (list []types.SecurityGroupRule, err error) {
	for _, to := range p.IpRanges {
		cidr, err := block("CidrIp", to.CidrIp)
		if err != nil {
			return nil, fail("InvalidParameterValue", "CIDR block %s is malformed", val(to.CidrIp))
		}
		list = append(list, types.SecurityGroupRule{CidrIpv4: new(cidr.String()), Description: to.Description})
	}
	for _, to := range p.Ipv6Ranges {
		cidr, err := netip.ParsePrefix(val(to.CidrIpv6))
		if err != nil || cidr.Addr().Is4() {
			return nil, fail("InvalidParameterValue", "CIDR block %s is malformed", val(to.CidrIpv6))
		}
		list = append(list, types.SecurityGroupRule{CidrIpv6: new(cidr.Masked().String()), Description: to.Description})
	}
	for _, to := range p.PrefixListIds {
		list = append(list, types.SecurityGroupRule{PrefixListId: to.PrefixListId, Description: to.Description})
	}
	for _, to := range p.UserIdGroupPairs {
		other, err := groups.get(e.Groups, to.GroupId)
		if err != nil {
			return nil, err
		}
		if *other.VpcId != *g.VpcId {
			return nil, fail("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
		}
		list = append(list, types.SecurityGroupRule{
			ReferencedGroupInfo: &types.ReferencedSecurityGroup{GroupId: to.GroupId, UserId: new(Account)}, Description: to.Description,
		})
	}
	return list, nil
}

// checkPorts holds what a protocol needs, and writes it as AWS keeps it.
func checkPorts(p *types.IpPermission) error {
	protocol := strings.ToLower(val(p.IpProtocol))
	if name := map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}[protocol]; name != "" {
		protocol = name
	}
	p.IpProtocol = &protocol
	switch protocol {
	case "":
		return fail("MissingParameter", "The request must contain the parameter ipProtocol")
	case "tcp", "udp":
		if p.FromPort == nil || p.ToPort == nil {
			return fail("InvalidParameterValue", "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
		}
		if *p.FromPort < 0 || *p.ToPort > 65535 || *p.FromPort > *p.ToPort {
			return fail("InvalidParameterValue", "Invalid value '%d-%d' for portRange. Must specify both from and to ports with TCP/UDP.", *p.FromPort, *p.ToPort)
		}
	case "-1":
		p.FromPort, p.ToPort = new(int32(-1)), new(int32(-1))
	}
	return nil
}

// authorize adds rules, all or none: one that is there already refuses the whole request.
func (s *ec2Service) authorize(ctx context.Context, group *string, egress bool, perms []types.IpPermission, specs []types.TagSpecification) (added []types.SecurityGroupRule, err error) {
	r := s.region(ctx)
	g, err := groups.get(r.EC2.Groups, group)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor(specs, types.ResourceTypeSecurityGroupRule)
	if err != nil {
		return nil, err
	}
	list, err := r.EC2.expand(g, egress, perms)
	if err != nil {
		return nil, err
	}
	count := len(list)
	for _, live := range r.EC2.Rules {
		if *live.GroupId == *g.GroupId && *live.IsEgress == egress {
			count++
		}
		if i := slices.IndexFunc(list, func(n types.SecurityGroupRule) bool { return same(live, &n) }); i >= 0 {
			return nil, fail("InvalidPermission.Duplicate", "the specified rule %q already exists", describe(&list[i]))
		}
	}
	if count > maxRules {
		return nil, fail("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
	}
	for _, rule := range list {
		rule.Tags = tags
		added = append(added, *s.addRule(r, rule))
	}
	return added, nil
}

// describe is a rule as AWS's errors name it.
func describe(r *types.SecurityGroupRule) string {
	if *r.IpProtocol == "-1" {
		return fmt.Sprintf("peer: %s, ALL, ALLOW", peer(r))
	}
	return fmt.Sprintf("peer: %s, %s, from port: %d, to port: %d, ALLOW", peer(r), strings.ToUpper(*r.IpProtocol), val(r.FromPort), val(r.ToPort))
}

// single is the old form of a request: one permission in parameters of its own.
func single(perms []types.IpPermission, protocol *string, from, to *int32, cidr *string) []types.IpPermission {
	if protocol == nil && cidr == nil {
		return perms
	}
	return append(perms, types.IpPermission{IpProtocol: protocol, FromPort: from, ToPort: to, IpRanges: []types.IpRange{{CidrIp: cidr}}})
}

func (s *ec2Service) AuthorizeSecurityGroupIngress(ctx context.Context, in *ec2.AuthorizeSecurityGroupIngressInput) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	added, err := s.authorize(ctx, in.GroupId, false, single(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp), in.TagSpecifications)
	return &ec2.AuthorizeSecurityGroupIngressOutput{Return: new(true), SecurityGroupRules: added}, err
}

func (s *ec2Service) AuthorizeSecurityGroupEgress(ctx context.Context, in *ec2.AuthorizeSecurityGroupEgressInput) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	added, err := s.authorize(ctx, in.GroupId, true, single(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp), in.TagSpecifications)
	return &ec2.AuthorizeSecurityGroupEgressOutput{Return: new(true), SecurityGroupRules: added}, err
}

// revoke takes rules away, by id or by what they say: all or none.
func (s *ec2Service) revoke(ctx context.Context, group *string, egress bool, perms []types.IpPermission, ids []string) (gone []types.RevokedSecurityGroupRule, err error) {
	e := &s.region(ctx).EC2
	g, err := groups.get(e.Groups, group)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if r, err := rules.get(e.Rules, &id); err != nil || *r.GroupId != *g.GroupId || *r.IsEgress != egress {
			return nil, rules.absent(id)
		}
	}
	if len(ids) == 0 {
		list, err := e.expand(g, egress, perms)
		if err != nil {
			return nil, err
		}
		for _, want := range list {
			id := ""
			for live, r := range e.Rules {
				if same(r, &want) {
					id = live
				}
			}
			if id == "" {
				return nil, fail("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		r := e.Rules[id]
		gone = append(gone, types.RevokedSecurityGroupRule{
			SecurityGroupRuleId: &id, GroupId: r.GroupId, IsEgress: r.IsEgress, IpProtocol: r.IpProtocol, FromPort: r.FromPort, ToPort: r.ToPort,
			CidrIpv4: r.CidrIpv4, CidrIpv6: r.CidrIpv6, PrefixListId: r.PrefixListId, Description: r.Description,
		})
		delete(e.Rules, id)
	}
	return gone, nil
}

func (s *ec2Service) RevokeSecurityGroupIngress(ctx context.Context, in *ec2.RevokeSecurityGroupIngressInput) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	gone, err := s.revoke(ctx, in.GroupId, false, single(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp), in.SecurityGroupRuleIds)
	return &ec2.RevokeSecurityGroupIngressOutput{Return: new(true), RevokedSecurityGroupRules: gone}, err
}

func (s *ec2Service) RevokeSecurityGroupEgress(ctx context.Context, in *ec2.RevokeSecurityGroupEgressInput) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	gone, err := s.revoke(ctx, in.GroupId, true, single(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp), in.SecurityGroupRuleIds)
	return &ec2.RevokeSecurityGroupEgressOutput{Return: new(true), RevokedSecurityGroupRules: gone}, err
}

func (s *ec2Service) DescribeSecurityGroupRules(ctx context.Context, in *ec2.DescribeSecurityGroupRulesInput) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	found, err := rules.list(s.region(ctx).EC2.Rules, in.SecurityGroupRuleIds, in.Filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSecurityGroupRulesOutput{}
	out.SecurityGroupRules, out.NextToken, err = page(values(found), in.NextToken, in.MaxResults, 1000)
	return out, err
}
