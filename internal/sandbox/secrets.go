package sandbox

// secretsState is what Secrets holds.
type secretsState struct{}

type secretsService struct{ *Sandbox }

func newSecrets(s *Sandbox) *secretsService { return &secretsService{s} }
