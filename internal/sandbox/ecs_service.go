package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// service is a service with all that the scheduler knows of it. Its Deployments are the live ones, the primary first.
type service struct {
	types.Service
	Request    string     // what made it, as text: the same token and request again returns it
	Rollouts   []*rollout // its service deployments, newest first
	Revisions  map[string]*types.ServiceRevision
	Live       map[string]*live // by id of the deployment
	Completed  string           // id of the deployment that a rollback returns to
	Looks      int              // since something last changed
	LaunchNext time.Time        // no task is launched before: failing ones are throttled
	Steady     bool
	Shut       []ec2types.SecurityGroupRule // that a rehearsal has taken away
}

// live is what a deployment has beyond what AWS shows of it.
type live struct {
	Revision string // ARN of the service revision
	Fault    string // the cause that was armed for it
}

func (sv *service) primary() *types.Deployment { return &sv.Deployments[0] }

func (sv *service) deployment(id string) *types.Deployment {
	for i := range sv.Deployments {
		if *sv.Deployments[i].Id == id {
			return &sv.Deployments[i]
		}
	}
	return nil
}

func (sv *service) id(r *Region) string {
	return r.Name + "/" + sv.clusterName() + "/" + *sv.ServiceName
}

func (sv *service) clusterName() string {
	return (*sv.ClusterArn)[strings.LastIndex(*sv.ClusterArn, "/")+1:]
}

// event is a line in the service's own event stream, of which AWS keeps the last hundred.
func (s *Sandbox) event(sv *service, format string, args ...any) {
	text := fmt.Sprintf("(service %s) ", *sv.ServiceName) + fmt.Sprintf(format, args...)
	e := types.ServiceEvent{Id: new(s.uuid()), CreatedAt: new(s.clock), Message: &text}
	sv.Events = append([]types.ServiceEvent{e}, sv.Events[:min(len(sv.Events), 99)]...)
}

