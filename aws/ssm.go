package aws

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// SSM is the operations of ssm that we make. They are written by hand in AWS JSON 1.1: the SDK's client would make the
// program 1.2 MiB larger for the two of them. Neither is retried: a session is begun once.
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
	return SSM{
		StartSession: func(ctx context.Context, in *StartSessionInput) (*StartSessionOutput, error) {
			out := &StartSessionOutput{}
			return out, invoke(ctx, cfg, "StartSession", in, out)
		},
		TerminateSession: func(ctx context.Context, in *TerminateSessionInput) (*TerminateSessionOutput, error) {
			out := &TerminateSessionOutput{}
			return out, invoke(ctx, cfg, "TerminateSession", in, out)
		},
	}
}

// invoke makes one signed request of AWS JSON 1.1. Its errors are as the SDK's.
func invoke(ctx context.Context, cfg aws.Config, op string, in, out any) (err error) {
	defer func() {
		if err != nil {
			err = &smithy.OperationError{ServiceID: "SSM", OperationName: op, Err: err}
		}
	}()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	endpoint := "https://ssm." + cfg.Region + ".amazonaws.com/"
	if Partition(cfg.Region) == "aws-cn" {
		endpoint = "https://ssm." + cfg.Region + ".amazonaws.com.cn/"
	}
	if cfg.BaseEndpoint != nil {
		endpoint = strings.TrimSuffix(*cfg.BaseEndpoint, "/") + "/"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AmazonSSM."+op)
	who, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("get credentials: %w", err)
	}
	digest := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, who, r, hex.EncodeToString(digest[:]), "ssm", cfg.Region, time.Now()); err != nil {
		return err
	}
	client := cfg.HTTPClient
	if client == nil {
		client = awshttp.NewBuildableClient()
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err := cmp.Or(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return apiError(resp, text)
	}
	return json.Unmarshal(text, out)
}

// apiError is an answer's error: its code is in the body, "com.amazonaws.ssm#TargetNotConnected", or in a header.
func apiError(resp *http.Response, body []byte) error {
	var v struct {
		Type    string `json:"__type"`
		Code    string `json:"code"`
		Message string `json:"message"` // in either case
	}
	_ = json.Unmarshal(body, &v) // what is no JSON has neither
	code := cmp.Or(v.Type, v.Code, resp.Header.Get("X-Amzn-ErrorType"), resp.Status)
	code, _, _ = strings.Cut(code[strings.LastIndexByte(code, '#')+1:], ":")
	return &smithy.GenericAPIError{Code: code, Message: v.Message}
}
