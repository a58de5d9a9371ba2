package steps

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// The golden plans are written anew by `go test ./steps -run TestOneChange -update`; read them before they are kept.
var update = flag.Bool("update", false, "write the golden plans")

const plans = "../testdata/plans/changes.txtar"

// resources are those of a manifest of the project app by id, "tags" its tags: `type: aws_alb, config: { … }`.
type resources map[string]string

func (r resources) yaml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "project_name: app\ntags: { %s }\nresources:\n", r["tags"])
	for _, id := range slices.Sorted(maps.Keys(r)) {
		if id != "tags" && r[id] != "" {
			fmt.Fprintf(&b, "  - { id: %s, %s }\n", id, r[id])
		}
	}
	return b.String()
}

func (r resources) with(other resources) resources {
	r = maps.Clone(r)
	maps.Copy(r, other)
	return r
}

func resource(id, kind, config string) resources {
	return resources{id: "type: " + kind + ", config: { " + config + " }"}
}

func ofService(config string) resources {
	return resource("api", "aws_ecs_service", strings.TrimSuffix("image: '"+nginx+"', "+config, ", "))
}
func ofALB(config string) resources     { return resource("lb", "aws_alb", config) }
func ofVPC(config string) resources     { return resource("net", "aws_vpc", config) }
func ofRole(config string) resources    { return resource("role", "aws_iam_role", config) }
func ofECR(config string) resources     { return resource("images", "aws_ecr_repository", config) }
func ofCluster(config string) resources { return resource("cluster", "aws_ecs_cluster", config) }
func ofSecret(id string) resources {
	return resource(id, "aws_secretsmanager_secret", "generate: { length: 32 }")
}

// start is what is changed: all defaults, and a secret.
var start = ofService("").with(ofSecret("token"))

// served is start with HTTPS.
var served = start.with(ofALB(withDomain))

// A change is what a manifest is changed to, from start or from another.
type change struct {
	name string
	from resources // start by default
	to   resources // on top of from
	stay bool      // there is no way back
}

