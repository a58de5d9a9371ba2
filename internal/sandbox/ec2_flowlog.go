package sandbox

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var flowLogs = kind[types.FlowLog]{
	prefix: "fl-", param: "flowLogId", code: "InvalidFlowLogId.NotFound", message: "The flow log ID '%s' does not exist",
	tags: func(f *types.FlowLog) *[]types.Tag { return &f.Tags },
	filters: map[string]func(*types.FlowLog) []string{
		"flow-log-id":          text(func(f *types.FlowLog) *string { return f.FlowLogId }),
		"log-group-name":       text(func(f *types.FlowLog) *string { return f.LogGroupName }),
		"resource-id":          text(func(f *types.FlowLog) *string { return f.ResourceId }),
		"deliver-log-status":   text(func(f *types.FlowLog) *string { return f.DeliverLogsStatus }),
		"log-destination-type": word(func(f *types.FlowLog) types.LogDestinationType { return f.LogDestinationType }),
		"traffic-type":         word(func(f *types.FlowLog) types.TrafficType { return f.TrafficType }),
	},
}

// flowFormat is the default one (user guide, "Flow log records").
const flowFormat = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"

// CreateFlowLogs answers 200 with the resources for which it made none.
func (s *ec2Service) CreateFlowLogs(ctx context.Context, in *ec2.CreateFlowLogsInput) (*ec2.CreateFlowLogsOutput, error) {
	r, out := s.region(ctx), &ec2.CreateFlowLogsOutput{ClientToken: in.ClientToken}
	tags, err := tagsFor(in.TagSpecifications, types.ResourceTypeVpcFlowLog)
	if err != nil {
		return nil, err
	}
	f, err := s.flowLog(r, in)
	if err != nil {
		return nil, err
	}
	if id, err := idempotent(r, "CreateFlowLogs", in.ClientToken, in); err != nil {
		return nil, err
	} else if r.EC2.FlowLogs[id] != nil {
		out.FlowLogIds = []string{id}
		return out, nil
	}
	for _, resource := range in.ResourceIds {
		if err := r.EC2.logged(in.ResourceType, resource); err != nil {
			out.Unsuccessful = append(out.Unsuccessful, types.UnsuccessfulItem{ResourceId: &resource, Error: err})
			continue
		}
		for _, old := range r.EC2.FlowLogs {
			if *old.ResourceId == resource && old.TrafficType == f.TrafficType && val(old.LogGroupName) == val(f.LogGroupName) && val(old.LogDestination) == val(f.LogDestination) {
				return nil, fail("FlowLogAlreadyExists", "Error. There is an existing Flow Log with the same configuration and log destination.")
			}
		}
		one := *f
		one.FlowLogId, one.ResourceId, one.Tags = new(s.id("fl")), &resource, tags
		put(&r.EC2.FlowLogs, *one.FlowLogId, &one)
		out.FlowLogIds = append(out.FlowLogIds, *one.FlowLogId)
		remember(r, "CreateFlowLogs", in.ClientToken, in, *one.FlowLogId)
	}
	return out, nil
}

// flowLog is what a request asks for, without its resource.
func (s *ec2Service) flowLog(r *Region, in *ec2.CreateFlowLogsInput) (*types.FlowLog, error) {
	f := &types.FlowLog{
		CreationTime: new(s.clock), DeliverLogsPermissionArn: in.DeliverLogsPermissionArn, DeliverLogsStatus: new("SUCCESS"), FlowLogStatus: new("ACTIVE"),
		LogDestination: in.LogDestination, LogDestinationType: cmpOr(in.LogDestinationType, types.LogDestinationTypeCloudWatchLogs),
		LogFormat: new(or(in.LogFormat, flowFormat)), LogGroupName: in.LogGroupName, MaxAggregationInterval: new(or(in.MaxAggregationInterval, 600)),
		TrafficType: in.TrafficType,
	}
	switch {
	case len(in.ResourceIds) == 0:
		return nil, fail("MissingParameter", "The request must contain the parameter ResourceIds")
	case in.TrafficType == "":
		return nil, fail("MissingParameter", "The request must contain the parameter TrafficType")
	case *f.MaxAggregationInterval != 60 && *f.MaxAggregationInterval != 600:
		return nil, fail("InvalidParameter", "Invalid Flow Log Max Aggregation Interval")
	case f.LogDestinationType != types.LogDestinationTypeCloudWatchLogs:
		return f, needed("LogDestination", in.LogDestination)
	case in.DeliverLogsPermissionArn == nil:
		return nil, fail("InvalidParameter", "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.")
	case in.LogGroupName != nil && in.LogDestination != nil:
		return nil, fail("InvalidParameter", "Please only provide LogGroupName or only provide LogDestination.")
	case in.LogDestination != nil:
		_, name, _ := strings.Cut(*in.LogDestination, ":log-group:")
		f.LogGroupName = new(strings.TrimSuffix(name, ":*"))
	default:
		f.LogDestination = new(s.arn("logs", r.Name, "log-group:"+val(in.LogGroupName)))
	}
	return f, needed("LogGroupName", f.LogGroupName)
}

// logged says why a resource can't have flow logs.
func (e *ec2State) logged(kind types.FlowLogsResourceType, id string) *types.UnsuccessfulItemError {
	found, code := e.VPCs[id] != nil, vpcs.code
	switch kind {
	case types.FlowLogsResourceTypeSubnet:
		found, code = e.Subnets[id] != nil, subnets.code
	case types.FlowLogsResourceTypeNetworkInterface:
		found, code = e.ENIs[id] != nil, enis.code
	}
	if found {
		return nil
	}
	return &types.UnsuccessfulItemError{Code: &code, Message: new("The resource ID '" + id + "' does not exist")}
}

func (s *ec2Service) DescribeFlowLogs(ctx context.Context, in *ec2.DescribeFlowLogsInput) (*ec2.DescribeFlowLogsOutput, error) {
	found, err := flowLogs.list(s.region(ctx).EC2.FlowLogs, in.FlowLogIds, in.Filter)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeFlowLogsOutput{}
	out.FlowLogs, out.NextToken, err = page(values(found), in.NextToken, in.MaxResults, 1000)
	return out, err
}

func (s *ec2Service) DeleteFlowLogs(ctx context.Context, in *ec2.DeleteFlowLogsInput) (*ec2.DeleteFlowLogsOutput, error) {
	e, out := &s.region(ctx).EC2, &ec2.DeleteFlowLogsOutput{}
	for _, id := range in.FlowLogIds {
		if e.FlowLogs[id] == nil {
			out.Unsuccessful = append(out.Unsuccessful, types.UnsuccessfulItem{ResourceId: &id, Error: &types.UnsuccessfulItemError{
				Code: &flowLogs.code, Message: new("The flow log ID '" + id + "' does not exist"),
			}})
		}
		delete(e.FlowLogs, id)
	}
	return out, nil
}
