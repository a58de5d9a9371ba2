package image

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/fargatectl/fargatectl/image/native"
)

// remote is an image for a platform in a registry, to build on. Its layers are read when they are needed: never, where the
// destination has them or takes them over from another repository of its own.
func (s Spec) remote(ctx context.Context, base string, platform v1.Platform) (v1.Image, error) {
	ref, err := s.mirrored(base)
	if err != nil {
		return nil, err
	}
	keys := s.Keychain
	if keys == nil {
		keys = authn.DefaultKeychain
	}
	opts := []remote.Option{remote.WithContext(ctx), remote.WithPlatform(platform), remote.WithAuthFromKeychain(keys)}
	if s.Transport != nil {
		opts = append(opts, remote.WithTransport(s.Transport))
	}
	what := "base image " + base
	if at := ref.Name(); s.Mirror != "" && strings.HasPrefix(at, s.Mirror) {
		what += " at " + at
	}
	img, err := remote.Image(ref, opts...)
	if err != nil {
		return nil, explain(what, cause(ctx, err))
	}
	return img, nil
}

// mirrored is a reference as it is asked for: one of Docker Hub goes to the mirror, which has its official images below
// library/, as Docker Hub itself.
func (s Spec) mirrored(base string) (name.Reference, error) {
	ref, err := name.ParseReference(base)
	if err != nil {
		return nil, &Error{What: fmt.Sprintf("base image %q is not a reference", base), Err: err}
	}
	if s.Mirror == "" || ref.Context().RegistryStr() != name.DefaultRegistry {
		return ref, nil
	}
	sep := ":"
	if _, ok := ref.(name.Digest); ok {
		sep = "@"
	}
	at := strings.TrimSuffix(s.Mirror, "/") + "/" + ref.Context().RepositoryStr() + sep + ref.Identifier()
	if ref, err = name.ParseReference(at); err != nil {
		return nil, &Error{What: fmt.Sprintf("the mirror %s has no place for %s", s.Mirror, base), Err: err}
	}
	return ref, nil
}

// contexts are what BuildKit is to take in place of the images of Docker Hub: "NAME=docker-image://MIRROR/…", by the names
// that the Dockerfile has. Other engines have no word for that.
func (s Spec) contexts(c *buildContext, e *Engine) (all []string, err error) {
	if s.Mirror == "" {
		return nil, nil
	}
	if !e.buildx {
		return nil, &Error{
			What: fmt.Sprintf("%s %s takes base images from where the Dockerfile says, and base_mirror is %s", e.Name, e.Version, s.Mirror),
			Ways: "build with docker's buildx; or write the mirror into FROM, and leave base_mirror out",
		}
	}
	o, err := s.native(c)
	if err != nil {
		return nil, err
	}
	bases, err := native.Bases(o)
	if err != nil {
		return nil, &Error{What: "base_mirror", Err: err, Ways: "write the mirror into FROM, and leave base_mirror out"}
	}
	for _, b := range bases {
		ref, err := name.ParseReference(b)
		if err != nil || ref.Context().RegistryStr() != name.DefaultRegistry {
			continue // the engine says what is wrong with it
		}
		at, err := s.mirrored(b)
		if err != nil {
			return nil, err
		}
		all = append(all, b+"=docker-image://"+at.Name())
	}
	return all, nil
}
