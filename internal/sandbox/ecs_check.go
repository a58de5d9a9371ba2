package sandbox

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// fargateSizes lists, by CPU units, the first and last memory in MiB and the step between (developer guide, "Task CPU
// and memory"). 256 and 32768 units have sizes of their own.
var fargateSizes = map[int][3]int{
	512: {1024, 4096, 1024}, 1024: {2048, 8192, 1024}, 2048: {4096, 16384, 1024}, 4096: {8192, 30720, 1024},
	8192: {16384, 61440, 4096}, 16384: {32768, 122880, 8192},
}

func legalSize(cpu, memory int) bool {
	switch cpu {
	case 256:
		return slices.Contains([]int{512, 1024, 2048}, memory)
	case 32768:
		return slices.Contains([]int{61440, 122880, 249856}, memory)
	}
	r, ok := fargateSizes[cpu]
	return ok && memory >= r[0] && memory <= r[1] && memory%r[2] == 0
}

var (
	roleARN  = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)
	ecrImage = regexp.MustCompile(`^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/`)
)

func clientError(format string, args ...any) error { return fail("ClientException", format, args...) }

// checkDefinition holds what RegisterTaskDefinition holds of a task for Fargate.
func checkDefinition(in *ecs.RegisterTaskDefinitionInput) error {
	switch {
	case !ecsName.MatchString(val(in.Family)):
		return clientError("Family contains invalid characters.")
	case len(in.ContainerDefinitions) == 0:
		return clientError("Container list cannot be empty.")
	case len(in.ContainerDefinitions) > 10:
		return clientError("Task definition can have a maximum of 10 containers.")
	}
	for _, role := range []*string{in.TaskRoleArn, in.ExecutionRoleArn} {
		if role != nil && !roleARN.MatchString(*role) {
			return clientError("Role is not valid.")
		}
	}
	if slices.Contains(in.RequiresCompatibilities, types.CompatibilityFargate) {
		if err := checkFargate(in); err != nil {
			return err
		}
	}
	names, essential := map[string]bool{}, false
	for i := range in.ContainerDefinitions {
		c := &in.ContainerDefinitions[i]
		if names[val(c.Name)] {
			return clientError("Container name '%s' already exists in the task definition.", val(c.Name))
		}
		names[val(c.Name)] = true
		essential = essential || or(c.Essential, true)
		if err := checkContainer(in, c); err != nil {
			return err
		}
	}
	if !essential {
		return clientError("Task definition must have at least one essential container.")
	}
	if err := checkECSTags(in.Tags); err != nil {
		return err
	}
	return nil
}

func checkFargate(in *ecs.RegisterTaskDefinitionInput) error {
	if in.NetworkMode != types.NetworkModeAwsvpc {
		return clientError("Fargate only supports network mode ‘awsvpc’.")
	}
	if in.Cpu == nil {
		return clientError("Fargate requires that 'cpu' be defined at the task level.")
	}
	if in.Memory == nil {
		return clientError("Fargate requires that 'memory' be defined at the task level.")
	}
	cpu, cpuErr := strconv.Atoi(*units(in.Cpu, "vcpu"))
	memory, memoryErr := strconv.Atoi(*units(in.Memory, "gb"))
	switch {
	case cpuErr != nil:
		return clientError("Invalid 'cpu' setting for task.")
	case memoryErr != nil:
		return clientError("Invalid 'memory' setting for task.")
	case !legalSize(cpu, memory):
		return clientError("No Fargate configuration exists for given values.")
	}
	if e := in.EphemeralStorage; e != nil && (e.SizeInGiB < 21 || e.SizeInGiB > 200) {
		return clientError("Ephemeral storage size must be between 21 GiB and 200 GiB.")
	}
	if p := in.RuntimePlatform; p != nil && p.CpuArchitecture != "" && !slices.Contains([]types.CPUArchitecture{types.CPUArchitectureX8664, types.CPUArchitectureArm64}, p.CpuArchitecture) {
		return clientError("Invalid cpuArchitecture '%s'.", p.CpuArchitecture)
	}
	total := int32(0)
	for _, c := range in.ContainerDefinitions {
		total += max(val(c.Memory), val(c.MemoryReservation))
	}
	if int(total) > memory {
		return clientError("The sum of the containers' memory is greater than the task's memory.")
	}
	return nil
}

