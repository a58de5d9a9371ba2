"""Reads back with boto3 what `fargatectl up` has made of a manifest with a project_name only, and compares every
attribute with the table of defaults. What is expected is written out here; nothing is taken from our own code.

    attributes.py ENDPOINT PROJECT [--image REF] [--domain NAME] [--running] [--deviations KIND]
    attributes.py ENDPOINT PROJECT --gone

--image: the image that the task runs; without it one from the repository, by digest. --domain: HTTPS is served there.
--running: the tasks run, too. --deviations: what that endpoint does otherwise stands in deviations.json, with the reason;
an excuse that is not needed is a mistake. --gone: nothing of the project is there.
"""
import argparse
import json
import os
import re
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = 'us-east-1'
MANAGED = 'arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy'
WORLD = '0.0.0.0/0'


class Reader:
    def __init__(self, args):
        self.args, self.p = args, args.project
        self.equal, self.bad, self.excused = 0, [], []
        self.excuses = {}
        if args.deviations:
            with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'deviations.json')) as f:
                self.excuses = json.load(f)[args.deviations]['attributes']

    def client(self, name):
        return boto3.client(name, endpoint_url=self.args.endpoint, region_name=REGION, aws_access_key_id='AKIAIOSFODNN7EXAMPLE',
                            aws_secret_access_key='e2e', config=Config(retries={'total_max_attempts': 2}))

    def expect(self, name, got, want):
        """One attribute; a pattern (re.compile) must match whole."""
        same = want.fullmatch(str(got)) is not None if isinstance(want, re.Pattern) else got == want
        if name in self.excuses:
            self.excused.append(name)
            if same:
                self.bad.append(f'{name}: is as it should be, yet deviations.json excuses it')
        elif same:
            self.equal += 1
        else:
            self.bad.append(f'{name}: {got!r}, want {want.pattern if isinstance(want, re.Pattern) else want!r}')

    def one(self, kind, things):
        """The only one; anything else ends the reading of this part."""
        if len(things) != 1:
            raise Missing(f'{kind}: {len(things)} of them, want 1')
        return things[0]

    def tags(self, name, tags, resource):
        """The three tags of ownership, in the create call."""
        if isinstance(tags, list):
            tags = {t.get('Key', t.get('key')): t.get('Value', t.get('value')) for t in tags}
        for key, want in {'project': self.p, 'env': 'default', 'resource': resource}.items():
            self.expect(f'{name}.tags.{key}', tags.get(f'fargatectl:{key}'), want)

    def read(self):
        self.account = self.client('sts').get_caller_identity()['Account']
        for part in (self.vpc, self.subnets, self.nat, self.routes, self.s3, self.groups, self.repository, self.roles, self.log_group, self.cluster,
                     self.certificate, self.balancer, self.target_group, self.listeners, self.task_definition, self.service, self.scaling, self.dns):
            try:
                part()
            except (Missing, ClientError, KeyError, IndexError, AttributeError, TypeError) as e:
                self.bad.append(f'{part.__name__}: {type(e).__name__}: {e}')

    # The network.

    def vpc(self):
        self.ec2 = self.client('ec2')
        vpc = self.one('VPC', self.ec2.describe_vpcs(Filters=[{'Name': 'tag:fargatectl:project', 'Values': [self.p]}])['Vpcs'])
        self.vpc_id = vpc['VpcId']
        self.expect('vpc.cidr', vpc['CidrBlock'], '10.0.0.0/16')
        self.expect('vpc.name', {t['Key']: t['Value'] for t in vpc['Tags']}.get('Name'), f'{self.p}-vpc')
        self.tags('vpc', vpc['Tags'], 'vpc')
        igw = self.one('internet gateway', self.ec2.describe_internet_gateways(Filters=self.inside('attachment.vpc-id'))['InternetGateways'])
        self.igw = igw['InternetGatewayId']
        self.expect('igw.tags.project', {t['Key']: t['Value'] for t in igw['Tags']}.get('fargatectl:project'), self.p)
        self.expect('vpc.flow_logs', self.ec2.describe_flow_logs(Filters=[{'Name': 'resource-id', 'Values': [self.vpc_id]}])['FlowLogs'], [])

    def inside(self, name='vpc-id'):
        return [{'Name': name, 'Values': [self.vpc_id]}]

    def subnets(self):
        subnets = {s['CidrBlock']: s for s in self.ec2.describe_subnets(Filters=self.inside())['Subnets']}
        want = {'private': ['10.0.1.0/24', '10.0.2.0/24'], 'public': ['10.0.101.0/24', '10.0.102.0/24']}
        self.expect('subnets.cidrs', sorted(subnets), sorted(want['private'] + want['public']))
        zones = {}
        for kind, cidrs in want.items():
            zones[kind] = [subnets[c]['AvailabilityZoneId'] for c in cidrs]
            for cidr in cidrs:
                self.tags(f'subnets.{cidr}', subnets[cidr]['Tags'], f'subnet/{kind}/{subnets[cidr]["AvailabilityZoneId"]}')
        offered = sorted(z['ZoneId'] for z in self.ec2.describe_availability_zones()['AvailabilityZones'])
        self.expect('subnets.zones', zones, {'private': offered[:2], 'public': offered[:2]})
        self.private, self.public = ([subnets[c]['SubnetId'] for c in want[kind]] for kind in ('private', 'public'))

    def nat(self):
        gateways = self.ec2.describe_nat_gateways(Filters=self.inside())['NatGateways']
        nat = self.one('NAT gateway', [g for g in gateways if g['State'] not in ('deleting', 'deleted')])
        self.nat_id = nat['NatGatewayId']
        self.expect('nat.state', nat['State'], 'available')
        self.expect('nat.connectivity', nat.get('ConnectivityType'), 'public')
        self.expect('nat.subnet', nat['SubnetId'] in self.public, True)
        self.expect('nat.tags.project', {t['Key']: t['Value'] for t in nat['Tags']}.get('fargatectl:project'), self.p)
        allocation = nat['NatGatewayAddresses'][0]['AllocationId']
        address = self.one('address', self.ec2.describe_addresses(AllocationIds=[allocation])['Addresses'])
        self.expect('eip.tags.project', {t['Key']: t['Value'] for t in address['Tags']}.get('fargatectl:project'), self.p)

    def routes(self):
        tables = self.ec2.describe_route_tables(Filters=self.inside())['RouteTables']
        of = {a['SubnetId']: t for t in tables for a in t['Associations'] if 'SubnetId' in a}
        default = {s: [r for r in of[s]['Routes'] if r.get('DestinationCidrBlock') == WORLD] if s in of else [] for s in self.private + self.public}
        for i, s in enumerate(self.public):
            self.expect(f'routes.public.{i}', [r.get('GatewayId') for r in default[s]], [self.igw])
        for i, s in enumerate(self.private):
            self.expect(f'routes.private.{i}', [r.get('NatGatewayId') for r in default[s]], [self.nat_id])
        self.private_tables = {of[s]['RouteTableId'] for s in self.private if s in of}

    def s3(self):
        endpoints = [e for e in self.ec2.describe_vpc_endpoints(Filters=self.inside())['VpcEndpoints'] if e['State'].lower() not in ('deleting', 'deleted')]
        endpoint = self.one('VPC endpoint', endpoints)
        self.expect('s3.service', endpoint['ServiceName'], f'com.amazonaws.{REGION}.s3')
        self.expect('s3.type', endpoint['VpcEndpointType'], 'Gateway')
        self.expect('s3.tables', self.private_tables <= set(endpoint['RouteTableIds']), True)
        self.expect('s3.tags.project', {t['Key']: t['Value'] for t in endpoint['Tags']}.get('fargatectl:project'), self.p)

    def groups(self):
        groups = {g['GroupName']: g for g in self.ec2.describe_security_groups(Filters=self.inside())['SecurityGroups']}
        self.expect('groups.names', sorted(groups), sorted(['default', f'{self.p}-alb-sg', f'{self.p}-ecs-sg']))
        alb, ecs = groups[f'{self.p}-alb-sg'], groups[f'{self.p}-ecs-sg']
        self.alb_group, self.ecs_group = alb['GroupId'], ecs['GroupId']
        rules = sorted((r['IpProtocol'], r.get('FromPort'), r.get('ToPort'), i['CidrIp']) for r in alb['IpPermissions'] for i in r['IpRanges'])
        self.expect('groups.alb.ingress', rules, [('tcp', 80, 80, WORLD), ('tcp', 443, 443, WORLD)])
        self.expect('groups.alb.ingress.groups', [g for r in alb['IpPermissions'] for g in r['UserIdGroupPairs']], [])
        self.expect('groups.ecs.ingress', [(r['IpProtocol'], r['FromPort'], r['ToPort'], [g['GroupId'] for g in r['UserIdGroupPairs']],
                    r['IpRanges'], r['Ipv6Ranges']) for r in ecs['IpPermissions']], [('tcp', 8080, 8080, [self.alb_group], [], [])])
        for name, group in (('alb', alb), ('ecs', ecs)):
            self.expect(f'groups.{name}.egress', [(r['IpProtocol'], [i['CidrIp'] for i in r['IpRanges']]) for r in group['IpPermissionsEgress']], [('-1', [WORLD])])
            self.expect(f'groups.{name}.tags.project', {t['Key']: t['Value'] for t in group['Tags']}.get('fargatectl:project'), self.p)

    # Images, roles, logs.

    def repository(self):
        self.ecr = self.client('ecr')
        repository = self.one('repository', self.ecr.describe_repositories(repositoryNames=[self.p])['repositories'])
        self.expect('repository.mutability', repository['imageTagMutability'], 'MUTABLE')
        self.expect('repository.scan_on_push', repository['imageScanningConfiguration']['scanOnPush'], True)
        self.expect('repository.encryption', repository['encryptionConfiguration']['encryptionType'], 'AES256')
        self.tags('repository', self.ecr.list_tags_for_resource(resourceArn=repository['repositoryArn'])['tags'], 'ecr')
        rules = json.loads(self.ecr.get_lifecycle_policy(repositoryName=self.p)['lifecyclePolicyText'])['rules']
        self.expect('repository.rules', [r['rulePriority'] for r in rules], [1, 2, 3])
        live, rest, untagged = (r['selection'] for r in rules)
        self.expect('repository.rules.1', (live['tagStatus'], live.get('tagPatternList') or [p + '*' for p in live['tagPrefixList']], live['countType']),
                    ('tagged', ['live-*'], 'imageCountMoreThan'))
        self.expect('repository.rules.1.never', live['countNumber'] >= 1000, True)
        self.expect('repository.rules.2', (rest['countType'], rest['countNumber']), ('imageCountMoreThan', 30))
        self.expect('repository.rules.3', untagged, {'tagStatus': 'untagged', 'countType': 'sinceImagePushed', 'countUnit': 'days', 'countNumber': 14})
        self.expect('repository.rules.actions', {r['action']['type'] for r in rules}, {'expire'})
        self.uri = repository['repositoryUri']

    def roles(self):
        iam, self.role = self.client('iam'), {}
        for kind, attached in (('execution', [MANAGED]), ('task', [])):
            name = f'{self.p}-ecs-{kind}-{REGION}'
            role = iam.get_role(RoleName=name)['Role']
            self.role[kind] = role['Arn']
            self.expect(f'roles.{kind}.path', role['Path'], '/')
            self.expect(f'roles.{kind}.policies', [p['PolicyArn'] for p in iam.list_attached_role_policies(RoleName=name)['AttachedPolicies']], attached)
            self.expect(f'roles.{kind}.inline', iam.list_role_policies(RoleName=name)['PolicyNames'], [])
            statement = self.one('trust statement', plain(role['AssumeRolePolicyDocument'])['Statement'])
            self.expect(f'roles.{kind}.principal', statement['Principal'], {'Service': 'ecs-tasks.amazonaws.com'})
            self.expect(f'roles.{kind}.action', (statement['Effect'], statement['Action']), ('Allow', 'sts:AssumeRole'))
            self.expect(f'roles.{kind}.condition', statement['Condition'], {
                'StringEquals': {'aws:SourceAccount': self.account}, 'ArnLike': {'aws:SourceArn': f'arn:aws:ecs:{REGION}:{self.account}:*'}})
            tags = {t['Key']: t['Value'] for t in iam.list_role_tags(RoleName=name)['Tags']}
            self.expect(f'roles.{kind}.tags.project', tags.get('fargatectl:project'), self.p)

    def log_group(self):
        logs, name = self.client('logs'), f'/ecs/{self.p}'
        group = self.one('log group', [g for g in logs.describe_log_groups(logGroupNamePrefix=name)['logGroups'] if g['logGroupName'] == name])
        self.expect('logs.retention', group.get('retentionInDays'), 14)
        self.tags('logs', logs.list_tags_for_resource(resourceArn=group['arn'].removesuffix(':*'))['tags'], 'logs')

    # Containers.

    def cluster(self):
        self.ecs = self.client('ecs')
        cluster = self.one('cluster', self.ecs.describe_clusters(clusters=[f'{self.p}-cluster'], include=['SETTINGS', 'TAGS'])['clusters'])
        self.cluster_arn = cluster['clusterArn']
        self.expect('cluster.status', cluster['status'], 'ACTIVE')
        self.expect('cluster.insights', {s['name']: s['value'] for s in cluster['settings']}.get('containerInsights'), 'enabled')
        self.expect('cluster.providers', sorted(cluster['capacityProviders']), ['FARGATE', 'FARGATE_SPOT'])
        self.tags('cluster', cluster['tags'], 'cluster')

    def task_definition(self):
        out = self.ecs.describe_task_definition(taskDefinition=self.p, include=['TAGS'])
        task = out['taskDefinition']
        self.task_arn = task['taskDefinitionArn']
        for name, want in {'family': self.p, 'networkMode': 'awsvpc', 'requiresCompatibilities': ['FARGATE'], 'cpu': '256', 'memory': '512',
                           'executionRoleArn': self.role['execution'], 'taskRoleArn': self.role['task']}.items():
            self.expect(f'task.{name}', task.get(name), want)
        self.expect('task.architecture', task['runtimePlatform'], {'cpuArchitecture': 'X86_64', 'operatingSystemFamily': 'LINUX'})
        self.tags('task', out['tags'], 'taskdef')
        container = self.one('container', task['containerDefinitions'])
        self.expect('container.name', container['name'], self.p)
        self.expect('container.essential', container['essential'], True)
        self.expect('container.ports', [(m['containerPort'], m['protocol']) for m in container['portMappings']], [(8080, 'tcp')])
        self.expect('container.environment', {e['name']: e['value'] for e in container['environment']}, {'PORT': '8080'})
        self.expect('container.secrets', container.get('secrets', []), [])
        self.expect('container.health_check', container.get('healthCheck'), None)  # no command of it is known to work in the image
        self.expect('container.stop_timeout', container.get('stopTimeout'), 30)
        self.expect('container.log_driver', container['logConfiguration']['logDriver'], 'awslogs')
        options = container['logConfiguration']['options']
        for name, want in {'awslogs-group': f'/ecs/{self.p}', 'awslogs-region': REGION, 'awslogs-stream-prefix': 'ecs'}.items():
            self.expect(f'container.{name}', options.get(name), want)
        if self.args.image:
            self.expect('container.image', container['image'], re.compile(re.escape(self.args.image) + '(@sha256:[0-9a-f]{64})?|'
                        + re.escape(self.args.image.rsplit(':', 1)[0]) + '@sha256:[0-9a-f]{64}'))
        else:
            self.expect('container.image', container['image'], re.compile(re.escape(self.uri) + '@sha256:[0-9a-f]{64}'))
            digest = container['image'].rsplit('@', 1)[-1]
            image = self.one('image', self.ecr.describe_images(repositoryName=self.p, imageIds=[{'imageDigest': digest}])['imageDetails'])
            self.expect('image.live', any(t.startswith('live-') for t in image['imageTags']), True)
            self.expect('image.tags', len(image['imageTags']) >= 2, True)  # and the one made of its inputs

    def service(self):
        service = self.one('service', self.ecs.describe_services(cluster=self.cluster_arn, services=[self.p], include=['TAGS'])['services'])
        for name, want in {'status': 'ACTIVE', 'desiredCount': 2, 'taskDefinition': self.task_arn, 'schedulingStrategy': 'REPLICA', 'healthCheckGracePeriodSeconds': 60,
                           'availabilityZoneRebalancing': 'ENABLED', 'propagateTags': 'SERVICE'}.items():
            self.expect(f'service.{name}', service.get(name), want)
        self.expect('service.platform', service.get('launchType') == 'FARGATE' or
                    [s['capacityProvider'] for s in service.get('capacityProviderStrategy', [])] == ['FARGATE'], True)
        network = service['networkConfiguration']['awsvpcConfiguration']
        self.expect('service.subnets', sorted(network['subnets']), sorted(self.private))
        self.expect('service.public_ip', network['assignPublicIp'], 'DISABLED')
        self.expect('service.groups', network['securityGroups'], [self.ecs_group])
        deployment = service.get('deploymentConfiguration', {})
        breaker = deployment.get('deploymentCircuitBreaker', {})
        self.expect('service.circuit_breaker', (breaker.get('enable'), breaker.get('rollback')), (True, True))
        self.expect('service.percent', (deployment.get('minimumHealthyPercent'), deployment.get('maximumPercent')), (100, 200))
        self.expect('service.target', [(b['targetGroupArn'], b['containerName'], b['containerPort']) for b in service['loadBalancers']],
                    [(self.group_arn, self.p, 8080)])
        self.tags('service', service['tags'], 'service')
        if self.args.running:
            self.expect('service.runningCount', service['runningCount'], 2)
            targets = self.elb.describe_target_health(TargetGroupArn=self.group_arn)['TargetHealthDescriptions']
            self.expect('service.targets', [(t['TargetHealth']['State'], t['Target']['Port']) for t in targets], [('healthy', 8080)] * 2)
            tasks = self.ecs.list_tasks(cluster=self.cluster_arn, serviceName=self.p)['taskArns']
            described = self.ecs.describe_tasks(cluster=self.cluster_arn, tasks=tasks, include=['TAGS'])['tasks']
            self.expect('tasks.status', [t['lastStatus'] for t in described], ['RUNNING'] * 2)
            self.expect('tasks.tags.project', [{g['key']: g['value'] for g in t['tags']}.get('fargatectl:project') for t in described], [self.p] * 2)

    def scaling(self):
        scaling, resource = self.client('application-autoscaling'), f'service/{self.p}-cluster/{self.p}'
        target = self.one('scalable target', scaling.describe_scalable_targets(ServiceNamespace='ecs', ResourceIds=[resource])['ScalableTargets'])
        self.expect('scaling.range', (target['MinCapacity'], target['MaxCapacity']), (2, 10))
        self.expect('scaling.dimension', target['ScalableDimension'], 'ecs:service:DesiredCount')
        policy = self.one('scaling policy', scaling.describe_scaling_policies(ServiceNamespace='ecs', ResourceId=resource)['ScalingPolicies'])
        self.expect('scaling.type', policy['PolicyType'], 'TargetTrackingScaling')
        config = policy['TargetTrackingScalingPolicyConfiguration']
        self.expect('scaling.metric', config['PredefinedMetricSpecification']['PredefinedMetricType'], 'ECSServiceAverageCPUUtilization')
        self.expect('scaling.cpu_target', config['TargetValue'], 70.0)
        self.expect('scaling.cooldowns', (config['ScaleInCooldown'], config['ScaleOutCooldown']), (300, 60))

    # The way in.

    def balancer(self):
        self.elb = self.client('elbv2')
        balancer = self.one('load balancer', self.elb.describe_load_balancers(Names=[f'{self.p}-alb'])['LoadBalancers'])
        self.balancer_arn, self.balancer_dns = balancer['LoadBalancerArn'], balancer['DNSName']
        self.balancer_zone = balancer['CanonicalHostedZoneId']
        self.expect('alb.scheme', balancer['Scheme'], 'internet-facing')
        self.expect('alb.type', balancer['Type'], 'application')
        self.expect('alb.subnets', sorted(z['SubnetId'] for z in balancer['AvailabilityZones']), sorted(self.public))
        self.expect('alb.groups', balancer['SecurityGroups'], [self.alb_group])
        attributes = {a['Key']: a['Value'] for a in self.elb.describe_load_balancer_attributes(LoadBalancerArn=self.balancer_arn)['Attributes']}
        self.expect('alb.drop_invalid_headers', attributes['routing.http.drop_invalid_header_fields.enabled'], 'true')
        self.expect('alb.deletion_protection', attributes['deletion_protection.enabled'], 'false')
        self.expect('alb.idle_timeout', attributes['idle_timeout.timeout_seconds'], '60')
        self.tags('alb', self.elb.describe_tags(ResourceArns=[self.balancer_arn])['TagDescriptions'][0]['Tags'], 'alb')

    def target_group(self):
        group = self.one('target group', self.elb.describe_target_groups(Names=[f'{self.p}-tg'])['TargetGroups'])
        self.group_arn = group['TargetGroupArn']
        for name, want in {'TargetType': 'ip', 'Protocol': 'HTTP', 'VpcId': self.vpc_id, 'HealthCheckPath': '/health', 'HealthyThresholdCount': 2, 'HealthCheckProtocol': 'HTTP',
                           'UnhealthyThresholdCount': 10, 'HealthCheckTimeoutSeconds': 5, 'HealthCheckIntervalSeconds': 30, 'Matcher': {'HttpCode': '200'}}.items():
            self.expect(f'target_group.{name}', group.get(name), want)
        attributes = {a['Key']: a['Value'] for a in self.elb.describe_target_group_attributes(TargetGroupArn=self.group_arn)['Attributes']}
        self.expect('target_group.delay', attributes['deregistration_delay.timeout_seconds'], '30')
        tags = {t['Key']: t['Value'] for t in self.elb.describe_tags(ResourceArns=[self.group_arn])['TagDescriptions'][0]['Tags']}
        self.expect('target_group.tags.project', tags.get('fargatectl:project'), self.p)

    def listeners(self):
        listeners = {l['Port']: l for l in self.elb.describe_listeners(LoadBalancerArn=self.balancer_arn)['Listeners']}
        self.expect('listeners.ports', sorted(listeners), [80, 443] if self.args.domain else [80])
        self.expect('listeners.80.protocol', listeners[80]['Protocol'], 'HTTP')
        if not self.args.domain:
            self.expect('listeners.80.forward', (listeners[80]['DefaultActions'][0]['Type'], self.forwards_to(listeners[80])), ('forward', [self.group_arn]))
            return
        redirect = listeners[80]['DefaultActions'][0]['RedirectConfig']
        self.expect('listeners.80.redirect', (redirect['Protocol'], redirect['Port'], redirect['StatusCode']), ('HTTPS', '443', 'HTTP_301'))
        self.expect('listeners.443.protocol', listeners[443]['Protocol'], 'HTTPS')
        self.expect('listeners.443.policy', listeners[443]['SslPolicy'], 'ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09')
        self.expect('listeners.443.certificate', [c['CertificateArn'] for c in listeners[443]['Certificates']], [self.certificate_arn])
        self.expect('listeners.443.forward', self.forwards_to(listeners[443]), [self.group_arn])

    @staticmethod
    def forwards_to(listener):
        action = listener['DefaultActions'][0]
        groups = action.get('ForwardConfig', {}).get('TargetGroups') or [action]
        return [g['TargetGroupArn'] for g in groups]

    def certificate(self):
        acm = self.client('acm')
        keys = ['RSA_1024', 'RSA_2048', 'RSA_3072', 'RSA_4096', 'EC_prime256v1', 'EC_secp384r1', 'EC_secp521r1']
        ours = []
        for c in acm.list_certificates(Includes={'keyTypes': keys})['CertificateSummaryList']:
            tags = {t['Key']: t.get('Value') for t in acm.list_tags_for_certificate(CertificateArn=c['CertificateArn'])['Tags']}
            if tags.get('fargatectl:project') == self.p:
                ours.append((c['CertificateArn'], tags))
        if not self.args.domain:
            self.expect('certificate', ours, [])
            return
        self.certificate_arn, tags = self.one('certificate', ours)
        certificate = acm.describe_certificate(CertificateArn=self.certificate_arn)['Certificate']
        self.expect('certificate.domain', certificate['DomainName'], self.args.domain)
        self.expect('certificate.status', certificate['Status'], 'ISSUED')
        self.expect('certificate.validation', certificate['DomainValidationOptions'][0]['ValidationMethod'], 'DNS')
        self.expect('certificate.tags.domain', tags.get('fargatectl:domain'), self.args.domain)
        self.tags('certificate', tags, 'certificate')
        self.validation = certificate['DomainValidationOptions'][0]['ResourceRecord']

    def dns(self):
        if not self.args.domain:
            return
        route53 = self.client('route53')
        zone = self.one('zone', route53.list_hosted_zones_by_name(DNSName=self.args.domain.split('.', 1)[1])['HostedZones'][:1])
        records = {(r['Name'], r['Type']): r for r in route53.list_resource_record_sets(HostedZoneId=zone['Id'])['ResourceRecordSets']}
        alias = records[(self.args.domain + '.', 'A')]['AliasTarget']
        self.expect('dns.alias', alias['DNSName'].rstrip('.').lower().removeprefix('dualstack.'), self.balancer_dns.lower())
        self.expect('dns.alias.zone', alias['HostedZoneId'], self.balancer_zone)
        record = records[(self.validation['Name'], 'CNAME')]
        self.expect('dns.validation', [r['Value'] for r in record['ResourceRecords']], [self.validation['Value']])

    # Nothing.

    def gone(self):
        def absent(name, code, read):
            try:
                self.expect(name, read(), [])
            except ClientError as e:
                self.expect(name, e.response['Error']['Code'], code)
        ec2, ecs, elb, iam = self.client('ec2'), self.client('ecs'), self.client('elbv2'), self.client('iam')
        for name, things in (('Vpcs', ec2.describe_vpcs), ('Subnets', ec2.describe_subnets), ('SecurityGroups', ec2.describe_security_groups),
                             ('RouteTables', ec2.describe_route_tables), ('InternetGateways', ec2.describe_internet_gateways), ('Addresses', ec2.describe_addresses)):
            self.expect(name, things(Filters=[{'Name': 'tag:fargatectl:project', 'Values': [self.p]}])[name], [])
        nats = ec2.describe_nat_gateways(Filters=[{'Name': 'tag:fargatectl:project', 'Values': [self.p]}])['NatGateways']
        self.expect('NatGateways', [n['State'] for n in nats if n['State'] != 'deleted'], [])
        absent('balancer', 'LoadBalancerNotFound', lambda: elb.describe_load_balancers(Names=[f'{self.p}-alb'])['LoadBalancers'])
        absent('target group', 'TargetGroupNotFound', lambda: elb.describe_target_groups(Names=[f'{self.p}-tg'])['TargetGroups'])
        absent('repository', 'RepositoryNotFoundException', lambda: self.client('ecr').describe_repositories(repositoryNames=[self.p])['repositories'])
        for kind in ('execution', 'task'):
            absent(kind, 'NoSuchEntity', lambda: [iam.get_role(RoleName=f'{self.p}-ecs-{kind}-{REGION}')['Role']['RoleName']])
        self.expect('log group', self.client('logs').describe_log_groups(logGroupNamePrefix=f'/ecs/{self.p}')['logGroups'], [])
        self.expect('cluster', [c['status'] for c in ecs.describe_clusters(clusters=[f'{self.p}-cluster'])['clusters'] if c['status'] != 'INACTIVE'], [])
        self.expect('task definitions', ecs.list_task_definitions(familyPrefix=self.p)['taskDefinitionArns'], [])
        targets = self.client('application-autoscaling').describe_scalable_targets(ServiceNamespace='ecs', ResourceIds=[f'service/{self.p}-cluster/{self.p}'])
        self.expect('scalable target', targets['ScalableTargets'], [])
        acm = self.client('acm')
        for c in acm.list_certificates()['CertificateSummaryList']:
            tags = {t['Key']: t.get('Value') for t in acm.list_tags_for_certificate(CertificateArn=c['CertificateArn'])['Tags']}
            self.expect(f'certificate {c["DomainName"]}', tags.get('fargatectl:project') == self.p, False)


class Missing(Exception):
    pass


def plain(policy):
    """A policy with a list of one value as that value: to IAM they are the same; statements stay a list."""
    if isinstance(policy, dict):
        return {k: [plain(s) for s in v] if k == 'Statement' else plain(v) for k, v in policy.items()}
    return policy[0] if isinstance(policy, list) and len(policy) == 1 else policy


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('endpoint')
    parser.add_argument('project')
    parser.add_argument('--image')
    parser.add_argument('--domain')
    parser.add_argument('--deviations')
    parser.add_argument('--running', action='store_true')
    parser.add_argument('--gone', action='store_true')
    reader = Reader(parser.parse_args())
    if reader.args.gone:
        reader.gone()
    else:
        reader.read()
        for name in sorted(set(reader.excuses) - set(reader.excused)):
            reader.bad.append(f'{name}: deviations.json excuses it, and nobody reads it')
    for complaint in reader.bad:
        print(complaint)
    print(f'{reader.equal} attributes equal the table, {len(reader.bad)} do not, {len(reader.excused)} are excused')
    return 1 if reader.bad or not reader.equal else 0


if __name__ == '__main__':
    sys.exit(main())
