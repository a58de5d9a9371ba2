package sandbox

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// elbState is what Elastic Load Balancing holds, by ARN.
type elbState struct {
	Balancers map[string]*loadBalancer
	Groups    map[string]*targetGroup
	Listeners map[string]*listener
	Rules     map[string]*rule
}

// elbService is Elastic Load Balancing version 2, as far as application load balancers go.
type elbService struct{ *Sandbox }

func newELB(s *Sandbox) *elbService {
	e := &elbService{s}
	s.on["balancer active"] = e.activate
	s.on["balancer gone"] = e.leaveNetwork
	s.on["target checked"] = e.checked
	s.on["target drained"] = e.drained
	s.on["target mended"] = e.mended
	return e
}

// elb is the part of the region that an ARN of this service names.
func (s *Sandbox) elb(arn string) *elbState {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return &s.regionNamed(parts[3]).ELB
	}
	return &elbState{}
}

func (s *elbService) balancer(ctx context.Context, arn *string) (*loadBalancer, error) {
	lb := s.region(ctx).ELB.Balancers[val(arn)]
	if lb == nil {
		return nil, fail("LoadBalancerNotFound", "Load balancer '%s' not found", val(arn))
	}
	return lb, nil
}

func (s *elbService) group(ctx context.Context, arn *string) (*targetGroup, error) {
	g := s.region(ctx).ELB.Groups[val(arn)]
	if g == nil {
		return nil, fail("TargetGroupNotFound", "Target groups '%s' not found", val(arn))
	}
	return g, nil
}

func (s *elbService) listener(ctx context.Context, arn *string) (*listener, error) {
	l := s.region(ctx).ELB.Listeners[val(arn)]
	if l == nil {
		return nil, fail("ListenerNotFound", "Listener '%s' not found", val(arn))
	}
	return l, nil
}

func (s *elbService) rule(ctx context.Context, arn *string) (*rule, error) {
	r := s.region(ctx).ELB.Rules[val(arn)]
	if r == nil {
		return nil, fail("RuleNotFound", "Rule '%s' not found", val(arn))
	}
	return r, nil
}

var elbName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// nameELB holds a balancer's or a target group's name to the rules that both have.
func nameELB(kind, name string) error {
	switch {
	case name == "":
		return fail("ValidationError", "A %s name must be specified", kind)
	case len(name) > 32:
		return fail("ValidationError", "%s name '%s' cannot be longer than '32' characters", kind, name)
	case !elbName.MatchString(name):
		return fail("ValidationError", "%s name '%s' can only contain characters that are alphanumeric characters and hyphens(-)", kind, name)
	case strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-"):
		return fail("ValidationError", "%s name '%s' cannot begin or end with '-'", kind, name)
	}
	return nil
}

// tagged returns where the tags of a balancer, target group, listener or rule are kept.
func (s *elbService) tagged(ctx context.Context, arn string) (*map[string]string, error) {
	kind := ""
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		kind, _, _ = strings.Cut(parts[5], "/")
	}
	switch kind {
	case "loadbalancer":
		lb, err := s.balancer(ctx, &arn)
		if err != nil {
			return nil, err
		}
		return &lb.Tags, nil
	case "targetgroup":
		g, err := s.group(ctx, &arn)
		if err != nil {
			return nil, err
		}
		return &g.Tags, nil
	case "listener":
		l, err := s.listener(ctx, &arn)
		if err != nil {
			return nil, err
		}
		return &l.Tags, nil
	case "listener-rule":
		r, err := s.rule(ctx, &arn)
		if err != nil {
			return nil, err
		}
		return &r.Tags, nil
	}
	return nil, fail("ValidationError", "'%s' is not a valid load balancer ARN", arn)
}

