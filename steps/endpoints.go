package steps

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/deploy"
)

// Endpoints are the interface endpoints that the manifest lists: tasks reach these services of AWS inside the VPC,
// by the services' own names. Each costs by the hour and zone.
type Endpoints struct {
	*App
	VPC     *VPC
	Subnets *Subnets
	Groups  *Groups

	mu   sync.Mutex
	live map[string]*types.VpcEndpoint // by service: "ecr.api"
}

func (s *Endpoints) Name() string { return "endpoints" }

// Wanted says whether the manifest lists any. In a VPC that exists they are its owner's.
func (s *Endpoints) Wanted() bool {
	return len(s.Manifest.VPC.Endpoints) > 0 && s.Manifest.VPC.ID == ""
}

func endpointWhat(service string) string { return "endpoint " + service }

// Read finds ours by their tags.
func (s *Endpoints) Read(ctx context.Context) error {
	all, err := s.readEndpoints(ctx)
	s.live = map[string]*types.VpcEndpoint{}
	for w, p := range all {
		if service := strings.TrimPrefix(w, "endpoint/"); service != "s3" {
			s.live[service] = p
		}
	}
	return err
}

// Plan makes what is missing, and has every endpoint stand in all private subnets with our group. One that failed is
// made anew.
func (s *Endpoints) Plan() (plan []deploy.Change) {
	services := s.Manifest.VPC.Endpoints
	for _, service := range services {
		p, what := s.live[service], endpointWhat(service)
		switch {
		case p == nil:
			plan = append(plan, deploy.Change{Op: deploy.Create, What: what, Group: "create", Do: func(ctx context.Context) error { return s.create(ctx, service) }})
		case strings.EqualFold(string(p.State), "failed"):
			plan = append(plan, deploy.Change{Op: deploy.Replace, What: what, Why: *p.VpcEndpointId + " failed" + lastError(p), Group: "create", Do: func(ctx context.Context) error {
				if err := s.deleteEndpoint(ctx, *p.VpcEndpointId); err != nil {
					return err
				}
				return s.create(ctx, service)
			}})
		default:
			plan = append(plan, s.planOne(service, p)...)
		}
	}
	for _, c := range s.remove(services) {
		c.After = true
		plan = append(plan, c)
	}
	return plan
}

func lastError(p *types.VpcEndpoint) string {
	if p.LastError == nil {
		return ""
	}
	return ": " + val(p.LastError.Message)
}

// planOne adds what an endpoint lacks at once, and takes what it has too much away once the new release serves.
func (s *Endpoints) planOne(service string, p *types.VpcEndpoint) (plan []deploy.Change) {
	what, id := endpointWhat(service), p.VpcEndpointId
	private, known := s.Subnets.Private.Known()
	group, groupKnown := s.Groups.Endpoints.Known()
	var groups []string
	for _, g := range p.Groups {
		groups = append(groups, *g.GroupId)
	}
	diff := deploy.Diff(deploy.F("private DNS", val(p.PrivateDnsEnabled), true))
	switch missing := without(private, p.SubnetIds); {
	case !known:
		diff = append(diff, deploy.Field{Name: "subnets", From: strings.Join(p.SubnetIds, ", "), To: s.Subnets.Private.String()})
	case len(missing) > 0:
		diff = append(diff, deploy.FSet("subnets", p.SubnetIds, append(missing, p.SubnetIds...)))
	}
	if !groupKnown || !slices.Contains(groups, group) {
		diff = append(diff, deploy.Field{Name: "security group", From: strings.Join(groups, ", "), To: s.Groups.Endpoints.String()})
	}
	if diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what, Diff: diff, Group: "modify", Do: func(ctx context.Context) error {
			in := &ec2.ModifyVpcEndpointInput{VpcEndpointId: id, AddSubnetIds: without(s.Subnets.Private.Get(), p.SubnetIds), AddSecurityGroupIds: without([]string{s.Groups.Endpoints.Get()}, groups)}
			if !val(p.PrivateDnsEnabled) {
				in.PrivateDnsEnabled = new(true)
			}
			return s.modify(ctx, p, in)
		}})
	}
	plan = append(plan, s.retagEC2(what, *id, p.Tags, s.endpointTags(service))...)
	if surplus, others := without(p.SubnetIds, private), without(groups, []string{group}); known && groupKnown && len(surplus)+len(others) > 0 {
		diff := deploy.Diff(deploy.FSet("subnets", p.SubnetIds, without(p.SubnetIds, surplus)), deploy.FSet("security groups", groups, without(groups, others)))
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what, Diff: diff, Group: "shrink", After: true, Do: func(ctx context.Context) error {
			return s.modify(ctx, p, &ec2.ModifyVpcEndpointInput{VpcEndpointId: id, RemoveSubnetIds: surplus, RemoveSecurityGroupIds: others})
		}})
	}
	return plan
}

