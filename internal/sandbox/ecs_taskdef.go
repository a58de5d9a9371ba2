package sandbox

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A family counts its revisions for ever: a number is never used again, also when all of them are deleted.
type family struct {
	Last      int32
	Revisions map[int32]*definition
}

type definition struct {
	types.TaskDefinition
	Tags   []types.Tag
	Broken *Failure
}

// definition finds a revision by ARN, "family:revision" or "family", the latest active one; nil without one.
func (e *ecsState) definition(id string) *definition {
	id = id[strings.LastIndex(id, "/")+1:]
	name, rev, one := strings.Cut(id, ":")
	f := e.Definitions[name]
	if f == nil {
		return nil
	}
	if one {
		n, _ := strconv.ParseInt(rev, 10, 32)
		return f.Revisions[int32(n)]
	}
	for n := f.Last; n > 0; n-- {
		if d := f.Revisions[n]; d != nil && d.Status == types.TaskDefinitionStatusActive {
			return d
		}
	}
	return nil
}

// RegisterTaskDefinition makes a new revision at every call.
func (s *ecsService) RegisterTaskDefinition(ctx context.Context, in *ecs.RegisterTaskDefinitionInput) (*ecs.RegisterTaskDefinitionOutput, error) {
	r := s.region(ctx)
	if err := checkDefinition(in); err != nil {
		return nil, err
	}
	f := r.ECS.Definitions[*in.Family]
	if f == nil {
		f = &family{Revisions: map[int32]*definition{}}
		put(&r.ECS.Definitions, *in.Family, f)
	}
	f.Last++
	d := &definition{Tags: in.Tags}
	d.TaskDefinition = types.TaskDefinition{
		TaskDefinitionArn: new(s.arn("ecs", r.Name, "task-definition/"+*in.Family+":"+strconv.Itoa(int(f.Last)))),
		Family:            in.Family, Revision: f.Last, Status: types.TaskDefinitionStatusActive,
		RegisteredAt: new(s.clock), RegisteredBy: new(s.arn("iam", "", "user/sandbox")),
		ContainerDefinitions: in.ContainerDefinitions, Cpu: in.Cpu, Memory: in.Memory,
		EphemeralStorage: in.EphemeralStorage, ExecutionRoleArn: in.ExecutionRoleArn, TaskRoleArn: in.TaskRoleArn,
		NetworkMode: in.NetworkMode, PidMode: in.PidMode, IpcMode: in.IpcMode, ProxyConfiguration: in.ProxyConfiguration,
		RuntimePlatform: in.RuntimePlatform, RequiresCompatibilities: in.RequiresCompatibilities,
		EnableFaultInjection: in.EnableFaultInjection, Volumes: in.Volumes, PlacementConstraints: in.PlacementConstraints,
	}
	d.fill()
	if b, ok := r.ECS.Broken[*in.Family]; ok {
		d.Broken = &b
	}
	f.Revisions[f.Last] = d
	return &ecs.RegisterTaskDefinitionOutput{TaskDefinition: &d.TaskDefinition, Tags: d.Tags}, nil
}

// fill writes what AWS adds to what was asked: DescribeTaskDefinition never answers what was registered.
func (d *definition) fill() {
	d.Cpu, d.Memory = units(d.Cpu, "vcpu"), units(d.Memory, "gb")
	d.Compatibilities = []types.Compatibility{types.CompatibilityEc2, types.CompatibilityFargate}
	if d.NetworkMode == "" {
		d.NetworkMode = types.NetworkModeBridge
	}
	if d.Volumes == nil {
		d.Volumes = []types.Volume{}
	}
	if d.PlacementConstraints == nil {
		d.PlacementConstraints = []types.TaskDefinitionPlacementConstraint{}
	}
	for i := range d.ContainerDefinitions {
		fillContainer(&d.ContainerDefinitions[i])
	}
	for _, a := range []string{"com.amazonaws.ecs.capability.docker-remote-api.1.18", "ecs.capability.task-eni"} {
		d.RequiresAttributes = append(d.RequiresAttributes, types.Attribute{Name: &a})
	}
}

