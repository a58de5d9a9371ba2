package steps

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// onlyNetwork is the network without what goes through it.
func onlyNetwork(app *App) []deploy.Step {
	vpc := &VPC{App: app}
	subnets := &Subnets{App: app, VPC: vpc}
	groups := &Groups{App: app, VPC: vpc}
	return []deploy.Step{vpc, subnets, groups}
}

// withNAT is the network with its way out.
func withNAT(app *App) []deploy.Step {
	net := onlyNetwork(app)
	eip := &EIP{App: app}
	return append(net, eip, &NAT{App: app, VPC: net[0].(*VPC), Subnets: net[1].(*Subnets), EIP: eip})
}

// wholeNetwork is all of it.
func wholeNetwork(app *App) []deploy.Step {
	net := withNAT(app)
	vpc, subnets, groups := net[0].(*VPC), net[1].(*Subnets), net[2].(*Groups)
	return append(net, &Endpoints{App: app, VPC: vpc, Subnets: subnets, Groups: groups}, &FlowLogs{App: app, VPC: vpc})
}

const plainManifest = "project_name: app\n"

// vpcWith and with are manifests whose aws_vpc, and one other resource, have the config.
func vpcWith(config string) string { return with("aws_vpc", config) }

func with(kind, config string) string {
	return plainManifest + "resources: [{id: it, type: " + kind + ", config: {" + config + "}}]\n"
}

// name is what a thing is called in its tags, for want of one its word.
func tagName(tags []types.Tag) string {
	if n := tagMap(tags)["Name"]; n != "" {
		return n
	}
	return "(no name)"
}

// network is all that EC2 holds in us-east-1, a line a thing, by names instead of ids.
func (w *world) network() string {
	w.t.Helper()
	var lines []string
	if err := w.Do(func(st *sandbox.State) {
		r := st.Regions["us-east-1"]
		if r == nil {
			return
		}
		e := r.EC2
		names := map[string]string{"local": "local"}
		for id, v := range e.VPCs {
			names[id] = tagName(v.Tags)
			lines = append(lines, fmt.Sprintf("vpc %s %s dns %t %t", names[id], *v.CidrBlock, v.DNSSupport, v.DNSHostnames))
		}
		for id, g := range e.Gateways {
			names[id] = tagName(g.Tags)
			line := "gateway " + names[id]
			for _, a := range g.Attachments {
				line += " in " + names[*a.VpcId]
			}
			lines = append(lines, line)
		}
		for id, n := range e.Subnets {
			names[id] = tagName(n.Tags)
			lines = append(lines, fmt.Sprintf("subnet %s %s %s", names[id], *n.CidrBlock, *n.AvailabilityZoneId))
		}
		for id, n := range e.NATs {
			names[id] = tagName(n.Tags)
			if n.State != types.NatGatewayStateDeleted {
				lines = append(lines, fmt.Sprintf("nat %s in %s %s", names[id], names[*n.SubnetId], n.State))
			}
		}
		for _, a := range e.Addresses {
			lines = append(lines, fmt.Sprintf("address %s used %t", tagName(a.Tags), a.AssociationId != nil))
		}
		for id, p := range e.Endpoints {
			names[id] = tagName(p.Tags)
			line := fmt.Sprintf("endpoint %s %s", names[id], *p.ServiceName)
			for _, n := range p.SubnetIds {
				line += " " + names[n]
			}
			lines = append(lines, line)
		}
		for id, t := range e.Tables {
			names[id] = tagName(t.Tags)
			var parts []string
			for _, a := range t.Associations {
				parts = append(parts, "for "+names[val(a.SubnetId)])
			}
			for _, route := range t.Routes {
				parts = append(parts, val(route.DestinationCidrBlock)+val(route.DestinationPrefixListId)+" to "+names[target(&route)]+" "+state(&route))
			}
			slices.Sort(parts)
			if len(t.Associations) == 0 || !val(t.Associations[0].Main) {
				lines = append(lines, "table "+names[id]+": "+strings.Join(parts, ", "))
			}
		}
		for id, g := range e.Groups {
			names[id] = *g.GroupName
		}
		for id, g := range e.Groups {
			if *g.GroupName == "default" {
				continue
			}
			lines = append(lines, "group "+*g.GroupName+" in "+names[*g.VpcId])
			for _, rule := range e.Rules {
				if *rule.GroupId == id {
					peer := val(rule.CidrIpv4) + val(rule.CidrIpv6)
					if rule.ReferencedGroupInfo != nil {
						peer = names[*rule.ReferencedGroupInfo.GroupId]
					}
					lines = append(lines, fmt.Sprintf("rule %s egress %t %s %d %s", *g.GroupName, *rule.IsEgress, *rule.IpProtocol, val(rule.FromPort), peer))
				}
			}
		}
		for _, f := range e.FlowLogs {
			lines = append(lines, fmt.Sprintf("flow log %s of %s to %s", tagName(f.Tags), names[*f.ResourceId], val(f.LogGroupName)))
		}
	}); err != nil {
		w.t.Error(err)
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// ours is network without what has no name.
func (w *world) ours() string {
	var lines []string
	for line := range strings.Lines(w.network()) {
		if !strings.Contains(line, "(no name)") && !strings.HasPrefix(line, "rule app-alb-sg egress true") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func (w *world) ec2() *ec2.Client { return ec2.NewFromConfig(w.Config("us-east-1")) }

// foreign makes a VPC of somebody else, with a gateway, a subnet and a group with our name.
func (w *world) foreign() string {
	w.t.Helper()
	ctx, c := w.t.Context(), w.ec2()
	vpc := ok(c.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")})).Vpc.VpcId
	igw := ok(c.CreateInternetGateway(ctx, nil)).InternetGateway.InternetGatewayId
	ok(c.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{VpcId: vpc, InternetGatewayId: igw}))
	ok(c.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc, CidrBlock: new("10.0.1.0/24"), AvailabilityZoneId: new("use1-az1")}))
	ok(c.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: vpc, GroupName: new("app-alb-sg"), Description: new("theirs")}))
	return *vpc
}

