package sandbox

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// A Failure is what is wrong with a task: of a broken revision, or of a deployment that a fault was armed for.
type Failure struct {
	StopCode        types.TaskStopCode // TaskFailedToStart, EssentialContainerExited, …; "" with Unhealthy
	StoppedReason   string             // of the task
	ExitCode        *int32             // of the container; nil when it never started
	ContainerReason string             // of the container
	Start           []string           // what the container writes when it starts; nil is what is usual
	Log             []string           // what the container still writes
	After           time.Duration      // how long it runs, or is at its stage, before it ends; 0: it never runs
	Unhealthy       bool               // it runs, but its health checks fail

	Stage             stage                           // where it fails; "" goes by After and Unhealthy
	Container         string                          // the name of the one that fails; "" is the first
	HealthyFor        time.Duration                   // before it ends its target passes checks; ECS does not count it as healthy yet, else the deployment would succeed
	Target            elbtypes.TargetHealthReasonEnum // what the balancer's checks find; "": they pass
	TargetDescription string
	PassesAfter       time.Duration // since it listens: then its target's checks pass; 0 is never
}

// A stage is where on its way a task fails.
type stage string

const (
	stageNetwork stage = "network" // PROVISIONING
	stageInit    stage = "init"    // PENDING: roles, secrets, logs
	stagePull    stage = "pull"
	stageStart   stage = "start" // the containers are made
	stageRun     stage = "run"
	stageServe   stage = "serve" // it runs until ECS stops it for its health
)

// fails says whether a failure is one of these stages; none for a task that is well.
func (f *Failure) fails(at ...stage) bool {
	if f == nil {
		return false
	}
	is := f.Stage
	switch {
	case is != "":
	case f.Unhealthy:
		is = stageServe
	case f.After == 0:
		is = stageStart
	default:
		is = stageRun
	}
	return slices.Contains(at, is)
}

// failsCheck says whether it is the container's own health check that fails.
func (f *Failure) failsCheck() bool { return f.fails(stageServe) && (f.Unhealthy || f.Target == "") }

// index is the failing container among a task's.
func (f *Failure) index(t *task) int {
	return max(0, slices.IndexFunc(t.Containers, func(c types.Container) bool { return *c.Name == f.Container }))
}

// stalls lets a task stay at a stage for as long as it takes to fail there, then stops it. It says whether it did either.
func (s *ecsService) stalls(r *Region, c *cluster, t *task, at stage) bool {
	b := t.Broken
	if !b.fails(at) {
		return false
	}
	if b.After > 0 && !t.Stalled {
		t.Stalled = true
		s.next(r, t, b.After)
		return true
	}
	s.breaks(r, c, t)
	return true
}

// breaks ends a task as it was broken to.
func (s *ecsService) breaks(r *Region, c *cluster, t *task) {
	b := t.Broken
	s.says(r, t, b.Container, b.Log...)
	s.stop(r, c, t, b.StopCode, b.StoppedReason, &stopping{ExitCode: b.ExitCode, Reason: b.ContainerReason, Container: b.index(t)})
}

// spoil has the balancer's checks of a task's target find what is wrong with it.
func (s *ecsService) spoil(r *Region, t *task, lb types.LoadBalancer) {
	b, group, port := t.Broken, *lb.TargetGroupArn, *lb.ContainerPort
	switch {
	case b == nil:
	case b.fails(stageServe) && b.Unhealthy:
		s.targetFails(r, group, t.IP, port, elbtypes.TargetHealthReasonEnumResponseCodeMismatch, "Health checks failed with these codes: [503]")
	case b.fails(stageServe) && b.Target != "":
		s.targetFails(r, group, t.IP, port, b.Target, b.TargetDescription)
		if b.PassesAfter > 0 {
			s.after(b.PassesAfter, "target mended", r.targetEvent(group, t.IP, port))
		}
	case b.fails(stageRun) && b.HealthyFor > 0:
		s.targetWaits(r, group, t.IP, port, b.After-b.HealthyFor)
	case b.Stage == stageRun:
		s.targetFails(r, group, t.IP, port, elbtypes.TargetHealthReasonEnumFailedHealthChecks, "Health checks failed")
	}
}