func fillContainer(c *types.ContainerDefinition) {
	if c.Essential == nil {
		c.Essential = new(true)
	}
	for i := range c.PortMappings {
		p := &c.PortMappings[i]
		if p.HostPort == nil {
			p.HostPort = p.ContainerPort
		}
		p.Protocol = cmp.Or(p.Protocol, types.TransportProtocolTcp)
	}
	if h := c.HealthCheck; h != nil {
		h.Interval, h.Timeout, h.Retries = new(or(h.Interval, 30)), new(or(h.Timeout, 5)), new(or(h.Retries, 3))
	}
	if c.Environment == nil {
		c.Environment = []types.KeyValuePair{}
	}
	if c.MountPoints == nil {
		c.MountPoints = []types.MountPoint{}
	}
	if c.VolumesFrom == nil {
		c.VolumesFrom = []types.VolumeFrom{}
	}
	if c.SystemControls == nil {
		c.SystemControls = []types.SystemControl{}
	}
	if c.PortMappings == nil {
		c.PortMappings = []types.PortMapping{}
	}
}

// units turns "1 vCPU" into "1024" and "2 GB" into "2048".
func units(v *string, unit string) *string {
	text, ok := strings.CutSuffix(strings.ToLower(val(v)), unit)
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if !ok || err != nil {
		return v
	}
	return new(strconv.Itoa(int(n * 1024)))
}

func (s *ecsService) DescribeTaskDefinition(ctx context.Context, in *ecs.DescribeTaskDefinitionInput) (*ecs.DescribeTaskDefinitionOutput, error) {
	d := s.region(ctx).ECS.definition(val(in.TaskDefinition))
	if d == nil {
		return nil, fail("ClientException", "Unable to describe task definition.")
	}
	out := &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &d.TaskDefinition}
	if slices.Contains(in.Include, types.TaskDefinitionFieldTags) {
		out.Tags = d.Tags
	}
	return out, nil
}

// DeregisterTaskDefinition makes a revision INACTIVE: tasks and services that use it go on.
func (s *ecsService) DeregisterTaskDefinition(ctx context.Context, in *ecs.DeregisterTaskDefinitionInput) (*ecs.DeregisterTaskDefinitionOutput, error) {
	id := val(in.TaskDefinition)
	if !strings.Contains(id[strings.LastIndex(id, "/")+1:], ":") {
		return nil, fail("InvalidParameterException", "Invalid revision number. Number: %s", id)
	}
	d := s.region(ctx).ECS.definition(id)
	if d == nil {
		return nil, fail("ClientException", "The specified task definition does not exist. Specify a valid account, family, revision and try again.")
	}
	if d.Status == types.TaskDefinitionStatusActive {
		d.Status, d.DeregisteredAt = types.TaskDefinitionStatusInactive, new(s.clock)
	}
	return &ecs.DeregisterTaskDefinitionOutput{TaskDefinition: &d.TaskDefinition}, nil
}

// DeleteTaskDefinitions deletes INACTIVE revisions, at most ten a call. They stay in DELETE_IN_PROGRESS while a task
// or a service uses them.
func (s *ecsService) DeleteTaskDefinitions(ctx context.Context, in *ecs.DeleteTaskDefinitionsInput) (*ecs.DeleteTaskDefinitionsOutput, error) {
	r, out := s.region(ctx), &ecs.DeleteTaskDefinitionsOutput{}
	if n := len(in.TaskDefinitions); n == 0 || n > 10 {
		return nil, fail("InvalidParameterException", "Specify between 1 and 10 task definitions.")
	}
	for _, id := range in.TaskDefinitions {
		d := r.ECS.definition(id)
		switch {
		case d == nil:
			out.Failures = append(out.Failures, types.Failure{Arn: &id, Reason: new("The specified task definition does not exist. Specify a valid account, family, revision and try again.")})
		case d.Status == types.TaskDefinitionStatusActive:
			out.Failures = append(out.Failures, types.Failure{Arn: d.TaskDefinitionArn, Reason: new("The specified task definition is still in ACTIVE status. Please deregister the target and try again.")})
		default:
			d.Status, d.DeleteRequestedAt = types.TaskDefinitionStatusDeleteInProgress, new(s.clock)
			out.TaskDefinitions = append(out.TaskDefinitions, d.TaskDefinition)
		}
	}
	s.purge(r)
	return out, nil
}

