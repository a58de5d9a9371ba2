package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// What a registry's failure means; errors.Is finds them behind the errors of Resolve, Config, Build and Push.
var (
	ErrUnreachable = errors.New("registry can't be reached") // no connection, no answer in time, overloaded
	ErrNotFound    = errors.New("not found")                 // no such repository, tag or digest
	ErrDenied      = errors.New("denied")                    // no credentials, expired ones, or no permission
	ErrTagTaken    = errors.New("tag exists with another digest")
)

// resolveTimeout bounds what a plan waits for somebody else's registry.
const resolveTimeout = 3 * time.Second

// Auth gives the credentials for a registry. It is called once a push, and again when the registry finds them expired.
type Auth func(context.Context) (authn.Authenticator, error)

// A Remote says how to ask a registry that holds somebody's image.
type Remote struct {
	Auth      Auth              // nil: what `docker login` left on this machine, else anonymous
	Transport http.RoundTripper // nil: the network, through the environment's proxy
	Platform  string            // linux/amd64 or linux/arm64: the image, or one of an index, must be for it; "" asks for none
	Insecure  bool              // plain http is allowed
}

// Resolve gives the digest ("sha256:…") that ref stands for now, within 3 s; a ref by digest is not asked for. Of an image
// for several platforms it is the index's digest, as the registry shows it. Errors: ErrUnreachable, ErrNotFound, ErrDenied.
func Resolve(ctx context.Context, ref string, o Remote) (string, error) {
	r, err := o.parse(ref)
	if err != nil {
		return "", err
	}
	if d, ok := r.(name.Digest); ok {
		return d.DigestStr(), nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, resolveTimeout, errTooSlow)
	defer cancel()
	opts, err := o.options(ctx, r)
	if err != nil {
		return "", explain("image "+ref, err)
	}
	// HEAD does not count against Docker Hub's pull limit, GET does; some registries answer only that.
	if o.Platform == "" {
		if d, err := remote.Head(r, opts...); err == nil {
			return d.Digest.String(), nil
		}
	}
	d, err := remote.Get(r, opts...)
	if err != nil {
		return "", explain("image "+ref, cause(ctx, err))
	}
	if err := o.fits(ref, d); err != nil {
		return "", err
	}
	return d.Digest.String(), nil
}

// Config reads the configuration (user, ports, health check, platform) of the image ref. Errors: as Resolve.
func Config(ctx context.Context, ref string, o Remote) (*v1.ConfigFile, error) {
	r, err := o.parse(ref)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 2*resolveTimeout, errTooSlow)
	defer cancel()
	opts, err := o.options(ctx, r)
	if err != nil {
		return nil, explain("image "+ref, err)
	}
	opts = append(opts, remote.WithPlatform(Spec{Platform: o.Platform}.platform()))
	img, err := remote.Image(r, opts...)
	if err != nil {
		return nil, explain("image "+ref, cause(ctx, err))
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return nil, explain("image "+ref, cause(ctx, err))
	}
	return cf, nil
}

func (o Remote) parse(ref string) (name.Reference, error) {
	var naming []name.Option
	if o.Insecure {
		naming = append(naming, name.Insecure)
	}
	r, err := name.ParseReference(ref, naming...)
	if err != nil {
		return nil, &Error{What: fmt.Sprintf("%q is not an image reference", ref), Ways: "HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:…", Err: err}
	}
	return r, nil
}

// options are those of a quick question: no retries, since a plan waits for the answer.
func (o Remote) options(ctx context.Context, r name.Reference) ([]remote.Option, error) {
	get := o.Auth
	if get == nil {
		get = func(ctx context.Context) (authn.Authenticator, error) {
			return authn.Resolve(ctx, authn.DefaultKeychain, r.Context())
		}
	}
	auth, err := get(ctx)
	if err != nil {
		return nil, err
	}
	opts := []remote.Option{remote.WithContext(ctx), remote.WithAuth(auth), remote.WithRetryBackoff(remote.Backoff{Steps: 1})}
	if o.Transport != nil {
		opts = append(opts, remote.WithTransport(o.Transport))
	}
	return opts, nil
}

// Fits refuses the image ref when it is surely none for o.Platform: tasks would not start. Where nobody can be asked, or not
// in 3 s, it says nothing.
func Fits(ctx context.Context, ref string, o Remote) error {
	r, err := o.parse(ref)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, resolveTimeout, errTooSlow)
	defer cancel()
	opts, err := o.options(ctx, r)
	if err != nil {
		return nil
	}
	d, err := remote.Get(r, opts...)
	if err != nil {
		return nil
	}
	return o.fits(ref, d)
}

