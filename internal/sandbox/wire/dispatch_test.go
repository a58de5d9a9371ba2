package wire

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"
)

// The toys answer some operations, as the sandbox's own services do.
type (
	toyECS     struct{}
	toyEC2     struct{}
	toyIAM     struct{}
	toySTS     struct{}
	toyRoute53 struct{}
)

func (toyECS) ListClusters(ctx context.Context, _ *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
	return &ecs.ListClustersOutput{ClusterArns: []string{CallFrom(ctx).Region}}, nil
}

func (toyECS) DeleteCluster(context.Context, *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
	return nil, &ecstypes.ClusterNotFoundException{Message: new("no cluster <x>")}
}

func (toyECS) DescribeClusters(context.Context, *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
	return nil, nil
}

func (toyECS) StopTask(_ context.Context, in *ecs.StopTaskInput) (*ecs.StopTaskOutput, error) {
	if *in.Task == "abort" {
		panic(http.ErrAbortHandler)
	}
	panic("no task " + *in.Task)
}

func (toyEC2) DescribeVpcs(context.Context, *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	return &ec2.DescribeVpcsOutput{}, nil
}

func (toyIAM) GetRole(context.Context, *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	return nil, &iamtypes.NoSuchEntityException{Message: new("no role")}
}

func (toySTS) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{UserId: new(CallFrom(ctx).AccessKey), Arn: new(CallFrom(ctx).Host)}, nil
}

func (toyRoute53) GetHostedZone(_ context.Context, in *route53.GetHostedZoneInput) (*route53.GetHostedZoneOutput, error) {
	return nil, &route53types.NoSuchHostedZone{Message: new("no zone " + *in.Id)}
}

func (toyRoute53) ChangeResourceRecordSets(context.Context, *route53.ChangeResourceRecordSetsInput) (*route53.ChangeResourceRecordSetsOutput, error) {
	return nil, &route53types.InvalidChangeBatch{Messages: []string{"one", "two"}}
}

func (toyRoute53) DeleteHostedZone(context.Context, *route53.DeleteHostedZoneInput) (*route53.DeleteHostedZoneOutput, error) {
	return nil, &smithy.GenericAPIError{Code: "AccessDenied", Message: "not you"}
}

// Tick is no operation: it must not be served.
func (toyECS) Tick(context.Context, string) error { return nil }

func toys() []Service {
	return []Service{{"ecs", toyECS{}}, {"ec2", toyEC2{}}, {"iam", toyIAM{}}, {"sts", toySTS{}}, {"route53", toyRoute53{}}, {"elasticloadbalancing", struct{}{}}}
}

