package manifest

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A field is a key of a mapping, from a struct field and its tags. The rules hold for the value, or for each
// element of a list and each value of a mapping.
type field struct {
	key      string // in the manifest
	goName   string
	index    int
	typ      reflect.Type
	def      string // default, as in the tag; lists with commas between
	hasDef   bool
	enum     []string
	min, max *int64
	is       string // a name in formats
	keys     string // of a mapping: a name in formats for its keys
	as       string // a name in forms
	required bool
	free     bool // a value of a mapping with free keys: any scalar, as it is written
}

// fieldsOf lists the keys of a struct in its order.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		key := sf.Tag.Get("yaml")
		if key == "" {
			continue
		}
		f := field{
			key: key, goName: sf.Name, index: i, typ: sf.Type,
			is: sf.Tag.Get("is"), keys: sf.Tag.Get("keys"), as: sf.Tag.Get("as"), required: sf.Tag.Get("required") != "",
			min: bound(sf.Tag.Get("min")), max: bound(sf.Tag.Get("max")),
		}
		f.def, f.hasDef = sf.Tag.Lookup("default")
		if enum := sf.Tag.Get("enum"); enum != "" {
			f.enum = strings.Split(enum, ",")
		}
		fields = append(fields, f)
	}
	return fields
}

// bound is a number in a tag, nil without one.
func bound(tag string) *int64 {
	if tag == "" {
		return nil
	}
	n, err := strconv.ParseInt(tag, 10, 64)
	if err != nil {
		panic("manifest: a bound that is no number: " + tag)
	}
	return &n
}

// find is the field with a key.
func find(fields []field, key string) (field, bool) {
	i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

// keysOf are the keys of a struct.
func keysOf(t reflect.Type) []string {
	var keys []string
	for _, f := range fieldsOf(t) {
		keys = append(keys, f.key)
	}
	return keys
}

// setDefaults gives every field of the struct v its default, those of structs within it, too. What is behind a
// pointer has none: it is there only when the manifest has it.
func setDefaults(v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		fv := v.Field(f.index)
		if fv.Kind() == reflect.Struct {
			setDefaults(fv)
		}
		if !f.hasDef {
			continue
		}
		switch fv.Kind() {
		case reflect.String:
			fv.SetString(f.def)
		case reflect.Bool:
			fv.SetBool(f.def == "true")
		case reflect.Int32:
			fv.SetInt(*bound(f.def))
		case reflect.Slice:
			fv.Set(reflect.ValueOf(strings.Split(f.def, ",")))
		default:
			panic("manifest: no default for " + f.key)
		}
	}
}
