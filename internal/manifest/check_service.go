package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// checkSize holds cpu and memory against the pairs that Fargate has.
func (r *reading) checkSize() {
	s := &r.m.Service
	of, ok := sizeOf(s.CPU)
	if !ok || !r.sound(wordService, "cpu", "memory") || of.has(s.Memory) {
		return
	}
	near := make([]string, 0, 2)
	for _, pair := range nearestSizes(s.CPU, s.Memory) {
		near = append(near, fmt.Sprintf("cpu: %d with memory: %d", pair[0], pair[1]))
	}
	hint := "the nearest are " + list(near, "or")
	cpu, memory := conf(wordService, "cpu"), conf(wordService, "memory")
	if r.vars(cpu...) || r.vars(memory...) {
		hint = "the sizes are in AWS's table of Fargate task sizes"
	}
	r.bad(r.nearer(wordService, "memory", "cpu"), hint, "Fargate has no task of %s CPU units with %s MiB",
		r.say(s.CPU, cpu...), r.say(s.Memory, memory...))
}

// checkRange holds the count against the scaling range.
func (r *reading) checkRange() {
	s := &r.m.Service
	if !r.sound(wordService, "desired_count", "min_capacity", "max_capacity") {
		return
	}
	say := func(n int32, key string) string { return r.say(n, conf(wordService, key)...) }
	least, most := say(s.MinCapacity, "min_capacity"), say(s.MaxCapacity, "max_capacity")
	switch {
	case s.MinCapacity > s.MaxCapacity:
		r.bad(r.nearer(wordService, "min_capacity", "max_capacity"), "", "min_capacity (%s) is greater than max_capacity (%s)", least, most)
	case s.DesiredCount < s.MinCapacity || s.DesiredCount > s.MaxCapacity:
		r.bad(r.nearer(wordService, "desired_count", "min_capacity", "max_capacity"), "scaling would move it at once",
			"desired_count (%s) is outside the range from min_capacity (%s) to max_capacity (%s)", say(s.DesiredCount, "desired_count"), least, most)
	}
}

// checkSchedules holds each schedule's range and their names.
func (r *reading) checkSchedules() {
	seen := map[string]bool{}
	for i, s := range r.m.Service.Schedules {
		path := conf(wordService, "schedules", strconv.Itoa(i))
		if r.broken(path...) {
			continue
		}
		if s.MinCapacity > s.MaxCapacity {
			r.bad(append(path, "min_capacity"), "", "min_capacity of schedule %s is greater than its max_capacity", r.say(s.Name, append(path, "name")...))
		}
		if seen[s.Name] {
			r.bad(append(path, "name"), "", "the schedule %s is there a second time", r.say(s.Name, append(path, "name")...))
		}
		seen[s.Name] = true
	}
}

// checkDeployment sees that a deployment can begin: ECS rounds the least number of tasks up and the greatest down,
// and must be able to start one more or to stop one.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
func (r *reading) checkDeployment() {
	s := &r.m.Service
	d := s.Deployment
	if !r.sound(wordService, "deployment", "desired_count", "min_capacity", "max_capacity") {
		return
	}
	for _, n := range []int32{s.DesiredCount, max(s.MinCapacity, 1), s.MaxCapacity} {
		least, most := (n*d.MinimumHealthyPercent+99)/100, n*d.MaximumPercent/100
		if n == 0 || most > n || least < n {
			continue
		}
		path := conf(wordService, "deployment", "maximum_percent")
		if !r.given(path...) {
			path = conf(wordService, "deployment", "minimum_healthy_percent")
		}
		r.bad(path, "raise maximum_percent, or lower minimum_healthy_percent",
			"a deployment of %d task(s) could neither start one (maximum_percent %s) nor stop one (minimum_healthy_percent %s)", n,
			r.say(d.MaximumPercent, conf(wordService, "deployment", "maximum_percent")...),
			r.say(d.MinimumHealthyPercent, conf(wordService, "deployment", "minimum_healthy_percent")...))
		return
	}
}

