package sandbox

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/fargatectl/fargatectl/internal/sandbox/wire"
)

// A fleet is a cluster with what a service needs around it.
type fleet struct {
	*edge
	ecs  *ecs.Client
	role string
}

func inFleet(t *testing.T, test func(t *testing.T, f *fleet)) {
	t.Helper()
	inEdge(t, func(t *testing.T, e *edge) {
		f := &fleet{edge: e, ecs: ecs.NewFromConfig(e.Config("eu-west-1"))}
		roles := iam.NewFromConfig(e.Config("eu-west-1"))
		f.role = *must(roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: new("exec"), AssumeRolePolicyDocument: new(trustFor("ecs-tasks.amazonaws.com"))}))(t).Role.Arn
		must(roles.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: new("exec"), PolicyArn: new("arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")}))(t)
		logs := cloudwatchlogs.NewFromConfig(e.Config("eu-west-1"))
		must(logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new("/ecs/web")}))(t)
		net := ec2.NewFromConfig(e.Config("eu-west-1"))
		table := must(net.DescribeRouteTables(t.Context(), nil))(t).RouteTables[0].RouteTableId
		igw := must(net.DescribeInternetGateways(t.Context(), nil))(t).InternetGateways[0].InternetGatewayId
		must(net.CreateRoute(t.Context(), &ec2.CreateRouteInput{RouteTableId: table, GatewayId: igw, DestinationCidrBlock: new("0.0.0.0/0")}))(t)
		must(f.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: new("c"), CapacityProviders: []string{"FARGATE", "FARGATE_SPOT"}}))(t)
		time.Sleep(3 * time.Minute) // the balancer works, and the role is known
		test(t, f)
	})
}

func (f *fleet) definition(change ...func(*ecs.RegisterTaskDefinitionInput)) *ecs.RegisterTaskDefinitionInput {
	in := &ecs.RegisterTaskDefinitionInput{
		Family: new("web"), Cpu: new("256"), Memory: new("512"), NetworkMode: types.NetworkModeAwsvpc, ExecutionRoleArn: &f.role, TaskRoleArn: &f.role,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: new("web"), Image: new("public.ecr.aws/nginx:1"), PortMappings: []types.PortMapping{{ContainerPort: new(int32(8080))}},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": "/ecs/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs",
			}},
		}},
	}
	for _, c := range change {
		c(in)
	}
	return in
}

func (f *fleet) register(change ...func(*ecs.RegisterTaskDefinitionInput)) string {
	f.t.Helper()
	return *must(f.ecs.RegisterTaskDefinition(f.t.Context(), f.definition(change...)))(f.t).TaskDefinition.TaskDefinitionArn
}

func (f *fleet) service(definition string, change ...func(*ecs.CreateServiceInput)) *ecs.CreateServiceInput {
	in := &ecs.CreateServiceInput{
		Cluster: new("c"), ServiceName: new("web"), TaskDefinition: &definition, DesiredCount: new(int32(2)), LaunchType: types.LaunchTypeFargate,
		LoadBalancers:           []types.LoadBalancer{{TargetGroupArn: &f.tg, ContainerName: new("web"), ContainerPort: new(int32(8080))}},
		NetworkConfiguration:    &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{AssignPublicIp: types.AssignPublicIpEnabled, Subnets: f.subnets, SecurityGroups: []string{f.sg}}},
		DeploymentConfiguration: &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}},
	}
	for _, c := range change {
		c(in)
	}
	return in
}

func (f *fleet) live() types.Service {
	f.t.Helper()
	return must(f.ecs.DescribeServices(f.t.Context(), &ecs.DescribeServicesInput{Cluster: new("c"), Services: []string{"web"}}))(f.t).Services[0]
}

// latest is the newest service deployment.
func (f *fleet) latest() types.ServiceDeployment {
	f.t.Helper()
	list := must(f.ecs.ListServiceDeployments(f.t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: new("c"), Service: new("web")}))(f.t)
	arns := []string{*list.ServiceDeployments[0].ServiceDeploymentArn}
	return must(f.ecs.DescribeServiceDeployments(f.t.Context(), &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: arns}))(f.t).ServiceDeployments[0]
}

