package steps

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/sandbox/wire"
)

// The laws that hold for every manifest, on the whole pipeline.

// ids are what AWS makes up: the ids of EC2, the ends of ARNs, names of tasks, zones and certificates.
var ids = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b|-0[0-9a-f]{16}\b|ecs-svc/\d+|-\d{5,}\b|\b\d{13,}\b|\bAROA[0-9A-F]{10,}\b`)

// secretEnd is what Secrets Manager puts behind a secret's name.
var secretEnd = regexp.MustCompile(`(:secret:[\w/-]+)-\w{6}\b`)

// address is one that AWS has given; behind a slash stands the length of a CIDR, which is ours.
var address = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+(/\d+)?`)

func anonymous(s string) string {
	s = secretEnd.ReplaceAllString(ids.ReplaceAllString(s, "*"), "$1-*")
	return address.ReplaceAllStringFunc(s, func(a string) string {
		if strings.Contains(a, "/") {
			return a
		}
		return "*"
	})
}

// past is what a history leaves and no law is about: events due, counters, tasks and deployments that were, log events,
// revisions' numbers, times.
var past = []string{
	"Events", "Seq", "Tasks", "Rollouts", "Revisions", "Live", "Deployments", "Completed", "Streams", "File", "Tokens", "Last", "Request",
	"ENIs", "Health", "Targets", "Token", "Looks", "LaunchNext", "VersionIdsToStages", "SecretVersionsToStages", "Versions", "Images",
	"AvailableIpAddressCount", "LastChangedDate", "PrivateIpAddresses", "NatGatewayAddresses", "Changes",
}

