package release

import (
	"slices"
	"strings"
	"time"
)

// Evidence is all that was seen of a deployment that failed. It holds no secret value: what looks like one is redacted
// as it comes in.
type Evidence struct {
	Service        string          `json:"service"`
	Cluster        string          `json:"cluster"`
	TaskDefinition string          `json:"task_definition"` // "my-api:7"
	Image          string          `json:"image"`           // of the container that the release is about
	Container      string          `json:"container"`       // its name
	ExecutionRole  string          `json:"execution_role,omitempty"`
	Memory         string          `json:"memory,omitempty"` // of the task, in MiB
	Disk           int32           `json:"disk"`             // of the task, in GiB
	Architecture   string          `json:"architecture"`     // X86_64, ARM64
	Grace          int32           `json:"health_check_grace_period"`
	Subnets        []string        `json:"subnets,omitempty"`
	Deployment     DeploymentSeen  `json:"deployment"`
	Containers     []ContainerSeen `json:"containers"`
	Tasks          []TaskSeen      `json:"tasks"` // of this deployment's task definition, newest first
	Targets        []TargetSeen    `json:"targets"`
	Checks         []CheckSeen     `json:"health_checks"` // of the target groups
	Events         []EventStatus   `json:"events"`        // of the service since the deployment began, newest first
	Logs           []LogSeen       `json:"logs"`
	Unread         []string        `json:"unread,omitempty"` // what could not be read, and why

	Foreign bool `json:"-"` // somebody else's service: it has no manifest

	words  redaction
	halted bool // by who watched
}

