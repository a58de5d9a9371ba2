package sandbox

// acmState is what ACM holds.
type acmState struct{}

type acmService struct{ *Sandbox }

func newACM(s *Sandbox) *acmService { return &acmService{s} }
