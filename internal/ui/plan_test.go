package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/fargatectl/fargatectl/deploy"
)

var thePlan = deploy.Plan{
	{Step: "groups", Changes: []deploy.Change{
		{Op: deploy.Create, What: "rule tcp 8081 from my-api-alb-sg on my-api-ecs-sg"},
		{Op: deploy.Delete, What: "rule tcp 8080 from my-api-alb-sg on my-api-ecs-sg", After: true},
	}},
	{Step: "taskdef", Changes: []deploy.Change{{
		Op: deploy.Update, What: "task definition my-api", Why: "a new revision",
		Diff: []deploy.Field{
			{Name: "cpu", From: "256", To: "512"},
			{Name: "environment.LOG_LEVEL", From: "none", To: "info"},
			{Name: "image", From: "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-api@sha256:9c1f00aa", To: "(known after apply)"},
			{Name: "policy", From: "none", To: "{\n  \"größe\": \"中文\"\n}"},
		},
	}}},
	{
		Step: "alb", Changes: []deploy.Change{{Op: deploy.Replace, What: "target group my-api-tg"}},
		Notes: []string{"no certificate: the API answers on http only, so that everything it says can be read on the way"},
	},
}

func TestPlanText(t *testing.T) {
	t.Parallel()
	for _, w := range []int{60, 80, 120} { // a word that is longer stays whole
		b, s := at(w)
		PlanText(s, thePlan)
		golden(t, fmt.Sprintf("plan-%d.golden", w), b.String())
		for l := range strings.Lines(b.String()) {
			if n := ansi.StringWidth(strings.TrimRight(l, "\n")); n > w && strings.Contains(strings.TrimSpace(l[20:]), " ") {
				t.Errorf("%d cells in a terminal of %d: %s", n, w, l)
			}
		}
	}
	b, s := at(80)
	s.Color = true
	PlanText(s, thePlan)
	golden(t, "plan-80-color.golden", b.String())

	b, s = at(80)
	s.ASCII = true
	PlanText(s, deploy.Plan{thePlan[2]})
	golden(t, "plan-80-ascii.golden", b.String())

	var file bytes.Buffer // no terminal: nothing is wrapped
	PlanText(Stream{Writer: &file}, thePlan)
	golden(t, "plan-file.golden", file.String())
}

func TestPlanTextEmpty(t *testing.T) {
	t.Parallel()
	b, s := at(80)
	PlanText(s, nil)
	PlanText(s, deploy.Plan{{Step: "nat", Notes: []string{"one gateway serves both zones"}}})
	if want := "no changes\n  note     nat  one gateway serves both zones\nno changes\n"; b.String() != want {
		t.Errorf("got %q", b.String())
	}
}

func TestPlanJSON(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := JSON(&b, PlanJSON(thePlan)); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.json.golden", b.String())

	b.Reset()
	if err := JSON(&b, PlanJSON(nil)); err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"schema_version\": \"1.0\",\n  \"changes\": [],\n  \"notes\": []\n}\n"
	if b.String() != want {
		t.Errorf("got %s", b.String())
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v    any
		want string
	}{
		{struct{}{}, "{\n  \"schema_version\": \"1.0\"\n}\n"},
		{struct {
			URL string `json:"url"`
		}{"http://a/?b&c=<d>"}, "{\n  \"schema_version\": \"1.0\",\n  \"url\": \"http://a/?b&c=<d>\"\n}\n"},
	} {
		var b bytes.Buffer
		if err := JSON(&b, c.v); err != nil || b.String() != c.want {
			t.Errorf("%v: %q, %v", c.v, b.String(), err)
		}
	}
	for _, v := range []any{nil, 1, []int{1}, func() {}} {
		var b bytes.Buffer
		if err := JSON(&b, v); err == nil || b.Len() > 0 {
			t.Errorf("%T is taken for an object: %s", v, b.String())
		}
	}
	// what is escaped for the terminal is whole for who decodes
	in := "a\u009b\u202e\x7f\U000E0041\x1b"
	var b bytes.Buffer
	if err := JSON(&b, map[string]string{"v": in}); err != nil {
		t.Fatal(err)
	}
	var out map[string]string
	if err := json.Unmarshal(b.Bytes(), &out); err != nil || out["v"] != in {
		t.Errorf("%q became %q, %v", in, out["v"], err)
	}
}
