package aws

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"
)

// A Kind is what sort of failure an error of AWS is.
type Kind int

// The kinds. Other is everything that needs no word of ours.
const (
	Other Kind = iota
	Credentials
	Denied
	Quota
	Throttled
	Unreachable
	NotServed
)

// A Meaning is an error as a person needs it.
type Meaning struct {
	Kind    Kind
	Message string // "" keeps the error's own
	Hint    string
}

// meanings of error codes, of all services. Codes of AWS's "Common errors" and of the services' references.
var meanings = map[string]Meaning{
	"ExpiredToken":                {Credentials, "the AWS credentials have expired", "run aws sso login, or get new credentials, and run the same command again"},
	"ExpiredTokenException":       {Credentials, "the AWS credentials have expired", "run aws sso login, or get new credentials, and run the same command again"},
	"RequestExpired":              {Credentials, "the AWS credentials have expired, or the clock is wrong", "get new credentials; check the clock of this machine"},
	"InvalidClientTokenId":        {Credentials, "AWS does not know these credentials, or the region is not enabled in the account", "check the profile and the region: aws sts get-caller-identity"},
	"UnrecognizedClientException": {Credentials, "AWS does not know these credentials, or the region is not enabled in the account", "check the profile and the region: aws sts get-caller-identity"},
	"AuthFailure":                 {Credentials, "AWS does not know these credentials, or the region is not enabled in the account", "check the profile and the region: aws sts get-caller-identity"},
	"SignatureDoesNotMatch":       {Credentials, "the secret access key does not fit the access key", "check the profile: aws configure list"},
	"OptInRequired":               {Credentials, "the account is not signed up for this service or region", "enable the region in the account's settings"},
	"AccessDenied":                {Denied, "", ""},
	"AccessDeniedException":       {Denied, "", ""},
	"UnauthorizedOperation":       {Denied, "", ""},
	"NotAuthorized":               {Denied, "", ""},

	"VpcLimitExceeded":             {Quota, "", "delete a VPC that nothing uses, adopt one (vpc: id), or raise quota L-F678F1CE (VPCs per Region): https://console.aws.amazon.com/servicequotas"},
	"AddressLimitExceeded":         {Quota, "", "release an Elastic IP address that nothing uses, or raise quota L-0263D0A3 (EC2-VPC Elastic IPs): https://console.aws.amazon.com/servicequotas"},
	"InternetGatewayLimitExceeded": {Quota, "", "delete an internet gateway that nothing uses, or raise quota L-A4707A72: https://console.aws.amazon.com/servicequotas"},
	"NatGatewayLimitExceeded":      {Quota, "", "delete a NAT gateway that nothing uses, or raise quota L-FE5A380F: https://console.aws.amazon.com/servicequotas"},
	"SubnetLimitExceeded":          {Quota, "", "raise quota L-407747CB (Subnets per VPC): https://console.aws.amazon.com/servicequotas"},
	"TooManyLoadBalancers":         {Quota, "", "delete a load balancer that nothing uses, or raise quota L-53DA6B97: https://console.aws.amazon.com/servicequotas"},
	"TooManyTargetGroups":          {Quota, "", "delete a target group that nothing uses, or raise quota L-B22855CB: https://console.aws.amazon.com/servicequotas"},
	"LimitExceeded":                {Quota, "", "delete what nothing uses, or raise the quota: https://console.aws.amazon.com/servicequotas"},
	"LimitExceededException":       {Quota, "", "delete what nothing uses, or raise the quota: https://console.aws.amazon.com/servicequotas"},

	"ImageNotFoundException": {Other, "", "fargatectl images list, or aws ecr list-images, shows those that are there"},

	"Throttling":               {Throttled, "", "AWS asks for slower calls; run the same command again in a minute"},
	"ThrottlingException":      {Throttled, "", "AWS asks for slower calls; run the same command again in a minute"},
	"TooManyRequestsException": {Throttled, "", "AWS asks for slower calls; run the same command again in a minute"},
	"RequestLimitExceeded":     {Throttled, "", "AWS asks for slower calls; run the same command again in a minute"},

	"UnknownOperationException": {NotServed, "", "this endpoint does not serve that operation: see --endpoint-url"},
	"UnknownOperation":          {NotServed, "", "this endpoint does not serve that operation: see --endpoint-url"},
	"InvalidAction":             {NotServed, "", "this endpoint does not serve that operation: see --endpoint-url"},
	"NotImplemented":            {NotServed, "", "this endpoint does not serve that operation: see --endpoint-url"},
}

// Explain says what an error means and what to do about it.
func Explain(err error) Meaning {
	var (
		noCredentials *CredentialsError
		wrong         *WrongAccountError
		noProfile     config.SharedConfigProfileNotExistError
	)
	switch {
	case err == nil:
		return Meaning{}
	case errors.As(err, &noCredentials), errors.As(err, &wrong):
		return Meaning{Kind: Credentials}
	case errors.As(err, &noProfile):
		return Meaning{Credentials, fmt.Sprintf("there is no profile %q", noProfile.Profile), "aws configure list-profiles shows those there are"}
	case errors.Is(err, ErrNoRegion):
		return Meaning{Hint: "name one: --region us-east-1, AWS_REGION, or region: in the manifest"}
	case expired(err):
		return Meaning{Credentials, noSession, "run: aws sso login"}
	case strings.Contains(err.Error(), "get credentials: "): // the SDK has no type for it
		return Meaning{Credentials, "the AWS credentials can't be renewed", "run aws sso login, or get new credentials, and run the same command again"}
	}
	if code := Code(err); code != "" {
		m := meanings[code]
		if m.Kind == Denied {
			m.Message, m.Hint = denied(err)
		}
		return m
	}
	return unreachable(err)
}

