package witness

import (
	"encoding/base64"
	"reflect"
	"strings"
	"time"

	"github.com/aws/smithy-go/document"
	"github.com/aws/smithy-go/middleware"
)

// tree is an SDK value as JSON knows it. A time is {"$time": RFC 3339}, a blob {"$blob": base64}, a document
// {"$document": true}; a union has the one member that it holds. "$zero" lists the members that are plain numbers and
// truth values and zero: Go can't say whether these are set.
func tree(v any) any {
	t, _ := node(reflect.ValueOf(v))
	return t
}

// node is a value's tree, and whether it is set: nil and the zero of an enum, number or truth value are not, for they
// are not sent.
func node(v reflect.Value) (any, bool) {
	switch v.Kind() {
	case reflect.Invalid:
		return nil, false
	case reflect.Pointer:
		if v.IsNil() {
			return nil, false
		}
		return set(v.Elem()), true
	case reflect.Interface:
		if v.IsNil() {
			return nil, false
		}
		return union(v.Elem()), true
	case reflect.Struct, reflect.Slice, reflect.Map:
		if v.Kind() != reflect.Struct && v.IsNil() {
			return nil, false
		}
		return set(v), true
	default:
		return v.Interface(), !v.IsZero()
	}
}

// set is the tree of a value that is set, even to zero: something points to it, or holds it in a list or a map.
func set(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			return map[string]any{"$time": t.Format(time.RFC3339Nano)}
		}
		return members(v)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return map[string]any{"$blob": base64.StdEncoding.EncodeToString(v.Bytes())}
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = set(v.Index(i))
		}
		return list
	case reflect.Map:
		m := map[string]any{}
		for k, e := range v.Seq2() {
			m[k.String()] = set(e)
		}
		return m
	case reflect.Pointer, reflect.Interface:
		t, _ := node(v)
		return t
	default:
		return v.Interface()
	}
}

func members(v reflect.Value) map[string]any {
	m, zeros := map[string]any{}, []string(nil)
	for f, fv := range v.Fields() {
		if !f.IsExported() || f.Type == reflect.TypeFor[middleware.Metadata]() {
			continue
		}
		if t, ok := node(fv); ok {
			m[f.Name] = t
		} else if fv.CanInt() || fv.CanFloat() || fv.Kind() == reflect.Bool {
			zeros = append(zeros, f.Name)
		}
	}
	if zeros != nil {
		m["$zero"] = zeros
	}
	return m
}

// union is the one member that a union holds: *types.PolicyMemberName{Value: …} is {"Name": …}.
func union(v reflect.Value) any {
	if _, ok := reflect.TypeAssert[document.Marshaler](v); ok {
		return map[string]any{"$document": true}
	}
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	_, name, ok := strings.Cut(v.Type().Name(), "Member")
	if value := v.FieldByName("Value"); ok && value.IsValid() {
		return map[string]any{name: set(value)}
	}
	return map[string]any{"$document": true}
}
