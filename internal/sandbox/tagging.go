package sandbox

type taggingService struct{ *Sandbox }

func newTagging(s *Sandbox) *taggingService { return &taggingService{s} }
