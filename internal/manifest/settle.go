package manifest

import (
	"net/netip"
)

// Words for the first elements of paths.
const (
	wordVPC     = "aws_vpc"
	wordECR     = "aws_ecr_repository"
	wordRole    = "aws_iam_role"
	wordLog     = "aws_cloudwatch_log_group"
	wordCluster = "aws_ecs_cluster"
	wordALB     = "aws_alb"
	wordService = "aws_ecs_service"
)

// has says whether the file or the overlay has a key in the config of a resource.
func (r *reading) has(root string, keys ...string) bool {
	return r.given(append([]string{root, "config"}, keys...)...)
}

// settle gives the defaults that follow from other values.
func (r *reading) settle() {
	r.settleSize()
	r.settleRange()
	r.settleVPC()
	if s := &r.m.Service; s.Build != nil && s.Build.Image != "" && s.Image == "" {
		s.Image = s.Build.Image
	}
	r.m.Service.PortGiven = r.has(wordService, "container_port") || r.has(wordService, "environment", "PORT")
	alb := &r.m.ALB
	if r.o.Domain != "" {
		alb.Domain = r.o.Domain
	}
	if !r.has(wordALB, "ssl_certificate") {
		alb.SSLCertificate = alb.Domain != "" || alb.CertificateARN != ""
	} else {
		alb.HTTPOnly = !alb.SSLCertificate
	}
	if !r.has(wordALB, "health_check", "timeout") {
		alb.HealthCheck.Timeout = min(alb.HealthCheck.Timeout, alb.HealthCheck.Interval-1)
	}
}

// settleSize lets one of cpu and memory follow the other.
func (r *reading) settleSize() {
	s := &r.m.Service
	cpu, memory := r.has(wordService, "cpu"), r.has(wordService, "memory")
	switch {
	case cpu && !memory:
		if size, ok := sizeOf(s.CPU); ok {
			s.Memory = size.memory[0]
		}
	case memory && !cpu:
		for _, size := range fargateSizes {
			if size.has(s.Memory) {
				s.CPU = size.cpu
				break
			}
		}
	}
}

// settleRange lets the defaults of the scaling range and the count give way to what is given.
func (r *reading) settleRange() {
	s := &r.m.Service
	desired, least, most := r.has(wordService, "desired_count"), r.has(wordService, "min_capacity"), r.has(wordService, "max_capacity")
	if !most {
		if desired {
			s.MaxCapacity = max(s.MaxCapacity, s.DesiredCount)
		}
		if least {
			s.MaxCapacity = max(s.MaxCapacity, s.MinCapacity)
		}
	}
	if !least {
		if desired {
			s.MinCapacity = min(s.MinCapacity, s.DesiredCount)
		}
		s.MinCapacity = min(s.MinCapacity, s.MaxCapacity)
	}
	if !desired {
		s.DesiredCount = min(max(s.DesiredCount, s.MinCapacity), s.MaxCapacity)
	}
}

// settleVPC moves the default subnets into the VPC's range, and leaves nothing to make of an existing VPC.
func (r *reading) settleVPC() {
	v := &r.m.VPC
	if v.ID != "" {
		v.CIDR, v.NAT, v.PublicSubnets, v.PrivateSubnets = "", "", nil, nil
		return
	}
	if r.has(wordVPC, "cidr") || r.has(wordVPC, "azs") {
		count := 2
		if len(v.AZs) > 0 {
			count = len(v.AZs)
		}
		if !r.has(wordVPC, "private_subnets") {
			v.PrivateSubnets = subnetsIn(v.CIDR, false, count)
		}
		if !r.has(wordVPC, "public_subnets") {
			v.PublicSubnets = subnetsIn(v.CIDR, true, count)
		}
	}
}

// subnetsIn are count subnets of a range: in a /16 the /24 from 1 on, the public ones from 101 on; in a smaller range
// sixteenths, the private ones in its lower half and the public ones in its upper. They are nil where AWS's
// smallest subnet, a /28, is too large for that.
func subnetsIn(cidr string, public bool, count int) []string {
	vpc, err := netip.ParsePrefix(cidr)
	if err != nil || !vpc.Addr().Is4() || vpc.Bits() > 24 || count > 8 {
		return nil
	}
	bits, first := vpc.Bits()+4, 0
	if public {
		first = 8
	}
	if vpc.Bits() == 16 {
		bits, first = 24, 1
		if public {
			first = 101
		}
	}
	base := vpc.Addr().As4()
	var subnets []string
	for i := range count {
		n := uint32(base[0])<<24 | uint32(base[1])<<16 | uint32(base[2])<<8 | uint32(base[3])
		n += uint32(first+i) << (32 - bits)
		addr := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		subnets = append(subnets, netip.PrefixFrom(addr, bits).String())
	}
	return subnets
}
