package sandbox

// What the other services ask of the network.

// subnetFacts are a subnet's VPC, its zone's name, and whether the VPC has an internet gateway.
type subnetFacts struct {
	vpc, zone string
	internet  bool
}

func (s *Sandbox) subnetFacts(r *Region, id string) (subnetFacts, bool) {
	n := r.EC2.Subnets[id]
	if n == nil {
		return subnetFacts{}, false
	}
	return subnetFacts{*n.VpcId, *n.AvailabilityZone, r.EC2.gatewayOf(*n.VpcId) != nil}, true
}

func (s *Sandbox) vpcExists(r *Region, id string) bool { return r.EC2.VPCs[id] != nil }

// groupVPC is the VPC of a security group.
func (s *Sandbox) groupVPC(r *Region, id string) (vpc string, ok bool) {
	if g := r.EC2.Groups[id]; g != nil {
		return *g.VpcId, true
	}
	return "", false
}

// defaultGroup is the id of a VPC's own security group.
func (s *Sandbox) defaultGroup(r *Region, vpc string) string {
	for id, g := range sorted(r.EC2.Groups) {
		if *g.VpcId == vpc && *g.GroupName == "default" {
			return id
		}
	}
	return ""
}
