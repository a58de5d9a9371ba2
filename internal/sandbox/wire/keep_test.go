package wire

import (
	"encoding/json"
	"math"
	"net/netip"
	"reflect"
	"testing"
	"time"

	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// reread takes a tree through encoding/json, with and without exact numbers.
func reread(t testing.TB, tree any) []any {
	t.Helper()
	b, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	exact, err := decodeJSON(b)
	if err != nil {
		t.Fatal(err)
	}
	var float any
	if err := json.Unmarshal(b, &float); err != nil {
		t.Fatal(err)
	}
	return []any{tree, exact, float}
}

// TestKeepEverything keeps every input and output of the listed operations, every member filled.
func TestKeepEverything(t *testing.T) {
	t.Parallel()
	n := 0
	for name, ops := range listed(t) {
		client := reflect.TypeOf(clients[name](config("http://localhost")))
		for _, op := range ops {
			m, _ := client.MethodByName(op)
			for _, typ := range []reflect.Type{m.Type.In(2).Elem(), m.Type.Out(0).Elem()} {
				for variant, most := 0, 1; variant < most; variant++ {
					f := filler{t: t, variant: variant}
					v := reflect.New(typ)
					f.fill(v.Elem(), "")
					most = max(most, f.most)
					for _, tree := range reread(t, Tree(v.Interface())) {
						got := reflect.New(typ)
						if err := FromTree(got.Interface(), tree); err != nil {
							t.Fatal(typ, err)
						}
						same(t, typ.String(), got, v)
					}
					n++
				}
			}
		}
	}
	if n < 600 {
		t.Errorf("only %d values", n)
	}
}

type embedded struct{ Inner string }

// A keeper has what the sandbox's own state may have.
type keeper struct {
	embedded
	*ecstypes.Cluster
	Big, Small  int64
	Unsigned    uint64
	Wait        time.Duration
	At, Never   time.Time
	PointerTime *time.Time
	False       *bool
	Empty       *string
	Float       float64
	Infinite    float64
	Blob        []byte
	Raw         json.RawMessage
	Prefix      netip.Prefix
	ByAddr      map[netip.Addr]int
	ByNumber    map[int]*ecstypes.Service
	ByStatus    map[iamtypes.StatusType][]string
	Union       ecstypes.ServiceConnectContainerConfiguration
	Nil         map[string]*embedded
	Array       [3]uint8
	Free        any
	Nested      map[string]map[string][]embedded
	Policy      []iamtypes.PolicyIdentifier
	hidden      int
}

func kept1() *keeper {
	at := time.Date(2026, 2, 3, 4, 5, 6, 789012345, time.FixedZone("x", 3600))
	return &keeper{
		embedded: embedded{"in"}, Cluster: &ecstypes.Cluster{ClusterName: new("c"), RunningTasksCount: 3},
		Big: math.MaxInt64, Small: math.MinInt64, Unsigned: math.MaxUint64, Wait: 1<<60 + 1, At: at, PointerTime: &at,
		False: new(false), Empty: new(""), Float: math.Pi, Infinite: math.Inf(-1), Blob: []byte{0, 255}, Raw: json.RawMessage(`{"a":1}`),
		Prefix: netip.MustParsePrefix("10.0.0.0/16"), ByAddr: map[netip.Addr]int{netip.MustParseAddr("::1"): 1},
		ByNumber: map[int]*ecstypes.Service{-5: {ServiceName: new("s"), CreatedAt: &at}}, ByStatus: map[iamtypes.StatusType][]string{"Active": {"a", ""}},
		Union: &ecstypes.ServiceConnectContainerConfigurationMemberLogLevel{Value: "INFO"},
		Nil:   map[string]*embedded{"nil": nil, "not": {}}, Array: [3]uint8{1, 0, 255}, Free: map[string]any{"x": []any{"y", nil, true}},
		Nested: map[string]map[string][]embedded{"a": {"b": {{"c"}, {}}}},
		Policy: []iamtypes.PolicyIdentifier{&iamtypes.PolicyIdentifierMemberPolicyArn{Value: "arn"}}, hidden: 1,
	}
}

func TestKeepState(t *testing.T) {
	t.Parallel()
	want := kept1()
	for _, tree := range reread(t, Tree(want)) {
		var got keeper
		if err := FromTree(&got, tree); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, &got, cmp.AllowUnexported(keeper{}), cmpopts.IgnoreFields(keeper{}, "hidden"),
			cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
			cmpopts.IgnoreUnexported(ecstypes.Cluster{}, ecstypes.Service{}, ecstypes.ServiceConnectContainerConfigurationMemberLogLevel{}, iamtypes.PolicyIdentifierMemberPolicyArn{})); d != "" {
			t.Error(d)
		}
		if got.hidden != 0 {
			t.Error("an unexported member was kept")
		}
	}
	m := map[string]*keeper{"k": want}
	var got map[string]*keeper
	if err := FromTree(&got, Tree(m)); err != nil || got["k"].Big != math.MaxInt64 {
		t.Error(err)
	}
}

