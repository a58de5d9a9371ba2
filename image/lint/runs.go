package lint

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fargatectl/fargatectl/image/dockerfile"
)

// tooLarge is the size of an image, compressed, that slows every task's start down: Fargate keeps none of it.
const tooLarge = 500e6

// runs is for how the image runs: what the Dockerfile says of it, and the image itself where there is one, which knows what
// it has from its base.
func (l *linter) runs() {
	l.user()
	l.passwd()
	l.unused()
	if l.NoIndex != "" {
		l.add("no-index", nil, "%s has no index.html: / is answered with 404", l.NoIndex)
	}
	l.signals()
	l.ports()
	if l.file != nil && l.last.health == nil && !l.HealthCheck && (l.Built == nil || l.Built.Config.Config.Healthcheck == nil) {
		l.add("healthcheck", l.at(nil), "ECS only sees whether the program lives, not whether it answers")
	}
	if l.Built == nil {
		return
	}
	if c := l.Built.Config; l.Platform != "" && c.Architecture != "" {
		l.architecture(c.OS+"/"+c.Architecture, l.at(nil))
	}
	sum, largest := int64(0), int64(0)
	for _, n := range l.Built.Layers {
		sum, largest = sum+n, max(largest, n)
	}
	if sum > tooLarge {
		l.add("image-size", l.at(nil), "the image has %d MB compressed, and its largest layer %d MB", sum/1e6, largest/1e6)
	}
}

// at is an instruction, or else FROM of the stage that is built; nil for an image alone.
func (l *linter) at(i *dockerfile.Instruction) *dockerfile.Instruction {
	if i == nil && l.target != nil {
		return l.target.From
	}
	return i
}

// drops finds what begins as root and goes on as somebody else.
var drops = regexp.MustCompile(`\b(gosu|su-exec|setpriv|s6-setuidgid|runuser|chpst)\b`)

// lowly are images that run as somebody else than root, by their names.
var lowly = regexp.MustCompile(`nonroot|rootless|unprivileged|^cgr\.dev/|(^|/)bitnami/|(^|/)chainguard/`)

func (l *linter) user() {
	const asRoot = "the container runs as root"
	x, report := &l.last, l.add
	for _, s := range l.chain() {
		for _, i := range s.Instructions {
			if drops.MatchString(i.Text) {
				report = l.doubt
			}
		}
	}
	switch {
	case l.Built != nil:
		if isRoot(l.Built.Config.Config.User) {
			report("non-root", l.at(x.user), asRoot)
		}
	case x.user != nil:
		if isRoot(x.userName) {
			report("non-root", x.user, asRoot)
		}
	case l.chain()[0].ref == scratch:
		report("non-root", l.at(nil), asRoot)
	case !lowly.MatchString(l.chain()[0].ref):
		l.doubt("non-root", l.at(nil), "without USER, %s", asRoot+" unless the base image says otherwise")
	}
}

// isRoot reads USER: a name or a number, and a group.
func isRoot(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	n, err := strconv.Atoi(name)
	return name == "" || name == "root" || err == nil && n == 0
}

// passwd is for a USER whose name an image on scratch can't know: the container does not start. Only what is copied there may
// bring the names along.
func (l *linter) passwd() {
	x := &l.last
	name, _, _ := strings.Cut(x.userName, ":")
	if _, err := strconv.Atoi(name); x.user == nil || err == nil || name == "root" || name == unknown || l.chain()[0].ref != scratch {
		return
	}
	report := l.add
	for _, s := range l.chain() {
		for _, i := range s.Instructions {
			switch l.bringsNames(i) {
			case sure:
				return
			case maybe:
				report = l.doubt
			}
		}
	}
	report("unknown-user", x.user, "there is no user %s in an image on scratch: the container would not start", name)
}

// What an instruction may do.
const (
	never = iota
	maybe
	sure
)

// bringsNames says whether an instruction puts something to where /etc/passwd is.
func (l *linter) bringsNames(i *dockerfile.Instruction) int {
	if i.Name == "RUN" || i.Name == "ADD" {
		return maybe
	}
	if i.Name != "COPY" || len(i.Args) < 2 {
		return never
	}
	sources, dest := i.Args[:len(i.Args)-1], i.Args[len(i.Args)-1]
	switch {
	case strings.HasPrefix(dest, "/etc"):
		return sure
	case strings.HasPrefix(dest, "/") && path.Clean(dest) != "/" && !strings.Contains(dest, "$"):
		return never
	case !i.Has("from") && !slices.ContainsFunc(sources, func(s string) bool { return l.Context == nil || !l.Context.Has(path.Clean(s)) }):
		return never // files, and not folders
	}
	return maybe
}

