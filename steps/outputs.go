package steps

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/fargatectl/fargatectl/deploy"
)

// Outputs are what one wants to know of a stack that is up. What is not there is empty.
type Outputs struct {
	URL        string `json:"url"`
	Repository string `json:"repository"`
	Image      string `json:"image"` // by digest, where it is known
}

// OutputsOf takes the outputs of steps that have been read or applied.
func OutputsOf(all []deploy.Step) (o Outputs) {
	var alb *ALB
	var certificate *Certificate
	for _, st := range all {
		switch st := st.(type) {
		case *ECR:
			o.Repository, _ = st.URI.Known()
		case *TaskDef:
			o.Image = st.Image()
		case *ALB:
			alb = st
		case *Certificate:
			certificate = st
		}
	}
	if alb != nil && certificate != nil {
		o.URL = alb.url(certificate)
	}
	return o
}

// ReadOutputs reads the few steps that the outputs come from.
func ReadOutputs(ctx context.Context, app *App) (Outputs, error) {
	all := All(app)
	var g errgroup.Group
	for _, st := range all {
		switch st.(type) {
		case *ECR, *TaskDef, *ALB, *Certificate:
			g.Go(func() error { return st.Read(ctx) })
		}
	}
	err := g.Wait()
	return OutputsOf(all), err
}

// url is where the API is found: under its domain once that leads here, until then under the balancer's own name.
func (s *ALB) url(c *Certificate) string {
	name, up := s.DNSName.Known()
	if !up {
		return ""
	}
	_, tls := s.listening.at(443)
	domain, named := c.Domain.Known()
	_, zone := c.ZoneID.Known()
	if named && (tls || zone) {
		name = domain
	}
	if tls {
		return "https://" + name
	}
	return "http://" + name
}
