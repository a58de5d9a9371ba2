//go:build linux || darwin

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/fargatectl/fargatectl/internal/datachannel"
)

// A shell is a fleet with one task that commands can be executed in, unless change says otherwise.
func inShell(t *testing.T, role bool, change func(*ecs.RegisterTaskDefinitionInput, *ecs.RunTaskInput), test func(t *testing.T, f *fleet, task types.Task)) {
	t.Helper()
	inFleet(t, func(t *testing.T, f *fleet) {
		if role {
			roles := iam.NewFromConfig(f.Config("eu-west-1"))
			must(roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
				RoleName: new("exec"), PolicyName: new("exec"), PolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssmmessages:*","Resource":"*"}]}`),
			}))(t)
		}
		run := &ecs.RunTaskInput{
			Cluster: new("c"), EnableExecuteCommand: true, LaunchType: types.LaunchTypeFargate, NetworkConfiguration: f.service("").NetworkConfiguration,
		}
		in := f.definition()
		if change != nil {
			change(in, run)
		}
		run.TaskDefinition = must(f.ecs.RegisterTaskDefinition(t.Context(), in))(t).TaskDefinition.TaskDefinitionArn
		made := must(f.ecs.RunTask(t.Context(), run))(t).Tasks[0]
		time.Sleep(2 * time.Minute)
		test(t, f, must(f.ecs.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: new("c"), Tasks: []string{*made.TaskArn}}))(t).Tasks[0])
	})
}

func (f *fleet) execute(task types.Task, command string) (*ecs.ExecuteCommandOutput, error) {
	return f.ecs.ExecuteCommand(f.t.Context(), &ecs.ExecuteCommandInput{Cluster: new("c"), Task: task.TaskArn, Command: &command, Interactive: true})
}

func (f *fleet) dial(output func(datachannel.PayloadType, []byte) error) datachannel.Dial {
	cfg := f.Config("eu-west-1")
	return datachannel.Dial{HTTP: cfg.HTTPClient.(*http.Client), Credentials: cfg.Credentials, Region: cfg.Region, Output: output}
}

func stream(s *types.Session) datachannel.Session {
	return datachannel.Session{ID: *s.SessionId, StreamURL: *s.StreamUrl, Token: *s.TokenValue}
}