func checkContainer(in *ecs.RegisterTaskDefinitionInput, c *types.ContainerDefinition) error {
	fargate := slices.Contains(in.RequiresCompatibilities, types.CompatibilityFargate)
	switch {
	case !ecsName.MatchString(val(c.Name)):
		return clientError("Container.name contains invalid characters.")
	case val(c.Image) == "" || strings.ContainsAny(*c.Image, " \t\n"):
		return clientError("Container.image contains invalid characters.")
	case fargate && in.ExecutionRoleArn == nil && ecrImage.MatchString(*c.Image):
		return clientError("Fargate requires task definition to have execution role ARN to support ECR images.")
	case fargate && in.ExecutionRoleArn == nil && c.LogConfiguration != nil && c.LogConfiguration.LogDriver == types.LogDriverAwslogs:
		return clientError("Fargate requires task definition to have execution role ARN to support log driver awslogs.")
	case in.ExecutionRoleArn == nil && len(c.Secrets) > 0:
		return clientError("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")
	case fargate && val(c.Privileged):
		return clientError("Fargate does not support 'privileged' containers.")
	case fargate && (or(c.StopTimeout, 2) < 2 || val(c.StopTimeout) > 120):
		return clientError("The stopTimeout must be between 2 and 120 seconds on Fargate.")
	}
	for _, p := range c.PortMappings {
		if port := val(p.ContainerPort); port < 1 || port > 65535 {
			return clientError("Invalid container port '%d'.", port)
		}
		if in.NetworkMode == types.NetworkModeAwsvpc && val(p.HostPort) != 0 && *p.HostPort != *p.ContainerPort {
			return clientError("When networkMode=awsvpc, the host ports and container ports in port mappings must match.")
		}
	}
	if err := checkVariables(c); err != nil {
		return err
	}
	if err := checkLogs(c.LogConfiguration, fargate); err != nil {
		return err
	}
	return checkHealth(c.HealthCheck)
}

func checkVariables(c *types.ContainerDefinition) error {
	seen := map[string]bool{}
	for _, e := range c.Environment {
		seen[val(e.Name)] = true
	}
	for _, e := range c.Secrets {
		if seen[val(e.Name)] {
			return clientError("The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '%s'.", val(e.Name))
		}
		seen[val(e.Name)] = true
		if val(e.ValueFrom) == "" {
			return clientError("Secret valueFrom must not be empty.")
		}
	}
	return nil
}

func checkLogs(l *types.LogConfiguration, fargate bool) error {
	if l == nil {
		return nil
	}
	if fargate && !slices.Contains([]types.LogDriver{types.LogDriverAwslogs, types.LogDriverSplunk, types.LogDriverAwsfirelens}, l.LogDriver) {
		return clientError("Fargate does not support log driver '%s'.", l.LogDriver)
	}
	if l.LogDriver != types.LogDriverAwslogs {
		return nil
	}
	for _, o := range []string{"awslogs-group", "awslogs-region", "awslogs-stream-prefix"} {
		if l.Options[o] == "" {
			return clientError("Log driver awslogs requires options: %s", o)
		}
	}
	if m := l.Options["mode"]; m != "" && m != "blocking" && m != "non-blocking" {
		return clientError("Log driver awslogs: invalid mode '%s'", m)
	}
	return nil
}

// checkHealth holds the ranges in the documentation of types.HealthCheck.
func checkHealth(h *types.HealthCheck) error {
	if h == nil {
		return nil
	}
	in := func(v *int32, from, to int32) bool { return v == nil || *v >= from && *v <= to }
	if len(h.Command) == 0 || !slices.Contains([]string{"CMD", "CMD-SHELL", "NONE"}, h.Command[0]) {
		return clientError("Health check command must start with CMD, CMD-SHELL or NONE.")
	}
	if !in(h.Interval, 5, 300) || !in(h.Timeout, 2, 60) || !in(h.Retries, 1, 10) || !in(h.StartPeriod, 0, 300) {
		return clientError("Health check values are out of range: interval 5-300, timeout 2-60, retries 1-10, startPeriod 0-300.")
	}
	return nil
}
