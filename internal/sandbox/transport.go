package sandbox

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/fargatectl/fargatectl/internal/sandbox/wire"
)

// ServeHTTP serves AWS's APIs, an OCI registry below /v2/, and the sessions of ECS Exec below /v1/data-channel/.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, streams) {
		s.serveSession(w, r)
		return
	}
	if r.URL.Path == "/v2" || strings.HasPrefix(r.URL.Path, "/v2/") {
		s.registry().ServeHTTP(w, r)
		return
	}
	w.Header().Set("Date", s.o.Now().UTC().Format(http.TimeFormat))
	s.wire.ServeHTTP(w, r)
}

// RoundTrip serves a request in this process, whatever host it is for.
func (s *Sandbox) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, streams) {
		return s.upgrade(r)
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := &recorder{ResponseRecorder: httptest.NewRecorder()}
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if wire.Streams(r) {
		return s.streamed(r, in), nil
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

// streamed serves a request whose answer comes bit by bit, and may not end before the request's context does.
func (s *Sandbox) streamed(r, in *http.Request) *http.Response {
	body, w := io.Pipe()
	p := &piped{header: http.Header{}, body: w, begun: make(chan *http.Response, 1), answer: &http.Response{
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, Body: body, Request: r,
	}}
	stop := context.AfterFunc(r.Context(), func() { _ = body.CloseWithError(context.Cause(r.Context())) })
	go func() {
		defer stop()
		err := served(func() { s.ServeHTTP(p, in) })
		_ = r.Body.Close()
		p.WriteHeader(http.StatusOK)
		_ = w.CloseWithError(err)
	}()
	return <-p.begun
}

// piped is a ResponseWriter whose reader sees each write at once.
type piped struct {
	header http.Header
	body   *io.PipeWriter
	answer *http.Response
	begun  chan *http.Response // gets the answer once
	wrote  bool
}

func (p *piped) Header() http.Header { return p.header }
func (p *piped) FlushError() error   { return nil }

func (p *piped) WriteHeader(status int) {
	if !p.wrote {
		p.wrote = true
		p.answer.StatusCode, p.answer.Status, p.answer.Header = status, http.StatusText(status), p.header.Clone()
		p.begun <- p.answer
	}
}

func (p *piped) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return p.body.Write(b)
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
