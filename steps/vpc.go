package steps

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// VPC is the network with its internet gateway; or one that exists, which is looked at and left as it is.
type VPC struct {
	*App

	ID      deploy.Out[string]
	CIDR    deploy.Out[string]
	Gateway deploy.Out[string] // the internet gateway's id; none in a VPC that exists

	live      *types.Vpc
	gateway   *types.InternetGateway
	support   bool       // DNS resolution
	hostnames bool       // DNS host names
	given     *types.Vpc // the one that exists
}

func (s *VPC) Name() string { return "vpc" }

// Wanted is always true: a balancer and tasks stand in a VPC.
func (s *VPC) Wanted() bool { return true }

func (s *VPC) name() string        { return s.Manifest.VPC.Name }
func (s *VPC) what() string        { return fmt.Sprintf("VPC %s %s", s.name(), s.Manifest.VPC.CIDR) }
func (s *VPC) gatewayWhat() string { return "internet gateway " + s.Manifest.Stack() + "-igw" }
func (s *VPC) existing() bool      { return s.Manifest.VPC.ID != "" }

// Read finds ours by its tags, and one that exists by its id.
func (s *VPC) Read(ctx context.Context) error {
	reads := []func() error{
		func() error { return s.readOurs(ctx) },
		func() error { return s.readGateway(ctx) },
	}
	if s.existing() {
		reads = append(reads, func() error { return s.readGiven(ctx) })
	}
	if err := together(reads...); err != nil {
		return err
	}
	switch {
	case s.existing() && s.given != nil:
		s.ID.Set(*s.given.VpcId)
		s.CIDR.Set(*s.given.CidrBlock)
		s.Gateway.SetNone()
	case s.live != nil:
		s.ID.Set(*s.live.VpcId)
		s.CIDR.Set(*s.live.CidrBlock)
	default:
		s.CIDR.Set(s.Manifest.VPC.CIDR)
	}
	if s.gateway != nil && !s.existing() {
		s.Gateway.Set(*s.gateway.InternetGatewayId)
	}
	if s.live == nil {
		return nil
	}
	return together(
		func() (err error) {
			s.support, err = s.attribute(ctx, types.VpcAttributeNameEnableDnsSupport)
			return err
		},
		func() (err error) {
			s.hostnames, err = s.attribute(ctx, types.VpcAttributeNameEnableDnsHostnames)
			return err
		},
	)
}

func (a *App) listVPCs(ctx context.Context, filters []types.Filter) ([]types.Vpc, error) {
	return pages(func(token *string) ([]types.Vpc, *string, error) {
		out, err := a.AWS.EC2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: filters, NextToken: token}, patient)
		if err != nil {
			return nil, nil, err
		}
		return out.Vpcs, out.NextToken, nil
	})
}

func (s *VPC) readOurs(ctx context.Context) (err error) {
	s.live, err = s.ourVPC(ctx)
	return err
}

// ourVPC is the one that is ours, nil without one.
func (a *App) ourVPC(ctx context.Context) (*types.Vpc, error) {
	list, err := a.network.vpcs.get(func() ([]types.Vpc, error) { return a.listVPCs(ctx, a.our()) })
	if err != nil {
		return nil, err
	}
	found, err := byWord("VPC", list, func(v *types.Vpc) string { return *v.VpcId }, func(v *types.Vpc) []types.Tag { return v.Tags })
	return found["vpc"], err
}

// liveVPC is the id of the VPC that everything stands in, "" for one that is to be made.
func (a *App) liveVPC(ctx context.Context) (string, error) {
	if a.Manifest.VPC.ID != "" {
		return a.Manifest.VPC.ID, nil
	}
	v, err := a.ourVPC(ctx)
	if v == nil {
		return "", err
	}
	return *v.VpcId, err
}

func (s *VPC) readGiven(ctx context.Context) error {
	list, err := s.listVPCs(ctx, []types.Filter{{Name: new("vpc-id"), Values: []string{s.Manifest.VPC.ID}}})
	s.given = first(list)
	return err
}

