package aws

import (
	"errors"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// Patient retries reads, and writes that can be repeated: ten attempts, at most 20 s apart, on throttles, cut
// connections and server errors. The SDK's own budget of retries, which hides the error that used it up, is not taken.
func Patient() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 10, 20*time.Second, ratelimit.None
	})
}

// Once is for a create that has neither a client token nor a unique name (VPC, internet gateway, address, task
// definition): only a throttle is retried, since after any other failure the thing may be there, and a second one would
// be made. The next run finds it by its tags. Use: func(o *ec2.Options) { o.Retryer = aws.Once() }.
func Once() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 10, 20*time.Second, ratelimit.None
		o.Retryables = []retry.IsErrorRetryable{retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes}}
	})
}

// quick is for the first call, and for those that an endpoint may lack: who waits is told soon. An endpoint that can't
// be reached at all is not asked again.
func quick() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff = 3, 2*time.Second
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(undialed)}, o.Retryables...)
	})
}

func undialed(err error) aws.Ternary {
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}
