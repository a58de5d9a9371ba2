package sandbox

// scalingState is what Scaling holds.
type scalingState struct{}

type scalingService struct{ *Sandbox }

func newScaling(s *Sandbox) *scalingService { return &scalingService{s} }
