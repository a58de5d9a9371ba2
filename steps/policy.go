package steps

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/manifest"
)

const policyVersion = "2012-10-17"

// A document is an IAM policy as a sorted set of statements in canonical JSON, each about one resource: a list of one and
// its only element are the same, as is any order. So one that IAM answers compares with one that we would write, and
// what is allowed can grow and shrink by parts.
type document []string

// newDocument makes a document of statements; none of none.
func newDocument(statements ...manifest.Statement) (d document) {
	for _, st := range statements {
		d = append(d, canonical(map[string]any(st))...)
	}
	return d.with(nil)
}

// readDocument reads what IAM answers, URL-encoded or not. What it can't read differs from anything we would write.
func readDocument(text string) (d document) {
	if plain, err := url.QueryUnescape(text); err == nil && strings.HasPrefix(text, "%") {
		text = plain
	}
	var doc struct {
		Version   string
		Statement any
	}
	if json.Unmarshal([]byte(text), &doc) != nil || doc.Version != policyVersion {
		return document{"unreadable: " + text}
	}
	list, ok := doc.Statement.([]any)
	if !ok {
		list = []any{doc.Statement}
	}
	for _, st := range list {
		d = append(d, canonical(st)...)
	}
	return d.with(nil)
}

// canonical writes a statement, once for each of its resources: keys in order, every value of Action, Principal and
// Condition a sorted list of strings.
func canonical(statement any) (parts []string) {
	var m map[string]any
	b, err := json.Marshal(statement)
	if err != nil || json.Unmarshal(b, &m) != nil {
		return []string{fmt.Sprint(statement)}
	}
	for k, v := range m {
		if k != "Sid" && k != "Effect" {
			m[k] = lists(v)
		}
	}
	resources, _ := m["Resource"].([]string)
	if len(resources) == 0 {
		return []string{compact(m)}
	}
	for _, r := range resources {
		m["Resource"] = []string{r}
		parts = append(parts, compact(m))
	}
	return parts
}

func lists(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = lists(e)
		}
		return v
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, fmt.Sprint(e))
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	return []string{fmt.Sprint(v)}
}

// compact is JSON with < > & as they are; what has been JSON can be so again.
func compact(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(b.String())
}

// String is the document as IAM takes it: statements that differ by their resource only are one again.
func (d document) String() string {
	var statements []any
	at := map[string]map[string]any{}
	for _, part := range d {
		var m map[string]any
		if json.Unmarshal([]byte(part), &m) != nil {
			continue
		}
		resource, ok := m["Resource"].([]any)
		delete(m, "Resource")
		rest := compact(m)
		if ok && at[rest] != nil {
			at[rest]["Resource"] = append(at[rest]["Resource"].([]any), resource...)
			continue
		}
		if ok {
			m["Resource"] = resource
			at[rest] = m
		}
		statements = append(statements, m)
	}
	return compact(map[string]any{"Version": policyVersion, "Statement": statements})
}

// with is the document that allows what either does.
func (d document) with(o document) document {
	all := slices.Concat(d, o)
	slices.Sort(all)
	return slices.Compact(all)
}

// covers says whether d has all statements of o.
func (d document) covers(o document) bool { return len(d.with(o)) == len(d) }

// diff lists the statements that come and go.
func (d document) diff(want document) (fields []deploy.Field) {
	for _, st := range d {
		fields = append(fields, deploy.F("statement", st, has(want, st)))
	}
	for _, st := range want {
		fields = append(fields, deploy.F("statement", has(d, st), st))
	}
	return deploy.Diff(fields...)
}

// has is the statement if the document has it, else nothing.
func has(d document, st string) string {
	if slices.Contains(d, st) {
		return st
	}
	return ""
}

// serviceTrust lets a service assume a role, for things of this account and of an ARN pattern only: otherwise anybody
// could have the service act for them (the confused deputy).
func serviceTrust(service, account, source string) document {
	return newDocument(manifest.Statement{
		"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"Service": service},
		"Condition": map[string]any{
			"StringEquals": map[string]any{"aws:SourceAccount": account},
			"ArnLike":      map[string]any{"aws:SourceArn": source},
		},
	})
}
