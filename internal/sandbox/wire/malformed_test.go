package wire

import (
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go/encoding/cbor"
)

// A sample is a request of one protocol with a body to spoil.
type sample struct{ method, path, kind, target, body string }

func (s sample) send(t testing.TB, h http.Handler) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(t.Context(), s.method, s.path, strings.NewReader(s.body))
	r.Header.Set("Content-Type", s.kind)
	switch s.kind {
	case "application/cbor":
		r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	case "application/x-amz-json-1.1":
		r.Header.Set("X-Amz-Target", s.target)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func jsonSample(op, body string) sample {
	return sample{"POST", "/", "application/x-amz-json-1.1", "AmazonEC2ContainerServiceV20141113." + op, body}
}

func formSample(body string) sample {
	return sample{"POST", "/", "application/x-www-form-urlencoded", "", body}
}

func xmlSample(body string) sample {
	return sample{"POST", "/2013-04-01/hostedzone/Z1/rrset", "application/xml", "", body}
}

func cborSample(op, body string) sample {
	return sample{"POST", "/service/AmazonEC2ContainerServiceV20141113/operation/" + op, "application/cbor", "", body}
}

// quiet answers every operation with an empty output.
func quiet(t testing.TB) http.Handler {
	return Handler(everything(t, func(_ *Call, out reflect.Type) (any, error) { return reflect.New(out).Interface(), nil }), nil)
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	h := quiet(t)
	const deep = 1 << 20
	iam, ec2 := "Action=GetRole&Version=2010-05-08&", "Action=DescribeVpcs&Version=2016-11-15&"
	for name, c := range map[string]struct {
		sample
		want string
	}{
		"cut JSON":               {jsonSample("CreateCluster", `{"clusterName":"a`), "SerializationException"},
		"two JSON values":        {jsonSample("CreateCluster", `{} {}`), "SerializationException"},
		"a JSON list":            {jsonSample("CreateCluster", `[]`), "a list can not be converted to ecs.CreateClusterInput"},
		"a number for a name":    {jsonSample("CreateCluster", `{"clusterName":1}`), "clusterName: a number can not be converted to string"},
		"a name for a number":    {jsonSample("CreateService", `{"desiredCount":"two"}`), `desiredCount: \"two\" is not a whole number of 32 bits`},
		"a large number":         {jsonSample("CreateService", `{"desiredCount":2147483648}`), `is not a whole number of 32 bits`},
		"half a task":            {jsonSample("CreateService", `{"desiredCount":1.5}`), `is not a whole number of 32 bits`},
		"deep JSON":              {jsonSample("CreateCluster", strings.Repeat(`{"a":`, deep)), "SerializationException"},
		"a bad escape":           {formSample(iam + "RoleName=%zz"), "<Code>MalformedQueryString</Code>"},
		"no UTF-8":               {formSample(iam + "RoleName=%ff"), "<Code>MalformedQueryString</Code>"},
		"a deep name":            {formSample(iam + strings.Repeat("a.", deep) + "=1"), "<Code>MalformedQueryString</Code>"},
		"no number":              {formSample("Action=ListRoles&Version=2010-05-08&MaxItems=x"), "<Code>MalformedQueryString</Code><Message>MaxItems: "},
		"no flag":                {formSample(ec2 + "DryRun=perhaps"), "<Errors><Error><Code>InvalidParameterValue</Code><Message>DryRun: "},
		"cut XML":                {xmlSample("<ChangeResourceRecordSetsRequest><ChangeBatch>"), "<Code>InvalidInput</Code>"},
		"deep XML":               {xmlSample(strings.Repeat("<a>", deep)), "<Code>InvalidInput</Code>"},
		"a word for a number":    {xmlSample("<R><ChangeBatch><Changes><C><ResourceRecordSet><TTL>long</TTL></ResourceRecordSet></C></Changes></ChangeBatch></R>"), "ChangeBatch: Changes: ResourceRecordSet: TTL: "},
		"a word in a path's key": {sample{"GET", "/2013-04-01/hostedzone?maxitems=1&maxitems=2&x=%zz", "", "", ""}, ""},
		"cut CBOR":               {cborSample("CreateCluster", "\xbf\x61"), "SerializationException"},
		"deep CBOR":              {cborSample("CreateCluster", strings.Repeat("\x81", deep)), "SerializationException"},
		"a CBOR list":            {cborSample("CreateCluster", "\x80"), "a list can not be converted"},
	} {
		w := c.send(t, h)
		if c.want == "" {
			if w.Code != 200 {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		} else if w.Code != 400 || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %s", name, w.Code, w.Body, c.want)
		}
	}
	large := jsonSample("CreateCluster", `{"clusterName":"`+strings.Repeat("a", maxBody)+`"}`)
	if w := large.send(t, h); w.Code != 400 || !strings.Contains(w.Body.String(), "request body too large") {
		t.Errorf("%d %.200s", w.Code, w.Body)
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	h := quiet(t)
	for name, c := range map[string]struct {
		body string
		want string
	}{
		"whole": {zipped("{}"), `{"clusterArns":[]}`},
		"cut":   {zipped("{}")[:20], "SerializationException"},
		"no":    {"{}", "SerializationException"},
		"bomb":  {zipped(strings.Repeat(" ", maxBody+1)), "bytes unpacked"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(c.body))
		r.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListClusters")
		r.Header.Set("Content-Encoding", "gzip")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %s, want %s", name, w.Body, c.want)
		}
	}
}

func zipped(s string) string {
	var b strings.Builder
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

// fuzz spoils the bodies of requests; whatever they are, the answer is an output or an error of the client's.
func fuzz(f *testing.F, request func(op, body string) sample, ops []string, seeds ...string) {
	h := quiet(f)
	for i, s := range seeds {
		f.Add(uint16(i), s)
	}
	slices.Sort(ops)
	f.Fuzz(func(t *testing.T, op uint16, body string) {
		if w := request(ops[int(op)%len(ops)], body).send(t, h); w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func FuzzJSON(f *testing.F) {
	fuzz(f, jsonSample, listed(f)["ecs"], `{"clusters":["a"],"include":["TAGS"]}`,
		`{"deploymentConfiguration":{"lifecycleHooks":[{"hookDetails":{"a":[1,1e400,null]}}]},"desiredCount":1}`, `{"startedAt":1700000000.5}`, `null`, `{"tags":null}`, "")
}

func FuzzCBOR(f *testing.F) {
	seed := cbor.Encode(cbor.Map{"tags": cbor.List{cbor.Map{"key": cbor.String("a"), "value": &cbor.Nil{}}}, "desiredCount": cbor.NegInt(1), "x": &cbor.Tag{ID: 1, Value: cbor.Float64(1.5)}})
	fuzz(f, cborSample, listed(f)["ecs"], string(seed), "\xa0", "\xbf\xff", "")
}

func FuzzQuery(f *testing.F) {
	fuzz(f, func(op, body string) sample { return formSample("Action=" + op + "&Version=2010-05-08&" + body) }, listed(f)["iam"],
		"RoleName=a&Tags.member.1.Key=k&Tags.member.1.Value=v", "Tags=", "Tags.member.-1.Key=&Tags.member.99999999999999999999.Key=", "Tags.entry.1.key=a", "a..b=&.=&=")
}

func FuzzEC2(f *testing.F) {
	fuzz(f, func(op, body string) sample { return formSample("Action=" + op + "&Version=2016-11-15&" + body) }, listed(f)["ec2"],
		"Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1", "IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0&IpPermissions.1.FromPort=80", "TagSpecification.3.Tag.0.Key=a", "MaxResults=1e9")
}

func FuzzXML(f *testing.F) {
	fuzz(f, func(_, body string) sample { return xmlSample(body) }, []string{""},
		`<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet><Name>a</Name><Type>A</Type><TTL>60</TTL></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`,
		"<a><!-- --><?x y?><![CDATA[z]]></a>", "<a>&b;</a>", "")
}

// FuzzDispatch spoils all that says what a request is.
func FuzzDispatch(f *testing.F) {
	h := quiet(f)
	f.Add("POST", "/", "AWS4-HMAC-SHA256 Credential=A/20250101/eu-west-1/ecs/aws4_request, SignedHeaders=host", "AmazonEC2ContainerServiceV20141113.ListClusters", "", "{}")
	f.Add("POST", "/", "AWS4-HMAC-SHA256 Credential=A/20250101/us-east-1/iam/aws4_request", "", "application/x-www-form-urlencoded", "Action=ListRoles&Version=2010-05-08")
	f.Add("GET", "/2013-04-01/hostedzone/Z1", "Credential=A/20250101/route53/aws4_request", "", "", "")
	f.Add("GET", "/?Action=DescribeVpcs&X-Amz-Credential=A%2F20250101%2Fus-east-1%2Fec2%2Faws4_request", "", "", "", "")
	f.Add("POST", "/service/x/operation/y", "", "", "", "")
	f.Fuzz(func(t *testing.T, method, url, auth, target, kind, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost", strings.NewReader(body))
		if err != nil {
			return
		}
		if r.URL, err = r.URL.Parse(url); err != nil {
			return
		}
		r.Header = http.Header{"Authorization": {auth}, "Content-Type": {kind}, "X-Amz-Target": {target}}
		if strings.Contains(url, "/operation/") {
			r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
