package manifest

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strconv"

	yaml "go.yaml.in/yaml/v4"

	"github.com/fargatectl/fargatectl/internal/near"
)

// A decoder puts nodes into the structs of the model and collects what is wrong.
type decoder struct {
	*source
	getenv func(string) (string, bool)
	errs   Errors
	more   int             // mistakes beyond maxErrors
	failed map[string]bool // paths whose value is wrong: nothing more is said that follows from it
	within map[string]bool // paths with something wrong in them
	trial  bool            // an environment that is not chosen: its keys and types are checked, its values not used
}

// maxErrors is how many mistakes are told one by one.
const maxErrors = 200

// report adds a mistake.
func (d *decoder) report(p place, secret bool, message, hint string) {
	if len(d.errs) >= maxErrors {
		d.more++
		return
	}
	d.errs = append(d.errs, d.diagnostic(p, secret, message, hint))
}

// errorf reports a mistake at n.
func (d *decoder) errorf(n *yaml.Node, hint, format string, args ...any) {
	d.report(spot(n), false, fmt.Sprintf(format, args...), hint)
}

// result is all mistakes in the order of the file, nil without one.
func (d *decoder) result() error {
	if len(d.errs) == 0 {
		return nil
	}
	errs := d.errs.sorted()
	if d.more > 0 {
		last := errs[len(errs)-1]
		errs = append(errs, Diagnostic{File: d.file, Line: last.Line, Column: last.Column, Message: fmt.Sprintf("there are %d more mistakes", d.more)})
	}
	return errs
}

// note keeps where the value of path stands.
func (d *decoder) note(path []string, key, value *yaml.Node) {
	if d.trial {
		return
	}
	p := spot(value)
	if value.Kind != yaml.ScalarNode || isNull(value) {
		p = spot(key)
	}
	d.places[join(path...)] = p
}

// fail reports that the value of path is wrong.
func (d *decoder) fail(n *yaml.Node, path []string, hint, format string, args ...any) {
	if !d.trial {
		d.failed[join(path...)] = true
		for i := range path {
			d.within[join(path[:i]...)] = true
		}
	}
	d.errorf(n, hint, format, args...)
}

// broken says whether the value of path, what holds it or something in it, is wrong already.
func (d *decoder) broken(path ...string) bool {
	if d.within[join(path...)] {
		return true
	}
	for i := range path {
		if d.failed[join(path[:i+1]...)] {
			return true
		}
	}
	return false
}

// entries are the keys and values of a mapping, an empty value being an empty mapping; a key that is there twice is
// reported and given once.
func (d *decoder) entries(n *yaml.Node, path []string, what string) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(*yaml.Node, *yaml.Node) bool) {
		if isNull(n) {
			return
		}
		if n.Kind != yaml.MappingNode {
			d.fail(n, path, "", "%s must be a mapping (key: value), not %s", what, kindName(n))
			return
		}
		seen := map[string]*yaml.Node{}
		for pair := range slices.Chunk(n.Content, 2) {
			key := pair[0]
			if key.Kind != yaml.ScalarNode || isNull(key) {
				d.errorf(key, "", "a key of %s must be a word, not %s", what, kindName(key))
				continue
			}
			if key.Value == "<<" && key.Tag == "!!merge" {
				d.errorf(key, "write the values out where they are used", "merge keys (<<) are not used in a manifest")
				continue
			}
			if first := seen[key.Value]; first != nil {
				d.errorf(key, "", "%q is here a second time: the first is on line %d, column %d", shorten(key.Value), first.Line, first.Column)
				continue
			}
			seen[key.Value] = key
			if !yield(key, pair[1]) {
				return
			}
		}
	}
}

// structure decodes a mapping into the struct v. what names it in messages; more are keys that the caller takes.
func (d *decoder) structure(n *yaml.Node, path []string, what string, v reflect.Value, more ...string) {
	fields := fieldsOf(v.Type())
	var meant []string
	for key, value := range d.entries(n, path, what) {
		if slices.Contains(more, key.Value) {
			continue
		}
		f, ok := find(fields, key.Value)
		if !ok {
			known := slices.Concat(more, keysOf(v.Type()))
			d.unknown(key, what, known)
			meant = append(meant, near.Word(key.Value, known))
			continue
		}
		at := append(slices.Clip(path), f.key)
		d.note(at, key, value)
		d.value(value, at, f, v.Field(f.index))
	}
	for _, f := range fields {
		at := append(slices.Clip(path), f.key)
		if f.required && !d.trial && n.Kind == yaml.MappingNode && !d.given(at...) && !slices.Contains(meant, f.key) {
			d.fail(n, at, "", "%s needs %s", what, f.key)
		}
	}
}

