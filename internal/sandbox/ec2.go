package sandbox

// ec2State is what EC2 holds.
type ec2State struct{}

type ec2Service struct{ *Sandbox }

func newEC2(s *Sandbox) *ec2Service { return &ec2Service{s} }
