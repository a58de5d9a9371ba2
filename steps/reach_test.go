package steps

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// guard is law 8: from now on until the returned function is called, after every request and whatever time does, the
// running tasks are reachable and can be started again.
func (w *world) guard() (end func()) {
	w.t.Helper()
	type moment struct {
		at   time.Time
		what string
	}
	var all []moment
	w.Watch(func() {
		for _, what := range w.Harm() {
			if !slices.ContainsFunc(all, func(m moment) bool { return m.what == what }) {
				all = append(all, moment{w.Now(), what})
			}
		}
	})
	return func() {
		w.t.Helper()
		w.Watch(nil)
		for _, m := range all {
			var last []string
			for _, c := range w.Calls() {
				if c.Changing() && !c.At.After(m.at) {
					last = append(last, c.Op)
				}
			}
			w.t.Errorf("%s; the last changing calls before that: %v", m.what, last[max(0, len(last)-3):])
		}
	}
}

// The ways in which a release fails. Each breaks what comes next.
var failures = map[string]sandbox.Failure{
	"exits":     exits,
	"unhealthy": {Unhealthy: true},
	"no image":  {StopCode: "TaskFailedToStart", StoppedReason: "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found"},
}

// What takes something away from the running tasks.
var takes = map[string]resources{
	"port":            ofService("container_port: 8081"),
	"secret":          {"token": ""},
	"port and secret": ofService("container_port: 8081").with(resources{"token": ""}),
	"secret's name":   {"token": "type: aws_secretsmanager_secret, name: other/token, config: { generate: { length: 32 } }"},
	"log group":       {"logs": "type: aws_cloudwatch_log_group, name: /other/app"},
	"NAT gateway":     ofService("assign_public_ip: true, environment: { A: b }").with(ofVPC("nat: none")),
	"zone":            ofVPC("public_subnets: [10.0.102.0/24, 10.0.103.0/24], private_subnets: [10.0.2.0/24, 10.0.3.0/24], azs: [use1-az2, use1-az4]").with(ofService("environment: { A: b }")),
	"health path":     ofService("environment: { A: b }").with(ofALB("health_check: { path: /ready }")),
}

// Law 8 with a deployment that succeeds, and with one that fails: then the old release serves, nothing that it needs is
// gone, its tasks start again, and up ends with what ECS says. Once the cause is gone, up ends well.
func TestReach(t *testing.T) {
	t.Parallel()
	for name, to := range takes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := start
			if name == "zone" {
				from = start.with(ofVPC("azs: [use1-az1, use1-az2, use1-az4], public_subnets: [10.0.101.0/24, 10.0.102.0/24, 10.0.103.0/24], private_subnets: [10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24]"))
			}
			inWorld(t, func(t *testing.T, w *world) { // well
				w.poll, w.opts.Offline = 5*time.Second, true
				w.settled(from.yaml())
				defer w.guard()()
				w.settled(from.with(to).yaml())
				w.restarts()
			})
			for how, broken := range failures {
				t.Run(how, func(t *testing.T) {
					inWorld(t, func(t *testing.T, w *world) { w.fails(from, from.with(to), broken) })
				})
			}
		})
	}
}

// A release that is not followed to its end takes nothing away; the next up does.
func TestReachUnawaited(t *testing.T) {
	t.Parallel()
	for _, wait := range []string{"accepted", "healthy"} {
		inWorld(t, func(t *testing.T, w *world) {
			w.poll, w.opts.Offline, w.opts.Wait = time.Second, true, wait
			w.settled(start.yaml())
			time.Sleep(10 * time.Minute)
			defer w.guard()()
			to := start.with(takes["port and secret"]).yaml()
			if r := w.up(to); r.err != nil {
				t.Fatal(r.err)
			}
			time.Sleep(10 * time.Minute)
			w.opts.Wait = ""
			if r := w.up(to); r.err != nil || strings.Join(times(r.changing()), ", ") != "ec2.RevokeSecurityGroupIngress, iam.DeleteRolePolicy, secretsmanager.DeleteSecret" {
				t.Errorf("%s: error %v, changing calls %v", wait, r.err, times(r.changing()))
			}
		})
	}
}

func (w *world) fails(from, to resources, broken sandbox.Failure) {
	w.t.Helper()
	w.poll, w.opts.Offline = 5*time.Second, true
	w.settled(from.yaml())
	before := *w.service().TaskDefinition
	w.state(func(r *sandbox.Region) { r.ECS.Break("app", broken) })
	defer w.guard()()
	r := w.up(to.yaml())
	if _, ok := errors.AsType[*aws.RolledBackError](r.err); !ok {
		w.t.Errorf("error %v, want a rolled-back release", r.err)
	}
	if sv := w.service(); *sv.TaskDefinition != before || sv.RunningCount != 2 {
		w.t.Errorf("%d tasks of %s serve, want 2 of %s", sv.RunningCount, *sv.TaskDefinition, before)
	}
	for _, d := range r.done {
		if f := strings.Fields(d); f[1] == "-" {
			w.t.Errorf("after a failed release: %s", d)
		}
	}
	w.restarts()
	w.state(func(r *sandbox.Region) { r.ECS.Mend("app") })
	w.settled(to.yaml())
}

// restarts stops every task, one after the other, and holds that others take their place.
func (w *world) restarts() {
	w.t.Helper()
	ctx, c := w.t.Context(), w.ecs()
	for _, arn := range ok(c.ListTasks(ctx, &ecs.ListTasksInput{Cluster: new("app-cluster")})).TaskArns {
		ok(c.StopTask(ctx, &ecs.StopTaskInput{Cluster: new("app-cluster"), Task: &arn}))
		time.Sleep(5 * time.Minute)
	}
	if sv := w.service(); sv.RunningCount != sv.DesiredCount || sv.PendingCount > 0 {
		w.t.Errorf("%d of %d tasks run, %d are pending", sv.RunningCount, sv.DesiredCount, sv.PendingCount)
	}
}
