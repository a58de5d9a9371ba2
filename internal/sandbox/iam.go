package sandbox

// iamState is what IAM holds.
type iamState struct{}

type iamService struct{ *Sandbox }

func newIAM(s *Sandbox) *iamService { return &iamService{s} }
