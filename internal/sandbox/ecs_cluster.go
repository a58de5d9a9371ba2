package sandbox

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

type cluster struct {
	types.Cluster
	Services map[string]*service // by name; deleted ones stay as INACTIVE
	Tasks    map[string]*task    // by id; stopped ones for an hour
}

// cluster finds an active one by name or ARN, "default" without either.
func (s *ecsService) cluster(ctx context.Context, id *string) (*cluster, error) {
	name := or(id, "default")
	c := s.region(ctx).ECS.Clusters[name[strings.LastIndex(name, "/")+1:]]
	switch {
	case c == nil:
		return nil, fail("ClusterNotFoundException", "Cluster not found.")
	case *c.Status != "ACTIVE":
		return nil, fail("ClusterNotFoundException", "The referenced cluster was inactive.")
	}
	return c, nil
}

// CreateCluster returns a cluster of that name that is there already as it is, whoever made it. It makes ECS's
// service-linked role in an account that has none (CreateCluster in the API reference).
func (s *ecsService) CreateCluster(ctx context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
	name, r := or(in.ClusterName, "default"), s.region(ctx)
	if !ecsName.MatchString(name) {
		return nil, fail("InvalidParameterException", "Identifier contains invalid characters.")
	}
	if c := r.ECS.Clusters[name]; c != nil && *c.Status == "ACTIVE" {
		return &ecs.CreateClusterOutput{Cluster: c.describe([]types.ClusterField{"SETTINGS", "TAGS"})}, nil
	}
	if err := checkProviders(in.CapacityProviders, in.DefaultCapacityProviderStrategy); err != nil {
		return nil, err
	}
	if err := checkECSTags(in.Tags); err != nil {
		return nil, err
	}
	c := &cluster{Services: map[string]*service{}, Tasks: map[string]*task{}}
	c.Cluster = types.Cluster{
		ClusterName: &name, ClusterArn: new(s.arn("ecs", r.Name, "cluster/"+name)), Status: new("ACTIVE"), Tags: in.Tags,
		CapacityProviders: in.CapacityProviders, DefaultCapacityProviderStrategy: in.DefaultCapacityProviderStrategy,
		Configuration: in.Configuration,
		Settings:      []types.ClusterSetting{{Name: types.ClusterSettingNameContainerInsights, Value: new(s.insights(r))}},
	}
	if err := c.set(in.Settings); err != nil {
		return nil, err
	}
	s.makeServiceRole("ecs.amazonaws.com")
	put(&r.ECS.Clusters, name, c)
	return &ecs.CreateClusterOutput{Cluster: c.describe([]types.ClusterField{"SETTINGS", "TAGS"})}, nil
}

// insights is what clusters have that say nothing: the account's setting.
func (s *ecsService) insights(r *Region) string {
	if v, ok := r.ECS.Settings["containerInsights"]; ok {
		return v
	}
	return accountSettings["containerInsights"]
}

func (c *cluster) set(settings []types.ClusterSetting) error {
	for _, set := range settings {
		if set.Name != types.ClusterSettingNameContainerInsights || !slices.Contains([]string{"enabled", "disabled", "enhanced"}, val(set.Value)) {
			return fail("InvalidParameterException", "Invalid cluster setting: %s=%s", set.Name, val(set.Value))
		}
		c.Settings = []types.ClusterSetting{set}
	}
	return nil
}

// checkProviders knows Fargate's two providers, which exist without being made.
func checkProviders(providers []string, strategy []types.CapacityProviderStrategyItem) error {
	for _, p := range providers {
		if p != "FARGATE" && p != "FARGATE_SPOT" {
			return fail("InvalidParameterException", "The specified capacity provider '%s' was not found. Specify a valid name or ARN and try again.", p)
		}
	}
	return checkStrategy(providers, strategy)
}

// checkStrategy holds that a strategy names providers of the cluster, and not weights of 0 alone (CreateService in
// the API reference: "a capacity provider strategy with all weights 0 makes RunTask or CreateService fail").
func checkStrategy(providers []string, strategy []types.CapacityProviderStrategyItem) error {
	weight := int32(0)
	for _, item := range strategy {
		if !slices.Contains(providers, val(item.CapacityProvider)) {
			return fail("InvalidParameterException", "The specified capacity provider strategy contains a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.")
		}
		weight += item.Weight
	}
	if len(strategy) > 0 && weight == 0 {
		return fail("InvalidParameterException", "The capacity provider strategy must have at least one capacity provider with a weight greater than zero.")
	}
	return nil
}

// describe counts what is in the cluster; settings, tags and statistics are shown when asked for.
func (c *cluster) describe(include []types.ClusterField) *types.Cluster {
	d := c.Cluster
	fargate := map[string]int{}
	for _, sv := range c.Services {
		if *sv.Status == "ACTIVE" {
			d.ActiveServicesCount++
		}
	}
	for _, t := range c.Tasks {
		switch *t.LastStatus {
		case "RUNNING":
			d.RunningTasksCount++
			fargate["runningFargateTasksCount"]++
		case "PROVISIONING", "PENDING", "ACTIVATING":
			d.PendingTasksCount++
			fargate["pendingFargateTasksCount"]++
		}
	}
	has := func(f types.ClusterField) bool { return slices.Contains(include, f) }
	if !has(types.ClusterFieldSettings) {
		d.Settings = nil
	}
	if !has(types.ClusterFieldTags) {
		d.Tags = nil
	}
	if !has(types.ClusterFieldConfigurations) {
		d.Configuration = nil
	}
	if has(types.ClusterFieldStatistics) {
		for _, k := range []string{"runningFargateTasksCount", "pendingFargateTasksCount"} {
			d.Statistics = append(d.Statistics, types.KeyValuePair{Name: new(k), Value: new(strconv.Itoa(fargate[k]))})
		}
	}
	return &d
}

