package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	smithydocument "github.com/aws/smithy-go/document"
)

// An instant is a time in seconds since 1970: a plain number in JSON, tagged in CBOR.
type instant float64

var timeType = reflect.TypeFor[time.Time]()

// toTree makes what encoding/json writes as v.
func (c codec) toTree(v reflect.Value) any {
	if !v.IsValid() {
		return nil
	}
	t := v.Type()
	switch {
	case t == timeType:
		return c.time(v.Interface().(time.Time))
	case isDocument(t):
		return c.documentTree(v)
	case isBlob(t):
		return v.Bytes() // base64 in JSON
	case c.protocol == kept && isText(t):
		return keptText(v)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return c.toTree(v.Elem())
	case reflect.Interface:
		return c.unionTree(v)
	case reflect.Struct:
		m := map[string]any{}
		for _, f := range c.layout(t) {
			if fv := v.Field(f.index); f.always || !fv.IsZero() {
				m[f.name] = c.toTree(fv)
			}
		}
		return m
	case reflect.Map:
		m := make(map[string]any, v.Len())
		for k, e := range v.Seq2() {
			m[keyText(k)] = c.toTree(e)
		}
		return m
	case reflect.Slice, reflect.Array:
		s := make([]any, v.Len())
		for i := range s {
			s[i] = c.toTree(v.Index(i))
		}
		return s
	default:
		if c.protocol == kept {
			return keptScalar(v)
		}
		return v.Interface()
	}
}

func (c codec) time(t time.Time) any {
	if c.protocol == kept {
		return t.UTC().Format(time.RFC3339Nano)
	}
	return instant(float64(t.UnixMilli()) / 1e3)
}

func (c codec) unionTree(v reflect.Value) any {
	if v.IsNil() {
		return nil
	}
	for _, t := range members(v.Type()) {
		if t == v.Elem().Type() && v.NumMethod() > 0 {
			return map[string]any{c.member(v.Type(), t): c.toTree(v.Elem().Elem().FieldByName("Value"))}
		}
	}
	if v.NumMethod() == 0 && c.protocol == kept {
		return c.toTree(v.Elem())
	}
	panic(fmt.Sprintf("wire: %s is not among the unions of dialects.go", v.Elem().Type()))
}

// documentTree is a document's value, in a kept tree its JSON.
func (c codec) documentTree(v reflect.Value) any {
	if v.IsNil() {
		return nil
	}
	b, err := v.Interface().(smithydocument.Marshaler).MarshalSmithyDocument()
	if err != nil {
		panic(err)
	}
	if c.protocol == kept {
		return string(b)
	}
	tree, err := decodeJSON(b)
	if err != nil {
		panic(err)
	}
	return tree
}

// decodeJSON reads one JSON value, numbers as they are written.
func decodeJSON(b []byte) (tree any, err error) {
	if len(bytes.TrimSpace(b)) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return tree, nil
}

// fromTree sets v to what tree holds; members that v has not are left out.
func (c codec) fromTree(v reflect.Value, tree any) error {
	if tree == nil {
		return nil
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return c.fromTree(v.Elem(), tree)
	}
	t := v.Type()
	switch {
	case isDocument(t):
		return c.fromDocument(v, tree)
	case t == timeType || isBlob(t) || c.protocol == kept && isText(t):
		return setScalar(v, tree)
	}
	switch t.Kind() {
	case reflect.Interface:
		return c.fromUnion(v, tree)
	case reflect.Struct:
		m, ok := tree.(map[string]any)
		if !ok {
			return wrong(t, tree)
		}
		for _, f := range c.layout(t) {
			if err := c.fromTree(v.Field(f.index), m[f.name]); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
		return nil
	case reflect.Map:
		return c.fromMap(v, tree)
	case reflect.Slice, reflect.Array:
		return c.fromList(v, tree)
	default:
		return setScalar(v, tree)
	}
}

func (c codec) fromMap(v reflect.Value, tree any) error {
	m, ok := tree.(map[string]any)
	if !ok {
		return wrong(v.Type(), tree)
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(m)))
	for k, e := range m {
		kv, ev := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if err := setKey(kv, k); err != nil {
			return err
		}
		if err := c.fromTree(ev, e); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		v.SetMapIndex(kv, ev)
	}
	return nil
}

func (c codec) fromList(v reflect.Value, tree any) error {
	l, ok := tree.([]any)
	if !ok {
		return wrong(v.Type(), tree)
	}
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), len(l), len(l)))
	} else if v.Len() != len(l) {
		return fmt.Errorf("%d elements for %s", len(l), v.Type())
	}
	for i, e := range l {
		if err := c.fromTree(v.Index(i), e); err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
	}
	return nil
}

func (c codec) fromUnion(v reflect.Value, tree any) error {
	if v.NumMethod() == 0 && c.protocol == kept {
		v.Set(reflect.ValueOf(tree))
		return nil
	}
	m, ok := tree.(map[string]any)
	if !ok {
		return wrong(v.Type(), tree)
	}
	for _, t := range members(v.Type()) {
		e := m[c.member(v.Type(), t)]
		if e == nil {
			continue
		}
		p := reflect.New(t.Elem())
		if err := c.fromTree(p.Elem().FieldByName("Value"), e); err != nil {
			return err
		}
		v.Set(p)
	}
	return nil
}

func (c codec) fromDocument(v reflect.Value, tree any) error {
	if c.protocol == kept {
		s, ok := str(tree)
		if !ok {
			return wrong(v.Type(), tree)
		}
		var err error
		if tree, err = decodeJSON([]byte(s)); err != nil {
			return err
		}
	}
	v.Set(reflect.ValueOf(documents[v.Type()](documentValue(tree))))
	return nil
}

// documentValue makes a tree what a document may hold: a json.Number would become a string.
func documentValue(tree any) any {
	switch x := tree.(type) {
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, e := range x {
			m[k] = documentValue(e)
		}
		return m
	case []any:
		l := make([]any, len(x))
		for i, e := range x {
			l[i] = documentValue(e)
		}
		return l
	case json.Number:
		if n, err := strconv.ParseInt(x.String(), 10, 64); err == nil {
			return n
		}
		f, err := x.Float64()
		if err != nil || math.IsInf(f, 0) {
			return x.String()
		}
		return f
	}
	return tree
}

func wrong(t reflect.Type, tree any) error {
	kind := map[reflect.Kind]string{reflect.Map: "an object", reflect.Slice: "a list", reflect.String: "a string", reflect.Bool: "true or false"}[reflect.TypeOf(tree).Kind()]
	if _, ok := tree.(json.Number); ok {
		kind = "a number"
	}
	return fmt.Errorf("%s can not be converted to %s", kind, t)
}
