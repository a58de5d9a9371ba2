// Package wire serves Go values as AWS services: it reads what the SDKs, the AWS CLI and boto3 send, calls the method
// that has the operation's name, and writes what it returns.
//
// A service is any value whose methods have the SDK client's own signatures less the options. The names on the wire
// follow from the SDK's types by rule; where a name follows none, names.go has it, generated from AWS's published
// service models for the operations of testdata/operations.txt.
//
//go:generate python3 gen_names.py
//go:generate gofmt -w names.go
package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
)

// A Service is one AWS service: its methods have the SDK client's own signatures less the options,
// func(ctx, *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error). Other methods are not served.
type Service struct {
	Name string // SigV4 signing name: "ecs", "ec2", "elasticloadbalancing", "tagging", …
	Impl any
}

// A Call is one request, decoded.
type Call struct {
	Service, Op string // Service is the signing name
	Region      string // from the SigV4 credential scope; "us-east-1" without one
	AccessKey   string
	Input       any // *XInput
	Host        string
}

// Handler serves the services on one endpoint. around, which may be nil, wraps every operation: it calls do at most
// once and returns what it returned, or an error of its own.
//
// An error answers with its code and message if it is a smithy.APIError, else as InternalFailure; its HTTP status is
// AWS's for the code, unless it has a method HTTPStatusCode() int. A panic is an InternalFailure too, except
// http.ErrAbortHandler, which cuts the connection as it does elsewhere. What an operation returns is not read after do
// has returned: it may be part of the service's state.
//
// Handler panics if a service is unknown or has an operation whose names nobody checked (testdata/operations.txt).
func Handler(services []Service, around func(ctx context.Context, c *Call, do func(context.Context) (any, error)) (any, error)) http.Handler {
	if around == nil {
		around = func(ctx context.Context, _ *Call, do func(context.Context) (any, error)) (any, error) { return do(ctx) }
	}
	s := server{services: map[string]operations{}, around: around}
	for _, svc := range services {
		if dialects[svc.Name] == nil {
			panic("wire: no service has the signing name " + svc.Name)
		}
		s.services[svc.Name] = methods(svc.Name, svc.Impl)
	}
	return &s
}

type callKey struct{}

// CallFrom returns the call being served with ctx, or nil outside of one.
func CallFrom(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// operations are the operations of a service by name.
type operations map[string]operation

// An operation is what serves one: the type of its input, without the pointer, and what it does.
type operation struct {
	in reflect.Type
	do func(ctx context.Context, in any) (any, error)
}

// methods lists the operations among the methods of impl.
func methods(service string, impl any) operations {
	if ops, ok := impl.(operations); ok { // the tests have them without methods
		return ops
	}
	ops, v := operations{}, reflect.ValueOf(impl)
	for m, mv := range v.Methods() {
		t := mv.Type()
		if t.NumIn() != 2 || t.NumOut() != 2 || t.In(0) != reflect.TypeFor[context.Context]() || t.Out(1) != reflect.TypeFor[error]() ||
			t.In(1).Kind() != reflect.Pointer || t.In(1).Elem().Name() != m.Name+"Input" ||
			t.Out(0).Kind() != reflect.Pointer || t.Out(0).Elem().Name() != m.Name+"Output" && t.Out(0) != reflect.TypeFor[*Stream]() {
			continue
		}
		if !slices.Contains(strings.Fields(checked[service]), m.Name) {
			panic(fmt.Sprintf("wire: %s %s: add it to internal/sandbox/wire/testdata/operations.txt, then go generate there", service, m.Name))
		}
		ops[m.Name] = operation{t.In(1).Elem(), func(ctx context.Context, in any) (any, error) {
			out := mv.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in)})
			err, _ := reflect.TypeAssert[error](out[1])
			return out[0].Interface(), err
		}}
	}
	return ops
}

type server struct {
	services map[string]operations
	around   func(context.Context, *Call, func(context.Context) (any, error)) (any, error)
}

// maxBody bounds a request's body, unpacked. The largest that AWS takes from these services is a layer part of 20 MiB.
const maxBody = 32 << 20

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{Request: r, id: requestID()}
	w.Header().Set("x-amzn-RequestId", q.id)
	a, err := s.serve(r.Context(), w, q)
	if err != nil {
		a = q.fail(err)
	}
	a.write(w)
}

// serve makes the answer of a request, or the error to answer with.
func (s *server) serve(ctx context.Context, w http.ResponseWriter, q *request) (a *answer, err error) {
	defer q.caught(&err)
	if q.body, err = readBody(w, q.Request); err != nil {
		return nil, &smithy.GenericAPIError{Code: "SerializationException", Message: err.Error()}
	}
	if err := s.dispatch(q); err != nil {
		return nil, err
	}
	op, ok := s.services[q.service][q.op]
	if !ok {
		return nil, notImplemented(q.service, q.op)
	}
	in := reflect.New(op.in)
	if err = q.decode(in.Elem()); err != nil {
		return nil, q.malformed(err)
	}
	return s.call(ctx, q, op, in.Interface())
}

// call makes the call. A panic in the operation is an error to around, too. The output is rendered before do returns,
// under what lock around has: it may share memory with the service.
func (s *server) call(ctx context.Context, q *request, op operation, in any) (*answer, error) {
	c := &Call{Service: q.service, Op: q.op, Region: q.scope.region, AccessKey: q.scope.accessKey, Input: in, Host: q.Host}
	var done any
	var a *answer
	out, err := s.around(context.WithValue(ctx, callKey{}, c), c, func(ctx context.Context) (out any, err error) {
		defer q.caught(&err)
		out, err = op.do(ctx, in)
		if _, streams := out.(*Stream); err == nil && !streams {
			done, a = out, q.render(out)
		}
		return out, err
	})
	if err != nil {
		return nil, err
	}
	if s, ok := out.(*Stream); ok {
		return q.streamAnswer(ctx, s), nil
	}
	if a == nil || out != done {
		a = q.render(out)
	}
	return a, nil
}

// caught makes an error of a panic, when deferred.
func (q *request) caught(err *error) {
	p := recover()
	if p == nil {
		return
	}
	if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
		panic(p)
	}
	*err = fmt.Errorf("%s %s: panic: %v%s", q.service, q.op, p, origin())
}

// origin says where the panic that is being recovered from began: " at ecs.go:12", or nothing.
func origin() string {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf(" at %s:%d", filepath.Base(f.File), f.Line)
		}
		if !more {
			return ""
		}
	}
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil { // a transport in memory may leave it so
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil || r.Header.Get("Content-Encoding") != "gzip" {
		return body, err
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	body, err = io.ReadAll(io.LimitReader(z, maxBody+1))
	if len(body) > maxBody {
		return nil, fmt.Errorf("the body has more than %d bytes unpacked", maxBody)
	}
	return body, err
}
