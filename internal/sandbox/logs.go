package sandbox

import (
	"context"
	"fmt"
	"hash/fnv"
	"path"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// logsState is what CloudWatch Logs holds; the events are in files of their own.
type logsState struct{ Groups map[string]*logGroup }

type logGroup struct {
	types.LogGroup
	Tags    map[string]string
	Streams map[string]*types.LogStream
	File    string // of its events
}

type logsService struct{ *Sandbox }

func newLogs(s *Sandbox) *logsService { return &logsService{s} }

var (
	logGroupName = regexp.MustCompile(`^[a-zA-Z0-9_/.#-]{1,512}$`)
	// retentions are the values that PutRetentionPolicy takes (API reference of PutRetentionPolicy).
	retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)

func (s *logsService) CreateLogGroup(ctx context.Context, in *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error) {
	name, r := val(in.LogGroupName), s.region(ctx)
	if !logGroupName.MatchString(name) || strings.HasPrefix(name, "aws/") {
		return nil, fail("InvalidParameterException", "1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint", name)
	}
	if r.Logs.Groups[name] != nil {
		return nil, fail("ResourceAlreadyExistsException", "The specified log group already exists")
	}
	s.makeGroup(r, name, in.Tags)
	return &cloudwatchlogs.CreateLogGroupOutput{}, nil
}

func (s *Sandbox) makeGroup(r *Region, name string, tags map[string]string) {
	arn := s.arn("logs", r.Name, "log-group:"+name)
	file := fnv.New64a()
	fmt.Fprint(file, r.Name, name, s.hex(16))
	g := &logGroup{Tags: tags, Streams: map[string]*types.LogStream{}, File: path.Join("logs", strconv.FormatUint(file.Sum64(), 16)+".jsonl")}
	g.LogGroup = types.LogGroup{
		LogGroupName: &name, Arn: new(arn + ":*"), LogGroupArn: &arn, CreationTime: new(s.clock.UnixMilli()),
		LogGroupClass: types.LogGroupClassStandard, MetricFilterCount: new(int32(0)), StoredBytes: new(int64(0)),
	}
	if r.Logs.Groups == nil {
		r.Logs.Groups = map[string]*logGroup{}
	}
	r.Logs.Groups[name] = g
}

func (s *logsService) DescribeLogGroups(ctx context.Context, in *cloudwatchlogs.DescribeLogGroupsInput) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	out := &cloudwatchlogs.DescribeLogGroupsOutput{}
	for name, g := range sorted(s.region(ctx).Logs.Groups) {
		if strings.HasPrefix(name, val(in.LogGroupNamePrefix)) && strings.Contains(name, val(in.LogGroupNamePattern)) {
			out.LogGroups = append(out.LogGroups, g.LogGroup)
		}
	}
	var err error
	out.LogGroups, out.NextToken, err = page(out.LogGroups, in.NextToken, in.Limit, 50)
	return out, err
}

func (s *logsService) group(ctx context.Context, name *string) (*logGroup, error) {
	g := s.region(ctx).Logs.Groups[val(name)]
	if g == nil {
		return nil, fail("ResourceNotFoundException", "The specified log group does not exist.")
	}
	return g, nil
}

// groupByARN takes the ARN with or without the ":*" behind it, as TagResource does without.
func (s *logsService) groupByARN(ctx context.Context, arn *string) (*logGroup, error) {
	_, name, _ := strings.Cut(val(arn), ":log-group:")
	return s.group(ctx, &name)
}

func (s *logsService) PutRetentionPolicy(ctx context.Context, in *cloudwatchlogs.PutRetentionPolicyInput) (*cloudwatchlogs.PutRetentionPolicyOutput, error) {
	g, err := s.group(ctx, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(retentions, val(in.RetentionInDays)) {
		return nil, fail("InvalidParameterException", "1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set", val(in.RetentionInDays))
	}
	g.RetentionInDays = in.RetentionInDays
	return &cloudwatchlogs.PutRetentionPolicyOutput{}, nil
}

func (s *logsService) DeleteLogGroup(ctx context.Context, in *cloudwatchlogs.DeleteLogGroupInput) (*cloudwatchlogs.DeleteLogGroupOutput, error) {
	g, err := s.group(ctx, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	delete(s.region(ctx).Logs.Groups, *in.LogGroupName)
	return &cloudwatchlogs.DeleteLogGroupOutput{}, s.store.remove(g.File)
}

func (s *logsService) ListTagsForResource(ctx context.Context, in *cloudwatchlogs.ListTagsForResourceInput) (*cloudwatchlogs.ListTagsForResourceOutput, error) {
	g, err := s.groupByARN(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.ListTagsForResourceOutput{Tags: g.Tags}, nil
}

func (s *logsService) TagResource(ctx context.Context, in *cloudwatchlogs.TagResourceInput) (*cloudwatchlogs.TagResourceOutput, error) {
	g, err := s.groupByARN(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	g.Tags = merge(g.Tags, in.Tags)
	return &cloudwatchlogs.TagResourceOutput{}, nil
}

func (s *logsService) UntagResource(ctx context.Context, in *cloudwatchlogs.UntagResourceInput) (*cloudwatchlogs.UntagResourceOutput, error) {
	g, err := s.groupByARN(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(g.Tags, k)
	}
	return &cloudwatchlogs.UntagResourceOutput{}, nil
}

func (s *logsService) CreateLogStream(ctx context.Context, in *cloudwatchlogs.CreateLogStreamInput) (*cloudwatchlogs.CreateLogStreamOutput, error) {
	g, err := s.group(ctx, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if g.Streams[val(in.LogStreamName)] != nil {
		return nil, fail("ResourceAlreadyExistsException", "The specified log stream already exists")
	}
	s.stream(g, val(in.LogStreamName))
	return &cloudwatchlogs.CreateLogStreamOutput{}, nil
}

func (s *Sandbox) stream(g *logGroup, name string) *types.LogStream {
	if g.Streams == nil {
		g.Streams = map[string]*types.LogStream{}
	}
	if g.Streams[name] == nil {
		g.Streams[name] = &types.LogStream{
			LogStreamName: &name, CreationTime: new(s.clock.UnixMilli()),
			Arn: new(strings.TrimSuffix(*g.Arn, "*") + "log-stream:" + name),
		}
	}
	return g.Streams[name]
}

func (s *logsService) DescribeLogStreams(ctx context.Context, in *cloudwatchlogs.DescribeLogStreamsInput) (*cloudwatchlogs.DescribeLogStreamsOutput, error) {
	g, err := s.group(ctx, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if in.OrderBy == types.OrderByLastEventTime && in.LogStreamNamePrefix != nil {
		return nil, fail("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	out := &cloudwatchlogs.DescribeLogStreamsOutput{}
	for name, st := range sorted(g.Streams) {
		if strings.HasPrefix(name, val(in.LogStreamNamePrefix)) {
			out.LogStreams = append(out.LogStreams, *st)
		}
	}
	if in.OrderBy == types.OrderByLastEventTime {
		sort.SliceStable(out.LogStreams, func(i, j int) bool {
			return val(out.LogStreams[i].LastEventTimestamp) < val(out.LogStreams[j].LastEventTimestamp)
		})
	}
	if val(in.Descending) {
		slices.Reverse(out.LogStreams)
	}
	out.LogStreams, out.NextToken, err = page(out.LogStreams, in.NextToken, in.Limit, 50)
	return out, err
}
