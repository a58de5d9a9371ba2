package release

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// Causes that keep a container from starting. The phrases are those of the developer guide ("Amazon ECS stopped tasks
// error messages", "CannotPullContainer task errors", "ResourceInitializationError errors") and of containerd and runc;
// they differ by region and time, so that a rule looks for what stays the same in them.
var (
	pulling      = phraseOf(`CannotPull|pull image manifest|ref pull has been retried|registry auth from Amazon ECR|ecr registry auth|can't pull|cannot pull|failed to copy: httpReadSeeker`)
	ofSecrets    = phraseOf(`(?i)retrieve secrets? from (asm|ssm)|registry auth from asm|fetch(ing)? secret|secrets? manager|Systems Manager|ssm:GetParameter|pull (the )?secret '|invalid ssm parameters|secretsmanager:|kms:Decrypt`)
	ofLogs       = phraseOf(`(?i)logger args|cloudwatch log|logging driver|logs:(CreateLogStream|CreateLogGroup|PutLogEvents)`)
	noRoute      = phraseOf(`(?i)i/o timeout|connection issue|context deadline exceeded|request canceled|context canceled|RequestCanceled|no such host|TLS handshake timeout|Client\.Timeout|connection refused|network is unreachable|request send failed|send request failed`)
	refusal      = phraseOf(`(?i)AccessDenied|not authorized to perform|\b403\b|forbidden|pull access denied|no basic auth credentials|unauthorized|permissions to pull|toomanyrequests|rate limit|429 Too Many`)
	rateLimit    = phraseOf(`(?i)toomanyrequests|rate limit|429 Too Many`)
	actionName   = phraseOf(`\b(ecr|ecr-public|secretsmanager|ssm|kms|logs|sts|iam|s3):[A-Z]\w+`)
	roleName     = phraseOf(`:assumed-role/([\w+=,.@-]+)|:role/(?:[\w+=,.@-]+/)*([\w+=,.@-]+)`)
	secretARN    = phraseOf(`arn:aws[\w-]*:(?:secretsmanager|ssm):[\w-]+:\d{12}:(?:secret:|parameter)([\w/+=.@!-]+)`)
	parameter    = phraseOf(`(?i)invalid (?:ssm )?parameters?: \[?([\w/.-]+)`)
	jsonKey      = phraseOf(`json key "?([\w.-]+)`)
	imageRef     = phraseOf(`(?:resolve ref|resolve reference|image|pull|repository|manifest for) '?"?([\w.-]+[.:/][\w./:@-]*\w)`)
	platformName = phraseOf(`platform '([\w/]+)`)
	programName  = phraseOf(`exec:? \\?"([^"\\]+)|exec (/\S+?):`)
	logGroup     = phraseOf(`log[- ]group[: ]'?([\w/.#-]+/[\w/.#-]+)`)
	noUser       = phraseOf(`unable to find (?:user|group) ([\w.-]+)`)
)

var startCauses = []Cause{
	{
		"SecretKeyMissing", "A secret is JSON and lacks the key that the task definition names.",
		"Write the key into the secret's value, or name another one behind the secret in `secrets`.", secretKeyMissing,
	},
	{
		"SecretDenied", "The execution role may not read a secret, or may not decrypt it with its KMS key.",
		"Allow the action to the execution role: `fargatectl up` does it for secrets of the manifest; allow `kms:Decrypt` for a key of your own.", secretDenied,
	},
	{
		"SecretMissing", "A secret or a parameter is not there, or has no value yet.",
		"Give it a value: `fargatectl secrets set NAME --from-file FILE`.", secretMissing,
	},
	{
		"NoRouteToSecrets", "A task can't reach Secrets Manager or Parameter Store.",
		"Give its subnets a NAT gateway (`nat`) or the endpoint `secretsmanager` (`endpoints`), and let its security group out on port 443.", noRouteToSecrets,
	},
	{
		"LogsDenied", "The execution role may not write to the log group.",
		"Allow `logs:CreateLogStream` and `logs:PutLogEvents` to the execution role: `fargatectl up` does it for a role that it made.", logsDenied,
	},
	{
		"LogGroupMissing", "The log group of a container is not there.",
		"Make it: `fargatectl up`, or `aws logs create-log-group`.", logGroupMissing,
	},
	{
		"PlatformMismatch", "The image is not built for the processor that the task asks for.",
		"Build it for that processor, or set `architecture` to what it is built for.", platformMismatch,
	},
	{
		"DiskFull", "The disk of the task is full.",
		"Set `ephemeral_storage` (21 to 200 GiB), or make the image or what it writes smaller.", diskFull,
	},
	{
		"NoRouteToRegistry", "A task can't reach the registry that its image is in.",
		"Give its subnets a NAT gateway (`nat`) or the endpoints `ecr.api`, `ecr.dkr` and S3's (`endpoints`), or its tasks public addresses (`assign_public_ip`); let its security group out on port 443.", noRouteToRegistry,
	},
	{
		"RegistryDenied", "The registry refuses the pull: the execution role lacks the permission, or the registry wants other credentials or fewer pulls.",
		"Allow `ecr:GetAuthorizationToken`, `ecr:BatchGetImage` and `ecr:GetDownloadUrlForLayer` to the execution role, and look at the repository's policy; copy an image of a public registry that limits pulls to ECR.", registryDenied,
	},
	{
		"CannotPullContainer", "The image is not in the registry: no such repository, tag or digest.",
		"Push it, or name one that is there: `aws ecr describe-images` lists them.", cannotPull,
	},
	{
		"UserNotFound", "The user that the image or the task definition names is not in the image.",
		"Name one that is in its /etc/passwd, or a number, in the Dockerfile's USER.", userNotFound,
	},
	{
		"ExecFormatError", "The program in the image is for another processor, or a script without a first line that names its shell.",
		"Build the image for the processor of the task (`architecture`), or begin the script with #!/bin/sh.", execFormat,
	},
	{
		"CommandNotFound", "The program that the container is to run is not in the image, or can't be run.",
		"Correct the Dockerfile's ENTRYPOINT or CMD, or `command`.", commandNotFound,
	},
}

