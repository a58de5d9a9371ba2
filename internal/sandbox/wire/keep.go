package wire

import (
	"encoding"
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// keeping is the codec of Tree: Go's own names, and nothing lost.
var keeping = codec{&dialect{}, kept}

// Tree makes of v, a struct or a pointer to one, what encoding/json can write and FromTree reads again. Members are
// under their Go names; zero ones, unexported ones and ResultMetadata are left out. Times keep their nanoseconds (and
// become UTC), unions their member, documents their value; numbers that are no float64 are strings.
//
// Keys of maps are strings, whole numbers or texts (encoding.TextMarshaler). A value in an empty interface keeps only
// what JSON has. Pointers that are shared are written for each; cycles do not end. Tree panics at a value that can't
// be kept: a function, a channel, another interface.
func Tree(v any) any { return plainBlobs(keeping.toTree(reflect.ValueOf(v))) }

// FromTree sets v, a pointer, to what Tree made a tree of, also after encoding/json has written and read it.
func FromTree(v, tree any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("wire: FromTree into a %T", v)
	}
	return keeping.fromTree(p.Elem(), tree)
}

// plainBlobs writes blobs as the strings that encoding/json makes of them, so that a tree is the same before and
// after it.
func plainBlobs(tree any) any {
	switch x := tree.(type) {
	case map[string]any:
		for k, e := range x {
			x[k] = plainBlobs(e)
		}
	case []any:
		for i, e := range x {
			x[i] = plainBlobs(e)
		}
	case []byte:
		return base64.StdEncoding.EncodeToString(x)
	}
	return tree
}

func keptScalar(v reflect.Value) any {
	const exact = 1 << 53 // beyond it a float64, which is what many JSON readers make of a number, skips whole numbers
	switch {
	case v.Kind() == reflect.String:
		return v.String()
	case v.Kind() == reflect.Bool:
		return v.Bool()
	case v.CanInt():
		if n := v.Int(); n > exact || n < -exact {
			return strconv.FormatInt(n, 10)
		}
		return v.Int()
	case v.CanUint():
		if v.Uint() > exact {
			return strconv.FormatUint(v.Uint(), 10)
		}
		return v.Uint()
	case v.CanFloat():
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return strconv.FormatFloat(f, 'f', -1, 64)
		}
		return v.Float()
	}
	panic(fmt.Sprintf("wire: a %s can't be kept", v.Type()))
}

// isText tells types that write themselves as text, such as netip.Prefix, whose fields nobody else sees.
func isText(t reflect.Type) bool {
	return t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && t != timeType &&
		t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) && reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func keptText(v reflect.Value) string {
	b, err := v.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		panic(fmt.Sprintf("wire: %s: %v", v.Type(), err))
	}
	return string(b)
}

func setText(v reflect.Value, x any) error {
	s, ok := str(x)
	if !ok {
		return wrong(v.Type(), x)
	}
	return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s))
}

func keyText(k reflect.Value) string {
	switch {
	case isText(k.Type()):
		return keptText(k)
	case k.Kind() == reflect.String:
		return k.String()
	case k.CanInt() || k.CanUint():
		return fmt.Sprint(k.Interface())
	}
	panic(fmt.Sprintf("wire: a map with keys of %s can't be kept", k.Type()))
}

func setKey(k reflect.Value, s string) error {
	switch {
	case isText(k.Type()):
		return setText(k, s)
	case k.Kind() == reflect.String:
		k.SetString(s)
		return nil
	}
	return setNumber(k, text(s))
}
