package session

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/fargatectl/fargatectl/aws"
)

// A Check is one thing that ECS Exec needs.
type Check struct {
	Name   string `json:"name"`
	State  string `json:"state"` // "ok", "failed", or "unknown": it can't be seen
	Detail string `json:"detail,omitempty"`
	Fix    string `json:"fix,omitempty"`
}

// The states of a check.
const (
	OK      = "ok"
	Failed  = "failed"
	Unknown = "unknown"
)

// channelActions are what the agent needs of the task's role (developer guide, "Task IAM role: ECS Exec permissions").
var channelActions = []string{
	"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
}

// Preflight looks at all that ECS Exec needs, in the order in which it goes wrong. What the caller may not see is
// unknown, never a failure.
func (t *Target) Preflight(ctx context.Context) []Check {
	checks := []Check{t.enabled(), t.agentRuns(), t.fileSystem(ctx), t.role(ctx), t.network(ctx), t.encryption(ctx)}
	return checks
}

// A NotReadyError is a task in which no session can begin.
type NotReadyError struct {
	Task   string
	Checks []Check // that have failed
	Err    error   // AWS's, nil when it was not asked
}

func (e *NotReadyError) Error() string {
	if len(e.Checks) == 0 {
		return fmt.Sprintf("no session can begin in task %s: %s", e.Task, aws.Brief(e.Err))
	}
	var all []string
	for _, c := range e.Checks {
		all = append(all, c.Detail)
	}
	return fmt.Sprintf("no session can begin in task %s: %s", e.Task, strings.Join(all, "; "))
}

func (e *NotReadyError) Unwrap() error { return e.Err }

// Hint is what to do about it.
func (e *NotReadyError) Hint() string {
	var all []string
	for _, c := range e.Checks {
		if c.Fix != "" && !slices.Contains(all, c.Fix) {
			all = append(all, c.Fix)
		}
	}
	if len(all) == 0 {
		return "fargatectl exec --check shows what ECS Exec needs; try again in a minute"
	}
	return strings.Join(all, "\n")
}

// agentWait is how long an agent may take to start beside its container.
const agentWait = time.Minute

// Ready waits for an agent that is starting, and refuses what AWS would refuse without saying why. It asks for nothing
// that the task itself does not say.
func (t *Target) Ready(ctx context.Context, poll time.Duration, waiting func()) error {
	for began := time.Now(); ; {
		status, _ := t.agent()
		if status != "PENDING" || time.Since(began) > agentWait {
			break
		}
		waiting()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(poll):
		}
		if err := t.again(ctx); err != nil {
			return err
		}
	}
	for _, c := range []Check{t.enabled(), t.agentRuns()} {
		if c.State == Failed {
			return t.notReady(ctx, nil)
		}
	}
	return nil
}

// notReady is why a session can't begin.
func (t *Target) notReady(ctx context.Context, err error) error {
	failed := slices.DeleteFunc(t.Preflight(ctx), func(c Check) bool { return c.State != Failed })
	if len(failed) > 1 && failed[0].Name == "execute_command" {
		failed = failed[:1] // the others may follow from it
	}
	return &NotReadyError{t.ID(), failed, err}
}

func (t *Target) enabled() Check {
	c := Check{Name: "execute_command", State: OK, Detail: "ECS Exec is enabled in the task"}
	if t.Task.EnableExecuteCommand {
		return c
	}
	c.State = Failed
	switch s := t.Service; {
	case s.Live.EnableExecuteCommand:
		c.Detail = "the task was started before ECS Exec was enabled"
		c.Fix = "new tasks have it: fargatectl deploy --force-new-deployment"
		if s.Foreign {
			c.Fix += fmt.Sprintf(" --cluster %s --service %s", short(s.Cluster), s.Name)
		}
	case s.Foreign:
		c.Detail = "ECS Exec is not enabled in the service"
		c.Fix = fmt.Sprintf("enable it, which starts new tasks: aws ecs update-service --cluster %s --service %s --enable-execute-command --force-new-deployment", short(s.Cluster), s.Name)
	default:
		c.Detail = "ECS Exec is not enabled in the service"
		c.Fix = "set enable_execute_command: true in the service's config, run fargatectl up, then fargatectl deploy --force-new-deployment"
	}
	return c
}

