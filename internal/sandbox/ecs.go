package sandbox

// ecsState is what ECS holds.
type ecsState struct{}

type ecsService struct{ *Sandbox }

func newECS(s *Sandbox) *ecsService { return &ecsService{s} }
