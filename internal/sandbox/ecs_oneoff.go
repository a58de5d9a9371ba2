package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// startedBy is what RunTask takes as such (API reference).
var startedBy = regexp.MustCompile(`^[a-zA-Z0-9/_-]{0,128}$`)

// RunTask runs tasks that belong to no service. One whose command is overridden ends by itself: see interpret. The same
// request with the same token starts nothing anew (API reference, "Ensuring idempotency").
func (s *ecsService) RunTask(ctx context.Context, in *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) {
	r := s.region(ctx)
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	count := or(in.Count, 1)
	switch {
	case count < 1 || count > 10:
		return nil, invalid("Count must be between 1 and 10.")
	case !startedBy.MatchString(val(in.StartedBy)):
		return nil, invalid("startedBy contains invalid characters.")
	case len(val(in.ClientToken)) > 64:
		return nil, invalid("Client token must have at most 64 characters.")
	}
	request := fingerprint(in)
	if before := c.startedWith(val(in.ClientToken)); before != nil {
		out := &ecs.RunTaskOutput{}
		for _, t := range before {
			if t.Request != request {
				return nil, fail("ConflictException", "The RunTask request could not be processed due to conflicts. The provided clientToken is already in use with a different RunTask request.")
			}
			out.Tasks = append(out.Tasks, *t.describe(true))
		}
		return out, nil
	}
	as := &ecs.CreateServiceInput{
		ServiceName: new("task"), TaskDefinition: in.TaskDefinition, NetworkConfiguration: fillNetwork(in.NetworkConfiguration),
		LaunchType: in.LaunchType, CapacityProviderStrategy: in.CapacityProviderStrategy, EnableExecuteCommand: in.EnableExecuteCommand,
		PlatformVersion: in.PlatformVersion, Tags: in.Tags,
	}
	if as.LaunchType == "" && len(as.CapacityProviderStrategy) == 0 {
		as.CapacityProviderStrategy = c.DefaultCapacityProviderStrategy
	}
	d, err := s.checkService(ctx, c, as)
	if err != nil {
		return nil, err
	}
	if as.LaunchType != types.LaunchTypeFargate && len(as.CapacityProviderStrategy) == 0 {
		return nil, invalid("No Container Instances were found in your cluster.")
	}
	if err := checkOverrides(d, in.Overrides); err != nil {
		return nil, err
	}
	out := &ecs.RunTaskOutput{}
	for range count {
		t := &task{Network: s.placed(r, as.NetworkConfiguration.AwsvpcConfiguration), Token: val(in.ClientToken), Request: request}
		t.Subnet, t.StartedBy = t.Network.Subnets[0], in.StartedBy
		t.Group, t.LaunchType, t.EnableExecuteCommand = new(or(in.Group, "family:"+*d.Family)), types.LaunchTypeFargate, in.EnableExecuteCommand
		if len(as.CapacityProviderStrategy) > 0 {
			t.CapacityProviderName = as.CapacityProviderStrategy[0].CapacityProvider
		}
		t.Tags = in.Tags
		if in.PropagateTags == types.PropagateTagsTaskDefinition {
			t.Tags = append(slices.Clone(d.Tags), in.Tags...)
		}
		s.launch(r, c, d, t)
		t.override(d, in.Overrides)
		out.Tasks = append(out.Tasks, *t.describe(true))
	}
	return out, nil
}

// fingerprint tells one request from another.
func fingerprint(in *ecs.RunTaskInput) string {
	h := fnv.New64a()
	b, _ := json.Marshal(in) //nolint:gosec // a client token is no secret
	_, _ = h.Write(b)
	return strconv.FormatUint(h.Sum64(), 16)
}

// startedWith are the tasks of a client token, none without one.
func (c *cluster) startedWith(token string) (all []*task) {
	for _, t := range sorted(c.Tasks) {
		if token != "" && t.Token == token {
			all = append(all, t)
		}
	}
	return all
}

