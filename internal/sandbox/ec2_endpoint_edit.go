package sandbox

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (s *ec2Service) ModifyVpcEndpoint(ctx context.Context, in *ec2.ModifyVpcEndpointInput) (*ec2.ModifyVpcEndpointOutput, error) {
	r := s.region(ctx)
	p, err := endpoints.get(r.EC2.Endpoints, in.VpcEndpointId)
	if err != nil {
		return nil, err
	}
	if p.State == endpointDeleting {
		return nil, fail("InvalidVpcEndpoint.State", "The VPC endpoint %s is being deleted", *p.VpcEndpointId)
	}
	edit := s.editInterface
	if p.VpcEndpointType == types.VpcEndpointTypeGateway {
		edit = s.editGateway
	}
	if err := edit(r, p, in); err != nil {
		return nil, err
	}
	if val(in.ResetPolicy) {
		p.PolicyDocument = new(anyone)
	} else if in.PolicyDocument != nil {
		p.PolicyDocument = in.PolicyDocument
	}
	return &ec2.ModifyVpcEndpointOutput{Return: new(true)}, nil
}

func (s *ec2Service) editGateway(r *Region, p *types.VpcEndpoint, in *ec2.ModifyVpcEndpointInput) error {
	if len(in.AddSubnetIds)+len(in.RemoveSubnetIds)+len(in.AddSecurityGroupIds)+len(in.RemoveSecurityGroupIds) > 0 {
		return fail("InvalidParameter", "Subnets and security groups are not supported for Gateway endpoints.")
	}
	if len(in.RemoveRouteTableIds) > 0 {
		r.EC2.unroute(p, in.RemoveRouteTableIds)
	}
	return r.EC2.routeTo(p, (*p.ServiceName)[strings.LastIndex(*p.ServiceName, ".")+1:], in.AddRouteTableIds)
}

func (s *ec2Service) editInterface(r *Region, p *types.VpcEndpoint, in *ec2.ModifyVpcEndpointInput) error {
	if len(in.AddRouteTableIds)+len(in.RemoveRouteTableIds) > 0 {
		return fail("InvalidParameter", "Route tables are not supported for Interface endpoints.")
	}
	var ids []string
	for _, g := range p.Groups {
		ids = append(ids, *g.GroupId)
	}
	ids = slices.DeleteFunc(append(ids, in.AddSecurityGroupIds...), func(id string) bool { return slices.Contains(in.RemoveSecurityGroupIds, id) })
	members, err := r.EC2.identifiers(ids, *p.VpcId)
	if err != nil {
		return err
	}
	if len(members) == 0 {
		return fail("InvalidParameter", "A VPC endpoint needs a security group.")
	}
	if in.PrivateDnsEnabled != nil && *in.PrivateDnsEnabled && !*p.PrivateDnsEnabled {
		if err := r.EC2.privateDNS(r.EC2.VPCs[*p.VpcId], p); err != nil {
			return err
		}
	}
	p.PrivateDnsEnabled = new(or(in.PrivateDnsEnabled, *p.PrivateDnsEnabled))
	s.leave(r, p, in.RemoveSubnetIds)
	p.Groups = nil
	for _, g := range members {
		p.Groups = append(p.Groups, types.SecurityGroupIdentifier{GroupId: g.GroupId, GroupName: g.GroupName})
	}
	for _, eni := range p.NetworkInterfaceIds {
		r.EC2.ENIs[eni].Groups = members
	}
	return s.enter(r, p, in.AddSubnetIds)
}

// leave takes an endpoint's interfaces out of subnets.
func (s *ec2Service) leave(r *Region, p *types.VpcEndpoint, ids []string) {
	for _, eni := range slices.Clone(p.NetworkInterfaceIds) {
		subnet := *r.EC2.ENIs[eni].SubnetId
		if slices.Contains(ids, subnet) {
			s.detachENI(r, eni)
			p.NetworkInterfaceIds = slices.DeleteFunc(p.NetworkInterfaceIds, func(id string) bool { return id == eni })
			p.SubnetIds = slices.DeleteFunc(p.SubnetIds, func(id string) bool { return id == subnet })
		}
	}
}

var serviceKind = kind[types.ServiceDetail]{filters: map[string]func(*types.ServiceDetail) []string{
	"service-name": text(func(d *types.ServiceDetail) *string { return d.ServiceName }),
	"owner":        text(func(d *types.ServiceDetail) *string { return d.Owner }),
	"service-type": each(func(d *types.ServiceDetail) []types.ServiceTypeDetail { return d.ServiceType },
		func(t types.ServiceTypeDetail) *string { return new(string(t.ServiceType)) }),
}}

// DescribeVpcEndpointServices lists a service with two types twice, as AWS does.
func (s *ec2Service) DescribeVpcEndpointServices(ctx context.Context, in *ec2.DescribeVpcEndpointServicesInput) (*ec2.DescribeVpcEndpointServicesOutput, error) {
	region := s.region(ctx).Name
	var names []string
	for _, z := range zones(region) {
		names = append(names, *z.ZoneName)
	}
	all := map[string]*types.ServiceDetail{}
	for _, service := range endpointServices {
		name := "com.amazonaws." + region + "." + service
		if len(in.ServiceNames) > 0 && !slices.Contains(in.ServiceNames, name) {
			continue
		}
		kinds := []types.ServiceType{types.ServiceTypeInterface}
		if isGateway(service) {
			kinds = append(kinds, types.ServiceTypeGateway)
		}
		for _, kind := range kinds {
			d := &types.ServiceDetail{
				ServiceName: &name, ServiceType: []types.ServiceTypeDetail{{ServiceType: kind}}, Owner: new("amazon"), ServiceRegion: &region,
				AvailabilityZones: names, AcceptanceRequired: new(false), VpcEndpointPolicySupported: new(true), ManagesVpcEndpoints: new(false),
			}
			if kind == types.ServiceTypeInterface {
				d.PrivateDnsName = new(service + "." + region + ".amazonaws.com")
			}
			all[name+" "+string(kind)] = d
		}
	}
	for _, name := range in.ServiceNames {
		if _, err := endpointService(region, &name, ""); err != nil {
			return nil, err
		}
	}
	found, err := serviceKind.list(all, nil, in.Filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcEndpointServicesOutput{}
	out.ServiceDetails, out.NextToken, err = page(values(found), in.NextToken, in.MaxResults, 1000)
	for _, d := range out.ServiceDetails {
		if !slices.Contains(out.ServiceNames, *d.ServiceName) {
			out.ServiceNames = append(out.ServiceNames, *d.ServiceName)
		}
	}
	return out, err
}
