package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A call is one request as it went over the wire.
type call struct {
	op           string // "ecs.CreateService": the SigV4 service and AWS's operation; "route53.POST /2013-04-01/…"
	began, ended time.Time
	status       int
}

// A proxy stands before an endpoint and keeps what goes through it.
type proxy struct {
	url   string
	mu    sync.Mutex
	calls []call
}

func newProxy(t *testing.T, endpoint string) *proxy {
	t.Helper()
	to, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	reverse := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := call{op: operation(r), began: time.Now()}
		s := &status{ResponseWriter: w}
		reverse.ServeHTTP(s, r)
		c.ended, c.status = time.Now(), s.code
		p.mu.Lock()
		defer p.mu.Unlock()
		p.calls = append(p.calls, c)
	}))
	t.Cleanup(srv.Close)
	p.url = srv.URL
	return p
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) { s.code = code; s.ResponseWriter.WriteHeader(code) }

var scope = regexp.MustCompile(`Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request`)

// operation names what a request asks for. Its body can be read again.
func operation(r *http.Request) string {
	service := "unsigned"
	if m := scope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		service = m[1]
	}
	if _, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return service + "." + op
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return service + ".unreadable"
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if form, err := url.ParseQuery(string(body)); err == nil && form.Has("Action") {
		return service + "." + form.Get("Action")
	}
	return service + "." + r.Method + " " + r.URL.Path
}

// take returns the calls since the last take.
func (p *proxy) take() []call {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := p.calls
	p.calls = nil
	return calls
}

// reading are the words that AWS's names of operations begin with when they change nothing.
var reading = []string{"Describe", "List", "Get", "BatchGet", "Filter", "BatchCheck", "HEAD ", "GET "}

// changing lists the operations that change something, each once.
func changing(calls []call) (ops []string) {
	for _, c := range calls {
		_, op, _ := strings.Cut(c.op, ".")
		if !slices.ContainsFunc(reading, func(word string) bool { return strings.HasPrefix(op, word) }) && !slices.Contains(ops, c.op) {
			ops = append(ops, c.op)
		}
	}
	slices.Sort(ops)
	return ops
}

func TestProxy(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(body)
	}))
	t.Cleanup(srv.Close)
	p := newProxy(t, srv.URL)
	const auth = "AWS4-HMAC-SHA256 Credential=AKIA/20261101/us-east-1/%/aws4_request, SignedHeaders=host, Signature=0"
	for _, c := range []struct{ method, path, service, target, body, want string }{
		{"POST", "/", "ecs", "AmazonEC2ContainerServiceV20141113.CreateService", "{}", "ecs.CreateService"},
		{"POST", "/", "ec2", "", "Action=DescribeVpcs&Version=2016-11-15", "ec2.DescribeVpcs"},
		{"POST", "/2013-04-01/hostedzone/Z/rrset", "route53", "", "<x/>", "route53.POST /2013-04-01/hostedzone/Z/rrset"},
		{"GET", "/2013-04-01/hostedzone", "route53", "", "", "route53.GET /2013-04-01/hostedzone"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, p.url+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", strings.Replace(auth, "%", c.service, 1))
		if c.target != "" {
			req.Header.Set("X-Amz-Target", c.target)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != c.body {
			t.Errorf("the body %q came as %q", c.body, body)
		}
		p.mu.Lock()
		last := p.calls[len(p.calls)-1]
		p.mu.Unlock()
		if last.op != c.want || last.status != http.StatusTeapot || last.ended.Before(last.began) {
			t.Errorf("got %+v want %s", last, c.want)
		}
	}
	want := []string{"ecs.CreateService", "route53.POST /2013-04-01/hostedzone/Z/rrset"}
	if got := changing(p.take()); !slices.Equal(got, want) {
		t.Errorf("changing: %v want %v", got, want)
	}
	if n := len(p.take()); n != 0 {
		t.Errorf("%d calls after all were taken", n)
	}
}