// checkOverrides holds what is overridden against the task definition.
func checkOverrides(d *definition, o *types.TaskOverride) error {
	if o == nil {
		return nil
	}
	for _, c := range o.ContainerOverrides {
		if !slices.ContainsFunc(d.ContainerDefinitions, func(def types.ContainerDefinition) bool { return *def.Name == val(c.Name) }) {
			return invalid("Override for container named %s is not a container in the TaskDefinition.", val(c.Name))
		}
	}
	if o.Cpu == nil && o.Memory == nil {
		return nil
	}
	cpu, bad := strconv.Atoi(or(o.Cpu, val(d.Cpu)))
	memory, worse := strconv.Atoi(or(o.Memory, val(d.Memory)))
	if bad != nil || worse != nil || !legalSize(cpu, memory) {
		return clientError("No Fargate configuration exists for given values.")
	}
	return nil
}

// override gives a task what RunTask says instead of its definition. The command of the first container that has one is
// the one that is played. How the app's own program fails is no matter of another command's.
func (t *task) override(d *definition, o *types.TaskOverride) {
	if t.Overrides = o; o == nil {
		return
	}
	t.Cpu, t.Memory = new(or(o.Cpu, val(t.Cpu))), new(or(o.Memory, val(t.Memory)))
	for _, c := range o.ContainerOverrides {
		if len(c.Command) == 0 || t.Program != nil {
			continue
		}
		env := map[string]string{}
		for _, def := range d.ContainerDefinitions {
			if *def.Name == *c.Name {
				for _, kv := range def.Environment {
					env[val(kv.Name)] = val(kv.Value)
				}
			}
		}
		for _, kv := range c.Environment {
			env[val(kv.Name)] = val(kv.Value)
		}
		t.Played, t.Program = *c.Name, interpret(c.Command, env)
	}
	if t.Program != nil && !t.Broken.fails(stageNetwork, stageInit, stagePull) {
		t.Broken = nil
	}
}

// plays writes what the command of a task says at this moment, until it ends.
func (s *ecsService) plays(r *Region, c *cluster, t *task) {
	p := t.Program
	for ; t.Said < len(p.Lines) && p.Lines[t.Said].After <= t.Ran; t.Said++ {
		s.says(r, t, t.Played, p.Lines[t.Said].Text)
	}
	if t.Said == len(p.Lines) && t.Ran >= p.Ends {
		at := max(0, slices.IndexFunc(t.Containers, func(c types.Container) bool { return *c.Name == t.Played }))
		if def := r.ECS.definition(*t.TaskDefinitionArn).ContainerDefinitions[at]; def.Essential != nil && !*def.Essential {
			t.Containers[at].LastStatus, t.Containers[at].ExitCode = new("STOPPED"), &p.Exit // its task goes on
			return
		}
		s.stop(r, c, t, types.TaskStopCodeEssentialContainerExited, "Essential container in task exited", &stopping{ExitCode: &p.Exit, Container: at})
		return
	}
	s.resumes(r, c, t)
}

// resumes plans the moment of the next line of a task's command, or of its end. What sleeps does so in real time in an
// instant sandbox, so that somebody can come between.
func (s *ecsService) resumes(r *Region, c *cluster, t *task) {
	next := t.Program.Ends
	if t.Said < len(t.Program.Lines) {
		next = t.Program.Lines[t.Said].After
	}
	nap := next - t.Ran
	t.Ran = next
	if nap == 0 {
		s.next(r, t, 0)
		return
	}
	s.again(nap, "ecs task", fmt.Sprintf("%s/%s/%s", r.Name, *c.ClusterName, t.id()))
}

// commanded says whether a task ends by itself.
func (t *task) commanded() bool { return t.Program != nil }

// killed is how a command ends that has to: as process 1 of its container it gets SIGTERM and, since the kernel lets
// that one not die of a signal that it has no handler for, SIGKILL after the stop timeout (signal(7), pid_namespaces(7)).
const killed = 128 + 9
