package sandbox

// elbState is what ELB holds.
type elbState struct{}

type elbService struct{ *Sandbox }

func newELB(s *Sandbox) *elbService { return &elbService{s} }