func (s *Sandbox) uuid() string {
	h := s.hex(32)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// service finds one that is not deleted, by name or ARN.
func (s *ecsService) service(ctx context.Context, clusterID, id *string) (*cluster, *service, error) {
	c, err := s.cluster(ctx, clusterID)
	if err != nil {
		return nil, nil, err
	}
	name := val(id)
	sv := c.Services[name[strings.LastIndex(name, "/")+1:]]
	if sv == nil {
		return nil, nil, fail("ServiceNotFoundException", "Service not found.")
	}
	return c, sv, nil
}

func (s *ecsService) CreateService(ctx context.Context, in *ecs.CreateServiceInput) (*ecs.CreateServiceOutput, error) {
	r, name := s.region(ctx), val(in.ServiceName)
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	if !ecsName.MatchString(name) {
		return nil, invalid("Identifier contains invalid characters.")
	}
	if old := c.Services[name]; old != nil && *old.Status != "INACTIVE" {
		switch {
		case *old.Status == "DRAINING":
			return nil, invalid("Unable to Start a service that is still Draining.")
		case in.ClientToken != nil && params(in) == old.Request:
			return &ecs.CreateServiceOutput{Service: s.describeService(r, old, true)}, nil
		}
		return nil, invalid("Creation of service was not idempotent.")
	}
	request := params(in)
	if len(in.CapacityProviderStrategy) == 0 && in.LaunchType == "" {
		in.CapacityProviderStrategy = c.DefaultCapacityProviderStrategy
	}
	d, err := s.checkService(ctx, c, in)
	if err != nil {
		return nil, err
	}
	sv := &service{Request: request, Revisions: map[string]*types.ServiceRevision{}, Live: map[string]*live{}}
	sv.Service = types.Service{
		ServiceName: &name, ServiceArn: new(s.arn("ecs", r.Name, "service/"+*c.ClusterName+"/"+name)), ClusterArn: c.ClusterArn,
		Status: new("ACTIVE"), CreatedAt: new(s.clock), CreatedBy: new(s.arn("iam", "", "user/sandbox")), Tags: in.Tags,
		TaskDefinition: d.TaskDefinitionArn, DesiredCount: val(in.DesiredCount), LoadBalancers: in.LoadBalancers,
		LaunchType: in.LaunchType, CapacityProviderStrategy: in.CapacityProviderStrategy,
		PlatformVersion: new(or(in.PlatformVersion, "LATEST")), PlatformFamily: new("Linux"),
		NetworkConfiguration:          fillNetwork(in.NetworkConfiguration),
		HealthCheckGracePeriodSeconds: in.HealthCheckGracePeriodSeconds,
		EnableExecuteCommand:          in.EnableExecuteCommand, EnableECSManagedTags: in.EnableECSManagedTags,
		PropagateTags:          cmp.Or(in.PropagateTags, types.PropagateTagsNone),
		SchedulingStrategy:     types.SchedulingStrategyReplica,
		DeploymentController:   &types.DeploymentController{Type: types.DeploymentControllerTypeEcs},
		ResourceManagementType: types.ResourceManagementTypeCustomer,
		// ENABLED where nothing is said (documentation of types.Service).
		AvailabilityZoneRebalancing: cmp.Or(in.AvailabilityZoneRebalancing, types.AvailabilityZoneRebalancingEnabled),
		PlacementConstraints:        []types.PlacementConstraint{}, PlacementStrategy: []types.PlacementStrategy{},
		ServiceRegistries: in.ServiceRegistries,
		RoleArn:           new(s.arn("iam", "", "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")),
	}
	if sv.LaunchType == "" && len(sv.CapacityProviderStrategy) == 0 {
		sv.LaunchType = types.LaunchTypeEc2
	}
	if len(in.LoadBalancers) > 0 && sv.HealthCheckGracePeriodSeconds == nil {
		sv.HealthCheckGracePeriodSeconds = new(int32(0))
	}
	sv.DeploymentConfiguration = fillDeployment(in.DeploymentConfiguration, nil)
	put(&c.Services, name, sv)
	s.deploy(r, sv)
	return &ecs.CreateServiceOutput{Service: s.describeService(r, sv, true)}, nil
}

func invalid(format string, args ...any) error {
	return fail("InvalidParameterException", format, args...)
}

// fillNetwork fills in what is not said: no public address (documentation of types.AwsVpcConfiguration).
func fillNetwork(n *types.NetworkConfiguration) *types.NetworkConfiguration {
	if n != nil && n.AwsvpcConfiguration != nil {
		v := *n.AwsvpcConfiguration
		v.AssignPublicIp = cmp.Or(v.AssignPublicIp, types.AssignPublicIpDisabled)
		n = &types.NetworkConfiguration{AwsvpcConfiguration: &v}
	}
	return n
}

// fillDeployment is what is asked for over what is there, over AWS's own: 100 to 200 percent, no circuit breaker.
func fillDeployment(in, was *types.DeploymentConfiguration) *types.DeploymentConfiguration {
	d := types.DeploymentConfiguration{
		MinimumHealthyPercent: new(int32(100)), MaximumPercent: new(int32(200)), Strategy: types.DeploymentStrategyRolling,
		DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{},
	}
	for _, over := range []*types.DeploymentConfiguration{was, in} {
		if over == nil {
			continue
		}
		d.MinimumHealthyPercent = cmp.Or(over.MinimumHealthyPercent, d.MinimumHealthyPercent)
		d.MaximumPercent = cmp.Or(over.MaximumPercent, d.MaximumPercent)
		d.DeploymentCircuitBreaker = cmp.Or(over.DeploymentCircuitBreaker, d.DeploymentCircuitBreaker)
		d.Alarms = cmp.Or(over.Alarms, d.Alarms)
		d.EarlySuccessCriteria = cmp.Or(over.EarlySuccessCriteria, d.EarlySuccessCriteria)
	}
	return &d
}

// UpdateService starts a deployment when the task definition, the network, the target groups or the platform version
// change, or when one is forced; other members take effect without (UpdateService in the API reference).
func (s *ecsService) UpdateService(ctx context.Context, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
	r := s.region(ctx)
	c, sv, err := s.service(ctx, in.Cluster, in.Service)
	if err != nil {
		return nil, err
	}
	if *sv.Status != "ACTIVE" {
		return nil, fail("ServiceNotActiveException", "Service was not ACTIVE.")
	}
	want := s.wanted(sv, in)
	d, err := s.checkService(ctx, c, want)
	if err != nil {
		return nil, err
	}
	strategy := in.CapacityProviderStrategy != nil && !reflect.DeepEqual(in.CapacityProviderStrategy, sv.CapacityProviderStrategy)
	if strategy && !in.ForceNewDeployment {
		return nil, invalid("When switching from launch type to capacity provider strategy on an existing service, or making a change to a capacity provider strategy on a service that is already using one, you must force a new deployment.")
	}
	anew := in.ForceNewDeployment || *d.TaskDefinitionArn != *sv.TaskDefinition ||
		!sameNetwork(want.NetworkConfiguration, sv.NetworkConfiguration) ||
		in.LoadBalancers != nil && !reflect.DeepEqual(in.LoadBalancers, sv.LoadBalancers) && len(in.LoadBalancers)+len(sv.LoadBalancers) > 0 ||
		or(in.PlatformVersion, *sv.PlatformVersion) != *sv.PlatformVersion
	sv.TaskDefinition, sv.NetworkConfiguration = d.TaskDefinitionArn, want.NetworkConfiguration
	sv.LoadBalancers, sv.PlatformVersion = want.LoadBalancers, want.PlatformVersion
	sv.CapacityProviderStrategy, sv.LaunchType = want.CapacityProviderStrategy, want.LaunchType
	sv.DeploymentConfiguration, sv.HealthCheckGracePeriodSeconds = want.DeploymentConfiguration, want.HealthCheckGracePeriodSeconds
	sv.EnableExecuteCommand, sv.EnableECSManagedTags = want.EnableExecuteCommand, want.EnableECSManagedTags
	sv.PropagateTags, sv.AvailabilityZoneRebalancing = want.PropagateTags, want.AvailabilityZoneRebalancing
	sv.DesiredCount = *want.DesiredCount
	if anew {
		s.deploy(r, sv)
	} else {
		s.scale(r, sv, sv.DesiredCount)
	}
	return &ecs.UpdateServiceOutput{Service: s.describeService(r, sv, true)}, nil
}

// wanted is the service as an update would have it, as a request for a new one.
func (s *ecsService) wanted(sv *service, in *ecs.UpdateServiceInput) *ecs.CreateServiceInput {
	w := &ecs.CreateServiceInput{
		TaskDefinition: cmp.Or(in.TaskDefinition, sv.TaskDefinition), DesiredCount: cmp.Or(in.DesiredCount, &sv.DesiredCount),
		NetworkConfiguration:          fillNetwork(cmp.Or(in.NetworkConfiguration, sv.NetworkConfiguration)),
		LoadBalancers:                 sv.LoadBalancers,
		PlatformVersion:               cmp.Or(in.PlatformVersion, sv.PlatformVersion),
		LaunchType:                    sv.LaunchType,
		CapacityProviderStrategy:      sv.CapacityProviderStrategy,
		DeploymentConfiguration:       fillDeployment(in.DeploymentConfiguration, sv.DeploymentConfiguration),
		HealthCheckGracePeriodSeconds: cmp.Or(in.HealthCheckGracePeriodSeconds, sv.HealthCheckGracePeriodSeconds),
		EnableExecuteCommand:          or(in.EnableExecuteCommand, sv.EnableExecuteCommand),
		EnableECSManagedTags:          or(in.EnableECSManagedTags, sv.EnableECSManagedTags),
		PropagateTags:                 cmp.Or(in.PropagateTags, sv.PropagateTags),
		AvailabilityZoneRebalancing:   cmp.Or(in.AvailabilityZoneRebalancing, sv.AvailabilityZoneRebalancing),
	}
	if in.LoadBalancers != nil {
		w.LoadBalancers = in.LoadBalancers
	}
	if in.CapacityProviderStrategy != nil {
		w.CapacityProviderStrategy, w.LaunchType = in.CapacityProviderStrategy, ""
		if len(in.CapacityProviderStrategy) == 0 { // an empty list returns to the launch type
			w.CapacityProviderStrategy, w.LaunchType = nil, types.LaunchTypeFargate
		}
	}
	return w
}

func sameNetwork(a, b *types.NetworkConfiguration) bool {
	if a == nil || b == nil || a.AwsvpcConfiguration == nil || b.AwsvpcConfiguration == nil {
		return a == b
	}
	v, w := a.AwsvpcConfiguration, b.AwsvpcConfiguration
	return v.AssignPublicIp == w.AssignPublicIp && sameSet(v.Subnets, w.Subnets) && sameSet(v.SecurityGroups, w.SecurityGroups)
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

// DeleteService drains: the service is gone (INACTIVE) when its last task has stopped.
func (s *ecsService) DeleteService(ctx context.Context, in *ecs.DeleteServiceInput) (*ecs.DeleteServiceOutput, error) {
	r := s.region(ctx)
	_, sv, err := s.service(ctx, in.Cluster, in.Service)
	if err != nil {
		return nil, err
	}
	switch {
	case *sv.Status == "INACTIVE":
		return nil, fail("ServiceNotFoundException", "Service not found.")
	case sv.DesiredCount > 0 && !val(in.Force):
		return nil, invalid("The service cannot be stopped while it is scaled above 0.")
	}
	if *sv.Status == "ACTIVE" {
		sv.Status, sv.DesiredCount = new("DRAINING"), 0
		s.endRollouts(sv, "Service deployment stopped because the service was deleted.")
		s.wake(r, sv, 0)
	}
	return &ecs.DeleteServiceOutput{Service: s.describeService(r, sv, true)}, nil
}

func (s *ecsService) DescribeServices(ctx context.Context, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	r, out := s.region(ctx), &ecs.DescribeServicesOutput{}
	if n := len(in.Services); n == 0 || n > 10 {
		return nil, invalid("Services list must have between 1 and 10 elements.")
	}
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	for _, id := range in.Services {
		if sv := c.Services[id[strings.LastIndex(id, "/")+1:]]; sv != nil {
			out.Services = append(out.Services, *s.describeService(r, sv, slices.Contains(in.Include, types.ServiceFieldTags)))
		} else {
			out.Failures = append(out.Failures, missing(r, "service", *c.ClusterName+"/"+id))
		}
	}
	return out, nil
}

// describeService counts the tasks, of the service and of each deployment.
func (s *ecsService) describeService(r *Region, sv *service, tags bool) *types.Service {
	d := sv.Service
	d.Deployments = slices.Clone(sv.Deployments)
	count := func(id string) (running, pending int32) {
		for _, t := range r.ECS.Clusters[sv.clusterName()].of(sv) {
			if id != "" && t.Deployment != id {
				continue
			}
			switch *t.LastStatus {
			case "RUNNING", "DEACTIVATING":
				running++
			case "PROVISIONING", "PENDING", "ACTIVATING":
				pending++
			}
		}
		return running, pending
	}
	d.RunningCount, d.PendingCount = count("")
	for i := range d.Deployments {
		p := &d.Deployments[i]
		p.RunningCount, p.PendingCount = count(*p.Id)
		d.CurrentServiceRevisions = append(d.CurrentServiceRevisions, types.ServiceCurrentRevisionSummary{
			Arn: &sv.Live[*p.Id].Revision, RequestedTaskCount: p.DesiredCount, RunningTaskCount: p.RunningCount, PendingTaskCount: p.PendingCount,
		})
	}
	if len(sv.Rollouts) > 0 {
		d.CurrentServiceDeployment = sv.Rollouts[0].ServiceDeploymentArn
	}
	if !tags {
		d.Tags = nil
	}
	return &d
}

// ListServices hides what drains.
func (s *ecsService) ListServices(ctx context.Context, in *ecs.ListServicesInput) (*ecs.ListServicesOutput, error) {
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	out := &ecs.ListServicesOutput{}
	for _, sv := range sorted(c.Services) {
		if *sv.Status == "ACTIVE" && (in.LaunchType == "" || in.LaunchType == sv.LaunchType) {
			out.ServiceArns = append(out.ServiceArns, *sv.ServiceArn)
		}
	}
	out.ServiceArns, out.NextToken, err = page(out.ServiceArns, in.NextToken, in.MaxResults, 10)
	return out, err
}
