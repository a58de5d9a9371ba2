package sandbox

import (
	"io"
	"net/http"
	"net/http/httptest"
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