// until waits for the newest service deployment to be in a status and returns how long that took.
func (f *fleet) until(status types.ServiceDeploymentStatus) time.Duration {
	f.t.Helper()
	for began := time.Now(); ; time.Sleep(time.Second) {
		d := f.latest()
		if d.Status == status {
			return time.Since(began)
		}
		if time.Since(began) > 30*time.Minute {
			f.t.Fatalf("deployment is %s, not %s; events:\n%s", d.Status, status, f.events())
		}
	}
}

// events are the service's, oldest first, without what differs from run to run.
func (f *fleet) events() string {
	var lines []string
	for _, e := range f.live().Events {
		lines = append(lines, *e.Message)
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}

func (f *fleet) tasks(desired types.DesiredStatus) []types.Task {
	f.t.Helper()
	arns := must(f.ecs.ListTasks(f.t.Context(), &ecs.ListTasksInput{Cluster: new("c"), ServiceName: new("web"), DesiredStatus: desired}))(f.t).TaskArns
	if len(arns) == 0 {
		return nil
	}
	return must(f.ecs.DescribeTasks(f.t.Context(), &ecs.DescribeTasksInput{Cluster: new("c"), Tasks: arns}))(f.t).Tasks
}

func TestServiceLife(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		one := f.register()
		must(f.ecs.CreateService(t.Context(), f.service(one)))(t)
		if took := f.until(types.ServiceDeploymentStatusSuccessful); took < 30*time.Second || took > 60*time.Second {
			t.Errorf("steady after %s", took)
		}
		sv := f.live()
		if sv.RunningCount != 2 || sv.Deployments[0].RolloutState != types.DeploymentRolloutStateCompleted || len(sv.Deployments) != 1 {
			t.Errorf("%d tasks, %s", sv.RunningCount, sv.Deployments[0].RolloutState)
		}
		for _, tk := range f.tasks(types.DesiredStatusRunning) {
			if *tk.LastStatus != "RUNNING" || !tk.CreatedAt.Before(*tk.ConnectivityAt) || !tk.ConnectivityAt.Before(*tk.PullStartedAt) ||
				!tk.PullStartedAt.Before(*tk.PullStoppedAt) || !tk.PullStoppedAt.Before(*tk.StartedAt) {
				t.Errorf("task %s: %+v", *tk.LastStatus, tk)
			}
		}
		if h := f.health(); h != "healthy,healthy" {
			t.Errorf("targets %s", h)
		}
		two := f.register()
		must(f.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("c"), Service: new("web"), TaskDefinition: &two}))(t)
		lowest := int32(2)
		for range 600 {
			if f.latest().Status == types.ServiceDeploymentStatusSuccessful {
				break
			}
			lowest = min(lowest, f.live().RunningCount)
			time.Sleep(time.Second)
		}
		if sv := f.live(); lowest != 2 || *sv.TaskDefinition != two || len(sv.Deployments) != 1 {
			t.Errorf("%d tasks at the lowest, definition %s", lowest, *sv.TaskDefinition)
		}
		want := []string{
			"has started 2 tasks: (task ", "registered 1 targets in (target-group " + f.tg + ")", "deployment completed.", "has reached a steady state.",
			"has begun draining connections on 1 tasks.", "deregistered 1 targets in (target-group " + f.tg + ")", "has stopped ",
		}
		for _, w := range want {
			if !strings.Contains(f.events(), "(service web) "+w) && !strings.Contains(f.events(), w) {
				t.Errorf("no event %q in\n%s", w, f.events())
			}
		}
		must(f.ecs.DeleteService(t.Context(), &ecs.DeleteServiceInput{Cluster: new("c"), Service: new("web"), Force: new(true)}))(t)
		_, err := f.ecs.CreateService(t.Context(), f.service(two))
		refused(t, err, "InvalidParameterException", "Unable to Start a service that is still Draining.")
		_, err = f.ecs.DeleteCluster(t.Context(), &ecs.DeleteClusterInput{Cluster: new("c")})
		refused(t, err, "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
		time.Sleep(6 * time.Minute)
		if sv := f.live(); *sv.Status != "INACTIVE" {
			t.Errorf("service is %s", *sv.Status)
		}
		must(f.ecs.DeleteCluster(t.Context(), &ecs.DeleteClusterInput{Cluster: new("c")}))(t)
	})
}

