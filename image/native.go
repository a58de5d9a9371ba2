package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fargatectl/fargatectl/image/native"
)

// nativeTool is what Built.Tool says of an image that was built without an engine.
const nativeTool = "native"

// epochVariable is the time of everything in an image: https://reproducible-builds.org/specs/source-date-epoch/
const epochVariable = "SOURCE_DATE_EPOCH"

// native says what to build, for the builder that needs no engine.
func (s Spec) native(c *buildContext) (native.Options, error) {
	var text []byte
	err := c.open(c.dockerfile, func(f io.Reader) (err error) {
		text, err = io.ReadAll(io.LimitReader(f, maxDockerfile))
		return err
	})
	if err != nil {
		return native.Options{}, err
	}
	return native.Options{
		Dockerfile: text, Name: c.dockerfile, Target: s.Target, Args: s.nativeArgs(), Platform: s.platform(), Context: nativeContext{c},
		Base: s.pull, Fetch: s.fetch, Absent: c.absent,
	}, nil
}

// nativeArgs are the build arguments; SOURCE_DATE_EPOCH of the environment is one, as with buildx.
func (s Spec) nativeArgs() map[string]string {
	args := map[string]string{}
	if epoch := os.Getenv(epochVariable); epoch != "" {
		args[epochVariable] = epoch
	}
	maps.Copy(args, s.Args)
	return args
}

// buildDockerfile builds without an engine wherever that can be done: it takes tenths of a second, gives the same digest
// everywhere, and testdata/dockerfiles shows that it makes what BuildKit makes. What needs a container, or a base that only
// an engine has, goes to the first engine that answers. A build that fails never goes on to the next.
func (s Spec) buildDockerfile(ctx context.Context, b *Built, say func(string)) error {
	var unable error
	var base *baseError
	if s.Builder == "" || s.Builder == "auto" || s.Builder == nativeTool {
		unable = s.each(b, func(s Spec, b *Built) error { return s.buildNative(ctx, b, say) })
		var refused *native.Refusal
		switch {
		case unable == nil || !errors.As(unable, &refused) && !errors.As(unable, &base):
			return unable
		case s.Builder == nativeTool:
			return onlyNative(unable)
		}
	}
	e, err := s.engine(ctx)
	var none *NoBuilderError
	if errors.As(err, &none) && unable != nil {
		none.Missing = append([]Missing{{nativeTool, unable.Error()}}, none.Missing...)
	}
	if err != nil {
		return err
	}
	if base != nil { // an instruction that takes an engine needs no word: a base that does not come does
		say("not without an engine: " + unable.Error())
	}
	return s.buildWith(ctx, e, b, say)
}

// A baseError is a base image that can't be had from a registry. An engine may have it.
type baseError struct{ error }

func (e *baseError) Unwrap() error { return e.error }

// buildNative builds without an engine. What it can't do is a *native.Refusal or a *baseError.
func (s Spec) buildNative(ctx context.Context, b *Built, say func(string)) error {
	c, err := s.openContext()
	if err != nil {
		return err
	}
	defer c.close() // opened for reading
	o, err := s.native(c)
	if err == nil {
		err = native.Check(o)
	}
	if err != nil {
		return err
	}
	o.Dir, o.Say = b.dir, say
	say("build " + s.Dockerfile + " for " + s.platform().String() + " without an engine")
	if b.Image, err = native.Build(ctx, o); err != nil {
		return err
	}
	b.Tool, b.Route = nativeTool, nativeTool
	return nil
}

// nativeContext is a context as COPY sees it: the Dockerfile is a file like any other.
type nativeContext struct{ c *buildContext }

// Walk visits what is not ignored. Modes are those that are hashed.
func (n nativeContext) Walk(visit func(native.Entry) error) error {
	strict := *n.c
	strict.strict = true
	return strict.walk(func(e entry) error {
		return visit(native.Entry{Name: e.name, Mode: e.info.Mode() &^ 0o020, Size: e.info.Size(), Link: e.link})
	})
}

// Open opens a file of the context.
func (n nativeContext) Open(name string) (io.ReadCloser, error) {
	f, err := n.c.file(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	return f, nil
}

// pull gives a base image for a platform; an index that has none for it is an error.
func (s Spec) pull(ctx context.Context, base string, platform v1.Platform) (v1.Image, error) {
	if s.Offline {
		return nil, &baseError{&Error{
			What: fmt.Sprintf("base image %s lies in a registry, and the sandbox asks nothing outside", base),
			Ways: "FROM scratch, or run without --sandbox",
		}}
	}
	img, err := s.remote(ctx, base, platform)
	if err != nil {
		return nil, &baseError{err}
	}
	return img, nil
}

// fetch opens what ADD names by its URL.
func (s Spec) fetch(ctx context.Context, url string) (io.ReadCloser, error) {
	if s.Offline {
		return nil, &Error{What: url + " lies outside, and the sandbox asks nothing there", Ways: "COPY a file of the context, or run without --sandbox"}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s: %s", url, resp.Status), resp.Body.Close())
	}
	return resp.Body, nil
}
