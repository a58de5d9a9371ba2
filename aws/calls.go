// Package aws knows accounts, credentials and AWS's manners: the calls we make, ownership tags, what an error means and
// what to do about it, waits, retries and tokens. It knows no resource's shape; the steps do.
package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Calls lists every operation that fargatectl makes, as method values of the SDK's clients. A *ec2.Client behind an
// interface would keep all its methods in the binary (39 MB instead of 9 for EC2 alone, once anything links reflect's
// Method, as text/template does). The list is also what a least-privilege policy is made from.
type Calls struct {
	ACM        ACM
	CloudWatch CloudWatch
	EC2        EC2
	ECR        ECR
	ECS        ECS
	ELB        ELB
	IAM        IAM
	Logs       Logs
	Route53    Route53
	SSM        SSM
	KMS        KMS
	STS        STS
	Scaling    Scaling
	Secrets    Secrets
	Tagging    Tagging
}

// A call is one operation of a client.
type call[In, Out, Option any] = func(context.Context, *In, ...func(*Option)) (*Out, error)

// Connect fills the list from clients that share one configuration.
func Connect(cfg aws.Config) *Calls {
	return &Calls{
		ACM:        newACM(acm.NewFromConfig(cfg)),
		CloudWatch: newCloudWatch(cloudwatch.NewFromConfig(cfg)),
		EC2:        newEC2(ec2.NewFromConfig(cfg)),
		ECR:        newECR(ecr.NewFromConfig(cfg)),
		ECS:        newECS(ecs.NewFromConfig(cfg)),
		ELB:        newELB(elb.NewFromConfig(cfg)),
		IAM:        newIAM(iam.NewFromConfig(cfg)),
		Logs:       newLogs(logs.NewFromConfig(cfg)),
		Route53:    newRoute53(route53.NewFromConfig(cfg)),
		SSM:        newSSM(cfg),
		KMS:        newKMS(cfg),
		STS:        newSTS(sts.NewFromConfig(cfg)),
		Scaling:    newScaling(scaling.NewFromConfig(cfg)),
		Secrets:    newSecrets(secretsmanager.NewFromConfig(cfg)),
		Tagging:    newTagging(tagging.NewFromConfig(cfg)),
	}
}

// ACM is the operations of acm that we make.
type ACM struct {
	AddTagsToCertificate   call[acm.AddTagsToCertificateInput, acm.AddTagsToCertificateOutput, acm.Options]
	DeleteCertificate      call[acm.DeleteCertificateInput, acm.DeleteCertificateOutput, acm.Options]
	DescribeCertificate    call[acm.DescribeCertificateInput, acm.DescribeCertificateOutput, acm.Options]
	ListCertificates       call[acm.ListCertificatesInput, acm.ListCertificatesOutput, acm.Options]
	ListTagsForCertificate call[acm.ListTagsForCertificateInput, acm.ListTagsForCertificateOutput, acm.Options]
	RequestCertificate     call[acm.RequestCertificateInput, acm.RequestCertificateOutput, acm.Options]
}

func newACM(c *acm.Client) ACM {
	return ACM{
		AddTagsToCertificate:   c.AddTagsToCertificate,
		DeleteCertificate:      c.DeleteCertificate,
		DescribeCertificate:    c.DescribeCertificate,
		ListCertificates:       c.ListCertificates,
		ListTagsForCertificate: c.ListTagsForCertificate,
		RequestCertificate:     c.RequestCertificate,
	}
}

// CloudWatch is the operations of cloudwatch that we make.
type CloudWatch struct {
	DescribeAlarms call[cloudwatch.DescribeAlarmsInput, cloudwatch.DescribeAlarmsOutput, cloudwatch.Options]
	GetMetricData  call[cloudwatch.GetMetricDataInput, cloudwatch.GetMetricDataOutput, cloudwatch.Options]
}

func newCloudWatch(c *cloudwatch.Client) CloudWatch {
	return CloudWatch{
		DescribeAlarms: c.DescribeAlarms,
		GetMetricData:  c.GetMetricData,
	}
}

