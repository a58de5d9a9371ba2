package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// A Where is the account and region that a command works on, as the command line and the manifest name it.
type Where struct {
	Region   string // "" is what the environment or the profile says
	Fallback string // region of the manifest: before the profile's, behind the environment's
	Profile  string
	Endpoint string // another AWS-compatible endpoint; "" is what the environment says, or AWS
	Agent    string // "fargatectl/1.2.3"
}

// ErrNoRegion is a region that nobody names.
var ErrNoRegion = errors.New("no region is set")

// dial is how long a connection may take to stand; the SDK's own half minute would be three times that with its retries.
const dial = 5 * time.Second

// Load reads the usual configuration: environment, shared files, SSO, roles. It honours AWS_CA_BUNDLE, proxies and
// AWS_ENDPOINT_URL: the SDK does so only with a client that it can build upon.
func Load(ctx context.Context, w Where) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(time.Minute).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dial })),
		config.WithRetryer(Patient),
		config.WithLogger(logging.Nop{}), // what went wrong is in the error
		config.WithAppID(w.Agent),
	}
	if w.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(w.Profile))
	}
	if w.Region != "" {
		options = append(options, config.WithRegion(w.Region))
	}
	if w.Endpoint != "" {
		options = append(options, config.WithBaseEndpoint(w.Endpoint))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, err
	}
	if w.Region == "" && w.Fallback != "" && !regionFromEnvironment(cfg) {
		cfg.Region = w.Fallback
	}
	if cfg.Region == "" { // who has no credentials either is told that first
		return cfg, cmp.Or(retrieve(ctx, cfg), ErrNoRegion)
	}
	if cfg.BaseEndpoint != nil {
		cfg.APIOptions = append(cfg.APIOptions, noHostPrefix)
	}
	return cfg, nil
}

func regionFromEnvironment(cfg aws.Config) bool {
	for _, source := range cfg.ConfigSources {
		if env, ok := source.(config.EnvConfig); ok && env.Region != "" {
			return true
		}
	}
	return false
}

// noHostPrefix keeps operations such as StartLiveTail from putting a prefix before the host of a custom endpoint.
func noHostPrefix(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("NoHostPrefix", func(ctx context.Context, in middleware.InitializeInput,
		next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
	}), middleware.Before)
}

// An Identity is who calls.
type Identity struct{ Account, ARN string }

// WhoAmI resolves the credentials and asks AWS whose they are. Credentials that can't be had are a CredentialsError.
func WhoAmI(ctx context.Context, cfg aws.Config, c *Calls) (Identity, error) {
	if err := retrieve(ctx, cfg); err != nil {
		return Identity{}, err
	}
	patience, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := c.STS.GetCallerIdentity(patience, &sts.GetCallerIdentityInput{}, func(o *sts.Options) { o.Retryer = quick() })
	if err != nil {
		return Identity{}, err
	}
	return Identity{deref(out.Account), deref(out.Arn)}, nil
}

// retrieve has the chain find credentials. The instance metadata service, its last link, answers at once or never.
func retrieve(ctx context.Context, cfg aws.Config) error {
	patience, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if cfg.Credentials == nil {
		return &CredentialsError{errors.New("no provider")}
	}
	if _, err := cfg.Credentials.Retrieve(patience); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &CredentialsError{err}
	}
	return nil
}

// A CredentialsError is that there are no credentials, or that they can't be renewed.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string {
	if expired(e.Err) {
		return noSession
	}
	return "no AWS credentials"
}

func (e *CredentialsError) Unwrap() error { return e.Err }

// Hint says where credentials come from.
func (e *CredentialsError) Hint() string {
	if expired(e.Err) {
		return "run: aws sso login"
	}
	return "run aws configure or aws sso login, or try everything without an account: --sandbox"
}

// A WrongAccountError is that the manifest is for another account than the credentials.
type WrongAccountError struct{ Want, Have string }

func (e *WrongAccountError) Error() string {
	return fmt.Sprintf("the manifest is for account %s, the credentials are of %s", e.Want, e.Have)
}

// Hint says the way out.
func (e *WrongAccountError) Hint() string {
	return "choose the profile of that account: --profile NAME"
}

// In checks that the identity is in an account; "" is any.
func (i Identity) In(account string) error {
	if account == "" || account == i.Account {
		return nil
	}
	return &WrongAccountError{account, i.Account}
}
