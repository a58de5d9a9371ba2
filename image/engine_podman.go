package image

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
)

// podman is podman's command line, and buildah's, which has the same flags.
type podman struct{}

func (podman) find(ctx context.Context, e *Engine) error {
	if e.Name == "buildah" { // no engine behind it: it builds by itself
		text, err := e.ask(ctx, "version", "--json")
		var v struct{ Version string }
		if err == nil {
			err = json.Unmarshal([]byte(text), &v)
		}
		e.Version, e.here = v.Version, true
		if err != nil {
			return errors.New("is there, but does not run (buildah version)")
		}
		return nil
	}
	text, err := e.ask(ctx, "info", "--format", "json")
	var about struct {
		Version struct{ Version string }
		Host    struct{ ServiceIsRemote bool }
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &about)
	}
	if err != nil {
		return errors.New("is there, but does not answer (podman info; on a Mac: podman machine start)")
	}
	// A remote podman pushes from where it runs: another machine, or a virtual one here.
	e.Version, e.here = about.Version.Version, runtime.GOOS == "linux" && !about.Host.ServiceIsRemote
	return nil
}

// build: the format is docker's, since OCI's has no HEALTHCHECK.
func (podman) build(e *Engine, s Spec, w *workshop) []string {
	argv := []string{e.bin, "build", "--layers", "--format", "docker", "--iidfile", w.idFile, "--tag", w.tag, "--ignorefile", w.ignore}
	s.Pass.CacheFrom, s.Pass.CacheTo = repositories(s.Pass.CacheFrom), repositories(s.Pass.CacheTo)
	return append(append(argv, s.common(w)...), ".")
}

// repositories are those that caches are kept in, as podman wants them.
func repositories(caches []string) (names []string) {
	for _, where := range caches {
		if name, err := cacheRepository(where); err == nil { // it has been looked at: see lacks
			names = append(names, name)
		}
	}
	return names
}

func (podman) push(e *Engine, id, ref string) (push, forget [][]string) {
	return [][]string{{e.bin, "push", "--quiet", "--tls-verify=false", id, "docker://" + ref}}, nil
}

func (podman) save(e *Engine, id string) []string {
	if e.Name == "buildah" {
		return []string{e.bin, "push", id, "docker-archive:/dev/stdout"}
	}
	return []string{e.bin, "save", "--format", "docker-archive", id}
}
