package release

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
	in := clone(def, []types.Tag{{Key: new("team"), Value: new("a")}, {Key: new("aws:cloudformation:stack-name"), Value: new("b")}})
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
	setTag(in, "team", "c")
	setTag(in, TagImage, "")
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

func TestScaleRule(t *testing.T) {
	t.Parallel()
	n := func(i int32) *int32 { return &i }
	for name, c := range map[string]struct {
		wish Scaling
		live *Range
		want Scaled
		err  string
	}{
		"inside":       {Scaling{Count: n(5)}, &Range{2, 10}, Scaled{2, 5, &Range{2, 10}, false}, ""},
		"above":        {Scaling{Count: n(12)}, &Range{2, 10}, Scaled{2, 12, &Range{2, 12}, true}, ""},
		"below":        {Scaling{Count: n(1)}, &Range{2, 10}, Scaled{2, 1, &Range{1, 10}, true}, ""},
		"more":         {Scaling{Count: n(3), Relative: true}, &Range{2, 10}, Scaled{2, 5, &Range{2, 10}, false}, ""},
		"fewer":        {Scaling{Count: n(-1), Relative: true}, &Range{2, 10}, Scaled{2, 1, &Range{1, 10}, true}, ""},
		"too few":      {Scaling{Count: n(-3), Relative: true}, &Range{2, 10}, Scaled{}, "-1 tasks can't be fewer than none"},
		"the range":    {Scaling{Min: n(4), Max: n(6)}, &Range{2, 10}, Scaled{2, 4, &Range{4, 6}, true}, ""},
		"no range":     {Scaling{Min: n(7), Max: n(6)}, &Range{2, 10}, Scaled{}, "the range 7 to 6 is none"},
		"contradicted": {Scaling{Count: n(9), Max: n(6)}, &Range{2, 10}, Scaled{}, "9 tasks lie outside the range that is set with them"},
		"unscaled":     {Scaling{Count: n(3)}, nil, Scaled{2, 3, nil, false}, ""},
		"unscaled min": {Scaling{Min: n(3)}, nil, Scaled{}, "nothing scales this service: it has no range"},
	} {
		got, err := c.wish.resolve(2, c.live)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || !cmp.Equal(*got, c.want) {
			t.Errorf("%s: %v %s", name, err, cmp.Diff(c.want, *got))
		}
	}
}
