package steps

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/route53"
)

// What somebody has changed by hand is shown by the plan and put right by up: what hangs on it, too.
func TestDriftByHand(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.opts = Options{Image: "public.ecr.aws/docker/library/nginx:1.27", Offline: true}
		cfg := w.Config("us-east-1")
		ok(route53.NewFromConfig(cfg).CreateHostedZone(t.Context(), &route53.CreateHostedZoneInput{Name: new("example.com"), CallerReference: new("1")}))
		const yaml = "project_name: app\nresources: [{ id: alb, type: aws_alb, config: { domain: api.example.com } }]\n"
		if r := w.up(yaml); r.err != nil {
			t.Fatal(r.err)
		}
		vms, balancers, certificates := ec2.NewFromConfig(cfg), elb.NewFromConfig(cfg), acm.NewFromConfig(cfg)
		for _, drift := range []struct {
			name, shown, undone string
			do                  func()
		}{
			{"a tag of the certificate", "tag fargatectl:resource", "acm.AddTagsToCertificate", func() {
				arn := ok(certificates.ListCertificates(t.Context(), &acm.ListCertificatesInput{})).CertificateSummaryList[0].CertificateArn
				ok(certificates.RemoveTagsFromCertificate(t.Context(), &acm.RemoveTagsFromCertificateInput{CertificateArn: arn, Tags: []acmtypes.Tag{{Key: new("fargatectl:resource")}}}))
			}},
			{"a rule out of the tasks' group", "10.9.0.0/16", "ec2.RevokeSecurityGroupEgress", func() {
				groups := ok(vms.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{{Name: new("group-name"), Values: []string{"app-ecs-sg"}}}})).SecurityGroups
				ok(vms.AuthorizeSecurityGroupEgress(t.Context(), &ec2.AuthorizeSecurityGroupEgressInput{GroupId: groups[0].GroupId, IpPermissions: []ec2types.IpPermission{
					{IpProtocol: new("tcp"), FromPort: new(int32(25)), ToPort: new(int32(25)), IpRanges: []ec2types.IpRange{{CidrIp: new("10.9.0.0/16")}}},
				}}))
			}},
			{"the balancer's group", "security groups", "elasticloadbalancing.SetSecurityGroups", func() {
				lb := ok(balancers.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{Names: []string{"app-alb"}})).LoadBalancers[0]
				groups := ok(vms.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{
					{Name: new("vpc-id"), Values: []string{*lb.VpcId}}, {Name: new("group-name"), Values: []string{"default"}},
				}})).SecurityGroups
				ok(balancers.SetSecurityGroups(t.Context(), &elb.SetSecurityGroupsInput{LoadBalancerArn: lb.LoadBalancerArn, SecurityGroups: []string{*groups[0].GroupId}}))
			}},
		} {
			drift.do()
			if p := w.plan(yaml); !strings.Contains(p, drift.shown) {
				t.Errorf("%s: the plan does not show %q:\n%s", drift.name, drift.shown, p)
			}
			if r := w.up(yaml); r.err != nil || strings.Join(r.changing(), " ") != drift.undone {
				t.Errorf("%s: %v, changing calls %v want %s", drift.name, r.err, r.changing(), drift.undone)
			}
		}
		w.settled(yaml)
	})
}
