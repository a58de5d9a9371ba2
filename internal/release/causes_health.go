package release

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Causes of tasks that run, and are stopped because a health check fails. The balancer's reasons are those of the API
// reference (TargetHealth: Target.ResponseCodeMismatch, Target.Timeout, Target.FailedHealthChecks) with its descriptions,
// which stand in the service's events, too: "… is unhealthy in (target-group …) due to (reason Health checks failed with
// these codes: [404])".
var healthCauses = []Cause{
	{
		"HealthCheckToolMissing", "The command of the container's health check is not in the image.",
		"Install it, or use one that is there; a balancer's health check needs none.", toolMissing,
	},
	{
		"ContainerHealthCheck", "The health check inside the container fails.",
		"Run its command in the container; give a slow start more `start_period`.", containerCheck,
	},
	{
		"SecurityGroupBlocks", "The tasks' security group does not let the balancer in on the container's port.",
		"Allow the port from the balancer's security group: `fargatectl up` does it for groups that it made.", groupBlocks,
	},
	{
		"HealthCheckPath", "The balancer's health check gets 404: the path is not there.",
		"Set `health_check.path` to one that answers, or have the program answer it.", checkPath,
	},
	{
		"HealthCheckStatus", "The balancer's health check gets another status than it expects.",
		"Have the path answer 200 without a login and without a redirect, or set `health_check.matcher`.", checkStatus,
	},
	{
		"SlowStart", "The program needs longer to start than the grace period lets it.",
		"Raise `health_check_grace_period` above the time it needs, or start faster.", slowStart,
	},
	{
		"PortMismatch", "Nothing listens on the port that the balancer asks.",
		"Have the program listen on 0.0.0.0 and on PORT, or set `container_port` to its port.", portMismatch,
	},
	{
		"HealthCheckTimeout", "The balancer's health check gets no answer in time.",
		"Have the path answer faster (no database in it), or raise `health_check.timeout`; give the task more `cpu`.", checkTimeout,
	},
}

var (
	statusCodes   = phraseOf(`these codes: \[([\d, ]+)\]`)
	timedOut      = phraseOf(`(?i)Target\.Timeout|request timed out|timed out`)
	refused       = phraseOf(`(?i)Target\.FailedHealthChecks|Health checks failed$|Health checks failed\)|connection refused|failed health checks|connection`)
	unhealthy     = phraseOf(`is unhealthy in \(target-group`)
	listens       = phraseOf(`(?i)(?:listen|running|started|serving|bound|ready|up)\w*\b.*?(?:[:\s]|port\s*[=:]?\s*)(\d{2,5})(?:[^\d.]|$)`)
	stillStarting = phraseOf(`(?i)\b(starting|still|warming|warm-?up|loading|migrat\w+|initiali[sz]\w+|compiling|waiting|booting|building|bootstrapping)\b`)
)

// balanced says whether a task was stopped because the balancer found it unhealthy.
func (t TaskSeen) balanced() bool {
	return strings.Contains(t.StoppedReason, "ELB health checks") || strings.Contains(t.StoppedReason, "load balancer health checks")
}

// targetSaid is what the balancer said of a task that failed its checks: of its target, else in the service's events.
func (e *Evidence) targetSaid(t TaskSeen) string {
	var all []string
	for _, target := range e.Targets {
		if t.PrivateIP != "" && target.ID == t.PrivateIP {
			all = append(all, target.Reason+" "+target.Description)
		}
	}
	if len(all) == 0 {
		all = append(all, e.event(t, unhealthy), t.StoppedReason)
	}
	return strings.TrimSpace(strings.Join(all, " "))
}

// fails gives a finding about a balancer's check its quote.
func (e *Evidence) fails(t TaskSeen, f *finding) *finding {
	c := e.check()
	f.quote = append(f.quote, "target: "+e.targetSaid(t))
	if c.Path != "" {
		f.quote = append(f.quote, fmt.Sprintf("health check: GET %s on port %d, wants %s within %ds, every %ds, %d failures in a row", c.Path, c.port(), cmp.Or(c.Matcher, "200"), c.Timeout, c.Interval, c.Unhealthy))
	}
	return f
}

// port is the one that the check asks.
func (c CheckSeen) port() int32 {
	if n, err := strconv.ParseInt(c.CheckPort, 10, 32); err == nil {
		return int32(n)
	}
	return c.Port
}

func (e *Evidence) statusCode(t TaskSeen) string {
	if !t.balanced() {
		return ""
	}
	if m := statusCodes.FindStringSubmatch(e.targetSaid(t)); m != nil {
		return m[1]
	}
	return ""
}