// EC2 is the operations of ec2 that we make.
type EC2 struct {
	AllocateAddress               call[ec2.AllocateAddressInput, ec2.AllocateAddressOutput, ec2.Options]
	AssociateRouteTable           call[ec2.AssociateRouteTableInput, ec2.AssociateRouteTableOutput, ec2.Options]
	AttachInternetGateway         call[ec2.AttachInternetGatewayInput, ec2.AttachInternetGatewayOutput, ec2.Options]
	AuthorizeSecurityGroupEgress  call[ec2.AuthorizeSecurityGroupEgressInput, ec2.AuthorizeSecurityGroupEgressOutput, ec2.Options]
	AuthorizeSecurityGroupIngress call[ec2.AuthorizeSecurityGroupIngressInput, ec2.AuthorizeSecurityGroupIngressOutput, ec2.Options]
	CreateFlowLogs                call[ec2.CreateFlowLogsInput, ec2.CreateFlowLogsOutput, ec2.Options]
	CreateInternetGateway         call[ec2.CreateInternetGatewayInput, ec2.CreateInternetGatewayOutput, ec2.Options]
	CreateNatGateway              call[ec2.CreateNatGatewayInput, ec2.CreateNatGatewayOutput, ec2.Options]
	CreateRoute                   call[ec2.CreateRouteInput, ec2.CreateRouteOutput, ec2.Options]
	CreateRouteTable              call[ec2.CreateRouteTableInput, ec2.CreateRouteTableOutput, ec2.Options]
	CreateSecurityGroup           call[ec2.CreateSecurityGroupInput, ec2.CreateSecurityGroupOutput, ec2.Options]
	CreateSubnet                  call[ec2.CreateSubnetInput, ec2.CreateSubnetOutput, ec2.Options]
	CreateTags                    call[ec2.CreateTagsInput, ec2.CreateTagsOutput, ec2.Options]
	CreateVpc                     call[ec2.CreateVpcInput, ec2.CreateVpcOutput, ec2.Options]
	CreateVpcEndpoint             call[ec2.CreateVpcEndpointInput, ec2.CreateVpcEndpointOutput, ec2.Options]
	DeleteFlowLogs                call[ec2.DeleteFlowLogsInput, ec2.DeleteFlowLogsOutput, ec2.Options]
	DeleteInternetGateway         call[ec2.DeleteInternetGatewayInput, ec2.DeleteInternetGatewayOutput, ec2.Options]
	DeleteNatGateway              call[ec2.DeleteNatGatewayInput, ec2.DeleteNatGatewayOutput, ec2.Options]
	DeleteRoute                   call[ec2.DeleteRouteInput, ec2.DeleteRouteOutput, ec2.Options]
	DeleteRouteTable              call[ec2.DeleteRouteTableInput, ec2.DeleteRouteTableOutput, ec2.Options]
	DeleteSecurityGroup           call[ec2.DeleteSecurityGroupInput, ec2.DeleteSecurityGroupOutput, ec2.Options]
	DeleteSubnet                  call[ec2.DeleteSubnetInput, ec2.DeleteSubnetOutput, ec2.Options]
	DeleteVpc                     call[ec2.DeleteVpcInput, ec2.DeleteVpcOutput, ec2.Options]
	DeleteVpcEndpoints            call[ec2.DeleteVpcEndpointsInput, ec2.DeleteVpcEndpointsOutput, ec2.Options]
	DescribeAddresses             call[ec2.DescribeAddressesInput, ec2.DescribeAddressesOutput, ec2.Options]
	DescribeAvailabilityZones     call[ec2.DescribeAvailabilityZonesInput, ec2.DescribeAvailabilityZonesOutput, ec2.Options]
	DescribeFlowLogs              call[ec2.DescribeFlowLogsInput, ec2.DescribeFlowLogsOutput, ec2.Options]
	DescribeInternetGateways      call[ec2.DescribeInternetGatewaysInput, ec2.DescribeInternetGatewaysOutput, ec2.Options]
	DescribeNatGateways           call[ec2.DescribeNatGatewaysInput, ec2.DescribeNatGatewaysOutput, ec2.Options]
	DescribeNetworkInterfaces     call[ec2.DescribeNetworkInterfacesInput, ec2.DescribeNetworkInterfacesOutput, ec2.Options]
	DescribeRouteTables           call[ec2.DescribeRouteTablesInput, ec2.DescribeRouteTablesOutput, ec2.Options]
	DescribeSecurityGroups        call[ec2.DescribeSecurityGroupsInput, ec2.DescribeSecurityGroupsOutput, ec2.Options]
	DescribeSubnets               call[ec2.DescribeSubnetsInput, ec2.DescribeSubnetsOutput, ec2.Options]
	DescribeVpcAttribute          call[ec2.DescribeVpcAttributeInput, ec2.DescribeVpcAttributeOutput, ec2.Options]
	DescribeVpcEndpoints          call[ec2.DescribeVpcEndpointsInput, ec2.DescribeVpcEndpointsOutput, ec2.Options]
	DescribeVpcs                  call[ec2.DescribeVpcsInput, ec2.DescribeVpcsOutput, ec2.Options]
	DetachInternetGateway         call[ec2.DetachInternetGatewayInput, ec2.DetachInternetGatewayOutput, ec2.Options]
	DisassociateRouteTable        call[ec2.DisassociateRouteTableInput, ec2.DisassociateRouteTableOutput, ec2.Options]
	ModifyVpcAttribute            call[ec2.ModifyVpcAttributeInput, ec2.ModifyVpcAttributeOutput, ec2.Options]
	ModifyVpcEndpoint             call[ec2.ModifyVpcEndpointInput, ec2.ModifyVpcEndpointOutput, ec2.Options]
	ReleaseAddress                call[ec2.ReleaseAddressInput, ec2.ReleaseAddressOutput, ec2.Options]
	ReplaceRoute                  call[ec2.ReplaceRouteInput, ec2.ReplaceRouteOutput, ec2.Options]
	ReplaceRouteTableAssociation  call[ec2.ReplaceRouteTableAssociationInput, ec2.ReplaceRouteTableAssociationOutput, ec2.Options]
	RevokeSecurityGroupEgress     call[ec2.RevokeSecurityGroupEgressInput, ec2.RevokeSecurityGroupEgressOutput, ec2.Options]
	RevokeSecurityGroupIngress    call[ec2.RevokeSecurityGroupIngressInput, ec2.RevokeSecurityGroupIngressOutput, ec2.Options]
}

