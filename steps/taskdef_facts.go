package steps

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/oneoff"
)

// owned are the members of a task definition and of its container that the manifest decides. All others are carried
// over from the live revision.
var (
	ownedTask      = []string{"Family", "ContainerDefinitions", "Cpu", "Memory", "NetworkMode", "RequiresCompatibilities", "ExecutionRoleArn", "TaskRoleArn", "RuntimePlatform", "EphemeralStorage", "Tags"}
	ownedContainer = []string{"Name", "Image", "Essential", "PortMappings", "Environment", "Secrets", "LogConfiguration", "HealthCheck", "Command", "StopTimeout", "Cpu", "VersionConsistency"}
)

// facts are what the manifest wants, a value a name, as far as it is known.
func (s *TaskDef) facts() map[string]string {
	sv := s.Manifest.Service
	f := map[string]string{
		"cpu": strconv.Itoa(int(sv.CPU)), "memory": strconv.Itoa(int(sv.Memory)), "architecture": sv.Architecture,
		"network mode": "awsvpc", "compatibility": "FARGATE", "essential": "true",
		"execution role": s.IAM.Execution.String(), "task role": s.IAM.Task.String(),
		"image": s.Images.Ref.String(), "container port": fmt.Sprintf("%d/tcp", s.port()),
		"stop timeout": seconds(sv.StopTimeout), "command": oneoff.Words(sv.Command), "health check": s.checkText(s.healthCheck(), s.checkFrom()),
		"log driver": "awslogs", "ephemeral storage": storage(sv.EphemeralStorage),
	}
	for k, v := range s.logOptions() {
		f["log option "+k] = v.String()
	}
	for k, v := range s.environment() {
		f["env "+k] = v
	}
	for _, ref := range sv.Secrets {
		f["secret "+ref.Env] = s.valueFrom(ref.Env).String()
	}
	return present(f)
}

// liveFacts are the same of the live revision.
func (s *TaskDef) liveFacts() map[string]string {
	f := taskFacts(s.live)
	c := s.container(s.live.ContainerDefinitions)
	if c == nil {
		c = &types.ContainerDefinition{}
	}
	maps.Copy(f, containerFacts(*c))
	f["health check"] = s.checkText(c.HealthCheck, s.liveTags[aws.TagHealthCheck])
	if s.Options.Prune {
		for _, what := range s.unknown() {
			f[what] = "there"
		}
	}
	return present(f)
}

// present leaves out what is empty: AWS tells no empty list from none.
func present(f map[string]string) map[string]string {
	maps.DeleteFunc(f, func(_, v string) bool { return v == "" })
	return f
}

// taskFacts are those of the task, with what AWS takes for granted filled in.
func taskFacts(d *types.TaskDefinition) map[string]string {
	f := map[string]string{
		"cpu": units(val(d.Cpu), "vCPU"), "memory": units(val(d.Memory), "GB"), "architecture": "X86_64", "network mode": string(d.NetworkMode),
		"execution role": val(d.ExecutionRoleArn), "task role": val(d.TaskRoleArn),
	}
	if p := d.RuntimePlatform; p != nil && p.CpuArchitecture != "" {
		f["architecture"] = string(p.CpuArchitecture)
	}
	if e := d.EphemeralStorage; e != nil {
		f["ephemeral storage"] = storage(e.SizeInGiB)
	}
	for _, c := range d.RequiresCompatibilities {
		f["compatibility"] += string(c)
	}
	return f
}

// containerFacts are those of our container.
func containerFacts(c types.ContainerDefinition) map[string]string {
	f := map[string]string{
		"image": val(c.Image), "command": oneoff.Words(c.Command), "health check": healthCheck(c.HealthCheck), "essential": fmt.Sprint(c.Essential == nil || *c.Essential),
	}
	if c.StopTimeout != nil {
		f["stop timeout"] = seconds(*c.StopTimeout)
	}
	var ports []string
	for _, p := range c.PortMappings {
		protocol := string(p.Protocol)
		if protocol == "" {
			protocol = "tcp"
		}
		ports = append(ports, fmt.Sprintf("%d/%s", val(p.ContainerPort), protocol))
	}
	slices.Sort(ports)
	f["container port"] = strings.Join(ports, " ")
	for _, kv := range c.Environment {
		f["env "+val(kv.Name)] = val(kv.Value)
	}
	for _, ref := range c.Secrets {
		f["secret "+val(ref.Name)] = val(ref.ValueFrom)
	}
	if l := c.LogConfiguration; l != nil {
		f["log driver"] = string(l.LogDriver)
		for k, v := range l.Options {
			f["log option "+k] = v
		}
	}
	return f
}

