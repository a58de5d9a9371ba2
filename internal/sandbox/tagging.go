package sandbox

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	ec2 "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	ecr "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	secretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// taggingService is the Resource Groups Tagging API. It holds nothing: it looks at what the region's other services hold.
// IAM roles are not among its resources (reference, "Services that support the Resource Groups Tagging API").
type taggingService struct{ *Sandbox }

func newTagging(s *Sandbox) *taggingService { return &taggingService{s} }

// GetResources lists what has, or once had, tags: every filter's key, and one of its values when it has any.
func (s *taggingService) GetResources(ctx context.Context, in *resourcegroupstaggingapi.GetResourcesInput) (*resourcegroupstaggingapi.GetResourcesOutput, error) {
	if len(in.ResourceARNList) > 0 && (len(in.TagFilters) > 0 || len(in.ResourceTypeFilters) > 0) {
		return nil, fail("InvalidParameterException", "ResourceARNList can't be combined with filters")
	}
	all := s.allTags(s.region(ctx))
	var found []types.ResourceTagMapping
	for _, arn := range slices.Sorted(maps.Keys(all)) {
		tags := all[arn]
		if len(tags) == 0 || !matchesTags(tags, in.TagFilters) || !matchesType(arn, in.ResourceTypeFilters) ||
			len(in.ResourceARNList) > 0 && !slices.Contains(in.ResourceARNList, arn) {
			continue
		}
		m := types.ResourceTagMapping{ResourceARN: &arn}
		for k, v := range sorted(tags) {
			m.Tags = append(m.Tags, types.Tag{Key: &k, Value: &v})
		}
		found = append(found, m)
	}
	token := in.PaginationToken
	if val(token) == "" {
		token = nil
	}
	out := &resourcegroupstaggingapi.GetResourcesOutput{}
	var err error
	if out.ResourceTagMappingList, out.PaginationToken, err = page(found, token, in.ResourcesPerPage, 100); err != nil {
		return nil, fail("PaginationTokenExpiredException", "A PaginationToken is valid for a maximum of 15 minutes.")
	}
	out.PaginationToken = new(val(out.PaginationToken)) // "" on the last page
	return out, nil
}

func matchesTags(tags map[string]string, filters []types.TagFilter) bool {
	for _, f := range filters {
		v, ok := tags[val(f.Key)]
		if !ok || len(f.Values) > 0 && !slices.Contains(f.Values, v) {
			return false
		}
	}
	return true
}

// matchesType takes "ecs" for a service and "ecs:cluster" for one of its types.
func matchesType(arn string, filters []string) bool {
	part := strings.SplitN(arn, ":", 6)
	kind := part[5][:cmp.Or(max(0, strings.IndexAny(part[5], "/:")), len(part[5]))]
	return len(filters) == 0 || slices.ContainsFunc(filters, func(f string) bool { return f == part[2] || f == part[2]+":"+kind })
}

// allTags are the tags of everything in a region, by ARN.
func (s *taggingService) allTags(r *Region) map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, t := range r.EC2.tagged() {
		all[s.arn("ec2", r.Name, string(t.kind)+"/"+t.id)] = pairs(*t.tags, func(t ec2.Tag) (*string, *string) { return t.Key, t.Value })
	}
	for arn, lb := range r.ELB.Balancers {
		all[arn] = lb.Tags
	}
	for arn, g := range r.ELB.Groups {
		all[arn] = g.Tags
	}
	for arn, l := range r.ELB.Listeners {
		all[arn] = l.Tags
	}
	for arn, rule := range r.ELB.Rules {
		all[arn] = rule.Tags
	}
	s.ecsTags(r, all)
	for _, repo := range r.ECR.Repositories {
		all[*repo.RepositoryArn] = pairs(repo.Tags, func(t ecr.Tag) (*string, *string) { return t.Key, t.Value })
	}
	for _, g := range r.Logs.Groups {
		all[*g.LogGroupArn] = g.Tags
	}
	for _, sec := range r.Secrets.Secrets {
		all[*sec.ARN] = pairs(sec.Tags, func(t secretsmanager.Tag) (*string, *string) { return t.Key, t.Value })
	}
	for arn, c := range r.ACM.Certificates {
		all[arn] = c.Tags
	}
	return all
}

func (s *taggingService) ecsTags(r *Region, all map[string]map[string]string) {
	tag := func(t ecs.Tag) (*string, *string) { return t.Key, t.Value }
	for _, c := range r.ECS.Clusters {
		all[*c.ClusterArn] = pairs(c.Tags, tag)
		for _, sv := range c.Services {
			all[*sv.ServiceArn] = pairs(sv.Tags, tag)
		}
		for _, t := range c.Tasks {
			all[*t.TaskArn] = pairs(t.Tags, tag)
		}
	}
	for _, f := range r.ECS.Definitions {
		for _, d := range f.Revisions {
			all[*d.TaskDefinitionArn] = pairs(d.Tags, tag)
		}
	}
}

// pairs makes a map of a service's own tags.
func pairs[T any](tags []T, pair func(T) (key, value *string)) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		k, v := pair(t)
		m[val(k)] = val(v)
	}
	return m
}
