package steps

import (
	"context"
	"fmt"
	"slices"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// balancer finds the load balancer by its name, or one of ours under an older name; nil without one. The list of all is
// one request, as the search by name would be, and serves both.
func (a *App) balancer(ctx context.Context) (*types.LoadBalancer, error) {
	return a.liveBalancer.get(func() (*types.LoadBalancer, error) {
		var renamed []string
		var found []types.LoadBalancer
		err := together(func() error {
			renamed, _ = a.find(ctx, "alb") // the notes of the plan say when renames can't be seen
			return nil
		}, func() (err error) {
			found, err = a.balancers(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(lb types.LoadBalancer) bool {
			return *lb.LoadBalancerName != a.Manifest.ALB.Name && !slices.Contains(renamed, *lb.LoadBalancerArn)
		})
		if len(found) > 1 {
			return nil, fmt.Errorf("there is more than one load balancer: %s and %s", *found[0].LoadBalancerArn, *found[1].LoadBalancerArn)
		}
		return first(found), nil
	})
}

func (a *App) balancers(ctx context.Context) (all []types.LoadBalancer, err error) {
	for in, more := new(elb.DescribeLoadBalancersInput), true; more; {
		page, err := a.AWS.ELB.DescribeLoadBalancers(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.LoadBalancers...)
		in.Marker, more = page.NextMarker, val(page.NextMarker) != ""
	}
	return all, nil
}

// listeners are those of the balancer, by port; none without a balancer.
func (a *App) listeners(ctx context.Context) (map[int32]types.Listener, error) {
	return a.liveListeners.get(func() (map[int32]types.Listener, error) {
		lb, err := a.balancer(ctx)
		if err != nil || lb == nil {
			return nil, err
		}
		byPort := map[int32]types.Listener{}
		for in, more := (&elb.DescribeListenersInput{LoadBalancerArn: lb.LoadBalancerArn}), true; more; {
			page, err := a.AWS.ELB.DescribeListeners(ctx, in)
			if aws.Is(err, "LoadBalancerNotFound") { // it went in between
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			for _, l := range page.Listeners {
				byPort[val(l.Port)] = l
			}
			in.Marker, more = page.NextMarker, val(page.NextMarker) != ""
		}
		return byPort, nil
	})
}

// elbTags are the tags of balancers and target groups, by ARN.
func (a *App) elbTags(ctx context.Context, arns []string) (map[string]map[string]string, error) {
	byARN := map[string]map[string]string{}
	for part := range slices.Chunk(arns, 20) { // that many at most
		out, err := a.AWS.ELB.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: part})
		if err != nil {
			return nil, err
		}
		for _, d := range out.TagDescriptions {
			byARN[*d.ResourceArn] = aws.TagMap(d.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
		}
	}
	return byARN, nil
}

// known repeats a call about something that was made a moment ago, while ELB answers that it does not know it: what one
// of its servers has made the next may learn of late.
func (a *App) known(ctx context.Context, do func() error) error {
	began := time.Now()
	return deploy.Until(ctx, func(context.Context) (string, error) {
		err := do()
		if time.Since(began) < a.pause(2*time.Minute) && aws.Is(err, "LoadBalancerNotFound", "TargetGroupNotFound", "ListenerNotFound", "CertificateNotFound") {
			return "what was just made becomes known everywhere", nil
		}
		return "", err
	})
}

func elbTag(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