var oneChange = []change{
	{name: "cpu", to: ofService("cpu: 512")},
	{name: "memory", to: ofService("memory: 1024")},
	{name: "architecture", to: ofService("architecture: ARM64")},
	{name: "image", to: resource("api", "aws_ecs_service", "image: '"+nginx+"-alpine'")},
	{name: "command", to: ofService("command: [serve, --all]")},
	{name: "release command", to: ofService("release_command: [./migrate, up]")},
	{name: "cpu with a release command", from: start.with(ofService("release_command: [./migrate, up]")), to: ofService("release_command: [./migrate, up], cpu: 512")},
	{name: "environment variable", to: ofService("environment: { LOG_LEVEL: debug }")},
	{name: "container port", to: ofService("container_port: 8081")},
	{name: "stop timeout", to: ofService("stop_timeout: 60")},
	{name: "ephemeral storage", to: ofService("ephemeral_storage: 40")},
	{name: "container health check", to: ofService("health_check: { command: [CMD-SHELL, /check] }")},
	{name: "health check grace period", to: ofService("health_check_grace_period: 90")},
	{name: "execute command", to: ofService("enable_execute_command: true")},
	{name: "public IP", to: ofService("assign_public_ip: true")},
	{name: "capacity providers", to: ofService("capacity_providers: { FARGATE: 1, FARGATE_SPOT: 3 }")},
	{name: "desired count", to: ofService("desired_count: 3")},
	{name: "min capacity", to: ofService("min_capacity: 1")},
	{name: "max capacity", to: ofService("max_capacity: 20")},
	{name: "cpu target", to: ofService("cpu_target: 50")},
	{name: "memory target", to: ofService("memory_target: 60")},
	{name: "requests per target", to: ofService("requests_per_target: 1000")},
	{name: "cool-downs", to: ofService("scale_in_cooldown: 600, scale_out_cooldown: 30")},
	{name: "schedule", to: ofService("schedules: [{ name: night, schedule: cron(0 20 * * ? *), min_capacity: 1, max_capacity: 2 }]")},
	{name: "deployment percents", to: ofService("deployment: { minimum_healthy_percent: 50, maximum_percent: 150 }")},
	{name: "circuit breaker", to: ofService("deployment: { circuit_breaker: false }")},
	{name: "secret more", to: ofSecret("other")},
	{name: "secret less", from: start.with(ofSecret("other")), to: resources{"other": ""}},
	{name: "secret's variable", to: resource("token", "aws_secretsmanager_secret", "env: API_TOKEN, generate: { length: 32 }")},
	{name: "secret's second variable", to: ofService("secrets: { KEY: token }")},
	{name: "secret's length", to: resource("token", "aws_secretsmanager_secret", "generate: { length: 40 }")},
	{name: "health path", to: ofALB("health_check: { path: /ready }")},
	{name: "matcher", to: ofALB("health_check: { matcher: 200-299 }")},
	{name: "health interval", to: ofALB("health_check: { interval: 10, timeout: 3 }")},
	{name: "thresholds", to: ofALB("health_check: { healthy_threshold: 3, unhealthy_threshold: 2 }")},
	{name: "deregistration delay", to: ofALB("deregistration_delay: 5")},
	{name: "idle timeout", to: ofALB("idle_timeout: 90")},
	{name: "allowed CIDRs", to: ofALB("allowed_cidrs: [10.0.0.0/8, '2001:db8::/32']")},
	{name: "deletion protection", to: ofALB("deletion_protection: true")},
	{name: "invalid headers", to: ofALB("drop_invalid_header_fields: false")},
	{name: "domain", to: ofALB(withDomain), stay: true}, // HTTPS never becomes HTTP
	{name: "another domain", from: served, to: ofALB("domain: www.example.com")},
	{name: "TLS policy", from: served, to: ofALB(withDomain + ", ssl_policy: ELBSecurityPolicy-TLS13-1-3-2021-06")},
	{name: "certificate", from: served, to: ofALB(withDomain + ", certificate_arn: CERTIFICATE")},
	{name: "NAT gateway per zone", to: ofVPC("nat: per_az")},
	{name: "no NAT gateway", from: start.with(ofService("assign_public_ip: true")), to: ofVPC("nat: none")},
	{name: "NAT gateway again", from: start.with(ofService("assign_public_ip: true")).with(ofVPC("nat: none")), to: ofVPC("nat: single")},
	{name: "endpoints", to: ofVPC("endpoints: [ecr.api, ecr.dkr, logs, secretsmanager]")},
	{name: "endpoint less", from: start.with(ofVPC("endpoints: [ecr.api, logs]")), to: ofVPC("endpoints: [logs]")},
	{name: "flow logs", to: ofVPC("flow_logs: true")},
	{name: "flow logs no more", from: start.with(ofVPC("flow_logs: true")), to: ofVPC("")},
	{name: "zone more", to: ofVPC("public_subnets: [10.0.101.0/24, 10.0.102.0/24, 10.0.103.0/24], private_subnets: [10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24]")},
	{name: "Container Insights", to: ofCluster("container_insights: false")},
	{name: "Container Insights enhanced", to: ofCluster("container_insights: enhanced")},
	{name: "task policies", to: ofRole("task_policies: ['arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess']")},
	{name: "task statements", to: ofRole("task_statements: [{ Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::bucket/*' }]")},
	{name: "permissions boundary", to: ofRole("permissions_boundary: 'arn:aws:iam::aws:policy/PowerUserAccess'")},
	{name: "tag mutability", to: ofECR("image_tag_mutability: IMMUTABLE")},
	{name: "scan on push", to: ofECR("scan_on_push: false")},
	{name: "keep", to: ofECR("keep: 10")},
	{name: "retention", to: resource("logs", "aws_cloudwatch_log_group", "retention_in_days: 90")},
	{name: "log group", to: resources{"logs": "type: aws_cloudwatch_log_group, name: /other/app"}, stay: true}, // the events in it do
	{name: "secret's name", to: resources{"token": "type: aws_secretsmanager_secret, name: other/token, config: { generate: { length: 32 } }"}},
	{name: "tags", to: resources{"tags": "team: a"}, stay: true}, // nobody knows whose a tag is
	{name: "renamed", to: ofALB("").named("lb", "front").with(ofCluster("").named("cluster", "many")).with(ofService("").named("api", "web")).with(ofECR("").named("images", "pics"))},
}

