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

func (a *App) describeService(ctx context.Context, cluster, name string) (*types.Service, error) {
	out, err := a.AWS.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: &cluster, Services: []string{name}, Include: []types.ServiceField{types.ServiceFieldTags},
	})
	if err != nil {
		return nil, aws.Ignore(err, "ClusterNotFoundException")
	}
	return first(out.Services), nil
}

func active(sv *types.Service) bool { return sv != nil && val(sv.Status) == "ACTIVE" }

// ecsTags are the tags of an ECS resource as a map.
func ecsTags(tags []types.Tag) map[string]string {
	return aws.TagMap(tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
}

// ecsTag makes one of them.
func ecsTag(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }

// short is what stands behind the last slash of an ARN: "my-api:7" of a task definition's.
func short(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