func TestSDKClients(t *testing.T) {
	t.Parallel()
	var calls []string
	s := httptest.NewServer(Handler(toys(), func(ctx context.Context, c *Call, do func(context.Context) (any, error)) (any, error) {
		calls = append(calls, c.Service+" "+c.Op+" "+c.Region+" "+strings.TrimPrefix(reflect.TypeOf(c.Input).String(), "*"))
		return do(ctx)
	}))
	t.Cleanup(s.Close)
	cfg, ctx := config(s.URL), t.Context()
	list, err := ecs.NewFromConfig(cfg).ListClusters(ctx, &ecs.ListClustersInput{}, func(o *ecs.Options) { o.Region = "ap-south-1" })
	if err != nil || list.ClusterArns[0] != "ap-south-1" {
		t.Error(list, err)
	}
	if _, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}); err != nil {
		t.Error(err)
	}
	if me, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil); err != nil || *me.UserId != "AKIDEXAMPLE" || "http://"+*me.Arn != s.URL {
		t.Error(me, err)
	}
	if out, err := ecs.NewFromConfig(cfg).DescribeClusters(ctx, nil); err != nil || len(out.Clusters) != 0 {
		t.Error(out, err)
	}
	want := []string{
		"ecs ListClusters ap-south-1 ecs.ListClustersInput", "ec2 DescribeVpcs eu-west-1 ec2.DescribeVpcsInput",
		"sts GetCallerIdentity eu-west-1 sts.GetCallerIdentityInput", "ecs DescribeClusters eu-west-1 ecs.DescribeClustersInput",
	}
	if d := cmp.Diff(want, calls); d != "" {
		t.Error(d)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	cfg, ctx := config(serve(t, toys())), t.Context()
	containers, domains := ecs.NewFromConfig(cfg), route53.NewFromConfig(cfg)
	fails := func(want string, status int, _ any, err error) {
		t.Helper()
		var http *smithyhttp.ResponseError
		if api := smithy.APIError(nil); !errors.As(err, &api) || api.ErrorCode()+": "+api.ErrorMessage() != want {
			t.Errorf("%v, want %s", err, want)
		} else if errors.As(err, &http); http.HTTPStatusCode() != status {
			t.Errorf("%s: status %d, want %d", want, http.HTTPStatusCode(), status)
		}
	}
	out, err := containers.DeleteCluster(ctx, &ecs.DeleteClusterInput{Cluster: new("x")})
	fails("ClusterNotFoundException: no cluster <x>", 400, out, err)
	if !errors.As(err, new(*ecstypes.ClusterNotFoundException)) {
		t.Errorf("%T", err)
	}
	_, err = iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: new("x")})
	fails("NoSuchEntity: no role", 404, nil, err)
	if !errors.As(err, new(*iamtypes.NoSuchEntityException)) {
		t.Errorf("%T", err)
	}
	_, err = domains.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: new("/hostedzone/Z1")})
	fails("NoSuchHostedZone: no zone Z1", 404, nil, err)
	_, err = domains.DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: new("Z1")})
	fails("AccessDenied: not you", 403, nil, err)
	_, err = domains.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{HostedZoneId: new("Z1"), ChangeBatch: &route53types.ChangeBatch{Changes: []route53types.Change{}}})
	if batch := (*route53types.InvalidChangeBatch)(nil); !errors.As(err, &batch) || len(batch.Messages) != 2 || batch.Messages[1] != "two" {
		t.Error(err)
	}
	_, err = containers.CreateCluster(ctx, &ecs.CreateClusterInput{})
	fails("NotImplemented: the sandbox does not implement ecs CreateCluster", 400, nil, err)
	_, err = domains.ListHostedZones(ctx, nil)
	fails("NotImplemented: the sandbox does not implement route53 ListHostedZones", 400, nil, err)
	_, err = domains.ListHealthChecks(ctx, nil)
	fails("NotImplemented: the sandbox does not implement route53 GET /2013-04-01/healthcheck", 400, nil, err)
	_, err = containers.StopTask(ctx, &ecs.StopTaskInput{Task: new("7")})
	if err == nil || !strings.Contains(err.Error(), "InternalFailure: ecs StopTask: panic: no task 7 at dispatch_test.go:") {
		t.Error(err)
	}
	_, err = containers.StopTask(ctx, &ecs.StopTaskInput{Task: new("abort")})
	if err == nil || !strings.Contains(err.Error(), "EOF") {
		t.Error("http.ErrAbortHandler must cut the connection:", err)
	}
	if _, err = containers.ListClusters(ctx, nil); err != nil {
		t.Error("after panics:", err)
	}
}

