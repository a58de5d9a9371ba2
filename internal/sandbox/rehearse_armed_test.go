package sandbox

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/internal/sandbox/wire"
)

// An arm is for the next deployment of its service, or of any; one that needs a balancer waits for a service that has one.
func TestArm(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleet) {
		if err := f.Arm("Nonsense", ""); code(err) != "ValidationException" {
			t.Error(err)
		}
		for _, a := range []Arm{{"HealthCheckPath", ""}, {"ExitZero", "other"}, {"Crashed", "web"}, {"ExitAtStart", "web"}} {
			if err := f.Arm(a.Code, a.Service); err != nil {
				t.Fatal(err)
			}
		}
		armed := func(want ...string) {
			t.Helper()
			arms, err := f.Armed()
			var got []string
			for _, a := range arms {
				got = append(got, a.Code+"/"+a.Service)
			}
			if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%v, armed %v, not %v", err, got, want)
			}
		}
		armed("HealthCheckPath/", "ExitZero/other", "ExitAtStart/web")
		must(f.ecs.CreateService(t.Context(), f.service(f.register(), func(in *ecs.CreateServiceInput) { in.ServiceName, in.LoadBalancers = new("batch"), nil })))(t)
		armed("HealthCheckPath/", "ExitZero/other", "ExitAtStart/web")
		must(f.ecs.CreateService(t.Context(), f.service(f.register())))(t)
		armed("HealthCheckPath/", "ExitZero/other")
		f.until(types.ServiceDeploymentStatusRollbackFailed) // the first deployment has nothing behind it
		if names, err := f.Services(); err != nil || strings.Join(names, " ") != "batch web" {
			t.Error(names, err)
		}
		if was, err := f.Disarm(); err != nil || len(was) != 2 {
			t.Error(was, err)
		}
		armed()
		f.moves()
		f.until(types.ServiceDeploymentStatusSuccessful)
	})
}

// A first deployment that somebody stops, or an alarm, has nothing to go back to.
func TestRehearseFirst(t *testing.T) {
	for cause, want := range map[string]types.ServiceDeploymentStatus{
		"StoppedByUser": types.ServiceDeploymentStatusStopped, "AlarmTriggered": types.ServiceDeploymentStatusRollbackFailed, "NoCapacity": types.ServiceDeploymentStatusRollbackFailed,
	} {
		t.Run(cause, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleet) {
				if err := f.Arm(cause, ""); err != nil {
					t.Fatal(err)
				}
				must(f.ecs.CreateService(t.Context(), f.service(f.register())))(t)
				f.until(want)
			})
		})
	}
}

// The sidecar of a task ends, and says so in its own stream; a task without one has one that Fargate has added.
func TestSidecarExited(t *testing.T) {
	for name, change := range map[string]func(*ecs.RegisterTaskDefinitionInput){
		"proxy": func(in *ecs.RegisterTaskDefinitionInput) {
			proxy := in.ContainerDefinitions[0]
			proxy.Name, proxy.PortMappings = new("proxy"), nil
			in.ContainerDefinitions = append([]types.ContainerDefinition{proxy}, in.ContainerDefinitions...)
		},
		"aws-guardduty-agent-": func(*ecs.RegisterTaskDefinitionInput) {},
	} {
		t.Run(name, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleet) {
				must(f.ecs.CreateService(t.Context(), f.service(f.register(change), one(nil))))(t)
				f.until(types.ServiceDeploymentStatusSuccessful)
				if err := f.Arm("SidecarExited", ""); err != nil {
					t.Fatal(err)
				}
				must(f.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("c"), Service: new("web"), ForceNewDeployment: true}))(t)
				time.Sleep(2 * time.Minute)
				for _, task := range f.tasks(types.DesiredStatusStopped) {
					exits := map[string]int32{}
					for _, c := range task.Containers {
						exits[*c.Name] = or(c.ExitCode, -1)
						if strings.HasPrefix(*c.Name, name) {
							exits["sidecar"] = *c.ExitCode
						}
					}
					if len(task.Containers) != 2 || exits["sidecar"] != 1 || exits["web"] != 0 {
						t.Errorf("containers %v", exits)
					}
				}
				lines := must(f.logs().FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: new("/ecs/web"), FilterPattern: new("agent")}))(t).Events
				if (len(lines) > 0) != (name == "proxy") {
					t.Errorf("log %+v", lines)
				}
				for _, e := range lines {
					if !strings.HasPrefix(*e.LogStreamName, "ecs/proxy/") {
						t.Error(*e.LogStreamName)
					}
				}
			})
		})
	}
}

// What is kept of a rehearsal under way is all that it needs to go on.
func TestKeptRehearsal(t *testing.T) {
	for _, cause := range []string{"NetworkTimeout", "SlowStart", "AlarmTriggered", "ExitLater"} {
		t.Run(cause, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleet) {
				must(f.ecs.CreateService(t.Context(), f.service(f.register())))(t)
				f.until(types.ServiceDeploymentStatusSuccessful)
				if err := f.Arm(cause, ""); err != nil {
					t.Fatal(err)
				}
				f.moves()
				for range 200 {
					time.Sleep(7 * time.Second)
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
				if d := f.latest(); d.Status != types.ServiceDeploymentStatusRollbackSuccessful {
					t.Errorf("deployment is %s:\n%s", d.Status, f.events())
				}
			})
		})
	}
}

// In a sandbox without waits every rehearsal ends within seconds of real time, as scripts need it.
func TestRehearseInstantly(t *testing.T) {
	for _, c := range Faults() {
		t.Run(c.Code, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleet) {
				f.o.Speed = 0
				must(f.ecs.CreateService(t.Context(), f.service(f.register())))(t)
				f.until(types.ServiceDeploymentStatusSuccessful)
				if err := f.Arm(c.Code, ""); err != nil {
					t.Fatal(err)
				}
				f.moves()
				if took := f.until(types.ServiceDeploymentStatusRollbackSuccessful); took > 10*time.Second {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}
