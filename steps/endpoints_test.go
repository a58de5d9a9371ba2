package steps

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

const (
	closed   = "nat: none, endpoints: [ecr.api, ecr.dkr, logs]"
	threeIPs = "nat: none, endpoints: [ecr.api, ecr.dkr, logs, secretsmanager], " + threeZones
)

// endpointLines are the lines of network about endpoints and who may reach them.
func (w *world) endpointLines() string {
	var lines []string
	for line := range strings.Lines(w.network()) {
		if strings.HasPrefix(line, "endpoint ") && !strings.Contains(line, ".s3") || strings.Contains(line, "app-endpoints-sg") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

const closedNetwork = `
endpoint app-ecr.api com.amazonaws.us-east-1.ecr.api app-private-use1-az1 app-private-use1-az2
endpoint app-ecr.dkr com.amazonaws.us-east-1.ecr.dkr app-private-use1-az1 app-private-use1-az2
endpoint app-logs com.amazonaws.us-east-1.logs app-private-use1-az1 app-private-use1-az2
group app-endpoints-sg in app-vpc
rule app-endpoints-sg egress false tcp 443 app-ecs-sg
rule app-endpoints-sg egress true -1 -1 0.0.0.0/0
`

func TestEndpoints(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = wholeNetwork
		plan := w.plan(vpcWith(closed))
		if !strings.Contains(plan, `
+ groups: security group app-endpoints-sg
`) || !strings.Contains(plan, `
+ groups: app-endpoints-sg: TCP 443 from app-ecs-sg
`) || !strings.HasSuffix(plan, `
+ endpoints: endpoint ecr.api
+ endpoints: endpoint ecr.dkr
+ endpoints: endpoint logs
`) {
			t.Error(plan)
		}
		if r := w.settled(vpcWith(closed)); r.took < 90*time.Second || r.took > 95*time.Second {
			t.Errorf("up took %v", r.took)
		}
		same(t, w.endpointLines(), closedNetwork)
		same(t, w.plan(vpcWith("nat: none, endpoints: [ecr.api, ecr.dkr, logs, secretsmanager]")), `
+ endpoints: endpoint secretsmanager
`)
		w.settled(vpcWith(threeIPs))
		if got := w.endpointLines(); strings.Count(got, "app-private-use1-az4") != 4 {
			t.Error(got)
		}
		same(t, strings.NewReplacer(w.privateID(3), "SUBNET3", w.privateID(2), "SUBNET2", w.privateID(1), "SUBNET1").Replace(onlyStep(w.plan(vpcWith(closed)), "endpoints")), `
~ endpoints: endpoint ecr.api, once the new release serves
    subnets: SUBNETS -> SUBNETS
~ endpoints: endpoint ecr.dkr, once the new release serves
    subnets: SUBNETS -> SUBNETS
~ endpoints: endpoint logs, once the new release serves
    subnets: SUBNETS -> SUBNETS
- endpoints: endpoint secretsmanager, once the new release serves
`)
		w.settled(vpcWith(closed))
		same(t, w.endpointLines(), closedNetwork)
		same(t, onlyStep(w.plan(plainManifest), "endpoints"), `
- endpoints: endpoint ecr.api
- endpoints: endpoint ecr.dkr
- endpoints: endpoint logs
`)
		w.settled(plainManifest)
		same(t, w.endpointLines(), "")
	})
}

// onlyStep is the part of a plan that is one step's.
func onlyStep(plan, step string) string {
	var b strings.Builder
	in := false
	for line := range strings.Lines(plan) {
		if !strings.HasPrefix(line, "  ") {
			in = strings.Contains(line, " "+step+": ")
		} else if f, _, ok := strings.Cut(line, "subnets: "); ok && in {
			line = f + "subnets: SUBNETS -> SUBNETS\n"
		}
		if in {
			b.WriteString(line)
		}
	}
	return b.String()
}

