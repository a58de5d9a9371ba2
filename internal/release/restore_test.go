package release_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/release"
)

// must is what a call of somebody else's returns.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// changed moves the service to the next image, another subnet, a group of its own, another port and Spot, as somebody
// would by hand in one update, and waits for the end of it. It returns what was before.
func (w *world) changed(t *testing.T) types.Service {
	t.Helper()
	was, calls := w.live(), w.calls()
	network := *was.NetworkConfiguration.AwsvpcConfiguration
	sn := must[*ec2.DescribeSubnetsOutput](t)(calls.EC2.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{Filters: []ec2types.Filter{{Name: new("subnet-id"), Values: network.Subnets}}})).Subnets[0]
	group := must[*ec2.CreateSecurityGroupOutput](t)(calls.EC2.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: new("own"), Description: new("own"), VpcId: sn.VpcId}))
	must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(calls.EC2.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: group.GroupId, IpPermissions: []ec2types.IpPermission{{IpProtocol: new("-1"), IpRanges: []ec2types.IpRange{{CidrIp: new("10.0.0.0/16")}}}},
	}))
	in := aws.CloneTaskDefinition(w.definition("app:1").TaskDefinition, nil)
	in.ContainerDefinitions[0].Image = new(other)
	in.ContainerDefinitions[0].PortMappings = []types.PortMapping{{ContainerPort: new(int32(9090))}}
	next := must[*ecs.RegisterTaskDefinitionOutput](t)(calls.ECS.RegisterTaskDefinition(t.Context(), in))
	network.Subnets, network.SecurityGroups = network.Subnets[:1], []string{*group.GroupId}
	lb := was.LoadBalancers[0]
	lb.ContainerPort = new(int32(9090))
	must[*ecs.UpdateServiceOutput](t)(calls.ECS.UpdateService(t.Context(), &ecs.UpdateServiceInput{
		Cluster: new("app-cluster"), Service: new("app"), TaskDefinition: next.TaskDefinition.TaskDefinitionArn, ForceNewDeployment: true,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &network}, LoadBalancers: []types.LoadBalancer{lb},
		CapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: new("FARGATE_SPOT"), Weight: 1}},
	}))
	time.Sleep(10 * time.Minute)
	return was
}

// A release comes back as it was, network, port and capacity, too, by one update; and forth again.
func TestRollbackRestores(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		was := w.changed(t)
		is := w.live()
		for _, want := range []types.Service{was, is, was} {
			ops := w.changing(func() {
				if _, err := w.rollback(t.Context()); err != nil {
					t.Error(err)
				}
			})
			got := w.live()
			if !slices.Equal(ops, []string{"ecs.TagResource", "ecs.UpdateService"}) || *got.TaskDefinition != *want.TaskDefinition {
				t.Errorf("%v, runs %s", ops, *got.TaskDefinition)
			}
			for what, pair := range map[string][2]any{
				"network": {*got.NetworkConfiguration.AwsvpcConfiguration, *want.NetworkConfiguration.AwsvpcConfiguration},
				"port":    {*got.LoadBalancers[0].ContainerPort, *want.LoadBalancers[0].ContainerPort},
				"launch":  {got.LaunchType, want.LaunchType},
				"spot":    {len(got.CapacityProviderStrategy), len(want.CapacityProviderStrategy)},
			} {
				if a, b := fmt.Sprintf("%+v", pair[0]), fmt.Sprintf("%+v", pair[1]); a != b {
					t.Errorf("%s is %s, want %s", what, a, b)
				}
			}
		}
	})
}

// What is gone is refused by its name, before anything is changed.
func TestRollbackGone(t *testing.T) {
	for what, c := range map[string]struct {
		take func(t *testing.T, w *world, was types.Service)
		want string
	}{
		"a subnet": {func(t *testing.T, w *world, was types.Service) {
			id := was.NetworkConfiguration.AwsvpcConfiguration.Subnets[1]
			for _, lb := range must[*elb.DescribeLoadBalancersOutput](t)(w.calls().ELB.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{})).LoadBalancers {
				must[*elb.DeleteLoadBalancerOutput](t)(w.calls().ELB.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn}))
			}
			time.Sleep(10 * time.Minute)
			must[*ec2.DeleteSubnetOutput](t)(w.calls().EC2.DeleteSubnet(t.Context(), &ec2.DeleteSubnetInput{SubnetId: &id}))
		}, "subnet subnet-[0-9a-f]+ is gone"},
		"the port's rule": {func(t *testing.T, w *world, was types.Service) {
			id := was.NetworkConfiguration.AwsvpcConfiguration.SecurityGroups[0]
			g := must[*ec2.DescribeSecurityGroupsOutput](t)(w.calls().EC2.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})).SecurityGroups[0]
			must[*ec2.RevokeSecurityGroupIngressOutput](t)(w.calls().EC2.RevokeSecurityGroupIngress(t.Context(), &ec2.RevokeSecurityGroupIngressInput{GroupId: &id, IpPermissions: g.IpPermissions}))
		}, "port 8080 is admitted by none of its security groups"},
		"the security group": {func(t *testing.T, w *world, was types.Service) {
			must[*ec2.DeleteSecurityGroupOutput](t)(w.calls().EC2.DeleteSecurityGroup(t.Context(), &ec2.DeleteSecurityGroupInput{GroupId: &was.NetworkConfiguration.AwsvpcConfiguration.SecurityGroups[0]}))
		}, "security group sg-[0-9a-f]+ is gone"},
		"the balancer": {func(t *testing.T, w *world, _ types.Service) {
			for _, lb := range must[*elb.DescribeLoadBalancersOutput](t)(w.calls().ELB.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{})).LoadBalancers {
				must[*elb.DeleteLoadBalancerOutput](t)(w.calls().ELB.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn}))
			}
		}, "target group arn:.*app-tg/[0-9a-f]+ is behind no load balancer any more"},
	} {
		t.Run(what, func(t *testing.T) {
			inWorld(t, "", func(t *testing.T, w *world) {
				was := w.changed(t)
				c.take(t, w, was)
				ops := w.changing(func() {
					_, err := w.rollback(t.Context())
					if gone, ok := errors.AsType[*release.GoneError](err); !ok || gone.Release != "app:1" || !regexp.MustCompile(c.want).MatchString(err.Error()) {
						t.Errorf("%v", err)
					}
				})
				if len(ops) > 0 {
					t.Errorf("calls %v", ops)
				}
			})
		})
	}
}

