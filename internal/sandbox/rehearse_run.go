package sandbox

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ended are causes for which a container starts and ends: EssentialContainerExited. Exit codes above 128 are a signal's
// number more (developer guide, "Amazon ECS stopped tasks error messages").
var ended = []Cause{
	{Code: "ExecFormatError", Description: "The image is of another processor architecture.", fail: func(s *scene) Failure {
		f := s.exits(1, time.Second, "exec /app: exec format error")
		f.Stage = stageStart
		return f
	}},
	{Code: "ExitAtStart", Description: "The program ends with exit code 1 as it starts.", fail: func(s *scene) Failure {
		return s.exits(1, 3*time.Second, s.starting(), "fatal: missing configuration: DATABASE_URL is not set")
	}},
	{Code: "ExitZero", Description: "The program ends by itself, with exit code 0.", fail: func(s *scene) Failure {
		return s.exits(0, 3*time.Second, s.starting(), "done")
	}},
	{Code: "Crashed", Description: "The program dies of a segmentation fault.", fail: func(s *scene) Failure {
		return s.exits(139, 3*time.Second, s.starting(), "SIGSEGV: segmentation violation")
	}},
	{Code: "OutOfMemory", Description: "The container is killed because it takes more memory than the task has.", fail: func(s *scene) Failure {
		f := s.exits(137, 8*time.Second, s.starting(), "loading the index")
		f.ContainerReason = "OutOfMemoryError: Container killed due to memory usage"
		return f
	}},
	{Code: "ExitLater", Description: "The program ends with exit code 1 after its first passed health checks.", fail: func(s *scene) Failure {
		f := s.exits(1, 65*time.Second, s.starting(), "listening on :"+firstPort(s.d), "GET / 200", "fatal: lost the connection to the database")
		f.HealthyFor = 45 * time.Second // to be seen at 60x, too, by who looks every half second
		if len(s.sv.LoadBalancers) == 0 {
			f.After = aloneHealthy + f.HealthyFor
		}
		return f
	}},
	{Code: "SidecarExited", Description: "A second essential container ends; a task that has none gets one, as GuardDuty's agent is added by Fargate.", fail: func(s *scene) Failure {
		f := s.exits(1, 3*time.Second, "agent: no configuration, giving up")
		f.Container, f.Start = s.sidecar(), nil
		return f
	}},
	{Code: "SpotInterruption", Description: "Fargate takes back the task's Spot capacity.", fail: func(s *scene) Failure {
		// Fargate sends SIGTERM, and gives the containers up to two minutes (developer guide, "Fargate Spot").
		f := s.exits(143, 3*time.Second, s.starting(), "listening on :"+firstPort(s.d), "SIGTERM")
		f.StopCode, f.StoppedReason = types.TaskStopCodeSpotInterruption, "Your Spot Task was interrupted."
		return f
	}},
}

// exits is a task whose container ends by itself after it has run for a while.
func (s *scene) exits(code int32, after time.Duration, log ...string) Failure {
	return Failure{
		Stage: stageRun, After: after, StopCode: types.TaskStopCodeEssentialContainerExited, StoppedReason: "Essential container in task exited",
		Container: s.name(), ExitCode: &code, Start: log[: len(log)-1 : len(log)-1], Log: log[len(log)-1:],
	}
}

func (s *scene) starting() string { return "starting " + s.image() }

// sidecar is the name of an essential container that is not the release's own. A task without one gets GuardDuty's
// agent, which Fargate adds to tasks that never asked for it (GuardDuty user guide, "How Runtime Monitoring works with
// Fargate").
func (s *scene) sidecar() string {
	for _, c := range s.d.ContainerDefinitions {
		if *c.Name != s.name() && or(c.Essential, true) {
			return *c.Name
		}
	}
	agent := "aws-guardduty-agent-" + s.s.hex(6)
	added := s.t.Containers[0]
	added.Name, added.Image = &agent, new("593207742271.dkr.ecr."+s.r.Name+".amazonaws.com/aws-guardduty-agent-fargate:v1.7.0")
	added.ContainerArn, added.Cpu = new(*added.ContainerArn+"-agent"), new("0")
	s.t.Containers = append(s.t.Containers, added)
	return agent
}