func (s *VPC) listGateways(ctx context.Context) ([]types.InternetGateway, error) {
	return pages(func(token *string) ([]types.InternetGateway, *string, error) {
		out, err := s.AWS.EC2.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{Filters: s.our(), NextToken: token}, patient)
		if err != nil {
			return nil, nil, err
		}
		return out.InternetGateways, out.NextToken, nil
	})
}

func (s *VPC) readGateway(ctx context.Context) error {
	list, err := s.listGateways(ctx)
	if err != nil {
		return err
	}
	found, err := byWord("internet gateway", list, func(g *types.InternetGateway) string { return *g.InternetGatewayId },
		func(g *types.InternetGateway) []types.Tag { return g.Tags })
	s.gateway = found["internet-gateway"]
	return err
}

func (s *VPC) attribute(ctx context.Context, name types.VpcAttributeName) (bool, error) {
	out, err := s.AWS.EC2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: s.live.VpcId, Attribute: name}, patient)
	if err != nil {
		return false, err
	}
	for _, a := range []*types.AttributeBooleanValue{out.EnableDnsSupport, out.EnableDnsHostnames} {
		if a != nil {
			return val(a.Value), nil
		}
	}
	return false, nil
}

// Check refuses another range, and another VPC for what stands in one.
func (s *VPC) Check() error {
	want := s.Manifest.VPC
	switch {
	case s.existing() && s.live != nil:
		return fmt.Errorf("the project has a VPC of its own, %s, and nothing in it can move to %s: take `id:` out, take another project_name, or destroy first",
			*s.live.VpcId, want.ID)
	case s.existing() && s.given == nil:
		return fmt.Errorf("there is no VPC %s in %s", want.ID, s.Region)
	case s.live != nil && *s.live.CidrBlock != want.CIDR:
		return fmt.Errorf("VPC %s has %s, and AWS can't change it to %s: write `cidr: %s`, take another project_name, or destroy first",
			*s.live.VpcId, *s.live.CidrBlock, want.CIDR, *s.live.CidrBlock)
	}
	return nil
}

// Plan makes the VPC and the gateway at once, then puts them together. A new VPC has DNS resolution and no host names.
func (s *VPC) Plan() (plan []deploy.Change) {
	if s.existing() {
		return nil
	}
	if s.live == nil {
		plan = append(plan, deploy.Change{Op: deploy.Create, What: s.what(), Group: "create", Do: s.create})
	}
	if s.gateway == nil {
		plan = append(plan, deploy.Change{Op: deploy.Create, What: s.gatewayWhat(), Group: "create", Do: s.createGateway})
	}
	if s.live == nil || s.gateway == nil || len(s.gateway.Attachments) == 0 {
		plan = append(plan, deploy.Change{Op: deploy.Create, What: "internet gateway attachment", Group: "settle", Do: s.attach})
	}
	if s.live == nil {
		return append(plan, deploy.Change{Op: deploy.Create, What: "DNS host names", Group: "settle", Do: s.resolve})
	}
	if diff := deploy.Diff(deploy.F("DNS resolution", s.support, true), deploy.F("DNS host names", s.hostnames, true)); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: s.what(), Diff: diff, Group: "settle", Do: s.resolve})
	}
	plan = append(plan, s.retagEC2(s.what(), *s.live.VpcId, s.live.Tags, s.named("vpc", s.name()))...)
	if s.gateway != nil {
		plan = append(plan, s.retagEC2(s.gatewayWhat(), *s.gateway.InternetGatewayId, s.gateway.Tags, s.gatewayTags())...)
	}
	return plan
}

func (s *VPC) gatewayTags() map[string]string {
	return s.named("internet-gateway", s.Manifest.Stack()+"-igw")
}

func (s *VPC) create(ctx context.Context) error {
	out, err := s.AWS.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{
		CidrBlock: &s.Manifest.VPC.CIDR, TagSpecifications: tagSpec(types.ResourceTypeVpc, s.named("vpc", s.name())),
	}, unrepeated)
	if err != nil {
		return err
	}
	id := *out.Vpc.VpcId
	err = alone("VPC", id, func() ([]string, error) {
		list, err := s.listVPCs(ctx, s.our())
		return idsOf(list, func(v *types.Vpc) string { return *v.VpcId }), err
	}, func() error {
		_, err := s.AWS.EC2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &id}, patient)
		return aws.Ignore(err, "InvalidVpcID.NotFound")
	})
	if err != nil {
		return err
	}
	s.live, s.support = out.Vpc, true
	s.ID.Set(id)
	return nil
}

