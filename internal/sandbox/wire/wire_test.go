package wire

import (
	"context"
	"errors"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmschemas "github.com/aws/aws-sdk-go-v2/service/acm/schemas"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchschemas "github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logsschemas "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/schemas"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrschemas "github.com/aws/aws-sdk-go-v2/service/ecr/schemas"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecsschemas "github.com/aws/aws-sdk-go-v2/service/ecs/schemas"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secretsschemas "github.com/aws/aws-sdk-go-v2/service/secretsmanager/schemas"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"
	"github.com/aws/smithy-go/transport/http/protocol/rpcv2"
)

// A trip is what the server has for the operation under way, and what it got.
type trip struct {
	got, answer any
	err         error
}

// TestRoundTrip calls every listed operation with the SDK's client, every member filled: what the client sends is what
// the service gets, and the reverse; and so for an error. An operation with unions is called for each of their members.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	if n := roundTrips(t, clients, filler{}); n < 300 {
		t.Errorf("only %d operations", n)
	}
}

// TestRoundTripCBOR does the same with clients that speak CBOR, which the SDK offers for some services. They panic at
// documents, which are left out.
func TestRoundTripCBOR(t *testing.T) {
	t.Parallel()
	roundTrips(t, map[string]func(aws.Config) any{
		"ecs": func(c aws.Config) any {
			return ecs.NewFromConfig(c, func(o *ecs.Options) { o.Protocol = rpcv2.NewCBOR(ecsschemas.AmazonEC2ContainerServiceV20141113) })
		},
		"ecr": func(c aws.Config) any {
			return ecr.NewFromConfig(c, func(o *ecr.Options) { o.Protocol = rpcv2.NewCBOR(ecrschemas.AmazonEC2ContainerRegistry_V20150921) })
		},
		"acm": func(c aws.Config) any {
			return acm.NewFromConfig(c, func(o *acm.Options) { o.Protocol = rpcv2.NewCBOR(acmschemas.CertificateManager) })
		},
		"logs": func(c aws.Config) any {
			return cloudwatchlogs.NewFromConfig(c, func(o *cloudwatchlogs.Options) { o.Protocol = rpcv2.NewCBOR(logsschemas.Logs_20140328) })
		},
		"secretsmanager": func(c aws.Config) any {
			return secretsmanager.NewFromConfig(c, func(o *secretsmanager.Options) { o.Protocol = rpcv2.NewCBOR(secretsschemas.Secretsmanager) })
		},
	}, filler{noDocuments: true})
}

// TestRoundTripCloudWatch does the same with CloudWatch's older protocols; the SDK's own client speaks CBOR.
func TestRoundTripCloudWatch(t *testing.T) {
	t.Parallel()
	for name, protocol := range map[string]smithyhttp.ClientProtocol{
		"query":    awsquery.New(cloudwatchschemas.GraniteServiceVersion20100801),
		"JSON 1.0": awsjson.New10(cloudwatchschemas.GraniteServiceVersion20100801),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roundTrips(t, map[string]func(aws.Config) any{"monitoring": func(c aws.Config) any {
				return cloudwatch.NewFromConfig(c, func(o *cloudwatch.Options) { o.Protocol = protocol })
			}}, filler{noEmpty: name == "query"})
		})
	}
}

// TestQueryCompatible: an error of a service that has left query names its shape, and in a header its old code.
func TestQueryCompatible(t *testing.T) {
	t.Parallel()
	url := serve(t, []Service{{"monitoring", operations{"DeleteAlarms": {reflect.TypeFor[cloudwatch.DeleteAlarmsInput](), func(context.Context, any) (any, error) {
		return nil, &smithy.GenericAPIError{Code: "InvalidParameterValue", Message: "why"}
	}}}}})
	_, err := cloudwatch.NewFromConfig(config(url)).DeleteAlarms(t.Context(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"a"}})
	e, ok := errors.AsType[*cloudwatchtypes.InvalidParameterValueException](err)
	if !ok || e.ErrorCode() != "InvalidParameterValue" || e.ErrorMessage() != "why" {
		t.Errorf("%#v", err)
	}
}

// roundTrips calls all operations of the clients' services, behind one handler, and returns their number.
func roundTrips(t *testing.T, clients map[string]func(aws.Config) any, with filler) int {
	var trips sync.Map
	url := serve(t, everything(t, func(c *Call, _ reflect.Type) (any, error) {
		v, _ := trips.Load(c.Service + " " + c.Op)
		tr := v.(*trip)
		tr.got = c.Input
		return tr.answer, tr.err
	}))
	n, ops := 0, listed(t)
	for name, client := range clients {
		c := reflect.ValueOf(client(config(url)))
		n += len(ops[name])
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, op := range ops[name] {
				tr := &trip{}
				trips.Store(name+" "+op, tr)
				t.Run(op, func(t *testing.T) {
					for variant, most := 0, 1; variant < most; variant++ {
						f := with
						f.t, f.variant = t, variant
						most = roundTrip(t, c.MethodByName(op), tr, &f)
					}
				})
			}
		})
	}
	t.Logf("%d operations", n)
	return n
}

// roundTrip returns the number of members that the largest union has.
func roundTrip(t *testing.T, method reflect.Value, tr *trip, f *filler) int {
	in, want := reflect.New(method.Type().In(1).Elem()), reflect.New(method.Type().Out(0).Elem())
	f.fill(in.Elem(), "")
	f.fill(want.Elem(), "")
	tr.answer, tr.err = want.Interface(), nil
	out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
	if err, _ := reflect.TypeAssert[error](out[1]); err != nil {
		t.Fatal(err)
	}
	same(t, "in", reflect.ValueOf(tr.got), in)
	same(t, "out", out[0], want)
	tr.err = &smithy.GenericAPIError{Code: "SomethingException", Message: "not <so>"}
	out = method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
	err, _ := reflect.TypeAssert[error](out[1])
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
