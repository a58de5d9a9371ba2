package steps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/image"
)

// Image is what the service runs: built here and pushed under a tag that is the hash of its inputs, so that what has not
// changed is not built again; or one that exists, as it is given. It is deployed by digest.
type Image struct {
	*App
	ECR *ECR

	Ref deploy.Out[string] // "REPOSITORY@sha256:…"; a given reference by tag where nobody could be asked for its digest

	Asked     bool          // for what it says of itself: port and health check of the task definition follow it
	Fresh     bool          // look where a given tag points now, although it was deployed before
	Given     string        // the reference as it was given; "" for a build
	BuildTook time.Duration // of the build in this run
	Built     *image.Built  // in this run, nil when nothing was built; closed already
	Pushed    *image.Pushed // in this run

	spec   image.Spec
	tag    string // of the inputs
	broken error  // why it can't be built or found: no obstacle to a destroy
	nobody error  // why nobody here builds it, once that was asked
	note   string
	check  *types.HealthCheck // of the image; nil without one that can work
	told   bool               // check is not only foretold
	unseen bool               // whether it has a check that can work could not be found out
	ports  []int32            // that it exposes, once it is asked
	heard  []string           // notes about what it says
}

func (s *Image) Name() string { return "image" }

// Wanted is always true.
func (s *Image) Wanted() bool { return true }

// Reference is Ref, for the steps of a release.
func (s *Image) Reference() deploy.Out[string] { return s.Ref }

// Source is the reference as it was given, "" for a build.
func (s *Image) Source() string { return s.Given }

// Read finds out which image is wanted, by its tag whether it is in the repository, and what it says of itself.
func (s *Image) Read(ctx context.Context) error {
	err := s.find(ctx)
	if err == nil {
		s.hear(ctx)
	}
	return cmp.Or(err, ctx.Err())
}

