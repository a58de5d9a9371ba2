package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var endpoints = kind[types.VpcEndpoint]{
	prefix: "vpce-", param: "vpcEndpointId", code: "InvalidVpcEndpointId.NotFound", message: "The Vpc Endpoint Id '%s' does not exist",
	tags: func(p *types.VpcEndpoint) *[]types.Tag { return &p.Tags },
	filters: map[string]func(*types.VpcEndpoint) []string{
		"vpc-endpoint-id":    text(func(p *types.VpcEndpoint) *string { return p.VpcEndpointId }),
		"vpc-id":             text(func(p *types.VpcEndpoint) *string { return p.VpcId }),
		"service-name":       text(func(p *types.VpcEndpoint) *string { return p.ServiceName }),
		"vpc-endpoint-state": word(func(p *types.VpcEndpoint) types.State { return p.State }),
		"vpc-endpoint-type":  word(func(p *types.VpcEndpoint) types.VpcEndpointType { return p.VpcEndpointType }),
	},
}

// endpointServices are those of AWS's own that have endpoints here; s3 and dynamodb have gateways, and interfaces too.
var endpointServices = strings.Fields(`dynamodb ec2 ecr.api ecr.dkr ecs ecs-agent ecs-telemetry elasticloadbalancing kms logs monitoring rds
	s3 secretsmanager sns sqs ssm ssmmessages sts xray`)

func isGateway(service string) bool { return service == "s3" || service == "dynamodb" }

// The states of an endpoint as EC2 answers them: in lower case, other than the SDK's enumeration has them (Terraform and
// the examples of the CLI's reference go by these).
const (
	endpointPending   types.State = "pending"
	endpointAvailable types.State = "available"
	endpointDeleting  types.State = "deleting"
)

// natInterface is the type of a NAT gateway's interface as EC2 answers it; the SDK's enumeration has "natGateway".
const natInterface types.NetworkInterfaceType = "nat_gateway"

// anyone is the policy of an endpoint without one of its own.
const anyone = `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`

// service is the short name of one with endpoints of a type: "s3" of com.amazonaws.us-east-1.s3.
func endpointService(region string, name *string, kind types.VpcEndpointType) (string, error) {
	if err := needed("serviceName", name); err != nil {
		return "", err
	}
	short, ok := strings.CutPrefix(*name, "com.amazonaws."+region+".")
	if !ok || !slices.Contains(endpointServices, short) {
		return "", fail("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", *name)
	}
	if kind == types.VpcEndpointTypeGateway && !isGateway(short) {
		return "", fail("InvalidParameter", "Endpoint type (Gateway) does not match available service types ([Interface]).")
	}
	return short, nil
}

