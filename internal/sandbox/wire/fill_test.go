package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithydocument "github.com/aws/smithy-go/document"
)

// clients makes the SDK client of a service by its signing name.
var clients = map[string]func(aws.Config) any{
	"sts":                     func(c aws.Config) any { return sts.NewFromConfig(c) },
	"ec2":                     func(c aws.Config) any { return ec2.NewFromConfig(c) },
	"ecr":                     func(c aws.Config) any { return ecr.NewFromConfig(c) },
	"iam":                     func(c aws.Config) any { return iam.NewFromConfig(c) },
	"secretsmanager":          func(c aws.Config) any { return secretsmanager.NewFromConfig(c) },
	"logs":                    func(c aws.Config) any { return cloudwatchlogs.NewFromConfig(c) },
	"ecs":                     func(c aws.Config) any { return ecs.NewFromConfig(c) },
	"elasticloadbalancing":    func(c aws.Config) any { return elasticloadbalancingv2.NewFromConfig(c) },
	"application-autoscaling": func(c aws.Config) any { return applicationautoscaling.NewFromConfig(c) },
	"monitoring":              func(c aws.Config) any { return cloudwatch.NewFromConfig(c) },
	"acm":                     func(c aws.Config) any { return acm.NewFromConfig(c) },
	"route53":                 func(c aws.Config) any { return route53.NewFromConfig(c) },
	"kms":                     func(c aws.Config) any { return kms.NewFromConfig(c) },
	"ssm":                     func(c aws.Config) any { return ssm.NewFromConfig(c) },
	"tagging":                 func(c aws.Config) any { return resourcegroupstaggingapi.NewFromConfig(c) },
}

// client sends requests without the WriteTo of their bodies. smithy-go's is the io.EOF of a body that is closed, where
// io.Copy wants nil: a server that answers a request of more than 4 KiB before net/http has looked for more of its body
// gets its connection closed, and the SDK tries again. Seen in 11 of 600 runs of TestRoundTrip; no real AWS is so fast.
type client struct{ *awshttp.BuildableClient }

func (c client) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.BuildableClient.Do(r)
}

func config(url string) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: &url, RetryMaxAttempts: 1, HTTPClient: client{awshttp.NewBuildableClient()},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "b", ""),
	}
}

// listed reads testdata/operations.txt: operations by signing name. One that answers with a stream is left to TestStream.
func listed(t testing.TB) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("testdata/operations.txt")
	if err != nil {
		t.Fatal(err)
	}
	ops := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		if line, _, _ = strings.Cut(line, "#"); strings.TrimSpace(line) != "" {
			words := strings.Fields(line)
			ops[words[0]] = append(ops[words[0]], slices.DeleteFunc(words[1:], func(op string) bool { return op == "StartLiveTail" })...)
		}
	}
	return ops
}

// everything serves all listed operations with do.
func everything(t testing.TB, do func(c *Call, out reflect.Type) (any, error)) []Service {
	t.Helper()
	var services []Service
	for name, ops := range listed(t) {
		client := reflect.TypeOf(clients[name](config("http://localhost")))
		svc := operations{}
		for _, op := range ops {
			m, ok := client.MethodByName(op)
			if !ok {
				t.Fatalf("the SDK has no %s %s", name, op)
			}
			svc[op] = operation{m.Type.In(2).Elem(), func(ctx context.Context, _ any) (any, error) {
				return do(CallFrom(ctx), m.Type.Out(0).Elem())
			}}
		}
		services = append(services, Service{name, svc})
	}
	return services
}

// A filler gives every member a value of its own; a type within itself is left empty the second time.
type filler struct {
	t           testing.TB
	variant     int // of the members of unions, takes the one with this number
	noDocuments bool
	noEmpty     bool // no members of unions that are empty: a form has no way to send them
	most        int  // members of a union seen
	n           int
	path        []reflect.Type
}

