package sandbox

import (
	"context"
	"slices"
	"strings"

	"github.com/fargatectl/fargatectl/internal/sandbox/wire"
)

// ssmService is Systems Manager, as far as its sessions forward ports of tasks. Its types are the SDK's in short: those
// would make the program larger by the whole client.
type ssmService struct{ *Sandbox }

// StartSessionInput is the SDK's.
type StartSessionInput struct {
	Target, DocumentName, Reason *string
	Parameters                   map[string][]string
}

// StartSessionOutput is the SDK's.
type StartSessionOutput struct {
	SessionId, StreamUrl, TokenValue *string
}

// TerminateSessionInput is the SDK's.
type TerminateSessionInput struct {
	SessionId *string
}

// TerminateSessionOutput is the SDK's.
type TerminateSessionOutput struct {
	SessionId *string
}

// StartSession begins to forward a port. The target is "ecs:CLUSTER_TASKID_RUNTIMEID".
func (s *ssmService) StartSession(ctx context.Context, in *StartSessionInput) (*StartSessionOutput, error) {
	t, ok := s.target(s.region(ctx), val(in.Target))
	if !ok {
		return nil, fail("TargetNotConnected", "%s is not connected.", val(in.Target))
	}
	port, host := first(in.Parameters["portNumber"]), "localhost"
	known := []string{"portNumber", "localPortNumber"}
	switch val(in.DocumentName) {
	case "AWS-StartPortForwardingSession":
	case "AWS-StartPortForwardingSessionToRemoteHost":
		host, known = first(in.Parameters["host"]), append(known, "host")
	default:
		return nil, fail("InvalidDocument", "Document with name %s does not exist.", val(in.DocumentName))
	}
	for name := range in.Parameters {
		if !slices.Contains(known, name) {
			return nil, fail("InvalidParameters", "Parameter %s is not defined in document %s.", name, val(in.DocumentName))
		}
	}
	if port == "" || host == "" {
		return nil, fail("InvalidParameters", "A parameter of document %s is missing.", val(in.DocumentName))
	}
	made := s.open.add(wire.CallFrom(ctx).Host, "sandbox-", &session{
		kind: "Port", host: host, port: port, remote: len(known) == 3, task: t.id(), ports: ports(s.region(ctx), t),
	})
	return &StartSessionOutput{SessionId: &made.ID, StreamUrl: &made.StreamURL, TokenValue: &made.Token}, nil
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// target is the task of a session's target whose agent is connected. A cluster's name may have underscores.
func (s *ssmService) target(r *Region, target string) (*task, bool) {
	rest, ok := strings.CutPrefix(target, "ecs:")
	parts := strings.Split(rest, "_")
	if n := len(parts); ok && n >= 3 {
		c := r.ECS.Clusters[strings.Join(parts[:n-2], "_")]
		if c == nil || c.Tasks[parts[n-2]] == nil {
			return nil, false
		}
		t := c.Tasks[parts[n-2]]
		for i := range t.Containers {
			if val(t.Containers[i].RuntimeId) == parts[n-1] && *t.LastStatus == "RUNNING" && agent(&t.Containers[i]) {
				return t, s.connected(r, t)
			}
		}
	}
	return nil, false
}

// TerminateSession ends a session, and succeeds for one that has ended (reference, "TerminateSession").
func (s *ssmService) TerminateSession(_ context.Context, in *TerminateSessionInput) (*TerminateSessionOutput, error) {
	if val(in.SessionId) == "" {
		return nil, fail("ValidationException", "SessionId must have a value.")
	}
	s.open.end(*in.SessionId)
	return &TerminateSessionOutput{SessionId: in.SessionId}, nil
}