func TestExecuteCommand(t *testing.T) {
	inShell(t, true, nil, func(t *testing.T, f *fleet, task types.Task) {
		if a := task.Containers[0].ManagedAgents; len(a) != 1 || *a[0].LastStatus != "RUNNING" || a[0].LastStartedAt == nil {
			t.Errorf("agents %+v", a)
		}
		out := must(f.execute(task, `sh -c "echo it\"'\"s \"\$0\"; stty size; cat" 'two words'`))(t)
		var said bytes.Buffer
		heard := make(chan struct{}, 100)
		c, err := datachannel.Open(t.Context(), stream(out.Session), f.dial(func(_ datachannel.PayloadType, b []byte) error {
			said.Write(b)
			heard <- struct{}{}
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		if c.Type != "InteractiveCommands" {
			t.Errorf("a session of type %s", c.Type)
		}
		<-heard
		if _, err := datachannel.Open(t.Context(), stream(out.Session), f.dial(nil)); err == nil || !strings.Contains(err.Error(), "no such session") {
			t.Errorf("opened twice: %v", err)
		}
		must(c.Write([]byte("typed\x04\x04")))(t)
		if err := c.Wait(); !errors.As(err, new(*datachannel.ClosedError)) {
			t.Error(err)
		}
		if text := said.String(); !strings.HasPrefix(text, "it's two words\r\n") || !strings.Contains(text, "typed") {
			t.Errorf("%q", text)
		}
	})
}

// TestExecuteCommandEncrypted holds a session of a cluster that has them encrypted: with the caller's data key, which the
// task's role may decrypt or not.
func TestExecuteCommandEncrypted(t *testing.T) {
	inShell(t, true, nil, func(t *testing.T, f *fleet, task types.Task) {
		must(f.ecs.UpdateCluster(t.Context(), &ecs.UpdateClusterInput{Cluster: new("c"), Configuration: &types.ClusterConfiguration{
			ExecuteCommandConfiguration: &types.ExecuteCommandConfiguration{KmsKeyId: new("alias/exec"), Logging: types.ExecuteCommandLoggingDefault},
		}}))(t)
		keys := kms.NewFromConfig(f.Config("eu-west-1"))
		open := func() (string, error) {
			said := ""
			d := f.dial(func(_ datachannel.PayloadType, b []byte) error { said += string(b); return nil })
			arn := strings.Split(*task.TaskArn, "/")
			d.Target = "ecs:c_" + arn[len(arn)-1] + "_" + *task.Containers[0].RuntimeId
			d.DataKey = func(ctx context.Context, key string, about map[string]string) (datachannel.DataKey, error) {
				out, err := keys.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &key, NumberOfBytes: new(int32(datachannel.DataKeySize)), EncryptionContext: about})
				if err != nil {
					return datachannel.DataKey{}, err
				}
				return datachannel.DataKey{Plaintext: out.Plaintext, Ciphertext: out.CiphertextBlob}, nil
			}
			c, err := datachannel.Open(t.Context(), stream(must(f.execute(task, "echo hidden"))(t).Session), d)
			if err == nil {
				if err = c.Wait(); errors.As(err, new(*datachannel.ClosedError)) {
					err = nil
				}
				said = c.Message + " " + said
			}
			return said, err
		}
		if _, err := open(); err == nil || !strings.Contains(err.Error(), "can't decrypt the data key: AccessDeniedException: The ciphertext refers to a customer master key") {
			t.Errorf("without permission: %v", err)
		}
		must(iam.NewFromConfig(f.Config("eu-west-1")).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
			RoleName: new("exec"), PolicyName: new("key"), PolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}]}`),
		}))(t)
		if said, err := open(); err != nil || said != "This session is encrypted using AWS KMS. hidden\r\n" {
			t.Errorf("%q %v", said, err)
		}
		for code, in := range map[string]kms.GenerateDataKeyInput{
			"NotFoundException":   {KeyId: new("nothing like a key"), NumberOfBytes: new(int32(64))},
			"ValidationException": {KeyId: new("alias/exec")},
		} {
			if got := codeOf(keys.GenerateDataKey(t.Context(), &in)); got != code {
				t.Errorf("%s: %s", code, got)
			}
		}
	})
}

// TestExecuteCommandRefused holds what AWS answers where no session can be had.
func TestExecuteCommandRefused(t *testing.T) {
	const off = "execute command was not enabled when the task was run or the execute command agent isn’t running"
	for name, c := range map[string]struct {
		role   bool
		change func(*ecs.RegisterTaskDefinitionInput, *ecs.RunTaskInput)
		code   string
		say    string
	}{
		"not enabled": {true, func(_ *ecs.RegisterTaskDefinitionInput, r *ecs.RunTaskInput) { r.EnableExecuteCommand = false }, "InvalidParameterException", off},
		"read-only": {true, func(d *ecs.RegisterTaskDefinitionInput, _ *ecs.RunTaskInput) {
			d.ContainerDefinitions[0].ReadonlyRootFilesystem = new(true)
		}, "InvalidParameterException", off},
		"not allowed": {false, nil, "TargetNotConnectedException", "internal error"},
		"two containers": {true, func(d *ecs.RegisterTaskDefinitionInput, _ *ecs.RunTaskInput) {
			d.ContainerDefinitions = append(d.ContainerDefinitions, types.ContainerDefinition{Name: new("side"), Image: new("public.ecr.aws/x:1")})
		}, "InvalidParameterException", "more than one container"},
	} {
		t.Run(name, func(t *testing.T) {
			inShell(t, c.role, c.change, func(t *testing.T, f *fleet, task types.Task) {
				_, err := f.execute(task, "sh")
				refused(t, err, c.code, c.say)
			})
		})
	}
	inShell(t, true, nil, func(t *testing.T, f *fleet, task types.Task) {
		if err := f.Do(func(st *State) { st.Regions["eu-west-1"].ECS.StopAgents("out of memory") }); err != nil {
			t.Fatal(err)
		}
		_, err := f.execute(task, "sh")
		refused(t, err, "InvalidParameterException", off)
		_, err = f.execute(types.Task{TaskArn: new("nobody")}, "sh")
		refused(t, err, "InvalidParameterException", "task was not found")
	})
}

// TestSessionIsPrivate holds who does not get to a program of this machine.
func TestSessionIsPrivate(t *testing.T) {
	t.Parallel()
	box := open(t, "")
	for name, c := range map[string]struct {
		from, host, origin string
		token              string
		want               int
	}{
		"another machine": {"192.0.2.1:4000", "127.0.0.1:4566", "", "", http.StatusForbidden},
		"another name":    {"127.0.0.1:4000", "evil.example:4566", "", "", http.StatusForbidden},
		"a web page":      {"127.0.0.1:4000", "localhost:4566", "http://localhost:4566", "", http.StatusForbidden},
		"no session":      {"[::1]:4000", "[::1]:4566", "", "", http.StatusNotFound},
	} {
		r := httptest.NewRequest(http.MethodGet, streams+"ecs-execute-command-1", http.NoBody)
		r.RemoteAddr, r.Host = c.from, c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		if box.ServeHTTP(w, r); w.Code != c.want {
			t.Errorf("%s: %d, want %d", name, w.Code, c.want)
		}
	}
	srv := httptest.NewServer(box)
	defer srv.Close()
	made := box.open.add(srv.Listener.Addr().String(), "x-", &session{kind: "InteractiveCommands", command: "touch " + t.TempDir() + "/ran"})
	guessed := made.Session
	guessed.Token = "guessed"
	cfg := box.Config("eu-west-1")
	if _, err := datachannel.Open(t.Context(), guessed, datachannel.Dial{HTTP: srv.Client(), Credentials: cfg.Credentials}); err == nil {
		t.Error("opened without the token")
	}
	if _, err := datachannel.Open(t.Context(), made.Session, datachannel.Dial{HTTP: srv.Client(), Credentials: cfg.Credentials}); err == nil {
		t.Error("opened after a wrong token: it can be guessed again and again")
	}
}

func TestStartSession(t *testing.T) {
	inShell(t, true, nil, func(t *testing.T, f *fleet, task types.Task) {
		cfg := f.Config("eu-west-1")
		systems := ssm.NewFromConfig(cfg)
		id := (*task.TaskArn)[strings.LastIndex(*task.TaskArn, "/")+1:]
		in := &ssm.StartSessionInput{
			Target: new("ecs:c_" + id + "_" + *task.Containers[0].RuntimeId), DocumentName: new("AWS-StartPortForwardingSession"),
			Parameters: map[string][]string{"portNumber": {"8080"}},
		}
		out := must(systems.StartSession(t.Context(), in))(t)
		if made := f.open.all[*out.SessionId]; made == nil || made.port != "8080" || made.remote || made.task != id || !slices.Contains(made.ports, "8080") || made.Token != *out.TokenValue {
			t.Errorf("%+v", made)
		}
		must(systems.TerminateSession(t.Context(), &ssm.TerminateSessionInput{SessionId: out.SessionId}))(t)
		if f.open.all[*out.SessionId] != nil {
			t.Error("the session goes on")
		}
		for change, code := range map[string]string{
			"target": "TargetNotConnected", "document": "InvalidDocument", "parameter": "InvalidParameters", "no port": "InvalidParameters",
		} {
			bad := *in
			switch change {
			case "target":
				bad.Target = new("ecs:c_" + id + "_other-1")
			case "document":
				bad.DocumentName = new("AWS-RunShellScript")
			case "parameter":
				bad.Parameters = map[string][]string{"portNumber": {"8080"}, "host": {"db"}}
			default:
				bad.Parameters = nil
			}
			_, err := systems.StartSession(t.Context(), &bad)
			refused(t, err, code, "")
		}
	})
}

// TestForwardedPort holds what a forwarded port of a simulated container answers, and how its session ends. It is no test of
// a bubble: smux shares its timers among all sessions of a process.
func TestForwardedPort(t *testing.T) {
	t.Parallel()
	box := open(t, "")
	cfg := box.Config("eu-west-1")
	begin := func() (*session, *datachannel.Port) {
		made := box.open.add("sandbox.invalid", "x-", &session{kind: "Port", port: "8080", ports: []string{"8080"}, task: "1234"})
		dial := datachannel.Dial{HTTP: cfg.HTTPClient.(*http.Client), Credentials: cfg.Credentials, Region: cfg.Region}
		port, err := datachannel.OpenPort(t.Context(), made.Session, dial, func() { t.Error("refused") })
		if err != nil {
			t.Fatal(err)
		}
		return made, port
	}
	made, port := begin()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() { _ = port.Carry(far) }()
		return near, nil
	}}}
	resp, err := client.Get("http://task/health")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if _ = resp.Body.Close(); err != nil || string(body) != "GET /health from task 1234 in the sandbox\n" {
		t.Errorf("%q %v", body, err)
	}
	box.open.end(made.ID)
	if err := port.Wait(); err == nil {
		t.Error("the session goes on")
	}
	_, port = begin()
	began := time.Now()
	if port.Terminate(); time.Since(began) > time.Second {
		t.Errorf("it took %v to end a session", time.Since(began))
	}
}

// TestForwardedHost holds that a session reaches this machine's ports and no other machine's.
func TestForwardedHost(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for host, ok := range map[string]bool{"127.0.0.1": true, "localhost": true, "192.0.2.1": false, "db.example.com": false} {
		conn, err := (&session{remote: true, host: host, port: port}).dial(t.Context())
		if (err == nil) != ok {
			t.Errorf("%s: %v", host, err)
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
	if _, err := (&session{port: "9", ports: []string{"8080"}}).dial(t.Context()); err == nil {
		t.Error("a port that nobody listens on")
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"sh": {"sh"}, "  a\tb\n": {"a", "b"}, `sh -c 'echo "x y"'`: {"sh", "-c", `echo "x y"`}, `"a\"b" '' c\ d`: {`a"b`, "", "c d"}, `'it'\''s'`: {"it's"},
	} {
		if got, err := split(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q %v", line, got, err)
		}
	}
	for _, line := range []string{"", "  ", "'x"} {
		if _, err := split(line); err == nil {
			t.Errorf("%q is split", line)
		}
	}
}
