package steps

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// EIP is the public addresses of the NAT gateways, one a zone that has a gateway: a step of its own, since they need no
// network. An address stays while its zone has a gateway, so that whoever allows it by name need not change it.
type EIP struct {
	*App

	Allocations deploy.Out[[]string] // allocation ids in the zones' order

	zones []string // that have a gateway
	mu    sync.Mutex
	live  map[string]*types.Address
}

func (s *EIP) Name() string { return "eip" }

// Wanted says whether there are NAT gateways of ours.
func (s *EIP) Wanted() bool { return s.hasNAT() }

// hasNAT says whether the manifest asks for NAT gateways.
func (a *App) hasNAT() bool { return a.Manifest.VPC.ID == "" && a.Manifest.VPC.NAT != "none" }

func eipWord(zone string) string { return "eip/" + zone }
func eipWhat(zone string) string { return "elastic IP address for " + zone }

// Read finds our addresses by their tags.
func (s *EIP) Read(ctx context.Context) error {
	err := together(
		func() (err error) { s.zones, err = s.natZones(ctx); return err },
		func() error { return s.readLive(ctx) },
	)
	if err == nil {
		s.publish()
	}
	return err
}

func (s *EIP) readLive(ctx context.Context) error {
	out, err := s.AWS.EC2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: s.our()}, patient)
	if err != nil {
		return err
	}
	s.live, err = byWord("elastic IP address", out.Addresses, func(a *types.Address) string { return *a.AllocationId }, func(a *types.Address) []types.Tag { return a.Tags })
	return err
}

func (s *EIP) publish() {
	if !s.Wanted() {
		s.Allocations.SetNone()
		return
	}
	var ids []string
	for _, z := range s.zones {
		if a := s.live[eipWord(z)]; a != nil {
			ids = append(ids, *a.AllocationId)
		}
	}
	if s.Allocations.Forget(); len(ids) == len(s.zones) {
		s.Allocations.Set(ids)
	}
}

// Plan makes what is missing; what no gateway has any more goes when the gateways have gone.
func (s *EIP) Plan() (plan []deploy.Change) {
	for _, z := range s.zones {
		if a := s.live[eipWord(z)]; a == nil {
			plan = append(plan, deploy.Change{Op: deploy.Create, What: eipWhat(z), Group: "create", Do: func(ctx context.Context) error { return s.create(ctx, z) }})
		} else {
			plan = append(plan, s.retagEC2(eipWhat(z), *a.AllocationId, a.Tags, s.eipTags(z))...)
		}
	}
	for _, c := range s.release(s.zones) {
		c.After = true
		plan = append(plan, c)
	}
	return plan
}

func (s *EIP) eipTags(zone string) map[string]string {
	return s.named(eipWord(zone), s.Manifest.Stack()+"-nat-"+zone)
}

func (s *EIP) create(ctx context.Context, zone string) error {
	tags := tagSpec(types.ResourceTypeElasticIp, s.eipTags(zone))
	out, err := s.AWS.EC2.AllocateAddress(ctx, &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc, TagSpecifications: tags}, unrepeated)
	if err != nil {
		return err
	}
	id := *out.AllocationId
	err = alone("elastic IP address", id, func() ([]string, error) {
		list, err := s.AWS.EC2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: s.wordIs(eipWord(zone))}, patient)
		if err != nil {
			return nil, err
		}
		return idsOf(list.Addresses, func(a *types.Address) string { return *a.AllocationId }), nil
	}, func() error {
		_, err := s.AWS.EC2.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: &id}, patient)
		return aws.Ignore(err, "InvalidAllocationID.NotFound")
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[eipWord(zone)] = &types.Address{AllocationId: out.AllocationId, PublicIp: out.PublicIp, Tags: tags[0].Tags}
	s.publish()
	return nil
}

// Remove releases all of ours.
func (s *EIP) Remove() []deploy.Change { return s.release(nil) }

// release gives back the addresses of other zones than those.
func (s *EIP) release(keep []string) (plan []deploy.Change) {
	for _, w := range slices.Sorted(maps.Keys(s.live)) {
		z, a := strings.TrimPrefix(w, "eip/"), s.live[w]
		if !slices.Contains(keep, z) {
			plan = append(plan, deploy.Change{Op: deploy.Delete, What: eipWhat(z) + " " + val(a.PublicIp), Group: "release", Do: func(ctx context.Context) error {
				return s.giveBack(ctx, *a.AllocationId, val(a.PublicIp))
			}})
		}
	}
	return plan
}

// giveBack releases an address once nothing has it. EC2 denies an address that it has given to another account since.
func (s *EIP) giveBack(ctx context.Context, id, ip string) error {
	end := time.Now().Add(s.pause(10 * time.Minute))
	return deploy.Until(ctx, func(ctx context.Context) (string, error) {
		_, err := s.AWS.EC2.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: &id}, patient)
		if notFound(err) {
			return "", nil
		}
		if !aws.Is(err, "InvalidIPAddress.InUse", "AuthFailure") {
			return "", err
		}
		out, readErr := s.AWS.EC2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: []types.Filter{{Name: new("allocation-id"), Values: []string{id}}}}, patient)
		switch {
		case readErr != nil:
			return "", readErr
		case len(out.Addresses) == 0:
			return "", nil
		case time.Now().Before(end):
			return fmt.Sprintf("%s is still used by %s", ip, val(out.Addresses[0].NetworkInterfaceId)), nil
		}
		return "", fmt.Errorf("%s is used by %s, which is not ours: %w", ip, val(out.Addresses[0].NetworkInterfaceId), err)
	})
}

var _ deploy.Step = (*EIP)(nil)