// pullText is what AWS says of an image that can't be pulled, "" when it is about something else.
func (e *Evidence) pullText(t TaskSeen) string {
	if text := e.told(t, pulling); text != "" && !ofSecrets.MatchString(text) {
		return text
	}
	return ""
}

// pulled is the image that a text is about, else the release's.
func (e *Evidence) pulled(text string) string {
	if m := imageRef.FindStringSubmatch(text); len(m) > 1 && strings.Contains(m[1], "/") {
		return strings.TrimSuffix(m[1], ":")
	}
	return e.Image
}

func cannotPull(e *Evidence, t TaskSeen) *finding {
	text := e.pullText(t)
	if text == "" || !strings.Contains(text, "CannotPull") && !strings.Contains(text, "not found") {
		return nil
	}
	image := e.pulled(text)
	hint := "push it, or deploy one that is there: fargatectl deploy --image REF"
	if repository, ok := ecrRepository(image); ok {
		hint += "; aws ecr describe-images --repository-name " + repository + " lists those there are"
	}
	if !regexp.MustCompile(`(?i)not found|unknown|does not exist|404|exists`).MatchString(text) {
		return found("see the words of AWS above; pull it yourself to see more: docker pull "+image, "the image %s can't be pulled", image)
	}
	return found(hint, "the image %s is not in its registry", image)
}

// ecrRepository is the repository of an image in ECR.
func ecrRepository(image string) (string, bool) {
	host, path, ok := strings.Cut(image, "/")
	path, _, _ = strings.Cut(path, "@")
	path, _, _ = strings.Cut(path, ":")
	return path, ok && strings.Contains(host, ".dkr.ecr.")
}

func registryDenied(e *Evidence, t TaskSeen) *finding {
	text := e.pullText(t)
	if text == "" || !refusal.MatchString(text) {
		return nil
	}
	image := e.pulled(text)
	if rateLimit.MatchString(text) {
		return found("wait and deploy again, or copy the image to ECR, which does not count pulls", "the registry allows no more pulls of %s for now", image)
	}
	if what := actionName.FindString(text); what != "" {
		return found("allow "+what+" to that role"+e.up("a role that it made")+"; see the repository's policy, too", "the execution role %s may not %s, so %s can't be pulled", e.role(text), what, image)
	}
	return found("allow ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer to the execution role, or give the registry's credentials", "the registry refuses the pull of %s to the execution role %s", image, e.role(text))
}

// role is the role that a text of AWS's is about, else the execution role.
func (e *Evidence) role(text string) string {
	if m := roleName.FindStringSubmatch(text); m != nil {
		return strings.TrimSuffix(m[1]+m[2], ".")
	}
	return cmp.Or(short(e.ExecutionRole), "(none)")
}

func noRouteToRegistry(e *Evidence, t TaskSeen) *finding {
	text := e.pullText(t)
	if text == "" || !noRoute.MatchString(text) || refusal.MatchString(text) {
		return nil
	}
	return found(e.wayOut("ecr.api, ecr.dkr and s3"), "the tasks can't reach the registry of %s: their network has no way to it", e.pulled(text))
}