func newEC2(c *ec2.Client) EC2 {
	return EC2{
		AllocateAddress:               c.AllocateAddress,
		AssociateRouteTable:           c.AssociateRouteTable,
		AttachInternetGateway:         c.AttachInternetGateway,
		AuthorizeSecurityGroupEgress:  c.AuthorizeSecurityGroupEgress,
		AuthorizeSecurityGroupIngress: c.AuthorizeSecurityGroupIngress,
		CreateFlowLogs:                c.CreateFlowLogs,
		CreateInternetGateway:         c.CreateInternetGateway,
		CreateNatGateway:              c.CreateNatGateway,
		CreateRoute:                   c.CreateRoute,
		CreateRouteTable:              c.CreateRouteTable,
		CreateSecurityGroup:           c.CreateSecurityGroup,
		CreateSubnet:                  c.CreateSubnet,
		CreateTags:                    c.CreateTags,
		CreateVpc:                     c.CreateVpc,
		CreateVpcEndpoint:             c.CreateVpcEndpoint,
		DeleteFlowLogs:                c.DeleteFlowLogs,
		DeleteInternetGateway:         c.DeleteInternetGateway,
		DeleteNatGateway:              c.DeleteNatGateway,
		DeleteRoute:                   c.DeleteRoute,
		DeleteRouteTable:              c.DeleteRouteTable,
		DeleteSecurityGroup:           c.DeleteSecurityGroup,
		DeleteSubnet:                  c.DeleteSubnet,
		DeleteVpc:                     c.DeleteVpc,
		DeleteVpcEndpoints:            c.DeleteVpcEndpoints,
		DescribeAddresses:             c.DescribeAddresses,
		DescribeAvailabilityZones:     c.DescribeAvailabilityZones,
		DescribeFlowLogs:              c.DescribeFlowLogs,
		DescribeInternetGateways:      c.DescribeInternetGateways,
		DescribeNatGateways:           c.DescribeNatGateways,
		DescribeNetworkInterfaces:     c.DescribeNetworkInterfaces,
		DescribeRouteTables:           c.DescribeRouteTables,
		DescribeSecurityGroups:        c.DescribeSecurityGroups,
		DescribeSubnets:               c.DescribeSubnets,
		DescribeVpcAttribute:          c.DescribeVpcAttribute,
		DescribeVpcEndpoints:          c.DescribeVpcEndpoints,
		DescribeVpcs:                  c.DescribeVpcs,
		DetachInternetGateway:         c.DetachInternetGateway,
		DisassociateRouteTable:        c.DisassociateRouteTable,
		ModifyVpcAttribute:            c.ModifyVpcAttribute,
		ModifyVpcEndpoint:             c.ModifyVpcEndpoint,
		ReleaseAddress:                c.ReleaseAddress,
		ReplaceRoute:                  c.ReplaceRoute,
		ReplaceRouteTableAssociation:  c.ReplaceRouteTableAssociation,
		RevokeSecurityGroupEgress:     c.RevokeSecurityGroupEgress,
		RevokeSecurityGroupIngress:    c.RevokeSecurityGroupIngress,
	}
}

