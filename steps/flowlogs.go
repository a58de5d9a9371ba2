package steps

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/manifest"
)

// FlowLogs record the VPC's traffic in a log group of their own, which their own role writes to.
type FlowLogs struct {
	*App
	VPC *VPC

	roleARN deploy.Out[string]
	writer  *role
	live    *types.FlowLog
	group   *logs.LogGroup
	tagsOf  map[string]string // the group's
}

func (s *FlowLogs) Name() string { return "flowlogs" }

// Wanted is an option. In a VPC that exists they are its owner's.
func (s *FlowLogs) Wanted() bool { return s.Manifest.VPC.FlowLogs && s.Manifest.VPC.ID == "" }

func (s *FlowLogs) groupName() string { return "/vpc/" + s.Manifest.Stack() }
func (s *FlowLogs) groupWhat() string { return "log group " + s.groupName() }

const flowWhat = "VPC flow log"

// describe is the role: it may write to this group, for flow logs of this account (user guide, "IAM role for publishing
// flow logs to CloudWatch Logs").
func (s *FlowLogs) describe() {
	arn := s.arn("logs", "log-group:"+s.groupName())
	s.writer = &role{
		App: s.App, arn: &s.roleARN, name: s.Manifest.Stack() + "-flow-logs-" + s.Region, word: "role/flow-logs",
		trust:  serviceTrust("vpc-flow-logs.amazonaws.com", s.Account, s.arn("ec2", "vpc-flow-log/*")),
		inline: "write", policy: newDocument(manifest.Statement{
			"Effect": "Allow", "Resource": []string{arn, arn + ":*"},
			"Action": []string{"logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams"},
		}),
	}
}

// Read looks for the flow log, and for group and role when there is one, or is to be, or was: the group's tags tell.
func (s *FlowLogs) Read(ctx context.Context) error {
	s.describe()
	traces, _ := s.find(ctx, "flow-logs/group") // without the tagging API there are none
	if err := s.readLog(ctx); err != nil || !s.Wanted() && s.live == nil && len(traces) == 0 {
		return err
	}
	return together(func() error { return s.writer.read(ctx) }, func() error { return s.readGroup(ctx) })
}

func (s *FlowLogs) readLog(ctx context.Context) error {
	list, err := pages(func(token *string) ([]types.FlowLog, *string, error) {
		out, err := s.AWS.EC2.DescribeFlowLogs(ctx, &ec2.DescribeFlowLogsInput{Filter: s.our(), NextToken: token}, patient)
		if err != nil {
			return nil, nil, err
		}
		return out.FlowLogs, out.NextToken, nil
	})
	if err != nil {
		return err
	}
	found, err := byWord("flow log", list, func(f *types.FlowLog) string { return *f.FlowLogId }, func(f *types.FlowLog) []types.Tag { return f.Tags })
	s.live = found["flow-logs"]
	return err
}

func (s *FlowLogs) readGroup(ctx context.Context) error {
	name := s.groupName()
	list, err := pages(func(token *string) ([]logs.LogGroup, *string, error) {
		out, err := s.AWS.Logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.LogGroups, out.NextToken, nil
	})
	for i := range list {
		if *list[i].LogGroupName == name {
			s.group = &list[i]
		}
	}
	if err != nil || s.group == nil {
		return err
	}
	out, err := s.AWS.Logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: new(s.arn("logs", "log-group:"+name))})
	if err != nil {
		return err
	}
	s.tagsOf = out.Tags
	return s.own("log group", name, s.tagsOf)
}

// Plan makes group and role, then the flow log, of which AWS changes nothing: another takes its place.
func (s *FlowLogs) Plan() (plan []deploy.Change) {
	want := s.Manifest.LogGroup.RetentionInDays
	if s.group == nil {
		plan = append(plan, deploy.Change{Op: deploy.Create, What: s.groupWhat(), Group: "roles", Do: s.createGroup})
	} else if diff := deploy.Diff(deploy.F("retention", days(val(s.group.RetentionInDays)), days(want))); diff != nil {
		plan = append(plan, deploy.Change{Op: deploy.Update, What: s.groupWhat(), Diff: diff, Group: "roles", Do: s.retain})
	}
	plan = append(plan, s.writer.plan()...)
	if s.group != nil {
		plan = append(plan, retag(s.groupWhat(), s.tagsOf, s.tags("flow-logs/group"), func(ctx context.Context, tags map[string]string) error {
			_, err := s.AWS.Logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: new(s.arn("logs", "log-group:"+s.groupName())), Tags: tags})
			return err
		})...)
	}
	if s.live == nil {
		return append(plan, deploy.Change{Op: deploy.Create, What: flowWhat, Do: s.create})
	}
	diff := deploy.Diff(deploy.FOut("VPC", val(s.live.ResourceId), s.VPC.ID), deploy.F("traffic", s.live.TrafficType, types.TrafficTypeAll),
		deploy.F("log group", val(s.live.LogGroupName), s.groupName()), deploy.FOut("role", val(s.live.DeliverLogsPermissionArn), s.roleARN))
	if diff != nil {
		return append(plan, deploy.Change{Op: deploy.Replace, What: flowWhat, Diff: diff, Do: func(ctx context.Context) error {
			if err := s.delete(ctx); err != nil {
				return err
			}
			return s.create(ctx)
		}})
	}
	return append(plan, s.retagEC2(flowWhat, *s.live.FlowLogId, s.live.Tags, s.logTags())...)
}

