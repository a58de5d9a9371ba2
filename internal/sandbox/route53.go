package sandbox

// route53State is what Route53 holds.
type route53State struct{}

type route53Service struct{ *Sandbox }

func newRoute53(s *Sandbox) *route53Service { return &route53Service{s} }