// push makes an image that tag points to, and returns its digest.
func (w *world) push(t *testing.T, tag string) string {
	t.Helper()
	token := must[*ecr.GetAuthorizationTokenOutput](t)(w.calls().ECR.GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{}))
	plain := must[[]byte](t)(base64.StdEncoding.DecodeString(*token.AuthorizationData[0].AuthorizationToken))
	img := must[v1.Image](t)(random.Image(100, 1))
	auth := remote.WithAuth(&authn.Basic{Username: "AWS", Password: strings.TrimPrefix(string(plain), "AWS:")})
	if err := remote.Write(must[name.Tag](t)(name.NewTag(repository+":"+tag)), img, auth, remote.WithTransport(w.Sandbox)); err != nil {
		t.Fatal(err)
	}
	return must[v1.Hash](t)(img.Digest()).String()
}

const repository = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app"

// A tag that has moved since does not move the release: it comes back by the digest of then. One that has not is no
// reason for another revision, and an image that ECR has lost is one for a refusal.
func TestRollbackImages(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		was := w.push(t, "v1")
		if _, err := w.deploy(t.Context(), repository+":v1"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.deploy(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if _, err := w.rollback(t.Context()); err != nil || w.runs() != "app:2" {
			t.Fatal(err, w.runs())
		}
		if _, err := w.rollback(t.Context()); err != nil || w.runs() != "app:3" {
			t.Fatal(err, w.runs())
		}
		w.push(t, "v1")
		if _, err := w.rollback(t.Context()); err != nil || w.runs() != "app:4" {
			t.Fatal(err, w.runs())
		}
		d := w.definition("app:4")
		if got := *d.TaskDefinition.ContainerDefinitions[0].Image; got != repository+"@"+was {
			t.Errorf("runs %s, want %s", got, was)
		}
		tags := aws.TagMap(d.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
		if note, ok := aws.ParseReleaseNote(tags[aws.TagRelease]); !ok || note.Verb != "rollback" || tags[aws.TagImage] != repository+":v1" {
			t.Errorf("tags %v", tags)
		}
		if _, err := w.rollback(t.Context()); err != nil || w.runs() != "app:3" {
			t.Fatal(err, w.runs())
		}
		must[*ecr.BatchDeleteImageOutput](t)(w.calls().ECR.BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: new("app"), ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &was}}}))
		ops := w.changing(func() {
			if _, err := w.rollback(t.Context()); !as[*release.GoneError](err) || !strings.Contains(err.Error(), "app:4 can't be put back as it was: image app@"+was+" is no longer in ECR") {
				t.Error(err)
			}
		})
		if len(ops) > 0 {
			t.Error(ops)
		}
	})
}

// A release can be named: by number, with its family, by its image's digest; also a failed one, with a word about that.
func TestRollbackTo(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.break_()
		if _, err := w.deploy(t.Context(), "public.ecr.aws/x/broken:1"); !as[*aws.RolledBackError](err) {
			t.Fatal(err)
		}
		w.mend()
		for _, image := range []string{other, "public.ecr.aws/x/y:4"} {
			if _, err := w.deploy(t.Context(), image); err != nil {
				t.Fatal(err)
			}
		}
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(other)))
		for _, c := range [][2]string{{"1", "app:1"}, {"app:4", "app:4"}, {digest[:20], "app:3"}, {"3", "app:3"}, {digest, "app:3"}} {
			if _, err := w.rollback(t.Context(), c[0]); err != nil || w.runs() != c[1] {
				t.Errorf("to %s: %v, runs %s", c[0], err, w.runs())
			}
		}
		for _, none := range []string{"9", "other:1", "sha256:0123456789"} {
			if _, err := w.rollback(t.Context(), none); !as[*release.NoReleaseError](err) || !strings.Contains(err.Error(), none) {
				t.Errorf("to %s: %v", none, err)
			}
		}
		stack := w.stack(&release.Rollback{Service: w.service(), Revision: "2"})
		if err := stack.Read(t.Context()); err != nil || !strings.Contains(stack.Plan().String(), "has not succeeded: failed, rolled back") {
			t.Error(err, stack.Plan())
		}
		w.begin("public.ecr.aws/x/y:5", time.Second)
		ops := w.changing(func() {
			if _, err := w.rollback(t.Context(), "1"); !as[*aws.InProgressError](err) {
				t.Error(err)
			}
		})
		if len(ops) > 0 {
			t.Error(ops)
		}
	})
}
