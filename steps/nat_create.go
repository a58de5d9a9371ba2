package steps

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

func (s *NAT) natTags(zone string) map[string]string {
	return s.named(natWord(zone), s.Manifest.Stack()+"-nat-"+zone)
}

// create makes a zone's gateway, once those that failed there, or go, have left its address. It is pending then.
func (s *NAT) create(ctx context.Context, zone string) error {
	for _, n := range s.dead[natWord(zone)] {
		if n.State == types.NatGatewayStateDeleted {
			continue
		}
		if err := s.delete(ctx, n); err != nil {
			return err
		}
	}
	s.EIP.mu.Lock()
	address := s.EIP.live[eipWord(zone)]
	s.EIP.mu.Unlock()
	in := &ec2.CreateNatGatewayInput{
		SubnetId: new(s.Subnets.publicIn(zone)), AllocationId: address.AllocationId, ConnectivityType: types.ConnectivityTypePublic,
		TagSpecifications: tagSpec(types.ResourceTypeNatgateway, s.natTags(zone)),
	}
	made, err := s.request(ctx, zone, in)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[natWord(zone)] = made
	s.publish()
	return nil
}

// request asks for a gateway with a token that is the same in every run that would ask for the same, so that it is made
// once. EC2 answers a token that it knows with what it made then, which may have failed or be deleted since: the
// token says which gateways are known to be, and where the answer is another it takes that in.
func (s *NAT) request(ctx context.Context, zone string, in *ec2.CreateNatGatewayInput) (made *types.NatGateway, err error) {
	var dead []string
	for _, n := range s.dead[natWord(zone)] {
		dead = append(dead, *n.NatGatewayId)
	}
	for range 5 {
		in.ClientToken = new(s.token(in, dead))
		err := s.soon(ctx, func() error {
			out, err := s.AWS.EC2.CreateNatGateway(ctx, in, patient)
			if err == nil {
				made = out.NatGateway
			}
			return err
		})
		if err != nil || works(made) {
			return made, err
		}
		dead = append(dead, *made.NatGatewayId)
	}
	return nil, fmt.Errorf("EC2 answers with NAT gateways that are gone: %v", dead)
}

// token is a request's own, 52 characters.
func (s *NAT) token(in *ec2.CreateNatGatewayInput, dead []string) string {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, *in.SubnetId, *in.AllocationId)
	for _, t := range in.TagSpecifications[0].Tags {
		_, _ = fmt.Fprintf(h, "%q %q\n", *t.Key, *t.Value)
	}
	slices.Sort(dead)
	_, _ = fmt.Fprintln(h, dead)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil))
}

// delete deletes a gateway and waits until it is gone.
func (s *NAT) delete(ctx context.Context, n types.NatGateway) error {
	if n.State != types.NatGatewayStateDeleting {
		_, err := s.AWS.EC2.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: n.NatGatewayId}, patient)
		if aws.Is(err, "NatGatewayNotFound") {
			s.forget(*n.NatGatewayId)
			return nil
		}
		if err != nil {
			return err
		}
	}
	err := deploy.Until(ctx, func(ctx context.Context) (string, error) {
		list, err := s.byID(ctx, []string{*n.NatGatewayId})
		if err != nil || len(list) == 0 || list[0].State == types.NatGatewayStateDeleted {
			return "", err
		}
		return fmt.Sprintf("NAT gateway %s is %s", *n.NatGatewayId, list[0].State), nil
	})
	if err == nil {
		s.forget(*n.NatGatewayId)
	}
	return err
}

// forget notes that a gateway is deleted.
func (s *NAT) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.live, func(_ string, n *types.NatGateway) bool { return *n.NatGatewayId == id })
	for _, list := range s.dead {
		for i := range list {
			if *list[i].NatGatewayId == id {
				list[i].State = types.NatGatewayStateDeleted
			}
		}
	}
}
