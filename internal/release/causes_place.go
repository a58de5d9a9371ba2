package release

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Causes that lie in the account and in AWS itself. The phrases are those of the developer guide ("Amazon ECS service
// event messages", "Stopped tasks error codes").
var placeCauses = []Cause{
	{
		"RoleNotAssumable", "ECS can't assume a role of the task definition.",
		"Have its trust policy name ecs-tasks.amazonaws.com: `fargatectl up` does it for roles that it made.", roleNotAssumable,
	},
	{
		"VCPULimit", "The account runs as many vCPUs, or tasks, as its quota allows.",
		"Stop something, or ask for a higher quota: Fargate, L-3032A538 (On-Demand) or L-36FBB829 (Spot).", vcpuLimit,
	},
	{
		"SubnetFull", "A subnet has no free address for another task.",
		"Use larger subnets, or others; stop what uses them.", subnetFull,
	},
	{
		"NetworkTimeout", "A task's network interface was not ready in time.",
		"Deploy again: it is AWS's side as a rule.", networkTimeout,
	},
	{
		"NoCapacity", "AWS has no Fargate capacity in the zone at this time.",
		"Deploy again later, use more zones, or mix FARGATE with FARGATE_SPOT (`capacity_providers`).", noCapacity,
	},
	{
		"SpotInterruption", "AWS took the Spot capacity of a task back.",
		"Deploy again; give FARGATE a share in `capacity_providers`.", spotInterruption,
	},
	{
		"InternalError", "An error on AWS's side.",
		"Deploy again; look at the AWS Health Dashboard when it stays.", internalError,
	},
}

// endCauses are those from outside the tasks, that end a deployment whatever its tasks do.
var endCauses = []Cause{
	{
		"AlarmTriggered", "A CloudWatch alarm of the deployment went off.",
		"See what the alarm measures; the new release may really be worse.", alarmTriggered,
	},
	{
		"StoppedByUser", "Somebody stopped the deployment.",
		"Ask who did (CloudTrail: StopServiceDeployment); deploy again when it was not meant.", stoppedByUser,
	},
}

func roleNotAssumable(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, regexp.MustCompile(`(?i)unable to assume the role|is not able to assume role|not authorized to perform: sts:AssumeRole|can't assume`))
	if text == "" {
		return nil
	}
	role := e.role(text)
	return found("have its trust policy allow sts:AssumeRole to ecs-tasks.amazonaws.com"+e.up("a role that it made"), "ECS can't assume the role %s", role).quoting("event: " + text)
}

// quoting adds a sentence of AWS's, unless it is about a task: that is quoted with it.
func (f *finding) quoting(text string) *finding {
	if strings.Contains(text, "service ") || strings.Contains(text, "(service") {
		f.quote = append(f.quote, text)
	}
	return f
}

func vcpuLimit(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, regexp.MustCompile(`(?i)reached the limit on the number of (vCPUs|tasks)|(CPU|MEMORY) configuration is above your limit|vCPU limit`))
	if text == "" {
		return nil
	}
	quota := "L-3032A538"
	if e.spot(t) {
		quota = "L-36FBB829"
	}
	return found("stop what is not needed, or ask for more: aws service-quotas request-service-quota-increase --service-code fargate --quota-code "+quota+" --desired-value N",
		"the account runs as many Fargate vCPUs as its quota allows, so no new task fits in").quoting("event: " + text)
}

func (e *Evidence) spot(t TaskSeen) bool {
	return t.Capacity == "FARGATE_SPOT" || slices.ContainsFunc(e.Events, func(ev EventStatus) bool { return strings.Contains(ev.Message, "FARGATE_SPOT") })
}