// noSession is what is said of an SSO session that is over, or was never begun.
const noSession = "the AWS SSO session has expired, or there is none"

// expired says whether an SSO session is over: its token can't be renewed without the person. For the token of a profile
// with an sso-session that is expired, or not there, the SDK has no type.
func expired(err error) bool {
	var token *ssocreds.InvalidTokenError
	return errors.As(err, &token) || Is(err, "InvalidGrantException", "UnauthorizedException") ||
		err != nil && (strings.Contains(err.Error(), "SSO session has expired") || strings.Contains(err.Error(), "cached SSO token"))
}

// action finds the action and the resource in the sentence of an access error: "User: … is not authorized to perform:
// ecs:CreateCluster on resource: arn:… because no identity-based policy allows the ecs:CreateCluster action".
var action = regexp.MustCompile(`not authorized to perform:? ([\w-]+:\w+)(?: on resource: (\S+))?`)

// prefixes are how IAM calls the services whose actions are not called as the SDK calls the service.
var prefixes = map[string]string{
	"Elastic Load Balancing v2": "elasticloadbalancing", "CloudWatch Logs": "logs", "Application Auto Scaling": "application-autoscaling",
	"Secrets Manager": "secretsmanager", "Resource Groups Tagging API": "tag", "Route 53": "route53",
}

// actionOf is the action of a call whose error does not name it.
func actionOf(op *smithy.OperationError) string {
	return cmp.Or(prefixes[op.Service()], strings.ToLower(op.Service())) + ":" + op.Operation()
}

func denied(err error) (message, hint string) {
	op := (*smithy.OperationError)(nil)
	api := smithy.APIError(nil)
	errors.As(err, &api)
	message, hint = api.ErrorMessage(), "ask for this permission"
	if found := action.FindStringSubmatch(message); found != nil {
		if message = "not authorized to perform " + found[1]; found[2] != "" {
			message += " on " + found[2]
		}
		hint = "allow the action " + found[1] + " to who runs this"
	} else if errors.As(err, &op) {
		message = "not authorized to perform " + actionOf(op)
		hint = "allow the action " + actionOf(op) + " to who runs this"
	}
	for phrase, who := range map[string]string{
		"service control policy": "a service control policy of the organization denies it: ask who runs the organization",
		"permissions boundary":   "a permissions boundary denies it: ask who set it",
	} {
		if strings.Contains(api.ErrorMessage(), phrase) {
			hint = who
		}
	}
	return message, hint
}

// unreachable explains an error of the network, or an answer that is not AWS's.
func unreachable(err error) Meaning {
	var (
		dns  *net.DNSError
		op   *net.OpError
		link *url.Error
		cert *tls.CertificateVerificationError
		resp *awshttp.ResponseError
	)
	at := "AWS"
	if call := (*smithy.OperationError)(nil); errors.As(err, &call) {
		at = call.Service()
	}
	if errors.As(err, &link) {
		if u, bad := url.Parse(link.URL); bad == nil {
			at = u.Host
		}
	}
	const check = "check the network, the proxy and --endpoint-url"
	switch {
	case errors.Is(err, context.Canceled):
		return Meaning{Message: "stopped"}
	case errors.As(err, &dns):
		return Meaning{Unreachable, "the name of " + dns.Name + " can't be resolved", "check the network, the region and --endpoint-url"}
	case errors.As(err, &cert):
		return Meaning{Unreachable, at + " has a certificate that is not trusted: " + cert.Err.Error(), "name the authority of your proxy or endpoint: AWS_CA_BUNDLE=FILE"}
	case errors.As(err, &op) && op.Op == "dial":
		return Meaning{Unreachable, at + " can't be reached: " + op.Err.Error(), check}
	case errors.As(err, &resp) && resp.HTTPStatusCode() > 0:
		return Meaning{Unreachable, fmt.Sprintf("the answer is none of AWS's: HTTP %d", resp.HTTPStatusCode()), check}
	case errors.Is(err, context.DeadlineExceeded):
		return Meaning{Unreachable, "no answer from " + at + " in time", check}
	case link != nil:
		return Meaning{Unreachable, "no answer from " + at + ": " + link.Err.Error(), check}
	}
	return Meaning{}
}

// Brief is an error's text with what AWS said in it, without the SDK's frame of status codes and request ids.
func Brief(err error) string {
	var core error
	op, link := (*smithy.OperationError)(nil), (*url.Error)(nil)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &op):
		core = op
	case errors.As(err, &link):
		core = link
	default:
		core = err
	}
	short := Explain(core).Message
	if api := smithy.APIError(nil); op != nil && short == "" && errors.As(op, &api) {
		short = fmt.Sprintf("%s: %s (%s %s)", api.ErrorCode(), strings.TrimSpace(api.ErrorMessage()), op.Service(), op.Operation())
	}
	if short == "" && op != nil { // the innermost error is what happened
		inner := error(op)
		for next := errors.Unwrap(inner); next != nil; next = errors.Unwrap(next) {
			inner = next
		}
		short = fmt.Sprintf("%s (%s %s)", inner, op.Service(), op.Operation())
	}
	if short == "" {
		return err.Error()
	}
	return strings.Replace(err.Error(), core.Error(), short, 1)
}

// DeniedAction is the action that an error says is not allowed, "ecs:CreateCluster", "" for any other error.
func DeniedAction(err error) string {
	if Explain(err).Kind != Denied {
		return ""
	}
	if found := action.FindStringSubmatch(err.Error()); found != nil {
		return found[1]
	}
	if op := (*smithy.OperationError)(nil); errors.As(err, &op) {
		return actionOf(op)
	}
	return ""
}
