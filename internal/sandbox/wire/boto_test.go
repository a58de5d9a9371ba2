//go:build boto

package wire

import (
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestBoto lets boto3, a client that nobody here wrote, call every listed operation with every member filled. The
// server must have read all that boto3's models know, and boto3 every member of the answer. It fails where python3 has no boto3.
func TestBoto(t *testing.T) {
	var mu sync.Mutex
	var lost []string
	url := serve(t, everything(t, func(c *Call, typ reflect.Type) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range unset(reflect.ValueOf(c.Input).Elem(), nil) {
			lost = append(lost, c.Service+" "+c.Op+m) // .Member.Member
		}
		out := reflect.New(typ)
		f := filler{t: t}
		f.fill(out.Elem(), "")
		return out.Interface(), nil
	}))
	var lines []string
	for name, ops := range listed(t) {
		lines = append(lines, name+" "+strings.Join(ops, " "))
	}
	slices.Sort(lines)
	out, err := exec.CommandContext(t.Context(), "python3", "testdata/boto.py", "call", url, strings.Join(lines, "\n")).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal("python3 with boto3 (pip install boto3):", err)
	}
	known := exec.CommandContext(t.Context(), "python3", "testdata/boto.py", "known") // the SDK has members that are younger
	known.Stdin = strings.NewReader(strings.Join(lost, "\n"))
	out, err = known.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(out) > 0 {
		t.Errorf("sent by boto3, and not read:\n%s", out)
	}
	t.Logf("%d members are not in boto3's models", len(lost))
}

// unset lists the members that hold nothing, but for those inside themselves.
func unset(v reflect.Value, path []reflect.Type) (names []string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && !isDocument(v.Type()) {
			return unset(v.Elem(), path)
		}
	case reflect.Slice:
		if !isBlob(v.Type()) && v.Len() > 0 {
			return unset(v.Index(0), path)
		}
	case reflect.Map:
		for _, e := range v.Seq2() {
			return unset(e, path)
		}
	case reflect.Struct:
		if v.Type() == timeType {
			return nil
		}
		for _, f := range keeping.layout(v.Type()) {
			fv, t := v.Field(f.index), v.Field(f.index).Type()
			for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
				t = t.Elem()
			}
			if slices.Contains(path, t) || t == v.Type() {
				continue
			}
			if fv.IsZero() {
				names = append(names, "."+f.goName)
			}
			for _, n := range unset(fv, append(slices.Clone(path), v.Type())) {
				names = append(names, "."+f.goName+n)
			}
		}
	}
	return names
}
