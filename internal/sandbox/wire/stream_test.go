package wire

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// live answers StartLiveTail with two events and an error.
type live struct{ goOn chan struct{} }

func (l *live) StartLiveTail(_ context.Context, in *cloudwatchlogs.StartLiveTailInput) (*Stream, error) {
	if len(in.LogGroupIdentifiers) == 0 {
		return nil, &smithy.GenericAPIError{Code: "InvalidParameterException", Message: "none"}
	}
	return &Stream{Run: func(_ context.Context, send func(string, any) error) error {
		if err := send("sessionStart", &types.LiveTailSessionStart{LogGroupIdentifiers: in.LogGroupIdentifiers}); err != nil {
			return err
		}
		<-l.goOn
		if err := send("sessionUpdate", &types.LiveTailSessionUpdate{
			SessionMetadata: &types.LiveTailSessionMetadata{Sampled: true},
			SessionResults:  []types.LiveTailSessionLogEvent{{Message: new("one\n"), Timestamp: new(int64(17))}},
		}); err != nil {
			return err
		}
		return &smithy.GenericAPIError{Code: "SessionTimeoutException", Message: "three hours"}
	}}, nil
}

// The SDK gets each event as it is sent, then the error; an operation that fails at once answers as any other.
func TestStream(t *testing.T) {
	t.Parallel()
	l := &live{make(chan struct{})}
	cfg := config(serve(t, []Service{{"logs", l}}))
	cfg.APIOptions = append(cfg.APIOptions, func(st *middleware.Stack) error {
		return st.Initialize.Add(middleware.InitializeMiddlewareFunc("NoHostPrefix", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
		}), middleware.Before)
	})
	c := cloudwatchlogs.NewFromConfig(cfg)
	out, err := c.StartLiveTail(t.Context(), &cloudwatchlogs.StartLiveTailInput{LogGroupIdentifiers: []string{"arn"}})
	if err != nil {
		t.Fatal(err)
	}
	events := out.GetStream().Events()
	if e, ok := (<-events).(*types.StartLiveTailResponseStreamMemberSessionStart); !ok || e.Value.LogGroupIdentifiers[0] != "arn" {
		t.Errorf("%#v", e)
	}
	close(l.goOn) // the first came before the second was sent
	e, ok := (<-events).(*types.StartLiveTailResponseStreamMemberSessionUpdate)
	if !ok || !e.Value.SessionMetadata.Sampled || len(e.Value.SessionResults) != 1 || *e.Value.SessionResults[0].Message != "one\n" || *e.Value.SessionResults[0].Timestamp != 17 {
		t.Errorf("%#v", e)
	}
	if _, more := <-events; more {
		t.Error("a third event")
	}
	var timeout *types.SessionTimeoutException
	if err := out.GetStream().Close(); !errors.As(err, &timeout) || timeout.ErrorMessage() != "three hours" {
		t.Errorf("%v", err)
	}
	var api smithy.APIError
	if _, err := c.StartLiveTail(t.Context(), &cloudwatchlogs.StartLiveTailInput{LogGroupIdentifiers: []string{}}); !errors.As(err, &api) || api.ErrorCode() != "InvalidParameterException" {
		t.Error(err)
	}
}
