package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"time"
)

// toXML writes v's content; item is the name of its elements if it is a list.
func (c codec) toXML(w *bytes.Buffer, v reflect.Value, item string) {
	t := v.Type()
	switch {
	case t == timeType:
		w.WriteString(v.Interface().(time.Time).UTC().Format("2006-01-02T15:04:05.000Z"))
		return
	case isBlob(t):
		w.WriteString(base64.StdEncoding.EncodeToString(v.Bytes()))
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.toXML(w, v.Elem(), item)
		}
	case reflect.Interface:
		if !v.IsNil() {
			c.element(w, c.member(t, v.Elem().Type()), v.Elem().Elem().FieldByName("Value"), "member")
		}
	case reflect.Struct:
		for _, f := range c.layout(t) {
			if fv := v.Field(f.index); f.always || !fv.IsZero() {
				c.element(w, f.name, fv, f.item)
			}
		}
	case reflect.Map:
		keys := v.MapKeys()
		sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
		for _, k := range keys {
			fmt.Fprintf(w, "<entry><key>%s</key>", escape(k.String()))
			c.element(w, "value", v.MapIndex(k), "member")
			w.WriteString("</entry>")
		}
	case reflect.Slice:
		for i := range v.Len() {
			c.element(w, item, v.Index(i), item)
		}
	default:
		w.WriteString(escape(fmt.Sprint(v.Interface())))
	}
}

func (c codec) element(w *bytes.Buffer, name string, v reflect.Value, item string) {
	fmt.Fprintf(w, "<%s>", name)
	c.toXML(w, v, item)
	fmt.Fprintf(w, "</%s>", name)
}

// A node is one XML element.
type node struct {
	XMLName xml.Name
	Nodes   []node `xml:",any"`
	Text    string `xml:",chardata"`
}

// fromXML sets v to what n holds. Elements of lists may have any name.
func (c codec) fromXML(v reflect.Value, n node) error {
	t := v.Type()
	switch {
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		return c.fromXML(v.Elem(), n)
	case t.Kind() == reflect.Struct && t != timeType:
		for _, f := range c.layout(t) {
			for _, e := range n.Nodes {
				if e.XMLName.Local != f.name {
					continue
				}
				if err := c.fromXML(v.Field(f.index), e); err != nil {
					return fmt.Errorf("%s: %w", f.name, err)
				}
			}
		}
		return nil
	case t.Kind() == reflect.Slice && !isBlob(t):
		v.Set(reflect.MakeSlice(t, len(n.Nodes), len(n.Nodes)))
		for i, e := range n.Nodes {
			if err := c.fromXML(v.Index(i), e); err != nil {
				return err
			}
		}
		return nil
	}
	return setScalar(v, text(n.Text))
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}
