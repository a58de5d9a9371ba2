package wire

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"

	"github.com/aws/smithy-go"
)

// A trip is what the server of TestRoundTrip has for the operation under way.
type trip struct {
	got, answer any
	err         error
}

// TestRoundTrip calls every listed operation with the SDK's client, every member filled: what the client sends is what
// the service gets, and the reverse; and so for an error. All services are behind one handler. An operation with
// unions is called once for each of their members.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	var trips sync.Map
	url := serve(t, everything(t, func(c *Call, _ reflect.Type) (any, error) {
		v, _ := trips.Load(c.Service + " " + c.Op)
		tr := v.(*trip)
		tr.got = c.Input
		return tr.answer, tr.err
	}))
	total := 0
	for name, ops := range listed(t) {
		client := reflect.ValueOf(clients[name](config(url)))
		total += len(ops)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, op := range ops {
				tr := &trip{}
				trips.Store(name+" "+op, tr)
				t.Run(op, func(t *testing.T) {
					for variant, most := 0, 1; variant < most; variant++ {
						most = roundTrip(t, client.MethodByName(op), tr, variant)
					}
				})
			}
		})
	}
	t.Logf("%d operations of %d services", total, len(clients))
}

// roundTrip returns the number of members that the largest union has.
func roundTrip(t *testing.T, method reflect.Value, tr *trip, variant int) int {
	f := filler{t: t, variant: variant}
	in, want := reflect.New(method.Type().In(1).Elem()), reflect.New(method.Type().Out(0).Elem())
	f.fill(in.Elem(), "")
	f.fill(want.Elem(), "")
	tr.answer, tr.err = want.Interface(), nil
	out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
	if err, _ := out[1].Interface().(error); err != nil {
		t.Fatal(err)
	}
	same(t, "in", reflect.ValueOf(tr.got), in)
	same(t, "out", out[0], want)
	tr.err = &smithy.GenericAPIError{Code: "SomethingException", Message: "not <so>"}
	err, _ := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})[1].Interface().(error)
	if api := smithy.APIError(nil); !errors.As(err, &api) || api.ErrorCode() != "SomethingException" || api.ErrorMessage() != "not <so>" {
		t.Error("error:", err)
	}
	return f.most
}

func serve(t testing.TB, services []Service) string {
	t.Helper()
	s := httptest.NewServer(Handler(services, nil))
	t.Cleanup(s.Close)
	return s.URL
}

var _ http.Handler = (*server)(nil)