func subnetFull(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, regexp.MustCompile(`(?i)insufficient ?free ?addresses|not enough free addresses|enough free addresses|no free addresses`))
	if text == "" {
		return nil
	}
	subnet := strings.Join(e.Subnets, " or ")
	if id := regexp.MustCompile(`subnet-\w+`).FindString(text); id != "" {
		subnet = id
	}
	hint := "add subnets, or larger ones (private_subnets, public_subnets of aws_vpc), or stop what uses their addresses"
	if e.Foreign {
		hint = "use other subnets, or stop what uses the addresses of these"
	}
	return found(hint, "the subnet %s has no free address for another task", subnet).quoting("event: " + text)
}

func networkTimeout(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, regexp.MustCompile(`(?i)network interface provisioning|provision(ing)? (of )?(the )?network interface|Create Network Interface`))
	if text == "" {
		return nil
	}
	return found("deploy again; when it stays, look at the AWS Health Dashboard and at the quota of network interfaces", "the network interface of a task was not ready in time").quoting("event: " + text)
}

func noCapacity(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, regexp.MustCompile(`(?i)capacity is unavailable|unavailable capacity|insufficient capacity|no capacity`))
	if text == "" {
		return nil
	}
	what := "Fargate"
	hint := "deploy again later, use subnets in more zones, or let FARGATE_SPOT help (" + e.setting("capacity_providers", "capacity provider strategy of the service") + ")"
	if e.spot(t) {
		what, hint = "Fargate Spot", "give FARGATE a weight in capacity_providers, or deploy again later"
	}
	where := ""
	if zone := regexp.MustCompile(`\b[a-z]{2}-[a-z-]+-\d[a-z]\b`).FindString(text); zone != "" || t.Zone != "" {
		where = " in " + cmp.Or(zone, t.Zone)
	}
	return found(hint, "AWS has no %s capacity%s at this time", what, where).quoting("event: " + text)
}

func spotInterruption(_ *Evidence, t TaskSeen) *finding {
	if t.StopCode != "SpotInterruption" && !strings.Contains(t.StoppedReason, "Spot Task was interrupted") && !strings.Contains(t.StoppedReason, "spot interruption") {
		return nil
	}
	return found("deploy again; give FARGATE a weight in capacity_providers, so that not all tasks run on Spot", "AWS took the Spot capacity of the new tasks back")
}

func internalError(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, regexp.MustCompile(`InternalError|(?i)internal (service )?error|an unexpected error occurred|unexpected EC2 error`))
	if text == "" {
		return nil
	}
	return found("deploy again; when it stays, see the AWS Health Dashboard, and whether Fargate serves the zones of the subnets", "an error on AWS's side kept tasks from starting").quoting("event: " + text)
}

func alarmTriggered(e *Evidence, _ TaskSeen) *finding {
	byAlarm := regexp.MustCompile(`(?i)\balarms?\b`).MatchString(e.Deployment.Reason)
	if len(e.Deployment.Alarms) == 0 && !byAlarm {
		return nil
	}
	names := strings.Join(e.Deployment.Alarms, ", ")
	hint := "see what it measures: aws cloudwatch describe-alarms --alarm-names " + strings.Join(e.Deployment.Alarms, " ")
	if names == "" {
		names, hint = "of the deployment", "see which alarms the service has, and what they measure: aws cloudwatch describe-alarms --state-value ALARM"
	}
	return found(hint, "the alarm %s went off while the new release was coming up", names)
}

func stoppedByUser(e *Evidence, _ TaskSeen) *finding {
	if !regexp.MustCompile(`(?i)\buser\b|StopServiceDeployment|manually|was requested|requested (a )?(rollback|stop)|stopped by (a )?request`).MatchString(e.Deployment.Reason) {
		return nil
	}
	f := found("deploy again when it was not meant; CloudTrail knows who it was (event StopServiceDeployment)", "somebody stopped the deployment")
	if e.halted {
		f.hint, f.summary = "what was there before runs again; the same command again deploys anew", "you stopped it"
	}
	for _, t := range e.failed() {
		f.quote = append(f.quote, "before that, task "+t.brief()+": "+t.said())
		break
	}
	return f
}
