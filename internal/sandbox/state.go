package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"

	"github.com/aws/smithy-go"

	"github.com/fargatectl/fargatectl/internal/sandbox/wire"
)

// State is everything that an account holds. It is kept as JSON; what is in it is data only.
type State struct {
	Seq    int // counts what was made: ids and the order of events come from it
	Events []event
	Armed  []Arm // what the next deployments are to fail for

	IAM     iamState
	Route53 route53State
	Regions map[string]*Region
}

// A Region is what an account holds in one region.
type Region struct {
	Name    string
	EC2     ec2State
	ELB     elbState
	ECS     ecsState
	ECR     ecrState
	Logs    logsState
	Secrets secretsState
	Scaling scalingState
	ACM     acmState

	CloudWatch cloudwatchState
}

func newState() *State { return &State{Regions: map[string]*Region{}} }

// services is every service that the sandbox is.
func (s *Sandbox) services() []wire.Service {
	return []wire.Service{
		{Name: "sts", Impl: &stsService{s}},
		{Name: "iam", Impl: newIAM(s)},
		{Name: "ec2", Impl: newEC2(s)},
		{Name: "ecr", Impl: newECR(s)},
		{Name: "ecs", Impl: newECS(s)},
		{Name: "elasticloadbalancing", Impl: newELB(s)},
		{Name: "logs", Impl: newLogs(s)},
		{Name: "secretsmanager", Impl: newSecrets(s)},
		{Name: "application-autoscaling", Impl: newScaling(s)},
		{Name: "monitoring", Impl: newCloudWatch(s)},
		{Name: "acm", Impl: newACM(s)},
		{Name: "route53", Impl: newRoute53(s)},
		{Name: "ssm", Impl: &ssmService{s}},
		{Name: "kms", Impl: &kmsService{s}},
		{Name: "tagging", Impl: newTagging(s)},
	}
}

// region is the one that the request being served is for.
func (s *Sandbox) region(ctx context.Context) *Region {
	return s.regionNamed(wire.CallFrom(ctx).Region)
}

func (s *Sandbox) regionNamed(name string) *Region {
	r := s.state.Regions[name]
	if r == nil {
		r = &Region{Name: name}
		s.state.Regions[name] = r
	}
	return r
}

// hex makes an id's random-looking part of n hexadecimal digits: the same run gives the same ids.
func (s *Sandbox) hex(n int) string {
	s.state.Seq++
	h := fnv.New64a()
	fmt.Fprintf(h, "fargatectl %d", s.state.Seq)
	a := h.Sum64()
	fmt.Fprint(h, "more")
	return fmt.Sprintf("%016x%016x", a, h.Sum64())[:n]
}

// id is one of EC2's: "vpc-0123456789abcdef0".
func (s *Sandbox) id(prefix string) string { return prefix + "-0" + s.hex(16) }

// arn is one in this account; an IAM one has no region.
func (s *Sandbox) arn(service, region, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, Account, resource)
}

// fail is an error of an operation.
func fail(code, format string, args ...any) error {
	return &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// load takes over what another process has saved since this one looked last.
func (s *Sandbox) load() error {
	b, err := s.store.changed()
	if err != nil || b == nil {
		return err
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return fmt.Errorf("sandbox: the state in %s is damaged: %w", s.o.Dir, err)
	}
	s.state = newState()
	return wire.FromTree(s.state, tree)
}

func (s *Sandbox) save() error {
	if s.o.Dir == "" {
		return nil
	}
	b, err := json.Marshal(wire.Tree(s.state))
	if err != nil {
		return err
	}
	return s.store.save(b)
}
