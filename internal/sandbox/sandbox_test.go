package sandbox

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func open(t *testing.T, dir string) *Sandbox {
	t.Helper()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Two processes work on one folder in turns; each sees what the other has done.
func TestKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	one, two := cloudwatchlogs.NewFromConfig(a.Config("eu-west-1")), cloudwatchlogs.NewFromConfig(b.Config("eu-west-1"))
	for i, c := range []*cloudwatchlogs.Client{one, two, one, two} {
		name := "/ecs/" + string(rune('a'+i))
		if _, err := c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name, Tags: map[string]string{"k": "v"}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: new("/ecs/d"), LogStreamName: new("s")}); err != nil {
		t.Fatal(err)
	}
	if _, err := two.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: new("/ecs/d"), LogStreamName: new("s"),
		LogEvents: []types.InputLogEvent{{Message: new("hello"), Timestamp: new(time.Now().UnixMilli())}},
	}); err != nil {
		t.Fatal(err)
	}
	third := cloudwatchlogs.NewFromConfig(open(t, dir).Config("eu-west-1"))
	groups, err := third.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil || len(groups.LogGroups) != 4 || *groups.LogGroups[3].LogGroupName != "/ecs/d" {
		t.Error(err, groups)
	}
	tags, err := third.ListTagsForResource(t.Context(), &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: new("arn:aws:logs:eu-west-1:" + Account + ":log-group:/ecs/a")})
	if err != nil || tags.Tags["k"] != "v" {
		t.Error(err, tags)
	}
	lines, err := third.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: new("/ecs/d")})
	if err != nil || len(lines.Events) != 1 || *lines.Events[0].Message != "hello" {
		t.Error(err, lines)
	}
	other := cloudwatchlogs.NewFromConfig(a.Config("us-east-1"))
	if groups, err := other.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{}); err != nil || len(groups.LogGroups) != 0 {
		t.Error("another region:", err, groups)
	}
}

// A kill in the middle of a save leaves the state before it.
func TestTornSave(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := cloudwatchlogs.NewFromConfig(open(t, dir).Config("eu-west-1"))
	if _, err := c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new("/a")}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "state.json.new"), []byte(`{"Seq": 1, "Reg`), 0o600); err != nil {
		t.Fatal(err)
	}
	c = cloudwatchlogs.NewFromConfig(open(t, dir).Config("eu-west-1"))
	if groups, err := c.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{}); err != nil || len(groups.LogGroups) != 1 {
		t.Error(err, groups)
	}
}

// Over a port, in memory, and with faults.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := open(t, "")
	srv := httptest.NewServer(s)
	defer srv.Close()
	served := s.Config("eu-west-1")
	served.HTTPClient, served.BaseEndpoint = srv.Client(), &srv.URL
	for name, cfg := range map[string]aws.Config{"memory": s.Config("eu-west-1"), "port": served} {
		cfg.RetryMaxAttempts = 1
		c := sts.NewFromConfig(cfg)
		for _, f := range []Fault{{Code: "AccessDenied", Message: "no"}, {Cut: true}, {Lost: true}} {
			s.Inject(f)
			if out, err := c.GetCallerIdentity(t.Context(), nil); err == nil {
				t.Error(name, f, out)
			} else if f.Code != "" && code(errors.Unwrap(err)) != f.Code {
				t.Error(name, f, err)
			}
			s.Heal()
		}
		if out, err := c.GetCallerIdentity(t.Context(), nil); err != nil || *out.Account != Account {
			t.Error(name, out, err)
		}
	}
}
