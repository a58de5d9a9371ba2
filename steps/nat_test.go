package steps

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

const (
	threeZones = "public_subnets: [10.0.101.0/24, 10.0.102.0/24, 10.0.103.0/24], private_subnets: [10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24]"
	lastZones  = "public_subnets: [10.0.102.0/24, 10.0.103.0/24], private_subnets: [10.0.2.0/24, 10.0.3.0/24]"
)

// nats are the lines of network about gateways and where private subnets go.
func (w *world) nats() string {
	var lines []string
	for line := range strings.Lines(w.network()) {
		switch {
		case strings.HasPrefix(line, "table app-private-"):
			name, rest, _ := strings.Cut(strings.TrimPrefix(line, "table app-private-"), ": ")
			lines = append(lines, "from "+name+" to none\n")
			if rest, ok := strings.CutPrefix(rest, "0.0.0.0/0 to "); ok {
				to, _, _ := strings.Cut(rest, ",")
				lines[len(lines)-1] = "from " + name + " to " + to + "\n"
			}
		case strings.HasPrefix(line, "nat "), strings.HasPrefix(line, "address "):
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

const single = `
address app-nat-use1-az1 used true
from use1-az1 to app-nat-use1-az1 active
from use1-az2 to app-nat-use1-az1 active
nat app-nat-use1-az1 in app-public-use1-az1 available
`

// The NAT gateway is asked for within the first seconds; its routes do not wait for it.
func TestNAT(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = withNAT
		if plan := w.plan(plainManifest); !strings.HasSuffix(plan, `
+ eip: elastic IP address for use1-az1
+ nat: NAT gateway in use1-az1
+ nat: private default route of use1-az1
+ nat: private default route of use1-az2
`) {
			t.Error(plan)
		}
		began := time.Now()
		r := w.settled(plainManifest)
		same(t, w.nats(), single)
		i := slices.IndexFunc(r.calls, func(c sandbox.Call) bool { return c.Op == "CreateNatGateway" })
		if at := r.calls[i].At.Sub(began); at > 8*250*time.Millisecond {
			t.Errorf("the gateway was asked for after %v", at)
		}
		if r.took < 105*time.Second || r.took > 112*time.Second {
			t.Errorf("up took %v", r.took)
		}
		reads := w.up(plainManifest).calls
		if len(reads) > 11 {
			t.Errorf("%d reads: %v", len(reads), reads)
		}
		if r := w.destroy(plainManifest); r.err != nil || r.took > 75*time.Second {
			t.Error(r.err, r.took)
		}
		same(t, w.network(), "")
	})
}

// Every mode becomes every other in place: new gateways first, old ones last.
func TestNATModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, from, to, plan, nats string }{
		{"single to per_az", "nat: single", "nat: per_az", `
+ eip: elastic IP address for use1-az2
+ nat: NAT gateway in use1-az2
~ nat: private default route of use1-az2
    target: NAT1 -> (known after apply)
`, `
address app-nat-use1-az1 used true
address app-nat-use1-az2 used true
from use1-az1 to app-nat-use1-az1 active
from use1-az2 to app-nat-use1-az2 active
nat app-nat-use1-az1 in app-public-use1-az1 available
nat app-nat-use1-az2 in app-public-use1-az2 available
`},
		{"per_az to single", "nat: per_az", "nat: single", `
- eip: elastic IP address for use1-az2 IP, once the new release serves
~ nat: private default route of use1-az2
    target: NAT2 -> NAT1
- nat: NAT gateway in use1-az2, NAT2, once the new release serves
`, single},
		{"single to none", "nat: single", "nat: none", `
- eip: elastic IP address for use1-az1 IP
- nat: private default route of use1-az1
- nat: private default route of use1-az2
- nat: NAT gateway in use1-az1, NAT1
`, `
from use1-az1 to none
from use1-az2 to none
`},
		{"none to single", "nat: none", "nat: single", `
+ eip: elastic IP address for use1-az1
+ nat: NAT gateway in use1-az1
+ nat: private default route of use1-az1
+ nat: private default route of use1-az2
`, single},
		{"its zone goes", threeZones, lastZones, `
- subnets: private subnet 10.0.1.0/24 in use1-az1, once the new release serves
- subnets: public subnet 10.0.101.0/24 in use1-az1, once the new release serves
- subnets: route table private use1-az1, once the new release serves
+ eip: elastic IP address for use1-az2
- eip: elastic IP address for use1-az1 IP, once the new release serves
+ nat: NAT gateway in use1-az2
~ nat: private default route of use1-az2
    target: NAT1 -> (known after apply)
~ nat: private default route of use1-az4
    target: NAT1 -> (known after apply)
- nat: NAT gateway in use1-az1, NAT1, once the new release serves
`, `
address app-nat-use1-az2 used true
from use1-az2 to app-nat-use1-az2 active
from use1-az4 to app-nat-use1-az2 active
nat app-nat-use1-az2 in app-public-use1-az2 available
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := func(config string) string {
				return strings.Replace(vpcWith(config), "resources: [", "resources: [{id: api, type: aws_ecs_service, config: {assign_public_ip: true}}, ", 1)
			}
			inWorld(t, func(t *testing.T, w *world) {
				w.pick = withNAT
				w.settled(m(c.from))
				same(t, w.namedIDs(w.plan(m(c.to))), c.plan)
				w.settled(m(c.to))
				same(t, w.nats(), c.nats)
			})
			w := &world{pick: withNAT}
			w.sweep(t, func(w *world) { w.up(m(c.from)) }, func(w *world) *run { return w.up(m(c.to)) }, func(w *world) {
				w.settled(m(c.to))
				same(w.t, w.nats(), c.nats)
				w.destroy(m(c.to))
				same(w.t, w.network(), "")
			})
		})
	}
}

// namedIDs is a plan with NAT1, NAT2 and IP for ids and addresses, by the order of their names.
func (w *world) namedIDs(plan string) string {
	list := ok(w.ec2().DescribeNatGateways(w.t.Context(), nil)).NatGateways
	slices.SortFunc(list, func(a, b types.NatGateway) int { return strings.Compare(tagName(a.Tags), tagName(b.Tags)) })
	for i, n := range list {
		plan = strings.ReplaceAll(plan, *n.NatGatewayId, "NAT"+string(rune('1'+i)))
	}
	for _, a := range ok(w.ec2().DescribeAddresses(w.t.Context(), nil)).Addresses {
		plan = strings.ReplaceAll(plan, *a.PublicIp, "IP")
	}
	return plan
}

// A route that works is turned only when the new gateway does.
func TestNATTurnsRoutesLate(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = withNAT
		w.settled(vpcWith("nat: single"))
		began := time.Now()
		r := w.settled(vpcWith("nat: per_az"))
		i := slices.IndexFunc(r.calls, func(c sandbox.Call) bool { return c.Op == "ReplaceRoute" })
		if at := r.calls[i].At.Sub(began); at < 105*time.Second {
			t.Errorf("the route was turned after %v", at)
		}
	})
}

// A gateway that failed is reported in its own name; the next up deletes it and makes another.
func TestNATFails(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = withNAT
		time.AfterFunc(20*time.Second, func() {
			if err := w.Do(func(st *sandbox.State) {
				for _, n := range st.Regions["us-east-1"].EC2.NATs {
					n.State, n.FailureCode, n.FailureMessage = types.NatGatewayStateFailed, new("InternalError"), new("Please try again.")
				}
			}); err != nil {
				t.Error(err)
			}
		})
		r := w.up(plainManifest)
		want := "NAT1 is failed: InternalError: Please try again.; the next up makes another"
		if r.err == nil || w.namedIDs(r.err.Error()) != "nat: wait until ready: NAT gateway "+want || r.took > 30*time.Second {
			t.Error(r.err, r.took)
		}
		same(t, w.namedIDs(w.plan(plainManifest)), `
± nat: NAT gateway in use1-az1 (NAT1 failed: InternalError: Please try again.)
~ nat: private default route of use1-az1
    target: NAT1 -> (known after apply)
~ nat: private default route of use1-az2
    target: NAT1 -> (known after apply)
`)
		w.settled(plainManifest)
		same(t, w.nats(), single)
		w.destroy(plainManifest)
		same(t, w.network(), "")
	})
}

// A destroy that was stopped while a gateway went is gone on with, or undone.
func TestNATGoes(t *testing.T) {
	t.Parallel()
	for _, then := range []string{"destroy", "up"} {
		inWorld(t, func(t *testing.T, w *world) {
			w.pick = withNAT
			w.settled(plainManifest)
			ok(w.ec2().DeleteNatGateway(t.Context(), &ec2.DeleteNatGatewayInput{NatGatewayId: ok(w.ec2().DescribeNatGateways(t.Context(), nil)).NatGateways[0].NatGatewayId}))
			if then == "up" {
				w.settled(plainManifest)
				same(t, w.nats(), single)
			}
			if r := w.destroy(plainManifest); r.err != nil {
				t.Error(r.err)
			}
			same(t, w.network(), "")
		})
	}
}
