package release

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// Outputs are what one wants to know of a service that is up. What is not there is empty.
type Outputs struct {
	URL        string `json:"url"`
	Repository string `json:"repository"`
	Image      string `json:"image"` // by digest, where it is known
}

// Resources are the outputs with the ARNs of what others may want to point to. What is not there is left out.
type Resources struct {
	Outputs
	Cluster        string `json:"cluster_arn,omitempty"`
	Service        string `json:"service_arn,omitempty"`
	TaskDefinition string `json:"task_definition_arn,omitempty"`
	Balancer       string `json:"load_balancer_arn,omitempty"`
	TargetGroup    string `json:"target_group_arn,omitempty"`
	LogGroup       string `json:"log_group_arn,omitempty"`
	ExecutionRole  string `json:"execution_role_arn,omitempty"`
	TaskRole       string `json:"task_role_arn,omitempty"`
}

// Resources reads the service, and what its first target group is behind. The URL is that of a balancer's listener for HTTP
// or HTTPS: under its certificate's name, where that is one, else under the balancer's own.
func (s *Service) Resources(ctx context.Context) (r Resources, err error) {
	if err := s.Read(ctx); err != nil {
		return r, err
	}
	d := s.Definition
	r.Image, r.Repository = s.Image(), repository(s.Image())
	r.Cluster, r.Service, r.TaskDefinition = val(s.Live.ClusterArn), val(s.Live.ServiceArn), val(s.Live.TaskDefinition)
	r.ExecutionRole, r.TaskRole = val(d.ExecutionRoleArn), val(d.TaskRoleArn)
	if l := s.Container().LogConfiguration; l != nil && l.LogDriver == types.LogDriverAwslogs {
		at := strings.Split(r.Service, ":") // arn:PARTITION:ecs:REGION:ACCOUNT:…
		r.LogGroup = fmt.Sprintf("arn:%s:logs:%s:%s:log-group:%s", at[1], cmp.Or(l.Options["awslogs-region"], at[3]), at[4], l.Options["awslogs-group"])
	}
	for _, group := range s.groups() {
		r.TargetGroup = group
		out, err := s.Calls.ELB.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{group}})
		if err != nil {
			return r, err
		}
		for _, g := range out.TargetGroups {
			for _, arn := range g.LoadBalancerArns {
				r.Balancer = arn
				r.URL, err = s.url(ctx, arn)
				return r, err
			}
		}
	}
	return r, nil
}

// repository is an image's reference without tag and digest.
func repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref
}

// url is where a balancer answers, HTTPS before HTTP and the usual port before others; "" where it speaks neither.
func (s *Service) url(ctx context.Context, balancer string) (string, error) {
	var balancers *elb.DescribeLoadBalancersOutput
	var listeners *elb.DescribeListenersOutput
	err := together(
		func() (err error) {
			balancers, err = s.Calls.ELB.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{balancer}})
			return err
		}, func() (err error) {
			listeners, err = s.Calls.ELB.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: &balancer})
			return err
		},
	)
	if err != nil || len(balancers.LoadBalancers) == 0 {
		return "", err
	}
	usual := map[elbtypes.ProtocolEnum]int32{elbtypes.ProtocolEnumHttps: 443, elbtypes.ProtocolEnumHttp: 80}
	doors := slices.DeleteFunc(listeners.Listeners, func(l elbtypes.Listener) bool { return usual[l.Protocol] == 0 })
	if len(doors) == 0 {
		return "", nil
	}
	rank := func(l elbtypes.Listener) (n int) {
		if l.Protocol != elbtypes.ProtocolEnumHttps {
			n += 2
		}
		if val(l.Port) != usual[l.Protocol] {
			n++
		}
		return n
	}
	door := slices.MinFunc(doors, func(a, b elbtypes.Listener) int { return cmp.Or(rank(a)-rank(b), int(val(a.Port)-val(b.Port))) })
	name := val(balancers.LoadBalancers[0].DNSName)
	for _, c := range door.Certificates {
		out, err := s.Calls.ACM.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: c.CertificateArn})
		if err == nil && !strings.HasPrefix(val(out.Certificate.DomainName), "*") { // it may be one of IAM's
			name = val(out.Certificate.DomainName)
		}
	}
	if val(door.Port) != usual[door.Protocol] {
		name = fmt.Sprintf("%s:%d", name, *door.Port)
	}
	return strings.ToLower(string(door.Protocol)) + "://" + name, nil
}