func ok[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyNetwork
		w.foreign()
		before := w.network()
		same(t, w.plan(plainManifest), `
+ vpc: VPC app-vpc 10.0.0.0/16
+ vpc: internet gateway app-igw
+ vpc: internet gateway attachment
+ vpc: DNS host names
+ subnets: public subnet 10.0.101.0/24 in use1-az1
+ subnets: public subnet 10.0.102.0/24 in use1-az2
+ subnets: private subnet 10.0.1.0/24 in use1-az1
+ subnets: private subnet 10.0.2.0/24 in use1-az2
+ subnets: route table public
+ subnets: route table private use1-az1
+ subnets: route table private use1-az2
+ subnets: association of the public subnet 10.0.101.0/24 in use1-az1
+ subnets: association of the public subnet 10.0.102.0/24 in use1-az2
+ subnets: association of the private subnet 10.0.1.0/24 in use1-az1
+ subnets: association of the private subnet 10.0.2.0/24 in use1-az2
+ subnets: public default route
+ subnets: S3 gateway endpoint
+ groups: security group app-ecs-sg
+ groups: security group app-alb-sg
+ groups: app-ecs-sg: TCP 8080 from app-alb-sg
+ groups: app-alb-sg: TCP 80 from 0.0.0.0/0
+ groups: app-alb-sg: TCP 443 from 0.0.0.0/0
`)
		w.settled(plainManifest)
		same(t, w.ours(), settledNetwork)
		w.destroy(plainManifest)
		same(t, w.network(), before)
	})
}

// Law 5: whatever changing call fails or loses its answer, the next run ends as if nothing had been.
func (w *world) sweep(t *testing.T, before func(*world), run func(*world) *run, then func(*world)) {
	t.Helper()
	for _, fault := range []sandbox.Fault{{Lost: true}, {Code: "UnauthorizedOperation"}} {
		for n := 1; n < 200; n += stride {
			met := false
			inWorld(t, func(t *testing.T, inner *world) {
				inner.pick, inner.poll = w.pick, 15*time.Second
				before(inner)
				f := fault
				f.Changing, f.Nth = true, n
				inner.Inject(f)
				met = len(run(inner).changing()) >= n
				inner.Heal()
				then(inner)
			})
			if !met {
				break
			}
		}
	}
}

func TestNetworkFails(t *testing.T) {
	t.Parallel()
	w := &world{pick: onlyNetwork}
	settled := func(w *world) { w.settled(plainManifest) }
	up := func(w *world) *run { return w.up(plainManifest) }
	down := func(w *world) *run { return w.destroy(plainManifest) }
	gone := func(w *world) {
		if r := down(w); r.err != nil {
			w.t.Error(r.err)
		}
		same(w.t, w.network(), "")
	}
	w.sweep(t, func(*world) {}, up, func(w *world) {
		settled(w)
		same(w.t, w.ours(), settledNetwork)
		gone(w)
	})
	w.sweep(t, func(w *world) { w.up(plainManifest) }, down, gone)
}

