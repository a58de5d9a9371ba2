package sandbox

import (
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// A policy is an IAM policy document. Lists of one may be written without brackets.
type policy struct {
	Version   string
	Statement oneOrMore[statement]
}

type statement struct {
	Sid                                      string
	Effect                                   string
	Principal, NotPrincipal                  json.RawMessage
	Action, NotAction, Resource, NotResource oneOrMore[string]
	Condition                                map[string]map[string]oneOrMore[any]
}

// oneOrMore is a list that JSON may have as its only element.
type oneOrMore[T any] []T

func (l *oneOrMore[T]) UnmarshalJSON(b []byte) error {
	if strings.HasPrefix(strings.TrimSpace(string(b)), "[") {
		return json.Unmarshal(b, (*[]T)(l))
	}
	*l = make([]T, 1)
	return json.Unmarshal(b, &(*l)[0])
}

// awsPolicies are the documents of AWS's managed policies that matter to tasks (AWS managed policy reference).
var awsPolicies = map[string]string{
	"service-role/AmazonECSTaskExecutionRolePolicy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}`,
	"AdministratorAccess":                           `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	"SecretsManagerReadWrite":                       `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}]}`,
}

// encodeDocument is how IAM answers policy documents: URL-encoded by RFC 3986.
func encodeDocument(doc string) string { return strings.ReplaceAll(url.QueryEscape(doc), "+", "%20") }

// packed is a document's size as IAM counts it against its quotas: without white space.
func packed(doc string) (n int) {
	for _, r := range doc {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

func malformed(format string, args ...any) error {
	return fail("MalformedPolicyDocument", format, args...)
}

// parsed are the policies that were read before, by their text: every start of a task looks at several.
var parsed sync.Map

// parsePolicy reads a policy, which nobody may change.
func parsePolicy(doc string) (*policy, error) {
	if p, ok := parsed.Load(doc); ok {
		return p.(*policy), nil
	}
	p, err := readPolicy(doc)
	if err == nil {
		parsed.Store(doc, p)
	}
	return p, err
}

func readPolicy(doc string) (*policy, error) {
	p := &policy{}
	if !json.Valid([]byte(doc)) {
		return nil, malformed("This policy contains invalid Json")
	}
	d := json.NewDecoder(strings.NewReader(doc))
	if err := d.Decode(p); err != nil {
		return nil, malformed("Syntax errors in policy.")
	}
	if p.Version != "" && p.Version != "2012-10-17" && p.Version != "2008-10-17" {
		return nil, malformed("The policy must contain a valid version string")
	}
	if len(p.Statement) == 0 {
		return nil, malformed("Syntax errors in policy.")
	}
	sids := map[string]bool{}
	for _, st := range p.Statement {
		switch {
		case st.Effect != "Allow" && st.Effect != "Deny":
			return nil, malformed("Syntax errors in policy.")
		case len(st.Action)+len(st.NotAction) == 0:
			return nil, malformed("Policy statement must contain actions.")
		case st.Sid != "" && sids[st.Sid]:
			return nil, malformed("Statement IDs (SID) in a single policy must be unique.")
		case strings.ContainsFunc(st.Sid, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) }):
			return nil, malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
		}
		sids[st.Sid] = true
		for _, a := range slices.Concat(st.Action, st.NotAction) {
			if vendor, name, ok := strings.Cut(a, ":"); a != "*" && (!ok || vendor == "" || name == "") {
				return nil, malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
			}
		}
	}
	return p, nil
}

// checkIdentityPolicy checks a policy for a role: it has resources and no principal.
func checkIdentityPolicy(doc string) error {
	p, err := parsePolicy(doc)
	if err != nil {
		return err
	}
	for _, st := range p.Statement {
		switch {
		case st.Principal != nil || st.NotPrincipal != nil:
			return malformed("Policy document should not specify a principal.")
		case len(st.Resource)+len(st.NotResource) == 0:
			return malformed("Policy statement must contain resources.")
		}
		for _, r := range slices.Concat(st.Resource, st.NotResource) {
			if r != "*" && strings.Count(r, ":") < 5 {
				return malformed("Resource %s must be in ARN format or \"*\".", r)
			}
		}
	}
	return nil
}

// checkTrust checks a trust policy: it has principals and no resource. A role of this account that it names exists.
func (s *Sandbox) checkTrust(doc string) error {
	p, err := parsePolicy(doc)
	if err != nil {
		return err
	}
	if packed(doc) > 2048 {
		return fail("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
	}
	for _, st := range p.Statement {
		switch {
		case len(st.Resource)+len(st.NotResource) > 0:
			return malformed("Has prohibited field Resource")
		case st.Principal == nil && st.NotPrincipal == nil:
			return malformed("Missing required field Principal")
		}
		for _, a := range st.Action {
			if !strings.HasPrefix(a, "sts:") {
				return malformed("AssumeRole policy may only specify STS AssumeRole actions.")
			}
		}
		for kind, names := range principals(st.Principal) {
			for _, name := range names {
				_, own, isRole := strings.Cut(name, ":iam::"+Account+":role/")
				known := isRole && s.state.IAM.Roles[own[strings.LastIndex(own, "/")+1:]] != nil
				if kind == "AWS" && isRole && !known || kind == "Service" && !strings.Contains(name, ".amazonaws.") {
					return malformed("Invalid principal in policy: %q:%q", kind, name)
				}
			}
		}
	}
	return nil
}

// principals are those of a statement by kind: "AWS", "Service", "Federated". "*" is everybody.
func principals(raw json.RawMessage) map[string]oneOrMore[string] {
	var byKind map[string]oneOrMore[string]
	if json.Unmarshal(raw, &byKind) != nil {
		return map[string]oneOrMore[string]{"*": {"*"}}
	}
	return byKind
}

// roleByARN is the role of an ARN, nil when there is none.
func (s *Sandbox) roleByARN(arn string) *role {
	r := s.state.IAM.Roles[arn[strings.LastIndex(arn, "/")+1:]]
	if r == nil || *r.Arn != arn {
		return nil
	}
	return r
}

// roleReady says whether ECS can assume a role for a task by now: it is there, it trusts ECS's tasks, and it is old
// enough to be known everywhere.
func (s *Sandbox) roleReady(arn string) bool {
	r := s.roleByARN(arn)
	return r != nil && trusts(r.Trust, "ecs-tasks.amazonaws.com") && s.clock.Sub(*r.CreateDate) >= s.scaled(iamPropagation)
}

func trusts(doc, service string) bool {
	p, err := parsePolicy(doc)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(p.Statement, func(st statement) bool {
		return st.Effect == "Allow" && matchesAny(st.Action, "sts:AssumeRole") && slices.Contains(principals(st.Principal)["Service"], service)
	})
}

// roleAllows says whether a role's policies allow an action on a resource: some statement does, none denies it, and
// the boundary, if there is one, allows it as well. Conditions are taken to be met.
func (s *Sandbox) roleAllows(arn, action, resource string) bool {
	r := s.roleByARN(arn)
	if r == nil {
		return false
	}
	var docs []string
	for _, doc := range r.Inline {
		docs = append(docs, doc)
	}
	for _, policy := range r.Attached {
		if p := s.managed(policy); p != nil {
			docs = append(docs, p.Document)
		}
	}
	if !allows(docs, action, resource) {
		return false
	}
	if r.PermissionsBoundary == nil {
		return true
	}
	b := s.managed(*r.PermissionsBoundary.PermissionsBoundaryArn)
	return b != nil && (b.Document == "" || allows([]string{b.Document}, action, resource))
}

func allows(docs []string, action, resource string) (allowed bool) {
	for _, doc := range docs {
		p, err := parsePolicy(doc)
		if err != nil {
			continue
		}
		for _, st := range p.Statement {
			acts := matchesAny(st.Action, action) || len(st.NotAction) > 0 && !matchesAny(st.NotAction, action)
			on := matchesAny(st.Resource, resource) || len(st.NotResource) > 0 && !matchesAny(st.NotResource, resource)
			if acts && on && st.Effect == "Deny" {
				return false
			}
			allowed = allowed || acts && on
		}
	}
	return allowed
}

// matchesAny matches with IAM's wildcards, * and ?; an action's case does not count.
func matchesAny(patterns []string, s string) bool {
	flat := strings.NewReplacer("/", "\x00", "[", "\x01", "\\", "\x02") // path.Match gives these a meaning of their own
	return slices.ContainsFunc(patterns, func(p string) bool {
		s := s
		if !strings.HasPrefix(p, "arn:") {
			p, s = strings.ToLower(p), strings.ToLower(s)
		}
		ok, err := path.Match(flat.Replace(p), flat.Replace(s))
		return err == nil && ok
	})
}
