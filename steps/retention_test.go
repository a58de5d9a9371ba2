package steps

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// A hundred pushes, a third of them released, over months, with the repository's policy at work every day: the image that
// serves and the twenty that one can go back to are there at every moment, and the rest does not grow for ever.
func TestRetention(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		var repository *ECR
		w.pick = func(a *App) []deploy.Step { repository = &ECR{App: a}; return []deploy.Step{repository} }
		const m = "project_name: app\nresources: [{ id: images, type: aws_ecr_repository, config: { keep: 10 } }]\n"
		if r := w.up(m); r.err != nil {
			t.Fatal(r.err)
		}
		app := w.app(m)
		auth, err := (&Image{App: app}).login(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var released []string
		for i := range 100 {
			if i%15 == 14 { // tokens last for twelve hours
				if auth, err = (&Image{App: app}).login(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			digest := pushRandom(t.Context(), t, w, repository.URI.Get(), fmt.Sprintf("src-%d", i), remote.WithAuth(auth))
			if i%10 < 3 {
				released = append(released, digest)
				if err := aws.KeepLive(t.Context(), app.AWS, "app", digest, int32(len(released))); err != nil {
					t.Fatal(err)
				}
			}
			if i%3 == 0 {
				time.Sleep(36 * time.Hour)
				if auth, err = (&Image{App: app}).login(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			there := w.images()
			for _, d := range released[max(0, len(released)-20):] {
				if !slices.Contains(there, d) {
					t.Fatalf("after push %d a release that one can go back to has expired", i)
				}
			}
		}
		time.Sleep(30 * 24 * time.Hour)
		if n := len(w.images()); n < 20 || n > 30 || len(released) != 30 {
			t.Errorf("%d images are left, of %d releases", n, len(released))
		}
	})
}

// pushRandom pushes an image of its own under a tag.
func pushRandom(ctx context.Context, t *testing.T, w *world, uri, tag string, auth remote.Option) string {
	t.Helper()
	img, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewTag(uri + ":" + tag)
	if err == nil {
		err = remote.Write(ref, img, remote.WithContext(ctx), remote.WithTransport(w.Sandbox), auth)
	}
	if err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// images are the digests in the repository.
func (w *world) images() (digests []string) {
	w.state(func(r *sandbox.Region) {
		for d := range r.ECR.Repositories["app"].Images {
			digests = append(digests, d)
		}
	})
	return digests
}
