package cli

import (
	"cmp"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/witness"
)

// The scripts run the program as a user does, each command in a process of its own.
func TestMain(m *testing.M) {
	observe = witness.Recorded
	if err := flag.Set("test.parallel", "6"); err != nil { // the scripts wait more than they compute
		panic(err)
	}
	testscript.Main(m, map[string]func(){"fargatectl": func() {
		if v := os.Getenv("SPEED"); v != "" { // of scripts that must not miss a moment on a busy machine
			var err error
			if sandboxSpeed, err = parseSpeed(v); err != nil {
				panic(err)
			}
		}
		os.Exit(Main(os.Args))
	}})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	sample, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	cache := goEnv(t)
	testscript.Run(t, testscript.Params{
		Dir:           "../../testdata/script",
		UpdateScripts: *update,
		Condition: func(cond string) (bool, error) {
			if cond != "race" {
				return false, fmt.Errorf("unknown condition %s", cond)
			}
			return raced, nil
		},
		Setup: func(e *testscript.Env) error {
			// Go builds of the sample need Go's own caches; nothing else comes from the machine.
			e.Vars = append(e.Vars, cache...)
			e.Values[served{}] = &served{}
			e.Vars = append(e.Vars, witness.Env+"="+os.Getenv(witness.Env))
			e.Vars = append(e.Vars, "SAMPLES="+sample, "AWS_EC2_METADATA_DISABLED=true", "NO_COLOR=1", "LANG=C.UTF-8")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serve, "code": code, "zone": zone, "look": look, "nowhere": nowhere, "killed": killed, "within": within,
			"fault": fault, "foreign": foreign, "breaks": breaks, "interrupt": interrupt, "closed": closed, "kept": keptFailure, "logged": logged, "terminal": terminal, "steady": steady, "theirs": theirs, "unmarked": unmarked,
			"encrypts": encrypts, "agents": agents, "strip": strip, "intact": intact, "forwarded": forwarded, "jsonlines": jsonLines, "bare": bare,
		},
	})
}

func goEnv(t *testing.T) (vars []string) {
	t.Helper()
	names := []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOROOT"}
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		vars = append(vars, names[i]+"="+v)
	}
	return vars
}

// serve starts a sandbox on a port and points the SDK to it: "serve [SERVICE.OPERATION CODE MESSAGE...]" has it
// answer an operation with an error; "serve tls" speaks TLS with a certificate in ca.pem that nobody trusts; "serve
// proxy" is reached under a name that only a proxy knows.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 2 {
		ts.Fatalf("usage: serve [tls | proxy | SERVICE.OPERATION CODE MESSAGE...]")
	}
	box, err := sandbox.Open(sandbox.Options{})
	ts.Check(err)
	ts.Value(served{}).(*served).box = box
	if len(args) > 2 {
		fault(ts, neg, args)
	}
	srv := httptest.NewUnstartedServer(box)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // who does not trust it says so himself
	ts.Defer(srv.Close)
	url := ""
	switch strings.Join(args, " ") {
	case "tls":
		srv.StartTLS()
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
		ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), block, 0o600))
	case "proxy": // asked for another host's URL a handler of Go's is a proxy already
		srv.Start()
		ts.Setenv("HTTP_PROXY", srv.URL)
		url = "http://aws.invalid"
	default:
		srv.Start()
	}
	url = cmp.Or(url, srv.URL)
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL": url, "FARGATECTL_REGISTRY_URL": url, "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
	} {
		ts.Setenv(k, v)
	}
}

// code runs a command and holds its exit code: "code 64 fargatectl up --wat".
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// within runs a command that must end well in a time: "within 3s fargatectl plan"; under the race detector,
// which makes everything several times slower, in four times that.
func within(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: within DURATION COMMAND ARGS...")
	}
	most, err := time.ParseDuration(args[0])
	ts.Check(err)
	began := time.Now()
	ts.Check(ts.Exec(args[1], args[2:]...))
	if raced {
		most *= 4
	}
	if took := time.Since(began); took > most {
		ts.Fatalf("took %v, want at most %v", took, most)
	}
}

// bare leaves nothing on PATH but the program itself.
func bare(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: bare")
	}
	ts.Setenv("PATH", filepath.SplitList(ts.Getenv("PATH"))[0]) // where testscript.Main has put it
}