// A deployment whose tasks fail is rolled back, and the old tasks serve all the time.
func TestRollback(t *testing.T) {
	for name, broken := range map[string]Failure{
		"exits":     {StopCode: types.TaskStopCodeEssentialContainerExited, StoppedReason: "Essential container in task exited", ExitCode: new(int32(1))},
		"crashes":   {StopCode: types.TaskStopCodeEssentialContainerExited, StoppedReason: "Essential container in task exited", ExitCode: new(int32(1)), After: 3 * time.Second},
		"unhealthy": {Unhealthy: true},
	} {
		t.Run(name, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleet) {
				one := f.register()
				must(f.ecs.CreateService(t.Context(), f.service(one)))(t)
				f.until(types.ServiceDeploymentStatusSuccessful)
				if err := f.Do(func(st *State) { st.Regions["eu-west-1"].ECS.Break("web", broken) }); err != nil {
					t.Fatal(err)
				}
				two := f.register()
				must(f.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("c"), Service: new("web"), TaskDefinition: &two}))(t)
				first := f.tasks(types.DesiredStatusRunning)
				f.until(types.ServiceDeploymentStatusRollbackInProgress)
				f.until(types.ServiceDeploymentStatusRollbackSuccessful)
				d, sv := f.latest(), f.live()
				if *d.Rollback.Reason != "Service deployment rolled back because the circuit breaker threshold was exceeded." || *sv.TaskDefinition != one {
					t.Errorf("%s, %s", *d.Rollback.Reason, *sv.TaskDefinition)
				}
				rev := must(f.ecs.DescribeServiceRevisions(t.Context(), &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{*d.TargetServiceRevision.Arn}}))(t)
				if got := *rev.ServiceRevisions[0].TaskDefinition; got != two {
					t.Errorf("revision brings %s", got)
				}
				for _, was := range first {
					if !slices.ContainsFunc(f.tasks(types.DesiredStatusRunning), func(is types.Task) bool { return *is.TaskArn == *was.TaskArn }) && *was.TaskDefinitionArn == one {
						t.Errorf("task %s of the old release is gone", *was.TaskArn)
					}
				}
				if !strings.Contains(f.events(), "deployment failed: tasks failed to start.\n(service web) rolling back to deployment "+*sv.Deployments[0].Id+".") {
					t.Errorf("events:\n%s", f.events())
				}
			})
		})
	}
}

// The first deployment has nothing to go back to; a new one starts the service.
func TestFirstDeploymentFails(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		if err := f.Do(func(st *State) {
			st.Regions["eu-west-1"].ECS.Break("web", Failure{StopCode: types.TaskStopCodeEssentialContainerExited, StoppedReason: "Essential container in task exited", ExitCode: new(int32(1))})
		}); err != nil {
			t.Fatal(err)
		}
		must(f.ecs.CreateService(t.Context(), f.service(f.register())))(t)
		f.until(types.ServiceDeploymentStatusRollbackFailed)
		time.Sleep(10 * time.Minute)
		sv := f.live()
		if p := sv.Deployments[0]; p.RolloutState != types.DeploymentRolloutStateFailed || *p.RolloutStateReason != "ECS deployment circuit breaker: tasks failed to start." || sv.RunningCount != 0 || p.FailedTasks < 3 {
			t.Errorf("%s %s, %d tasks, %d failed", p.RolloutState, *p.RolloutStateReason, sv.RunningCount, p.FailedTasks)
		}
		stopped := f.tasks(types.DesiredStatusStopped)
		if len(stopped) == 0 || *stopped[0].StoppedReason != "Essential container in task exited" || *stopped[0].Containers[0].ExitCode != 1 {
			t.Errorf("stopped tasks %+v", stopped)
		}
		if err := f.Do(func(st *State) { st.Regions["eu-west-1"].ECS.Mend("web") }); err != nil {
			t.Fatal(err)
		}
		must(f.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("c"), Service: new("web"), ForceNewDeployment: true}))(t)
		f.until(types.ServiceDeploymentStatusSuccessful)
		time.Sleep(time.Hour)
		if n := len(f.tasks(types.DesiredStatusStopped)); n != 0 {
			t.Errorf("%d stopped tasks are remembered", n)
		}
	})
}

