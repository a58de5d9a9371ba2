package steps

import (
	"maps"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// counted is what is numbered or named by chance beyond ids: revisions of a task definition, DNS names of endpoints; and
// a target group's own port, which ECS uses for no target and AWS can't change.
var counted = regexp.MustCompile(`(task-definition/[\w-]+:)\d+|(vpce\*-)[0-9a-f]{8}|(\\"Port\\":)\d+(,\\"Protocol\\":\\"HTTP\\",\\"ProtocolVersion)`)

// lasting is the picture without what a history leaves behind on purpose: secrets that can still be restored, and numbers.
func (w *world) lasting() string {
	w.t.Helper()
	if err := w.Do(func(st *sandbox.State) {
		for _, r := range st.Regions {
			for name, s := range r.Secrets.Secrets {
				if s.DeletedDate != nil {
					delete(r.Secrets.Secrets, name)
				}
			}
		}
	}); err != nil {
		w.t.Fatal(err)
	}
	return counted.ReplaceAllString(w.picture(), "$1$2$3*$4")
}

// choices are ways to write each resource of a manifest; the first leaves it to the defaults.
var choices = map[string][]resources{
	"api": {
		ofService(""), ofService("cpu: 512, container_port: 8081, max_capacity: 20, memory_target: 60"), ofService("capacity_providers: { FARGATE: 1, FARGATE_SPOT: 3 }, enable_execute_command: true, min_capacity: 1"),
		ofService("environment: { A: b }, command: [serve], deployment: { minimum_healthy_percent: 50, maximum_percent: 100 }, requests_per_target: 100"),
		ofService("assign_public_ip: true, architecture: ARM64, health_check: { command: [CMD, /check] }, stop_timeout: 60"),
	},
	"lb":      {nil, ofALB("health_check: { path: /ready, interval: 10 }, idle_timeout: 90"), ofALB("allowed_cidrs: [192.0.2.0/24], deregistration_delay: 5"), ofALB(withDomain), ofALB("domain: www.example.com, ssl_policy: ELBSecurityPolicy-TLS13-1-3-2021-06")},
	"net":     {nil, ofVPC("nat: per_az"), ofVPC("flow_logs: true, endpoints: [logs]"), ofVPC("endpoints: [ecr.api, ecr.dkr, logs, secretsmanager]")},
	"role":    {nil, ofRole("task_policies: ['arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess']"), ofRole("task_statements: [{ Effect: Allow, Action: 's3:*', Resource: '*' }], permissions_boundary: 'arn:aws:iam::aws:policy/PowerUserAccess'")},
	"images":  {nil, ofECR("keep: 5, scan_on_push: false"), ofECR("image_tag_mutability: IMMUTABLE")},
	"cluster": {nil, ofCluster("container_insights: false"), ofCluster("container_insights: enhanced")},
	"logs":    {nil, resource("logs", "aws_cloudwatch_log_group", "retention_in_days: 1")},
	"token":   {nil, ofSecret("token")},
	"key":     {nil, resource("key", "aws_secretsmanager_secret", "env: API_KEY, generate: { length: 20 }")},
}

// drawn is a manifest by chance. A domain is never given up for none, since HTTPS never becomes HTTP.
func drawn(rnd *rand.Rand, domain bool) resources {
	r := resources{}
	for _, id := range []string{"api", "lb", "net", "role", "images", "cluster", "logs", "token", "key"} {
		all := choices[id]
		if id == "lb" && domain {
			all = all[3:]
		}
		maps.Copy(r, all[rnd.IntN(len(all))])
	}
	return r
}

func (r resources) domain() bool { return strings.Contains(r["lb"], "domain:") }

// Laws 1 to 3 over manifests by chance: after up(A) there is nothing left to do, up(B) comes to the same end as from
// nothing, and destroy leaves what was there before.
func TestPairs(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2)) // the same pairs every time
	for i := range max(2, 12/stride) {
		a := drawn(rnd, false)
		b := drawn(rnd, a.domain())
		t.Run(string(rune('A'+i)), func(t *testing.T) {
			t.Parallel()
			fresh := ""
			inWorld(t, func(t *testing.T, w *world) { fresh = w.life(b) })
			inWorld(t, func(t *testing.T, w *world) {
				if d := difference(fresh, w.life(a, b)); d != "" {
					t.Errorf("%s\nthen\n%s\nis not the same as from nothing:\n%s", a.yaml(), b.yaml(), d)
				}
			})
		})
	}
}

// life brings up one manifest after the other, and destroys the last; it returns what was there before that.
func (w *world) life(all ...resources) string {
	w.t.Helper()
	w.poll, w.opts.Offline = 5*time.Second, true
	w.zone("example.com")
	w.others()
	before := w.lasting()
	var yaml string
	for i, r := range all {
		if i == 1 {
			defer w.guard()()
		}
		yaml = r.yaml()
		w.settled(yaml)
		time.Sleep(2 * time.Hour) // what is leaving has left
	}
	w.Watch(nil)
	picture := w.lasting()
	w.leaves(yaml, before)
	return picture
}