// ECR is the operations of ecr that we make.
type ECR struct {
	BatchDeleteImage              call[ecr.BatchDeleteImageInput, ecr.BatchDeleteImageOutput, ecr.Options]
	BatchGetImage                 call[ecr.BatchGetImageInput, ecr.BatchGetImageOutput, ecr.Options]
	CreateRepository              call[ecr.CreateRepositoryInput, ecr.CreateRepositoryOutput, ecr.Options]
	DeleteRepository              call[ecr.DeleteRepositoryInput, ecr.DeleteRepositoryOutput, ecr.Options]
	DescribeImageScanFindings     call[ecr.DescribeImageScanFindingsInput, ecr.DescribeImageScanFindingsOutput, ecr.Options]
	DescribeImages                call[ecr.DescribeImagesInput, ecr.DescribeImagesOutput, ecr.Options]
	DescribeRepositories          call[ecr.DescribeRepositoriesInput, ecr.DescribeRepositoriesOutput, ecr.Options]
	GetAuthorizationToken         call[ecr.GetAuthorizationTokenInput, ecr.GetAuthorizationTokenOutput, ecr.Options]
	GetLifecyclePolicy            call[ecr.GetLifecyclePolicyInput, ecr.GetLifecyclePolicyOutput, ecr.Options]
	ListImages                    call[ecr.ListImagesInput, ecr.ListImagesOutput, ecr.Options]
	ListTagsForResource           call[ecr.ListTagsForResourceInput, ecr.ListTagsForResourceOutput, ecr.Options]
	PutImage                      call[ecr.PutImageInput, ecr.PutImageOutput, ecr.Options]
	PutImageScanningConfiguration call[ecr.PutImageScanningConfigurationInput, ecr.PutImageScanningConfigurationOutput, ecr.Options]
	PutImageTagMutability         call[ecr.PutImageTagMutabilityInput, ecr.PutImageTagMutabilityOutput, ecr.Options]
	PutLifecyclePolicy            call[ecr.PutLifecyclePolicyInput, ecr.PutLifecyclePolicyOutput, ecr.Options]
	TagResource                   call[ecr.TagResourceInput, ecr.TagResourceOutput, ecr.Options]
	StartImageScan                call[ecr.StartImageScanInput, ecr.StartImageScanOutput, ecr.Options]
}

func newECR(c *ecr.Client) ECR {
	return ECR{
		BatchDeleteImage:              c.BatchDeleteImage,
		BatchGetImage:                 c.BatchGetImage,
		CreateRepository:              c.CreateRepository,
		DeleteRepository:              c.DeleteRepository,
		DescribeImageScanFindings:     c.DescribeImageScanFindings,
		DescribeImages:                c.DescribeImages,
		DescribeRepositories:          c.DescribeRepositories,
		GetAuthorizationToken:         c.GetAuthorizationToken,
		GetLifecyclePolicy:            c.GetLifecyclePolicy,
		ListImages:                    c.ListImages,
		ListTagsForResource:           c.ListTagsForResource,
		PutImage:                      c.PutImage,
		PutImageScanningConfiguration: c.PutImageScanningConfiguration,
		PutImageTagMutability:         c.PutImageTagMutability,
		PutLifecyclePolicy:            c.PutLifecyclePolicy,
		TagResource:                   c.TagResource,
		StartImageScan:                c.StartImageScan,
	}
}

// ECS is the operations of ecs that we make.
type ECS struct {
	CreateCluster               call[ecs.CreateClusterInput, ecs.CreateClusterOutput, ecs.Options]
	CreateService               call[ecs.CreateServiceInput, ecs.CreateServiceOutput, ecs.Options]
	DeleteCluster               call[ecs.DeleteClusterInput, ecs.DeleteClusterOutput, ecs.Options]
	DeleteService               call[ecs.DeleteServiceInput, ecs.DeleteServiceOutput, ecs.Options]
	DeleteTaskDefinitions       call[ecs.DeleteTaskDefinitionsInput, ecs.DeleteTaskDefinitionsOutput, ecs.Options]
	DeregisterTaskDefinition    call[ecs.DeregisterTaskDefinitionInput, ecs.DeregisterTaskDefinitionOutput, ecs.Options]
	DescribeClusters            call[ecs.DescribeClustersInput, ecs.DescribeClustersOutput, ecs.Options]
	DescribeServiceDeployments  call[ecs.DescribeServiceDeploymentsInput, ecs.DescribeServiceDeploymentsOutput, ecs.Options]
	DescribeServiceRevisions    call[ecs.DescribeServiceRevisionsInput, ecs.DescribeServiceRevisionsOutput, ecs.Options]
	DescribeServices            call[ecs.DescribeServicesInput, ecs.DescribeServicesOutput, ecs.Options]
	DescribeTaskDefinition      call[ecs.DescribeTaskDefinitionInput, ecs.DescribeTaskDefinitionOutput, ecs.Options]
	DescribeTasks               call[ecs.DescribeTasksInput, ecs.DescribeTasksOutput, ecs.Options]
	ExecuteCommand              call[ecs.ExecuteCommandInput, ecs.ExecuteCommandOutput, ecs.Options]
	ListServiceDeployments      call[ecs.ListServiceDeploymentsInput, ecs.ListServiceDeploymentsOutput, ecs.Options]
	ListTaskDefinitions         call[ecs.ListTaskDefinitionsInput, ecs.ListTaskDefinitionsOutput, ecs.Options]
	ListTasks                   call[ecs.ListTasksInput, ecs.ListTasksOutput, ecs.Options]
	PutClusterCapacityProviders call[ecs.PutClusterCapacityProvidersInput, ecs.PutClusterCapacityProvidersOutput, ecs.Options]
	RegisterTaskDefinition      call[ecs.RegisterTaskDefinitionInput, ecs.RegisterTaskDefinitionOutput, ecs.Options]
	RunTask                     call[ecs.RunTaskInput, ecs.RunTaskOutput, ecs.Options]
	StopServiceDeployment       call[ecs.StopServiceDeploymentInput, ecs.StopServiceDeploymentOutput, ecs.Options]
	StopTask                    call[ecs.StopTaskInput, ecs.StopTaskOutput, ecs.Options]
	TagResource                 call[ecs.TagResourceInput, ecs.TagResourceOutput, ecs.Options]
	UpdateClusterSettings       call[ecs.UpdateClusterSettingsInput, ecs.UpdateClusterSettingsOutput, ecs.Options]
	UpdateService               call[ecs.UpdateServiceInput, ecs.UpdateServiceOutput, ecs.Options]
}

