package sandbox

import "net/http"

// ecrState is what ECR holds.
type ecrState struct{}

type ecrService struct{ *Sandbox }

func newECR(s *Sandbox) *ecrService { return &ecrService{s} }

// registry is the OCI registry behind ECR.
func (s *Sandbox) registry() http.Handler { return http.NotFoundHandler() }
