package steps

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// liveService finds the service as it was when the command began, nil when there is none: task definition, service and
// scaling are all judged by it. Under a new name in the manifest it is found by its tags, since neither it nor its
// cluster can be renamed. One that is DRAINING or INACTIVE comes as it is.
func (a *App) liveService(ctx context.Context) (*types.Service, error) {
	return a.running.get(func() (*types.Service, error) {
		sv, err := a.describeService(ctx, a.Manifest.Cluster.Name, a.Manifest.Service.Name)
		if err != nil || active(sv) {
			return sv, err
		}
		arns, err := a.find(ctx, "service")
		if err != nil {
			return sv, nil //nolint:nilerr // the cluster's notes say that renames can't be seen
		}
		for _, arn := range arns {
			parts := strings.Split(arn, "/") // arn:…:service/CLUSTER/NAME
			if len(parts) != 3 {
				continue
			}
			other, err := a.describeService(ctx, parts[1], parts[2])
			switch {
			case err != nil:
				return nil, err
			case active(other) && active(sv):
				return nil, fmt.Errorf("there is more than one service of ours: %s and %s", *sv.ServiceArn, *other.ServiceArn)
			case active(other):
				sv = other
			}
		}
		return sv, nil
	})
}

// LiveService is the stack's service for the commands that work on nothing else, nil when there is none. Somebody else's
// service of that name is refused.
func (a *App) LiveService(ctx context.Context) (*types.Service, error) {
	sv, err := a.liveService(ctx)
	if err != nil || !active(sv) {
		return nil, err
	}
	return sv, a.own("service", *sv.ServiceName, ecsTags(sv.Tags))
}

func (a *App) describeService(ctx context.Context, cluster, name string) (*types.Service, error) {
	out, err := a.AWS.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: &cluster, Services: []string{name}, Include: []types.ServiceField{types.ServiceFieldTags},
	})
	if err != nil {
		return nil, aws.Ignore(err, "ClusterNotFoundException")
	}
	return first(out.Services), nil
}

// A definition is a task definition with its tags; live is nil when there is none.
type definition struct {
	live *types.TaskDefinition
	tags map[string]string
}

// liveDefinition finds the revision that the service runs, without a service the newest of the family; nil when there is
// none. While a release is under way it is that one's, even if it is being rolled back already: what is asked for is
// compared with what was.
func (a *App) liveDefinition(ctx context.Context) (*types.TaskDefinition, map[string]string, error) {
	d, err := a.defined.get(func() (d definition, err error) {
		id := a.Manifest.Stack()
		sv, err := a.liveService(ctx)
		if err != nil {
			return d, err
		}
		if active(sv) {
			id = *sv.TaskDefinition
		}
		now, err := a.underWay(ctx)
		if err != nil {
			return d, err
		}
		if now.under != nil {
			id = now.under.TaskDefinition
		}
		d.live, d.tags, err = a.describeDefinition(ctx, id)
		return d, err
	})
	return d.live, d.tags, err
}

// describeDefinition is a revision by its ARN, or the newest active one of a family; nil when there is none.
func (a *App) describeDefinition(ctx context.Context, id string) (*types.TaskDefinition, map[string]string, error) {
	out, err := a.AWS.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: &id, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
	})
	if aws.Is(err, "ClientException") && strings.Contains(err.Error(), "Unable to describe task definition") {
		return nil, nil, nil // the one code for what is not there
	}
	if err != nil {
		return nil, nil, err
	}
	return out.TaskDefinition, ecsTags(out.Tags), nil
}

// A rollout is what is being deployed to the service, and why the last deployment failed that left it where it was: see
// [aws.ECS.UnderWay].
type rollout struct {
	under *aws.Deployment
	lost  string
}

func (a *App) underWay(ctx context.Context) (rollout, error) {
	return a.deploying.get(func() (r rollout, err error) {
		sv, err := a.liveService(ctx)
		if err != nil || !active(sv) {
			return r, err
		}
		r.under, r.lost, err = a.AWS.ECS.UnderWay(ctx, sv)
		return r, err
	})
}

// primary is the deployment that AWS drives a service to.
func primary(sv *types.Service) *types.Deployment {
	for i := range sv.Deployments {
		if val(sv.Deployments[i].Status) == "PRIMARY" {
			return &sv.Deployments[i]
		}
	}
	return nil
}

func active(sv *types.Service) bool { return sv != nil && val(sv.Status) == "ACTIVE" }

// ecsTags are the tags of an ECS resource as a map.
func ecsTags(tags []types.Tag) map[string]string {
	return aws.TagMap(tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
}

// ecsTag makes one of them.
func ecsTag(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }

// tagECS sets tags of an ECS resource.
func (a *App) tagECS(ctx context.Context, arn string, tags map[string]string) error {
	_, err := a.AWS.ECS.TagResource(ctx, &ecs.TagResourceInput{ResourceArn: &arn, Tags: aws.Convert(tags, ecsTag)})
	return err
}

// short is what stands behind the last slash of an ARN: "my-api:7" of a task definition's.
func short(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