func newECS(c *ecs.Client) ECS {
	return ECS{
		CreateCluster:               c.CreateCluster,
		CreateService:               c.CreateService,
		DeleteCluster:               c.DeleteCluster,
		DeleteService:               c.DeleteService,
		DeleteTaskDefinitions:       c.DeleteTaskDefinitions,
		DeregisterTaskDefinition:    c.DeregisterTaskDefinition,
		DescribeClusters:            c.DescribeClusters,
		DescribeServiceDeployments:  c.DescribeServiceDeployments,
		DescribeServiceRevisions:    c.DescribeServiceRevisions,
		DescribeServices:            c.DescribeServices,
		DescribeTaskDefinition:      c.DescribeTaskDefinition,
		DescribeTasks:               c.DescribeTasks,
		ExecuteCommand:              c.ExecuteCommand,
		ListServiceDeployments:      c.ListServiceDeployments,
		ListTaskDefinitions:         c.ListTaskDefinitions,
		ListTasks:                   c.ListTasks,
		PutClusterCapacityProviders: c.PutClusterCapacityProviders,
		RegisterTaskDefinition:      c.RegisterTaskDefinition,
		RunTask:                     c.RunTask,
		StopServiceDeployment:       c.StopServiceDeployment,
		StopTask:                    c.StopTask,
		TagResource:                 c.TagResource,
		UpdateClusterSettings:       c.UpdateClusterSettings,
		UpdateService:               c.UpdateService,
	}
}

// ELB is the operations of elasticloadbalancingv2 that we make.
type ELB struct {
	AddTags                        call[elb.AddTagsInput, elb.AddTagsOutput, elb.Options]
	CreateListener                 call[elb.CreateListenerInput, elb.CreateListenerOutput, elb.Options]
	CreateLoadBalancer             call[elb.CreateLoadBalancerInput, elb.CreateLoadBalancerOutput, elb.Options]
	CreateTargetGroup              call[elb.CreateTargetGroupInput, elb.CreateTargetGroupOutput, elb.Options]
	DeleteListener                 call[elb.DeleteListenerInput, elb.DeleteListenerOutput, elb.Options]
	DeleteLoadBalancer             call[elb.DeleteLoadBalancerInput, elb.DeleteLoadBalancerOutput, elb.Options]
	DeleteTargetGroup              call[elb.DeleteTargetGroupInput, elb.DeleteTargetGroupOutput, elb.Options]
	DescribeListeners              call[elb.DescribeListenersInput, elb.DescribeListenersOutput, elb.Options]
	DescribeLoadBalancerAttributes call[elb.DescribeLoadBalancerAttributesInput, elb.DescribeLoadBalancerAttributesOutput, elb.Options]
	DescribeLoadBalancers          call[elb.DescribeLoadBalancersInput, elb.DescribeLoadBalancersOutput, elb.Options]
	DescribeSSLPolicies            call[elb.DescribeSSLPoliciesInput, elb.DescribeSSLPoliciesOutput, elb.Options]
	DescribeTags                   call[elb.DescribeTagsInput, elb.DescribeTagsOutput, elb.Options]
	DescribeTargetGroupAttributes  call[elb.DescribeTargetGroupAttributesInput, elb.DescribeTargetGroupAttributesOutput, elb.Options]
	DescribeTargetGroups           call[elb.DescribeTargetGroupsInput, elb.DescribeTargetGroupsOutput, elb.Options]
	DescribeTargetHealth           call[elb.DescribeTargetHealthInput, elb.DescribeTargetHealthOutput, elb.Options]
	ModifyListener                 call[elb.ModifyListenerInput, elb.ModifyListenerOutput, elb.Options]
	ModifyLoadBalancerAttributes   call[elb.ModifyLoadBalancerAttributesInput, elb.ModifyLoadBalancerAttributesOutput, elb.Options]
	ModifyTargetGroup              call[elb.ModifyTargetGroupInput, elb.ModifyTargetGroupOutput, elb.Options]
	ModifyTargetGroupAttributes    call[elb.ModifyTargetGroupAttributesInput, elb.ModifyTargetGroupAttributesOutput, elb.Options]
	SetSecurityGroups              call[elb.SetSecurityGroupsInput, elb.SetSecurityGroupsOutput, elb.Options]
	SetSubnets                     call[elb.SetSubnetsInput, elb.SetSubnetsOutput, elb.Options]
}