func checkPath(e *Evidence, t TaskSeen) *finding {
	if e.statusCode(t) != "404" {
		return nil
	}
	c := e.check()
	return e.fails(t, found("set "+e.check().key("path", e)+" to a path that answers "+cmp.Or(c.Matcher, "200")+", or have the program answer "+cmp.Or(c.Path, "it"),
		"the balancer's health check gets 404: container %s has no %s on port %d", e.Container, cmp.Or(c.Path, "such path"), c.port()))
}

// key is where a setting of the check is.
func (c CheckSeen) key(name string, e *Evidence) string {
	if e.Foreign {
		return "the health check's " + name + " of the target group"
	}
	return "health_check: { " + name + ": … } (aws_alb in the manifest)"
}

func checkStatus(e *Evidence, t TaskSeen) *finding {
	code := e.statusCode(t)
	if code == "" {
		return nil
	}
	c := e.check()
	hint := "have " + cmp.Or(c.Path, "the path") + " answer " + cmp.Or(c.Matcher, "200") + ", or set " + c.key("matcher", e)
	switch {
	case code == "401" || code == "403":
		hint = "have " + cmp.Or(c.Path, "the path") + " answer without a login, or set " + c.key("path", e) + " to one that does"
	case strings.HasPrefix(code, "3"):
		hint = "have " + cmp.Or(c.Path, "the path") + " answer without a redirect (the balancer asks by HTTP, with the task's address as host), or set " + c.key("path", e)
	case strings.HasPrefix(code, "5"):
		hint = "read the log: the program itself answers " + code + "; fargatectl logs tail --since 30m"
	}
	return e.fails(t, found(hint, "the balancer's health check of %s on port %d gets %s, and wants %s", cmp.Or(c.Path, "/"), c.port(), code, cmp.Or(c.Matcher, "200")))
}

func groupBlocks(e *Evidence, t TaskSeen) *finding {
	c := e.check()
	said := e.targetSaid(t)
	if !t.balanced() || !c.Blocked || !timedOut.MatchString(said) && !refused.MatchString(said) {
		return nil
	}
	hint := "allow it" + e.up("groups that it made")
	if len(c.Tasks) > 0 && len(c.Balancer) > 0 {
		hint += fmt.Sprintf("; or aws ec2 authorize-security-group-ingress --group-id %s --protocol tcp --port %d --source-group %s", c.Tasks[0], c.port(), c.Balancer[0])
	}
	return e.fails(t, found(hint, "the tasks' security group (%s) does not let the balancer (%s) in on port %d", strings.Join(c.Tasks, ", "), strings.Join(c.Balancer, ", "), c.port()))
}

func checkTimeout(e *Evidence, t TaskSeen) *finding {
	if !t.balanced() || !timedOut.MatchString(e.targetSaid(t)) {
		return nil
	}
	c := e.check()
	return e.fails(t, found("have "+cmp.Or(c.Path, "the path")+" answer at once (no database in it), raise "+c.key("timeout", e)+", or give the task more cpu",
		"container %s does not answer the balancer's health check of %s on port %d within %ds", e.Container, cmp.Or(c.Path, "/"), c.port(), c.Timeout))
}

// portMismatch is a connection that is refused: nothing listens. The log may tell where the program listens instead.
func portMismatch(e *Evidence, t TaskSeen) *finding {
	said := e.targetSaid(t)
	if !t.balanced() || !refused.MatchString(said) || timedOut.MatchString(said) {
		return nil
	}
	c := e.check()
	hint := "have the program listen on 0.0.0.0 and on the port in PORT, or set " + e.setting("container_port", "containerPort of the task definition")
	if line, port := e.listening(t); port != 0 && port != c.port() {
		f := found(fmt.Sprintf("set %s to %d, or have the program listen on PORT (%d)", e.setting("container_port", "containerPort of the task definition"), port, c.port()),
			"nothing listens on port %d, which the balancer asks: the log says that container %s listens on %d", c.port(), e.Container, port)
		f.quote = []string{"log: " + line}
		return e.fails(t, f)
	} else if port != 0 && regexp.MustCompile(`127\.0\.0\.1|localhost`).MatchString(line) {
		hint = "have the program listen on 0.0.0.0: on 127.0.0.1 only the container itself reaches it"
	}
	return e.fails(t, found(hint, "nothing answers on port %d of container %s: the balancer's connections fail", c.port(), e.Container))
}

