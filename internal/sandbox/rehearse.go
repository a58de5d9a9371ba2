package sandbox

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A Cause is a way in which a deployment can be made to fail.
type Cause struct {
	Code        string // stable: "ExitAtStart"
	Description string // one sentence, of what will happen

	balanced bool                 // it needs a service behind a balancer, and waits for one
	place    func(*scene) string  // the event that there is instead of tasks
	fail     func(*scene) Failure // what becomes of each of the deployment's tasks
}

// An Arm is a cause that waits for the next deployment of a service, or of any if none is named.
type Arm struct {
	Code    string
	Service string // "" is any
}

// Faults lists the causes that Arm knows, in the order in which a deployment meets them.
func Faults() []Cause {
	return slices.Concat(unplaced, unstarted, ended, unhealthy, stopped)
}

func causeNamed(code string) *Cause {
	for _, c := range Faults() {
		if c.Code == code {
			return &c
		}
	}
	return nil
}

// Arm makes the next deployment of a service, "" for any, fail as Faults says. It fails the tasks of that deployment
// only: those of the rollback are well, and so is the next deployment. What was armed for the same service is replaced.
// A code that Faults does not list is a ValidationException.
func (s *Sandbox) Arm(code, service string) error {
	if causeNamed(code) == nil {
		return fail("ValidationException", "there is no fault %q", code)
	}
	return s.Do(func(st *State) {
		st.Armed = slices.DeleteFunc(st.Armed, func(a Arm) bool { return a.Service == service })
		st.Armed = append(st.Armed, Arm{code, service})
	})
}

// Disarm takes back what is armed, and returns it.
func (s *Sandbox) Disarm() (was []Arm, err error) {
	err = s.Do(func(st *State) { was, st.Armed = st.Armed, nil })
	return was, err
}

// Armed is what waits for its deployment, the oldest first.
func (s *Sandbox) Armed() (arms []Arm, err error) {
	err = s.Do(func(st *State) { arms = slices.Clone(st.Armed) })
	return arms, err
}

// Services are the names of the ECS services that are up, in any region.
func (s *Sandbox) Services() (names []string, err error) {
	err = s.Do(func(st *State) {
		for _, r := range sorted(st.Regions) {
			for _, c := range sorted(r.ECS.Clusters) {
				for name, sv := range sorted(c.Services) {
					if *sv.Status == "ACTIVE" {
						names = append(names, name)
					}
				}
			}
		}
	})
	return names, err
}

// takeArm uses up what is armed for a service's deployment: by its name before any. "" is nothing.
func (st *State) takeArm(service string, balanced bool) string {
	for _, name := range []string{service, ""} {
		i := slices.IndexFunc(st.Armed, func(a Arm) bool { return a.Service == name })
		if i >= 0 && (balanced || !causeNamed(st.Armed[i].Code).balanced) {
			code := st.Armed[i].Code
			st.Armed = slices.Delete(st.Armed, i, i+1)
			return code
		}
	}
	return ""
}

// A scene is what a failing task is part of: its words name real things.
type scene struct {
	s  *ecsService
	r  *Region
	sv *service
	d  *definition
	t  *task // nil where there is none
}

// unplaced is the event that there is instead of a task, "" where a fault that was armed lets tasks be.
func (s *ecsService) unplaced(r *Region, sv *service, d *definition) string {
	c := causeNamed(sv.Live[*sv.primary().Id].Fault)
	if c == nil || c.place == nil {
		return ""
	}
	return c.place(&scene{s, r, sv, d, nil})
}

// play breaks a task of a deployment that a fault was armed for.
func (s *ecsService) play(r *Region, sv *service, d *definition, t *task) {
	if c := causeNamed(sv.Live[t.Deployment].Fault); c != nil && c.fail != nil {
		t.Broken = new(c.fail(&scene{s, r, sv, d, t}))
	}
}

// container is the release's own: the one behind the balancer, else the first essential one.
func (s *scene) container() *types.ContainerDefinition {
	for _, lb := range s.sv.LoadBalancers {
		for i := range s.d.ContainerDefinitions {
			if c := &s.d.ContainerDefinitions[i]; *c.Name == val(lb.ContainerName) {
				return c
			}
		}
	}
	for i := range s.d.ContainerDefinitions {
		if c := &s.d.ContainerDefinitions[i]; or(c.Essential, true) {
			return c
		}
	}
	return &s.d.ContainerDefinitions[0]
}

func (s *scene) name() string  { return *s.container().Name }
func (s *scene) image() string { return *s.container().Image }

// role is the name of the execution role.
func (s *scene) role() string {
	arn := or(s.d.ExecutionRoleArn, "ecsTaskExecutionRole")
	return arn[strings.LastIndex(arn, "/")+1:]
}

// denied is how AWS refuses the execution role an action.
func (s *scene) denied(action, resource string) string {
	return "AccessDeniedException: User: arn:aws:sts::" + Account + ":assumed-role/" + s.role() + "/" + s.s.hex(32) +
		" is not authorized to perform: " + action + " on resource: " + resource + " because no identity-based policy allows the " + action + " action"
}

// secret is the ARN of the first secret that a container asks for; of one that could be, if none does.
func (s *scene) secret() string {
	from := s.s.arn("secretsmanager", s.r.Name, "secret:"+*s.d.Family+"/database-url-a1B2c3")
	for _, c := range slices.Backward(s.d.ContainerDefinitions) {
		if len(c.Secrets) > 0 {
			from = *c.Secrets[0].ValueFrom
		}
	}
	parts := strings.Split(from, ":") // a key, a stage and a version can stand behind it
	return strings.Join(parts[:min(7, len(parts))], ":")
}

// group is the container's log group.
func (s *scene) group() string {
	if l := s.container().LogConfiguration; l != nil && l.Options["awslogs-group"] != "" {
		return l.Options["awslogs-group"]
	}
	return "/ecs/" + *s.d.Family
}
