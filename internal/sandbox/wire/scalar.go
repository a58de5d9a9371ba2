package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A text is a value that a form or an XML document holds: it may stand for any type.
type text string

// setScalar sets v, a string, number, flag, time or blob, to x: a text, or what JSON or CBOR has for it.
func setScalar(v reflect.Value, x any) error {
	t := v.Type()
	switch {
	case t == timeType:
		at, err := parseTime(x)
		v.Set(reflect.ValueOf(at))
		return err
	case isBlob(t):
		if b, ok := x.([]byte); ok {
			v.SetBytes(b)
			return nil
		}
		s, ok := str(x)
		b, err := base64.StdEncoding.DecodeString(s)
		if !ok {
			return wrong(t, x)
		}
		v.SetBytes(b)
		return err
	case isText(t):
		return setText(v, x)
	}
	switch t.Kind() {
	case reflect.String:
		s, ok := str(x)
		if !ok {
			return wrong(t, x)
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := x.(bool)
		if s, isText := x.(text); isText {
			b, ok = strings.EqualFold(string(s), "true"), strings.EqualFold(string(s), "true") || strings.EqualFold(string(s), "false")
		}
		if !ok {
			return wrong(t, x)
		}
		v.SetBool(b)
	default:
		return setNumber(v, x)
	}
	return nil
}

func setNumber(v reflect.Value, x any) error {
	s := ""
	switch x := x.(type) {
	case text:
		s = strings.TrimSpace(string(x))
	case json.Number:
		s = x.String()
	case string: // what Tree makes of numbers that JSON readers lose, and JSON of NaN and Infinity
		s = x
	case float64: // a tree that encoding/json made without UseNumber
		s = strconv.FormatFloat(x, 'f', -1, 64)
	default:
		if n := reflect.ValueOf(x); !n.CanInt() && !n.CanUint() && !n.CanFloat() {
			return wrong(v.Type(), x)
		}
		s = fmt.Sprint(x)
	}
	bits := int(v.Type().Size()) * 8
	switch {
	case v.CanInt():
		n, err := strconv.ParseInt(s, 10, bits)
		if f, ferr := strconv.ParseFloat(s, 64); err != nil && ferr == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 { // 3.0, 1e3
			n, err = int64(f), nil
		}
		if err != nil || v.OverflowInt(n) {
			return fmt.Errorf("%q is not a whole number of %d bits", s, bits)
		}
		v.SetInt(n)
	case v.CanUint():
		n, err := strconv.ParseUint(s, 10, bits)
		if err != nil {
			return fmt.Errorf("%q is not a whole number of %d bits", s, bits)
		}
		v.SetUint(n)
	case v.CanFloat():
		f, err := strconv.ParseFloat(s, bits)
		if err != nil {
			return fmt.Errorf("%q is not a number", s)
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("no value for a %s", v.Type())
	}
	return nil
}

// parseTime reads seconds since 1970, or RFC 3339.
func parseTime(x any) (time.Time, error) {
	s, ok := str(x)
	if n, isNumber := x.(json.Number); isNumber {
		s, ok = n.String(), true
	}
	if !ok {
		return time.Time{}, wrong(timeType, x)
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		if math.IsNaN(f) || math.Abs(f) > 1e12 {
			return time.Time{}, fmt.Errorf("%s is not a time in seconds", s)
		}
		return time.UnixMilli(int64(math.Round(f * 1e3))).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time", s)
	}
	return t.UTC(), nil
}

func str(x any) (string, bool) {
	switch s := x.(type) {
	case text:
		return string(s), true
	case string:
		return s, true
	}
	return "", false
}