// DeploymentSeen is the service deployment.
type DeploymentSeen struct {
	ARN        string     `json:"arn,omitempty"`
	Status     string     `json:"status"`
	Reason     string     `json:"reason,omitempty"` // AWS's own words
	Failed     int32      `json:"failed_tasks"`
	Threshold  int32      `json:"threshold,omitempty"` // of the circuit breaker; 0 without one
	Alarms     []string   `json:"triggered_alarms,omitempty"`
	CreatedAt  *time.Time `json:"created_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

// ContainerSeen is a container as its task definition says.
type ContainerSeen struct {
	Name        string            `json:"name"`
	Image       string            `json:"image"`
	Essential   bool              `json:"essential"`
	Port        int32             `json:"port,omitempty"` // the first one
	Memory      int32             `json:"memory,omitempty"`
	HealthCheck []string          `json:"health_check,omitempty"`
	LogGroup    string            `json:"log_group,omitempty"`
	Secrets     map[string]string `json:"secrets,omitempty"` // where each variable's value comes from, not the value

	prefix string // of its log streams
}

// TaskSeen is one task, as it was last seen.
type TaskSeen struct {
	ID            string     `json:"id"`
	LastStatus    string     `json:"last_status"`
	StopCode      string     `json:"stop_code,omitempty"`
	StoppedReason string     `json:"stopped_reason,omitempty"`
	Zone          string     `json:"availability_zone,omitempty"`
	PrivateIP     string     `json:"private_ip,omitempty"`
	Capacity      string     `json:"capacity_provider,omitempty"`
	Health        string     `json:"health_status,omitempty"`
	Containers    []Ended    `json:"containers"`
	CreatedAt     *time.Time `json:"created_at,omitempty"`
	StartedAt     *time.Time `json:"started_at,omitempty"`
	StoppedAt     *time.Time `json:"stopped_at,omitempty"` // when it began to stop
	HealthyAt     *time.Time `json:"healthy_at,omitempty"` // when it was first seen healthy
}

// Ended is how one container of a task is, or has ended.
type Ended struct {
	Name     string `json:"name"`
	ExitCode *int32 `json:"exit_code,omitempty"` // nil for one that never started
	Reason   string `json:"reason,omitempty"`
	Health   string `json:"health_status,omitempty"`
}

// TargetSeen is what a target group said of a task while it was unhealthy.
type TargetSeen struct {
	ID          string    `json:"id"` // its address
	Port        int32     `json:"port"`
	Reason      string    `json:"reason"`
	Description string    `json:"description,omitempty"`
	SeenAt      time.Time `json:"seen_at"`
}

// CheckSeen is how a target group checks its targets, and whether the tasks let the balancer in.
type CheckSeen struct {
	TargetGroup string   `json:"target_group"`
	Container   string   `json:"container"`
	Port        int32    `json:"port"` // of the container
	Protocol    string   `json:"protocol,omitempty"`
	CheckPort   string   `json:"check_port,omitempty"` // traffic-port, or one of its own
	Path        string   `json:"path,omitempty"`
	Matcher     string   `json:"matcher,omitempty"`
	Interval    int32    `json:"interval,omitempty"`
	Timeout     int32    `json:"timeout,omitempty"`
	Unhealthy   int32    `json:"unhealthy_threshold,omitempty"`
	Tasks       []string `json:"task_security_groups,omitempty"`
	Balancer    []string `json:"balancer_security_groups,omitempty"`
	Blocked     bool     `json:"blocked"` // the groups were read, and none lets the balancer in

	balancers []string // ARNs
}

// LogSeen is the end of what a container has logged.
type LogSeen struct {
	Container string    `json:"container"`
	Task      string    `json:"task"`
	Stream    string    `json:"stream"`
	Lines     []LogLine `json:"lines"` // oldest first, at most LogLines
}

// LogLine is one line of a log.
type LogLine struct {
	Time    time.Time `json:"time"`
	Message string    `json:"message"`
}

// LogLines is how many lines of a container that fails are kept.
const LogLines = 30

// failed are the tasks that say something of the release: those that stopped by themselves, or were stopped because of
// their health. What the scheduler stops for lack of need says nothing.
func (e *Evidence) failed() []TaskSeen {
	return slices.DeleteFunc(slices.Clone(e.Tasks), func(t TaskSeen) bool {
		return t.StoppedReason == "" || strings.HasPrefix(t.StoppedReason, "Scaling activity")
	})
}

// definition is a container of the task definition, an empty one for a name that it lacks.
func (e *Evidence) definition(name string) ContainerSeen {
	for _, c := range e.Containers {
		if c.Name == name {
			return c
		}
	}
	return ContainerSeen{Name: name}
}

// essential says whether a task ends with a container. What the task definition lacks was added by Fargate, such as
// GuardDuty's agent, and is.
func (e *Evidence) essential(name string) bool {
	d := e.definition(name)
	return d.Essential || d.Image == ""
}

// check is how the container of the release is checked, zero without a load balancer.
func (e *Evidence) check() CheckSeen {
	for _, c := range e.Checks {
		if c.Container == e.Container {
			return c
		}
	}
	return CheckSeen{Port: e.definition(e.Container).Port}
}

// log is what was logged for a task by a container; of all of its containers for "".
func (e *Evidence) log(task, container string) (lines []LogLine) {
	for _, l := range e.Logs {
		if l.Task == task && (container == "" || l.Container == container) {
			lines = append(lines, l.Lines...)
		}
	}
	return lines
}

// Log is the end of what the container that a verdict is about has logged, of its task's other containers without it.
func (e *Evidence) Log(v Verdict) []LogLine {
	if lines := e.log(v.task, v.container); len(lines) > 0 {
		return lines
	}
	return e.log(v.task, "")
}

// setting is where something is set: a key of the manifest, or of a service that has none the name that AWS has for it.
func (e *Evidence) setting(key, aws string) string {
	if e.Foreign {
		return aws
	}
	return key + " in the manifest"
}

// up is that fargatectl up does what a hint asks for, nothing for a service that has no manifest.
func (e *Evidence) up(does string) string {
	if e.Foreign {
		return ""
	}
	return ": fargatectl up does so for " + does
}

// text is all that AWS says of why a task stopped.
func (t TaskSeen) text() string {
	all := []string{t.StoppedReason}
	for _, c := range t.Containers {
		if c.Reason != "" && c.Reason != t.StoppedReason {
			all = append(all, c.Reason)
		}
	}
	return plain(strings.Join(all, "\n"))
}

// plain has the straight apostrophes of the documents for the curly ones that AWS also writes.
func plain(text string) string { return strings.ReplaceAll(text, "’", "'") }

// lived is how long a task ran, 0 for one that never did.
func (t TaskSeen) lived() time.Duration {
	if t.StartedAt == nil || t.StoppedAt == nil {
		return 0
	}
	return t.StoppedAt.Sub(*t.StartedAt)
}

// brief is the id as people write it.
func (t TaskSeen) brief() string { return t.ID[:min(8, len(t.ID))] }
