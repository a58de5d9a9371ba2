package steps

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/fargatectl/fargatectl/image"
)

// target is where a repository of this account's ECR is reached: there, or at the registry that stands in for it.
func (a *App) target(repository string) (to image.Target, err error) {
	to = image.Target{Ref: repository, Auth: a.login, Transport: a.Registry.Transport}
	if a.Registry.URL == "" {
		return to, nil
	}
	u, err := url.Parse(a.Registry.URL)
	if err != nil || u.Host == "" {
		return to, fmt.Errorf("registry URL %q: want http://HOST:PORT or https://HOST", a.Registry.URL)
	}
	_, name, _ := strings.Cut(repository, "/")
	to.Ref, to.Insecure = u.Host+strings.TrimSuffix(u.Path, "/")+"/"+name, u.Scheme == "http"
	return to, nil
}

// login is a fresh token of this region's ECR. It stays in this process.
func (a *App) login(ctx context.Context) (authn.Authenticator, error) { return a.token(ctx, a.Region) }

func (a *App) token(ctx context.Context, region string) (authn.Authenticator, error) {
	out, err := a.AWS.ECR.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{}, func(o *ecr.Options) { o.Region = region })
	if err != nil {
		return nil, err
	}
	data := first(out.AuthorizationData)
	if data == nil {
		return nil, errors.New("ECR gave no authorization token")
	}
	plain, err := base64.StdEncoding.DecodeString(val(data.AuthorizationToken))
	user, password, ok := strings.Cut(string(plain), ":")
	if err != nil || !ok {
		return nil, errors.New("ECR gave an authorization token that is none")
	}
	return &authn.Basic{Username: user, Password: password}, nil
}

// registryOfECR are the hosts of private registries: 123456789012.dkr.ecr.us-east-1.amazonaws.com and its forms for FIPS,
// China and both kinds of addresses. https://docs.aws.amazon.com/general/latest/gr/ecr.html
var registryOfECR = regexp.MustCompile(`^[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)$`)

// Keychain has the credentials for base images: a token of ECR for its registries, of this account and others, in the
// registry's region; for all others what `docker login` left on this machine. Nobody has to log in to ECR.
func (a *App) Keychain() authn.Keychain { return keychain{a} }

type keychain struct{ *App }

// Resolve is ResolveContext for who has no context.
func (k keychain) Resolve(r authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), r) //nolint:forbidigo // the interface has none, and who asks it knows the other one
}

// ResolveContext gives the credentials for a registry.
func (k keychain) ResolveContext(ctx context.Context, r authn.Resource) (authn.Authenticator, error) {
	if m := registryOfECR.FindStringSubmatch(r.RegistryStr()); m != nil {
		return k.token(ctx, m[1])
	}
	return authn.Resolve(ctx, authn.DefaultKeychain, r)
}

var _ authn.ContextKeychain = keychain{}