// fits holds an index, or the configuration of an image, against the platform.
func (o Remote) fits(ref string, d *remote.Descriptor) error {
	if o.Platform == "" {
		return nil
	}
	var wrong error
	if d.MediaType.IsIndex() {
		index, err := d.ImageIndex()
		if err != nil {
			return err
		}
		wrong = offers(index, o.Platform)
	} else if img, err := d.Image(); err == nil {
		cf, err := img.ConfigFile()
		if err != nil || cf.Architecture == "" {
			return nil //nolint:nilerr // ECS pulls it, or says why not
		}
		if is := cf.OS + "/" + cf.Architecture; is != o.Platform {
			wrong = fmt.Errorf("it is %s, the service runs on %s", is, o.Platform)
		}
	}
	if wrong == nil {
		return nil
	}
	return &Error{
		What: "image " + ref, Err: wrong,
		Ways: fmt.Sprintf("build it for %s (`docker buildx build --platform %s`), or set the service's `architecture: %s`", o.Platform, o.Platform, otherArchitecture(o.Platform)),
	}
}

// otherArchitecture is ECS's word for the architecture that a platform is not.
func otherArchitecture(platform string) string {
	if platform == "linux/arm64" {
		return "X86_64"
	}
	return "ARM64"
}

// offers tells whether an index has an image for the platform.
func offers(index v1.ImageIndex, platform string) error {
	m, err := index.IndexManifest()
	if err != nil {
		return err
	}
	want := Spec{Platform: platform}.platform()
	var has []string
	for _, d := range m.Manifests {
		if d.Platform == nil || d.Platform.Satisfies(want) {
			return nil
		}
		if d.Platform.OS != "unknown" { // an attestation
			has = append(has, d.Platform.String())
		}
	}
	slices.Sort(has)
	return fmt.Errorf("there is none for %s, only for %s", platform, strings.Join(has, ", "))
}

// errTooSlow is the cause of a context that ended because a registry took too long, not because somebody gave up.
var errTooSlow = errors.New("no answer in time")

// cause replaces the error of a context that ended by the reason why it did.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}

// An answer is a registry's failure in one line, with its meaning and the whole error behind it.
type answer struct {
	kind, err error
	text      string
}

func (a *answer) Error() string {
	if a.text == "" {
		return a.kind.Error()
	}
	return a.kind.Error() + ": " + a.text
}

func (a *answer) Unwrap() []error { return []error{a.kind, a.err} }

// explain gives what a registry or the way to it did wrong its meaning and one line.
func explain(what string, err error) error {
	var te *transport.Error
	var ue *url.Error
	switch {
	case errors.As(err, &te):
		return explainAnswer(what, te, err)
	case errors.Is(err, errTooSlow):
		return &Error{What: what, Err: &answer{ErrUnreachable, err, errTooSlow.Error()}}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", what, err)
	case errors.As(err, &ue):
		return &Error{What: what, Err: &answer{ErrUnreachable, err, ue.Err.Error()}, Ways: "check the network, the proxy and the registry's name; --registry-url names that of another endpoint"}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// explainAnswer reads the code of an answer (OCI distribution specification, "Error Codes"), else its status.
func explainAnswer(what string, te *transport.Error, err error) error {
	code, text := transport.ErrorCode(""), fmt.Sprintf("%d %s", te.StatusCode, http.StatusText(te.StatusCode))
	if len(te.Errors) > 0 {
		code, text = te.Errors[0].Code, strings.TrimSpace(te.Errors[0].Message)
	}
	e := &Error{What: what}
	kind := error(nil)
	switch {
	case code == transport.TagInvalidErrorCode || strings.Contains(text, "immutable"):
		kind, e.Ways = ErrTagTaken, "the repository's tags are immutable: push under a new tag"
	case code == transport.DeniedErrorCode || te.StatusCode == http.StatusForbidden:
		kind, e.Ways = ErrDenied, "the credentials in use need the permission for this repository"
	case code == transport.UnauthorizedErrorCode || te.StatusCode == http.StatusUnauthorized:
		kind, e.Ways = ErrDenied, "the registry wants (other) credentials; Docker Hub says so, too, of what does not exist"
	case te.StatusCode == http.StatusNotFound:
		kind, e.Ways = ErrNotFound, "check the host, the repository's name and the tag"
	case te.StatusCode == http.StatusTooManyRequests || te.StatusCode >= 500:
		kind = ErrUnreachable
	default:
		e.Err = &answer{errors.New("registry refused"), err, strings.TrimSpace(string(code) + " " + text)}
		return e
	}
	e.Err = &answer{kind, err, text}
	return e
}

// Valid refuses a reference that can't be one; "" is none.
func Valid(ref string) error {
	if ref == "" {
		return nil
	}
	if _, err := name.ParseReference(ref); err != nil {
		return fmt.Errorf("%q is no image reference: REPOSITORY:TAG or REPOSITORY@sha256:DIGEST", ref)
	}
	return nil
}
