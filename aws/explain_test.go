package aws

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// transport answers in the place of a network.
type transport func(*http.Request) (*http.Response, error)

func (t transport) Do(r *http.Request) (*http.Response, error) { return t(r) }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func answer(status int, kind, body string) transport {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func ecsError(code, message string) transport {
	return answer(http.StatusBadRequest, "application/x-amz-json-1.1", fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message))
}

func broken(err error) transport {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// frame is what the SDK puts around an error: no user needs it.
var frame = regexp.MustCompile(`operation error|https response error|RequestID|StatusCode|exceeded maximum number|retry quota|deserialization|api error`)

// Whatever goes wrong on the way to AWS and back is said in one line, with what to do, and soon.
func TestBrief(t *testing.T) {
	t.Parallel()
	denied := "User: arn:aws:iam::1:user/me is not authorized to perform: ecs:DescribeServices on resource: arn:aws:ecs:us-east-1:1:service/a/b because no identity-based policy allows the ecs:DescribeServices action"
	for name, c := range map[string]struct {
		at   transport
		kind Kind
		text string
		hint string
		most time.Duration // that it may take, with all retries
	}{
		"denied":      {ecsError("AccessDeniedException", denied), Denied, "not authorized to perform ecs:DescribeServices on arn:aws:ecs:us-east-1:1:service/a/b", "allow the action ecs:DescribeServices to who runs this", time.Second},
		"denied bare": {ecsError("AccessDeniedException", "no"), Denied, "not authorized to perform ecs:DescribeServices", "allow the action ecs:DescribeServices to who runs this", time.Second},
		"by an SCP":   {ecsError("AccessDeniedException", denied+" with an explicit deny in a service control policy"), Denied, "not authorized to perform ecs:DescribeServices on arn:aws:ecs:us-east-1:1:service/a/b", "a service control policy of the organization denies it: ask who runs the organization", time.Second},
		"throttled":   {ecsError("ThrottlingException", "Rate exceeded"), Throttled, "ThrottlingException: Rate exceeded (ECS DescribeServices)", "AWS asks for slower calls; run the same command again in a minute", 3 * time.Minute},
		"expired":     {ecsError("ExpiredTokenException", "The security token included in the request is expired"), Credentials, "the AWS credentials have expired", "run aws sso login, or get new credentials, and run the same command again", time.Second},
		"not served":  {ecsError("UnknownOperationException", "no"), NotServed, "UnknownOperationException: no (ECS DescribeServices)", "this endpoint does not serve that operation: see --endpoint-url", time.Second},
		"other":       {ecsError("ServerException", "oh"), Other, "ServerException: oh (ECS DescribeServices)", "", 3 * time.Minute},
		"a proxy":     {answer(http.StatusForbidden, "text/html", "<html>blocked</html>"), Unreachable, "the answer is none of AWS's: HTTP 403", "check the network, the proxy and --endpoint-url", 3 * time.Minute},
		"nonsense":    {answer(http.StatusOK, "text/html", "<html>hello</html>"), Unreachable, "the answer is none of AWS's: HTTP 200", "check the network, the proxy and --endpoint-url", 3 * time.Minute},
		"refused":     {broken(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}), Unreachable, "ecs.us-east-1.amazonaws.com can't be reached: connection refused", "check the network, the proxy and --endpoint-url", 3 * time.Minute},
		"no name":     {broken(&net.DNSError{Err: "no such host", Name: "ecs.us-east-1.amazonaws.com", IsNotFound: true}), Unreachable, "the name of ecs.us-east-1.amazonaws.com can't be resolved", "check the network, the region and --endpoint-url", 3 * time.Minute},
		"cut":         {broken(io.ErrUnexpectedEOF), Unreachable, "no answer from ecs.us-east-1.amazonaws.com: unexpected EOF", "check the network, the proxy and --endpoint-url", 3 * time.Minute},
		"untrusted":   {broken(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), Unreachable, "ecs.us-east-1.amazonaws.com has a certificate that is not trusted: x509: certificate signed by unknown authority", "name the authority of your proxy or endpoint: AWS_CA_BUNDLE=FILE", 3 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				calls := Connect(aws.Config{Region: "us-east-1", HTTPClient: &http.Client{Transport: c.at}, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), Retryer: Patient})
				_, err := calls.ECS.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Services: []string{"b"}})
				if took := time.Since(began); took > c.most {
					t.Errorf("took %s", took)
				}
				got := Brief(fmt.Errorf("service: read: %w", err))
				if m := Explain(err); got != "service: read: "+c.text || m.Kind != c.kind || m.Hint != c.hint {
					t.Errorf("%q\nkind %d, hint %q", got, m.Kind, m.Hint)
				}
				if frame.MatchString(got) {
					t.Errorf("the SDK's own words: %s", got)
				}
			})
		})
	}
}

// The first call says within seconds that nobody is there: where none answers, and where none can be reached.
func TestFirstCall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at   transport
		most time.Duration
		text string
	}{
		"refused": {broken(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}), 0, "sts.us-east-1.amazonaws.com can't be reached: connection refused"},
		"hangs":   {func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, 10 * time.Second, "no answer from STS in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				cfg := aws.Config{Region: "us-east-1", HTTPClient: &http.Client{Transport: c.at}, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), Retryer: Patient}
				_, err := WhoAmI(t.Context(), cfg, Connect(cfg))
				if took := time.Since(began); took > c.most || Brief(err) != c.text {
					t.Errorf("%s: %s", took, Brief(err))
				}
			})
		})
	}
	// A connection that does not stand is given up soon.
	cfg, err := Load(t.Context(), Where{Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cfg.HTTPClient.(interface{ GetDialer() *net.Dialer }).GetDialer(); d.Timeout != 5*time.Second {
		t.Error(d.Timeout)
	}
}

// Credentials that can't be renewed in the middle of a command.
func TestCredentialsGone(t *testing.T) {
	t.Parallel()
	cfg := aws.Config{Region: "us-east-1", Credentials: aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("the process has gone")
	}))}
	_, err := Connect(cfg).ECS.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Services: []string{"b"}})
	if m := Explain(err); m.Kind != Credentials || Brief(err) != "the AWS credentials can't be renewed" || m.Hint == "" {
		t.Errorf("%s: %+v", err, m)
	}
}
