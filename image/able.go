package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/fargatectl/fargatectl/image/dockerfile"
	"github.com/fargatectl/fargatectl/image/native"
)

// Buildable says whether somebody here builds the Dockerfile, as far as that is known before it is tried: nil, or an error that
// says what is missing. It asks the engines, within 3 s, where one is needed. All else than a Dockerfile is nil.
func (s Spec) Buildable(ctx context.Context) error {
	if s.Dockerfile == "" || s.check() != nil {
		return nil //nolint:nilerr // the build reports it
	}
	unable := error(nil)
	if s.Builder == "" || s.Builder == "auto" || s.Builder == nativeTool {
		if unable = s.refused(); unable == nil {
			return nil
		}
		if s.Builder == nativeTool {
			return onlyNative(unable)
		}
	}
	_, err := s.engine(ctx)
	if none, ok := errors.AsType[*NoBuilderError](err); ok && unable != nil {
		none.Missing = append([]Missing{{nativeTool, unable.Error()}}, none.Missing...)
	}
	return err
}

// refused is what the Dockerfile holds that takes an engine; nil is nothing, or a mistake that the build reports.
func (s Spec) refused() error {
	c, err := s.openContext()
	if err != nil {
		return nil
	}
	defer c.close() // opened for reading
	o, err := s.native(c)
	if err == nil {
		err = native.Check(o)
	}
	if refusal, ok := errors.AsType[*native.Refusal](err); ok {
		return refusal
	}
	return nil
}

// onlyNative is the error of a build that may have no engine.
func onlyNative(why error) error {
	return &Error{What: why.Error(), Ways: "leave --builder to `auto`, with Docker or podman running; or build elsewhere and pass --image REPOSITORY@sha256:…"}
}

// lacks says what of the build an engine that answers can't do, "" for nothing: the legacy builder of Docker without buildx knows
// nothing that came with BuildKit, and podman and buildah keep their cache in repositories of a registry only.
func (e *Engine) lacks(s Spec) string {
	switch e.kind.(type) {
	case docker:
		if what := s.needsBuildKit(); what != "" && !e.buildx && !e.embedded {
			return "has no buildx plugin, and " + what + " needs BuildKit (install docker-buildx)"
		}
	case podman:
		for _, where := range slices.Concat(s.Pass.CacheFrom, s.Pass.CacheTo) {
			if _, err := cacheRepository(where); err != nil {
				return fmt.Sprintf("keeps its cache in a registry alone: type=registry,ref=REPOSITORY, not %s", where)
			}
		}
	}
	return ""
}

// needsBuildKit is what of the build the legacy builder does not know: "Dockerfile:3 RUN --mount"; "" where it knows all.
func (s Spec) needsBuildKit() string {
	if flags := s.Pass.flags(); len(flags) > 0 {
		return flags[0]
	}
	c, err := s.openContext()
	if err != nil {
		return ""
	}
	defer c.close() // opened for reading
	var text []byte
	if c.open(c.dockerfile, func(f io.Reader) (err error) { text, err = io.ReadAll(f); return err }) != nil {
		return ""
	}
	f, err := dockerfile.Parse(string(text))
	if err != nil {
		return ""
	}
	for _, st := range f.Stages {
		for _, i := range st.Instructions {
			if what := modern(i); what != "" {
				return fmt.Sprintf("%s:%d %s", s.Dockerfile, i.Line, what)
			}
		}
	}
	return ""
}

// modern is what of an instruction came with BuildKit.
func modern(i *dockerfile.Instruction) string {
	for _, f := range i.Flags {
		if i.Name == "RUN" || (i.Name == "COPY" || i.Name == "ADD") && f.Name != "from" && f.Name != "chown" {
			return i.Name + " --" + f.Name
		}
	}
	if len(i.Docs) > 0 {
		return i.Name + " <<" + i.Docs[0].Name
	}
	return ""
}

// cacheRepository is the repository that podman takes a cache from: of "type=registry,ref=HOST/NAME:TAG" HOST/NAME, since it
// names what it keeps by itself (podman-build(1), --cache-from).
func cacheRepository(where string) (string, error) {
	ref, kind := where, "registry"
	if strings.Contains(where, "=") {
		ref = ""
		for field := range strings.SplitSeq(where, ",") {
			switch key, value, _ := strings.Cut(field, "="); key {
			case "type":
				kind = value
			case "ref":
				ref = value
			}
		}
	}
	if kind != "registry" || ref == "" {
		return "", errors.New("not in a registry")
	}
	r, err := name.ParseReference(ref)
	if err != nil {
		return "", err
	}
	return r.Context().Name(), nil
}

// hushed are lines of builders about what fargatectl itself does, and the user can't change: that BuildKit is switched off where
// its plugin is missing, and arguments that every build is given.
var hushed = regexp.MustCompile(`^DEPRECATED: The legacy builder is deprecated|^ +BuildKit is currently disabled; enable it by removing|^ +environment-variable\.$|` +
	`build args were not consumed: \[(TARGET\w+ ?)+\]$`)
