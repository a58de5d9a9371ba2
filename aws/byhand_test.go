package aws_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/fargatectl/fargatectl/aws"
)

// TestByHand holds the operations that are written by hand: what is sent, signed how, and what errors say.
func TestByHand(t *testing.T) {
	t.Parallel()
	var sent []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent = append(sent, r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Amz-Target")+" "+r.Header.Get("Content-Type")+" "+string(body))
		switch {
		case strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/kms/aws4_request"):
			_, _ = io.WriteString(w, `{"KeyId":"arn","Plaintext":"cGxhaW4=","CiphertextBlob":"c2VhbGVk"}`)
		case !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/ssm/aws4_request"):
			w.WriteHeader(http.StatusForbidden)
		case strings.Contains(string(body), "gone"):
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.ssm#TargetNotConnected","message":"gone is not connected."}`)
		case strings.Contains(string(body), "denied"):
			w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException:http://internal.amazon.com/")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"Message":"User: me is not authorized to perform: ssm:StartSession on resource: x"}`)
		default:
			_, _ = io.WriteString(w, `{"SessionId":"s-1","StreamUrl":"wss://x","TokenValue":"secret"}`)
		}
	}))
	defer srv.Close()
	c := aws.Connect(awssdk.Config{Region: "eu-west-1", BaseEndpoint: &srv.URL, HTTPClient: srv.Client(), Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "")})
	out, err := c.SSM.StartSession(t.Context(), &aws.StartSessionInput{Target: "ecs:c_1_1-2", DocumentName: "AWS-StartPortForwardingSession", Parameters: map[string][]string{"portNumber": {"80"}}})
	if err != nil || *out != (aws.StartSessionOutput{SessionID: "s-1", StreamURL: "wss://x", TokenValue: "secret"}) {
		t.Errorf("%+v %v", out, err)
	}
	if _, err := c.SSM.TerminateSession(t.Context(), &aws.TerminateSessionInput{SessionID: "s-1"}); err != nil {
		t.Error(err)
	}
	if _, err := c.SSM.StartSession(t.Context(), &aws.StartSessionInput{Target: "gone"}); aws.Code(err) != "TargetNotConnected" || aws.Brief(err) != "TargetNotConnected: gone is not connected. (SSM StartSession)" {
		t.Errorf("%v: %s", err, aws.Brief(err))
	}
	if _, err := c.SSM.StartSession(t.Context(), &aws.StartSessionInput{Target: "denied"}); aws.Explain(err).Kind != aws.Denied || aws.DeniedAction(err) != "ssm:StartSession" {
		t.Errorf("%v: %+v", err, aws.Explain(err))
	}
	key, err := c.KMS.GenerateDataKey(t.Context(), &aws.GenerateDataKeyInput{KeyID: "alias/x", NumberOfBytes: 64, EncryptionContext: map[string]string{"a": "b"}})
	if err != nil || key.KeyID != "arn" || string(key.Plaintext) != "plain" || string(key.CiphertextBlob) != "sealed" {
		t.Errorf("%+v %v", key, err)
	}
	want := []string{
		`POST / AmazonSSM.StartSession application/x-amz-json-1.1 {"Target":"ecs:c_1_1-2","DocumentName":"AWS-StartPortForwardingSession","Parameters":{"portNumber":["80"]}}`,
		`POST / AmazonSSM.TerminateSession application/x-amz-json-1.1 {"SessionId":"s-1"}`,
	}
	if sent[0] != want[0] || sent[1] != want[1] || sent[len(sent)-1] != `POST / TrentService.GenerateDataKey application/x-amz-json-1.1 {"KeyId":"alias/x","NumberOfBytes":64,"EncryptionContext":{"a":"b"}}` {
		t.Errorf("sent\n%s", strings.Join(sent, "\n"))
	}
}