// unknown reports a key that what doesn't have, with the nearest that it has or the type that does have it.
func (d *decoder) unknown(key *yaml.Node, what string, known []string) {
	hint := cmp.Or(suggest(key.Value, known), elsewhere(what, key.Value))
	d.errorf(key, cmp.Or(hint, "its keys are "+list(known, "and")), "%s has no key %q", what, shorten(key.Value))
}

// elsewhere says which other type has a key, in an object of the same name if there is one. "" when none has.
func elsewhere(what, key string) (hint string) {
	for _, k := range kinds {
		if slices.Contains(keysOf(k.typ()), key) && hint == "" {
			hint = fmt.Sprintf("%s is a key in the config of %s", key, k.word)
		}
		if f, ok := find(fieldsOf(k.typ()), what); ok && f.as == "" {
			if of := k.typ().Field(f.index).Type; of.Kind() == reflect.Struct && slices.Contains(keysOf(of), key) {
				return fmt.Sprintf("the %s of %s has %s", what, k.word, key)
			}
		}
	}
	return hint
}

// value decodes n into v by the rules of f.
func (d *decoder) value(n *yaml.Node, path []string, f field, v reflect.Value) {
	if form, ok := forms[f.as]; ok {
		form(d, n, path, f, v)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		if v.IsNil() {
			setDefaults(fresh.Elem())
		} else { // an overlay; what is there stays as it is for the other environments
			fresh.Elem().Set(v.Elem())
		}
		d.structure(n, path, f.key, fresh.Elem())
		v.Set(fresh)
	case reflect.Struct:
		d.structure(n, path, f.key, v)
	case reflect.Map:
		d.table(n, path, f, v)
	case reflect.Slice:
		d.list(n, path, f, v)
	default:
		d.scalar(n, path, f, v)
	}
}

// table decodes a mapping with free keys; an overlay adds to what is there.
func (d *decoder) table(n *yaml.Node, path []string, f field, v reflect.Value) {
	merged := reflect.MakeMap(v.Type())
	for key, value := range maps.All(toMap(v)) {
		merged.SetMapIndex(key, value)
	}
	for key, value := range d.entries(n, path, f.key) {
		at := append(slices.Clip(path), key.Value)
		d.note(at, key, value)
		if format := formats[f.keys]; f.keys != "" && !format.match(key.Value) {
			d.fail(key, at, format.hint, "%q is not %s", shorten(key.Value), format.what)
			continue
		}
		element, rules := reflect.New(v.Type().Elem()).Elem(), f
		rules.key, rules.free = f.key+"."+key.Value, true
		d.scalar(value, at, rules, element)
		merged.SetMapIndex(reflect.ValueOf(key.Value), element)
	}
	if merged.Len() > 0 {
		v.Set(merged)
	}
}

// toMap is the entries of a reflected map.
func toMap(v reflect.Value) map[reflect.Value]reflect.Value {
	m := map[reflect.Value]reflect.Value{}
	for r := v.MapRange(); r.Next(); {
		m[r.Key()] = r.Value()
	}
	return m
}

// list decodes a list; an overlay replaces what is there.
func (d *decoder) list(n *yaml.Node, path []string, f field, v reflect.Value) {
	if isNull(n) {
		v.SetZero()
		return
	}
	if n.Kind != yaml.SequenceNode {
		hint := ""
		if n.Kind == yaml.ScalarNode {
			hint = "a list is written [one, two], or with a dash before each item on its own line"
		}
		d.fail(n, path, hint, "%s must be a list, not %s", f.key, kindName(n))
		return
	}
	items := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		at := append(slices.Clip(path), strconv.Itoa(i))
		d.note(at, item, item)
		if items.Index(i).Kind() == reflect.Struct {
			setDefaults(items.Index(i))
			d.structure(item, at, "an item of "+f.key, items.Index(i))
			continue
		}
		rules := f
		rules.key = "an item of " + f.key
		d.scalar(item, at, rules, items.Index(i))
	}
	v.Set(items)
}