// A network of others' is used where the manifest names it, and neither changed nor taken away.
func TestNetworkGiven(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyNetwork
		w.settled("project_name: theirs\n")
		ctx, c := t.Context(), w.ec2()
		before := w.network()
		id := func(name string) string {
			list := ok(c.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []types.Filter{{Name: new("tag:Name"), Values: []string{name}}}})).Subnets
			return *list[0].SubnetId
		}
		vpc := *ok(c.DescribeVpcs(ctx, nil)).Vpcs[0].VpcId
		public, private := id("theirs-public-use1-az1")+", "+id("theirs-public-use1-az2"), id("theirs-private-use1-az1")+", "+id("theirs-private-use1-az2")
		given := func(vpc, public, private string) string {
			return vpcWith("id: " + vpc + ", subnets: {public: [" + public + "], private: [" + private + "]}")
		}
		m := given(vpc, public, private)
		same(t, w.plan(m), `
+ groups: security group app-ecs-sg
+ groups: security group app-alb-sg
+ groups: app-ecs-sg: TCP 8080 from app-alb-sg
+ groups: app-alb-sg: TCP 80 from 0.0.0.0/0
+ groups: app-alb-sg: TCP 443 from 0.0.0.0/0
`)
		w.settled(m)
		for _, c := range []struct{ manifest, plan string }{
			{given("vpc-00000000000000000", public, private), "error: vpc: there is no VPC vpc-00000000000000000 in us-east-1"},
			{given(vpc, private, public), "is no public one: its route table has no default route to an internet gateway"},
			{given(vpc, public, "subnet-00000000000000000, "+private), "error: subnets: there is no subnet subnet-00000000000000000 in us-east-1"},
			{plainManifest, "and what stands there can't move"},
		} {
			if got := w.plan(c.manifest); !strings.Contains(got, c.plan) {
				t.Errorf("got %q want %q", got, c.plan)
			}
		}
		w.destroy(m)
		same(t, w.network(), "\n"+before)
	})
}

// A group with our name and without our tags, in our VPC, is somebody's: refused, or taken over when asked.
func TestGroupsForeign(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = func(app *App) []deploy.Step { return onlyNetwork(app)[:2] }
		w.settled(plainManifest)
		vpc := ok(w.ec2().DescribeVpcs(t.Context(), nil)).Vpcs[0].VpcId
		ok(w.ec2().CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{VpcId: vpc, GroupName: new("app-alb-sg"), Description: new("theirs")}))
		w.pick = onlyNetwork
		same(t, w.plan(plainManifest), "error: groups: security group app-alb-sg exists and is not fargatectl's: it lacks the tag fargatectl:project")
		w.opts.Adopt = true
		w.settled(plainManifest)
		same(t, w.ours(), settledNetwork)
	})
}

// Destroy waits for what goes by itself, says what it is, and gives up on what does not.
func TestNetworkHeld(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyNetwork
		w.settled(plainManifest)
		net := ok(w.ec2().DescribeSubnets(t.Context(), nil)).Subnets[0].SubnetId
		eni := ok(w.ec2().CreateNetworkInterface(t.Context(), &ec2.CreateNetworkInterfaceInput{SubnetId: net, Description: new("somebody's")})).NetworkInterface
		r := w.destroy(plainManifest)
		want := "network interface " + *eni.NetworkInterfaceId + " (somebody's)"
		if r.err == nil || !strings.Contains(r.err.Error(), want+" does not go by itself: delete it") || r.took < 10*time.Minute || r.took > 12*time.Minute {
			t.Error(r.took, r.err)
		}
		if !slices.ContainsFunc(r.events, func(e deploy.Event) bool { return e.State == deploy.Noted && e.Text == "waiting for "+want+" to go" }) {
			t.Error("nobody said what is awaited")
		}
		time.AfterFunc(5*time.Minute, func() {
			_, err := w.ec2().DeleteNetworkInterface(w.t.Context(), &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: eni.NetworkInterfaceId})
			if err != nil {
				t.Error(err)
			}
		})
		if r := w.destroy(plainManifest); r.err != nil || r.took < 4*time.Minute || r.took > 6*time.Minute {
			t.Error(r.took, r.err)
		}
		same(t, w.network(), "")
	})
}

// settledNetwork is what the three steps make of a plain manifest.
const settledNetwork = `
endpoint app-s3 com.amazonaws.us-east-1.s3
gateway app-igw in app-vpc
group app-alb-sg in app-vpc
group app-ecs-sg in app-vpc
rule app-alb-sg egress false tcp 443 0.0.0.0/0
rule app-alb-sg egress false tcp 80 0.0.0.0/0
rule app-ecs-sg egress false tcp 8080 app-alb-sg
rule app-ecs-sg egress true -1 -1 0.0.0.0/0
subnet app-private-use1-az1 10.0.1.0/24 use1-az1
subnet app-private-use1-az2 10.0.2.0/24 use1-az2
subnet app-public-use1-az1 10.0.101.0/24 use1-az1
subnet app-public-use1-az2 10.0.102.0/24 use1-az2
table app-private-use1-az1: 10.0.0.0/16 to local active, for app-private-use1-az1, pl-63a5400a to app-s3 active
table app-private-use1-az2: 10.0.0.0/16 to local active, for app-private-use1-az2, pl-63a5400a to app-s3 active
table app-public: 0.0.0.0/0 to app-igw active, 10.0.0.0/16 to local active, for app-public-use1-az1, for app-public-use1-az2, pl-63a5400a to app-s3 active
vpc app-vpc 10.0.0.0/16 dns true true
`
