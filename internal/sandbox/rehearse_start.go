package sandbox

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// What keeps tasks from starting. The words are those of AWS's documents (developer guide, "Amazon ECS service event
// messages" and "Amazon ECS stopped tasks error messages") and of tasks that failed so in public.

// unplaced are causes for which there is no task at all: the scheduler says in an event what it lacks.
var unplaced = []Cause{
	{Code: "RoleNotAssumable", Description: "ECS can't assume the execution role, and starts no task.", place: func(s *scene) string {
		return fmt.Sprintf("failed to launch a task with (error ECS was unable to assume the role '%s' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.).",
			or(s.d.ExecutionRoleArn, s.s.arn("iam", "", "role/ecsTaskExecutionRole")))
	}},
	{Code: "NoCapacity", Description: "Fargate has no room in the zones of the subnets, and starts no task.", place: func(*scene) string {
		return "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone."
	}},
	{Code: "VCPULimit", Description: "The account has reached its number of vCPUs on Fargate: no task starts.", place: func(*scene) string {
		// With AWS's own apostrophe.
		return "was unable to place a task. Reason: You’ve reached the limit on the number of vCPUs you can run concurrently."
	}},
}

// unstarted are causes for which a task stops before its containers run.
var unstarted = []Cause{
	{Code: "SubnetFull", Description: "The subnets have no free address for a task's network interface.", fail: func(s *scene) Failure {
		return before(stageNetwork, 0, "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment %s in subnet '%s': InsufficientFreeAddressesInSubnet",
			map[bool]string{true: "enabled", false: "disabled"}[s.t.Network.AssignPublicIp == types.AssignPublicIpEnabled], s.t.Subnet)
	}},
	{Code: "NetworkTimeout", Description: "A task's network interface is not there in time.", fail: func(*scene) Failure {
		return before(stageNetwork, connectTimeout, "Timeout waiting for network interface provisioning to complete.")
	}},
	{Code: "InternalError", Description: "AWS fails on its own side; it goes better the next time.", fail: func(*scene) Failure {
		return before(stageInit, 0, "InternalError: unable to start the task due to an internal error")
	}},
	{Code: "SecretMissing", Description: "A secret of the task is not there.", fail: func(s *scene) Failure {
		return before(stageInit, 0, noSecret+"failed to fetch secret %s from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.", s.secret())
	}},
	{Code: "SecretDenied", Description: "The execution role may not read a secret of the task.", fail: func(s *scene) Failure {
		return before(stageInit, 0, noSecret+"failed to fetch secret %s from secrets manager: %s", s.secret(), s.denied("secretsmanager:GetSecretValue", s.secret()))
	}},
	{Code: "SecretKeyMissing", Description: "A secret of the task lacks the key that is asked for.", fail: func(*scene) Failure {
		return before(stageInit, 0, noSecret+"retrieved secret from Secrets Manager did not contain json key DATABASE_URL")
	}},
	{Code: "NoRouteToSecrets", Description: "A task does not reach Secrets Manager from its subnet.", fail: func(s *scene) Failure {
		return before(stageInit, connectTimeout, "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: There is a connection issue between the task and AWS Secrets Manager. Check your task network configuration. failed to fetch secret %s from secrets manager: operation error Secrets Manager: GetSecretValue, https response error StatusCode: 0, RequestID: , canceled, context deadline exceeded", s.secret())
	}},
	{Code: "LogGroupMissing", Description: "The log group of a container is not there.", fail: func(*scene) Failure {
		return before(stageInit, 0, noLog+"ResourceNotFoundException: The specified log group does not exist. : exit status 1")
	}},
	{Code: "LogsDenied", Description: "The execution role may not write to the log group.", fail: func(s *scene) Failure {
		return before(stageInit, 0, noLog+"%s : exit status 1", s.denied("logs:CreateLogStream", s.s.arn("logs", s.r.Name, "log-group:"+s.group()+":log-stream:")))
	}},
	{Code: "RegistryDenied", Description: "The execution role may not pull from the registry.", fail: func(s *scene) Failure {
		return before(stageInit, 0, "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): %s status code: 400, request id: %s",
			s.denied("ecr:GetAuthorizationToken", "*"), s.s.uuid())
	}},
	{Code: "NoRouteToRegistry", Description: "A task does not reach the registry from its subnet.", fail: func(s *scene) Failure {
		return before(stageInit, connectTimeout, "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. operation error ECR: GetAuthorizationToken, exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, Post \"https://api.ecr.%s.amazonaws.com/\": dial tcp 52.46.0.1:443: i/o timeout", s.r.Name)
	}},
	{Code: "CannotPullContainer", Description: "The image is not in the registry.", fail: func(s *scene) Failure {
		return s.unpulled("pull image manifest has been retried 1 time(s): failed to resolve ref %s: %[1]s: not found", s.image())
	}},
	{Code: "PlatformMismatch", Description: "The registry has the image, but not for the task's platform.", fail: func(s *scene) Failure {
		return s.unpulled("pull image manifest has been retried 7 time(s): image Manifest does not contain descriptor matching platform '%s'", s.platform())
	}},
	{Code: "DiskFull", Description: "The image is larger than the task's disk.", fail: func(s *scene) Failure {
		return s.unpulled("ref pull has been retried 1 time(s): failed to extract layer sha256:%s: write /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/12/fs/app: no space left on device: unknown", s.s.hex(32)+s.s.hex(32))
	}},
	{Code: "CommandNotFound", Description: "The image lacks the program that its command names.", fail: func(s *scene) Failure {
		return s.uncreated(`CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "serve": executable file not found in $PATH: unknown`)
	}},
	{Code: "UserNotFound", Description: "The image lacks the user that the container is to run as.", fail: func(s *scene) Failure {
		return s.uncreated("CannotStartContainerError: ResourceInitializationError: unable to create new container: unable to find user app: no matching entries in passwd file")
	}},
}

const (
	noSecret = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): "
	noLog    = "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: "
)

// before is a task that fails on its way to its containers, at a stage that takes this long.
func before(at stage, takes time.Duration, format string, args ...any) Failure {
	return Failure{Stage: at, After: takes, StopCode: types.TaskStopCodeTaskFailedToStart, StoppedReason: fmt.Sprintf(format, args...)}
}

// unpulled is a task whose image can't be had: the container says so, too.
func (s *scene) unpulled(format string, args ...any) Failure {
	f := before(stagePull, imagePull, "CannotPullContainerError: "+format, args...)
	f.Container, f.ContainerReason = s.name(), f.StoppedReason
	return f
}

// uncreated is a task whose container the runtime refuses.
func (s *scene) uncreated(reason string) Failure {
	f := before(stageStart, 0, "%s", reason)
	f.Container, f.ContainerReason = s.name(), reason
	return f
}

// platform is the task's as a registry calls it.
func (s *scene) platform() string {
	if p := s.d.RuntimePlatform; p != nil && p.CpuArchitecture == types.CPUArchitectureArm64 {
		return "linux/arm64"
	}
	return "linux/amd64"
}