// listening is the last line of a task's log that says on which port the program listens.
func (e *Evidence) listening(t TaskSeen) (line string, port int32) {
	for _, l := range e.log(t.ID, e.Container) {
		if m := listens.FindStringSubmatch(l.Message); m != nil {
			if n, err := strconv.ParseInt(m[1], 10, 32); err == nil && n < 65536 {
				line, port = l.Message, int32(n)
			}
		}
	}
	return line, port
}

// slowStart is a task that was stopped while it was still starting: by its log it came to listen only after the time that
// it has, or not at all before its end.
func slowStart(e *Evidence, t TaskSeen) *finding {
	if !t.balanced() || t.StartedAt == nil || e.statusCode(t) != "" && !strings.HasPrefix(e.statusCode(t), "503") {
		return nil
	}
	c := e.check()
	has := max(time.Duration(e.Grace)*time.Second, time.Duration(c.Interval*c.Unhealthy)*time.Second)
	lines := e.log(t.ID, e.Container)
	i := slices.IndexFunc(lines, func(l LogLine) bool {
		m := listens.FindStringSubmatch(l.Message)
		return len(m) > 1 && m[1] == strconv.Itoa(int(c.Port))
	})
	needs, quote := "", ""
	switch {
	case i >= 0 && lines[i].Time.Sub(*t.StartedAt) >= has-time.Duration(c.Interval)*time.Second:
		needs = "it was ready only " + took(lines[i].Time.Sub(*t.StartedAt)) + " after its start"
		quote = lines[i].Message
	case i < 0 && len(lines) > 0 && stillStarting.MatchString(lines[len(lines)-1].Message):
		needs, quote = "it was still starting when it was stopped", lines[len(lines)-1].Message
	default:
		return nil
	}
	f := found(fmt.Sprintf("raise %s (%d s now) above the time that it needs, or start faster", e.setting("health_check_grace_period", "healthCheckGracePeriodSeconds of the service"), e.Grace),
		"container %s starts too slowly: %s, and the grace period is %ds", e.Container, needs, e.Grace)
	f.quote = []string{"log: " + quote}
	return e.fails(t, f)
}

// contained says whether a task was stopped because of its containers' own health checks.
func (t TaskSeen) contained() bool {
	return strings.Contains(t.StoppedReason, "container health checks")
}

// checked is the container whose own health check failed.
func (e *Evidence) checked(t TaskSeen) ContainerSeen {
	for _, c := range t.Containers {
		if d := e.definition(c.Name); c.Health == "UNHEALTHY" && len(d.HealthCheck) > 0 {
			return d
		}
	}
	for _, d := range e.Containers {
		if len(d.HealthCheck) > 0 {
			return d
		}
	}
	return e.definition(e.Container)
}

func containerCheck(e *Evidence, t TaskSeen) *finding {
	if !t.contained() {
		return nil
	}
	c := e.checked(t)
	f := found("run it in the container to see what it says (docker run --entrypoint sh "+c.Image+"); give a slow start more "+e.setting("health_check.start_period", "healthCheck.startPeriod of the task definition"),
		"%s", strings.TrimSuffix(fmt.Sprintf("the health check inside container %s fails: %s", c.Name, command(c)), ": "))
	return f
}

// command is a container's health check as it would be typed.
func command(c ContainerSeen) string {
	words := c.HealthCheck
	if len(words) > 0 && strings.HasPrefix(words[0], "CMD") {
		words = words[1:]
	}
	return strings.Join(words, " ")
}

// shellLacks is what a shell says of a program that is not there, as busybox and dash put it.
var shellLacks = regexp.MustCompile(`\bsh: (?:\d+: )?([\w.-]+): not found$`)

func toolMissing(e *Evidence, t TaskSeen) *finding {
	c := e.checked(t)
	tool, _, _ := strings.Cut(command(c), " ")
	tool = tool[strings.LastIndexByte(tool, '/')+1:]
	if !t.contained() {
		return nil
	}
	if m := shellLacks.FindStringSubmatch(e.logged(t, shellLacks)); tool == "" && m != nil { // the rehearsal of a service without a check
		tool = m[1]
	}
	if tool == "" {
		return nil
	}
	missing := regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(tool) + `["']?: (?:.*: )?(?:not found|executable file not found|no such file or directory|command not found)|` + regexp.QuoteMeta(tool) + `: command not found`)
	line, text := e.logged(t, missing), e.told(t, missing)
	if line == "" && text == "" {
		return nil
	}
	f := found("install "+tool+" in the image, or check with what is there; the balancer's own health check needs no tool: leave "+e.setting("health_check", "healthCheck of the task definition")+" out",
		"the health check of container %s runs %s, which is not in the image %s", c.Name, tool, c.Image)
	if line != "" {
		f.quote = []string{"log: " + line}
	}
	return f
}
