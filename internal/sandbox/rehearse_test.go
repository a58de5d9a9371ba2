package sandbox

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// What AWS shows of a deployment that failed for a cause, each as a part of what is there; "" is not looked at.
type phenomena struct {
	stopCode types.TaskStopCode // of each stopped task of the deployment
	reason   string             // stoppedReason
	exit     int32              // of the container; -1: it has none
	why      string             // the container's reason
	event    string
	target   string // reason and description of a target at some time
	log      string // a line of the task's own stream
}

const (
	failedToStart = types.TaskStopCodeTaskFailedToStart
	exited        = types.TaskStopCodeEssentialContainerExited
	scheduler     = types.TaskStopCodeServiceSchedulerInitiated
	essential     = "Essential container in task exited"
)

// The wording is AWS's: developer guide, "Amazon ECS stopped tasks error messages", "Amazon ECS service event messages"
// and "Troubleshooting Amazon ECS TaskFailedToStart errors"; ELB API reference, TargetHealth.
var shown = map[string]phenomena{
	"RoleNotAssumable": {event: "(service web) failed to launch a task with (error ECS was unable to assume the role 'arn:aws:iam::123456789012:role/exec' that was provided for this task."},
	"NoCapacity":       {event: "(service web) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone."},
	"VCPULimit":        {event: "(service web) was unable to place a task. Reason: You’ve reached the limit on the number of vCPUs you can run concurrently."},
	"SubnetFull": {
		failedToStart, "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-", -1, "",
		"was unable to place a task. Reason: Unexpected EC2 error", "", "",
	},
	"NetworkTimeout": {
		failedToStart, "Timeout waiting for network interface provisioning to complete.", -1, "",
		"(service web) was unable to place a task. Reason: Timeout waiting for network interface provisioning to complete.", "", "",
	},
	"InternalError": {failedToStart, "InternalError: ", -1, "", "", "", ""},
	"SecretMissing": {
		failedToStart, "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:web/database-url-a1B2c3 from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.", -1, "",
		"was unable to place a task. Reason: ResourceInitializationError", "", "",
	},
	"SecretDenied":     {failedToStart, "is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:", -1, "", "", "", ""},
	"SecretKeyMissing": {failedToStart, "retrieved secret from Secrets Manager did not contain json key ", -1, "", "", "", ""},
	"NoRouteToSecrets": {failedToStart, "unable to retrieve secret from asm: There is a connection issue between the task and AWS Secrets Manager. Check your task network configuration.", -1, "", "", "", ""},
	"LogGroupMissing":  {failedToStart, "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.", -1, "", "", "", ""},
	"LogsDenied":       {failedToStart, "failed to create Cloudwatch log stream: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/exec/", -1, "", "", "", ""},
	"RegistryDenied":   {failedToStart, "is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action", -1, "", "", "", ""},
	"NoRouteToRegistry": {
		failedToStart, "The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration.", -1, "",
		"", "", "",
	},
	"CannotPullContainer": {
		failedToStart, "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref public.ecr.aws/nginx:1: public.ecr.aws/nginx:1: not found", -1,
		"CannotPullContainerError: ", "was unable to place a task. Reason: CannotPullContainerError: ", "", "",
	},
	"PlatformMismatch": {failedToStart, "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'", -1, "CannotPullContainerError: ", "", "", ""},
	"DiskFull":         {failedToStart, "no space left on device", -1, "CannotPullContainerError: ", "", "", ""},
	"CommandNotFound":  {failedToStart, "executable file not found in $PATH", -1, "CannotStartContainerError: ", "", "", ""},
	"UserNotFound":     {failedToStart, "unable to find user app: no matching entries in passwd file", -1, "CannotStartContainerError: ", "", "", ""},
	"ExecFormatError":  {exited, essential, 1, "", "", "", "exec /app: exec format error"},
	"ExitAtStart":      {exited, essential, 1, "", "", "", "fatal: "},
	"ExitZero":         {exited, essential, 0, "", "", "", "done"},
	"Crashed":          {exited, essential, 139, "", "", "", "SIGSEGV"},
	"OutOfMemory":      {exited, essential, 137, "OutOfMemoryError: Container killed due to memory usage", "", "", ""},
	"ExitLater":        {exited, essential, 1, "", "", "healthy", "fatal: "},
	"SidecarExited":    {exited, essential, 0, "", "", "", "listening on :8080"},
	"SpotInterruption": {types.TaskStopCodeSpotInterruption, "Your Spot Task was interrupted.", 143, "", "", "", ""},
	"HealthCheckPath": {
		scheduler, "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:", 0, "",
		") (port 8080) is unhealthy in (target-group arn:", "unhealthy Target.ResponseCodeMismatch Health checks failed with these codes: [404]", "404",
	},
	"HealthCheckStatus":      {scheduler, "Task failed ELB health checks", 0, "", "due to (reason Health checks failed with these codes: [500]).", "unhealthy Target.ResponseCodeMismatch Health checks failed with these codes: [500]", "500"},
	"HealthCheckTimeout":     {scheduler, "Task failed ELB health checks", 0, "", "due to (reason Request timed out).", "unhealthy Target.Timeout Request timed out", ""},
	"PortMismatch":           {scheduler, "Task failed ELB health checks", 0, "", "", "unhealthy Target.FailedHealthChecks Health checks failed", "listening on :3000"},
	"SecurityGroupBlocks":    {scheduler, "Task failed ELB health checks", 0, "", "", "unhealthy Target.Timeout Request timed out", ""},
	"SlowStart":              {scheduler, "Task failed ELB health checks", 0, "", "", "unhealthy Target.FailedHealthChecks Health checks failed", "warming up"},
	"ContainerHealthCheck":   {scheduler, "Task failed container health checks", 0, "", "failed container health checks.", "", "listening"},
	"HealthCheckToolMissing": {scheduler, "Task failed container health checks", 0, "", "", "", "/bin/sh: curl: not found"},
	"AlarmTriggered":         {event: "deployment failed: alarm detected."},
	"StoppedByUser":          {event: "rolling back to deployment ecs-svc/"},
}

