package sandbox

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// GetResources finds by tags what the services of one region hold; roles are not among it.
func TestGetResources(t *testing.T) {
	t.Parallel()
	s := open(t, "")
	cfg, ctx := s.Config("eu-west-1"), t.Context()
	project, env := new("project"), new("env")
	makeRepo(t, s, "eu-west-1", &ecr.CreateRepositoryInput{RepositoryName: new("app"), Tags: []ecrtypes.Tag{{Key: project, Value: new("a")}, {Key: env, Value: new("x")}}})
	makeRepo(t, s, "eu-west-1", &ecr.CreateRepositoryInput{RepositoryName: new("bare")})
	makeRepo(t, s, "us-east-1", &ecr.CreateRepositoryInput{RepositoryName: new("app"), Tags: []ecrtypes.Tag{{Key: project, Value: new("a")}}})
	if _, err := secretsmanager.NewFromConfig(cfg).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: new("a"), Tags: []smtypes.Tag{{Key: project, Value: new("b")}, {Key: env, Value: new("x")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := iam.NewFromConfig(cfg).CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("a"), AssumeRolePolicyDocument: new(tasksTrust), Tags: []iamtypes.Tag{{Key: project, Value: new("a")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new("/a"), Tags: map[string]string{"project": "a"}}); err != nil {
		t.Fatal(err)
	}
	c := resourcegroupstaggingapi.NewFromConfig(cfg)
	for _, tt := range []struct {
		filters []types.TagFilter
		kinds   []string
		want    string
	}{
		{nil, nil, "ecr:repository/app logs:log-group:/a secretsmanager:secret:a"},
		{[]types.TagFilter{{Key: project, Values: []string{"a"}}}, nil, "ecr:repository/app logs:log-group:/a"},
		{[]types.TagFilter{{Key: project, Values: []string{"a", "b"}}, {Key: env}}, nil, "ecr:repository/app secretsmanager:secret:a"},
		{[]types.TagFilter{{Key: project}}, []string{"secretsmanager", "ecr:repository"}, "ecr:repository/app secretsmanager:secret:a"},
		{[]types.TagFilter{{Key: new("Project")}}, nil, ""},
	} {
		var found []string
		in := &resourcegroupstaggingapi.GetResourcesInput{TagFilters: tt.filters, ResourceTypeFilters: tt.kinds, ResourcesPerPage: new(int32(1))}
		for pages := resourcegroupstaggingapi.NewGetResourcesPaginator(c, in); pages.HasMorePages(); {
			out, err := pages.NextPage(ctx)
			if err != nil || len(out.ResourceTagMappingList) > 1 || out.PaginationToken == nil {
				t.Fatal(out, err)
			}
			for _, m := range out.ResourceTagMappingList {
				arn := strings.SplitN(strings.TrimPrefix(*m.ResourceARN, "arn:aws:"), ":", 4) // service:region:account:resource
				name, _, secret := strings.Cut(arn[3], "secret:a-")
				if secret {
					arn[3] = name + "secret:a"
				}
				found = append(found, arn[0]+":"+arn[3])
			}
		}
		if got := strings.Join(found, " "); got != tt.want {
			t.Errorf("%v %v: %s, want %s", tt.filters, tt.kinds, got, tt.want)
		}
	}
}
