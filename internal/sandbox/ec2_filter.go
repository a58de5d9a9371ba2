package sandbox

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// A kind is one sort of EC2's things: how errors name it, where its tags are, what its filters look at.
type kind[T any] struct {
	prefix  string // of its ids: "vpc-"
	param   string // its id's name in requests: "VpcId"
	code    string // of an id that is not there
	message string // of it, with a %s for the id
	tags    func(*T) *[]types.Tag
	filters map[string]func(*T) []string
}

// absent is the error for an id that is not there.
func (k kind[T]) absent(id string) error { return fail(k.code, k.message, id) }

// get is the thing with an id.
func (k kind[T]) get(all map[string]*T, id *string) (*T, error) {
	if err := needed(k.param, id); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(*id, k.prefix) {
		return nil, fail(strings.TrimSuffix(k.code, ".NotFound")+".Malformed", "Invalid id: %q (expecting %q)", *id, k.prefix+"...")
	}
	if v := all[*id]; v != nil {
		return v, nil
	}
	return nil, k.absent(*id)
}

// list is what a Describe finds: the things with the ids, all without ids, as far as every filter lets them through.
func (k kind[T]) list(all map[string]*T, ids []string, filters []types.Filter) (found []*T, err error) {
	for _, id := range ids {
		if _, err := k.get(all, &id); err != nil {
			return nil, err
		}
	}
	for _, f := range filters {
		if err := k.known(val(f.Name)); err != nil {
			return nil, err
		}
	}
	for id, v := range sorted(all) {
		lets := func(f types.Filter) bool { return slices.ContainsFunc(k.values(v, val(f.Name)), matches(f.Values)) }
		if (len(ids) == 0 || slices.Contains(ids, id)) && !slices.ContainsFunc(filters, func(f types.Filter) bool { return !lets(f) }) {
			found = append(found, v)
		}
	}
	return found, nil
}

func (k kind[T]) known(filter string) error {
	tag := k.tags != nil && (filter == "tag-key" || strings.HasPrefix(filter, "tag:"))
	if !tag && k.filters[filter] == nil {
		return fail("InvalidParameterValue", "The filter '%s' is invalid", filter)
	}
	return nil
}

// values is what a filter compares with, of one thing.
func (k kind[T]) values(v *T, filter string) (values []string) {
	if f := k.filters[filter]; f != nil {
		return f(v)
	}
	key, named := strings.CutPrefix(filter, "tag:")
	for _, t := range *k.tags(v) {
		switch {
		case named && val(t.Key) == key:
			values = append(values, val(t.Value))
		case !named:
			values = append(values, val(t.Key))
		}
	}
	return values
}

// matches says whether a value is one of those of a filter, which may have * and ? in them ("Filtering your
// resources", user guide). Case counts.
func matches(patterns []string) func(string) bool {
	return func(value string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			if !strings.ContainsAny(p, `*?\`) {
				return p == value
			}
			// path.Match stops at slashes and knows classes; neither does EC2.
			r := strings.NewReplacer("/", "\x00", "[", "\x01", "]", "\x02")
			ok, err := path.Match(r.Replace(p), r.Replace(value))
			return ok && err == nil
		})
	}
}

// text is a filter over a field, flag one over a switch.
func text[T any](field func(*T) *string) func(*T) []string {
	return func(v *T) []string {
		if s := field(v); s != nil {
			return []string{*s}
		}
		return nil
	}
}

func flag[T any](field func(*T) *bool) func(*T) []string {
	return func(v *T) []string { return []string{strconv.FormatBool(val(field(v)))} }
}

// word is a filter over an enumeration.
func word[T any, S ~string](field func(*T) S) func(*T) []string {
	return func(v *T) []string { return []string{string(field(v))} }
}

// each is a filter over the elements of a list.
func each[T, E any](list func(*T) []E, field func(E) *string) func(*T) []string {
	return func(v *T) (values []string) {
		for _, e := range list(v) {
			values = append(values, val(field(e)))
		}
		return values
	}
}

// values copies what pointers point to.
func values[T any](list []*T) (out []T) {
	for _, v := range list {
		out = append(out, *v)
	}
	return out
}
