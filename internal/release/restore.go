package release

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// A restore is what brings a service back to how it was with an earlier revision, besides the task definition: what
// differs, as a plan shows it, the same as one UpdateService says it, and what is gone and can't be put back.
type restore struct {
	diff []deploy.Field
	in   ecs.UpdateServiceInput
	gone []string
}

// A GoneError is a release that can't be put back as it was.
type GoneError struct {
	Release string
	What    []string // "subnet subnet-0a1b is gone"
}

func (e *GoneError) Error() string {
	return fmt.Sprintf("%s can't be put back as it was: %s", e.Release, strings.Join(e.What, "; "))
}

// Hint says the way out.
func (e *GoneError) Hint() string {
	return "fargatectl rollback REVISION goes back to another (fargatectl history); fargatectl deploy --image REF brings an image into the service as it is now"
}

// restore compares the live service with a revision of it.
func (s *Service) restore(ctx context.Context, rev types.ServiceRevision) (*restore, error) {
	r := &restore{}
	if rev.ServiceRevisionArn == nil {
		return r, nil
	}
	network := val(val(rev.NetworkConfiguration).AwsvpcConfiguration)
	if err := s.network(ctx, r, network); err != nil {
		return nil, err
	}
	if err := s.balancers(ctx, r, rev.LoadBalancers); err != nil {
		return nil, err
	}
	if err := s.admitted(ctx, r, network, rev.LoadBalancers); err != nil {
		return nil, err
	}
	if was, is := platform(rev.PlatformVersion), platform(s.Live.PlatformVersion); was != is && was != "" {
		r.in.PlatformVersion = rev.PlatformVersion
		r.diff = append(r.diff, deploy.F("platform version", is, was))
	}
	if was, is := capacity(rev.LaunchType, rev.CapacityProviderStrategy), capacity(s.Live.LaunchType, s.Live.CapacityProviderStrategy); was != is {
		r.in.CapacityProviderStrategy, r.in.ForceNewDeployment = rev.CapacityProviderStrategy, true
		if len(rev.CapacityProviderStrategy) == 0 { // an empty list returns to the launch type (UpdateService)
			r.in.CapacityProviderStrategy = []types.CapacityProviderStrategyItem{}
		}
		r.diff = append(r.diff, deploy.F("capacity", is, was))
	}
	if was, is := rev.ServiceRegistries, s.Live.ServiceRegistries; len(was)+len(is) > 0 && !reflect.DeepEqual(was, is) {
		if r.in.ServiceRegistries = was; was == nil {
			r.in.ServiceRegistries = []types.ServiceRegistry{}
		}
		r.diff = append(r.diff, deploy.F("service registries", len(is), len(was)))
	}
	return r, nil
}

// network puts subnets, security groups and the public address back, if they are there.
func (s *Service) network(ctx context.Context, r *restore, was types.AwsVpcConfiguration) error {
	is := val(val(s.Live.NetworkConfiguration).AwsvpcConfiguration)
	public := func(c types.AwsVpcConfiguration) bool { return c.AssignPublicIp == types.AssignPublicIpEnabled }
	diff := deploy.Diff(
		deploy.F("subnets", list(is.Subnets), list(was.Subnets)), deploy.F("security groups", list(is.SecurityGroups), list(was.SecurityGroups)),
		deploy.F("public address", public(is), public(was)),
	)
	if diff == nil || len(was.Subnets) == 0 {
		return nil
	}
	r.diff = append(r.diff, diff...)
	r.in.NetworkConfiguration = &types.NetworkConfiguration{AwsvpcConfiguration: &was}
	out, err := s.Calls.EC2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []ec2types.Filter{{Name: new("subnet-id"), Values: was.Subnets}}})
	if err != nil {
		return err
	}
	for _, id := range was.Subnets {
		if !slices.ContainsFunc(out.Subnets, func(n ec2types.Subnet) bool { return val(n.SubnetId) == id }) {
			r.gone = append(r.gone, "subnet "+id+" is gone")
		}
	}
	return nil
}

