package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/aws/smithy-go/encoding/cbor"
)

// fromCBOR makes of a CBOR value what fromTree reads.
func fromCBOR(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.Map:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = fromCBOR(e)
		}
		return m
	case cbor.List:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = fromCBOR(e)
		}
		return l
	case *cbor.Tag:
		return fromCBOR(v.Value)
	case cbor.String:
		return string(v)
	case cbor.Bool:
		return bool(v)
	case cbor.Uint:
		return json.Number(strconv.FormatUint(uint64(v), 10))
	case cbor.NegInt:
		return json.Number("-" + strconv.FormatUint(uint64(v), 10))
	case cbor.Float32:
		return json.Number(fmt.Sprint(float32(v)))
	case cbor.Float64:
		return json.Number(strconv.FormatFloat(float64(v), 'g', -1, 64))
	case cbor.Slice:
		return []byte(v)
	}
	return nil
}

// toCBOR makes a CBOR value of what toTree made.
func toCBOR(tree any) cbor.Value {
	switch v := tree.(type) {
	case map[string]any:
		m := make(cbor.Map, len(v))
		for k, e := range v {
			m[k] = toCBOR(e)
		}
		return m
	case []any:
		l := make(cbor.List, len(v))
		for i, e := range v {
			l[i] = toCBOR(e)
		}
		return l
	case instant:
		return &cbor.Tag{ID: 1, Value: cbor.Float64(v)}
	case []byte:
		return cbor.Slice(v)
	case json.Number: // of a document
		if n, err := v.Int64(); err == nil {
			return toCBOR(n)
		}
		f, err := v.Float64()
		if err != nil {
			return cbor.String(v)
		}
		return cbor.Float64(f)
	}
	switch v := reflect.ValueOf(tree); {
	case !v.IsValid():
		return &cbor.Nil{}
	case v.Kind() == reflect.String:
		return cbor.String(v.String())
	case v.Kind() == reflect.Bool:
		return cbor.Bool(v.Bool())
	case v.CanInt() && v.Int() == math.MinInt64:
		return cbor.NegInt(1 << 63)
	case v.CanInt() && v.Int() < 0:
		return cbor.NegInt(-v.Int())
	case v.CanInt():
		return cbor.Uint(v.Int())
	default:
		return cbor.Float64(v.Float())
	}
}
