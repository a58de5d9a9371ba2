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

// A byHand is a service of which we make an operation or two. They are written by hand in AWS JSON 1.1: the SDK's clients
// would make the program more than a MiB larger each. Nothing is retried.
type byHand struct {
	id     string // in errors
	name   string // in the endpoint and the signature
	target string // before the operation's name in a header
}

// invoke makes one signed request of AWS JSON 1.1. Its errors are as the SDK's.
func (b byHand) invoke(ctx context.Context, cfg aws.Config, op string, in, out any) (err error) {
	defer func() {
		if err != nil {
			err = &smithy.OperationError{ServiceID: b.id, OperationName: op, Err: err}
		}
	}()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	endpoint := "https://" + b.name + "." + cfg.Region + ".amazonaws.com/"
	if Partition(cfg.Region) == "aws-cn" {
		endpoint = "https://" + b.name + "." + cfg.Region + ".amazonaws.com.cn/"
	}
	if cfg.BaseEndpoint != nil {
		endpoint = strings.TrimSuffix(*cfg.BaseEndpoint, "/") + "/"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", b.target+"."+op)
	who, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("get credentials: %w", err)
	}
	digest := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, who, r, hex.EncodeToString(digest[:]), b.name, cfg.Region, time.Now()); err != nil {
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
