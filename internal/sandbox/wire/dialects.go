package wire

import (
	"reflect"
	"sync"

	acm "github.com/aws/aws-sdk-go-v2/service/acm/types"
	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	ecsdocument "github.com/aws/aws-sdk-go-v2/service/ecs/document"
	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	iam "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// A protocol is how a request and its answer are written.
type protocol int

const (
	awsJSON  protocol = iota // X-Amz-Target, JSON both ways; 1.0 and 1.1 differ in their content type
	awsQuery                 // a form in, XML out
	ec2Query                 // the same with lowerCamel names, <item> and flat lists
	restXML
	rpcCBOR // POST /service/<X>/operation/<Op>
	kept    // the trees of Tree
)

// A dialect is how one service spells SDK types on the wire.
type dialect struct {
	protocol protocol
	target   string            // prefix of X-Amz-Target
	version  string            // of the API, in a query request or a REST path
	xmlns    string            // of its XML
	lower    bool              // JSON members begin with a lower-case letter
	names    map[string]string // "Type.Field" → wire name where no rule gives it, see names.go
	statuses map[string]int    // error code → HTTP status, where not 400
	shapes   map[string]string // of a service that has left query: error code → the shape that JSON and CBOR name; nil for others
	routes   []route           // of a REST service
	layouts  sync.Map          // layoutKey → []field
}

// A route binds one REST operation: {Field} in the path, and which keys of the URL and headers of the answer hold
// which fields.
type route struct {
	op, method, path string
	query, header    map[string]string
	status           int // 200 if 0
}

var dialects = map[string]*dialect{
	"sts": {protocol: awsQuery, target: "AWSSecurityTokenServiceV20110615", version: "2011-06-15", xmlns: "https://sts.amazonaws.com/doc/2011-06-15/", names: stsNames, statuses: stsStatuses},
	"ec2": {protocol: ec2Query, target: "AmazonEC2", version: "2016-11-15", xmlns: "http://ec2.amazonaws.com/doc/2016-11-15/", names: ec2Names, statuses: ec2Statuses},
	"iam": {protocol: awsQuery, target: "AWSIdentityManagementV20100508", version: "2010-05-08", xmlns: "https://iam.amazonaws.com/doc/2010-05-08/", names: iamNames, statuses: iamStatuses},
	"elasticloadbalancing": {
		protocol: awsQuery, target: "ElasticLoadBalancing_v10", version: "2015-12-01", xmlns: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
		names: elasticloadbalancingNames, statuses: elasticloadbalancingStatuses,
	},
	"ecs":                     {target: "AmazonEC2ContainerServiceV20141113", lower: true, names: ecsNames, statuses: ecsStatuses},
	"ecr":                     {target: "AmazonEC2ContainerRegistry_V20150921", lower: true, names: ecrNames, statuses: ecrStatuses},
	"logs":                    {target: "Logs_20140328", lower: true, names: logsNames, statuses: logsStatuses},
	"acm":                     {target: "CertificateManager", names: acmNames, statuses: acmStatuses},
	"secretsmanager":          {target: "secretsmanager", names: secretsmanagerNames, statuses: secretsmanagerStatuses},
	"application-autoscaling": {target: "AnyScaleFrontendService", names: applicationautoscalingNames, statuses: applicationautoscalingStatuses},
	"ssm":                     {target: "AmazonSSM", names: ssmNames, statuses: ssmStatuses},
	"kms":                     {target: "TrentService", names: kmsNames, statuses: kmsStatuses},
	"tagging":                 {target: "ResourceGroupsTaggingAPI_20170126", names: taggingNames, statuses: taggingStatuses},
	"monitoring": { // CloudWatch: Go and boto3 speak CBOR, older clients JSON or query
		protocol: awsQuery, target: "GraniteServiceVersion20100801", version: "2010-08-01", xmlns: "http://monitoring.amazonaws.com/doc/2010-08-01/",
		names: monitoringNames, statuses: monitoringStatuses, shapes: monitoringShapes,
	},
	"route53": {protocol: restXML, version: "2013-04-01", xmlns: "https://route53.amazonaws.com/doc/2013-04-01/", names: route53Names, statuses: route53Statuses, routes: route53Routes},
}

// unions are the members of all unions that the operations reach: a Go type does not know what implements it.
var unions = []reflect.Type{
	reflect.TypeFor[*acm.CertificateAuthorityMemberPublicCertificateAuthority](),
	reflect.TypeFor[*acm.PrevalidationDetailsMemberDnsPrevalidation](),
	reflect.TypeFor[*acm.PrevalidationOptionsMemberDnsPrevalidation](),
	reflect.TypeFor[*acm.ValidationChallengeMemberDnsValidationChallenge](),
	reflect.TypeFor[*acm.ValidationChallengeMemberEmailValidationChallenge](),
	reflect.TypeFor[*cloudwatch.EvaluationCriteriaMemberPromQLCriteria](),
	reflect.TypeFor[*cloudwatch.EvaluationWindowMemberSlidingWindow](),
	reflect.TypeFor[*cloudwatch.EvaluationWindowMemberWallClockWindow](),
	reflect.TypeFor[*ecs.GatewayConnectionResourcesMemberHostSharedAlb](),
	reflect.TypeFor[*ecs.GatewayElbAccessLogDestinationMemberS3](),
	reflect.TypeFor[*ecs.GatewayInfrastructureResourcesMemberHostSharedAlb](),
	reflect.TypeFor[*ecs.GatewayRouteResourcesMemberHostSharedAlb](),
	reflect.TypeFor[*ecs.ServiceConnectContainerConfigurationMemberLogLevel](),
	reflect.TypeFor[*ecs.SharingStrategyMemberNvidiaMps](),
	reflect.TypeFor[*iam.PolicyIdentifierMemberInlinePolicyIdentifier](),
	reflect.TypeFor[*iam.PolicyIdentifierMemberPolicyArn](),
	reflect.TypeFor[*iam.PolicyIdentifierMemberPolicyType](),
}

// documents make the free-form JSON members, such as the hookDetails of an ECS deployment lifecycle hook.
var documents = map[reflect.Type]func(any) any{
	reflect.TypeFor[ecsdocument.Interface](): func(v any) any { return ecsdocument.NewLazyDocument(v) },
}

var route53Routes = []route{
	{op: "ListHostedZonesByName", method: "GET", path: "/2013-04-01/hostedzonesbyname", query: map[string]string{"dnsname": "DNSName", "hostedzoneid": "HostedZoneId", "maxitems": "MaxItems"}},
	{op: "ListHostedZones", method: "GET", path: "/2013-04-01/hostedzone", query: map[string]string{"delegationsetid": "DelegationSetId", "hostedzonetype": "HostedZoneType", "marker": "Marker", "maxitems": "MaxItems"}},
	{op: "GetHostedZoneCount", method: "GET", path: "/2013-04-01/hostedzonecount"},
	{op: "GetHostedZone", method: "GET", path: "/2013-04-01/hostedzone/{Id}"},
	{op: "CreateHostedZone", method: "POST", path: "/2013-04-01/hostedzone", header: map[string]string{"Location": "Location"}, status: 201},
	{op: "UpdateHostedZoneComment", method: "POST", path: "/2013-04-01/hostedzone/{Id}"},
	{op: "DeleteHostedZone", method: "DELETE", path: "/2013-04-01/hostedzone/{Id}"},
	{op: "ChangeResourceRecordSets", method: "POST", path: "/2013-04-01/hostedzone/{HostedZoneId}/rrset"},
	{op: "ListResourceRecordSets", method: "GET", path: "/2013-04-01/hostedzone/{HostedZoneId}/rrset", query: map[string]string{"name": "StartRecordName", "type": "StartRecordType", "identifier": "StartRecordIdentifier", "maxitems": "MaxItems"}},
	{op: "GetChange", method: "GET", path: "/2013-04-01/change/{Id}"},
	{op: "ListTagsForResource", method: "GET", path: "/2013-04-01/tags/{ResourceType}/{ResourceId}"},
	{op: "ListTagsForResources", method: "POST", path: "/2013-04-01/tags/{ResourceType}"},
	{op: "ChangeTagsForResource", method: "POST", path: "/2013-04-01/tags/{ResourceType}/{ResourceId}"},
}
