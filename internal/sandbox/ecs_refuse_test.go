package sandbox

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func TestRegisterTaskDefinitionRefuses(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		for want, change := range map[string]func(*ecs.RegisterTaskDefinitionInput){
			"No Fargate configuration exists for given values.": func(in *ecs.RegisterTaskDefinitionInput) { in.Memory = new("8192") },
			"Invalid 'cpu' setting for task.":                   func(in *ecs.RegisterTaskDefinitionInput) { in.Cpu = new("much") },
			"Fargate only supports network mode ‘awsvpc’.":      func(in *ecs.RegisterTaskDefinitionInput) { in.NetworkMode = types.NetworkModeBridge },
			"Role is not valid.":                                func(in *ecs.RegisterTaskDefinitionInput) { in.TaskRoleArn = new("app") },
			"Fargate requires task definition to have execution role ARN to support log driver awslogs.": func(in *ecs.RegisterTaskDefinitionInput) { in.ExecutionRoleArn = nil },
			"the host ports and container ports in port mappings must match": func(in *ecs.RegisterTaskDefinitionInput) {
				in.ContainerDefinitions[0].PortMappings[0].HostPort = new(int32(80))
			},
			"The secret name must be unique": func(in *ecs.RegisterTaskDefinitionInput) {
				in.ContainerDefinitions[0].Environment = []types.KeyValuePair{{Name: new("A"), Value: new("1")}}
				in.ContainerDefinitions[0].Secrets = []types.Secret{{Name: new("A"), ValueFrom: new("arn")}}
			},
		} {
			_, err := f.ecs.RegisterTaskDefinition(t.Context(), f.definition(change))
			refused(t, err, "ClientException", want)
		}
	})
}

// The limits of a health check are those of the API reference, HealthCheck; at them it is taken.
func TestHealthCheckLimits(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		with := func(h types.HealthCheck) error {
			if h.Command == nil {
				h.Command = []string{"CMD", "/app"}
			}
			_, err := f.ecs.RegisterTaskDefinition(t.Context(), f.definition(func(in *ecs.RegisterTaskDefinitionInput) {
				in.ContainerDefinitions[0].HealthCheck = &h
			}))
			return err
		}
		for _, n := range [][4]int32{{5, 2, 1, 0}, {300, 60, 10, 300}} {
			if err := with(types.HealthCheck{Interval: &n[0], Timeout: &n[1], Retries: &n[2], StartPeriod: &n[3]}); err != nil {
				t.Errorf("%v: %v", n, err)
			}
		}
		for _, n := range []int32{4, 301} {
			refused(t, with(types.HealthCheck{Interval: &n}), "ClientException", "out of range")
		}
		for _, n := range []int32{1, 61} {
			refused(t, with(types.HealthCheck{Timeout: &n}), "ClientException", "out of range")
		}
		for _, n := range []int32{0, 11} {
			refused(t, with(types.HealthCheck{Retries: &n}), "ClientException", "out of range")
		}
		for _, n := range []int32{-1, 301} {
			refused(t, with(types.HealthCheck{StartPeriod: &n}), "ClientException", "out of range")
		}
		refused(t, with(types.HealthCheck{Command: []string{"curl", "x"}}), "ClientException", "must start with CMD")
	})
}

func TestCreateServiceRefuses(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		d := f.register()
		for want, change := range map[string]func(*ecs.CreateServiceInput){
			"Network Configuration must be provided":    func(in *ecs.CreateServiceInput) { in.NetworkConfiguration = nil },
			"The container other does not exist":        func(in *ecs.CreateServiceInput) { in.LoadBalancers[0].ContainerName = new("other") },
			"did not have a container port 80 defined.": func(in *ecs.CreateServiceInput) { in.LoadBalancers[0].ContainerPort = new(int32(80)) },
			"Specifying both a launch type": func(in *ecs.CreateServiceInput) {
				in.CapacityProviderStrategy = []types.CapacityProviderStrategyItem{{CapacityProvider: new("FARGATE"), Weight: 1}}
			},
			"Health check grace period is only valid": func(in *ecs.CreateServiceInput) {
				in.LoadBalancers, in.HealthCheckGracePeriodSeconds = nil, new(int32(60))
			},
			"does not have an associated load balancer.": func(in *ecs.CreateServiceInput) {
				lone := must(f.elb.CreateTargetGroup(t.Context(), f.group("lone")))(t)
				in.LoadBalancers[0].TargetGroupArn = lone.TargetGroups[0].TargetGroupArn
			},
		} {
			_, err := f.ecs.CreateService(t.Context(), f.service(d, change))
			refused(t, err, "InvalidParameterException", want)
		}
		in := f.service(d, func(in *ecs.CreateServiceInput) { in.ClientToken = new("t") })
		first := must(f.ecs.CreateService(t.Context(), in))(t)
		again := must(f.ecs.CreateService(t.Context(), in))(t)
		if *first.Service.Deployments[0].Id != *again.Service.Deployments[0].Id {
			t.Error("the same token made another deployment")
		}
		_, err := f.ecs.CreateService(t.Context(), f.service(d))
		refused(t, err, "InvalidParameterException", "Creation of service was not idempotent.")
	})
}

// Numbers of revisions are never used again.
func TestRevisions(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		one := f.register()
		f.register()
		must(f.ecs.DeregisterTaskDefinition(t.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: new("web:2")}))(t)
		if got := *must(f.ecs.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: new("web")}))(t).TaskDefinition.TaskDefinitionArn; got != one {
			t.Errorf("latest is %s", got)
		}
		out := must(f.ecs.DeleteTaskDefinitions(t.Context(), &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: []string{"web:1", "web:2"}}))(t)
		if len(out.Failures) != 1 || *out.Failures[0].Arn != one || len(out.TaskDefinitions) != 1 {
			t.Errorf("%+v", out)
		}
		if three := f.register(); !strings.HasSuffix(three, "web:3") {
			t.Errorf("registered %s", three)
		}
		list := must(f.ecs.ListTaskDefinitions(t.Context(), &ecs.ListTaskDefinitionsInput{FamilyPrefix: new("web"), Sort: types.SortOrderDesc}))(t)
		if fmt.Sprint(len(list.TaskDefinitionArns), strings.HasSuffix(list.TaskDefinitionArns[0], ":3")) != "2 true" {
			t.Errorf("%v", list.TaskDefinitionArns)
		}
	})
}
