package sandbox

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// ServeHTTP serves AWS's APIs, and an OCI registry below /v2/.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v2" || strings.HasPrefix(r.URL.Path, "/v2/") {
		s.registry().ServeHTTP(w, r)
		return
	}
	s.wire.ServeHTTP(w, r)
}

// RoundTrip serves a request in this process, whatever host it is for.
func (s *Sandbox) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := &recorder{ResponseRecorder: httptest.NewRecorder()}
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	err := served(func() { s.ServeHTTP(rec, in) })
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}

// recorder is an httptest one; a handler that aborts it cuts the connection.
type recorder struct{ *httptest.ResponseRecorder }

func served(serve func()) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			err = io.ErrUnexpectedEOF
		default:
			panic(p)
		}
	}()
	serve()
	return nil
}

// Config is an SDK configuration whose clients call the sandbox in memory.
func (s *Sandbox) Config(region string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: new("http://sandbox.invalid"),
		HTTPClient:   &http.Client{Transport: s},
		Credentials:  credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
	}
}

// clone copies all that v refers to.
func clone(v any) any {
	if v == nil {
		return nil
	}
	return cloneValue(reflect.ValueOf(v)).Interface()
}

func cloneValue(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(cloneValue(v.Elem()))
		return p
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		i := reflect.New(v.Type()).Elem()
		i.Set(cloneValue(v.Elem()))
		return i
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			s.Index(i).Set(cloneValue(v.Index(i)))
		}
		return s
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		m := reflect.MakeMapWithSize(v.Type(), v.Len())
		for k, e := range v.Seq2() {
			m.SetMapIndex(k, cloneValue(e))
		}
		return m
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(cloneValue(v.Field(i)))
			}
		}
		return c
	}
	return v
}