func (s *ec2Service) CreateVpcEndpoint(ctx context.Context, in *ec2.CreateVpcEndpointInput) (*ec2.CreateVpcEndpointOutput, error) {
	r := s.region(ctx)
	v, err := vpcs.get(r.EC2.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor(in.TagSpecifications, types.ResourceTypeVpcEndpoint)
	if err != nil {
		return nil, err
	}
	if id, err := idempotent(r, "CreateVpcEndpoint", in.ClientToken, in); err != nil || r.EC2.Endpoints[id] != nil {
		return &ec2.CreateVpcEndpointOutput{VpcEndpoint: r.EC2.Endpoints[id], ClientToken: in.ClientToken}, err
	}
	kind := cmpOr(in.VpcEndpointType, types.VpcEndpointTypeGateway)
	service, err := endpointService(r.Name, in.ServiceName, kind)
	if err != nil {
		return nil, err
	}
	p := &types.VpcEndpoint{
		VpcEndpointId: new(s.id("vpce")), VpcEndpointType: kind, VpcId: v.VpcId, ServiceName: in.ServiceName, ServiceRegion: &r.Name,
		State: endpointPending, OwnerId: new(Account), CreationTimestamp: new(s.clock), PolicyDocument: new(or(in.PolicyDocument, anyone)),
		PrivateDnsEnabled: new(false), RequesterManaged: new(false), Tags: tags,
	}
	wait := gatewayEndpointUp
	switch kind {
	case types.VpcEndpointTypeGateway:
		err = r.EC2.routeTo(p, service, in.RouteTableIds)
	case types.VpcEndpointTypeInterface:
		wait = endpointUp
		err = s.interfaces(r, v, p, service, in)
	default:
		err = fail("InvalidParameter", "the sandbox has gateway and interface endpoints")
	}
	if err != nil {
		return nil, err
	}
	put(&r.EC2.Endpoints, *p.VpcEndpointId, p)
	remember(r, "CreateVpcEndpoint", in.ClientToken, in, *p.VpcEndpointId)
	s.after(wait, "endpoint.available", ref(r, *p.VpcEndpointId))
	return &ec2.CreateVpcEndpointOutput{VpcEndpoint: p, ClientToken: in.ClientToken}, nil
}

// routeTo gives route tables the way to a gateway endpoint: a route to the service's prefix list, which AWS keeps.
func (e *ec2State) routeTo(p *types.VpcEndpoint, service string, ids []string) error {
	list := prefixLists[service]
	for _, id := range ids {
		t, err := tables.get(e.Tables, &id)
		if err != nil {
			return err
		}
		if *t.VpcId != *p.VpcId {
			return fail("InvalidParameter", "Route table %s does not belong to VPC %s", id, *p.VpcId)
		}
		if slices.ContainsFunc(t.Routes, func(r types.Route) bool { return val(r.DestinationPrefixListId) == list }) {
			return fail("RouteAlreadyExists", "route table %s already has a route with destination-prefix-list-id %s", id, list)
		}
	}
	for _, id := range ids {
		e.Tables[id].Routes = append(e.Tables[id].Routes, types.Route{
			DestinationPrefixListId: &list, GatewayId: p.VpcEndpointId, Origin: types.RouteOriginCreateRoute, State: types.RouteStateActive,
		})
		p.RouteTableIds = append(p.RouteTableIds, id)
	}
	return nil
}

// unroute takes a gateway endpoint's routes out of tables, or out of all.
func (e *ec2State) unroute(p *types.VpcEndpoint, ids []string) {
	for _, t := range e.Tables {
		if ids == nil || slices.Contains(ids, *t.RouteTableId) {
			t.Routes = slices.DeleteFunc(slices.Clone(t.Routes), func(r types.Route) bool { return val(r.GatewayId) == *p.VpcEndpointId })
		}
	}
	p.RouteTableIds = slices.DeleteFunc(slices.Clone(p.RouteTableIds), func(id string) bool { return ids == nil || slices.Contains(ids, id) })
}

// interfaces makes what an interface endpoint has: groups, an interface in each subnet, private DNS.
func (s *ec2Service) interfaces(r *Region, v *vpc, p *types.VpcEndpoint, service string, in *ec2.CreateVpcEndpointInput) error {
	ids := in.SecurityGroupIds
	if len(ids) == 0 {
		ids = []string{s.defaultGroup(r, *v.VpcId)}
	}
	members, err := r.EC2.identifiers(ids, *v.VpcId)
	if err != nil {
		return err
	}
	for _, g := range members {
		p.Groups = append(p.Groups, types.SecurityGroupIdentifier{GroupId: g.GroupId, GroupName: g.GroupName})
	}
	if p.PrivateDnsEnabled = new(or(in.PrivateDnsEnabled, true)); *p.PrivateDnsEnabled {
		if err := r.EC2.privateDNS(v, p); err != nil {
			return err
		}
	}
	p.IpAddressType = types.IpAddressTypeIpv4
	p.DnsEntries = []types.DnsEntry{{
		DnsName: new(fmt.Sprintf("%s-%s.%s.%s.vpce.amazonaws.com", *p.VpcEndpointId, s.hex(8), service, r.Name)), HostedZoneId: new("Z7HUB22UULQXV"),
	}}
	return s.enter(r, p, in.SubnetIds)
}

// privateDNS is refused in a VPC without DNS host names, or where another endpoint has the service's name.
func (e *ec2State) privateDNS(v *vpc, p *types.VpcEndpoint) error {
	if !v.DNSSupport || !v.DNSHostnames {
		return fail("InvalidParameter", "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for %s", *v.VpcId)
	}
	for _, other := range e.Endpoints {
		if *other.VpcId == *v.VpcId && *other.ServiceName == *p.ServiceName && other != p && val(other.PrivateDnsEnabled) && other.State != endpointDeleting {
			return fail("InvalidParameter", "private-dns-enabled cannot be set because there is already a conflicting DNS domain for %s in the VPC %s", *p.ServiceName, *v.VpcId)
		}
	}
	return nil
}

// enter gives an endpoint an interface in subnets, one in a zone.
func (s *ec2Service) enter(r *Region, p *types.VpcEndpoint, ids []string) error {
	taken := map[string]bool{}
	for _, id := range slices.Concat(p.SubnetIds, ids) {
		n, err := subnets.get(r.EC2.Subnets, &id)
		switch {
		case err != nil:
			return err
		case *n.VpcId != *p.VpcId:
			return fail("InvalidParameter", "Subnet %s does not belong to VPC %s", id, *p.VpcId)
		case taken[*n.AvailabilityZoneId]:
			return fail("DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone of %s. VPC endpoint subnets should be in different availability zones supported by the VPC endpoint service.", id)
		}
		taken[*n.AvailabilityZoneId] = true
	}
	var members []string
	for _, g := range p.Groups {
		members = append(members, *g.GroupId)
	}
	for _, id := range ids {
		eni, _, err := s.attachENI(r, id, members, ownedByEC2, "VPC Endpoint Interface "+*p.VpcEndpointId)
		if err != nil {
			return err
		}
		r.EC2.ENIs[eni].InterfaceType = types.NetworkInterfaceTypeVpcEndpoint
		p.SubnetIds, p.NetworkInterfaceIds = append(p.SubnetIds, id), append(p.NetworkInterfaceIds, eni)
	}
	return nil
}

func (s *ec2Service) availableEndpoint(ref string) {
	if r, id := s.byRef(ref); r.EC2.Endpoints[id] != nil && r.EC2.Endpoints[id].State == endpointPending {
		r.EC2.Endpoints[id].State = endpointAvailable
	}
}

func (s *ec2Service) deletedEndpoint(ref string) {
	r, id := s.byRef(ref)
	if p := r.EC2.Endpoints[id]; p != nil {
		for _, eni := range p.NetworkInterfaceIds {
			s.detachENI(r, eni)
		}
		delete(r.EC2.Endpoints, id)
	}
}

func (s *ec2Service) DescribeVpcEndpoints(ctx context.Context, in *ec2.DescribeVpcEndpointsInput) (*ec2.DescribeVpcEndpointsOutput, error) {
	found, err := endpoints.list(s.region(ctx).EC2.Endpoints, in.VpcEndpointIds, in.Filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcEndpointsOutput{}
	out.VpcEndpoints, out.NextToken, err = page(values(found), in.NextToken, in.MaxResults, 1000)
	return out, err
}

// DeleteVpcEndpoints answers 200 with those that it could not delete.
func (s *ec2Service) DeleteVpcEndpoints(ctx context.Context, in *ec2.DeleteVpcEndpointsInput) (*ec2.DeleteVpcEndpointsOutput, error) {
	r, out := s.region(ctx), &ec2.DeleteVpcEndpointsOutput{}
	for _, id := range in.VpcEndpointIds {
		p := r.EC2.Endpoints[id]
		if p == nil {
			out.Unsuccessful = append(out.Unsuccessful, types.UnsuccessfulItem{ResourceId: &id, Error: &types.UnsuccessfulItemError{
				Code: new("InvalidVpcEndpoint.NotFound"), Message: new("The Vpc Endpoint Id '" + id + "' does not exist"),
			}})
			continue
		}
		if p.State == endpointDeleting {
			continue
		}
		wait := time.Second
		if p.VpcEndpointType == types.VpcEndpointTypeInterface {
			wait = endpointGone
		}
		r.EC2.unroute(p, nil)
		p.State = endpointDeleting
		s.after(wait, "endpoint.deleted", ref(r, id))
	}
	return out, nil
}