// leaves destroys a manifest, and holds that what is there then is what was there before.
func (w *world) leaves(yaml, before string) {
	w.t.Helper()
	if r := w.destroy(yaml); r.err != nil {
		w.t.Errorf("destroy: %v", r.err)
	}
	time.Sleep(2 * time.Hour)
	w.tidy()
	if d := difference(before, w.lasting()); d != "" {
		w.t.Errorf("after destroy:\n%s", d)
	}
}

// tidy removes what belongs to nobody: deleted clusters, which AWS shows for a while, and the roles of AWS's own services.
func (w *world) tidy() {
	w.t.Helper()
	if err := w.Do(func(st *sandbox.State) {
		for name := range st.IAM.Roles {
			if strings.HasPrefix(name, "AWSServiceRoleFor") {
				delete(st.IAM.Roles, name)
			}
		}
		for name, c := range st.Regions["us-east-1"].ECS.Clusters {
			if *c.Status == "INACTIVE" {
				delete(st.Regions["us-east-1"].ECS.Clusters, name)
			}
		}
	}); err != nil {
		w.t.Fatal(err)
	}
}

// others makes things that are not ours, with names and places near ours.
func (w *world) others() {
	w.t.Helper()
	ctx, cfg := w.t.Context(), w.Config("us-east-1")
	net := ec2.NewFromConfig(cfg)
	vpc := ok(net.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16"), TagSpecifications: tagSpec("vpc", map[string]string{"Name": "app-vpc"})})).Vpc
	ok(net.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: vpc.VpcId, GroupName: new("app-alb-sg"), Description: new("of others")}))
	ok(net.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc.VpcId, CidrBlock: new("10.0.1.0/24")}))
	ok(net.AllocateAddress(ctx, nil))
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	ok(iam.NewFromConfig(cfg).CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("app-ecs-execution"), AssumeRolePolicyDocument: &trust}))
	ok(cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new("/ecs/app2")}))
	ok(w.ecs().CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: new("app")}))
	ok(w.ecs().RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: new("app2"), ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: new("app"), Image: new(nginx), Memory: new(int32(128))}}}))
	ok(ecr.NewFromConfig(cfg).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: new("app/other")}))
	ok(secretsmanager.NewFromConfig(cfg).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: new("app/theirs"), SecretString: new("theirs")}))
	w.record(w.zone("example.net"), "api.example.net", "A", "192.0.2.1")
	w.tidy()
}

// A way that AWS does not have is refused with the way out, before anything is changed.
func TestRefused(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.poll, w.opts.Offline = 5*time.Second, true
		w.settled(start.yaml())
		before := w.picture()
		for _, c := range []struct {
			to   resources
			says []string
		}{
			{ofVPC("cidr: 10.1.0.0/16"), []string{"has 10.0.0.0/16, and AWS can't change it to 10.1.0.0/16", "write `cidr: 10.0.0.0/16`, take another project_name, or destroy first"}},
			{ofVPC("private_subnets: [10.0.1.0/24, 10.0.9.0/24]"), []string{"has 10.0.2.0/24, and AWS can't change it to 10.0.9.0/24", "write `azs: [use1-az1, use1-az2], private_subnets: [10.0.1.0/24, 10.0.2.0/24]` back, take another project_name, or destroy first"}},
			{ofVPC("azs: [use1-az1, use1-az3]"), []string{"is in use1-az2, and AWS can't move it to use1-az3", "back, take another project_name, or destroy first"}},
			{ofALB("internal: true"), []string{"alb: ", "internet-facing", "internal"}},
			{ofRole("path: /team/"), []string{"iam: role", "/team/", "destroy"}},
		} {
			r := w.up(start.with(c.to).with(ofService("cpu: 512")).yaml())
			if r.err == nil || len(r.changing()) > 0 {
				t.Errorf("%v: error %v, changing calls %v", c.to, r.err, r.changing())
				continue
			}
			for _, says := range c.says {
				if !strings.Contains(r.err.Error(), says) {
					t.Errorf("%v: %q is not in\n%v", c.to, says, r.err)
				}
			}
		}
		if d := difference(before, w.picture()); d != "" {
			t.Error(d)
		}
	})
}

// Under new names in the manifest all stays what it is: nothing is made twice, other changes are done, and destroy takes
// it along.
func TestRenamed(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.poll, w.opts.Offline = 5*time.Second, true
		w.others()
		before := w.lasting()
		w.settled(start.yaml())
		first := w.lasting()
		names := ofALB("").named("lb", "front").with(ofCluster("").named("cluster", "many")).with(ofService("").named("api", "web")).with(ofECR("").named("images", "pics"))
		renamed := start.with(names)
		w.settled(renamed.yaml())
		if d := difference(first, w.lasting()); d != "" {
			t.Errorf("a new name changes something:\n%s", d)
		}
		r := w.settled(renamed.with(ofService("cpu: 512, memory: 1024").named("api", "web")).with(ofALB("idle_timeout: 90").named("lb", "front")).yaml())
		if got := strings.Join(times(r.changing()), ", "); got != "ecs.RegisterTaskDefinition, ecs.UpdateService, elasticloadbalancing.ModifyLoadBalancerAttributes" {
			t.Errorf("changing calls %s", got)
		}
		w.leaves(renamed.yaml(), before)
	})
}