// TestDispatch tries what no Go client sends: no signature, a presigned URL, another service, none at all.
func TestDispatch(t *testing.T) {
	t.Parallel()
	h := Handler(toys(), nil)
	presigned, err := sts.NewPresignClient(sts.NewFromConfig(config("http://localhost"))).PresignGetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(scope string) [2]string {
		return [2]string{"Authorization", "AWS4-HMAC-SHA256 Credential=" + scope + "/aws4_request, SignedHeaders=host, Signature=0"}
	}
	form := [2]string{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}
	target := func(s string) [2]string { return [2]string{"X-Amz-Target", s} }
	for name, c := range map[string]struct {
		method, url, body string
		headers           [][2]string
		status            int
		want              string
	}{
		"presigned":             {"GET", presigned.URL, "", nil, 200, "<UserId>AKIDEXAMPLE</UserId>"},
		"unsigned target":       {"POST", "/", "{}", [][2]string{target("AmazonEC2ContainerServiceV20141113.ListClusters")}, 200, `{"clusterArns":["us-east-1"]}`},
		"unsigned version":      {"POST", "/", "Action=DescribeVpcs&Version=2016-11-15", [][2]string{form}, 200, "<vpcSet/>"},
		"unsigned path":         {"GET", "/2013-04-01/hostedzone/Z2/", "", nil, 404, "<Message>no zone Z2</Message>"},
		"unsigned CBOR":         {"POST", "/service/AmazonEC2ContainerServiceV20141113/operation/ListClusters", "", [][2]string{{"Smithy-Protocol", "rpc-v2-cbor"}}, 200, "us-east-1"},
		"SigV4a":                {"POST", "/", "{}", [][2]string{sign("A/20250101/ecs"), {"X-Amz-Region-Set", "eu-north-1,x"}, target("E.ListClusters")}, 200, "eu-north-1"},
		"a foreign target":      {"POST", "/", "{}", [][2]string{target("DynamoDB_20120810.ListTables")}, 403, "MissingAuthenticationToken"},
		"nothing":               {"GET", "/", "", nil, 403, "<Code>MissingAuthenticationToken</Code>"},
		"broken signature":      {"GET", "/", "", [][2]string{{"Authorization", "AWS4-HMAC-SHA256 Credential=a/b"}}, 403, "<Code>MissingAuthenticationToken</Code>"},
		"another service":       {"POST", "/", "{}", [][2]string{sign("A/20250101/eu-west-1/ssm"), target("AmazonSSM.GetParameter")}, 400, `"message":"the sandbox does not implement ssm GetParameter"`},
		"no operation":          {"POST", "/", "{}", [][2]string{sign("A/20250101/eu-west-1/ecs")}, 400, `"__type":"UnknownOperationException"`},
		"no action":             {"POST", "/", "", [][2]string{sign("A/20250101/eu-west-1/iam"), form}, 400, "<Code>MissingAction</Code>"},
		"no EC2 action":         {"POST", "/", "", [][2]string{sign("A/20250101/eu-west-1/ec2"), form}, 400, "<Errors><Error><Code>MissingAction</Code>"},
		"not an operation":      {"POST", "/", "{}", [][2]string{target("AmazonEC2ContainerServiceV20141113.Tick")}, 400, "ecs Tick"},
		"classic balancers":     {"POST", "/", "Action=DescribeLoadBalancers&Version=2012-06-01", [][2]string{sign("A/20250101/eu-west-1/elasticloadbalancing"), form}, 400, "elasticloadbalancing 2012-06-01 DescribeLoadBalancers"},
		"JSON 1.0":              {"POST", "/", "", [][2]string{target("AmazonEC2ContainerServiceV20141113.ListClusters"), {"Content-Type", "application/x-amz-json-1.0"}}, 200, "us-east-1"},
		"an escaped path":       {"GET", "/2013-04-01/hostedzone/%2Fhostedzone%2FZ3", "", nil, 404, "no zone /hostedzone/Z3"},
		"an element of no list": {"GET", "/2013-04-01/hostedzone/Z2/rrset/x", "", nil, 400, "GET /2013-04-01/hostedzone/Z2/rrset/x"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.url, strings.NewReader(c.body))
		for _, kv := range c.headers {
			r.Header.Set(kv[0], kv[1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || len(w.Header().Get("x-amzn-RequestId")) != 36 {
			t.Errorf("%s: %d %s %v, want %d %s", name, w.Code, w.Body, w.Header(), c.status, c.want)
		}
		if strings.HasSuffix(r.Header.Get("Content-Type"), "1.0") != strings.HasSuffix(w.Header().Get("Content-Type"), "1.0") {
			t.Errorf("%s: answered in %s", name, w.Header().Get("Content-Type"))
		}
	}
}

// TestStatus has the statuses that clients act on: 5xx and throttling are tried again, the others are not.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		service, code string
		want          int
	}{
		{"iam", "NoSuchEntity", 404},
		{"iam", "EntityAlreadyExists", 409},
		{"iam", "DeleteConflict", 409},
		{"iam", "MalformedPolicyDocument", 400},
		{"route53", "NoSuchHostedZone", 404},
		{"route53", "InvalidChangeBatch", 400},
		{"ec2", "InvalidVpcID.NotFound", 400},
		{"ec2", "RequestLimitExceeded", 503},
		{"ecs", "AccessDeniedException", 403},
		{"ecs", "ClusterNotFoundException", 400},
		{"ecs", "ThrottlingException", 400},
		{"ecs", "ServerException", 500},
		{"ecs", "InternalFailure", 500},
		{"sts", "ServiceUnavailable", 503},
		{"sts", "ExpiredToken", 403},
		{"elasticloadbalancing", "LoadBalancerNotFound", 400},
	} {
		q := request{codec: codec{dialects[c.service], awsJSON}}
		if err := (&smithy.GenericAPIError{Code: c.code}); q.status(err, err) != c.want {
			t.Errorf("%s %s: %d, want %d", c.service, c.code, q.status(err, err), c.want)
		}
	}
	q, own := request{codec: codec{dialects["ecs"], awsJSON}}, teapot{&smithy.GenericAPIError{Code: "NoTea"}}
	if got := q.status(own, own); got != 418 {
		t.Error(got)
	}
}

// A teapot is an error with a status of its own.
type teapot struct{ *smithy.GenericAPIError }

func (teapot) HTTPStatusCode() int { return http.StatusTeapot }

type unchecked struct{}

func (unchecked) DescribeVolumes(context.Context, *ec2.DescribeVolumesInput) (*ec2.DescribeVolumesOutput, error) {
	return nil, nil
}

func TestHandlerRefuses(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Service{
		"no service has the signing name sqs":                              {"sqs", toyECS{}},
		"ec2 DescribeVolumes: add it to internal/sandbox/wire/testdata/op": {"ec2", unchecked{}},
	} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.Contains(p, want) {
					t.Errorf("%q, want %q", p, want)
				}
			}()
			Handler([]Service{s}, nil)
		}()
	}
	if CallFrom(context.Background()) != nil {
		t.Error("a call outside of one")
	}
}