func (s *ecsService) DescribeClusters(ctx context.Context, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
	r, out := s.region(ctx), &ecs.DescribeClustersOutput{}
	names := in.Clusters
	if len(names) == 0 {
		names = []string{"default"}
	}
	if len(names) > 100 {
		return nil, fail("InvalidParameterException", "Clusters list cannot have more than 100 elements.")
	}
	for _, name := range names {
		if c := r.ECS.Clusters[name[strings.LastIndex(name, "/")+1:]]; c != nil {
			out.Clusters = append(out.Clusters, *c.describe(in.Include))
		} else {
			out.Failures = append(out.Failures, missing(r, "cluster", name))
		}
	}
	return out, nil
}

func (s *ecsService) ListClusters(ctx context.Context, in *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
	out := &ecs.ListClustersOutput{}
	for _, c := range sorted(s.region(ctx).ECS.Clusters) {
		if *c.Status == "ACTIVE" {
			out.ClusterArns = append(out.ClusterArns, *c.ClusterArn)
		}
	}
	var err error
	out.ClusterArns, out.NextToken, err = page(out.ClusterArns, in.NextToken, in.MaxResults, 100)
	return out, err
}

func (s *ecsService) UpdateCluster(ctx context.Context, in *ecs.UpdateClusterInput) (*ecs.UpdateClusterOutput, error) {
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	if in.Configuration != nil {
		c.Configuration = in.Configuration
	}
	if err := c.set(in.Settings); err != nil {
		return nil, err
	}
	return &ecs.UpdateClusterOutput{Cluster: c.describe([]types.ClusterField{"SETTINGS", "TAGS", "CONFIGURATIONS"})}, nil
}

func (s *ecsService) UpdateClusterSettings(ctx context.Context, in *ecs.UpdateClusterSettingsInput) (*ecs.UpdateClusterSettingsOutput, error) {
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	if err := c.set(in.Settings); err != nil {
		return nil, err
	}
	return &ecs.UpdateClusterSettingsOutput{Cluster: c.describe([]types.ClusterField{"SETTINGS", "TAGS"})}, nil
}

// PutClusterCapacityProviders replaces both lists. A provider that tasks use stays (ResourceInUseException).
func (s *ecsService) PutClusterCapacityProviders(ctx context.Context, in *ecs.PutClusterCapacityProvidersInput) (*ecs.PutClusterCapacityProvidersOutput, error) {
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	if err := checkProviders(in.CapacityProviders, in.DefaultCapacityProviderStrategy); err != nil {
		return nil, err
	}
	for _, t := range c.Tasks {
		if p := val(t.CapacityProviderName); p != "" && *t.LastStatus != "STOPPED" && !slices.Contains(in.CapacityProviders, p) {
			return nil, fail("ResourceInUseException", "The specified capacity provider is in use and cannot be removed.")
		}
	}
	c.CapacityProviders, c.DefaultCapacityProviderStrategy = in.CapacityProviders, in.DefaultCapacityProviderStrategy
	return &ecs.PutClusterCapacityProvidersOutput{Cluster: c.describe([]types.ClusterField{"SETTINGS", "TAGS"})}, nil
}

// DeleteCluster leaves an INACTIVE cluster behind, which DescribeClusters still shows.
func (s *ecsService) DeleteCluster(ctx context.Context, in *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	for _, sv := range c.Services {
		if *sv.Status != "INACTIVE" {
			return nil, fail("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
		}
	}
	for _, t := range c.Tasks {
		if *t.LastStatus != "STOPPED" {
			return nil, fail("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
		}
	}
	c.Status, c.Tags, c.CapacityProviders, c.DefaultCapacityProviderStrategy = new("INACTIVE"), nil, nil, nil
	return &ecs.DeleteClusterOutput{Cluster: c.describe(nil)}, nil
}

// DescribeCapacityProviders knows Fargate's two.
func (s *ecsService) DescribeCapacityProviders(ctx context.Context, in *ecs.DescribeCapacityProvidersInput) (*ecs.DescribeCapacityProvidersOutput, error) {
	r, out := s.region(ctx), &ecs.DescribeCapacityProvidersOutput{}
	names := in.CapacityProviders
	if len(names) == 0 {
		names = []string{"FARGATE", "FARGATE_SPOT"}
	}
	for _, name := range names {
		name = name[strings.LastIndex(name, "/")+1:]
		if checkProviders([]string{name}, nil) != nil {
			out.Failures = append(out.Failures, missing(r, "capacity-provider", name))
			continue
		}
		out.CapacityProviders = append(out.CapacityProviders, types.CapacityProvider{
			Name: &name, CapacityProviderArn: new(s.arn("ecs", r.Name, "capacity-provider/"+name)),
			Status: types.CapacityProviderStatusActive, Type: types.CapacityProviderType(name),
		})
	}
	return out, nil
}
