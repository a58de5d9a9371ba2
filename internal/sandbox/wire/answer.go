package wire

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"reflect"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/encoding/cbor"
)

// decode reads the request's input.
func (q *request) decode(in reflect.Value) error {
	switch q.protocol {
	case awsJSON:
		tree, err := decodeJSON(q.body)
		if err != nil {
			return err
		}
		return q.fromTree(in, tree)
	case rpcCBOR:
		if len(q.body) == 0 {
			return nil
		}
		v, err := cbor.Decode(q.body)
		if err != nil {
			return err
		}
		return q.fromTree(in, fromCBOR(v))
	case restXML:
		return q.decodeREST(in)
	default:
		n, err := parseForm(q.form)
		if err != nil {
			return err
		}
		return q.fromForm(in, n)
	}
}

// decodeREST reads the XML body, then what path and query hold.
func (q *request) decodeREST(in reflect.Value) error {
	if len(bytes.TrimSpace(q.body)) > 0 {
		var n node
		if err := xml.Unmarshal(q.body, &n); err != nil {
			return err
		}
		if err := q.fromXML(in, n); err != nil {
			return err
		}
	}
	set := func(name, s string) error {
		f := in.FieldByName(name)
		if f.Kind() == reflect.Pointer {
			f.Set(reflect.New(f.Type().Elem()))
			f = f.Elem()
		}
		return setScalar(f, text(s))
	}
	for name, s := range q.params {
		if err := set(name, s); err != nil {
			return err
		}
	}
	for key, name := range q.route.query {
		if values := q.URL.Query(); values.Has(key) {
			if err := set(name, values.Get(key)); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	return nil
}

// An answer is what goes back, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
	stream func(http.ResponseWriter) // behind the body
}

func (a *answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client is gone if this fails
	if a.stream != nil {
		a.stream(w)
	}
}

// render makes the answer of an output, a pointer, which may be nil.
func (q *request) render(output any) *answer {
	out := reflect.Indirect(reflect.ValueOf(output))
	if q.protocol != awsJSON && q.protocol != rpcCBOR {
		return q.renderXML(out)
	}
	tree, _ := q.toTree(out).(map[string]any)
	if tree == nil {
		tree = map[string]any{}
	}
	if out.IsValid() {
		q.emptyLists(out, func(f field) { tree[f.name] = []any{} })
	}
	return q.treeAnswer(http.StatusOK, tree)
}

func (q *request) renderXML(out reflect.Value) *answer {
	a := xmlAnswer(http.StatusOK)
	if q.route != nil {
		a.status = max(a.status, q.route.status)
		out = q.moveHeaders(a.header, out)
	}
	before, after := "", ""
	if q.protocol == ec2Query {
		before = fmt.Sprintf("<requestId>%s</requestId>", q.id)
	}
	if q.protocol == awsQuery {
		before = fmt.Sprintf("<%sResult>", q.op)
		after = fmt.Sprintf("</%sResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>", q.op, q.id)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "<%sResponse xmlns=%q>%s", q.op, q.xmlns, before)
	if out.IsValid() {
		q.toXML(&b, out, "")
		q.emptyLists(out, func(f field) { fmt.Fprintf(&b, "<%s/>", f.name) })
	}
	fmt.Fprintf(&b, "%s</%sResponse>", after, q.op)
	a.body = b.Bytes()
	return a
}

// moveHeaders sets what a REST answer has in its headers, and returns what remains for the body.
func (q *request) moveHeaders(h http.Header, out reflect.Value) reflect.Value {
	if !out.IsValid() || len(q.route.header) == 0 {
		return out
	}
	rest := reflect.New(out.Type()).Elem()
	rest.Set(out)
	for header, name := range q.route.header {
		if s := reflect.Indirect(out.FieldByName(name)); s.IsValid() {
			h.Set(header, s.String())
		}
		rest.FieldByName(name).SetZero()
	}
	return rest
}

// emptyLists yields the lists of an output that are nil: AWS answers an empty list where nothing is found, and
// clients without Go's nil, such as boto3, look into it without asking.
func (c codec) emptyLists(out reflect.Value, yield func(field)) {
	for _, f := range c.layout(out.Type()) {
		if v := out.Field(f.index); v.Kind() == reflect.Slice && !isBlob(v.Type()) && v.IsNil() {
			yield(f)
		}
	}
}

// fail makes the answer of an error: its code, its message and the further members that its type has.
func (q *request) fail(err error) *answer {
	var api smithy.APIError
	if !errors.As(err, &api) {
		api = &smithy.GenericAPIError{Code: "InternalFailure", Message: err.Error(), Fault: smithy.FaultServer}
	}
	status := q.status(err, api)
	if q.dialect == nil {
		q.dialect = &dialect{}
	}
	tree, b := map[string]any{"__type": api.ErrorCode(), "message": api.ErrorMessage()}, &bytes.Buffer{}
	isTree := q.protocol == awsJSON || q.protocol == rpcCBOR
	if v := reflect.Indirect(reflect.ValueOf(api)); v.Kind() == reflect.Struct && path.Base(v.Type().PkgPath()) == "types" { // the SDK's
		for _, f := range q.layout(v.Type()) {
			switch fv := v.Field(f.index); {
			case f.goName == "Message" || f.goName == "ErrorCodeOverride" || fv.IsZero():
			case isTree:
				tree[f.name] = q.toTree(fv)
			default:
				q.element(b, f.name, fv, f.item)
			}
		}
	}
	var a *answer
	if isTree {
		if shape := q.shapes[api.ErrorCode()]; shape != "" {
			tree["__type"] = shape
		}
		a = q.treeAnswer(status, tree)
		if q.shapes != nil { // the code that clients have known it by (Smithy, aws.protocols#awsQueryCompatible)
			a.header.Set("X-Amzn-Query-Error", api.ErrorCode()+";"+sender(status))
		}
	} else {
		a = q.xmlError(status, api, b)
	}
	a.header.Set("X-Amzn-Errortype", api.ErrorCode())
	return a
}

func (q *request) xmlError(status int, api smithy.APIError, members *bytes.Buffer) *answer {
	a := xmlAnswer(status)
	detail := fmt.Sprintf("<Code>%s</Code><Message>%s</Message>%s", escape(api.ErrorCode()), escape(api.ErrorMessage()), members)
	if q.protocol == ec2Query {
		a.body = fmt.Appendf(nil, "<Response><Errors><Error>%s</Error></Errors><RequestID>%s</RequestID></Response>", detail, q.id)
		return a
	}
	a.body = fmt.Appendf(nil, "<ErrorResponse xmlns=%q><Error><Type>%s</Type>%s</Error><RequestId>%s</RequestId></ErrorResponse>", q.xmlns, sender(status), detail, q.id)
	return a
}

// sender says whose fault an error is.
func sender(status int) string {
	if status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

// commonStatuses are those of the errors that all services have (docs.aws.amazon.com, "Common Errors").
var commonStatuses = map[string]int{
	"InternalFailure": 500, "InternalError": 500, "InternalServerError": 500, "ServiceUnavailable": 503, "Unavailable": 503,
	"RequestLimitExceeded": 503, "MissingAuthenticationToken": 403, "OptInRequired": 403, "UnauthorizedOperation": 403,
	"NotAuthorized": 403, "InvalidClientTokenId": 403, "SignatureDoesNotMatch": 403, "AuthFailure": 401,
	"ExpiredToken": 403, "RequestExpired": 400,
}

// status is the HTTP status of an error: its own, that of the service's model for its code, or the common one.
func (q *request) status(err error, api smithy.APIError) int {
	var own interface{ HTTPStatusCode() int }
	if errors.As(err, &own) {
		return own.HTTPStatusCode()
	}
	if q.dialect != nil && q.statuses[api.ErrorCode()] != 0 {
		return q.statuses[api.ErrorCode()]
	}
	if n := commonStatuses[api.ErrorCode()]; n != 0 {
		return n
	}
	if strings.HasPrefix(api.ErrorCode(), "AccessDenied") {
		return http.StatusForbidden
	}
	if api.ErrorFault() == smithy.FaultServer {
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// malformed is the error for a request that can't be read, by the name that the protocol has for it.
func (q *request) malformed(err error) error {
	code := map[protocol]string{awsQuery: "MalformedQueryString", ec2Query: "InvalidParameterValue", restXML: "InvalidInput"}[q.protocol]
	if code == "" {
		code = "SerializationException"
	}
	return &smithy.GenericAPIError{Code: code, Message: err.Error()}
}

func (q *request) treeAnswer(status int, tree any) *answer {
	a := &answer{status: status, header: http.Header{}}
	if q.protocol == rpcCBOR {
		a.header.Set("Content-Type", "application/cbor")
		a.header.Set("Smithy-Protocol", "rpc-v2-cbor")
		a.body = cbor.Encode(toCBOR(tree))
		return a
	}
	kind := "application/x-amz-json-1.1"
	if strings.HasSuffix(q.Header.Get("Content-Type"), "json-1.0") {
		kind = "application/x-amz-json-1.0"
	}
	a.header.Set("Content-Type", kind)
	a.body, _ = json.Marshal(tree) // toTree makes nothing that JSON lacks but NaN, which no service answers
	return a
}

func xmlAnswer(status int) *answer {
	return &answer{status: status, header: http.Header{"Content-Type": {"text/xml;charset=UTF-8"}}}
}

// requestID makes a random UUID, as AWS's are.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