func (t *Target) agentRuns() Check {
	status, reason := t.agent()
	c := Check{Name: "agent", State: OK, Detail: "the agent runs in container " + val(t.Container.Name)}
	if status == "RUNNING" {
		return c
	}
	if reason != "" {
		reason = " (" + reason + ")"
	}
	c.State, c.Detail = Failed, fmt.Sprintf("the agent in container %s is %s%s", val(t.Container.Name), strings.ToLower(status), reason)
	if status == "" {
		c.Detail = "container " + val(t.Container.Name) + " has no agent"
	}
	c.Fix = "a new task gets a new agent: fargatectl deploy --force-new-deployment"
	if status == "PENDING" {
		c.Fix = "it is still starting after a minute: try again, or see the network and the task role with fargatectl exec --check"
	}
	return c
}

func (t *Target) fileSystem(ctx context.Context) Check {
	c := Check{Name: "file_system", State: OK, Detail: "the agent can write in the container"}
	d, err := t.define(ctx)
	if err != nil {
		return unknown(c.Name, err)
	}
	for _, def := range d.ContainerDefinitions {
		if val(def.Name) == val(t.Container.Name) && val(def.ReadonlyRootFilesystem) {
			c.State, c.Detail = Failed, "the root file system of the container is read-only, where the agent writes"
			c.Fix = "ECS Exec does not work with readonlyRootFilesystem: set it to false in the task definition"
		}
	}
	if d.PidMode == types.PidModeTask && len(d.ContainerDefinitions) > 1 {
		c.State, c.Detail = Failed, "the containers of the task share their processes (pidMode task), where ECS Exec works in one of them only"
		c.Fix = "leave pidMode out of the task definition"
	}
	return c
}

func (t *Target) role(ctx context.Context) Check {
	c := Check{Name: "task_role", State: OK}
	fix := "enable_execute_command: true gives it to the task role with fargatectl up"
	if t.Service.Foreign {
		fix = "add a policy to the task role that allows them on *"
	}
	d, err := t.define(ctx)
	if err != nil {
		return unknown(c.Name, err)
	}
	if d.TaskRoleArn == nil {
		c.State, c.Detail, c.Fix = Failed, "the task has no role, so its agent may not open channels ("+strings.Join(channelActions, ", ")+")", fix
		return c
	}
	out, err := t.Calls.IAM.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: d.TaskRoleArn, ActionNames: channelActions})
	if err != nil {
		return unknown(c.Name, err)
	}
	var denied []string
	for _, r := range out.EvaluationResults {
		if r.EvalDecision != iamtypes.PolicyEvaluationDecisionTypeAllowed {
			denied = append(denied, val(r.EvalActionName))
		}
	}
	c.Detail = "the task role allows the agent's channels"
	if len(denied) > 0 {
		c.State, c.Detail, c.Fix = Failed, "the task role "+short(*d.TaskRoleArn)+" does not allow "+strings.Join(denied, ", "), fix
	}
	return c
}

// network says whether the task has a way to ssmmessages: by an endpoint in its VPC, or out.
func (t *Target) network(ctx context.Context) Check {
	c := Check{Name: "network", State: OK}
	subnet := ""
	for _, a := range t.Task.Attachments {
		for _, kv := range a.Details {
			if val(kv.Name) == "subnetId" {
				subnet = val(kv.Value)
			}
		}
	}
	sn, err := t.Calls.EC2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{subnet}})
	if err != nil || len(sn.Subnets) == 0 {
		return unknown(c.Name, err)
	}
	vpc := sn.Subnets[0].VpcId
	by := func(name, value string) []ec2types.Filter {
		return []ec2types.Filter{{Name: &name, Values: []string{value}}}
	}
	tables, err := t.Calls.EC2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: by("vpc-id", val(vpc))})
	if err != nil {
		return unknown(c.Name, err)
	}
	if leadsOut(tables.RouteTables, subnet) {
		c.Detail = "the subnet of the task has a route out"
		return c
	}
	points, err := t.Calls.EC2.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{Filters: by("vpc-id", val(vpc))})
	if err != nil {
		return unknown(c.Name, err)
	}
	for _, p := range points.VpcEndpoints {
		if strings.HasSuffix(val(p.ServiceName), ".ssmmessages") {
			c.Detail = "the VPC has an endpoint for ssmmessages"
			return c
		}
	}
	c.State, c.Detail = Failed, "the task has no way to Systems Manager: its subnet has no route out, its VPC no endpoint for ssmmessages"
	c.Fix = "add ssmmessages to endpoints: of the VPC in the manifest, or a NAT gateway"
	if t.Service.Foreign {
		c.Fix = "add an interface endpoint for ssmmessages to VPC " + val(vpc) + ", or a NAT gateway"
	}
	return c
}