func (r resources) named(id, name string) resources {
	return resources{id: "name: " + name + ", " + r[id]}
}

// One thing changes in the manifest: the plan names exactly that, up does exactly what the plan says, and then there is
// nothing left to do. Back again, all is as it was: law 2.
func TestOneChange(t *testing.T) {
	t.Parallel()
	golden, err := txtar.ParseFile(plans)
	if err != nil && !*update {
		t.Fatal(err)
	}
	var got []txtar.File
	t.Run("changes", func(t *testing.T) {
		for i, c := range oneChange {
			got = append(got, txtar.File{Name: c.name})
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				if i%stride != 0 {
					return
				}
				inWorld(t, func(t *testing.T, w *world) { got[i].Data = []byte(w.change(c)) })
				if *update {
					return
				}
				j := slices.IndexFunc(golden.Files, func(f txtar.File) bool { return f.Name == c.name })
				if j < 0 {
					t.Fatalf("%s is not in %s:\n%s", c.name, plans, got[i].Data)
				}
				same(t, string(got[i].Data), string(golden.Files[j].Data))
			})
		}
	})
	if *update {
		comment := []byte("What up shows and calls when one thing of a manifest changes: TestOneChange of package steps.\n\n")
		if err := os.WriteFile(plans, txtar.Format(&txtar.Archive{Comment: comment, Files: got}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// change makes a change, and takes it back. It returns the plan and the changing calls.
func (w *world) change(c change) string {
	w.t.Helper()
	w.pick, w.poll, w.opts.Offline = All, 5*time.Second, true
	w.zone("example.com")
	if c.from == nil {
		c.from = start
	}
	from, to := c.from.yaml(), c.from.with(c.to).yaml()
	if strings.Contains(to, "CERTIFICATE") {
		to = strings.ReplaceAll(to, "CERTIFICATE", "'"+w.issued()+"'")
	}
	w.settled(from)
	defer w.guard()()
	before := w.lasting()
	plan := w.plan(to)
	r := w.settled(to)
	w.exactly(r)
	if c.stay {
		return seen(plan, r)
	}
	w.settled(from)
	time.Sleep(2 * time.Hour) // what is leaving has left
	if d := difference(before, w.lasting()); d != "" {
		w.t.Errorf("back again, something else is there:\n%s", d)
	}
	return seen(plan, r)
}

func seen(plan string, r *run) string {
	return anonymous(plan) + "calls: " + strings.Join(times(r.changing()), ", ") + "\n"
}

// exactly holds that all that was shown was done: law 3 holds the reverse.
func (w *world) exactly(r *run) {
	w.t.Helper()
	for line := range strings.Lines(shown(r.plan)) {
		if !slices.Contains(r.done, strings.TrimSuffix(line, "\n")) {
			w.t.Errorf("shown but not done: %s", line)
		}
	}
}

// times is each of a list once, in order, with how often it is there.
func times(list []string) (counted []string) {
	n := map[string]int{}
	for _, s := range list {
		n[s]++
	}
	for _, s := range slices.Sorted(maps.Keys(n)) {
		if n[s] > 1 {
			s += fmt.Sprintf(" %d times", n[s])
		}
		counted = append(counted, s)
	}
	return counted
}

// issued is the ARN of a certificate for api.example.com that somebody has made.
func (w *world) issued() string {
	w.t.Helper()
	ctx, c := w.t.Context(), acm.NewFromConfig(w.Config("us-east-1"))
	made := ok(c.RequestCertificate(ctx, &acm.RequestCertificateInput{DomainName: new("api.example.com"), ValidationMethod: "DNS"}))
	err := w.Do(func(st *sandbox.State) {
		st.Regions["us-east-1"].ACM.Certificates[*made.CertificateArn].Status = acmtypes.CertificateStatusIssued
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return *made.CertificateArn
}
