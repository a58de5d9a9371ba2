package manifest

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// maxStack is the length of <p>: a balancer's name ends at 32, and -alb and -2 go behind it.
const maxStack = 26

// A nameRule is what AWS takes as a name of a resource.
type nameRule struct {
	max     int
	pattern *regexp.Regexp
	what    string
}

// nameRules, by type. The pages are those of the Create calls in AWS's API references.
var nameRules = map[string]nameRule{
	wordVPC:                     {255, re(`^[A-Za-z0-9 _.:/=+@-]*$`), "letters, digits, spaces and _ . : / = + - @"},
	wordECR:                     {256, re(`^[a-z0-9]+([._/-][a-z0-9]+)*$`), "lower-case letters and digits, with single . _ - / between"},
	wordLog:                     {512, re(`^[A-Za-z0-9_/.#-]+$`), "letters, digits and _ / . # -"},
	wordCluster:                 {255, re(`^[A-Za-z0-9_-]+$`), "letters, digits, _ and -"},
	wordService:                 {255, re(`^[A-Za-z0-9_-]+$`), "letters, digits, _ and -"},
	wordALB:                     {32, re(`^[A-Za-z0-9]+(-+[A-Za-z0-9]+)*$`), "letters, digits and dashes, no dash first or last"},
	"aws_secretsmanager_secret": {512, re(`^[A-Za-z0-9/_+=.@-]+$`), "letters, digits and / _ + = . @ -"},
}

// arnTail is what Secrets Manager puts behind a name in an ARN; a name that ends so is taken for an ARN.
var arnTail = re(`-[A-Za-z0-9]{6}$`)

// name gives every resource its name in AWS.
func (r *reading) name() {
	r.checkStack()
	p := r.m.Stack()
	derived := map[string]string{
		wordVPC: p + "-vpc", wordECR: p, wordLog: "/ecs/" + p, wordCluster: p + "-cluster", wordALB: p + "-alb", wordService: p,
	}
	for _, k := range kinds {
		if k.many || k.name == nil {
			continue
		}
		*k.name(r.m) = r.nameOf(k.word, k.word, derived[k.word])
	}
	for i := range r.m.Secrets {
		s := &r.m.Secrets[i]
		s.Name = r.nameOf(s.ID, "aws_secretsmanager_secret", p+"/"+s.ID)
		s.Env = cmp.Or(s.Env, strings.ToUpper(strings.ReplaceAll(s.ID, "-", "_")))
	}
	r.sameSecrets()
}

// checkStack holds the length of <p>.
func (r *reading) checkStack() {
	p := r.m.Stack()
	if r.broken("project_name") || len(p) <= maxStack || !r.given("project_name") {
		return
	}
	what := r.say(strconv.Quote(p), "project_name")
	if r.m.Env != "" {
		what += ", with the environment,"
	}
	r.bad([]string{"project_name"}, "the balancer's name is made from it and ends at 32 characters",
		"%s has %d characters, %d too many: at most %d", what, len(p), len(p)-maxStack, maxStack)
}

// nameOf is the given name of a resource, with the environment behind it, or the derived one; held against AWS's rule.
func (r *reading) nameOf(root, word, derived string) string {
	g, ok := r.names[root]
	name, hint := derived, ""
	if ok {
		name, hint = g.name, ""
		if g.suffix && r.m.Env != "" {
			name += "-" + r.m.Env
			hint = "the environment is part of it; the overlay can set another name"
		}
	}
	path := []string{root, "name"}
	said := "the name " + r.say(strconv.Quote(shorten(name)), path...)
	if r.broken(path...) || r.broken("project_name") || len(r.m.Stack()) > maxStack && !ok {
		return name
	}
	rule := nameRules[word]
	switch {
	case len(name) > rule.max:
		r.bad(path, hint, "%s has %d characters, %d too many: at most %d", said, len(name), len(name)-rule.max, rule.max)
	case !rule.pattern.MatchString(name):
		r.bad(path, hint, "%s must be of %s", said, rule.what)
	case word == wordALB && strings.HasPrefix(name, "internal-"):
		r.bad(path, "", "%s must not begin with internal-: AWS keeps that for itself", said)
	case word == wordLog && strings.HasPrefix(name, "aws/"):
		r.bad(path, "", "%s must not begin with aws/: AWS keeps that for itself", said)
	case word == wordECR && len(name) < 2 && !ok:
		r.bad([]string{"project_name"}, "the repository's name is made from it", "project_name %s must have 2 characters at least", r.say(strconv.Quote(name), "project_name"))
	case word == wordECR && len(name) < 2:
		r.bad(path, "", "%s must have 2 characters at least", said)
	case word == "aws_secretsmanager_secret" && arnTail.MatchString(name):
		i := strings.LastIndexByte(name, '-')
		switch {
		case !ok:
			hint = fmt.Sprintf("give it one: `name: %s/%s`", r.m.Project, strings.ReplaceAll(root, "-", "_"))
		case hint == "" && !r.vars(path...):
			hint = fmt.Sprintf("`name: %s_%s`", name[:i], name[i+1:])
		}
		r.bad(path, hint, "%s must not end in a dash and six characters: Secrets Manager takes that for the end of an ARN", said)
	}
	return name
}

// sameSecrets refuses two secrets of one name.
func (r *reading) sameSecrets() {
	ids := map[string]string{}
	for _, s := range r.m.Secrets {
		if first, ok := ids[s.Name]; ok {
			r.bad([]string{s.ID, "name"}, "", "the secrets %s and %s have the same name", first, s.ID)
			continue
		}
		ids[s.Name] = s.ID
	}
}
