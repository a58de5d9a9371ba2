package steps

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// readEndpoints lists our VPC endpoints, without those that are going or never came.
func (a *App) readEndpoints(ctx context.Context) (map[string]*types.VpcEndpoint, error) {
	list, err := a.network.endpoints.get(func() ([]types.VpcEndpoint, error) { return a.listEndpoints(ctx) })
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(slices.Clone(list), func(p types.VpcEndpoint) bool { return goes(p.State) })
	return byWord("VPC endpoint", list, func(p *types.VpcEndpoint) string { return *p.VpcEndpointId }, func(p *types.VpcEndpoint) []types.Tag { return p.Tags })
}

func (a *App) listEndpoints(ctx context.Context) ([]types.VpcEndpoint, error) {
	return pages(func(token *string) ([]types.VpcEndpoint, *string, error) {
		out, err := a.AWS.EC2.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{Filters: a.our(), NextToken: token}, patient)
		if err != nil {
			return nil, nil, err
		}
		return out.VpcEndpoints, out.NextToken, nil
	})
}

// goes says whether an endpoint is on its way out, or gone and still listed. States come in either case.
func goes(state types.State) bool {
	return slices.Contains([]string{"deleting", "deleted", "expired", "rejected"}, strings.ToLower(string(state)))
}

func (a *App) endpoint(ctx context.Context, word string) (*types.VpcEndpoint, error) {
	all, err := a.readEndpoints(ctx)
	return all[word], err
}

func (a *App) endpointService(short string) string { return "com.amazonaws." + a.Region + "." + short }

// createEndpoint makes one. The token protects the SDK's own repeats; another run finds the endpoint by its tags.
func (a *App) createEndpoint(ctx context.Context, in *ec2.CreateVpcEndpointInput) (made *types.VpcEndpoint, err error) {
	in.ClientToken = new(rand.Text())
	err = a.soon(ctx, func() error {
		out, err := a.AWS.EC2.CreateVpcEndpoint(ctx, in, patient)
		if err == nil {
			made = out.VpcEndpoint
		}
		return err
	})
	return made, err
}

// deleteEndpoint deletes one and waits until it is gone: its interfaces hold subnets and groups, and it the VPC.
func (a *App) deleteEndpoint(ctx context.Context, id string) error {
	out, err := a.AWS.EC2.DeleteVpcEndpoints(ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{id}}, patient)
	if err != nil {
		return err
	}
	for _, u := range out.Unsuccessful {
		if !strings.HasSuffix(val(u.Error.Code), "NotFound") {
			return fmt.Errorf("%s: %w", val(u.Error.Code), errors.New(val(u.Error.Message)))
		}
	}
	return deploy.Until(ctx, func(ctx context.Context) (string, error) {
		out, err := a.AWS.EC2.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{id}}, patient)
		if err != nil {
			return "", aws.Ignore(err, "InvalidVpcEndpointId.NotFound")
		}
		for _, p := range out.VpcEndpoints {
			if !strings.EqualFold(string(p.State), "deleted") {
				return fmt.Sprintf("endpoint %s is %s", id, strings.ToLower(string(p.State))), nil
			}
		}
		return "", nil
	})
}

const s3What = "S3 gateway endpoint"

// planS3 gives every route table the way to S3 that costs nothing: ECR's layers come from there.
func (s *Subnets) planS3() []deploy.Change {
	if s.s3 == nil {
		return []deploy.Change{{Op: deploy.Create, What: s3What, Group: "connect", Do: s.createS3}}
	}
	labels := map[string]string{}
	for w, t := range s.tables {
		labels[*t.RouteTableId] = strings.TrimPrefix(w, "route-table/")
	}
	var live, want []string
	for _, id := range s.s3.RouteTableIds {
		if labels[id] == "" {
			labels[id] = id
		}
		if w := labels[id]; slices.Contains(s.wantedTables(), "route-table/"+w) || w == id {
			live = append(live, w) // that of a zone less goes with its table
		}
	}
	for _, w := range s.wantedTables() {
		want = append(want, strings.TrimPrefix(w, "route-table/"))
	}
	if diff := deploy.Diff(deploy.FSet("route tables", live, want)); diff != nil {
		return []deploy.Change{{Op: deploy.Update, What: s3What, Diff: diff, Group: "connect", Do: s.modifyS3}}
	}
	return s.retagEC2(s3What, *s.s3.VpcEndpointId, s.s3.Tags, s.s3Tags())
}

func (s *Subnets) s3Tags() map[string]string { return s.named("endpoint/s3", s.Manifest.Stack()+"-s3") }

// tableIDs are those of all wanted tables.
func (s *Subnets) tableIDs() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wantedTables() {
		ids = append(ids, *s.tables[w].RouteTableId)
	}
	return ids
}

func (s *Subnets) createS3(ctx context.Context) (err error) {
	s.s3, err = s.createEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcEndpointType: types.VpcEndpointTypeGateway, ServiceName: new(s.endpointService("s3")), VpcId: new(s.VPC.ID.Get()),
		RouteTableIds: s.tableIDs(), TagSpecifications: tagSpec(types.ResourceTypeVpcEndpoint, s.s3Tags()),
	})
	return err
}

func (s *Subnets) modifyS3(ctx context.Context) error {
	want := s.tableIDs()
	in := &ec2.ModifyVpcEndpointInput{VpcEndpointId: s.s3.VpcEndpointId}
	s.mu.Lock()
	ours := slices.Collect(maps.Values(s.tables))
	s.mu.Unlock()
	for _, id := range want {
		if !slices.Contains(s.s3.RouteTableIds, id) {
			in.AddRouteTableIds = append(in.AddRouteTableIds, id)
		}
	}
	for _, id := range s.s3.RouteTableIds {
		if !slices.ContainsFunc(ours, func(t *types.RouteTable) bool { return *t.RouteTableId == id }) {
			in.RemoveRouteTableIds = append(in.RemoveRouteTableIds, id)
		}
	}
	if err := s.soon(ctx, func() error { _, err := s.AWS.EC2.ModifyVpcEndpoint(ctx, in, patient); return err }); err != nil {
		return err
	}
	s.s3.RouteTableIds = want
	return nil
}