func newELB(c *elb.Client) ELB {
	return ELB{
		AddTags:                        c.AddTags,
		CreateListener:                 c.CreateListener,
		CreateLoadBalancer:             c.CreateLoadBalancer,
		CreateTargetGroup:              c.CreateTargetGroup,
		DeleteListener:                 c.DeleteListener,
		DeleteLoadBalancer:             c.DeleteLoadBalancer,
		DeleteTargetGroup:              c.DeleteTargetGroup,
		DescribeListeners:              c.DescribeListeners,
		DescribeLoadBalancerAttributes: c.DescribeLoadBalancerAttributes,
		DescribeLoadBalancers:          c.DescribeLoadBalancers,
		DescribeSSLPolicies:            c.DescribeSSLPolicies,
		DescribeTags:                   c.DescribeTags,
		DescribeTargetGroupAttributes:  c.DescribeTargetGroupAttributes,
		DescribeTargetGroups:           c.DescribeTargetGroups,
		DescribeTargetHealth:           c.DescribeTargetHealth,
		ModifyListener:                 c.ModifyListener,
		ModifyLoadBalancerAttributes:   c.ModifyLoadBalancerAttributes,
		ModifyTargetGroup:              c.ModifyTargetGroup,
		ModifyTargetGroupAttributes:    c.ModifyTargetGroupAttributes,
		SetSecurityGroups:              c.SetSecurityGroups,
		SetSubnets:                     c.SetSubnets,
	}
}

// IAM is the operations of iam that we make.
type IAM struct {
	AttachRolePolicy              call[iam.AttachRolePolicyInput, iam.AttachRolePolicyOutput, iam.Options]
	CreateRole                    call[iam.CreateRoleInput, iam.CreateRoleOutput, iam.Options]
	DeleteRole                    call[iam.DeleteRoleInput, iam.DeleteRoleOutput, iam.Options]
	DeleteRolePermissionsBoundary call[iam.DeleteRolePermissionsBoundaryInput, iam.DeleteRolePermissionsBoundaryOutput, iam.Options]
	DeleteRolePolicy              call[iam.DeleteRolePolicyInput, iam.DeleteRolePolicyOutput, iam.Options]
	DetachRolePolicy              call[iam.DetachRolePolicyInput, iam.DetachRolePolicyOutput, iam.Options]
	GetRole                       call[iam.GetRoleInput, iam.GetRoleOutput, iam.Options]
	GetRolePolicy                 call[iam.GetRolePolicyInput, iam.GetRolePolicyOutput, iam.Options]
	ListAttachedRolePolicies      call[iam.ListAttachedRolePoliciesInput, iam.ListAttachedRolePoliciesOutput, iam.Options]
	ListRolePolicies              call[iam.ListRolePoliciesInput, iam.ListRolePoliciesOutput, iam.Options]
	PutRolePermissionsBoundary    call[iam.PutRolePermissionsBoundaryInput, iam.PutRolePermissionsBoundaryOutput, iam.Options]
	PutRolePolicy                 call[iam.PutRolePolicyInput, iam.PutRolePolicyOutput, iam.Options]
	SimulatePrincipalPolicy       call[iam.SimulatePrincipalPolicyInput, iam.SimulatePrincipalPolicyOutput, iam.Options]
	TagRole                       call[iam.TagRoleInput, iam.TagRoleOutput, iam.Options]
	UntagRole                     call[iam.UntagRoleInput, iam.UntagRoleOutput, iam.Options]
	UpdateAssumeRolePolicy        call[iam.UpdateAssumeRolePolicyInput, iam.UpdateAssumeRolePolicyOutput, iam.Options]
}