// units is a size as a number of CPU units or MiB: AWS takes "1 vCPU" and "2 GB", too.
func units(text, unit string) string {
	number, with := strings.CutSuffix(strings.ReplaceAll(strings.ToLower(text), " ", ""), strings.ToLower(unit))
	if n, err := strconv.ParseFloat(number, 64); with && err == nil {
		return strconv.Itoa(int(n * 1024))
	}
	return text
}

func seconds(n int32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d s", n)
}

func storage(gib int32) string {
	if gib == 0 {
		return ""
	}
	return fmt.Sprintf("%d GiB", gib)
}

// healthCheck is one as text, with AWS's defaults filled in (API reference, HealthCheck).
func healthCheck(h *types.HealthCheck) string {
	if h == nil {
		return ""
	}
	or := func(p *int32, def int32) int32 {
		if p == nil {
			return def
		}
		return *p
	}
	return fmt.Sprintf("%s every %d s, timeout %d s, %d retries, after %d s", oneoff.Words(h.Command), or(h.Interval, 30), or(h.Timeout, 5), or(h.Retries, 3), or(h.StartPeriod, 0))
}

// checkText is a health check with where it comes from, as its tag says it.
func (s *TaskDef) checkText(h *types.HealthCheck, from string) string {
	if h != nil && from == aws.FromImage {
		return "from the image: " + healthCheck(h)
	}
	return healthCheck(h)
}

// healthCheck is the manifest's, else the image's.
func (s *TaskDef) healthCheck() *types.HealthCheck {
	h := s.Manifest.Service.HealthCheck
	switch {
	case h == nil:
		return s.Images.check
	case s.checkFrom() == "none":
		return nil
	}
	return &types.HealthCheck{Command: h.Command, Interval: &h.Interval, Timeout: &h.Timeout, Retries: &h.Retries, StartPeriod: &h.StartPeriod}
}

// checkFrom is the value of its tag; "" is the manifest, or nobody.
func (s *TaskDef) checkFrom() string {
	switch h := s.Manifest.Service.HealthCheck; {
	case h != nil && h.Command[0] == "NONE":
		return "none"
	case h == nil && s.Images.check != nil:
		return aws.FromImage
	case h == nil && (s.Images.unseen || s.liveTags[aws.TagHealthCheck] == aws.Unseen && !s.Images.told):
		return aws.Unseen
	case h == nil && s.liveTags[aws.TagHealthCheck] == aws.Unseen: // it has none: a tag is not taken away
		return aws.FromNobody
	}
	return ""
}

// portFrom is the value of the port's tag.
func (s *TaskDef) portFrom() string {
	switch {
	case s.Manifest.Service.PortGiven:
		return aws.FromManifest
	case s.exposed != 0:
		return aws.FromImage
	}
	return aws.FromNobody
}

// environment is the manifest's, and PORT.
func (s *TaskDef) environment() map[string]string {
	env := map[string]string{"PORT": strconv.Itoa(int(s.port()))}
	maps.Copy(env, s.Manifest.Service.Environment)
	return env
}

// logOptions are awslogs's. The mode is given: what AWS takes without it depends on the account (defaultLogDriverMode).
func (s *TaskDef) logOptions() map[string]deploy.Out[string] {
	options := map[string]deploy.Out[string]{"awslogs-group": s.Logs.Group}
	for k, v := range map[string]string{"awslogs-region": s.Region, "awslogs-stream-prefix": "ecs", "mode": "non-blocking", "max-buffer-size": "25m"} {
		var o deploy.Out[string]
		o.Set(v)
		options[k] = o
	}
	return options
}

// valueFrom is where ECS gets a secret from: its whole ARN, with the key of a JSON value behind it.
func (s *TaskDef) valueFrom(env string) (from deploy.Out[string]) {
	for _, ref := range s.Manifest.Service.Secrets {
		if ref.Env != env {
			continue
		}
		arn := ref.ARN
		if arns, known := s.Secrets.ARNs.Known(); arn == "" && known {
			arn = arns[ref.Secret] // "" while it is still to be made
		}
		if arn != "" && ref.JSONKey != "" {
			arn += ":" + ref.JSONKey + "::"
		}
		if arn != "" {
			from.Set(arn)
		}
	}
	return from
}

