package sandbox

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// tagsFor are the tags that a create gives its resource; a specification for another type is an error.
func tagsFor(specs []types.TagSpecification, kind types.ResourceType) (tags []types.Tag, err error) {
	for _, spec := range specs {
		if spec.ResourceType != kind {
			return nil, fail("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
		for _, t := range spec.Tags {
			if slices.ContainsFunc(tags, func(o types.Tag) bool { return val(o.Key) == val(t.Key) }) {
				return nil, fail("InvalidParameterValue", "Duplicate tag key '%s' specified.", val(t.Key))
			}
			tags = append(tags, t)
		}
	}
	return tags, checkTags(tags)
}

// checkTags holds EC2's restrictions (user guide, "Tag your Amazon EC2 resources").
func checkTags(tags []types.Tag) error {
	if len(tags) > 50 {
		return fail("TagLimitExceeded", "The maximum number of tags for a resource has been reached.")
	}
	for _, t := range tags {
		switch key := val(t.Key); {
		case key == "" || len(key) > 127:
			return fail("InvalidParameterValue", "Tag key must be between 1 and 127 characters")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return fail("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
		case len(val(t.Value)) > 255:
			return fail("InvalidParameterValue", "Tag value exceeds the maximum length of 255 characters")
		}
	}
	return nil
}

// A tagged thing is one that can have tags, of whatever kind.
type tagged struct {
	id   string
	kind types.ResourceType
	tags *[]types.Tag
}

func taggedOf[T any](kind types.ResourceType, all map[string]*T, tags func(*T) *[]types.Tag) iter.Seq[tagged] {
	return func(yield func(tagged) bool) {
		for id, v := range sorted(all) {
			if !yield(tagged{id, kind, tags(v)}) {
				return
			}
		}
	}
}

// tagged lists everything in a region that can have tags.
func (e *ec2State) tagged() (all []tagged) {
	for _, seq := range []iter.Seq[tagged]{
		taggedOf(types.ResourceTypeVpc, e.VPCs, vpcs.tags),
		taggedOf(types.ResourceTypeInternetGateway, e.Gateways, gateways.tags),
		taggedOf(types.ResourceTypeSubnet, e.Subnets, subnets.tags),
		taggedOf(types.ResourceTypeRouteTable, e.Tables, tables.tags),
		taggedOf(types.ResourceTypeNetworkAcl, e.ACLs, acls.tags),
		taggedOf(types.ResourceTypeSecurityGroup, e.Groups, groups.tags),
		taggedOf(types.ResourceTypeSecurityGroupRule, e.Rules, rules.tags),
		taggedOf(types.ResourceTypeElasticIp, e.Addresses, addresses.tags),
		taggedOf(types.ResourceTypeNatgateway, e.NATs, nats.tags),
		taggedOf(types.ResourceTypeVpcEndpoint, e.Endpoints, endpoints.tags),
		taggedOf(types.ResourceTypeVpcFlowLog, e.FlowLogs, flowLogs.tags),
		taggedOf(types.ResourceTypeNetworkInterface, e.ENIs, enis.tags),
	} {
		all = slices.AppendSeq(all, seq)
	}
	return all
}

// taggables are the things with the ids.
func (e *ec2State) taggables(ids []string) (list []tagged, err error) {
	if len(ids) == 0 {
		return nil, fail("MissingParameter", "The request must contain the parameter resourceIdSet")
	}
	all := e.tagged()
	for _, id := range ids {
		i := slices.IndexFunc(all, func(t tagged) bool { return t.id == id })
		if i < 0 {
			return nil, fail("InvalidID", "The ID '%s' is not valid", id)
		}
		list = append(list, all[i])
	}
	return list, nil
}

func (s *ec2Service) CreateTags(ctx context.Context, in *ec2.CreateTagsInput) (*ec2.CreateTagsOutput, error) {
	list, err := s.region(ctx).EC2.taggables(in.Resources)
	if err == nil {
		err = checkTags(in.Tags)
	}
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		for _, tag := range in.Tags {
			*t.tags = append(without(*t.tags, val(tag.Key)), types.Tag{Key: tag.Key, Value: new(val(tag.Value))})
		}
	}
	return &ec2.CreateTagsOutput{}, nil
}

func without(tags []types.Tag, key string) []types.Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t types.Tag) bool { return val(t.Key) == key })
}

// DeleteTags deletes tags by key, those with a value only where the value is that; without tags all of the user's.
func (s *ec2Service) DeleteTags(ctx context.Context, in *ec2.DeleteTagsInput) (*ec2.DeleteTagsOutput, error) {
	list, err := s.region(ctx).EC2.taggables(in.Resources)
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		*t.tags = slices.DeleteFunc(slices.Clone(*t.tags), func(live types.Tag) bool {
			return len(in.Tags) == 0 || slices.ContainsFunc(in.Tags, func(del types.Tag) bool {
				return val(del.Key) == val(live.Key) && (del.Value == nil || *del.Value == val(live.Value))
			})
		})
	}
	return &ec2.DeleteTagsOutput{}, nil
}

var tagKind = kind[types.TagDescription]{filters: map[string]func(*types.TagDescription) []string{
	"key":           text(func(t *types.TagDescription) *string { return t.Key }),
	"value":         text(func(t *types.TagDescription) *string { return t.Value }),
	"resource-id":   text(func(t *types.TagDescription) *string { return t.ResourceId }),
	"resource-type": word(func(t *types.TagDescription) types.ResourceType { return t.ResourceType }),
}}

func (s *ec2Service) DescribeTags(ctx context.Context, in *ec2.DescribeTagsInput) (*ec2.DescribeTagsOutput, error) {
	all := map[string]*types.TagDescription{}
	for _, t := range s.region(ctx).EC2.tagged() {
		for _, tag := range *t.tags {
			all[t.id+" "+*tag.Key] = &types.TagDescription{ResourceId: &t.id, ResourceType: t.kind, Key: tag.Key, Value: tag.Value}
		}
	}
	found, err := tagKind.list(all, nil, in.Filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeTagsOutput{}
	out.Tags, out.NextToken, err = page(values(found), in.NextToken, in.MaxResults, 1000)
	return out, err
}