// TestState: what an operation returns may be part of a service's state, which the next call changes. The race
// detector looks on.
func TestState(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	out := &ecs.ListClustersOutput{ClusterArns: []string{""}}
	svc := Service{"ecs", operations{"ListClusters": {reflect.TypeFor[ecs.ListClustersInput](), func(context.Context, any) (any, error) {
		out.ClusterArns[0] += "x"
		return out, nil
	}}}}
	h := Handler([]Service{svc}, func(ctx context.Context, c *Call, do func(context.Context) (any, error)) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		out, err := do(ctx)
		if c.AccessKey == "other" {
			return &ecs.ListClustersOutput{ClusterArns: []string{"of around"}}, nil
		}
		return out, err
	})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader("{}"))
			r.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListClusters")
			want := `{"clusterArns":["x`
			if i%2 == 1 {
				r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=other/20250101/x/ecs/aws4_request")
				want = `{"clusterArns":["of around"]}`
			}
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); !strings.HasPrefix(w.Body.String(), want) {
				t.Errorf("%s, want %s", w.Body, want)
			}
		})
	}
	wg.Wait()
}

// TestZeros: AWS answers numbers and flags that are zero and lists that are empty; boto3 looks into them unasked.
func TestZeros(t *testing.T) {
	t.Parallel()
	one := func(out any) Service {
		return Service{"ecs", operations{"DescribeServices": {reflect.TypeFor[ecs.DescribeServicesInput](), func(context.Context, any) (any, error) { return out, nil }}}}
	}
	for want, out := range map[string]any{
		`{"failures":[],"services":[]}`: &ecs.DescribeServicesOutput{},
		`{"failures":[],"services":[{"desiredCount":0,"enableECSManagedTags":false,"enableExecuteCommand":false,"pendingCount":0,"runningCount":0}]}`: &ecs.DescribeServicesOutput{
			Services: []ecstypes.Service{{}},
		},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader("{}"))
		r.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.DescribeServices")
		w := httptest.NewRecorder()
		Handler([]Service{one(out)}, nil).ServeHTTP(w, r)
		if d := cmp.Diff(want, w.Body.String()); d != "" {
			t.Error(d)
		}
	}
}
