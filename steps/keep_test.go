package steps

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// kept lists the tags "live-N" of the repository, sorted, each with its image's other tag.
func (w *world) kept() string {
	w.t.Helper()
	var list []string
	w.state(func(r *sandbox.Region) {
		for _, img := range r.ECR.Repositories["app"].Images {
			src := slices.IndexFunc(img.Tags, func(tag string) bool { return strings.HasPrefix(tag, "src-") })
			for _, tag := range img.Tags {
				if strings.HasPrefix(tag, "live-") {
					list = append(list, tag+" "+img.Tags[src])
				}
			}
		}
	})
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// A release that serves has its image kept; one that was rolled back has not.
func TestKeep(t *testing.T) {
	t.Parallel()
	dir := program(t, `"one"`)
	inWorld(t, func(t *testing.T, w *world) {
		w.pick, w.dir, w.opts.Offline = All, dir, true
		m := serviceOf("")
		if p := w.plan(m); !strings.HasSuffix(p, "+ keep: tag that keeps the released image\n") {
			t.Error(p)
		}
		first := w.settled(m)
		one := w.kept()
		if !strings.HasPrefix(one, "live-1 src-") || strings.Contains(one, ",") {
			t.Error(one)
		}
		// Another revision with the same image.
		w.settled(serviceOf("environment: {A: b}"))
		_, src, _ := strings.Cut(one, " ")
		if got := w.kept(); got != one+", live-2 "+src {
			t.Error(got)
		}
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() { println(2) }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		w.state(func(r *sandbox.Region) { r.ECS.Break("app", exits) })
		r := w.up(m)
		var rolled *aws.RolledBackError
		if !errors.As(r.err, &rolled) || r.ref() == first.ref() {
			t.Error(r.err, r.ref())
		}
		if got := w.kept(); got != one+", live-2 "+src {
			t.Error("a failed release is kept:", got)
		}
	})
}

// An image of others is theirs to keep, and what is only accepted is not known to serve.
func TestKeepNothing(t *testing.T) {
	t.Parallel()
	dir := program(t, `"one"`)
	inWorld(t, func(t *testing.T, w *world) {
		w.pick, w.dir, w.opts.Offline = All, dir, true
		w.opts.Image = nginx
		if r := w.settled(serviceOf("")); strings.Contains(r.plan.String(), "keep") {
			t.Error(r.plan)
		}
		w.opts.Image, w.opts.Wait = "", "accepted"
		if r := w.up(serviceOf("")); r.err != nil || w.kept() != "" {
			t.Error(r.err, w.kept())
		}
	})
}