// wayOut is how tasks get a way to AWS's services.
func (e *Evidence) wayOut(endpoints string) string {
	if e.Foreign {
		return "give the tasks' subnets (" + strings.Join(e.Subnets, ", ") + ") a route to a NAT gateway or the VPC endpoints of " + endpoints + ", or the tasks public addresses, and let their security group out on port 443"
	}
	return "give the VPC a way out: nat: single, or endpoints: for " + endpoints + " (aws_vpc), or assign_public_ip: true (aws_ecs_service); then fargatectl up"
}

func platformMismatch(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, regexp.MustCompile(`(?i)descriptor matching platform|no match(ing manifest)? for (platform )?(in manifest)?|no matching manifest`))
	if text == "" {
		return nil
	}
	want := "the task's processor (" + e.Architecture + ")"
	if m := platformName.FindStringSubmatch(text); m != nil {
		want = m[1]
	}
	return found(e.build(), "the image %s is not built for %s", e.pulled(text), want)
}

// build is how an image fits the task's processor.
func (e *Evidence) build() string {
	target := map[string]string{"ARM64": "linux/arm64"}[e.Architecture]
	return "build it for the task's processor: docker build --platform " + cmp.Or(target, "linux/amd64") + "; or set the processor that it is built for: " + e.setting("architecture", "runtimePlatform of the task definition")
}

func logsDenied(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, ofLogs)
	if text == "" || !refusal.MatchString(text) {
		return nil
	}
	what := cmp.Or(actionName.FindString(text), "logs:CreateLogStream")
	return found("allow "+what+" to that role"+e.up("a role that it made"), "the execution role %s may not %s, so the container can't log to %s", e.role(text), what, e.group(text))
}

func logGroupMissing(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, ofLogs)
	if text == "" {
		return nil
	}
	group := e.group(text)
	if strings.Contains(text, "does not exist") || strings.Contains(text, "ResourceNotFound") {
		hint := "make it: aws logs create-log-group --log-group-name " + group
		if !e.Foreign {
			hint = "make it: fargatectl up"
		}
		return found(hint, "the log group %s does not exist", group)
	}
	if noRoute.MatchString(text) { // AWS says both: it can't find the group, and the network is to be checked
		return found("see that it is there (aws logs describe-log-groups --log-group-name-prefix "+group+"), and "+e.wayOut("logs"), "the tasks can't find the log group %s", group)
	}
	return nil
}

// group is the log group that a text is about, else that of the release's container.
func (e *Evidence) group(text string) string {
	if m := logGroup.FindStringSubmatch(text); m != nil {
		return strings.TrimSuffix(m[1], ":log-stream")
	}
	return cmp.Or(e.definition(e.Container).LogGroup, "of the task definition")
}

func userNotFound(e *Evidence, t TaskSeen) *finding {
	text := cmp.Or(e.told(t, noUser), e.logged(t, noUser))
	if text == "" {
		return nil
	}
	name := noUser.FindStringSubmatch(text)[1]
	return found("name a user that is in the image's /etc/passwd, or a number, in the Dockerfile's USER (user of the task definition)", "the user %s is not in the image %s", name, e.Image)
}

func execFormat(e *Evidence, t TaskSeen) *finding {
	re := regexp.MustCompile(`(?i)exec format error`)
	line := e.logged(t, re)
	if line == "" && e.told(t, re) == "" {
		return nil
	}
	f := found(e.build(), "the program in the image %s is not for the task's processor, %s", e.Image, e.Architecture)
	if line != "" {
		f.quote = []string{"log: " + line}
	}
	return f
}

func commandNotFound(e *Evidence, t TaskSeen) *finding {
	re := regexp.MustCompile(`executable file not found in|exec.*: no such file or directory|exec: .*no such file|exec.*: permission denied|starting container process.*(no such file|permission denied)`)
	text := e.told(t, re)
	c := e.culprit(t)
	if code := val(c.ExitCode); text == "" && (code == 126 || code == 127) { // a shell's own
		text = cmp.Or(e.logged(t, regexp.MustCompile(`not found|No such file|[Pp]ermission denied`)), fmt.Sprintf("exit code %d", code))
	}
	if text == "" || strings.Contains(t.StoppedReason, "health checks") {
		return nil
	}
	what := "the program that it is to run"
	if m := programName.FindStringSubmatch(text); m != nil {
		what = cmp.Or(m[1], m[2])
	}
	hint := "correct the ENTRYPOINT or CMD of the Dockerfile, or " + e.setting("command", "command of the task definition")
	if strings.Contains(strings.ToLower(text), "permission denied") || val(c.ExitCode) == 126 {
		return found("make it executable in the Dockerfile (COPY --chmod=755, RUN chmod +x)", "the container can't run %s of the image %s: permission denied", what, e.Image)
	}
	return found(hint, "the container can't start: %s is not in the image %s", what, e.Image)
}
