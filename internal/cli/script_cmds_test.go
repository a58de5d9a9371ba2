package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// served is the sandbox that a script has on a port.
type served struct{ box *sandbox.Sandbox }

func boxOf(ts *testscript.TestScript) *sandbox.Sandbox {
	box := ts.Value(served{}).(*served).box
	if box == nil {
		ts.Fatalf("serve first")
	}
	return box
}

// fault has an operation answer an error, "fault SERVICE.OPERATION CODE MESSAGE..."; without words all is well again.
func fault(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		boxOf(ts).Heal()
		return
	}
	if neg || len(args) < 3 {
		ts.Fatalf("usage: fault [SERVICE.OPERATION CODE MESSAGE...]")
	}
	service, op, _ := strings.Cut(args[0], ".")
	boxOf(ts).Inject(sandbox.Fault{Service: service, Op: op, Code: args[1], Message: strings.Join(args[2:], " ")})
}

// breaks has the tasks of the next revisions of a family exit with code 3 after a word that no terminal should see:
// "breaks FAMILY"; "! breaks FAMILY" mends it.
func breaks(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Check(boxOf(ts).Do(func(st *sandbox.State) { st.Regions["us-east-1"].ECS.Mend(args[0]) }))
		return
	}
	ts.Check(boxOf(ts).Do(func(st *sandbox.State) {
		st.Regions["us-east-1"].ECS.Break(args[0], sandbox.Failure{
			StopCode: ecstypes.TaskStopCodeEssentialContainerExited, StoppedReason: "Essential container in task exited", ExitCode: new(int32(3)),
			Log: []string{"\x1b]0;owned\a\x1b[31mno database\x1b[0m\u202e"},
		})
	}))
}

// foreign makes somebody else's things under the names that a project of that name would take: "foreign PROJECT".
func foreign(ts *testscript.TestScript, _ bool, args []string) {
	name, cfg, ctx := args[0], boxOf(ts).Config("us-east-1"), context.Background()
	net, balancers, tasks, roles := ec2.NewFromConfig(cfg), elb.NewFromConfig(cfg), ecs.NewFromConfig(cfg), iam.NewFromConfig(cfg)
	vpc, err := net.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")})
	ts.Check(err)
	igw, err := net.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})
	ts.Check(err)
	_, err = net.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{VpcId: vpc.Vpc.VpcId, InternetGatewayId: igw.InternetGateway.InternetGatewayId})
	ts.Check(err)
	var subnets []string
	for zone, cidr := range map[string]string{"us-east-1a": "10.0.1.0/24", "us-east-1b": "10.0.2.0/24"} {
		sn, err := net.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc.Vpc.VpcId, AvailabilityZone: &zone, CidrBlock: &cidr})
		ts.Check(err)
		subnets = append(subnets, *sn.Subnet.SubnetId)
	}
	_, err = balancers.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: new(name + "-alb"), Subnets: subnets})
	ts.Check(err)
	_, err = balancers.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: new(name + "-tg"), VpcId: vpc.Vpc.VpcId, Port: new(int32(80)), Protocol: elbtypes.ProtocolEnumHttp, TargetType: elbtypes.TargetTypeEnumIp})
	ts.Check(err)
	_, err = ecr.NewFromConfig(cfg).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
	ts.Check(err)
	_, err = cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new("/ecs/" + name)})
	ts.Check(err)
	for _, role := range []string{"execution", "task"} {
		_, err = roles.CreateRole(ctx, &iam.CreateRoleInput{
			RoleName:                 new(name + "-ecs-" + role + "-us-east-1"),
			AssumeRolePolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
		})
		ts.Check(err)
	}
	_, err = secretsmanager.NewFromConfig(cfg).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: new(name + "/database-url"), SecretString: new("x")})
	ts.Check(err)
	_, err = tasks.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: new(name + "-cluster")})
	ts.Check(err)
	_, err = tasks.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: &name, NetworkMode: ecstypes.NetworkModeAwsvpc, Cpu: new("256"), Memory: new("512"), RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: &name, Image: new("public.ecr.aws/x/y:1")}},
	})
	ts.Check(err)
	_, err = tasks.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: new(name + "-cluster"), ServiceName: &name, TaskDefinition: &name, DesiredCount: new(int32(1)), LaunchType: ecstypes.LaunchTypeFargate,
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: subnets}},
	})
	ts.Check(err)
}

// command is a program of the script, not yet started.
func command(ts *testscript.TestScript, args []string) *exec.Cmd {
	path := args[0]
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		if file := filepath.Join(dir, args[0]); path == args[0] {
			if _, err := os.Stat(file); err == nil {
				path = file
			}
		}
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range append([]string{
		"PATH", "HOME", "AWS_ENDPOINT_URL", "FARGATECTL_REGISTRY_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "FARGATECTL_SANDBOX",
	}, "GOCACHE", "GOMODCACHE", "GOPATH", "GOROOT") {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Env = append(cmd.Env, "NO_COLOR=1", "LANG=C.UTF-8")
	return cmd
}

// A watch is a stream that calls once what it was told when it has matched.
type watch struct {
	mu   sync.Mutex
	text bytes.Buffer
	want *regexp.Regexp
	then func()
}

func (w *watch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if w.then != nil && w.want.Match(w.text.Bytes()) {
		w.then()
		w.then = nil
	}
	return len(p), nil
}

// interrupt presses Ctrl-C when what a command prints matches, and holds its exit code: "interrupt 130 PATTERN COMMAND...".
// What it printed is in the file output.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: interrupt CODE PATTERN COMMAND ARGS...")
	}
	cmd := command(ts, args[2:])
	out := &watch{want: regexp.MustCompile(args[1]), then: func() { _ = cmd.Process.Signal(os.Interrupt) }}
	cmd.Stdout, cmd.Stderr = out, out
	ts.Check(cmd.Start())
	_ = cmd.Wait()
	ts.Logf("%s", out.text.String())
	ts.Check(os.WriteFile(ts.MkAbs("output"), out.text.Bytes(), 0o600))
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[0] || out.then != nil {
		ts.Fatalf("exit code %s, want %s; matched %v", got, args[0], out.then == nil)
	}
}

// closed reads one line of what a command prints, as head -1 does, and holds that it ends well, soon and quietly.
func closed(ts *testscript.TestScript, neg bool, args []string) {
	r, w, err := os.Pipe()
	ts.Check(err)
	cmd := command(ts, args)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &said
	ts.Check(cmd.Start())
	ts.Check(w.Close())
	for b := make([]byte, 1); b[0] != '\n'; {
		if _, err := io.ReadFull(r, b); err != nil {
			ts.Fatalf("no line: %v %s", err, said.String())
		}
	}
	ts.Check(r.Close())
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	err = cmd.Wait()
	if late.Stop(); neg || err != nil || said.Len() > 0 {
		ts.Fatalf("%v %q", err, said.String())
	}
}

// jsonLines holds that each line of the last command's stderr is a JSON object.
func jsonLines(ts *testscript.TestScript, _ bool, _ []string) {
	text := ts.ReadFile("stderr")
	if text == "" {
		ts.Fatalf("nothing was said")
	}
	for line := range strings.Lines(text) {
		if v := map[string]any{}; json.Unmarshal([]byte(line), &v) != nil {
			ts.Fatalf("no JSON: %s", line)
		}
	}
}