// purge forgets the deleted revisions that nothing uses any more.
func (s *ecsService) purge(r *Region) {
	used := map[string]bool{}
	for _, c := range r.ECS.Clusters {
		for _, sv := range c.Services {
			for _, d := range sv.Deployments {
				used[*d.TaskDefinition] = used[*d.TaskDefinition] || *sv.Status != "INACTIVE"
			}
		}
		for _, t := range c.Tasks {
			used[*t.TaskDefinitionArn] = used[*t.TaskDefinitionArn] || *t.LastStatus != "STOPPED"
		}
	}
	for _, f := range r.ECS.Definitions {
		for n, d := range f.Revisions {
			if d.Status == types.TaskDefinitionStatusDeleteInProgress && !used[*d.TaskDefinitionArn] {
				delete(f.Revisions, n)
			}
		}
	}
}

// ListTaskDefinitions sorts by family, then by number. The family prefix is a whole family name (API reference).
func (s *ecsService) ListTaskDefinitions(ctx context.Context, in *ecs.ListTaskDefinitionsInput) (*ecs.ListTaskDefinitionsOutput, error) {
	out := &ecs.ListTaskDefinitionsOutput{}
	status := cmp.Or(in.Status, types.TaskDefinitionStatusActive)
	for name, f := range sorted(s.region(ctx).ECS.Definitions) {
		if in.FamilyPrefix != nil && *in.FamilyPrefix != name {
			continue
		}
		for n := int32(1); n <= f.Last; n++ {
			if d := f.Revisions[n]; d != nil && d.Status == status {
				out.TaskDefinitionArns = append(out.TaskDefinitionArns, *d.TaskDefinitionArn)
			}
		}
	}
	if in.Sort == types.SortOrderDesc {
		slices.Reverse(out.TaskDefinitionArns)
	}
	var err error
	out.TaskDefinitionArns, out.NextToken, err = page(out.TaskDefinitionArns, in.NextToken, in.MaxResults, 100)
	return out, err
}

func (s *ecsService) ListTaskDefinitionFamilies(ctx context.Context, in *ecs.ListTaskDefinitionFamiliesInput) (*ecs.ListTaskDefinitionFamiliesOutput, error) {
	out := &ecs.ListTaskDefinitionFamiliesOutput{}
	for name, f := range sorted(s.region(ctx).ECS.Definitions) {
		active := s.region(ctx).ECS.definition(name) != nil
		if !strings.HasPrefix(name, val(in.FamilyPrefix)) || len(f.Revisions) == 0 ||
			in.Status == types.TaskDefinitionFamilyStatusActive && !active || in.Status == types.TaskDefinitionFamilyStatusInactive && active {
			continue
		}
		out.Families = append(out.Families, name)
	}
	var err error
	out.Families, out.NextToken, err = page(out.Families, in.NextToken, in.MaxResults, 100)
	return out, err
}

// Break makes the tasks of a family's next revisions fail; those that are registered already keep working.
func (e *ecsState) Break(family string, f Failure) { put(&e.Broken, family, f) }

// Mend takes Break back, for the revisions that it broke as well.
func (e *ecsState) Mend(family string) {
	delete(e.Broken, family)
	if f := e.Definitions[family]; f != nil {
		for _, d := range f.Revisions {
			d.Broken = nil
		}
	}
}
