package release

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	image     = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v7"
	secretOne = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/database-url-AbCdEf"
	noTrouble = "ResourceInitializationError: unable to pull secrets or registry auth: "
)

var began = time.Date(2026, 11, 23, 19, 40, 0, 0, time.UTC)

// A stop is how a task stopped, in AWS's words.
type stop struct {
	code, reason, container string
	exit                    int32 // -1: it never started
	lived                   time.Duration
	log                     []string
	also                    []Ended // other containers
	unhealthy               string  // the container's own health check
	spot                    bool
}

// seen is the evidence of a deployment whose tasks stopped alike, behind a balancer that checks as `init` has it.
func seen(s stop, events ...string) *Evidence {
	e := &Evidence{
		Service: "app", Cluster: "app-cluster", TaskDefinition: "app:7", Image: image, Container: "app", Memory: "512", Disk: 20, Architecture: "X86_64", Grace: 60,
		ExecutionRole: "arn:aws:iam::123456789012:role/app-execution", Subnets: []string{"subnet-1", "subnet-2"},
		Deployment: DeploymentSeen{Status: "ROLLBACK_SUCCESSFUL", Reason: "Service deployment rolled back because the circuit breaker threshold was exceeded.", Failed: 3, Threshold: 3},
		Containers: []ContainerSeen{
			{Name: "app", Image: image, Essential: true, Port: 8080, LogGroup: "/ecs/app", Secrets: map[string]string{"DATABASE_URL": secretOne + ":url::"}, HealthCheck: []string{"CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"}},
			{Name: "agent", Image: "public.ecr.aws/x/agent:1", Essential: true},
			{Name: "init", Image: "public.ecr.aws/x/init:1"},
		},
		Checks: []CheckSeen{{TargetGroup: "app", Container: "app", Port: 8080, CheckPort: "traffic-port", Path: "/health", Matcher: "200", Interval: 10, Timeout: 5, Unhealthy: 3, Tasks: []string{"sg-tasks"}, Balancer: []string{"sg-alb"}}},
	}
	for _, text := range events {
		e.Events = append(e.Events, EventStatus{began.Add(time.Minute), text})
	}
	if s.code == "" && s.reason == "" {
		return e
	}
	for _, id := range []string{"cccccccc3", "bbbbbbbb2", "aaaaaaaa1"} {
		t := TaskSeen{ID: id, LastStatus: "STOPPED", StopCode: s.code, StoppedReason: s.reason, PrivateIP: "10.0.0." + id[8:], CreatedAt: &began}
		if s.spot {
			t.Capacity = "FARGATE_SPOT"
		}
		own := Ended{Name: "app", Reason: s.container, Health: s.unhealthy}
		if s.exit >= 0 {
			own.ExitCode = new(s.exit)
		}
		if s.lived > 0 {
			t.StartedAt, t.StoppedAt = new(began.Add(30*time.Second)), new(began.Add(30*time.Second+s.lived))
		}
		t.Containers = append([]Ended{own}, s.also...)
		e.Tasks = append(e.Tasks, t)
	}
	for i, line := range s.log { // a second apart, up to the task's end
		if i == 0 {
			e.Logs = []LogSeen{{Container: "app", Task: "cccccccc3", Stream: "ecs/app/cccccccc3"}}
		}
		at := began.Add(30*time.Second + s.lived - time.Duration(len(s.log)-i)*time.Second)
		e.Logs[0].Lines = append(e.Logs[0].Lines, LogLine{at, line})
	}
	return e
}

func failedToStart(reason string) stop {
	return stop{code: "TaskFailedToStart", reason: reason, exit: -1}
}

func exited(code int32, lived time.Duration, log ...string) stop {
	return stop{code: "EssentialContainerExited", reason: "Essential container in task exited", exit: code, lived: lived, log: log}
}

func unhealthyFor(lived time.Duration, log ...string) stop {
	return stop{code: "ServiceSchedulerInitiated", reason: "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/app/73e2d6bc24d8a067)", exit: 0, lived: lived, log: log}
}

func unhealthyEvent(reason string) string {
	return "(service app) (task cccccccc3) (port 8080) is unhealthy in (target-group arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/app/73e2d6bc24d8a067) due to (reason " + reason + ")"
}

func unhealthyInside(s stop) stop {
	s.code, s.reason, s.unhealthy = "ServiceSchedulerInitiated", "Task failed container health checks", "UNHEALTHY"
	return s
}