// unused is for build arguments that nothing takes: a name that is mistyped has no other effect.
func (l *linter) unused() {
	if l.file == nil {
		return
	}
	taken := map[string]bool{}
	all := slices.Clone(l.file.Args)
	for _, s := range l.stages {
		all = append(all, s.Instructions...)
	}
	for _, i := range all {
		for _, p := range i.Pairs {
			taken[p.Name] = taken[p.Name] || i.Name == "ARG"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Args)) {
		if !taken[name] && !everywhere.MatchString(name) {
			l.add("unused-arg", nil, "no ARG takes the build argument %s", name)
		}
	}
}

// everywhere are arguments that every build knows without ARG (docs.docker.com/reference/dockerfile, "Predefined ARGs").
var everywhere = regexp.MustCompile(`(?i)^((http|https|ftp|no|all)_proxy|SOURCE_DATE_EPOCH|BUILDKIT_.*|(BUILD|TARGET)(PLATFORM|OS|ARCH|VARIANT|STAGE))$`)

// signals is for how the program is told to end.
func (l *linter) signals() {
	x := &l.last
	signal := x.signal
	if l.Built != nil {
		signal = l.Built.Config.Config.StopSignal
	}
	if slices.Contains([]string{"KILL", "9", "STOP", "19"}, strings.TrimPrefix(strings.ToUpper(signal), "SIG")) {
		l.add("stop-signal", l.at(x.stop), "the program can't catch its STOPSIGNAL: requests in flight are cut off")
	}
	switch {
	case inShell(x.entrypoint):
		l.add("exec-form", x.entrypoint, "ENTRYPOINT is run by a shell, which keeps SIGTERM from the program%s", noList(x.entrypoint))
	case inShell(x.cmd) && !l.Command:
		l.add("exec-form", x.cmd, "CMD is run by a shell, which keeps SIGTERM from the program%s", noList(x.cmd))
	}
}

// noList says of a command that looks like a list why it is none.
func noList(i *dockerfile.Instruction) string {
	if strings.HasPrefix(strings.TrimSpace(i.Args[0]), "[") {
		return ": this is no list of JSON, whose words stand in double quotes"
	}
	return ""
}

// leaves finds a shell that makes room for the program.
var leaves = regexp.MustCompile(`(^|&&|;)\s*exec\s`)

// inShell says whether a command is run by a shell that stays.
func inShell(i *dockerfile.Instruction) bool {
	return i != nil && !i.List && len(i.Args) > 0 && !leaves.MatchString(i.Args[0])
}

// ports compares EXPOSE with the service's port. Without any, all is well: on Fargate it opens nothing.
func (l *linter) ports() {
	x := &l.last
	all := slices.Clone(x.ports)
	if l.Built != nil {
		for port := range l.Built.Config.Config.ExposedPorts {
			all = append(all, port)
		}
	} else if !x.known {
		return
	}
	if l.Port == 0 || !slices.ContainsFunc(all, func(p string) bool { _, _, ok := portRange(p); return ok }) || slices.ContainsFunc(all, l.serves) {
		return
	}
	if l.file == nil || len(x.ports) == 0 {
		l.doubt("expose-port", l.at(nil), "EXPOSE of the base image is without port %d, the service's container_port", l.Port)
		return
	}
	l.add("expose-port", x.expose, "EXPOSE is without port %d, the service's container_port", l.Port)
}

// serves says whether a text of EXPOSE has the service's port.
func (l *linter) serves(text string) bool {
	from, to, ok := portRange(text)
	return ok && from <= l.Port && l.Port <= to
}

// portRange reads [HOST:]PORT[-PORT][/tcp].
func portRange(text string) (from, to int, ok bool) {
	text, protocol, _ := strings.Cut(text, "/")
	text = text[strings.LastIndex(text, ":")+1:]
	first, last, both := strings.Cut(text, "-")
	if !both {
		last = first
	}
	from, err := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	return from, to, err == nil && err2 == nil && (protocol == "" || strings.EqualFold(protocol, "tcp"))
}
