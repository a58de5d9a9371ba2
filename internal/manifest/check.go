package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// bad reports a mistake at path, or where the file has none, at what would hold it.
func (r *reading) bad(path []string, hint, format string, args ...any) {
	r.report(r.at(path), false, fmt.Sprintf(format, args...), hint)
}

// conf is the path of a key in the config of a resource.
func conf(root string, keys ...string) []string {
	return append([]string{root, "config"}, keys...)
}

// sound says whether none of the keys in the config of a resource is wrong already.
func (r *reading) sound(root string, keys ...string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { return r.broken(root, "config", key) })
}

// nearer is the path of the first of keys that the file has, for a mistake that lies between several.
func (r *reading) nearer(root string, keys ...string) []string {
	for _, key := range keys {
		if r.has(root, key) {
			return conf(root, key)
		}
	}
	return conf(root)
}

// vars says whether the value of path came from a variable.
func (s *source) vars(path ...string) bool { return s.places[join(path...)].vars }

// say is a value for a message, but never one that came from a variable.
func (s *source) say(value any, path ...string) string {
	if s.vars(path...) {
		return "the variable's value"
	}
	return fmt.Sprint(value)
}

// check holds against each other what was decoded one by one.
func (r *reading) check() {
	r.checkTags()
	r.checkSize()
	r.checkRange()
	r.checkSchedules()
	r.checkDeployment()
	r.checkProviders()
	r.checkBuild()
	r.checkRepository()
	r.checkEnvironment()
	r.checkVPC()
	r.checkReach()
	r.checkALB()
	r.checkRole()
}

// maxTags leaves room for ours: AWS takes 50 on most resources.
const maxTags = 40

// checkTags holds what AWS and we keep for ourselves.
func (r *reading) checkTags() {
	if n := len(r.m.Tags); n > maxTags {
		r.bad([]string{"tags"}, "", "there are %d tags; AWS takes 50, and fargatectl needs some: at most %d", n, maxTags)
	}
	for _, key := range slices.Sorted(maps.Keys(r.m.Tags)) {
		lower := strings.ToLower(key)
		switch {
		case strings.HasPrefix(lower, "aws:"):
			r.bad([]string{"tags", key}, "", "the tag %q must not begin with aws: (AWS keeps that for itself)", key)
		case strings.HasPrefix(lower, "fargatectl:"):
			r.bad([]string{"tags", key}, "", "the tag %q must not begin with fargatectl: (what is ours is known by it)", key)
		case key == "Name":
			r.bad([]string{"tags", key}, "give the resource a `name`", "the tag Name is set for every resource by itself")
		}
	}
}

// checkRole holds IAM's quotas and what is said twice.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func (r *reading) checkRole() {
	policies := r.m.Role.TaskPolicies
	if len(policies) > 10 {
		r.bad(conf(wordRole, "task_policies"), "put some of them into task_statements", "there are %d task_policies; a role takes 10", len(policies))
	}
	r.twice(wordRole, "task_policies", policies)
}

// twice reports what a list has a second time.
func (r *reading) twice(root, key string, items []string) {
	seen := map[string]bool{}
	for i, item := range items {
		path := conf(root, key, fmt.Sprint(i))
		if seen[item] && item != "" {
			r.bad(path, "", "%s has %s a second time", key, r.say(item, path...))
		}
		seen[item] = true
	}
}
