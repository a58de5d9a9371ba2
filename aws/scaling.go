package aws

import (
	"context"

	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
)

// Tags are a scalable target's, by its ARN: nil where there is none, or the endpoint does not serve them.
func (c *Scaling) Tags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := c.ListTagsForResource(ctx, &scaling.ListTagsForResourceInput{ResourceARN: &arn}, QuickScaling)
	switch {
	case err == nil && out.Tags == nil:
		return map[string]string{}, nil
	case err == nil:
		return out.Tags, nil
	case Lacks(err):
		return nil, nil
	}
	return nil, Ignore(err, "ResourceNotFoundException")
}

// QuickScaling keeps a call that an endpoint may lack from being repeated for long.
func QuickScaling(o *scaling.Options) { o.Retryer = quick() }