// leadsOut says whether the table of a subnet, else the main one, has a default route that works.
func leadsOut(tables []ec2types.RouteTable, subnet string) bool {
	var own, main []ec2types.Route
	for _, t := range tables {
		for _, a := range t.Associations {
			if val(a.SubnetId) == subnet {
				own = t.Routes
			}
			if val(a.Main) {
				main = t.Routes
			}
		}
	}
	if own == nil {
		own = main
	}
	return slices.ContainsFunc(own, func(r ec2types.Route) bool {
		return val(r.DestinationCidrBlock) == "0.0.0.0/0" && r.State == ec2types.RouteStateActive
	})
}

// encryption is a key of the cluster's that sessions have to be encrypted with. The agent decrypts their data keys with the
// task's role, unless the key's own policy lets it: that is not looked at.
func (t *Target) encryption(ctx context.Context) Check {
	c := Check{Name: "encryption", State: OK, Detail: "sessions are encrypted by TLS"}
	out, err := t.Calls.ECS.DescribeClusters(ctx, &ecs.DescribeClustersInput{
		Clusters: []string{t.Service.Cluster}, Include: []types.ClusterField{types.ClusterFieldConfigurations},
	})
	if err != nil || len(out.Clusters) == 0 {
		return unknown(c.Name, err)
	}
	conf := out.Clusters[0].Configuration
	if conf == nil || conf.ExecuteCommandConfiguration == nil || val(conf.ExecuteCommandConfiguration.KmsKeyId) == "" {
		return c
	}
	key := *conf.ExecuteCommandConfiguration.KmsKeyId
	c.Detail = fmt.Sprintf("sessions are encrypted with KMS key %s, which costs you kms:GenerateDataKey and the task role kms:Decrypt", key)
	d, err := t.define(ctx)
	if err != nil || d.TaskRoleArn == nil {
		return c
	}
	seen, err := t.Calls.IAM.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: d.TaskRoleArn, ActionNames: []string{"kms:Decrypt"}, ResourceArns: keyARN(key, val(t.Task.TaskArn)),
	})
	if err == nil && slices.ContainsFunc(seen.EvaluationResults, func(r iamtypes.EvaluationResult) bool {
		return r.EvalDecision != iamtypes.PolicyEvaluationDecisionTypeAllowed
	}) {
		c.State = Unknown
		c.Detail = fmt.Sprintf("sessions are encrypted with KMS key %s, and the task role %s does not allow kms:Decrypt on it, unless the key's own policy does", key, short(*d.TaskRoleArn))
		c.Fix = "allow kms:Decrypt on the key to the task role"
	}
	return c
}

// keyARN is a key in the account and region of a task. What an alias stands for is not asked for: none.
func keyARN(key, task string) []string {
	p := strings.Split(task, ":")
	switch {
	case strings.HasPrefix(key, "arn:") && !strings.Contains(key, ":alias/"):
		return []string{key}
	case strings.Contains(key, "alias/") || len(p) < 5:
		return nil
	}
	return []string{fmt.Sprintf("arn:%s:kms:%s:%s:key/%s", p[1], p[3], p[4], key)}
}

func unknown(name string, err error) Check {
	detail := "it can't be found"
	if err != nil {
		detail = "it can't be seen: " + aws.Brief(err)
	}
	return Check{Name: name, State: Unknown, Detail: detail}
}
