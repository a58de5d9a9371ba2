package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/sandbox/wire"
)

// account is the sandbox that the commands of a script have left.
func account(ts *testscript.TestScript) *sandbox.Sandbox {
	dir := ts.MkAbs(".fargatectl/sandbox")
	ts.Check(os.MkdirAll(dir, 0o700))
	box, err := sandbox.Open(sandbox.Options{Dir: dir, Speed: sandboxSpeed})
	ts.Check(err)
	return box
}

// zone makes a hosted zone with a record of somebody else: "zone example.com".
func zone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: zone NAME")
	}
	c := route53.NewFromConfig(account(ts).Config("us-east-1"))
	made, err := c.CreateHostedZone(context.Background(), &route53.CreateHostedZoneInput{Name: &args[0], CallerReference: new(time.Now().String())})
	ts.Check(err)
	_, err = c.ChangeResourceRecordSets(context.Background(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: made.HostedZone.Id, ChangeBatch: &types.ChangeBatch{
		Changes: []types.Change{{Action: "CREATE", ResourceRecordSet: &types.ResourceRecordSet{Name: &args[0], Type: "MX", TTL: new(int64(60)), ResourceRecords: []types.ResourceRecord{{Value: new("10 mail." + args[0])}}}}},
	}})
	ts.Check(err)
}

// look writes down what the account holds that could be taken for another's, or be left over: "look FILE".
func look(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: look FILE")
	}
	var lines []string
	ts.Check(account(ts).Do(func(st *sandbox.State) {
		for name := range st.IAM.Roles {
			if !strings.HasPrefix(name, "AWSServiceRoleFor") {
				lines = append(lines, "role "+name)
			}
		}
		for _, z := range st.Route53.Zones {
			for _, r := range z.Records {
				if r.Type != types.RRTypeNs && r.Type != types.RRTypeSoa {
					name := regexp.MustCompile(`^_[0-9a-f]+`).ReplaceAllString(*r.Name, "_") // ACM's
					lines = append(lines, fmt.Sprintf("record %s %s", name, r.Type))
				}
			}
		}
		for region, r := range st.Regions {
			for _, c := range r.ACM.Certificates {
				lines = append(lines, fmt.Sprintf("%s certificate %s %s", region, *c.DomainName, c.Status))
			}
			for name := range r.ECR.Repositories {
				lines = append(lines, fmt.Sprintf("%s repository %s", region, name))
			}
			for name, f := range r.ECS.Definitions {
				for _, d := range f.Revisions {
					if d.Status == "ACTIVE" {
						lines = append(lines, fmt.Sprintf("%s task definition %s", region, name))
						break
					}
				}
			}
			for _, l := range r.ELB.Listeners {
				balancer := strings.Split(*l.LoadBalancerArn, "/")[2]
				lines = append(lines, fmt.Sprintf("%s %s:%d %s", region, balancer, *l.Port, l.DefaultActions[0].Type))
			}
		}
	}))
	slices.Sort(lines)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

// nowhere holds that a text is in no file below the working directory but those named and the sandbox's own state, and
// there in nothing but the secrets: "nowhere TEXT [FILE...]".
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: nowhere TEXT [FILE...]")
	}
	canary, state := []byte(args[0]), filepath.Join(".fargatectl", "sandbox", "state.json")
	root, seen := ts.MkAbs("."), 0
	ts.Check(filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if name, _ := filepath.Rel(root, path); bytes.Contains(b, canary) && name != state && !slices.Contains(args[1:], name) {
			ts.Logf("%s is in %s", args[0], name)
			seen++
		}
		return err
	}))
	found := false
	ts.Check(account(ts).Do(func(st *sandbox.State) {
		holds := func(v any) bool {
			b, err := json.Marshal(wire.Tree(v))
			ts.Check(err)
			return bytes.Contains(b, canary)
		}
		rest := *st
		rest.Regions = map[string]*sandbox.Region{}
		for name, r := range st.Regions {
			found = found || holds(r.Secrets)
			without := *r
			without.Secrets.Secrets = nil
			rest.Regions[name] = &without
		}
		if holds(&rest) {
			ts.Logf("%s is in the account besides its secrets", args[0])
			seen++
		}
	}))
	if seen > 0 || !found {
		ts.Fatalf("%s is in %d places too many, found in a secret: %v", args[0], seen, found)
	}
}

// killed runs a command until its progress has a line that matches, and kills it: "killed PATTERN COMMAND ARGS...".
func killed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: killed PATTERN COMMAND ARGS...")
	}
	until, err := regexp.Compile(args[0])
	ts.Check(err)
	cmd := exec.CommandContext(context.Background(), args[1], args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOCACHE", "GOMODCACHE", "GOPATH", "GOROOT", "FARGATECTL_SANDBOX", "NO_COLOR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	met := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		ts.Logf("%s", lines.Text())
		if !met && until.MatchString(lines.Text()) {
			met = true
			ts.Check(cmd.Process.Kill())
		}
	}
	if err := cmd.Wait(); err == nil || !met {
		ts.Fatalf("%s was not met, and the command ended: %v", args[0], err)
	}
}