// Each cause fails the deployment that it is armed for as AWS would; the tasks of the old release serve all the time,
// and the next deployment is well.
func TestRehearse(t *testing.T) {
	for _, c := range Faults() {
		t.Run(c.Code, func(t *testing.T) {
			want, ok := shown[c.Code]
			if !ok {
				t.Fatal("nothing is known of it")
			}
			inFleet(t, func(t *testing.T, f *fleet) {
				f.letIn()
				tune := func(in *ecs.CreateServiceInput) { in.HealthCheckGracePeriodSeconds = new(int32(60)) }
				must(f.ecs.CreateService(t.Context(), f.service(f.register(), tune)))(t)
				f.until(types.ServiceDeploymentStatusSuccessful)
				old := f.tasks(types.DesiredStatusRunning)
				if err := f.Arm(c.Code, ""); err != nil {
					t.Fatal(err)
				}
				two := f.register()
				must(f.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("c"), Service: new("web"), TaskDefinition: &two}))(t)
				targets, harm, took := f.observe(types.ServiceDeploymentStatusRollbackSuccessful)
				if took > 20*time.Minute {
					t.Errorf("took %s", took)
				}
				f.holds(want, two, targets)
				if (harm != "") != (c.Code == "SecurityGroupBlocks") {
					t.Errorf("harm: %s", harm)
				}
				for _, was := range old {
					if !slices.ContainsFunc(f.tasks(types.DesiredStatusRunning), func(is types.Task) bool { return *is.TaskArn == *was.TaskArn }) {
						t.Errorf("task %s of the old release is gone", *was.TaskArn)
					}
				}
				if arms, err := f.Armed(); len(arms) > 0 || err != nil {
					t.Error("still armed:", arms, err)
				}
				must(f.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("c"), Service: new("web"), TaskDefinition: &two}))(t)
				f.until(types.ServiceDeploymentStatusSuccessful)
				if harm := f.Harm(); len(harm) > 0 { // a rehearsal leaves nothing behind
					t.Errorf("afterwards: %q", harm)
				}
			})
		})
	}
	if len(shown) != len(Faults()) {
		t.Errorf("%d causes, %d known", len(Faults()), len(shown))
	}
}

