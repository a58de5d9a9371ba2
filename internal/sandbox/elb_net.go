package sandbox

// What follows stands in for the ACM part until that is there.

func (s *Sandbox) certificateIssued(*Region, string) (exists, issued bool) { return true, true }