// picture is all that is there, without ids and times: what two worlds that came to the same end have alike.
func (w *world) picture() string {
	w.t.Helper()
	var tree any
	if err := w.Do(func(st *sandbox.State) {
		b, err := json.Marshal(wire.Tree(st))
		if err == nil {
			err = json.Unmarshal(b, &tree)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}); err != nil {
		w.t.Fatal(err)
	}
	b, err := json.MarshalIndent(plain(tree), "", " ")
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// plain makes a tree comparable: no ids, no times, maps by id as sorted lists.
func plain(tree any) any {
	switch v := tree.(type) {
	case map[string]any:
		m := map[string]any{}
		var loose []string // values whose keys were ids
		for k, e := range v {
			if slices.Contains(past, k) || strings.HasSuffix(k, "At") || strings.HasSuffix(k, "Time") || strings.HasSuffix(k, "Date") || strings.HasSuffix(k, "Timestamp") || gone(e) {
				continue
			}
			if name := anonymous(k); name != k {
				loose = append(loose, name+" "+text(plain(e)))
			} else if e = plain(e); e != nil {
				m[k] = e
			}
		}
		if slices.Sort(loose); len(loose) > 0 {
			m["*"] = loose
		}
		if len(m) == 0 {
			return nil
		}
		return m
	case []any:
		var list []string
		for _, e := range v {
			list = append(list, text(plain(e)))
		}
		if slices.Sort(list); len(list) == 0 {
			return nil
		}
		return list
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return nil
		}
		return anonymous(v)
	}
	return tree
}

// gone says whether a thing is a tombstone: AWS forgets it in a while.
func gone(e any) bool {
	m, _ := e.(map[string]any)
	for _, k := range []string{"Status", "State"} {
		if s, _ := m[k].(string); slices.Contains([]string{"INACTIVE", "deleted", "deleting", "DELETE_IN_PROGRESS", "failed"}, s) {
			return true
		}
	}
	return false
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// difference is the lines of two pictures that only one has.
func difference(a, b string) string {
	had, has := map[string]int{}, map[string]int{}
	for line := range strings.Lines(a) {
		had[line]++
	}
	for line := range strings.Lines(b) {
		has[line]++
	}
	var only []string
	for line, n := range had {
		if n > has[line] {
			only = append(only, "- "+line)
		}
	}
	for line, n := range has {
		if n > had[line] {
			only = append(only, "+ "+line)
		}
	}
	slices.SortFunc(only, func(a, b string) int { return strings.Compare(a[2:], b[2:]) })
	for i := 1; i < len(only); i++ { // of two long lines only what differs
		a, b, n := only[i-1], only[i], 2
		for n < min(len(a), len(b)) && a[n] == b[n] {
			n++
		}
		if n > 200 && a[0] != b[0] {
			only[i-1], only[i] = a[:60]+" … "+a[n-60:], b[:60]+" … "+b[n-60:]
		}
	}
	var out strings.Builder
	for _, line := range only {
		fmt.Fprintf(&out, "%.500s\n", line)
	}
	return out.String()
}

// small and large are two manifests that differ in much.
const small = "project_name: app\nresources:\n" + api + "image: " + nginx + ", container_port: 8080 }\n"

const api = "  - id: api\n    type: aws_ecs_service\n    config: { "

const large = "project_name: app\ntags: { team: api }\nresources:\n" + api + "image: " + nginx + `, container_port: 8081, cpu: 512, memory: 1024, max_capacity: 6, environment: { A: b }, health_check_grace_period: 90, release_command: [./migrate, up] }
  - { id: lb, type: aws_alb, config: { health_check: { path: /ready }, idle_timeout: 90, allowed_cidrs: [10.0.0.0/8, 192.0.2.0/24] } }
  - { id: logs, type: aws_cloudwatch_log_group, config: { retention_in_days: 30 } }
  - { id: token, type: aws_secretsmanager_secret, config: { generate: { length: 32 } } }
  - { id: net, type: aws_vpc, config: { nat: per_az } }
`

// journey is a way from one manifest to another, or to nothing.
type journey struct {
	name, from, to string
	destroy        bool
}

var journeys = []journey{
	{name: "create", to: small},
	{name: "grow", from: small, to: large},
	{name: "shrink", from: large, to: small},
	{name: "destroy", from: large, to: large, destroy: true},
}

// crash takes a journey, dies in the nth changing call, and takes it again. It returns what is there in the end, and
// whether there was an nth call.
func crash(t *testing.T, j journey, n int, lost bool) (picture string, died bool) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sandbox.Open(sandbox.Options{Speed: 1, Wait: true})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{Sandbox: s, t: t, pick: All, poll: 15 * time.Second, opts: Options{Offline: true}}
		if j.from != "" {
			if r := w.up(j.from); r.err != nil {
				t.Fatalf("from: %v", r.err)
			}
		}
		if n > 0 {
			w.Inject(sandbox.Fault{Nth: n, From: true, Changing: true, Lost: lost, Cut: !lost})
		}
		r := w.apply(t.Context(), w.app(j.to), j.destroy)
		died = n > 0 && len(r.changing()) >= n || r.err != nil
		w.Heal()
		if r.err != nil {
			if r = w.apply(t.Context(), w.app(j.to), j.destroy); r.err != nil {
				t.Fatalf("%s, call %d, lost %v: the rerun: %v", j.name, n, lost, r.err)
			}
		}
		time.Sleep(2 * time.Hour) // what is leaving has left
		if !j.destroy {
			if p := w.plan(j.to); !onlyNotes(p) {
				t.Errorf("%s, call %d, lost %v: not at rest:\n%s", j.name, n, lost, p)
			}
		}
		picture = w.picture()
	})
	return picture, died
}

// Law 5: from every state that a crash can leave, a rerun comes to the same end, with no orphan and no duplicate.
func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	for _, j := range journeys {
		t.Run(j.name, func(t *testing.T) {
			t.Parallel()
			want, _ := crash(t, j, 0, false)
			for n := 1; ; n += stride {
				died := false
				for _, lost := range []bool{false, true} {
					var got string
					if got, died = crash(t, j, n, lost); got != want {
						t.Errorf("call %d, lost %v:\n%s", n, lost, difference(want, got))
					}
				}
				if !died || t.Failed() {
					t.Logf("%d calls", n)
					return
				}
			}
		})
	}
}