func (w *world) privateID(third int) string {
	list := ok(w.ec2().DescribeSubnets(w.t.Context(), &ec2.DescribeSubnetsInput{Filters: []types.Filter{{Name: new("cidr-block"), Values: []string{fmt.Sprintf("10.0.%d.0/24", third)}}}}))
	if len(list.Subnets) == 0 {
		return "(none)"
	}
	return *list.Subnets[0].SubnetId
}

// An endpoint that failed is reported, and made anew by the next up.
func TestEndpointFails(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = wholeNetwork
		time.AfterFunc(30*time.Second, func() {
			if err := w.Do(func(st *sandbox.State) {
				for _, p := range st.Regions["us-east-1"].EC2.Endpoints {
					if *p.ServiceName == "com.amazonaws.us-east-1.logs" {
						p.State, p.LastError = types.StateFailed, &types.LastError{Message: new("no capacity")}
					}
				}
			}); err != nil {
				t.Error(err)
			}
		})
		if r := w.up(vpcWith(closed)); r.err == nil || !strings.Contains(r.err.Error(), "of logs is failed: no capacity") {
			t.Error(r.err)
		}
		if plan := w.plan(vpcWith(closed)); !strings.HasPrefix(plan, "± endpoints: endpoint logs (vpce-") {
			t.Error(plan)
		}
		w.settled(vpcWith(closed))
		same(t, w.endpointLines(), closedNetwork)
	})
}

func TestEndpointsFail(t *testing.T) {
	t.Parallel()
	w := &world{pick: wholeNetwork}
	before := func(w *world) { w.up(plainManifest) }
	w.sweep(t, before, func(w *world) *run { return w.up(vpcWith(closed + ", flow_logs: true")) }, func(w *world) {
		w.settled(vpcWith(closed + ", flow_logs: true"))
		same(w.t, w.endpointLines(), closedNetwork)
		w.destroy(vpcWith(closed))
		w.nothing()
	})
	w.sweep(t, func(w *world) { w.up(vpcWith(threeIPs + ", flow_logs: true")) }, func(w *world) *run { return w.up(vpcWith(closed)) }, func(w *world) {
		w.settled(vpcWith(closed))
		same(w.t, w.endpointLines(), closedNetwork)
		w.destroy(vpcWith(closed))
		w.nothing()
	})
}

// nothing holds that neither network, groups nor roles are left.
func (w *world) nothing() {
	w.t.Helper()
	same(w.t, w.network(), "")
	if err := w.Do(func(st *sandbox.State) {
		for name := range st.Regions["us-east-1"].Logs.Groups {
			w.t.Error("log group left:", name)
		}
		for name := range st.IAM.Roles {
			w.t.Error("role left:", name)
		}
	}); err != nil {
		w.t.Error(err)
	}
}

func TestFlowLogs(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = wholeNetwork
		w.settled(plainManifest)
		on := vpcWith("flow_logs: true")
		same(t, w.plan(on), `
+ flowlogs: log group /vpc/app
+ flowlogs: role app-flow-logs-us-east-1
+ flowlogs: VPC flow log
`)
		w.settled(on)
		if got := w.network(); !strings.Contains(got, "flow log app-flow-logs of app-vpc to /vpc/app\n") {
			t.Error(got)
		}
		longer := strings.Replace(on, "resources: [", "resources: [{id: logs, type: aws_cloudwatch_log_group, config: {retention_in_days: 30}}, ", 1)
		same(t, onlyStep(w.plan(longer), "flowlogs"), `
~ flowlogs: log group /vpc/app
    retention: 14 days -> 30 days
`)
		w.settled(longer)
		same(t, w.plan(plainManifest), `
- flowlogs: role app-flow-logs-us-east-1
- flowlogs: log group /vpc/app
- flowlogs: VPC flow log
`)
		w.settled(plainManifest)
		w.settled(on)
		w.destroy(on)
		w.nothing()
	})
}