// without is what of a list is not in another.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(v string) bool { return slices.Contains(other, v) })
}

func (s *Endpoints) endpointTags(service string) map[string]string {
	return s.named("endpoint/"+service, s.Manifest.Stack()+"-"+service)
}

func (s *Endpoints) create(ctx context.Context, service string) error {
	p, err := s.createEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcEndpointType: types.VpcEndpointTypeInterface, ServiceName: new(s.endpointService(service)), VpcId: new(s.VPC.ID.Get()),
		SubnetIds: s.Subnets.Private.Get(), SecurityGroupIds: []string{s.Groups.Endpoints.Get()}, PrivateDnsEnabled: new(true),
		TagSpecifications: tagSpec(types.ResourceTypeVpcEndpoint, s.endpointTags(service)),
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[service] = p
	return nil
}

func (s *Endpoints) modify(ctx context.Context, p *types.VpcEndpoint, in *ec2.ModifyVpcEndpointInput) error {
	if err := s.soon(ctx, func() error { _, err := s.AWS.EC2.ModifyVpcEndpoint(ctx, in, patient); return err }); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.SubnetIds = without(append(p.SubnetIds, in.AddSubnetIds...), in.RemoveSubnetIds)
	for _, id := range in.AddSecurityGroupIds {
		p.Groups = append(p.Groups, types.SecurityGroupIdentifier{GroupId: &id})
	}
	p.Groups = slices.DeleteFunc(p.Groups, func(g types.SecurityGroupIdentifier) bool {
		return slices.Contains(in.RemoveSecurityGroupIds, *g.GroupId)
	})
	if in.PrivateDnsEnabled != nil {
		p.PrivateDnsEnabled = in.PrivateDnsEnabled
	}
	return nil
}

// Ready is so when all are available: until then tasks do not reach the services.
func (s *Endpoints) Ready(ctx context.Context) (string, error) {
	var ids []string
	s.mu.Lock()
	for _, p := range s.live {
		if !strings.EqualFold(string(p.State), "available") {
			ids = append(ids, *p.VpcEndpointId)
		}
	}
	s.mu.Unlock()
	if len(ids) == 0 {
		return "", nil
	}
	list, err := s.listEndpoints(ctx)
	if err != nil {
		return "", err
	}
	list = slices.DeleteFunc(list, func(p types.VpcEndpoint) bool { return !slices.Contains(ids, *p.VpcEndpointId) })
	var missing []string
	for i, p := range list {
		short := strings.TrimPrefix(*p.ServiceName, s.endpointService(""))
		switch strings.ToLower(string(p.State)) {
		case "available":
			s.mu.Lock()
			s.live[short] = &list[i]
			s.mu.Unlock()
		case "pending":
			missing = append(missing, "endpoint "+short+" is pending")
		default:
			return "", fmt.Errorf("endpoint %s of %s is %s%s", *p.VpcEndpointId, short, strings.ToLower(string(p.State)), lastError(&p))
		}
	}
	slices.Sort(missing)
	if len(list) < len(ids) {
		missing = append(missing, "an endpoint does not show yet")
	}
	return strings.Join(missing, ", "), nil
}

// Remove deletes all of ours and waits: their interfaces hold subnets and groups.
func (s *Endpoints) Remove() []deploy.Change { return s.remove(nil) }

func (s *Endpoints) remove(keep []string) (plan []deploy.Change) {
	for _, service := range slices.Sorted(maps.Keys(s.live)) {
		if p := s.live[service]; !slices.Contains(keep, service) {
			plan = append(plan, deploy.Change{Op: deploy.Delete, What: endpointWhat(service), Group: "delete", Do: func(ctx context.Context) error {
				return s.deleteEndpoint(ctx, *p.VpcEndpointId)
			}})
		}
	}
	return plan
}

var _ deploy.Slow = (*Endpoints)(nil)
