package sandbox

import (
	"fmt"
	"slices"
	"strings"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// unreachable is what a task says that can't reach what it needs before its containers start: it tries for minutes.
// "" is a task that can.
func (s *ecsService) unreachable(r *Region, t *task, d *definition) string {
	if r.internet(t) {
		return ""
	}
	url := func(host string) string {
		return fmt.Sprintf("RequestError: send request failed caused by: Post \"https://%s.%s.amazonaws.com/\": dial tcp 52.46.0.1:443: i/o timeout", host, r.Name)
	}
	for _, c := range d.ContainerDefinitions {
		own := ownImage.MatchString(*c.Image)
		switch {
		case len(c.Secrets) > 0 && !r.endpoint(t, "secretsmanager"):
			return "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 5 time(s): " + url("secretsmanager")
		case own && (!r.endpoint(t, "ecr.api") || !r.endpoint(t, "ecr.dkr") || !r.endpoint(t, "s3")):
			return "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. " + url("api.ecr")
		case c.LogConfiguration != nil && c.LogConfiguration.LogDriver == types.LogDriverAwslogs && !r.endpoint(t, "logs"):
			return "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: " + url("logs") + " : exit status 1"
		case !own:
			return "CannotPullContainerError: ref pull has been retried 5 time(s): failed to do request: Head \"https://" + strings.Split(*c.Image, "/")[0] + "/v2/\": dial tcp: i/o timeout"
		}
	}
	return ""
}

// internet says whether a task gets out: its groups let it, and its subnet's default route leads to an internet gateway,
// for a task with a public address, or to a NAT gateway that works.
func (r *Region) internet(t *task) bool {
	if !slices.ContainsFunc(t.Network.SecurityGroups, r.lets) {
		return false
	}
	for _, route := range r.routesOf(t.Subnet) {
		if val(route.DestinationCidrBlock) != "0.0.0.0/0" || route.State != ec2types.RouteStateActive {
			continue
		}
		if route.NatGatewayId != nil {
			nat := r.EC2.NATs[*route.NatGatewayId]
			return nat != nil && nat.State == ec2types.NatGatewayStateAvailable
		}
		return route.GatewayId != nil && t.Network.AssignPublicIp == types.AssignPublicIpEnabled
	}
	return false
}

// placed is where a task is run: without a security group it has its VPC's default one (documentation of
// types.AwsVpcConfiguration).
func (s *ecsService) placed(r *Region, v *types.AwsVpcConfiguration) *types.AwsVpcConfiguration {
	n := r.EC2.Subnets[v.Subnets[0]]
	if len(v.SecurityGroups) > 0 || n == nil {
		return v
	}
	at := *v
	at.SecurityGroups = []string{s.defaultGroup(r, *n.VpcId)}
	return &at
}

// lets says whether a security group lets anything out.
func (r *Region) lets(group string) bool {
	for _, rule := range r.EC2.Rules {
		if val(rule.GroupId) == group && val(rule.IsEgress) {
			return true
		}
	}
	return false
}

// routesOf are the routes of a subnet: of its own table, else of the VPC's main one.
func (r *Region) routesOf(subnet string) (routes []ec2types.Route) {
	n := r.EC2.Subnets[subnet]
	for _, t := range r.EC2.Tables {
		for _, a := range t.Associations {
			if val(a.SubnetId) == subnet {
				return t.Routes
			}
			if val(a.Main) && n != nil && *t.VpcId == *n.VpcId {
				routes = t.Routes
			}
		}
	}
	return routes
}

// endpoint says whether a task reaches a service of AWS by an endpoint in its VPC: S3's has to be in the routes.
func (r *Region) endpoint(t *task, service string) bool {
	n := r.EC2.Subnets[t.Subnet]
	for _, p := range r.EC2.Endpoints {
		if n == nil || *p.VpcId != *n.VpcId || p.State != ec2types.StateAvailable || *p.ServiceName != "com.amazonaws."+r.Name+"."+service {
			continue
		}
		if p.VpcEndpointType == ec2types.VpcEndpointTypeInterface {
			return val(p.PrivateDnsEnabled)
		}
		return slices.ContainsFunc(r.routesOf(t.Subnet), func(route ec2types.Route) bool { return val(route.GatewayId) == *p.VpcEndpointId })
	}
	return false
}

func (r *Region) targetType(group string) string { return string(r.ELB.Groups[group].TargetType) }

// checkPlace holds that subnets and groups are those of one VPC, and are there.
func (r *Region) checkPlace(v *types.AwsVpcConfiguration) error {
	vpc := ""
	for _, id := range v.Subnets {
		n := r.EC2.Subnets[id]
		switch {
		case n == nil:
			return invalid("Error retrieving subnet information for [%s]: The subnet ID '%[1]s' does not exist (ErrorCode: InvalidSubnetID.NotFound)", id)
		case vpc != "" && vpc != *n.VpcId:
			return invalid("Subnets and security groups must belong to the same VPC.")
		}
		vpc = *n.VpcId
	}
	for _, id := range v.SecurityGroups {
		g := r.EC2.Groups[id]
		switch {
		case g == nil:
			return invalid("Error retrieving security group information for [%s]: The security group '%[1]s' does not exist (ErrorCode: InvalidGroup.NotFound)", id)
		case vpc != *g.VpcId:
			return invalid("Subnets and security groups must belong to the same VPC.")
		}
	}
	return nil
}
