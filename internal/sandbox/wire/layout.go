package wire

import (
	"reflect"
	"slices"
	"strings"
	"unicode"

	smithydocument "github.com/aws/smithy-go/document"
)

// A codec is a dialect in the protocol of one request.
type codec struct {
	*dialect
	protocol protocol
}

// A field is one modelled member of an SDK struct.
type field struct {
	index  int
	goName string
	name   string   // on the wire
	in     []string // in an EC2 request, which spells names otherwise: the first of these that is there
	item   string   // name of a list's elements in XML
	always bool     // written though zero: AWS always answers the numbers and flags that are no pointers in Go
}

type layoutKey struct {
	reflect.Type
	protocol
}

// layout lists the members of the struct type t.
func (c codec) layout(t reflect.Type) []field {
	if fs, ok := c.layouts.Load(layoutKey{t, c.protocol}); ok {
		return fs.([]field)
	}
	var fs []field
	for i := range t.NumField() {
		f := t.Field(i)
		embedded := f.Anonymous && f.Type.Kind() == reflect.Struct
		if f.Name == "ResultMetadata" || !f.IsExported() && !embedded {
			continue
		}
		if f.Anonymous && (c.protocol != kept || embedded && f.Type.NumField() == 0) { // noSmithyDocumentSerde
			continue
		}
		kind := f.Type.Kind()
		fs = append(fs, field{
			i, f.Name, c.name(t, f), c.inNames(t, f), c.item(t, f),
			c.protocol != kept && (kind == reflect.Bool || kind == reflect.Int32 || kind == reflect.Int64),
		})
	}
	c.layouts.Store(layoutKey{t, c.protocol}, fs)
	return fs
}

func (c codec) name(t reflect.Type, f reflect.StructField) string {
	foreign := c.dialect.protocol == ec2Query && c.protocol != ec2Query // its table is for XML alone
	if n, ok := c.names[t.Name()+"."+f.Name]; ok && !foreign {
		return n
	}
	n := f.Name
	if c.protocol == ec2Query && f.Type.Kind() == reflect.Slice && !strings.HasSuffix(n, "Set") {
		n = strings.TrimSuffix(n, "s") + "Set"
	}
	if c.protocol == ec2Query || c.lower {
		n = lower(n)
	}
	return n
}

// inNames gives the names that a request may have for f: EC2 has those of its table, else the Go name, often without
// the plural s.
func (c codec) inNames(t reflect.Type, f reflect.StructField) []string {
	if c.protocol != ec2Query {
		return []string{c.name(t, f)}
	}
	if n, ok := c.names["in:"+t.Name()+"."+f.Name]; ok {
		return []string{n}
	}
	if f.Type.Kind() == reflect.Slice {
		return slices.Compact([]string{f.Name, strings.TrimSuffix(f.Name, "s")})
	}
	return []string{f.Name}
}

func (c codec) item(t reflect.Type, f reflect.StructField) string {
	if f.Type.Kind() != reflect.Slice {
		return ""
	}
	if n, ok := c.names[t.Name()+"."+f.Name+"[]"]; ok {
		return n
	}
	switch c.protocol {
	case ec2Query:
		return "item"
	case restXML:
		return f.Type.Elem().Name()
	default:
		return "member"
	}
}

func lower(n string) string { return string(unicode.ToLower(rune(n[0]))) + n[1:] }

// member is the wire name of a union's member, whose Go type is <Union>Member<Name>.
func (c codec) member(union, t reflect.Type) string {
	n := strings.TrimPrefix(t.Elem().Name(), union.Name()+"Member")
	if c.lower {
		n = lower(n)
	}
	return n
}

// members are the types of a union's members, pointers to structs with one field, Value.
func members(union reflect.Type) []reflect.Type {
	var ts []reflect.Type
	for _, t := range unions {
		if t.Implements(union) {
			ts = append(ts, t)
		}
	}
	return ts
}

func isDocument(t reflect.Type) bool {
	return t.Kind() == reflect.Interface && t.Implements(reflect.TypeFor[smithydocument.Marshaler]())
}

func isBlob(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}
