package steps

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// Logs is the log group that the tasks write to. Its name is its identity: under a new name a new group is made, and
// the old one is kept, with all it holds, until destroy.
type Logs struct {
	*App

	Group deploy.Out[string] // its name

	live     *types.LogGroup
	liveTags map[string]string
	old      []string // groups of ours under other names
}

func (s *Logs) Name() string { return "logs" }

// Wanted is always true: a task without a log group does not start.
func (s *Logs) Wanted() bool { return true }

// Read finds the group by its name; DescribeLogGroups knows prefixes only.
func (s *Logs) Read(ctx context.Context) error {
	name := s.Manifest.LogGroup.Name
	in := &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name}
	for more := true; more; {
		page, err := s.AWS.Logs.DescribeLogGroups(ctx, in)
		if err != nil {
			return err
		}
		for _, g := range page.LogGroups {
			if *g.LogGroupName == name {
				s.live = &g
				s.Group.Set(name)
			}
		}
		in.NextToken, more = page.NextToken, page.NextToken != nil
	}
	if s.live != nil {
		out, err := s.AWS.Logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: new(s.groupARN(name))})
		if err != nil {
			return err
		}
		s.liveTags = out.Tags
		if err := s.own("log group", name, s.liveTags); err != nil {
			return err
		}
	}
	return s.findOld(ctx)
}

// findOld finds groups of ours that the manifest now calls otherwise.
func (s *Logs) findOld(ctx context.Context) error {
	arns, err := s.find(ctx, "logs")
	if err != nil {
		return nil //nolint:nilerr // the notes of the plan say that renames can't be seen
	}
	for _, arn := range arns {
		if arn == s.groupARN(s.Manifest.LogGroup.Name) {
			continue
		}
		name := nameOfGroup(arn)
		out, err := s.AWS.Logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
		if err != nil {
			return err
		}
		for _, g := range out.LogGroups {
			if *g.LogGroupName == name {
				s.old = append(s.old, name)
			}
		}
	}
	return nil
}

// Plan makes the group and sets its retention in a second call: a crash between the two leaves "never expire", which
// the next plan shows.
func (s *Logs) Plan() (plan []deploy.Change) {
	want := s.Manifest.LogGroup
	what := "log group " + want.Name
	if s.live == nil {
		plan = append(plan, deploy.Change{Op: deploy.Create, What: what, Do: func(ctx context.Context) error {
			_, err := s.AWS.Logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &want.Name, Tags: s.tags("logs")})
			if err := aws.Ignore(err, "ResourceAlreadyExistsException"); err != nil {
				return err
			}
			s.Group.Set(want.Name)
			return s.retain(ctx)
		}})
		return plan
	}
	if diff := deploy.Diff(deploy.F("retention", days(val(s.live.RetentionInDays)), days(want.RetentionInDays))); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: what, Diff: diff, Do: s.retain})
	}
	return append(plan, retag(what, s.liveTags, s.tags("logs"), func(ctx context.Context, tags map[string]string) error {
		_, err := s.AWS.Logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: new(s.groupARN(want.Name)), Tags: tags})
		return err
	})...)
}

func (s *Logs) retain(ctx context.Context) error {
	_, err := s.AWS.Logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{
		LogGroupName: &s.Manifest.LogGroup.Name, RetentionInDays: &s.Manifest.LogGroup.RetentionInDays,
	})
	return err
}

// Notes names the groups that are kept.
func (s *Logs) Notes() (notes []string) {
	for _, name := range s.old {
		notes = append(notes, fmt.Sprintf("log group %s is kept with its events until destroy", name))
	}
	return notes
}

// Remove deletes the group and those under older names, unless their events are to be kept.
func (s *Logs) Remove() (plan []deploy.Change) {
	if s.Options.KeepLogs {
		return nil
	}
	names := s.old
	if s.live != nil {
		names = append([]string{*s.live.LogGroupName}, names...)
	}
	for _, name := range names {
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: "log group " + name, Group: "delete", Do: func(ctx context.Context) error {
			_, err := s.AWS.Logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &name})
			return aws.Ignore(err, "ResourceNotFoundException")
		}})
	}
	return plan
}

// groupARN is a group's ARN as the tagging calls want it: without the ":*" behind it.
func (s *Logs) groupARN(name string) string { return s.arn("logs", "log-group:"+name) }

func days(n int32) string {
	if n == 0 {
		return "forever"
	}
	return fmt.Sprintf("%d days", n)
}

var (
	_ deploy.Step  = (*Logs)(nil)
	_ deploy.Noter = (*Logs)(nil)
)