func (s *VPC) createGateway(ctx context.Context) error {
	out, err := s.AWS.EC2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{
		TagSpecifications: tagSpec(types.ResourceTypeInternetGateway, s.gatewayTags()),
	}, unrepeated)
	if err != nil {
		return err
	}
	id := *out.InternetGateway.InternetGatewayId
	err = alone("internet gateway", id, func() ([]string, error) {
		list, err := s.listGateways(ctx)
		return idsOf(list, func(g *types.InternetGateway) string { return *g.InternetGatewayId }), err
	}, func() error {
		_, err := s.AWS.EC2.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &id}, patient)
		return aws.Ignore(err, "InvalidInternetGatewayID.NotFound")
	})
	if err != nil {
		return err
	}
	s.gateway = out.InternetGateway
	s.Gateway.Set(id)
	return nil
}

func (s *VPC) attach(ctx context.Context) error {
	id := s.Gateway.Get()
	err := s.soon(ctx, func() error {
		_, err := s.AWS.EC2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &id, VpcId: new(s.ID.Get())}, patient)
		return err
	})
	if aws.Is(err, "Resource.AlreadyAssociated") { // a repeated call, unless it is attached elsewhere
		out, readErr := s.AWS.EC2.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{InternetGatewayIds: []string{id}}, patient)
		if readErr != nil {
			return readErr
		}
		if g := out.InternetGateways[0]; len(g.Attachments) == 0 || *g.Attachments[0].VpcId != s.ID.Get() {
			return err
		}
		err = nil
	}
	if err == nil {
		s.gateway.Attachments = []types.InternetGatewayAttachment{{VpcId: new(s.ID.Get())}}
	}
	return err
}

// resolve switches DNS on: one attribute a call, and host names only with resolution.
func (s *VPC) resolve(ctx context.Context) error {
	yes := &types.AttributeBooleanValue{Value: new(true)}
	modify := func(in *ec2.ModifyVpcAttributeInput) error {
		in.VpcId = new(s.ID.Get())
		return s.soon(ctx, func() error { _, err := s.AWS.EC2.ModifyVpcAttribute(ctx, in, patient); return err })
	}
	if !s.support {
		if err := modify(&ec2.ModifyVpcAttributeInput{EnableDnsSupport: yes}); err != nil {
			return err
		}
		s.support = true
	}
	if !s.hostnames {
		if err := modify(&ec2.ModifyVpcAttributeInput{EnableDnsHostnames: yes}); err != nil {
			return err
		}
		s.hostnames = true
	}
	return nil
}

// Remove takes ours away, never one that exists without us.
func (s *VPC) Remove() (plan []deploy.Change) {
	if s.gateway != nil {
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: s.gatewayWhat(), Do: s.deleteGateway})
	}
	if s.live != nil {
		id := *s.live.VpcId
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: fmt.Sprintf("VPC %s %s", s.name(), *s.live.CidrBlock), Do: func(ctx context.Context) error {
			return s.whenFree(ctx, s.contents(id), func() error {
				_, err := s.AWS.EC2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &id}, patient)
				return err
			})
		}})
	}
	return plan
}

// deleteGateway detaches first, which waits for the last public address in the VPC.
func (s *VPC) deleteGateway(ctx context.Context) error {
	id := *s.gateway.InternetGatewayId
	for _, a := range s.gateway.Attachments {
		err := s.whenFree(ctx, s.interfaces("vpc-id", *a.VpcId), func() error {
			_, err := s.AWS.EC2.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &id, VpcId: a.VpcId}, patient)
			return aws.Ignore(err, "Gateway.NotAttached")
		})
		if err != nil {
			return err
		}
	}
	_, err := s.AWS.EC2.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &id}, patient)
	return aws.Ignore(err, "InvalidInternetGatewayID.NotFound")
}

var (
	_ deploy.Step    = (*VPC)(nil)
	_ deploy.Checker = (*VPC)(nil)
)