func TestKeepRefuses(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		"wire: a func() can't be kept":                                   struct{ F func() }{func() {}},
		"wire: a map with keys of struct {} can't be kept":               map[struct{}]int{{}: 1},
		"wire: *json.SyntaxError is not among the unions of dialects.go": struct{ E error }{&json.SyntaxError{}},
	} {
		func() {
			defer func() {
				if p := recover(); p != want {
					t.Errorf("%v, want %s", p, want)
				}
			}()
			Tree(v)
		}()
	}
	for want, tree := range map[string]any{
		`Big: "1.5" is not a whole number of 64 bits`:                                map[string]any{"Big": 1.5},
		`Big: "9223372036854775808" is not a whole number of 64 bits`:                map[string]any{"Big": json.Number("9223372036854775808")},
		"Big: true or false can not be converted to int64":                           map[string]any{"Big": true},
		`At: "yesterday" is not a time`:                                              map[string]any{"At": "yesterday"},
		"Cluster: Settings: a string can not be converted to []types.ClusterSetting": map[string]any{"Cluster": map[string]any{"Settings": "x"}},
		"Array: 1 elements for [3]uint8":                                             map[string]any{"Array": []any{json.Number("1")}},
		"ByNumber: \"a\" is not a whole number of 64 bits":                           map[string]any{"ByNumber": map[string]any{"a": nil}},
		"a list can not be converted to wire.keeper":                                 []any{},
	} {
		if err := FromTree(&keeper{}, tree); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := FromTree(keeper{}, map[string]any{}); err == nil {
		t.Error("set no pointer")
	}
}

// FuzzKeep reads any JSON into any output: no panic, and what was read is kept exactly.
func FuzzKeep(f *testing.F) {
	types := []reflect.Type{reflect.TypeFor[keeper]()}
	for name, ops := range listed(f) {
		client := reflect.TypeOf(clients[name](config("http://localhost")))
		for _, op := range ops {
			m, _ := client.MethodByName(op)
			types = append(types, m.Type.Out(0).Elem())
		}
	}
	b, err := json.Marshal(Tree(kept1()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint16(0), b)
	f.Add(uint16(0), []byte(`{"Free":[1e400],"Infinite":"NaN","ByAddr":{"x":1}}`))
	f.Add(uint16(7), []byte(`{"Tags":[{"Key":"a","Value":null}]}`))
	f.Fuzz(func(t *testing.T, which uint16, b []byte) {
		tree, err := decodeJSON(b)
		if err != nil {
			return
		}
		typ := types[int(which)%len(types)]
		once, twice := reflect.New(typ), reflect.New(typ)
		if FromTree(once.Interface(), tree) != nil {
			return
		}
		want := Tree(once.Interface())
		for _, tree := range reread(t, want) {
			if err := FromTree(twice.Interface(), tree); err != nil {
				t.Fatal(err)
			}
			if typ == types[0] { // an empty interface keeps what JSON has
				continue
			}
			if d := cmp.Diff(want, Tree(twice.Interface())); d != "" {
				t.Error(d)
			}
		}
	})
}
