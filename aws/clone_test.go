package aws

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
)

var (
	// written are the members of a task definition that ECS itself writes: a request has no place for them.
	written = map[string]bool{
		"TaskDefinitionArn": true, "Revision": true, "Status": true, "RequiresAttributes": true, "Compatibilities": true,
		"RegisteredAt": true, "RegisteredBy": true, "DeregisteredAt": true, "DeleteRequestedAt": true,
	}
	// asked are the members of a request that a task definition lacks: DescribeTaskDefinition answers them beside it.
	asked = map[string]bool{"Tags": true}
)

// Every member of the SDK's type goes over, with all that is in it. A member that a later SDK adds to one of the types
// only is a failure here until somebody has thought about it.
func TestClone(t *testing.T) {
	t.Parallel()
	def := &types.TaskDefinition{}
	fill(t, reflect.ValueOf(def).Elem(), "definition")
	in := CloneTaskDefinition(def, []types.Tag{{Key: new("team"), Value: new("a")}, {Key: new("aws:cloudformation:stack-name"), Value: new("b")}})
	from, to := reflect.ValueOf(def).Elem(), reflect.ValueOf(in).Elem()
	for i := range from.NumField() {
		f := from.Type().Field(i)
		if !f.IsExported() || written[f.Name] {
			continue
		}
		if v := to.FieldByName(f.Name); !v.IsValid() {
			t.Errorf("%s has no place in the request: is it ECS that writes it?", f.Name)
		} else if d := cmp.Diff(from.Field(i).Interface(), v.Interface(), cmp.Exporter(func(reflect.Type) bool { return true })); d != "" {
			t.Errorf("%s is changed: %s", f.Name, d)
		}
	}
	for i := range to.NumField() {
		f := to.Type().Field(i)
		if !f.IsExported() || asked[f.Name] {
			continue
		}
		if v := from.FieldByName(f.Name); !v.IsValid() || v.Type() != f.Type || to.Field(i).IsZero() {
			t.Errorf("%s of the request is not set: a definition has none such", f.Name)
		}
	}
	if len(in.Tags) != 1 || *in.Tags[0].Key != "team" {
		t.Error(in.Tags)
	}
}

// What is changed in a clone is not changed in what it was cloned from.
func TestCloneApart(t *testing.T) {
	t.Parallel()
	def := &types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{{Image: new("one")}}}
	tags := []types.Tag{{Key: new("team"), Value: new("a")}}
	in := CloneTaskDefinition(def, tags)
	SetTaskDefinitionTag(in, "team", "c")
	SetTaskDefinitionTag(in, TagImage, "")
	SetTaskDefinitionTag(in, TagRelease, strings.Repeat("x", 300))
	if len(in.Tags) != 2 || *in.Tags[0].Value != "c" || len(*in.Tags[1].Value) != 256 || *tags[0].Value != "a" {
		t.Error(in.Tags, tags)
	}
	in.ContainerDefinitions[0].Image = new("other")
	if *def.ContainerDefinitions[0].Image != "one" {
		t.Error("the clone shares its containers")
	}
}

// fill gives every member a value that is not its zero, however deep, and no two strings the same.
func fill(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), path)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0)))
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(t, v.Field(i), path+"."+f.Name)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(t, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key, path+".key")
		fill(t, value, path+".value")
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(path)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(len(path)))
	case reflect.Interface: // a union: one of its members
		if v.Type() != reflect.TypeFor[types.SharingStrategy]() {
			t.Fatalf("%s is a union: which are its members?", path)
		}
		v.Set(reflect.ValueOf(&types.SharingStrategyMemberNvidiaMps{}))
	default:
		t.Fatalf("%s is a %s: what is a value of it that is not zero?", path, v.Kind())
	}
}