// checkProviders wants one that gets tasks.
func (r *reading) checkProviders() {
	weights := r.m.Service.CapacityProviders
	if len(weights) == 0 || !r.sound(wordService, "capacity_providers") {
		return
	}
	for _, weight := range weights {
		if weight > 0 {
			return
		}
	}
	r.bad(conf(wordService, "capacity_providers"), "", "one of capacity_providers must have a weight above 0")
}

// checkBuild holds what excludes each other.
func (r *reading) checkBuild() {
	s := &r.m.Service
	b := s.Build
	if b == nil || !r.sound(wordService, "build") {
		return
	}
	path := func(key string) []string { return conf(wordService, "build", key) }
	if s.Image != "" && r.has(wordService, "image") {
		r.bad(conf(wordService, "build"), "keep one of them", "image and build are both given: the image is there already, or it is built")
	}
	what := ""
	for _, key := range []string{"go", "static", "archive", "image"} {
		switch {
		case !r.given(path(key)...):
		case what == "":
			what = key
		default:
			r.bad(path(key), "keep one of them", "build has %s and %s: an image is made in one way", what, key)
		}
	}
	for _, key := range []string{"dockerfile", "target", "args"} {
		if what != "" && r.given(path(key)...) {
			r.bad(path(key), "keep "+what+" or the keys of Docker", "%s is a key of a Docker build, and build has %s", key, what)
		}
	}
	if b.Base != "" && b.Go == "" {
		hint := "a Dockerfile says its base itself (FROM)"
		if what != "" {
			hint = "drop it: " + what + " is built on none"
		}
		r.bad(path("base"), hint, "base is a key of a Go build, and build has no go")
	}
	if len(b.Command) > 0 && b.Archive == "" {
		r.bad(path("command"), "archive is the OCI layout or the tar that the command writes", "command needs archive, and build has none")
	}
	want := map[string]string{"X86_64": "linux/amd64", "ARM64": "linux/arm64"}[s.Architecture]
	if b.Platform != "" && !slices.Contains(strings.Split(b.Platform, ","), want) && r.sound(wordService, "architecture") {
		r.bad(path("platform"), "drop platform: it follows architecture", "platform %s doesn't run on architecture %s", b.Platform, s.Architecture)
	}
	for _, arg := range slices.Sorted(maps.Keys(b.Args)) {
		if looksSecret(b.Args[arg]) {
			r.leak(conf(wordService, "build", "args", arg), "args."+arg, "whoever has the image can read build arguments: give it to the container, as a secret")
		}
	}
}

// checkRepository holds a key against what it would be for.
func (r *reading) checkRepository() {
	if repo := r.m.Repository; repo.KMSKey != "" && repo.EncryptionType == "AES256" && r.sound(wordECR, "kms_key") {
		r.bad(conf(wordECR, "kms_key"), "add `encryption_type: KMS`, or take kms_key out", "kms_key is the key of encryption_type KMS, and encryption_type is AES256")
	}
}

// checkEnvironment keeps secrets out of the task definition and PORT the container's own.
func (r *reading) checkEnvironment() {
	s := &r.m.Service
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		path := conf(wordService, "environment", name)
		switch value := s.Environment[name]; {
		case r.broken(path...):
		case looksSecret(value):
			id := strings.ToLower(strings.ReplaceAll(strings.Trim(name, "_"), "_", "-"))
			r.leak(path, "environment."+name, fmt.Sprintf("make it a secret: a resource {id: %s, type: aws_secretsmanager_secret, config: {env: %s}}, and `fargatectl secrets set %s`", id, name, id))
		case name == "PORT" && value != strconv.Itoa(int(s.ContainerPort)) && r.sound(wordService, "container_port"):
			r.bad(path, "set container_port alone; PORT follows it", "PORT is the port of the container, %s", r.say(s.ContainerPort, conf(wordService, "container_port")...))
		}
	}
}

// leak reports a value that looks like a secret, without it.
func (r *reading) leak(path []string, name, hint string) {
	r.report(r.at(path), true, name+" looks like a secret", hint)
}
