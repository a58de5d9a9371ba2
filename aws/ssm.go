package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// SSM is the operations of ssm that we make. Neither is retried: a session is begun once.
type SSM struct {
	StartSession     func(context.Context, *StartSessionInput) (*StartSessionOutput, error)
	TerminateSession func(context.Context, *TerminateSessionInput) (*TerminateSessionOutput, error)
}

// StartSessionInput is the SDK's, as far as it is used.
type StartSessionInput struct {
	Target       string // "ecs:CLUSTER_TASKID_RUNTIMEID"
	DocumentName string
	Parameters   map[string][]string
	Reason       string `json:",omitempty"`
}

// StartSessionOutput is the SDK's. The token is a secret.
type StartSessionOutput struct{ SessionID, StreamURL, TokenValue string }

// TerminateSessionInput is the SDK's.
type TerminateSessionInput struct {
	SessionID string `json:"SessionId"`
}

// TerminateSessionOutput is the SDK's.
type TerminateSessionOutput struct {
	SessionID string `json:"SessionId"`
}

func newSSM(cfg aws.Config) SSM {
	ssm := byHand{"SSM", "ssm", "AmazonSSM"}
	return SSM{
		StartSession: func(ctx context.Context, in *StartSessionInput) (*StartSessionOutput, error) {
			out := &StartSessionOutput{}
			return out, ssm.invoke(ctx, cfg, "StartSession", in, out)
		},
		TerminateSession: func(ctx context.Context, in *TerminateSessionInput) (*TerminateSessionOutput, error) {
			out := &TerminateSessionOutput{}
			return out, ssm.invoke(ctx, cfg, "TerminateSession", in, out)
		},
	}
}