func newIAM(c *iam.Client) IAM {
	return IAM{
		AttachRolePolicy:              c.AttachRolePolicy,
		CreateRole:                    c.CreateRole,
		DeleteRole:                    c.DeleteRole,
		DeleteRolePermissionsBoundary: c.DeleteRolePermissionsBoundary,
		DeleteRolePolicy:              c.DeleteRolePolicy,
		DetachRolePolicy:              c.DetachRolePolicy,
		GetRole:                       c.GetRole,
		GetRolePolicy:                 c.GetRolePolicy,
		ListAttachedRolePolicies:      c.ListAttachedRolePolicies,
		ListRolePolicies:              c.ListRolePolicies,
		PutRolePermissionsBoundary:    c.PutRolePermissionsBoundary,
		PutRolePolicy:                 c.PutRolePolicy,
		SimulatePrincipalPolicy:       c.SimulatePrincipalPolicy,
		TagRole:                       c.TagRole,
		UntagRole:                     c.UntagRole,
		UpdateAssumeRolePolicy:        c.UpdateAssumeRolePolicy,
	}
}

// Logs is the operations of cloudwatchlogs that we make.
type Logs struct {
	CreateLogGroup      call[logs.CreateLogGroupInput, logs.CreateLogGroupOutput, logs.Options]
	DeleteLogGroup      call[logs.DeleteLogGroupInput, logs.DeleteLogGroupOutput, logs.Options]
	DescribeLogGroups   call[logs.DescribeLogGroupsInput, logs.DescribeLogGroupsOutput, logs.Options]
	DescribeLogStreams  call[logs.DescribeLogStreamsInput, logs.DescribeLogStreamsOutput, logs.Options]
	FilterLogEvents     call[logs.FilterLogEventsInput, logs.FilterLogEventsOutput, logs.Options]
	GetLogEvents        call[logs.GetLogEventsInput, logs.GetLogEventsOutput, logs.Options]
	ListTagsForResource call[logs.ListTagsForResourceInput, logs.ListTagsForResourceOutput, logs.Options]
	PutRetentionPolicy  call[logs.PutRetentionPolicyInput, logs.PutRetentionPolicyOutput, logs.Options]
	StartLiveTail       call[logs.StartLiveTailInput, logs.StartLiveTailOutput, logs.Options]
	TagResource         call[logs.TagResourceInput, logs.TagResourceOutput, logs.Options]
}

func newLogs(c *logs.Client) Logs {
	return Logs{
		CreateLogGroup:      c.CreateLogGroup,
		DeleteLogGroup:      c.DeleteLogGroup,
		DescribeLogGroups:   c.DescribeLogGroups,
		DescribeLogStreams:  c.DescribeLogStreams,
		FilterLogEvents:     c.FilterLogEvents,
		GetLogEvents:        c.GetLogEvents,
		ListTagsForResource: c.ListTagsForResource,
		PutRetentionPolicy:  c.PutRetentionPolicy,
		StartLiveTail:       c.StartLiveTail,
		TagResource:         c.TagResource,
	}
}

// Route53 is the operations of route53 that we make.
type Route53 struct {
	ChangeResourceRecordSets call[route53.ChangeResourceRecordSetsInput, route53.ChangeResourceRecordSetsOutput, route53.Options]
	ListHostedZonesByName    call[route53.ListHostedZonesByNameInput, route53.ListHostedZonesByNameOutput, route53.Options]
	ListResourceRecordSets   call[route53.ListResourceRecordSetsInput, route53.ListResourceRecordSetsOutput, route53.Options]
}

func newRoute53(c *route53.Client) Route53 {
	return Route53{
		ChangeResourceRecordSets: c.ChangeResourceRecordSets,
		ListHostedZonesByName:    c.ListHostedZonesByName,
		ListResourceRecordSets:   c.ListResourceRecordSets,
	}
}

// STS is the operations of sts that we make.
type STS struct {
	GetCallerIdentity call[sts.GetCallerIdentityInput, sts.GetCallerIdentityOutput, sts.Options]
}

func newSTS(c *sts.Client) STS {
	return STS{
		GetCallerIdentity: c.GetCallerIdentity,
	}
}