// What a task can't have makes it fail with AWS's words.
func TestTasksFail(t *testing.T) {
	secret := func(arn string) func(*ecs.RegisterTaskDefinitionInput) {
		return func(in *ecs.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].Secrets = []types.Secret{{Name: new("S"), ValueFrom: &arn}}
		}
	}
	for name, c := range map[string]struct {
		change func(*ecs.RegisterTaskDefinitionInput)
		reason string
	}{
		"log group": {func(in *ecs.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].LogConfiguration.Options["awslogs-group"] = "/ecs/none"
		}, "ResourceNotFoundException: The specified log group does not exist."},
		"image": {func(in *ecs.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].Image = new("123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:gone")
		}, "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref"},
		"secret": {secret("arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-abcdef"), "is not authorized to perform: secretsmanager:GetSecretValue"},
	} {
		t.Run(name, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleet) {
				must(f.ecs.CreateService(t.Context(), f.service(f.register(c.change))))(t)
				f.until(types.ServiceDeploymentStatusRollbackFailed)
				time.Sleep(time.Minute)
				for _, tk := range f.tasks(types.DesiredStatusStopped) {
					if tk.StopCode != types.TaskStopCodeTaskFailedToStart || !strings.Contains(*tk.StoppedReason, c.reason) {
						t.Errorf("%s: %s", tk.StopCode, *tk.StoppedReason)
					}
				}
			})
		})
	}
}

// A task without a way out tries for minutes before it fails.
func TestNoWayOut(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		must(f.ecs.CreateService(t.Context(), f.service(f.register(), func(in *ecs.CreateServiceInput) {
			in.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp = types.AssignPublicIpDisabled
		})))(t)
		if took := f.until(types.ServiceDeploymentStatusRollbackFailed); took < 5*time.Minute {
			t.Errorf("failed after %s", took)
		}
		time.Sleep(time.Minute)
		if tk := f.tasks(types.DesiredStatusStopped)[0]; !strings.Contains(*tk.StoppedReason, "i/o timeout") {
			t.Error(*tk.StoppedReason)
		}
	})
}

// A role that ECS can't assume yet is tried again.
func TestRoleNotYetKnown(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		young := *must(iam.NewFromConfig(f.Config("eu-west-1")).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: new("young"), AssumeRolePolicyDocument: new(trustFor("ecs-tasks.amazonaws.com"))}))(t).Role.Arn
		must(f.ecs.CreateService(t.Context(), f.service(f.register(func(in *ecs.RegisterTaskDefinitionInput) { in.TaskRoleArn = &young }))))(t)
		if took := f.until(types.ServiceDeploymentStatusSuccessful); took < 60*time.Second {
			t.Errorf("steady after %s", took)
		}
		if !strings.Contains(f.events(), "failed to launch a task with (error ECS was unable to assume the role '"+young+"'") {
			t.Errorf("events:\n%s", f.events())
		}
	})
}

// What is kept of a deployment under way is all that it needs to go on.
func TestKeptService(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		in := f.service(f.register(), func(in *ecs.CreateServiceInput) { in.ClientToken = new("t") })
		must(f.ecs.CreateService(t.Context(), in))(t)
		for range 70 {
			time.Sleep(time.Second)
			b := must(json.Marshal(wire.Tree(f.state)))(t)
			var tree any
			if err := json.Unmarshal(b, &tree); err != nil {
				t.Fatal(err)
			}
			kept := newState()
			if err := wire.FromTree(kept, tree); err != nil {
				t.Fatal(err)
			}
			f.state = kept
		}
		if d := f.latest(); d.Status != types.ServiceDeploymentStatusSuccessful {
			t.Errorf("deployment is %s:\n%s", d.Status, f.events())
		}
		must(f.ecs.CreateService(t.Context(), in))(t) // known by its token
	})
}

// TestDefaultGroup holds that tasks without a security group have that of their VPC, which lets them out.
func TestDefaultGroup(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		place := f.service("").NetworkConfiguration
		place.AwsvpcConfiguration.SecurityGroups = nil
		run := must(f.ecs.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: new("c"), TaskDefinition: new(f.register()), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: place}))(t)
		time.Sleep(2 * time.Minute)
		tasks := must(f.ecs.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: new("c"), Tasks: []string{*run.Tasks[0].TaskArn}}))(t).Tasks
		if *tasks[0].LastStatus != "RUNNING" {
			t.Fatalf("%+v", tasks)
		}
		net := ec2.NewFromConfig(f.Config("eu-west-1"))
		enis := must(net.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{Filters: []ec2types.Filter{{Name: new("group-name"), Values: []string{"default"}}}}))(t).NetworkInterfaces
		if len(enis) != 1 {
			t.Errorf("%d interfaces in the default group", len(enis))
		}
	})
}