// letIn has the security group of balancer and tasks admit the world to the one, and the one to the others.
func (f *fleet) letIn() {
	f.t.Helper()
	must(ec2.NewFromConfig(f.Config("eu-west-1")).AuthorizeSecurityGroupIngress(f.t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &f.sg, IpPermissions: []ec2types.IpPermission{
		{IpProtocol: new("tcp"), FromPort: new(int32(80)), ToPort: new(int32(80)), IpRanges: []ec2types.IpRange{{CidrIp: new("0.0.0.0/0")}}},
		{IpProtocol: new("tcp"), FromPort: new(int32(8080)), ToPort: new(int32(8080)), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: &f.sg}}},
	}}))(f.t)
}

// observe waits for the newest service deployment to be in a status and collects what targets are meanwhile, and what
// keeps the old release from serving.
func (f *fleet) observe(status types.ServiceDeploymentStatus) (targets map[string]bool, harm string, took time.Duration) {
	f.t.Helper()
	targets = map[string]bool{}
	for began := time.Now(); time.Since(began) < time.Hour; time.Sleep(3 * time.Second) {
		if err := f.Do(func(*State) { harm += strings.Join(f.Harm(), "\n") }); err != nil {
			f.t.Fatal(err)
		}
		for _, d := range must(f.elb.DescribeTargetHealth(f.t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &f.tg}))(f.t).TargetHealthDescriptions {
			h := d.TargetHealth
			targets[strings.TrimSpace(string(h.State)+" "+string(h.Reason)+" "+val(h.Description))] = true
		}
		if d := f.latest(); d.Status == status {
			return targets, harm, time.Since(began)
		}
	}
	f.t.Fatalf("deployment is %s, not %s; events:\n%s", f.latest().Status, status, f.events())
	return nil, "", 0
}

// holds compares what AWS shows with what is wanted.
func (f *fleet) holds(want phenomena, definition string, targets map[string]bool) {
	t := f.t
	t.Helper()
	if !strings.Contains(f.events(), want.event) {
		t.Errorf("no event %q in\n%s", want.event, f.events())
	}
	if want.target != "" && !targets[want.target] {
		t.Errorf("no target was %q: %v", want.target, targets)
	}
	failed := 0
	for _, task := range f.tasks(types.DesiredStatusStopped) {
		if want.stopCode == "" || *task.TaskDefinitionArn != definition || strings.HasPrefix(*task.StoppedReason, "Scaling activity") {
			continue
		}
		failed++
		own := task.Containers[0]
		if task.StopCode != want.stopCode || !strings.Contains(*task.StoppedReason, want.reason) || !strings.Contains(val(own.Reason), want.why) {
			t.Errorf("%s: %s; %s", task.StopCode, *task.StoppedReason, val(own.Reason))
		}
		if code := or(own.ExitCode, -1); code != want.exit && *task.LastStatus == "STOPPED" {
			t.Errorf("exit code %d, not %d", code, want.exit)
		}
		id := (*task.TaskArn)[strings.LastIndex(*task.TaskArn, "/")+1:]
		lines := must(f.logs().FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: new("/ecs/web"), LogStreamNamePrefix: new("ecs/web/" + id)}))(t)
		var text strings.Builder
		for _, e := range lines.Events {
			text.WriteString(*e.Message + "\n")
		}
		if !strings.Contains(text.String(), want.log) || want.exit == -1 && text.Len() > 0 {
			t.Errorf("log of %s: %q", id, text.String())
		}
	}
	if want.stopCode != "" && failed < 3 {
		t.Errorf("%d tasks have failed; events:\n%s", failed, f.events())
	}
}

func (f *fleet) logs() *cloudwatchlogs.Client {
	return cloudwatchlogs.NewFromConfig(f.Config("eu-west-1"))
}
