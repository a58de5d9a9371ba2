package steps

import (
	"context"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/release"
)

// OutputsOf takes the outputs of steps that have been read or applied.
func OutputsOf(all []deploy.Step) release.Outputs { return ResourcesOf(all).Outputs }

// ResourcesOf takes the resources of steps that have been read or applied. Without a service nothing answers at the URL.
func ResourcesOf(all []deploy.Step) (o release.Resources) {
	var alb *ALB
	var certificate *Certificate
	for _, st := range all {
		switch st := st.(type) {
		case *ECR:
			o.Repository, _ = st.URI.Known()
		case *Logs:
			if group, there := st.Group.Known(); there {
				o.LogGroup = st.groupARN(group)
			}
		case *Cluster:
			o.Cluster, _ = st.ARN.Known()
		case *TaskDef:
			o.Image = st.Image()
			if o.TaskDefinition, _ = st.ARN.Known(); st.live != nil {
				o.ExecutionRole, o.TaskRole = val(st.live.ExecutionRoleArn), val(st.live.TaskRoleArn)
			}
		case *ALB:
			alb = st
			o.Balancer, _ = st.ARN.Known()
			o.TargetGroup, _ = st.TargetGroup.Known()
		case *Certificate:
			certificate = st
		case *Service:
			o.Service, _ = st.ARN.Known()
		}
	}
	if alb != nil && certificate != nil && o.Service != "" {
		o.URL = alb.url(certificate)
	}
	return o
}

// ReadResources reads the few steps that the outputs come from.
func ReadResources(ctx context.Context, app *App) (release.Resources, error) {
	all := All(app)
	var reads []func() error
	for _, st := range all {
		switch st.(type) {
		case *ECR, *TaskDef, *ALB, *Certificate, *Logs, *Cluster, *Service:
			reads = append(reads, func() error { return st.Read(ctx) })
		}
	}
	if err := together(reads...); err != nil {
		return release.Resources{}, err
	}
	return ResourcesOf(all), nil
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