func (s *Image) find(ctx context.Context) error {
	if s.Given = s.Options.Image; s.Given == "" {
		s.Given = s.Manifest.Service.Image
	}
	if s.Given != "" {
		return s.readGiven(ctx)
	}
	if s.spec, s.broken = s.wanted(ctx); s.broken == nil {
		s.tag, s.broken = s.spec.Tag(ctx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.broken != nil || s.ECR.Read(ctx) != nil { // which reports its error itself
		return nil //nolint:nilerr // Check reports it, when an image is needed
	}
	digest := s.ECR.images[s.tag]
	if digest == "" || s.Options.Rebuild {
		return nil
	}
	if len(s.spec.Also) > 0 { // the tag names an index
		if digest, s.broken = s.part(ctx, digest); s.broken != nil {
			return ctx.Err()
		}
	}
	s.Ref.Set(s.ECR.URI.Get() + "@" + digest)
	return nil
}

// Spec is what to build, without asking anybody; ok is false where an image is given.
func (s *Image) Spec(ctx context.Context) (spec image.Spec, ok bool, err error) {
	if s.Options.Image != "" || s.Manifest.Service.Image != "" {
		return spec, false, nil
	}
	spec, err = s.wanted(ctx)
	return spec, true, err
}

// Tag is the tag of the inputs, "" where an image is given.
func (s *Image) Tag() string { return s.tag }

// wanted is what to build.
func (s *Image) wanted(ctx context.Context) (spec image.Spec, err error) {
	dir, platforms := s.Manifest.Dir, ""
	if b := s.Manifest.Service.Build; b == nil {
		if spec, err = image.Detect(ctx, dir); err != nil {
			return spec, err
		}
	} else {
		dir = filepath.Join(dir, b.Context)
		spec = image.Spec{
			Dir: dir, Go: b.Go, Base: b.Base, Static: b.Static, Command: b.Command, Archive: b.Archive,
			Dockerfile: b.Dockerfile, Target: b.Target, Args: b.Args, Compression: b.Compression, Mirror: b.BaseMirror,
		}
		platforms = b.Platform
		if spec.Go == "" && spec.Static == "" && spec.Archive == "" && spec.Dockerfile == "" {
			spec.Dockerfile = "Dockerfile"
		}
	}
	if spec.Platform, spec.Also, err = s.platforms(cmp.Or(s.Options.Platform, platforms)); err != nil {
		return spec, err
	}
	spec.Compression = cmp.Or(s.Options.Compression, spec.Compression)
	if s.AWS != nil {
		spec.Keychain, spec.Transport = s.Keychain(), s.Registry.Transport
	}
	if file, err := filepath.Rel(dir, filepath.Join(s.Manifest.Dir, filepath.Base(s.Manifest.File))); err == nil && filepath.IsLocal(file) {
		spec.Exclude = []string{file}
	}
	spec.Offline, spec.Builder, spec.NoCache, spec.Pass = s.Options.Offline, s.Options.Builder, s.Options.NoCache, s.Options.Pass
	return spec, nil
}

// Check reports why there can't be an image.
func (s *Image) Check() error { return s.broken }

// Buildable says whether somebody here can build what would be built, before anything is made that costs: nil, also where
// nothing is to be built. It asks the container engines where one is needed, within 3 s.
func (s *Image) Buildable(ctx context.Context) error {
	if _, known := s.Ref.Known(); !known && s.broken == nil && s.Given == "" {
		s.nobody = s.spec.Buildable(ctx)
	}
	return s.nobody
}

// Notes says what could not be found out about the image.
func (s *Image) Notes() (notes []string) {
	if s.note != "" {
		notes = append(notes, s.note)
	}
	if s.nobody != nil {
		what, why, _ := strings.Cut(s.nobody.Error(), "\n")
		for of := range strings.SplitSeq(why, "\n") {
			what += "; " + strings.Join(strings.Fields(of), " ")
		}
		notes = append(notes, strings.TrimSuffix(what, "; "))
	}
	return append(notes, s.heard...)
}

// Plan builds and pushes an image whose tag is not there.
func (s *Image) Plan() []deploy.Change {
	if _, known := s.Ref.Known(); known || s.broken != nil {
		return nil
	}
	c := deploy.Change{Op: deploy.Create, What: fmt.Sprintf("image %s:%s, built and pushed", s.Manifest.Repository.Name, s.tag), Do: s.build}
	if name, known := s.ECR.Repository.Known(); known {
		c.What = fmt.Sprintf("image %s:%s, built and pushed", name, s.tag)
	}
	if s.ECR.images[s.tag] != "" {
		c.Why = "rebuild"
	}
	return []deploy.Change{c}
}

// Remove does nothing: images go with their repository.
func (s *Image) Remove() []deploy.Change { return nil }

// build builds the image and pushes it, by digest and then under its tag. An interrupt ends it at once: what has come to the
// registry until then has no name there.
func (s *Image) build(ctx context.Context) error {
	ctx, release := deploy.Interruptible(ctx)
	defer release()
	built, err := s.spec.Build(ctx, func(line string) { deploy.Say(ctx, "%s", line) })
	if err != nil {
		return err
	}
	s.Built, s.BuildTook = built, built.Took
	deploy.Say(ctx, "built with %s in %s", built.Tool, built.Took.Round(100*time.Millisecond))
	to, err := s.target(s.ECR.URI.Get())
	if err != nil {
		return errors.Join(err, built.Close())
	}
	to.Tag = s.tag
	pushed, err := built.Push(ctx, to, func(done, total int64) { deploy.Say(ctx, "pushed %s of %s", megabytes(done), megabytes(total)) })
	if err == nil {
		s.Pushed = pushed
		s.Ref.Set(s.ECR.URI.Get() + "@" + pushed.Digest.String())
		s.learn(ctx)
		s.advise(built)
	}
	return errors.Join(taken(err), built.Close())
}

// taken says what is behind a tag of inputs that names another image, where tags can't move: a builder that does not make
// the same of the same, or a base image that is another today.
func taken(err error) error {
	if !errors.Is(err, image.ErrTagTaken) {
		return err
	}
	return &image.Error{
		What: "these inputs were built and pushed before, and came out otherwise", Err: err,
		Ways: "release the image that is there by leaving --rebuild out; or change an input (pin the base image by its digest) for a new tag; " +
			"or push under a tag of your own and release it with --image; or set `image_tag_mutability: MUTABLE`",
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

var (
	_ deploy.Checker = (*Image)(nil)
	_ deploy.Noter   = (*Image)(nil)
)