func (f *filler) fill(v reflect.Value, name string) {
	f.n++
	t := v.Type()
	switch {
	case t == timeType:
		v.Set(reflect.ValueOf(time.UnixMilli(1700000000123 + int64(f.n)).UTC()))
		return
	case isBlob(t):
		v.SetBytes(fmt.Appendf(nil, "blob\x00%d", f.n))
		return
	case isDocument(t) && f.noDocuments:
		return
	case isDocument(t):
		v.Set(reflect.ValueOf(documents[t](map[string]any{"k": []any{"v", f.n, true, int64(1)<<60 + 1, 1.5}})))
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		p := reflect.New(t.Elem())
		f.fill(p.Elem(), name)
		if t.Elem().Kind() != reflect.Struct || t.Elem() == timeType || !p.Elem().IsZero() || len(keeping.layout(t.Elem())) == 0 {
			v.Set(p)
		}
	case reflect.Interface:
		ms := members(t)
		if len(ms) == 0 {
			f.t.Fatalf("dialects.go has no member of the union %s in %s", t, f.path[0])
		}
		if f.noEmpty {
			ms = slices.DeleteFunc(ms, func(m reflect.Type) bool {
				v, _ := m.Elem().FieldByName("Value")
				return v.Type.Kind() == reflect.Struct && len(keeping.layout(v.Type)) == 0
			})
		}
		f.most = max(f.most, len(ms))
		p := reflect.New(ms[f.variant%len(ms)].Elem())
		f.fill(p.Elem().FieldByName("Value"), name)
		v.Set(p)
	case reflect.Struct:
		if slices.Contains(f.path, t) {
			return
		}
		f.path = append(f.path, t)
		for _, m := range keeping.layout(t) {
			f.fill(v.Field(m.index), m.goName)
		}
		f.path = f.path[:len(f.path)-1]
	case reflect.Slice:
		s := reflect.MakeSlice(t, 2, 2)
		f.fill(s.Index(0), name)
		f.fill(s.Index(1), name)
		if !s.Index(0).IsZero() {
			v.Set(s)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		e := reflect.New(t.Elem()).Elem()
		f.fill(e, name)
		v.SetMapIndex(reflect.ValueOf("k<&>").Convert(t.Key()), e)
	default:
		f.scalar(v, name)
	}
}

func (f *filler) scalar(v reflect.Value, name string) {
	switch {
	case v.Kind() == reflect.String && (strings.HasSuffix(name, "Id") || name == "Location"): // part of a path or a header in Route 53
		v.SetString(fmt.Sprintf("s%d", f.n))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprintf("s<%d> ü\n", f.n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(f.n))
	default:
		v.SetFloat(float64(f.n) + .5)
	}
}

// same tells every member of got that is not want's.
func same(t testing.TB, path string, got, want reflect.Value) {
	t.Helper()
	switch {
	case !got.IsValid() || !want.IsValid() || got.Type() != want.Type():
		t.Errorf("%s: %v, want %v", path, got, want)
	case isDocument(got.Type()) && !got.IsNil() && !want.IsNil():
		a, _ := got.Interface().(smithydocument.Marshaler).MarshalSmithyDocument()
		b, _ := want.Interface().(smithydocument.Marshaler).MarshalSmithyDocument()
		if string(a) != string(b) {
			t.Errorf("%s: %s, want %s", path, a, b)
		}
	case got.Kind() == reflect.Interface || got.Kind() == reflect.Pointer:
		if !got.IsNil() && !want.IsNil() {
			same(t, path, got.Elem(), want.Elem())
		} else if got.IsNil() != want.IsNil() {
			t.Errorf("%s: nil %v, want nil %v", path, got.IsNil(), want.IsNil())
		}
	case got.Type() == timeType:
		if at := got.Interface().(time.Time); !at.Equal(want.Interface().(time.Time)) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	case got.Kind() == reflect.Struct:
		for _, f := range keeping.layout(got.Type()) {
			same(t, path+"."+f.goName, got.Field(f.index), want.Field(f.index))
		}
	case got.Kind() == reflect.Slice && got.Len() != want.Len(), got.Kind() == reflect.Map && got.Len() != want.Len():
		t.Errorf("%s (%s): %d elements, want %d", path, got.Type(), got.Len(), want.Len())
	case got.Kind() == reflect.Slice && !isBlob(got.Type()):
		for i := range got.Len() {
			same(t, path+"[]", got.Index(i), want.Index(i))
		}
	case got.Kind() == reflect.Map:
		for k, e := range want.Seq2() {
			same(t, path+"["+k.String()+"]", got.MapIndex(k), e)
		}
	default:
		if !reflect.DeepEqual(got.Interface(), want.Interface()) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}