func (s *FlowLogs) logTags() map[string]string {
	return s.named("flow-logs", s.Manifest.Stack()+"-flow-logs")
}

func (s *FlowLogs) createGroup(ctx context.Context) error {
	_, err := s.AWS.Logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new(s.groupName()), Tags: s.tags("flow-logs/group")})
	if err := aws.Ignore(err, "ResourceAlreadyExistsException"); err != nil {
		return err
	}
	if err := s.retain(ctx); err != nil {
		return err
	}
	s.group, s.tagsOf = &logs.LogGroup{RetentionInDays: &s.Manifest.LogGroup.RetentionInDays}, s.tags("flow-logs/group")
	return nil
}

func (s *FlowLogs) retain(ctx context.Context) error {
	_, err := s.AWS.Logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{
		LogGroupName: new(s.groupName()), RetentionInDays: &s.Manifest.LogGroup.RetentionInDays,
	})
	return err
}

// create makes the flow log once the role can be assumed. It answers with success for what it has not made.
func (s *FlowLogs) create(ctx context.Context) error {
	err := deploy.Until(ctx, func(context.Context) (string, error) {
		if time.Since(s.writer.made) < s.pause(propagation) {
			return "the new role becomes known", nil
		}
		return "", nil
	})
	if err != nil {
		return err
	}
	in := &ec2.CreateFlowLogsInput{
		ResourceIds: []string{s.VPC.ID.Get()}, ResourceType: types.FlowLogsResourceTypeVpc, TrafficType: types.TrafficTypeAll,
		LogDestinationType: types.LogDestinationTypeCloudWatchLogs, LogGroupName: new(s.groupName()), DeliverLogsPermissionArn: new(s.roleARN.Get()),
		TagSpecifications: tagSpec(types.ResourceTypeVpcFlowLog, s.logTags()), ClientToken: new(rand.Text()),
	}
	return s.soon(ctx, func() error {
		out, err := s.AWS.EC2.CreateFlowLogs(ctx, in, patient)
		if err != nil {
			return err
		}
		for _, u := range out.Unsuccessful {
			return fmt.Errorf("%s: %w", val(u.Error.Code), errors.New(val(u.Error.Message)))
		}
		s.live = &types.FlowLog{
			FlowLogId: &out.FlowLogIds[0], ResourceId: &in.ResourceIds[0], TrafficType: in.TrafficType, LogGroupName: in.LogGroupName,
			DeliverLogsPermissionArn: in.DeliverLogsPermissionArn, Tags: in.TagSpecifications[0].Tags,
		}
		return nil
	})
}

func (s *FlowLogs) delete(ctx context.Context) error {
	out, err := s.AWS.EC2.DeleteFlowLogs(ctx, &ec2.DeleteFlowLogsInput{FlowLogIds: []string{*s.live.FlowLogId}}, patient)
	if err != nil {
		return err
	}
	for _, u := range out.Unsuccessful {
		if code := val(u.Error.Code); code != "InvalidFlowLogId.NotFound" {
			return fmt.Errorf("%s: %w", code, errors.New(val(u.Error.Message)))
		}
	}
	return nil
}

// Remove takes the role first, so that nothing writes the group anew, and last the flow log, by which the rest is found.
func (s *FlowLogs) Remove() (plan []deploy.Change) {
	plan = s.writer.remove()
	if s.group != nil && !s.Options.KeepLogs {
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: s.groupWhat(), Do: func(ctx context.Context) error {
			_, err := s.AWS.Logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: new(s.groupName())})
			return aws.Ignore(err, "ResourceNotFoundException")
		}})
	}
	if s.live != nil {
		plan = append(plan, deploy.Change{Op: deploy.Delete, What: flowWhat, Do: s.delete})
	}
	return plan
}

var _ deploy.Step = (*FlowLogs)(nil)
