package steps

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// liveService is the ECS service as it was when the command began: task definition, service and scaling are all judged
// by it, so it is read once for all of them.
type liveService struct {
	once    sync.Once
	service *types.Service
	err     error
}

// liveService finds the service, nil when there is none. Under a new name in the manifest it is found by its tags, since
// neither it nor its cluster can be renamed. One that is DRAINING or INACTIVE comes as it is.
func (a *App) liveService(ctx context.Context) (*types.Service, error) {
	a.running.once.Do(func() {
		a.running.service, a.running.err = a.describeService(ctx, a.Manifest.Cluster.Name, a.Manifest.Service.Name)
		if a.running.err != nil || active(a.running.service) {
			return
		}
		arns, err := a.find(ctx, "service")
		if err != nil {
			return // the cluster's notes say that renames can't be seen
		}
		var found []*types.Service
		for _, arn := range arns {
			parts := strings.Split(arn, "/") // arn:…:service/CLUSTER/NAME
			if len(parts) != 3 {
				continue
			}
			sv, err := a.describeService(ctx, parts[1], parts[2])
			if err != nil {
				a.running.err = err
				return
			}
			if active(sv) {
				found = append(found, sv)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			a.running.service = found[0]
		default:
			a.running.err = fmt.Errorf("there is more than one service of ours: %s and %s", *found[0].ServiceArn, *found[1].ServiceArn)
		}
	})
	return a.running.service, a.running.err
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
