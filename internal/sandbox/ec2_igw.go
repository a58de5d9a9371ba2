package sandbox

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var gateways = kind[types.InternetGateway]{
	prefix: "igw-", param: "internetGatewayId", code: "InvalidInternetGatewayID.NotFound", message: "The internetGateway ID '%s' does not exist",
	tags: func(g *types.InternetGateway) *[]types.Tag { return &g.Tags },
	filters: map[string]func(*types.InternetGateway) []string{
		"internet-gateway-id": text(func(g *types.InternetGateway) *string { return g.InternetGatewayId }),
		"owner-id":            text(func(g *types.InternetGateway) *string { return g.OwnerId }),
		"attachment.vpc-id": each(func(g *types.InternetGateway) []types.InternetGatewayAttachment { return g.Attachments },
			func(a types.InternetGatewayAttachment) *string { return a.VpcId }),
		"attachment.state": each(func(g *types.InternetGateway) []types.InternetGatewayAttachment { return g.Attachments },
			func(a types.InternetGatewayAttachment) *string { return new(string(a.State)) }),
	},
}

// gatewayOf is the internet gateway of a VPC, nil without one.
func (e *ec2State) gatewayOf(vpc string) *types.InternetGateway {
	for _, g := range e.Gateways {
		if len(g.Attachments) > 0 && *g.Attachments[0].VpcId == vpc {
			return g
		}
	}
	return nil
}

func (s *ec2Service) CreateInternetGateway(ctx context.Context, in *ec2.CreateInternetGatewayInput) (*ec2.CreateInternetGatewayOutput, error) {
	r := s.region(ctx)
	tags, err := tagsFor(in.TagSpecifications, types.ResourceTypeInternetGateway)
	if err != nil {
		return nil, err
	}
	if len(r.EC2.Gateways) >= maxGateways {
		return nil, fail("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")
	}
	g := &types.InternetGateway{InternetGatewayId: new(s.id("igw")), OwnerId: new(Account), Tags: tags}
	put(&r.EC2.Gateways, *g.InternetGatewayId, g)
	return &ec2.CreateInternetGatewayOutput{InternetGateway: g}, nil
}

func (s *ec2Service) DescribeInternetGateways(ctx context.Context, in *ec2.DescribeInternetGatewaysInput) (*ec2.DescribeInternetGatewaysOutput, error) {
	found, err := gateways.list(s.region(ctx).EC2.Gateways, in.InternetGatewayIds, in.Filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInternetGatewaysOutput{}
	out.InternetGateways, out.NextToken, err = page(values(found), in.NextToken, in.MaxResults, 1000)
	return out, err
}

func (s *ec2Service) gatewayAndVPC(ctx context.Context, gateway, network *string) (*types.InternetGateway, *vpc, error) {
	e := &s.region(ctx).EC2
	g, err := gateways.get(e.Gateways, gateway)
	if err != nil {
		return nil, nil, err
	}
	v, err := vpcs.get(e.VPCs, network)
	return g, v, err
}

// AttachInternetGateway attaches at once; the state of an attached gateway reads "available".
func (s *ec2Service) AttachInternetGateway(ctx context.Context, in *ec2.AttachInternetGatewayInput) (*ec2.AttachInternetGatewayOutput, error) {
	g, v, err := s.gatewayAndVPC(ctx, in.InternetGatewayId, in.VpcId)
	switch {
	case err != nil:
		return nil, err
	case len(g.Attachments) > 0:
		return nil, fail("Resource.AlreadyAssociated", "resource %s is already attached to network %s", *g.InternetGatewayId, *g.Attachments[0].VpcId)
	case s.region(ctx).EC2.gatewayOf(*v.VpcId) != nil:
		return nil, fail("InvalidParameterValue", "Network %s already has an internet gateway attached", *v.VpcId)
	}
	g.Attachments = []types.InternetGatewayAttachment{{VpcId: v.VpcId, State: "available"}}
	return &ec2.AttachInternetGatewayOutput{}, nil
}

// DetachInternetGateway is refused while the VPC has public addresses: those of balancers, NAT gateways, tasks.
func (s *ec2Service) DetachInternetGateway(ctx context.Context, in *ec2.DetachInternetGatewayInput) (*ec2.DetachInternetGatewayOutput, error) {
	e := &s.region(ctx).EC2
	g, v, err := s.gatewayAndVPC(ctx, in.InternetGatewayId, in.VpcId)
	if err != nil {
		return nil, err
	}
	if len(g.Attachments) == 0 || *g.Attachments[0].VpcId != *v.VpcId {
		return nil, fail("Gateway.NotAttached", "resource %s is not attached to network %s", *g.InternetGatewayId, *v.VpcId)
	}
	for _, n := range e.ENIs {
		if *n.VpcId == *v.VpcId && n.Association != nil {
			return nil, fail("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", *v.VpcId)
		}
	}
	g.Attachments = nil
	e.blackhole(func(route types.Route) bool { return val(route.GatewayId) == *g.InternetGatewayId })
	return &ec2.DetachInternetGatewayOutput{}, nil
}

func (s *ec2Service) DeleteInternetGateway(ctx context.Context, in *ec2.DeleteInternetGatewayInput) (*ec2.DeleteInternetGatewayOutput, error) {
	e := &s.region(ctx).EC2
	g, err := gateways.get(e.Gateways, in.InternetGatewayId)
	if err != nil {
		return nil, err
	}
	if len(g.Attachments) > 0 {
		return nil, fail("DependencyViolation", "The internetGateway '%s' has dependencies and cannot be deleted.", *g.InternetGatewayId)
	}
	delete(e.Gateways, *g.InternetGatewayId)
	return &ec2.DeleteInternetGatewayOutput{}, nil
}
