package wire

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A formNode is one level of a query request's names: Filter.1.Value.2=x is under kids Filter, 1, Value, 2.
type formNode struct {
	text string
	kids map[string]*formNode
}

// maxDepth bounds the dots in a name. No operation has half as many.
const maxDepth = 32

func parseForm(form url.Values) (*formNode, error) {
	root := &formNode{}
	for key, values := range form {
		if strings.Count(key, ".") > maxDepth {
			return nil, fmt.Errorf("a name has more than %d levels", maxDepth)
		}
		n := root
		for part := range strings.SplitSeq(key, ".") {
			if n.kids == nil {
				n.kids = map[string]*formNode{}
			}
			if n.kids[part] == nil {
				n.kids[part] = &formNode{}
			}
			n = n.kids[part]
		}
		if n.text = values[0]; !utf8.ValidString(key + n.text) {
			return nil, fmt.Errorf("%q is not UTF-8", key)
		}
	}
	return root, nil
}

// fromForm sets v to what n holds. Lists are A.1 in EC2, A.member.1 elsewhere.
func (c codec) fromForm(v reflect.Value, n *formNode) error {
	t := v.Type()
	switch {
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		return c.fromForm(v.Elem(), n)
	case t.Kind() == reflect.Struct && t != timeType:
		return c.structFromForm(v, n)
	case t.Kind() == reflect.Interface:
		for _, m := range members(t) {
			if kid := n.kids[c.member(t, m)]; kid != nil {
				p := reflect.New(m.Elem())
				v.Set(p)
				return c.fromForm(p.Elem().FieldByName("Value"), kid)
			}
		}
		return nil
	case t.Kind() == reflect.Map:
		return c.mapFromForm(v, n.kids["entry"])
	case t.Kind() == reflect.Slice && !isBlob(t):
		return c.listFromForm(v, n)
	}
	return setScalar(v, text(n.text))
}

func (c codec) structFromForm(v reflect.Value, n *formNode) error {
	for _, f := range c.layout(v.Type()) {
		i := slices.IndexFunc(f.in, func(name string) bool { return n.kids[name] != nil })
		if i < 0 {
			continue
		}
		if err := c.fromForm(v.Field(f.index), n.kids[f.in[i]]); err != nil {
			return fmt.Errorf("%s: %w", f.in[i], err)
		}
	}
	return nil
}

func (c codec) listFromForm(v reflect.Value, n *formNode) error {
	if kid := n.kids["member"]; kid != nil && c.protocol != ec2Query {
		n = kid
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, len(n.kids))) // A= is the empty list
	for _, kid := range n.numbered() {
		e := reflect.New(v.Type().Elem()).Elem()
		if err := c.fromForm(e, kid); err != nil {
			return err
		}
		v.Set(reflect.Append(v, e))
	}
	return nil
}

func (c codec) mapFromForm(v reflect.Value, n *formNode) error {
	v.Set(reflect.MakeMap(v.Type()))
	if n == nil {
		return nil
	}
	for _, entry := range n.numbered() {
		key, value := entry.kids["key"], entry.kids["value"]
		if key == nil || value == nil {
			return fmt.Errorf("an entry without key or value")
		}
		e := reflect.New(v.Type().Elem()).Elem()
		if err := c.fromForm(e, value); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key.text).Convert(v.Type().Key()), e)
	}
	return nil
}

// numbered yields the elements of a list in order; numbers may be left out.
func (n *formNode) numbered() []*formNode {
	byNumber := map[int]*formNode{}
	for k, kid := range n.kids {
		if i, err := strconv.Atoi(k); err == nil && i >= 0 {
			byNumber[i] = kid
		}
	}
	var list []*formNode
	for _, i := range slices.Sorted(maps.Keys(byNumber)) {
		list = append(list, byNumber[i])
	}
	return list
}
