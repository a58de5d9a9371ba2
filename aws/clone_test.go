package aws

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
)

// written are the members of a task definition that ECS itself writes: a request has no place for them.
var written = map[string]bool{
	"TaskDefinitionArn": true, "Revision": true, "Status": true, "RequiresAttributes": true, "Compatibilities": true,
	"RegisteredAt": true, "RegisteredBy": true, "DeregisteredAt": true, "DeleteRequestedAt": true,
}

// Every member of the SDK's type goes over, those that come with a later SDK, too.
func TestClone(t *testing.T) {
	t.Parallel()
	def := &types.TaskDefinition{}
	fill(reflect.ValueOf(def).Elem(), 0)
	in := CloneTaskDefinition(def, []types.Tag{{Key: new("team"), Value: new("a")}, {Key: new("aws:cloudformation:stack-name"), Value: new("b")}})
	from, to := reflect.ValueOf(def).Elem(), reflect.ValueOf(in).Elem()
	for i := range from.NumField() {
		f := from.Type().Field(i)
		if !f.IsExported() || written[f.Name] {
			continue
		}
		if v := to.FieldByName(f.Name); !v.IsValid() || !cmp.Equal(v.Interface(), from.Field(i).Interface(), cmp.Exporter(func(reflect.Type) bool { return true })) {
			t.Errorf("%s is lost", f.Name)
		}
	}
	for i := range to.NumField() {
		if f := to.Type().Field(i); f.IsExported() && to.Field(i).IsZero() && f.Name != "EnableFaultInjection" {
			t.Errorf("%s of the request is not set", f.Name)
		}
	}
	if len(in.Tags) != 1 || *in.Tags[0].Key != "team" {
		t.Error(in.Tags)
	}
	SetTaskDefinitionTag(in, "team", "c")
	SetTaskDefinitionTag(in, TagImage, "")
	if len(in.Tags) != 1 || *in.Tags[0].Value != "c" {
		t.Error(in.Tags)
	}
	in.ContainerDefinitions[0].Image = new("other")
	if *def.ContainerDefinitions[0].Image == "other" {
		t.Error("the clone shares its containers")
	}
}

// fill gives every member a value, two levels deep.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && depth < 3 {
				fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	}
}