// What AWS says, in the wordings that its documents and its users have, and what it means.
func TestJudge(t *testing.T) {
	t.Parallel()
	const dial = ` operation error: Post "https://secretsmanager.us-east-1.amazonaws.com/": dial tcp 52.46.1.1:443: i/o timeout`
	denied := func(action, on string) string {
		return "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/app-execution/1a2b3c is not authorized to perform: " + action + " on resource: " + on + " because no identity-based policy allows the " + action + " action"
	}
	blocked := seen(unhealthyFor(2*time.Minute), unhealthyEvent("Request timed out"))
	blocked.Checks[0].Blocked = true
	alarm := seen(exited(1, time.Second))
	alarm.Deployment.Reason, alarm.Deployment.Alarms = "Service deployment rolled back because an alarm was triggered.", []string{"app-5xx"}
	byUser := seen(exited(1, time.Second))
	byUser.Deployment.Reason = "Service deployment rolled back because the user requested it."
	stopped := seen(stop{})
	stopped.Deployment.Reason = "Service deployment was stopped by the user."
	target := seen(unhealthyFor(2 * time.Minute))
	for _, ip := range []string{"10.0.0.3", "10.0.0.2", "10.0.0.1"} {
		target.Targets = append(target.Targets, TargetSeen{ID: ip, Port: 8080, Reason: "Target.FailedHealthChecks", Description: "Health checks failed"})
	}
	healthy := seen(exited(1, 20*time.Second))
	healthy.Tasks[1].HealthyAt = &began

	for _, c := range []struct {
		code string
		e    *Evidence
		says string // in the summary
		hint string // in the hint
	}{
		{"CannotPullContainer", seen(failedToStart("CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref " + image + ": " + image + ": not found")), image + " is not in its registry", "--repository-name app "},
		{"CannotPullContainer", seen(failedToStart("CannotPullContainerError: API error (404): repository 123456789012.dkr.ecr.us-east-1.amazonaws.com/other/app not found")), "us-east-1.amazonaws.com/other/app is not", "--repository-name other/app"},
		{"CannotPullContainer", seen(failedToStart("CannotPullContainerError: Error response from daemon: manifest for nginx:9 not found: manifest unknown: manifest unknown")), image, "fargatectl deploy --image"},
		{"CannotPullContainer", seen(failedToStart("CannotPullContainerError: The task can’t pull the image. Check whether the image exists.")), "is not in its registry", ""},
		{"RegistryDenied", seen(failedToStart("CannotPullContainerError: pull image manifest has been retried 1 time(s): " + denied("ecr:BatchGetImage", "arn:aws:ecr:us-east-1:123456789012:repository/app"))), "execution role app-execution may not ecr:BatchGetImage", "allow ecr:BatchGetImage"},
		{"RegistryDenied", seen(failedToStart(noTrouble + "execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): " + denied("ecr:GetAuthorizationToken", "*"))), "may not ecr:GetAuthorizationToken", "allow ecr:GetAuthorizationToken"},
		{"RegistryDenied", seen(failedToStart("CannotPullContainerError: ref pull has been retried 5 time(s): failed to copy: httpReadSeeker: failed open: unexpected status code https://123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/app/blobs/sha256:1: 403 Forbidden")), "refuses the pull", "ecr:BatchGetImage"},
		{"RegistryDenied", seen(failedToStart("CannotPullContainerError: inspect image has been retried 5 time(s): failed to resolve ref \"docker.io/library/nginx:1\": toomanyrequests: You have reached your pull rate limit.")), "docker.io/library/nginx:1", "copy the image to ECR"},
		{"NoRouteToRegistry", seen(failedToStart(noTrouble + "The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. RequestError: send request failed caused by: Post \"https://api.ecr.us-east-1.amazonaws.com/\": dial tcp 1.2.3.4:443: i/o timeout")), "can't reach the registry", "nat: single"},
		{"NoRouteToRegistry", seen(failedToStart("CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref docker.io/library/nginx:1: failed to do request: Head \"https://registry-1.docker.io/v2/library/nginx/manifests/1\": dial tcp 34.205.13.154:443: i/o timeout")), "docker.io/library/nginx:1", "assign_public_ip"},
		{"NoRouteToRegistry", seen(failedToStart("CannotPullContainerError: API error (500): Get https://111122223333.dkr.ecr.us-east-1.amazonaws.com/v2/: net/http: request canceled while waiting for connection")), "can't reach", "endpoints"},
		{"NoRouteToRegistry", seen(failedToStart("CannotPullContainerError: The task cannot pull " + image + " from the registry. There is a connection issue between the task and the registry. Check your task network configuration.")), image, ""},
		{"PlatformMismatch", seen(failedToStart("CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'")), "not built for linux/amd64", "--platform linux/amd64"},
		{"PlatformMismatch", seen(failedToStart("CannotPullContainerError: ref pull has been retried 1 time(s): no match for platform in manifest: not found")), "X86_64", "architecture"},
		{"ExecFormatError", seen(exited(1, time.Second, "exec /usr/local/bin/app: exec format error")), "not for the task's processor, X86_64", "linux/amd64"},
		{"ExecFormatError", seen(exited(255, time.Second, "standard_init_linux.go:228: exec user process caused: exec format error")), image, "docker build"},
		{"CommandNotFound", seen(stop{code: "TaskFailedToStart", reason: "Task failed to start", exit: -1, container: `CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "serve": executable file not found in $PATH: unknown`}), "serve is not in the image", "ENTRYPOINT"},
		{"CommandNotFound", seen(stop{code: "TaskFailedToStart", reason: "Task failed to start", exit: -1, container: `CannotStartContainerError: Error response from daemon: OCI runtime create failed: container_linux.go:370: starting container process caused: exec: "/app/run.sh": stat /app/run.sh: no such file or directory: unknown`}), "/app/run.sh", "CMD"},
		{"CommandNotFound", seen(stop{code: "TaskFailedToStart", reason: "Task failed to start", exit: -1, container: `CannotStartContainerError: exec: "/app": permission denied: unknown`}), "can't run /app", "chmod"},
		{"CommandNotFound", seen(exited(127, time.Second, "/bin/sh: gunicorn: not found")), "not in the image", "command"},
		{"UserNotFound", seen(failedToStart("CannotStartContainerError: ResourceInitializationError: unable to create new container: mount callback failed: unable to find user appuser: no matching entries in passwd file")), "user appuser is not", "USER"},
		{"OutOfMemory", seen(stop{code: "EssentialContainerExited", reason: "OutOfMemoryError: Container killed due to memory usage", exit: 137, lived: time.Minute}), "container app used more memory than it has (512 MiB) and was killed (exit code 137)", "memory in the manifest (512 MiB now)"},
		{"OutOfMemory", seen(stop{code: "EssentialContainerExited", reason: "Essential container in task exited", container: "OutOfMemoryError: Container killed due to memory usage", exit: 137, lived: time.Minute}), "512 MiB", ""},
		{"OutOfMemory", seen(exited(137, time.Minute)), "512 MiB", ""},
		{"OutOfMemory", seen(exited(134, time.Minute, "<--- Last few GCs --->", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory")), "ran out of memory", "raise memory"},
		{"DiskFull", seen(failedToStart("CannotPullContainerError: ref pull has been retried 1 time(s): failed to extract layer sha256:1: write /var/lib/containerd/x: no space left on device: unknown")), "disk of the task is full (20 GiB)", "ephemeral_storage"},
		{"DiskFull", seen(exited(1, time.Minute, "write /data/cache: no space left on device")), "20 GiB", "21 to 200"},
		{"DiskFull", seen(exited(1, time.Minute, "Error: ENOSPC: no space left on device, write")), "", ""},
		{"ExitAtStart", seen(exited(3, 2*time.Second, "starting", "no database: connection refused", "")), "container app ended with exit code 3 after 2s: no database", "fargatectl logs tail"},
		{"ExitAtStart", seen(exited(1, 0)), "container app ended with exit code 1", ""},
		{"ExitZero", seen(exited(0, 3*time.Second, "done")), "exit code 0 after 3s", "foreground"},
		{"Crashed", seen(exited(139, time.Second)), "SIGSEGV, a segmentation fault", "docker run " + image},
		{"Crashed", seen(exited(134, time.Second)), "SIGABRT", ""},
		{"Crashed", seen(exited(132, time.Second)), "SIGILL", "linux/amd64"},
		{"Crashed", seen(exited(136, time.Second)), "SIGFPE", ""},
		{"ExitLater", seen(exited(1, 10*time.Minute, "lost the database")), "served, and ended with exit code 1 after 10m0s: lost the database", ""},
		{"ExitLater", healthy, "served", ""},
		{"SidecarExited", seen(stop{code: "EssentialContainerExited", reason: "Essential container in task exited", exit: 143, lived: time.Second, also: []Ended{{Name: "agent", ExitCode: new(int32(2))}, {Name: "init", ExitCode: new(int32(1))}}}), "the sidecar agent ended (exit code 2)", "essential"},
		{"SidecarExited", seen(stop{code: "EssentialContainerExited", reason: "Essential container in task exited", exit: 0, lived: time.Second, also: []Ended{{Name: "agent", ExitCode: new(int32(1))}}}), "agent", ""},
		{"HealthCheckPath", seen(unhealthyFor(time.Minute), unhealthyEvent("Health checks failed with these codes: [404]")), "gets 404: container app has no /health on port 8080", "health_check"},
		{"HealthCheckStatus", seen(unhealthyFor(time.Minute), unhealthyEvent("Health checks failed with these codes: [500]")), "/health on port 8080 gets 500, and wants 200", "read the log"},
		{"HealthCheckStatus", seen(unhealthyFor(time.Minute), unhealthyEvent("Health checks failed with these codes: [401]")), "gets 401", "without a login"},
		{"HealthCheckStatus", seen(unhealthyFor(time.Minute), unhealthyEvent("Health checks failed with these codes: [301]")), "gets 301", "redirect"},
		{"HealthCheckStatus", seen(unhealthyFor(time.Minute), "service app (port 8080) is unhealthy in (target-group arn:x) due to (reason Health checks failed with these codes: [503])."), "gets 503", ""},
		{"HealthCheckTimeout", seen(unhealthyFor(time.Minute), unhealthyEvent("Request timed out")), "does not answer the balancer's health check of /health on port 8080 within 5s", "timeout"},
		{"PortMismatch", seen(unhealthyFor(40*time.Second, "Server listening on http://0.0.0.0:3000"), unhealthyEvent("Health checks failed")), "listens on 3000", "container_port in the manifest to 3000"},
		{"PortMismatch", target, "nothing answers on port 8080", "0.0.0.0"},
		{"PortMismatch", seen(unhealthyFor(40*time.Second, "listening on 127.0.0.1:8080"), unhealthyEvent("Health checks failed")), "nothing answers", "127.0.0.1"},
		{"SecurityGroupBlocks", blocked, "security group (sg-tasks) does not let the balancer (sg-alb) in on port 8080", "--group-id sg-tasks --protocol tcp --port 8080 --source-group sg-alb"},
		{"SlowStart", seen(unhealthyFor(70*time.Second, "loading the model", "listening on :8080"), unhealthyEvent("Health checks failed")), "ready only 1m9s after its start, and the grace period is 60s", "health_check_grace_period"},
		{"SlowStart", seen(unhealthyFor(61*time.Second, "still starting: warming the cache"), unhealthyEvent("Request timed out")), "still starting", "(60 s now)"},
		{"ContainerHealthCheck", seen(unhealthyInside(stop{exit: 143, lived: time.Minute, log: []string{"ready"}})), "curl -f http://localhost:8080/health", "start_period"},
		{"HealthCheckToolMissing", seen(unhealthyInside(stop{exit: 143, lived: time.Minute, log: []string{"/bin/sh: curl: not found"}})), "runs curl, which is not in the image " + image, "install curl"},
		{"HealthCheckToolMissing", seen(unhealthyInside(stop{exit: 143, lived: time.Minute, log: []string{"sh: 1: curl: not found"}})), "curl", ""},
		{"HealthCheckToolMissing", seen(unhealthyInside(stop{exit: 143, lived: time.Minute, container: `OCI runtime exec failed: exec failed: unable to start container process: exec: "curl": executable file not found in $PATH: unknown`})), "curl", ""},
		{"SecretMissing", seen(failedToStart(noTrouble + "execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret " + secretOne + " from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.")), "the secret app/database-url (variable DATABASE_URL) does not exist", "fargatectl secrets set"},
		{"SecretMissing", seen(failedToStart(noTrouble + "unable to retrieve secret from asm: failed to fetch secret " + secretOne + " from secrets manager: ResourceNotFoundException: Secrets Manager can’t find the specified secret value for staging label: AWSCURRENT")), "has no value yet", "secrets set"},
		{"SecretMissing", seen(failedToStart(noTrouble + "execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters: /app/key")), "/app/key", ""},
		{"SecretDenied", seen(failedToStart(noTrouble + "execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret " + secretOne + " from secrets manager: " + denied("secretsmanager:GetSecretValue", secretOne))), "the execution role app-execution may not secretsmanager:GetSecretValue, so the secret app/database-url (variable DATABASE_URL) can't be read", "fargatectl up"},
		{"SecretDenied", seen(failedToStart(noTrouble + "unable to retrieve secret from asm: failed to fetch secret " + secretOne + " from secrets manager: AccessDeniedException: Access to KMS is not allowed: not authorized to perform: kms:Decrypt")), "kms:Decrypt", "key's policy"},
		{"SecretDenied", seen(failedToStart(noTrouble + "execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): " + denied("ssm:GetParameters", "arn:aws:ssm:us-east-1:123456789012:parameter/app/key"))), "ssm:GetParameters, so the secret /app/key", ""},
		{"SecretKeyMissing", seen(failedToStart(noTrouble + "execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): retrieved secret from Secrets Manager did not contain json key url")), "the secret app/database-url (variable DATABASE_URL) has no JSON key url", "secrets set"},
		{"NoRouteToSecrets", seen(failedToStart(noTrouble + "unable to retrieve secret from asm: There is a connection issue between the task and AWS Secrets Manager. Check your task network configuration. failed to fetch secret " + secretOne + " from secrets manager: operation error Secrets Manager: GetSecretValue, https response error StatusCode: 0, RequestID: , canceled, context deadline exceeded")), "can't reach Secrets Manager for the secret app/database-url", "secretsmanager"},
		{"NoRouteToSecrets", seen(failedToStart(noTrouble + "execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 5 time(s):" + dial)), "Secrets Manager", "nat: single"},
		{"NoRouteToSecrets", seen(failedToStart(noTrouble + "execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 5 time(s): RequestCanceled: request context canceled caused by: context deadline exceeded. Please check your task network configuration.")), "Systems Manager", "ssm"},
		{"LogGroupMissing", seen(failedToStart("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1")), "the log group /ecs/app does not exist", "fargatectl up"},
		{"LogGroupMissing", seen(failedToStart("ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group defined in the task definition. There is a connection issue between the task and Amazon CloudWatch. Check your network configuration.")), "can't find the log group /ecs/app", "logs"},
		{"LogGroupMissing", seen(failedToStart("CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.")), "/ecs/app", ""},
		{"LogsDenied", seen(failedToStart("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: " + denied("logs:CreateLogStream", "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/app:log-stream:ecs/app/1") + " : exit status 1")), "app-execution may not logs:CreateLogStream", "allow logs:CreateLogStream"},
		{"RoleNotAssumable", seen(stop{}, "(service app) failed to launch a task with (error ECS was unable to assume the role 'arn:aws:iam::123456789012:role/app-task' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.)."), "can't assume the role app-task", "ecs-tasks.amazonaws.com"},
		{"NoCapacity", seen(stop{}, "(service app) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."), "no Fargate capacity at this time", "more zones"},
		{"NoCapacity", seen(stop{code: "TaskFailedToStart", reason: "Capacity is unavailable at this time. Please try again later or in a different availability zone", exit: -1, spot: true}), "Fargate Spot capacity", "weight"},
		{"VCPULimit", seen(stop{}, "(service app) was unable to place a task. Reason: You’ve reached the limit on the number of vCPUs you can run concurrently."), "as its quota allows", "L-3032A538"},
		{"VCPULimit", seen(stop{}, "(service app) was unable to place a task. Reason: You've reached the limit on the number of tasks you can run concurrently."), "", "service-quotas"},
		{"SubnetFull", seen(failedToStart("Unexpected EC2 error while attempting to Create Network Interface with public IP assignment disabled in subnet 'subnet-0abc': InsufficientFreeAddressesInSubnet")), "subnet subnet-0abc has no free address", "private_subnets"},
		{"SubnetFull", seen(stop{}, "(service app) was unable to place a task. Reason: insufficient free addresses in subnet subnet-0abc."), "subnet-0abc", ""},
		{"NetworkTimeout", seen(failedToStart("Timeout waiting for network interface provisioning to complete.")), "not ready in time", "deploy again"},
		{"NetworkTimeout", seen(failedToStart("ResourceInitializationError: failed to configure ENI: timed out: network interface provisioning")), "", ""},
		{"SpotInterruption", seen(stop{code: "SpotInterruption", reason: "Your Spot Task was interrupted.", exit: 143, lived: time.Minute, spot: true}), "Spot capacity", "capacity_providers"},
		{"AlarmTriggered", alarm, "the alarm app-5xx went off", "--alarm-names app-5xx"},
		{"StoppedByUser", byUser, "somebody stopped", "CloudTrail"},
		{"StoppedByUser", stopped, "somebody stopped", ""},
		{"InternalError", seen(failedToStart("InternalError: unable to create container")), "AWS's side", "deploy again"},
		{"InternalError", seen(stop{}, "(service app) was unable to place a task. Reason: Internal error."), "AWS's side", ""},
		{Unknown, seen(failedToStart("something that nobody has seen")), "something that nobody has seen", "fargatectl status"},
		{Unknown, seen(stop{}, "(service app) has started 2 tasks: (task a) (task b)."), "circuit breaker", ""},
		{Unknown, seen(unhealthyFor(time.Minute)), "Task failed ELB health checks", ""},
	} {
		got := Judge(c.e)
		if got.Code != c.code || !strings.Contains(got.Summary, c.says) || !strings.Contains(got.Hint, c.hint) || got.Summary == "" || got.Hint == "" {
			t.Errorf("want %s %q %q\n got %s: %s\n     hint: %s\n     of %+v %v", c.code, c.says, c.hint, got.Code, got.Summary, got.Hint, c.e.Tasks, c.e.Events)
		}
		if strings.ContainsAny(got.Summary+got.Hint, "\n") || strings.Contains(got.Summary+got.Hint, "%!") {
			t.Errorf("%s: %q %q", c.code, got.Summary, got.Hint)
		}
		if len(got.Evidence) == 0 || !strings.HasPrefix(got.Evidence[0], "deployment: ") {
			t.Errorf("%s: evidence %q", c.code, got.Evidence)
		}
		covered[c.code] = true
		c.e.Foreign = true // of a service that has no manifest nothing is said that is about one
		foreign := Judge(c.e)
		for _, ours := range []string{"manifest", "aws_", "fargatectl up", "secrets set", "nat:"} {
			if foreign.Code != c.code || strings.Contains(foreign.Hint, ours) {
				t.Errorf("%s of somebody else's service: %s", foreign.Code, foreign.Hint)
			}
		}
	}
	for _, c := range All() {
		if !covered[c.Code] {
			t.Errorf("%s has no case", c.Code)
		}
	}
}

var covered = map[string]bool{}

// Every cause has a code of its own, and is explained.
func TestCauses(t *testing.T) {
	t.Parallel()
	var codes []string
	for _, c := range All() {
		if slices.Contains(codes, c.Code) || c.Meaning == "" || c.Remedy == "" || c.find == nil {
			t.Errorf("%+v", c)
		}
		codes = append(codes, c.Code)
	}
	if len(codes) < 25 {
		t.Error(len(codes))
	}
}

// The cause of the most tasks wins; a task whose log was not read is like one that stopped like it.
func TestVotes(t *testing.T) {
	t.Parallel()
	e := seen(exited(1, time.Second, "exec /app: exec format error")) // the log of one of three
	if got := Judge(e); got.Code != "ExecFormatError" || !strings.Contains(strings.Join(got.Evidence, "\n"), "2 more like it") {
		t.Errorf("%+v", got)
	}
	e.Tasks = append(e.Tasks, seen(stop{code: "SpotInterruption", reason: "Your Spot Task was interrupted.", exit: 143}).Tasks[0])
	if got := Judge(e); got.Code != "ExecFormatError" {
		t.Errorf("%+v", got)
	}
	e = seen(exited(1, time.Second))
	e.Tasks = append(e.Tasks[:1], seen(exited(139, time.Second)).Tasks[0])
	if got := Judge(e); got.Code != "Crashed" {
		t.Errorf("of as many the more specific: %+v", got)
	}
	e.Tasks = append(e.Tasks, TaskSeen{ID: "x", StopCode: "ServiceSchedulerInitiated", StoppedReason: "Scaling activity initiated by (deployment ecs-svc/1)"})
	if got := e.failed(); len(got) != 2 {
		t.Errorf("what is scaled in has not failed: %+v", got)
	}
}
