package aws

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The tags by which we know what is ours. They stand in the create call of everything that can have tags.
const (
	TagProject  = "fargatectl:project"
	TagEnv      = "fargatectl:env"      // "default" without an environment
	TagResource = "fargatectl:resource" // the step's own fixed word: "alb", "subnet/private/use1-az2"
)

// An Owner is one stack: a project in one environment.
type Owner struct{ Project, Env string }

// Tags are those of one resource of the owner, the user's own besides.
func (o Owner) Tags(resource string, users map[string]string) map[string]string {
	tags := maps.Clone(users)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[TagProject], tags[TagEnv], tags[TagResource] = o.Project, o.Env, resource
	return tags
}

// Owns says whether tags are the owner's.
func (o Owner) Owns(tags map[string]string) bool {
	return tags[TagProject] == o.Project && tags[TagEnv] == o.Env
}

// A NotOursError is about a thing that has a name we want and is somebody else's.
type NotOursError struct {
	Kind, Name string            // "cluster", "my-api-cluster"
	Tags       map[string]string // its own
}

func (e *NotOursError) Error() string {
	if p := e.Tags[TagProject]; p != "" {
		return fmt.Sprintf("%s %s exists and belongs to project %s, environment %s", e.Kind, e.Name, p, e.Tags[TagEnv])
	}
	return fmt.Sprintf("%s %s exists and is not fargatectl's: it lacks the tag %s", e.Kind, e.Name, TagProject)
}

// Hint says the ways out.
func (e *NotOursError) Hint() string {
	if e.Tags[TagProject] != "" {
		return "choose another name in the manifest"
	}
	return "choose another name in the manifest, or take it over with --adopt"
}

// Convert makes a service's own tags of a map, sorted by key.
func Convert[T any](tags map[string]string, tag func(key, value string) T) []T {
	var list []T
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tag(k, tags[k]))
	}
	return list
}

// TagMap is the reverse of Convert.
func TagMap[T any](list []T, tag func(T) (key, value *string)) map[string]string {
	tags := map[string]string{}
	for _, t := range list {
		if k, v := tag(t); k != nil {
			tags[*k] = deref(v)
		}
	}
	return tags
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Missing returns the wanted tags that live lacks or has otherwise. Tags that others have added do not count.
func Missing(live, want map[string]string) map[string]string {
	missing := map[string]string{}
	for k, v := range want {
		if got, ok := live[k]; !ok || got != v {
			missing[k] = v
		}
	}
	return missing
}

// Partition is the part of AWS that a region belongs to: "aws", "aws-cn", "aws-us-gov", ….
func Partition(region string) string {
	for prefix, p := range map[string]string{
		"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b",
		"eu-isoe-": "aws-iso-e", "us-isof-": "aws-iso-f", "eusc-": "aws-eusc",
	} {
		if strings.HasPrefix(region, prefix) {
			return p
		}
	}
	return "aws"
}