// balancers puts the target groups and the container's port back, if the groups are there and in use.
func (s *Service) balancers(ctx context.Context, r *restore, was []types.LoadBalancer) error {
	names := func(lbs []types.LoadBalancer) string {
		var all []string
		for _, lb := range lbs {
			group := val(lb.TargetGroupArn)
			if parts := strings.Split(group, "/"); len(parts) == 3 {
				group = parts[1]
			}
			all = append(all, fmt.Sprintf("%s (%s:%d)", group, val(lb.ContainerName), val(lb.ContainerPort)))
		}
		return list(all)
	}
	diff := deploy.Diff(deploy.F("target groups", names(s.Live.LoadBalancers), names(was)))
	if diff == nil {
		return nil
	}
	for _, lb := range was {
		if val(lb.TargetGroupArn) == "" {
			continue
		}
		out, err := s.Calls.ELB.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{*lb.TargetGroupArn}})
		switch {
		case aws.Is(err, "TargetGroupNotFound"):
			r.gone = append(r.gone, "target group "+*lb.TargetGroupArn+" is gone")
		case err != nil:
			return err
		case len(out.TargetGroups) == 1 && len(out.TargetGroups[0].LoadBalancerArns) == 0:
			r.gone = append(r.gone, "target group "+*lb.TargetGroupArn+" is behind no load balancer any more")
		}
	}
	if r.in.LoadBalancers = was; was == nil {
		r.in.LoadBalancers = []types.LoadBalancer{}
	}
	r.diff = append(r.diff, diff...)
	return nil
}

// admitted holds that the security groups are there and still let the balancer through to the port. It is only asked of
// what is put back: what the service has now works.
func (s *Service) admitted(ctx context.Context, r *restore, network types.AwsVpcConfiguration, lbs []types.LoadBalancer) error {
	if r.in.NetworkConfiguration == nil && r.in.LoadBalancers == nil || len(network.SecurityGroups) == 0 {
		return nil
	}
	out, err := s.Calls.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{{Name: new("group-id"), Values: network.SecurityGroups}}})
	if err != nil {
		return err
	}
	for _, id := range network.SecurityGroups {
		if !slices.ContainsFunc(out.SecurityGroups, func(g ec2types.SecurityGroup) bool { return val(g.GroupId) == id }) {
			r.gone = append(r.gone, "security group "+id+" is gone")
		}
	}
	for _, lb := range lbs {
		port := val(lb.ContainerPort)
		open := slices.ContainsFunc(out.SecurityGroups, func(g ec2types.SecurityGroup) bool {
			return slices.ContainsFunc(g.IpPermissions, func(p ec2types.IpPermission) bool {
				return val(p.IpProtocol) == "-1" || val(p.IpProtocol) == "tcp" && val(p.FromPort) <= port && port <= val(p.ToPort)
			})
		})
		if !open && len(out.SecurityGroups) == len(network.SecurityGroups) {
			r.gone = append(r.gone, fmt.Sprintf("port %d is admitted by none of its security groups (%s) any more", port, list(network.SecurityGroups)))
		}
	}
	return nil
}

// images holds that the images of a task definition that lie in this registry are still there. Whoever may not look is
// told by ECS.
func (s *Service) images(ctx context.Context, d *types.TaskDefinition, at func(*types.ContainerDefinition) string) (lost []string, err error) {
	for i := range d.ContainerDefinitions {
		host, rest, _ := strings.Cut(at(&d.ContainerDefinitions[i]), "/")
		repository, digest, byDigest := strings.Cut(rest, "@")
		parts := strings.Split(val(s.Live.ServiceArn), ":") // arn:PARTITION:ecs:REGION:ACCOUNT:service/…
		if !byDigest || len(parts) < 6 || !strings.HasPrefix(host, parts[4]+".dkr.ecr."+parts[3]+".") {
			continue
		}
		_, err := s.Calls.ECR.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: &repository, ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &digest}}})
		switch {
		case aws.Is(err, "ImageNotFoundException", "RepositoryNotFoundException"):
			lost = append(lost, fmt.Sprintf("image %s@%s is no longer in ECR", repository, digest))
		case aws.Explain(err).Kind != aws.Denied && err != nil:
			return nil, err
		}
	}
	return lost, nil
}

// list is a set in one order.
func list(all []string) string { return strings.Join(slices.Sorted(slices.Values(all)), ", ") }

// platform is a platform version; LATEST is 1.4.0 on Fargate for Linux.
func platform(v *string) string {
	if val(v) == "LATEST" {
		return "1.4.0"
	}
	return val(v)
}

// capacity is where tasks run: "FARGATE", or "FARGATE 1, FARGATE_SPOT 3".
func capacity(launch types.LaunchType, strategy []types.CapacityProviderStrategyItem) string {
	var items []string
	for _, i := range strategy {
		items = append(items, fmt.Sprintf("%s %d base %d", val(i.CapacityProvider), i.Weight, i.Base))
	}
	if len(items) == 0 {
		return string(launch)
	}
	return list(items)
}
