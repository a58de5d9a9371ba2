package steps

import (
	"github.com/fargatectl/fargatectl/image"
	"github.com/fargatectl/fargatectl/image/lint"
)

// Lint finds what is to say about what is built for the service, and about the image before it is closed; nil is none.
func Lint(a *App, spec image.Spec, b *image.Built) ([]lint.Finding, error) {
	sv := &a.Manifest.Service
	o := lint.Options{Command: len(sv.Command) > 0, HealthCheck: sv.HealthCheck != nil}
	if sv.PortGiven { // else it is the image's
		o.Port = int(sv.ContainerPort)
	}
	return spec.Lint(b, o)
}

// advise shows what should be changed of the image that was built. It stops no release.
func (s *Image) advise(b *image.Built) {
	findings, err := Lint(s.App, s.spec, b)
	if err != nil || s.Log == nil {
		return
	}
	for _, line := range lint.Brief(findings) {
		s.Log(line)
	}
}
