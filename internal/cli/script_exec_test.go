package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// encrypts has the sessions of a cluster encrypted with a key of KMS that a role may use, "encrypts CLUSTER KEY [ROLE]", and
// no more, "! encrypts CLUSTER".
func encrypts(ts *testscript.TestScript, neg bool, args []string) {
	conf := &ecstypes.ExecuteCommandConfiguration{Logging: ecstypes.ExecuteCommandLoggingDefault}
	if !neg {
		conf.KmsKeyId = &args[1]
	}
	cfg := boxOf(ts).Config("us-east-1")
	_, err := ecs.NewFromConfig(cfg).UpdateCluster(context.Background(), &ecs.UpdateClusterInput{
		Cluster: &args[0], Configuration: &ecstypes.ClusterConfiguration{ExecuteCommandConfiguration: conf},
	})
	ts.Check(err)
	if len(args) > 2 {
		_, err := iam.NewFromConfig(cfg).PutRolePolicy(context.Background(), &iam.PutRolePolicyInput{
			RoleName: &args[2], PolicyName: new("key"), PolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}]}`),
		})
		ts.Check(err)
	}
}

// agents has the agents of ECS Exec end in all tasks: "agents stop".
func agents(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(boxOf(ts).Do(func(st *sandbox.State) { st.Regions["us-east-1"].ECS.StopAgents("out of memory") }))
}

// strip takes all inline policies off a role: "strip ROLE".
func strip(ts *testscript.TestScript, _ bool, args []string) {
	roles := iam.NewFromConfig(boxOf(ts).Config("us-east-1"))
	list, err := roles.ListRolePolicies(context.Background(), &iam.ListRolePoliciesInput{RoleName: &args[0]})
	ts.Check(err)
	for _, name := range list.PolicyNames {
		_, err := roles.DeleteRolePolicy(context.Background(), &iam.DeleteRolePolicyInput{RoleName: &args[0], PolicyName: &name})
		ts.Check(err)
	}
}

// intact pipes bytes of all values through a command, and holds what comes back: "intact N in COMMAND..." writes N bytes
// to it and wants their SHA-256 in its output; "intact N out COMMAND... FILE" wants N bytes from it, which lie in FILE.
func intact(ts *testscript.TestScript, _ bool, args []string) {
	size := 0
	_, err := fmt.Sscan(args[0], &size)
	ts.Check(err)
	noise := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(noise)
	words := args[2:]
	if args[1] == "out" {
		ts.Check(os.WriteFile(ts.MkAbs("noise"), noise, 0o600))
		words = append(words, ts.MkAbs("noise"))
	}
	cmd := command(ts, words)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if args[1] == "in" {
		cmd.Stdin = bytes.NewReader(noise)
	}
	if err := cmd.Run(); err != nil {
		ts.Fatalf("%v: %s", err, said.String())
	}
	if args[1] == "out" && !bytes.Equal(out.Bytes(), noise) {
		ts.Fatalf("%d of %d bytes have come, or other ones", out.Len(), size)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(noise)); args[1] == "in" && !strings.HasPrefix(out.String(), sum) {
		ts.Fatalf("it has read something else: %s, want %s", out.String(), sum)
	}
}

// forwarded starts a command that forwards ports, asks the first with many requests at once, looks what is said where
// nothing answers at the second, presses Ctrl-C and holds exit code 0: "forwarded COMMAND...".
func forwarded(ts *testscript.TestScript, _ bool, args []string) {
	cmd := command(ts, args)
	ready := make(chan struct{})
	out, said := &watch{want: regexp.MustCompile(`(?s)leads to.*leads to.*\n`), then: func() { close(ready) }}, &watch{}
	cmd.Stdout, cmd.Stderr = out, said
	ts.Check(cmd.Start())
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ready:
	case err := <-ended:
		ts.Fatalf("%v: %s", err, said.text.String())
	}
	ports := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(out.text.String(), 2)
	var all sync.WaitGroup
	answers := make([]string, 20)
	for i := range answers {
		all.Go(func() {
			resp, err := http.Get(fmt.Sprintf("http://%s/%d", ports[0], i))
			if err != nil {
				answers[i] = err.Error()
				return
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			answers[i] = string(b)
		})
	}
	all.Wait()
	for i, a := range answers {
		if !strings.HasPrefix(a, fmt.Sprintf("GET /%d from task ", i)) {
			ts.Fatalf("request %d was answered %q", i, a)
		}
	}
	if resp, err := http.Get("http://" + ports[1] + "/"); err == nil {
		_ = resp.Body.Close()
		ts.Fatalf("something answers at the second port")
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	if err := <-ended; err != nil {
		exit, _ := err.(*exec.ExitError)
		ts.Fatalf("%v %v: %s", err, exit, said.text.String())
	}
	late.Stop()
	if !strings.Contains(said.text.String(), "nothing answers at") {
		ts.Fatalf("the port where nothing answers: %q", said.text.String())
	}
}
