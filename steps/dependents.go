package steps

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// dependents are what keeps something of EC2 from being deleted, and how long to wait while they stay the same.
type dependents struct {
	names    []string
	patience time.Duration
}

func (d dependents) String() string { return strings.Join(d.names, ", ") }

// whenFree repeats a delete for as long as something depends on the thing, and says what. A thing that is gone is
// deleted. It gives up when nothing has gone for a time: what is left is somebody's.
func (a *App) whenFree(ctx context.Context, find func(context.Context) (dependents, error), del func() error) error {
	said, since := "", time.Now()
	return deploy.Until(ctx, func(ctx context.Context) (string, error) {
		err := del()
		switch {
		case notFound(err):
			return "", nil
		case !aws.Is(err, "DependencyViolation", "InvalidGroup.InUse"):
			return "", err
		}
		left, findErr := find(ctx)
		if findErr != nil {
			return "", findErr
		}
		if left.String() != said {
			said, since = left.String(), time.Now()
		}
		switch {
		case time.Since(since) < a.pause(left.patience):
			return "waiting for " + left.String() + " to go", nil
		case len(left.names) == 0:
			return "", err
		}
		return "", fmt.Errorf("%s does not go by itself: delete it, then go on with the same command: %w", left, err)
	})
}

// interfaces finds network interfaces, with what they are of. Those of balancers and tasks go some minutes after them.
func (a *App) interfaces(filter string, values ...string) func(context.Context) (dependents, error) {
	return func(ctx context.Context) (dependents, error) {
		d := dependents{patience: 10 * time.Minute}
		list, err := pages(func(token *string) ([]types.NetworkInterface, *string, error) {
			in := &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{{Name: &filter, Values: values}}, NextToken: token}
			out, err := a.AWS.EC2.DescribeNetworkInterfaces(ctx, in, patient)
			if err != nil {
				return nil, nil, err
			}
			return out.NetworkInterfaces, out.NextToken, nil
		})
		for _, n := range list {
			of := val(n.Description)
			if of == "" {
				of = fmt.Sprintf("%s, %s", n.InterfaceType, n.Status)
			}
			d.names = append(d.names, fmt.Sprintf("network interface %s (%s)", *n.NetworkInterfaceId, of))
		}
		slices.Sort(d.names)
		return d, err
	}
}

// contents finds what is in a VPC that is to be deleted: network interfaces, else what does not go by itself.
func (a *App) contents(vpc string) func(context.Context) (dependents, error) {
	return func(ctx context.Context) (dependents, error) {
		d, err := a.interfaces("vpc-id", vpc)(ctx)
		if err != nil || len(d.names) > 0 {
			return d, err
		}
		d.patience = time.Minute
		in := []types.Filter{{Name: new("vpc-id"), Values: []string{vpc}}}
		nets, err := a.AWS.EC2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: in}, patient)
		if err != nil {
			return d, err
		}
		for _, n := range nets.Subnets {
			d.names = append(d.names, "subnet "+*n.SubnetId)
		}
		groups, err := a.AWS.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: in}, patient)
		if err != nil {
			return d, err
		}
		for _, g := range groups.SecurityGroups {
			if *g.GroupName != "default" {
				d.names = append(d.names, fmt.Sprintf("security group %s (%s)", *g.GroupId, *g.GroupName))
			}
		}
		endpoints, err := a.AWS.EC2.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{Filters: in}, patient)
		if err != nil {
			return d, err
		}
		for _, p := range endpoints.VpcEndpoints {
			d.names = append(d.names, fmt.Sprintf("endpoint %s (%s)", *p.VpcEndpointId, *p.ServiceName))
		}
		return d, nil
	}
}