func (s *elbService) AddTags(ctx context.Context, in *elb.AddTagsInput) (*elb.AddTagsOutput, error) {
	if len(in.ResourceArns) == 0 || len(in.Tags) == 0 {
		return nil, fail("ValidationError", "At least one resource ARN and one tag must be specified")
	}
	add, err := tagsELB(in.Tags)
	if err != nil {
		return nil, err
	}
	for _, arn := range in.ResourceArns {
		tags, err := s.tagged(ctx, arn)
		if err != nil {
			return nil, err
		}
		*tags = merge(*tags, add)
	}
	return &elb.AddTagsOutput{}, nil
}

func (s *elbService) RemoveTags(ctx context.Context, in *elb.RemoveTagsInput) (*elb.RemoveTagsOutput, error) {
	for _, arn := range in.ResourceArns {
		tags, err := s.tagged(ctx, arn)
		if err != nil {
			return nil, err
		}
		for _, k := range in.TagKeys {
			delete(*tags, k)
		}
	}
	return &elb.RemoveTagsOutput{}, nil
}

func (s *elbService) DescribeTags(ctx context.Context, in *elb.DescribeTagsInput) (*elb.DescribeTagsOutput, error) {
	if n := len(in.ResourceArns); n == 0 || n > 20 {
		return nil, fail("ValidationError", "The number of resource ARNs must be between 1 and 20, it is %d", n)
	}
	out := &elb.DescribeTagsOutput{}
	for _, arn := range in.ResourceArns {
		tags, err := s.tagged(ctx, arn)
		if err != nil {
			return nil, err
		}
		d := types.TagDescription{ResourceArn: &arn, Tags: []types.Tag{}}
		for k, v := range sorted(*tags) {
			d.Tags = append(d.Tags, types.Tag{Key: &k, Value: &v})
		}
		out.TagDescriptions = append(out.TagDescriptions, d)
	}
	return out, nil
}

func tagsELB(list []types.Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, t := range list {
		k := val(t.Key)
		if _, twice := tags[k]; twice {
			return nil, fail("DuplicateTagKeys", "Duplicate tag key '%s'", k)
		}
		if k == "" || len(k) > 128 || strings.HasPrefix(strings.ToLower(k), "aws:") || len(val(t.Value)) > 256 {
			return nil, fail("ValidationError", "Tag key '%s' or its value is not valid", k)
		}
		tags[k] = val(t.Value)
	}
	if len(tags) > 50 {
		return nil, fail("TooManyTags", "The number of tags cannot be more than 50")
	}
	return tags, nil
}

// An attribute is one that a balancer, listener or target group has: its default, and what it may be.
type attribute struct{ value, allowed string }

const (
	yesNo    = "^(true|false)$"
	anything = ""
)

// setAttributes checks wishes against a table before it takes any over.
func setAttributes(table map[string]attribute, live, wishes map[string]string) error {
	for k, v := range sorted(wishes) {
		a, ok := table[k]
		if !ok {
			return fail("ValidationError", "Attribute key '%s' is not recognized", k)
		}
		if from, to, ok := numbers(a.allowed); ok && !between(v, from, to) || !ok && !regexp.MustCompile(a.allowed).MatchString(v) {
			return fail("ValidationError", "'%s' is not a valid value for '%s'", v, k)
		}
	}
	maps.Copy(live, wishes)
	return nil
}

// defaults are the attributes that a new resource has.
func defaults(table map[string]attribute) map[string]string {
	values := map[string]string{}
	for k, a := range table {
		values[k] = a.value
	}
	return values
}

// pickELB filters by names or ARNs that all have to be there, as ELB's Describe calls do; without any it returns all.
func pickELB[T any](all []T, of func(T) *string, want []string, missing error) ([]T, error) {
	if len(want) == 0 {
		return all, nil
	}
	var picked []T
	for _, t := range all {
		if slices.Contains(want, *of(t)) {
			picked = append(picked, t)
		}
	}
	if len(picked) < len(want) {
		return nil, missing
	}
	return picked, nil
}