// Scaling is the operations of applicationautoscaling that we make.
type Scaling struct {
	DeleteScalingPolicy       call[scaling.DeleteScalingPolicyInput, scaling.DeleteScalingPolicyOutput, scaling.Options]
	DeleteScheduledAction     call[scaling.DeleteScheduledActionInput, scaling.DeleteScheduledActionOutput, scaling.Options]
	DeregisterScalableTarget  call[scaling.DeregisterScalableTargetInput, scaling.DeregisterScalableTargetOutput, scaling.Options]
	DescribeScalableTargets   call[scaling.DescribeScalableTargetsInput, scaling.DescribeScalableTargetsOutput, scaling.Options]
	DescribeScalingActivities call[scaling.DescribeScalingActivitiesInput, scaling.DescribeScalingActivitiesOutput, scaling.Options]
	DescribeScalingPolicies   call[scaling.DescribeScalingPoliciesInput, scaling.DescribeScalingPoliciesOutput, scaling.Options]
	DescribeScheduledActions  call[scaling.DescribeScheduledActionsInput, scaling.DescribeScheduledActionsOutput, scaling.Options]
	ListTagsForResource       call[scaling.ListTagsForResourceInput, scaling.ListTagsForResourceOutput, scaling.Options]
	PutScalingPolicy          call[scaling.PutScalingPolicyInput, scaling.PutScalingPolicyOutput, scaling.Options]
	PutScheduledAction        call[scaling.PutScheduledActionInput, scaling.PutScheduledActionOutput, scaling.Options]
	RegisterScalableTarget    call[scaling.RegisterScalableTargetInput, scaling.RegisterScalableTargetOutput, scaling.Options]
	TagResource               call[scaling.TagResourceInput, scaling.TagResourceOutput, scaling.Options]
}

func newScaling(c *scaling.Client) Scaling {
	return Scaling{
		DeleteScalingPolicy:       c.DeleteScalingPolicy,
		DeleteScheduledAction:     c.DeleteScheduledAction,
		DeregisterScalableTarget:  c.DeregisterScalableTarget,
		DescribeScalableTargets:   c.DescribeScalableTargets,
		DescribeScalingActivities: c.DescribeScalingActivities,
		DescribeScalingPolicies:   c.DescribeScalingPolicies,
		DescribeScheduledActions:  c.DescribeScheduledActions,
		ListTagsForResource:       c.ListTagsForResource,
		PutScalingPolicy:          c.PutScalingPolicy,
		PutScheduledAction:        c.PutScheduledAction,
		RegisterScalableTarget:    c.RegisterScalableTarget,
		TagResource:               c.TagResource,
	}
}

// Secrets is the operations of secretsmanager that we make.
type Secrets struct {
	CreateSecret         call[secretsmanager.CreateSecretInput, secretsmanager.CreateSecretOutput, secretsmanager.Options]
	DeleteSecret         call[secretsmanager.DeleteSecretInput, secretsmanager.DeleteSecretOutput, secretsmanager.Options]
	DescribeSecret       call[secretsmanager.DescribeSecretInput, secretsmanager.DescribeSecretOutput, secretsmanager.Options]
	GetRandomPassword    call[secretsmanager.GetRandomPasswordInput, secretsmanager.GetRandomPasswordOutput, secretsmanager.Options]
	GetSecretValue       call[secretsmanager.GetSecretValueInput, secretsmanager.GetSecretValueOutput, secretsmanager.Options]
	ListSecretVersionIds call[secretsmanager.ListSecretVersionIdsInput, secretsmanager.ListSecretVersionIdsOutput, secretsmanager.Options]
	ListSecrets          call[secretsmanager.ListSecretsInput, secretsmanager.ListSecretsOutput, secretsmanager.Options]
	PutSecretValue       call[secretsmanager.PutSecretValueInput, secretsmanager.PutSecretValueOutput, secretsmanager.Options]
	RestoreSecret        call[secretsmanager.RestoreSecretInput, secretsmanager.RestoreSecretOutput, secretsmanager.Options]
	TagResource          call[secretsmanager.TagResourceInput, secretsmanager.TagResourceOutput, secretsmanager.Options]
}

func newSecrets(c *secretsmanager.Client) Secrets {
	return Secrets{
		CreateSecret:         c.CreateSecret,
		DeleteSecret:         c.DeleteSecret,
		DescribeSecret:       c.DescribeSecret,
		GetRandomPassword:    c.GetRandomPassword,
		GetSecretValue:       c.GetSecretValue,
		ListSecretVersionIds: c.ListSecretVersionIds,
		ListSecrets:          c.ListSecrets,
		PutSecretValue:       c.PutSecretValue,
		RestoreSecret:        c.RestoreSecret,
		TagResource:          c.TagResource,
	}
}

// Tagging is the operations of resourcegroupstaggingapi that we make.
type Tagging struct {
	GetResources call[tagging.GetResourcesInput, tagging.GetResourcesOutput, tagging.Options]
}

func newTagging(c *tagging.Client) Tagging {
	return Tagging{
		GetResources: c.GetResources,
	}
}
