package witness_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/fargatectl/fargatectl/internal/sandbox"
	"github.com/fargatectl/fargatectl/internal/witness"
)

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// What is set is recorded under its name, a token that the SDK fills in too; what is not set is left out.
func TestRecord(t *testing.T) {
	t.Parallel()
	box, err := sandbox.Open(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cfg, b := box.Config("us-east-1"), new(bytes.Buffer)
	witness.Record(&cfg, b)
	group := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new("/ecs/app"), Tags: map[string]string{"a": ""}}
	logs := cloudwatchlogs.NewFromConfig(cfg)
	for range 2 {
		_, _ = logs.CreateLogGroup(t.Context(), group)
	}
	_, _ = logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{Limit: new(int32(0))})
	roles := iam.NewFromConfig(cfg)
	_, _ = roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: new("app"), AssumeRolePolicyDocument: new(trust)})
	_, _ = ecs.NewFromConfig(cfg).RunTask(t.Context(), &ecs.RunTaskInput{TaskDefinition: new("app"), LaunchType: ecstypes.LaunchTypeFargate})
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d records, want 5:\n%s", len(lines), b)
	}
	for i, want := range []string{
		`{"service":"CloudWatch Logs","op":"CreateLogGroup","in":{"LogGroupName":"/ecs/app","Tags":{"a":""}},"out":{}}`,
		`{"service":"CloudWatch Logs","op":"CreateLogGroup","in":{"LogGroupName":"/ecs/app","Tags":{"a":""}},"err":"ResourceAlreadyExistsException"}`,
		`{"service":"CloudWatch Logs","op":"DescribeLogGroups","in":{"Limit":0}`,
		`{"service":"IAM","op":"CreateRole","in":{`,
		`{"service":"ECS","op":"RunTask","in":{"$zero":["EnableECSManagedTags","EnableExecuteCommand"],"ClientToken":"`,
	} {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("record %d\n%s\nwant\n%s", i, lines[i], want)
		}
	}
	var role struct {
		Out struct {
			Role struct{ CreateDate map[string]string }
		}
	}
	if err := json.Unmarshal([]byte(lines[3]), &role); err != nil || role.Out.Role.CreateDate["$time"] == "" {
		t.Errorf("%v: a time is %v", err, role.Out.Role.CreateDate)
	}
	if strings.Contains(b.String(), "ResultMetadata") {
		t.Error("metadata of the SDK was recorded")
	}
}

// The same call with other ids is recorded once.
func TestRecordOnce(t *testing.T) {
	t.Parallel()
	box, err := sandbox.Open(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cfg, b := box.Config("us-east-1"), new(bytes.Buffer)
	witness.Record(&cfg, b)
	logs := cloudwatchlogs.NewFromConfig(cfg)
	for _, name := range []string{"/1", "/22", "/0123456789abcdef"} {
		if _, err := logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(b.String(), "\n"); n != 1 {
		t.Errorf("%d records, want 1:\n%s", n, b)
	}
}