// request registers what is wanted, and what is carried over from the live revision.
func (s *TaskDef) request() *ecs.RegisterTaskDefinitionInput {
	sv := s.Manifest.Service
	in := &ecs.RegisterTaskDefinitionInput{
		Family: new(s.family()), Cpu: new(strconv.Itoa(int(sv.CPU))), Memory: new(strconv.Itoa(int(sv.Memory))),
		NetworkMode: types.NetworkModeAwsvpc, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ExecutionRoleArn: new(s.IAM.Execution.Get()), TaskRoleArn: new(s.IAM.Task.Get()),
		RuntimePlatform: &types.RuntimePlatform{CpuArchitecture: types.CPUArchitecture(sv.Architecture), OperatingSystemFamily: types.OSFamilyLinux},
		Tags:            aws.Convert(s.wantedTags(), ecsTag),
	}
	if sv.EphemeralStorage != 0 {
		in.EphemeralStorage = &types.EphemeralStorage{SizeInGiB: sv.EphemeralStorage}
	}
	c := s.wantedContainer()
	if s.live != nil && !s.Options.Prune {
		carry(reflect.ValueOf(in).Elem(), reflect.ValueOf(aws.CloneTaskDefinition(s.live, nil)).Elem(), ownedTask)
		for _, other := range s.live.ContainerDefinitions {
			if val(other.Name) == s.family() {
				carry(reflect.ValueOf(&c).Elem(), reflect.ValueOf(other), ownedContainer)
			} else {
				in.ContainerDefinitions = append(in.ContainerDefinitions, other)
			}
		}
	}
	in.ContainerDefinitions = append([]types.ContainerDefinition{c}, in.ContainerDefinitions...)
	return in
}

func (s *TaskDef) wantedContainer() types.ContainerDefinition {
	sv := s.Manifest.Service
	c := types.ContainerDefinition{
		Name: new(s.family()), Image: new(s.Images.Ref.Get()), Essential: new(true), Command: sv.Command, HealthCheck: s.healthCheck(),
		StopTimeout:      &sv.StopTimeout,
		PortMappings:     []types.PortMapping{{ContainerPort: new(s.port()), HostPort: new(s.port()), Protocol: types.TransportProtocolTcp}},
		LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{}},
	}
	for k, v := range s.logOptions() {
		c.LogConfiguration.Options[k] = v.Get()
	}
	for _, k := range slices.Sorted(maps.Keys(s.environment())) {
		c.Environment = append(c.Environment, types.KeyValuePair{Name: &k, Value: new(s.environment()[k])})
	}
	for _, ref := range sv.Secrets {
		c.Secrets = append(c.Secrets, types.Secret{Name: &ref.Env, ValueFrom: new(s.valueFrom(ref.Env).Get())})
	}
	return c
}

// carry copies the members that the manifest does not decide.
func carry(to, from reflect.Value, owned []string) {
	for i := range to.NumField() {
		f := to.Type().Field(i)
		if f.IsExported() && !slices.Contains(owned, f.Name) {
			to.Field(i).Set(from.FieldByName(f.Name))
		}
	}
}

// unknown names what the live revision holds and the manifest does not decide.
func (s *TaskDef) unknown() (what []string) {
	name := func(v reflect.Value, owned []string, of string) {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() && !slices.Contains(owned, f.Name) && !empty(v.Field(i)) {
				what = append(what, of+" "+f.Name)
			}
		}
	}
	name(reflect.ValueOf(aws.CloneTaskDefinition(s.live, nil)).Elem(), ownedTask, "task definition's")
	for _, c := range s.live.ContainerDefinitions {
		if val(c.Name) == s.family() {
			name(reflect.ValueOf(c), ownedContainer, "container's")
		} else {
			what = append(what, "container "+val(c.Name))
		}
	}
	return what
}

// empty says whether a member holds nothing: AWS answers some lists that nobody has given.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Pointer:
		return v.IsNil() || v.Elem().Kind() == reflect.Bool && !v.Elem().Bool()
	}
	return v.IsZero()
}
