package sandbox

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/internal/datachannel"
	"github.com/fargatectl/fargatectl/internal/sandbox/wire"
)

// agentStart is how long the agent of ECS Exec needs in a container that runs.
const agentStart = 8 * time.Second

// channelActions are what a task's role has to allow, so that the agent can open its channels (developer guide, "ECS Exec:
// task IAM role").
var channelActions = []string{
	"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
}

// agents starts the agent of ECS Exec beside the containers of a task that was run with it.
func (s *ecsService) agents(r *Region, t *task) {
	if !t.EnableExecuteCommand {
		return
	}
	for i := range t.Containers {
		t.Containers[i].ManagedAgents = []types.ManagedAgent{{Name: types.ManagedAgentNameExecuteCommandAgent, LastStatus: new("PENDING")}}
	}
	s.after(agentStart, "ecs agent", r.Name+"/"+(*t.ClusterArn)[strings.LastIndex(*t.ClusterArn, "/")+1:]+"/"+t.id())
}

// agentStarts has the agents run. One whose container's file system is read-only can't (developer guide, "ECS Exec
// considerations").
func (s *ecsService) agentStarts(id string) {
	r, _, t := s.findTask(id)
	if t == nil || *t.DesiredStatus == "STOPPED" {
		return
	}
	d := r.ECS.definition(*t.TaskDefinitionArn)
	for i := range t.Containers {
		agents := t.Containers[i].ManagedAgents
		if len(agents) == 0 || val(agents[0].LastStatus) != "PENDING" {
			continue
		}
		agents[0].LastStatus, agents[0].LastStartedAt = new("RUNNING"), new(s.clock)
		if d != nil && val(d.ContainerDefinitions[i].ReadonlyRootFilesystem) {
			agents[0].LastStatus = new("STOPPED")
		}
	}
}

// StopAgents has the agents of ECS Exec end in all tasks: a fault.
func (e *ecsState) StopAgents(reason string) {
	for _, c := range e.Clusters {
		for _, t := range c.Tasks {
			for i := range t.Containers {
				for j := range t.Containers[i].ManagedAgents {
					t.Containers[i].ManagedAgents[j].LastStatus, t.Containers[i].ManagedAgents[j].Reason = new("STOPPED"), &reason
				}
			}
		}
	}
}

// agent says whether a container's agent runs.
func agent(c *types.Container) bool {
	return len(c.ManagedAgents) > 0 && val(c.ManagedAgents[0].LastStatus) == "RUNNING"
}

// connected says whether the agents of a task have their channels: by its role, and by its network.
func (s *Sandbox) connected(r *Region, t *task) bool {
	d := r.ECS.definition(*t.TaskDefinitionArn)
	if d == nil || d.TaskRoleArn == nil {
		return false
	}
	for _, action := range channelActions {
		if !s.roleAllows(*d.TaskRoleArn, action, "*") {
			return false
		}
	}
	return r.internet(t) || r.endpoint(t, "ssmmessages")
}

// ExecuteCommand opens a session with a command in a container. The command runs once the session's stream is opened.
func (s *ecsService) ExecuteCommand(ctx context.Context, in *ecs.ExecuteCommandInput) (*ecs.ExecuteCommandOutput, error) {
	r := s.region(ctx)
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	t := c.task(val(in.Task))
	switch {
	case !in.Interactive:
		return nil, invalid("Interactive must be 'true': Amazon ECS only supports initiating interactive sessions.")
	case val(in.Command) == "":
		return nil, invalid("Command cannot be blank.")
	case t == nil || *t.LastStatus == "STOPPED":
		return nil, invalid("The referenced task was not found.")
	case val(in.Container) == "" && len(t.Containers) > 1:
		return nil, invalid("Container name must be specified: the task has more than one container.")
	}
	con := &t.Containers[0]
	for i := range t.Containers {
		if *t.Containers[i].Name == val(in.Container) {
			con = &t.Containers[i]
		}
	}
	switch {
	case val(in.Container) != "" && *con.Name != *in.Container:
		return nil, invalid("The referenced container was not found.")
	case !t.EnableExecuteCommand || !agent(con):
		return nil, invalid("The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.")
	case !s.connected(r, t):
		return nil, fail("TargetNotConnectedException", "The execute command failed due to an internal error. Try again later.")
	}
	if err := canShell(); err != nil {
		return nil, err
	}
	begun := &session{kind: "InteractiveCommands", command: *in.Command, environment: environment(r, t, *con.Name)}
	made := s.open.add(wire.CallFrom(ctx).Host, "ecs-execute-command-", begun)
	s.encrypt(made, r, c, t, con)
	return &ecs.ExecuteCommandOutput{
		ClusterArn: c.ClusterArn, ContainerArn: con.ContainerArn, ContainerName: con.Name, TaskArn: t.TaskArn, Interactive: true,
		Session: &types.Session{SessionId: &made.ID, StreamUrl: &made.StreamURL, TokenValue: &made.Token},
	}, nil
}

// encrypt has a session encrypted where its cluster wants that. The agent has the data key decrypted with the task's role,
// and the session's target is the runtime of its container (developer guide, "ECS Exec: using KMS").
func (s *ecsService) encrypt(made *session, r *Region, c *cluster, t *task, con *types.Container) {
	if c.Configuration == nil || c.Configuration.ExecuteCommandConfiguration == nil || val(c.Configuration.ExecuteCommandConfiguration.KmsKeyId) == "" {
		return
	}
	role := *r.ECS.definition(*t.TaskDefinitionArn).TaskRoleArn // it is connected, so it has one
	about := datachannel.EncryptionContext(made.ID, "ecs:"+*c.ClusterName+"_"+t.id()+"_"+val(con.RuntimeId))
	made.encrypted = &datachannel.Encryption{
		Key:     *c.Configuration.ExecuteCommandConfiguration.KmsKeyId,
		Decrypt: func(_ context.Context, sealed []byte) ([]byte, error) { return s.decrypt(role, sealed, about) },
	}
}

// environment is what a container's definition says of it. Secrets stay where they are.
func environment(r *Region, t *task, container string) (env []string) {
	d := r.ECS.definition(*t.TaskDefinitionArn)
	if d == nil {
		return nil
	}
	for _, def := range d.ContainerDefinitions {
		if *def.Name != container {
			continue
		}
		for _, kv := range def.Environment {
			env = append(env, val(kv.Name)+"="+val(kv.Value))
		}
	}
	return env
}
