package image

import (
	"context"
	"errors"
)

// nerdctl is the command line of containerd, and finch, which has it in a virtual machine. Both build with BuildKit.
type nerdctl struct{}

func (nerdctl) find(ctx context.Context, e *Engine) error {
	version, err := e.ask(ctx, "version", "--format", "{{(index .Server.Components 0).Version}}")
	if err != nil || version == "" {
		if e.Name == "finch" {
			return errors.New("is there, but its machine does not answer (finch vm start)")
		}
		return errors.New("is there, but containerd does not answer")
	}
	e.Version, e.layout = version, true
	return nil
}

func (nerdctl) build(e *Engine, s Spec, w *workshop) []string {
	argv := []string{e.bin, "build", "--progress=plain", "--provenance=false", "--sbom=false", "--output", w.output()}
	return append(append(argv, s.common(w)...), ".")
}

// push and save are not needed: the image comes as an OCI layout.
func (nerdctl) push(*Engine, string, string) (push, forget [][]string) { return nil, nil }

func (nerdctl) save(e *Engine, id string) []string { return []string{e.bin, "save", id} }
