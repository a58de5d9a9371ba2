package steps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// Cluster is the ECS cluster. AWS can't rename one: under a new name in the manifest the old one is used on.
type Cluster struct {
	*App

	ARN         deploy.Out[string]
	ClusterName deploy.Out[string]

	live  *types.Cluster
	blind error // why renames can't be seen
}

// fargate are the capacity providers that a cluster has.
var fargate = []string{"FARGATE", "FARGATE_SPOT"}

func (s *Cluster) Name() string { return "cluster" }

// Wanted is always true.
func (s *Cluster) Wanted() bool { return true }

// Read looks before anything is created: CreateCluster hands out a cluster of that name, whoever's it is.
func (s *Cluster) Read(ctx context.Context) error {
	var ours []string
	err := together(func() (err error) {
		s.live, err = s.describe(ctx, s.Manifest.Cluster.Name)
		return err
	}, func() error {
		ours, s.blind = s.find(ctx, "cluster")
		return nil
	})
	if err != nil {
		return err
	}
	if s.live == nil {
		if s.live, err = s.renamed(ctx, ours); err != nil {
			return err
		}
	}
	if s.live == nil {
		return nil
	}
	if err := s.own("cluster", *s.live.ClusterName, ecsTags(s.live.Tags)); err != nil {
		return err
	}
	s.ARN.Set(*s.live.ClusterArn)
	s.ClusterName.Set(*s.live.ClusterName)
	return nil
}

// describe is one cluster, nil when there is none. INACTIVE ones are gone and linger in answers.
func (s *Cluster) describe(ctx context.Context, name string) (*types.Cluster, error) {
	out, err := s.AWS.ECS.DescribeClusters(ctx, &ecs.DescribeClustersInput{
		Clusters: []string{name}, Include: []types.ClusterField{types.ClusterFieldSettings, types.ClusterFieldTags},
	})
	if err != nil {
		return nil, err
	}
	for _, c := range out.Clusters {
		if status := val(c.Status); status == "ACTIVE" || status == "PROVISIONING" {
			return &c, nil
		}
	}
	return nil, nil
}

// renamed is the cluster of ours that the manifest calls otherwise now, nil without one.
func (s *Cluster) renamed(ctx context.Context, arns []string) (*types.Cluster, error) {
	var found []*types.Cluster
	for _, arn := range arns {
		c, err := s.describe(ctx, arn)
		if err != nil {
			return nil, err
		}
		if c != nil {
			found = append(found, c)
		}
	}
	if len(found) > 1 {
		return nil, fmt.Errorf("there is more than one cluster of ours: %s and %s", *found[0].ClusterName, *found[1].ClusterName)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}

// Plan makes the cluster, or brings its settings to what is wanted.
func (s *Cluster) Plan() (plan []deploy.Change) {
	want := s.Manifest.Cluster
	if s.live == nil {
		return []deploy.Change{{Op: deploy.Create, What: "cluster " + want.Name, Do: s.create}}
	}
	what := "cluster " + *s.live.ClusterName
	if diff := deploy.Diff(deploy.F("container insights", s.insights(), want.ContainerInsights)); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what, Diff: diff, Do: func(ctx context.Context) error {
			_, err := s.AWS.ECS.UpdateClusterSettings(ctx, &ecs.UpdateClusterSettingsInput{Cluster: s.live.ClusterArn, Settings: s.settings()})
			return err
		}})
	}
	both := append(slices.Clone(s.live.CapacityProviders), fargate...)
	if diff := deploy.Diff(deploy.FSet("capacity providers", s.live.CapacityProviders, both)); diff != nil {
		slices.Sort(both)
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what + " capacity providers", Diff: diff, Do: func(ctx context.Context) error {
			_, err := s.AWS.ECS.PutClusterCapacityProviders(ctx, &ecs.PutClusterCapacityProvidersInput{
				Cluster: s.live.ClusterArn, CapacityProviders: slices.Compact(both), DefaultCapacityProviderStrategy: notNil(s.live.DefaultCapacityProviderStrategy),
			})
			return err
		}})
	}
	return append(plan, retag(what, ecsTags(s.live.Tags), s.tags("cluster"), func(ctx context.Context, tags map[string]string) error {
		_, err := s.AWS.ECS.TagResource(ctx, &ecs.TagResourceInput{ResourceArn: s.live.ClusterArn, Tags: aws.Convert(tags, ecsTag)})
		return err
	})...)
}

// notNil is a list that is sent even when it is empty: the request must have it.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (s *Cluster) insights() string {
	for _, set := range s.live.Settings {
		if set.Name == types.ClusterSettingNameContainerInsights {
			return val(set.Value)
		}
	}
	return "disabled"
}

func (s *Cluster) settings() []types.ClusterSetting {
	return []types.ClusterSetting{{Name: types.ClusterSettingNameContainerInsights, Value: &s.Manifest.Cluster.ContainerInsights}}
}

// create asks again while ECS's service-linked role, which the account's first cluster makes, is not known everywhere.
func (s *Cluster) create(ctx context.Context) error {
	return deploy.Until(ctx, func(ctx context.Context) (string, error) {
		out, err := s.AWS.ECS.CreateCluster(ctx, &ecs.CreateClusterInput{
			ClusterName: &s.Manifest.Cluster.Name, CapacityProviders: fargate, Settings: s.settings(), Tags: aws.Convert(s.tags("cluster"), ecsTag),
		})
		if aws.Is(err, "InvalidParameterException") && strings.Contains(err.Error(), "service linked role") {
			return "ECS's service-linked role", nil
		}
		if err != nil {
			return "", err
		}
		s.live = out.Cluster
		s.live.Tags = aws.Convert(s.tags("cluster"), ecsTag)
		s.ARN.Set(*s.live.ClusterArn)
		s.ClusterName.Set(*s.live.ClusterName)
		return "", nil
	})
}

// Notes says what is used under an older name, and whether such things could be seen at all.
func (s *Cluster) Notes() (notes []string) {
	if s.live != nil && *s.live.ClusterName != s.Manifest.Cluster.Name {
		notes = append(notes, fmt.Sprintf("cluster %s keeps its name, which AWS can't change; destroy and up makes %s", *s.live.ClusterName, s.Manifest.Cluster.Name))
	}
	if s.blind != nil {
		notes = append(notes, "things of ours under other names can't be seen: "+aws.Brief(s.blind))
	}
	return notes
}

// Remove deletes the cluster once its services and tasks are gone.
func (s *Cluster) Remove() []deploy.Change {
	if s.live == nil {
		return nil
	}
	return []deploy.Change{{Op: deploy.Delete, What: "cluster " + *s.live.ClusterName, Do: func(ctx context.Context) error {
		return deploy.Until(ctx, func(ctx context.Context) (string, error) {
			_, err := s.AWS.ECS.DeleteCluster(ctx, &ecs.DeleteClusterInput{Cluster: s.live.ClusterArn})
			switch aws.Code(err) {
			case "ClusterContainsServicesException":
				return "services to leave", nil
			case "ClusterContainsTasksException":
				return "tasks to stop", s.stopOneOffs(ctx, *s.live.ClusterArn)
			case "UpdateInProgressException":
				return "an update to end", nil
			}
			return "", aws.Ignore(err, "ClusterNotFoundException")
		})
	}}}
}

var (
	_ deploy.Step  = (*Cluster)(nil)
	_ deploy.Noter = (*Cluster)(nil)
)
