package wire

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/aws/smithy-go"
)

// A request is one HTTP request, and what it turned out to be.
type request struct {
	*http.Request
	codec
	id      string // x-amzn-RequestId
	scope   scope
	service string // signing name
	op      string
	body    []byte
	form    url.Values        // of a query request: body and URL together
	route   *route            // of a REST request
	params  map[string]string // of the route's path
}

// A scope is who signed a request for what, by SigV4.
type scope struct{ accessKey, region, service string }

// credentialScope reads the scope of the Authorization header, AKID/20060102/region/service/aws4_request behind
// "Credential=", or that of a presigned URL. SigV4a's has no region; it stands in a header of its own.
func credentialScope(r *http.Request) scope {
	_, cred, found := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !found {
		cred = r.URL.Query().Get("X-Amz-Credential")
	}
	cred, _, _ = strings.Cut(cred, ",")
	p := strings.Split(strings.TrimSpace(cred), "/")
	switch {
	case len(p) == 5 && p[4] == "aws4_request":
		return scope{p[0], p[2], p[3]}
	case len(p) == 4 && p[3] == "aws4_request":
		region, _, _ := strings.Cut(r.Header.Get("X-Amz-Region-Set"), ",")
		return scope{p[0], strings.Trim(region, "* "), p[2]}
	}
	return scope{}
}

// dispatch finds out service, operation and protocol. The protocol is the request's choice, not the service's:
// botocore and the SDKs do not always take the same.
func (s *server) dispatch(q *request) error {
	q.scope = credentialScope(q.Request)
	q.service = q.scope.service
	if q.scope.region == "" {
		q.scope.region = "us-east-1"
	}
	if err := q.readForm(); err != nil {
		q.protocol = awsQuery
		return q.malformed(err)
	}
	family := q.findProtocol()
	if q.service == "" {
		q.service = infer(q, family)
	}
	d := dialects[q.service]
	switch {
	case q.service == "":
		return &smithy.GenericAPIError{Code: "MissingAuthenticationToken", Message: "the request has neither a signature nor a known operation"}
	case d == nil || s.services[q.service] == nil:
		return notImplemented(q.service, q.op)
	}
	q.dialect = d
	if q.protocol == awsQuery && d.protocol == ec2Query || q.protocol == restXML && (d.protocol == awsQuery || d.protocol == ec2Query) {
		q.protocol = d.protocol
	}
	switch {
	case q.protocol == restXML && d.protocol == restXML:
		return q.findRoute()
	case q.op == "" && d.protocol == awsJSON:
		q.protocol = awsJSON
		return &smithy.GenericAPIError{Code: "UnknownOperationException", Message: "no X-Amz-Target"}
	case q.op == "":
		return &smithy.GenericAPIError{Code: "MissingAction", Message: "no Action"}
	case q.protocol == awsQuery && q.form.Has("Version") && q.form.Get("Version") != d.version: // elasticloadbalancing is two services by version
		return notImplemented(q.service, strings.TrimSpace(q.form.Get("Version")+" "+q.op))
	}
	return nil
}

// readForm reads a query request's form, which a presigned URL holds itself.
func (q *request) readForm() error {
	if q.Header.Get("X-Amz-Target") != "" || q.Header.Get("Smithy-Protocol") != "" {
		return nil
	}
	q.form = q.URL.Query()
	if !strings.HasPrefix(q.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return nil
	}
	form, err := url.ParseQuery(string(q.body))
	maps.Copy(q.form, form)
	return err
}

// findProtocol sets protocol and operation as far as the request alone tells, and returns what it names the service
// with: the target's prefix, the path's service or the version.
func (q *request) findProtocol() string {
	if q.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" { // /service/ECS/operation/ListClusters
		q.protocol, q.op = rpcCBOR, path.Base(q.URL.Path)
		_, name, _ := strings.Cut(q.URL.Path, "/service/")
		name, _, _ = strings.Cut(name, "/")
		return name
	}
	if target := q.Header.Get("X-Amz-Target"); target != "" {
		q.protocol = awsJSON
		prefix, op, _ := strings.Cut(target, ".")
		q.op = op
		return prefix
	}
	if q.form.Has("Action") {
		q.protocol, q.op = awsQuery, q.form.Get("Action")
		return q.form.Get("Version")
	}
	q.protocol = restXML
	version, _, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
	return version
}

// infer finds the service that an unsigned request names.
func infer(q *request, name string) string {
	if name == "" {
		return ""
	}
	for service, d := range dialects {
		switch q.protocol {
		case awsJSON, rpcCBOR:
			if name == d.target {
				return service
			}
		default:
			if name == d.version && (q.protocol == restXML) == (d.protocol == restXML) {
				return service
			}
		}
	}
	return ""
}

// findRoute finds the operation by method and path. botocore ends some paths in a slash.
func (q *request) findRoute() error {
	parts := strings.Split(strings.TrimSuffix(q.URL.EscapedPath(), "/"), "/")
	for _, rt := range q.routes {
		want := strings.Split(rt.path, "/")
		if rt.method != q.Method || len(want) != len(parts) {
			continue
		}
		params, ok := map[string]string{}, true
		for i, w := range want {
			got, err := url.PathUnescape(parts[i])
			if name, isParam := strings.CutPrefix(w, "{"); isParam {
				params[strings.TrimSuffix(name, "}")] = got
				ok = ok && err == nil && got != ""
			} else {
				ok = ok && got == w
			}
		}
		if ok {
			q.op, q.route, q.params = rt.op, &rt, params
			return nil
		}
	}
	return notImplemented(q.service, q.Method+" "+q.URL.Path)
}

// notImplemented is the error for what the sandbox lacks. Its status is 400, so that no client tries again.
func notImplemented(service, op string) error {
	return &smithy.GenericAPIError{Code: "NotImplemented", Message: fmt.Sprintf("the sandbox does not implement %s %s", service, op)}
}
